"""Where heads come from: the synthetic cohort, IXI, its sample, or a folder; one row a subject, faults listed."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib import downloads

COLUMNS = ("subject", "cohort", "synthetic", "group", "site", "path", "brain_path", "lesion_path", "twin_path", "sex", "age",
           "ethnic", "height_cm", "weight_kg")
SUFFIXES = (".nii", ".nii.gz")
IXI_NAME = re.compile(r"^((?:IXI|PHANTOM)\d+)-([A-Za-z]+)-(\d+)-T1")
ZERO_IS_MISSING = ("HEIGHT", "WEIGHT", "ETHNIC_ID", "MARITAL_ID", "OCCUPATION_ID", "QUALIFICATION_ID", "SEX_ID")
MODALITIES = {"t1": ("T1w", "T1"), "t2": ("T2w", "T2"), "flair": ("FLAIR", "FLAIR"), "t1ce": ("T1ce", "T1CE")}   # BIDS's and IXI's endings
LESION = re.compile(r"lesion|_label-L_|_seg\b|segm", re.I)
HEADS = "heads.csv"                                      # a table of image and lesion in a folder of any layout
TABLES = ("IXI.xls", "IXI.xlsx", "IXI.csv")


def cohort(data, *, data_dir=None, seed=0, healthy=40, tumour=12, stroke=12, size="half", jobs=2, modality="t1"):
    """The subjects of one or several sources.

    Args:
        data: "phantom", "ixi-sample", "ixi", a folder, or a CSV with the columns image and lesion (see `_table`); several
            with commas or as a list.
        data_dir: where downloads and the synthetic cohort lie; `data/` of the project when absent.
        seed, healthy, tumour, stroke, size, jobs: of the synthetic cohort.
        modality: t1, t2, flair or t1ce: which files of a BIDS, BraTS or IXI-like folder are the heads.

    Returns:
        table with the columns of `COLUMNS`, one row a subject; `attrs["problems"]`: what was left out or mended, a list
        of dicts.
    """
    if modality not in MODALITIES:
        raise ValueError(f"modality: expected one of {', '.join(MODALITIES)}, got {modality!r}.")
    data_dir = Path(data_dir or Path(__file__).resolve().parents[1] / "data")
    parts = []
    for source in data.split(",") if isinstance(data, str) else data:
        source = source.strip()
        if source == "phantom":
            from brainlib import phantom

            folder = phantom.cohort(data_dir / f"phantom-{size}-{seed}", healthy=healthy, tumour=tumour, stroke=stroke, seed=seed, size=size, jobs=jobs)
            part = _phantom(folder, {"healthy": healthy, "tumour": tumour, "stroke": stroke})
        elif source == "ixi-sample":
            part = _folder(Path(os.environ.get("BRAINLIB_IXI_SAMPLE") or downloads.ixi_sample(data_dir / "ixi-sample")), "ixi-sample")
        elif source == "ixi":
            part = _folder(downloads.ixi(data_dir / "ixi"), "ixi")
        else:
            part = _folder(Path(source), Path(source).name, modality)
        parts.append(part)
    problems = [problem for part in parts for problem in part.attrs["problems"]]
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    twice = table.subject.duplicated(keep=False) & (table.cohort.nunique() > 1)
    table.loc[twice, "subject"] = table.cohort[twice] + "-" + table.subject[twice]
    table.attrs["problems"] = problems
    return table


# ---- the participants' table

def read_ixi_table(path):
    """The demographics of IXI.xls, or of a table with its columns (.xlsx, .csv).

    Of repeated ids the first row is kept; that gives seed 004's shares. 0 means missing, but for DATE_AVAILABLE.

    Returns:
        (participants, problems): one row a subject with subject ("IXI012"), sex, age, ethnic, height_cm, weight_kg; and a
        list of dicts (subject, fault, detail).
    """
    path = Path(path)
    raw = pd.read_csv(path) if path.suffix == ".csv" else pd.read_excel(path, engine="calamine")
    raw = raw.rename(columns={name: "SEX_ID" for name in raw if str(name).startswith("SEX_ID")})
    missing = {"IXI_ID", "SEX_ID", "AGE"} - set(raw)
    if missing:
        raise ValueError(f"{path}: expected the columns of IXI.xls, missing {', '.join(sorted(missing))}, got {', '.join(map(str, raw.columns))}.")
    prefix = "PHANTOM" if path.suffix == ".csv" and "PHANTOM" in path.read_text()[:200] else "IXI"
    raw["subject"] = [value if isinstance(value, str) else f"{prefix}{int(value):03d}" for value in raw.IXI_ID]
    problems = []
    for column in [name for name in ZERO_IS_MISSING if name in raw]:
        raw[column] = pd.to_numeric(raw[column], errors="coerce").replace(0, np.nan)
    for subject, rows in raw[raw.subject.duplicated(keep=False)].groupby("subject"):
        first = rows.iloc[0]
        for _, other in rows.iloc[1:].iterrows():
            differs = [name for name in raw.columns if name not in ("IXI_ID", "subject") and not _same(first[name], other[name])]
            problems.append({"subject": subject, "fault": "repeated id", "detail": "first row kept; differs in " + ", ".join(
                f"{name} ({first[name]} against {other[name]})" for name in differs)})
    table = raw.drop_duplicates("subject").reset_index(drop=True)
    age = pd.to_numeric(table.AGE, errors="coerce")
    implausible = (age <= 0) | (age > 120)
    for row in table[implausible].itertuples():
        problems.append({"subject": row.subject, "fault": "implausible age", "detail": f"{row.AGE} years, taken as missing"})
    for row in table[age.isna()].itertuples():
        problems.append({"subject": row.subject, "fault": "no age", "detail": "left empty"})
    ethnic = table.get("ETHNIC_ID", pd.Series(np.nan, table.index))
    participants = pd.DataFrame({
        "subject": table.subject, "sex": table.SEX_ID.map({1: "male", 2: "female"}).fillna(""), "age": age.mask(implausible),
        "ethnic": np.select([ethnic == 1, ethnic.notna()], ["white", "other"], ""),
        "height_cm": table.get("HEIGHT", np.nan), "weight_kg": table.get("WEIGHT", np.nan)})
    return participants, problems


def _same(first, second):
    return (pd.isna(first) and pd.isna(second)) or first == second


# ---- folders

def _empty(paths, name):
    table = pd.DataFrame({"path": [str(path) for path in paths]})
    return table.assign(subject="", cohort=name, synthetic=False, group="healthy", site="", brain_path="", lesion_path="", twin_path="",
                        sex="", age=np.nan, ethnic="", height_cm=np.nan, weight_kg=np.nan)


def _phantom(folder, counts):
    table = _folder(folder, "phantom").assign(synthetic=True)
    known = pd.read_csv(folder / "subjects.csv", dtype={"subject": str}).drop_duplicates("subject").set_index("subject")
    table["group"] = table.subject.map(known.group)
    for column in ("lesion", "twin"):
        found = {IXI_NAME.match(path.name)[1]: str(path) for path in (folder / column).glob("*.nii.gz")}
        table[f"{column}_path"] = table.subject.map(found).fillna("")
    problems = table.attrs["problems"]
    table = table.groupby("group", sort=False, group_keys=False)[table.columns].apply(lambda part: part.head(counts.get(part.name, 0)))
    table = table.sort_values("subject").reset_index(drop=True)
    table.attrs["problems"] = problems
    return table


def _folder(folder, name, modality="t1"):
    """Subjects of a local folder, by the first layout that fits: heads.csv, BIDS, IXI names, BraTS, ATLAS, plain NIfTI files."""
    if folder.is_file() and folder.suffix == ".csv":
        return _table(folder, folder.stem)
    if (folder / HEADS).is_file():
        return _table(folder / HEADS, name)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected a folder of heads, got nothing at this path. Check the name, or take --data phantom.")
    heads = sorted(path for path in folder.rglob("*") if path.name.lower().endswith(SUFFIXES) and not path.name.startswith("."))
    if not heads:
        raise FileNotFoundError(f"{folder}: expected NIfTI files (IXI names, BIDS sub-*/anat/*_T1w.nii.gz, BraTS *_t1.nii.gz, ATLAS "
                                "*t1w*, or plain .nii/.nii.gz), found none. Convert the scans first, for instance with dcm2niix.")
    for layout in (_bids, _ixi_names, _brats, _atlas, _plain):
        table = layout(folder, heads, name, modality)
        if table is not None and len(table):
            break
    if not len(table):
        raise FileNotFoundError(f"{folder}: expected heads of modality {modality}, found NIfTI files of other kinds only, such as {heads[0].name}. Check the modality.")
    problems = []
    for row in table[table.subject.duplicated()].itertuples():
        problems.append({"subject": row.subject, "fault": "several scans", "detail": f"left out: {row.path}"})
    table = table.drop_duplicates("subject").reset_index(drop=True)
    table, more = _with_participants(folder, table)
    table.attrs["problems"] = problems + more
    return table


def _table(path, name):
    """Heads named by a CSV: image (a NIfTI file, relative to the CSV's folder or absolute) and lesion ("" where there is none, several
    files with ";"); where given, also subject, group, site, brain, sex, age."""
    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not {"image", "lesion"} <= set(raw) or not len(raw):
        raise ValueError(f"{path}: expected the columns image and lesion and one row a head, got {', '.join(raw) or 'none'} and {len(raw)} rows.")
    place = {column: [";".join(str(path.parent / part.strip()) for part in value.split(";") if part.strip()) for value in raw[column]]
             for column in ("image", "lesion", "brain") if column in raw}
    absent = [part for values in place.values() for value in values for part in value.split(";") if part and not Path(part).is_file()]
    if absent:
        raise FileNotFoundError(f"{path}: expected the files that it names, {len(absent)} missing, the first {absent[0]}. Paths are relative to the CSV.")
    table = _empty(place["image"], name).assign(lesion_path=place["lesion"], brain_path=place.get("brain", ""), group=["lesion" if value else "healthy" for value in place["lesion"]])
    table["subject"] = raw["subject"] if "subject" in raw else [_stem(Path(value)) for value in place["image"]]
    for column in {"group", "site", "sex"} & set(raw):
        table[column] = raw[column].where(raw[column] != "", table[column])
    table["age"] = pd.to_numeric(raw["age"], errors="coerce") if "age" in raw else np.nan
    if table.subject.duplicated().any():
        raise ValueError(f"{path}: expected one row a subject, got {table.subject[table.subject.duplicated()].iloc[0]!r} several times. Give a column subject.")
    table.attrs["problems"] = []
    return table


def _bids(folder, heads, name, modality):
    """BIDS; ATLAS 2.0 is one, with its lesions beside the heads (or under derivatives/)."""
    wanted = re.compile(rf"sub-[^/]+/(ses-[^/]+/)?anat/[^/]*_{MODALITIES[modality][0]}\.nii(\.gz)?$", re.I)
    chosen = [path for path in heads if wanted.search(path.as_posix()) and not LESION.search(path.name)]
    # The raw scan first, then what a pipeline made of it: only the first of a subject counts.
    chosen = sorted(chosen, key=lambda path: ("derivatives" in path.relative_to(folder).parts, "_desc-" in path.name))
    table = _empty(chosen, name)
    subjects = [re.search(r"(sub-[^/_]+)", path.as_posix())[1] for path in chosen]
    lesions = [_lesions_of(path, heads) for path in chosen]
    kind = "stroke" if any("T1lesion" in path or "atlas" in path.lower() for found in lesions for path in found) else "lesion"
    return table.assign(subject=subjects, lesion_path=[";".join(found) for found in lesions], group=[kind if found else "healthy" for found in lesions])


def _lesions_of(head, heads):
    """Lesion files of a BIDS head: the same subject and session, somewhere in the folder."""
    entities = re.match(r"(sub-[^_]+)(_ses-[^_]+)?", head.name)
    start = entities[0] if entities else head.name
    return [str(path) for path in heads if path != head and re.match(rf"{re.escape(start)}[_.]", path.name) and LESION.search(path.name)]


def _ixi_names(folder, heads, name, modality):
    pattern = IXI_NAME if modality == "t1" else re.compile(IXI_NAME.pattern[:-2] + MODALITIES[modality][1])
    chosen = [path for path in heads if pattern.match(path.name) and path.parent.name not in ("brain", "lesion", "twin")]
    table = _empty(chosen, name)
    matches = [pattern.match(path.name) for path in chosen]
    brains = {IXI_NAME.match(path.name)[1]: str(path) for path in heads if path.parent.name == "brain" and IXI_NAME.match(path.name)}
    return table.assign(subject=[match[1] for match in matches], site=[match[2] for match in matches],
                        brain_path=[brains.get(match[1], "") for match in matches])


def _brats(folder, heads, name, modality):
    """BraTS 2019 to 2021: `<subject>_t1.nii[.gz]` with `<subject>_seg.nii[.gz]` (one head of 2020 has `..._Segm.nii`) in the subject's folder."""
    ending = re.compile(rf"_{modality}\.nii(\.gz)?$", re.I)
    chosen = [path for path in heads if ending.search(path.name) and not LESION.search(path.name)]
    lesions = [[str(other) for other in heads if other.parent == path.parent and re.search(r"_segm?\.nii", other.name, re.I)
                and (path.parent.name == ending.sub("", path.name) or other.name.startswith(ending.sub("_", path.name)))] for path in chosen]
    patients = [path.name.lower().startswith("brats") for path in chosen]                     # its validation set has no lesion files
    if not any(lesions) and not any(patients):
        return None
    return _empty(chosen, name).assign(subject=[ending.sub("", path.name) for path in chosen], lesion_path=[";".join(paths) for paths in lesions],
                                       group=["tumour" if paths or patient else "healthy" for paths, patient in zip(lesions, patients)])


