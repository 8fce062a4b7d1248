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
TABLES = ("IXI.xls", "IXI.xlsx", "IXI.csv")


def cohort(data, *, data_dir=None, seed=0, healthy=40, tumour=12, stroke=12, size="half", jobs=2):
    """The subjects of one or several sources.

    Args:
        data: "phantom", "ixi-sample", "ixi" or a folder; several with commas or as a list.
        data_dir: where downloads and the synthetic cohort lie; `data/` of the project when absent.
        seed, healthy, tumour, stroke, size, jobs: of the synthetic cohort.

    Returns:
        table with the columns of `COLUMNS`, one row a subject; `attrs["problems"]`: what was left out or mended, a list
        of dicts.
    """
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
            part = _folder(Path(source), Path(source).name)
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


def _folder(folder, name):
    """Subjects of a local folder, by the first layout that fits: BIDS, IXI names, BraTS, ATLAS, plain NIfTI files."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected a folder of heads, got nothing at this path. Check the name, or take --data phantom.")
    heads = sorted(path for path in folder.rglob("*") if path.name.lower().endswith(SUFFIXES) and not path.name.startswith("."))
    if not heads:
        raise FileNotFoundError(f"{folder}: expected NIfTI files (IXI names, BIDS sub-*/anat/*_T1w.nii.gz, BraTS *_t1.nii.gz, ATLAS "
                                "*t1w*, or plain .nii/.nii.gz), found none. Convert the scans first, for instance with dcm2niix.")
    for layout in (_bids, _ixi_names, _brats, _atlas, _plain):
        table = layout(folder, heads, name)
        if table is not None and len(table):
            break
    problems = []
    for row in table[table.subject.duplicated()].itertuples():
        problems.append({"subject": row.subject, "fault": "several scans", "detail": f"left out: {row.path}"})
    table = table.drop_duplicates("subject").reset_index(drop=True)
    table, more = _with_participants(folder, table)
    table.attrs["problems"] = problems + more
    return table


def _bids(folder, heads, name):
    chosen = [path for path in heads if re.search(r"sub-[^/]+/(ses-[^/]+/)?anat/[^/]*_T1w\.nii(\.gz)?$", path.as_posix())]
    table = _empty(chosen, name)
    return table.assign(subject=[re.search(r"(sub-[^/_]+)", path.as_posix())[1] for path in chosen])


def _ixi_names(folder, heads, name):
    chosen = [path for path in heads if IXI_NAME.match(path.name) and path.parent.name not in ("brain", "lesion", "twin")]
    table = _empty(chosen, name)
    matches = [IXI_NAME.match(path.name) for path in chosen]
    brains = {IXI_NAME.match(path.name)[1]: str(path) for path in heads if path.parent.name == "brain" and IXI_NAME.match(path.name)}
    return table.assign(subject=[match[1] for match in matches], site=[match[2] for match in matches],
                        brain_path=[brains.get(match[1], "") for match in matches])


def _brats(folder, heads, name):
    chosen = [path for path in heads if re.search(r"_t1\.nii(\.gz)?$", path.name)]
    lesions = [next(iter(sorted(path.parent.glob(re.sub(r"_t1\.nii.*$", "_seg.nii*", path.name)))), "") for path in chosen]
    if not any(lesions):
        return None
    return _empty(chosen, name).assign(subject=[re.sub(r"_t1\.nii.*$", "", path.name) for path in chosen], lesion_path=[str(path) for path in lesions],
                                       group=["tumour" if path else "healthy" for path in lesions])


def _atlas(folder, heads, name):
    chosen = [path for path in heads if "t1w" in path.name.lower() and "lesion" not in path.name.lower()]
    lesions = [[str(other) for other in heads if other.parent == path.parent and re.search("lesion", other.name, re.I)] for path in chosen]
    if not any(lesions):
        return None
    return _empty(chosen, name).assign(subject=[_stem(path).split("_")[0] for path in chosen], lesion_path=[";".join(paths) for paths in lesions],
                                       group=["stroke" if paths else "healthy" for paths in lesions])


def _plain(folder, heads, name):
    chosen = [path for path in heads if path.parent.name not in ("brain", "lesion", "twin", "mask", "masks")]
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