def _atlas(folder, heads, name, modality):
    """ATLAS R1.2: `<subject>_t1w_deface_stx.nii.gz` with one or several `<subject>_LesionSmooth*_stx.nii.gz`, all of them the lesion."""
    chosen = [path for path in heads if f"{modality}w" in path.name.lower() and "lesion" not in path.name.lower()]
    lesions = [[str(other) for other in heads if other.parent == path.parent and re.search("lesion", other.name, re.I)] for path in chosen]
    if not any(lesions):
        return None
    return _empty(chosen, name).assign(subject=[_stem(path).split("_")[0] for path in chosen], lesion_path=[";".join(paths) for paths in lesions],
                                       group=["stroke" if paths else "healthy" for paths in lesions])


def _plain(folder, heads, name, modality):
    others = re.compile("[_-](" + "|".join(kind for pair in MODALITIES.values() for kind in pair if pair != MODALITIES[modality]) + r")\.nii", re.I)
    chosen = [path for path in heads if path.parent.name not in ("brain", "lesion", "twin", "mask", "masks") and not others.search(path.name)]
    return _empty(chosen, name).assign(subject=[_stem(path) for path in chosen])


def _stem(path):
    return re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.I)


def _with_participants(folder, table):
    """Adds demographics from IXI's table or BIDS's participants.tsv, beside or one above the folder."""
    for place in (folder, folder.parent):
        for name in TABLES:
            if (place / name).exists():
                return _joined(table, *read_ixi_table(place / name), name)
        if (place / "participants.tsv").exists():
            return _joined(table, *_read_participants(place / "participants.tsv"), "participants.tsv")
    return table, [{"subject": "all", "fault": "no table of participants", "detail": f"none of {', '.join(TABLES)}, participants.tsv beside the heads"}]


def _joined(table, participants, problems, name):
    problems = [problem for problem in problems if problem["subject"] in set(table.subject)]
    known = participants.set_index("subject")
    for column in known.columns:
        found = table.subject.map(known[column])
        table[column] = found.fillna("") if column in ("sex", "ethnic") else found.astype(float)
    problems += [{"subject": subject, "fault": "no row", "detail": f"not in {name}"} for subject in table.subject if subject not in known.index]
    without = len(set(known.index) - set(table.subject))
    if without:
        problems.append({"subject": "all", "fault": "rows without a scan", "detail": f"{without} rows of {name}"})
    return table, problems


def _read_participants(path):
    raw = pd.read_csv(path, sep="\t", na_values=["n/a"])
    names = {str(column).lower(): column for column in raw}
    if "participant_id" not in names:
        raise ValueError(f"{path}: expected a column participant_id, got {', '.join(map(str, raw.columns))}.")
    sex = raw[names["sex"] if "sex" in names else names["gender"]].astype(str).str.strip().str.lower() if {"sex", "gender"} & set(names) else pd.Series("", raw.index)
    codes = {"m": "male", "male": "male", "1": "male", "1.0": "male", "f": "female", "female": "female", "2": "female", "2.0": "female"}
    subjects = raw[names["participant_id"]].astype(str)
    return pd.DataFrame({"subject": np.where(subjects.str.startswith("sub-"), subjects, "sub-" + subjects), "sex": sex.map(codes).fillna(""),
                         "age": pd.to_numeric(raw[names["age"]], errors="coerce") if "age" in names else np.nan}), []
