"""Where heads come from: the synthetic cohort, IXI, its sample, or a folder; one row a subject, faults listed."""

import itertools
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib import downloads, files
from brainlib.heads import participants
from brainlib.heads.participants import read_ixi_table  # noqa: F401

COLUMNS = (
    "subject",
    "cohort",
    "synthetic",
    "group",
    "site",
    "path",
    "brain_path",
    "lesion_path",
    "twin_path",
    "sex",
    "age",
    "ethnic",
    "height_cm",
    "weight_kg",
)
SUFFIXES = (".nii", ".nii.gz")
IXI_NAME = re.compile(r"^((?:IXI|PHANTOM)\d+)-([A-Za-z]+)-(\d+)-T1")
# BIDS's, IXI's and BraTS 2023's endings
MODALITIES = {
    "t1": ("T1w", "T1", "T1n"),
    "t2": ("T2w", "T2", "T2w"),
    "flair": ("FLAIR", "FLAIR", "T2f"),
    "t1ce": ("T1ce", "T1CE", "T1c"),
}
LESION = re.compile(
    r"(?<![a-z])lesions?(?![_-]?(fill|free))|_label-L_|(^|[_-])seg(m|mentations?)?(?![a-z-])", re.I
)
MASK = re.compile(
    r"(^|[_.-])((brain)?masks?|labels?|[ad]seg|rois?|anomaly)(?![a-z])", re.I
)  # anomaly: maps of ours
NO_HEADS = re.compile(
    r"brain|twin|derivatives|(.*[_.-])?((brain)?masks?|lesions?|labels?|segmentations?)", re.I
)  # names of folders
SESSION = re.compile(r"(ses(sion)?|visit|tp|time(point)?|baseline|follow[_-]?up)[_-]?\d*", re.I)
HEADS = "heads.csv"  # a table of image and lesion in a folder of any layout


def cohort(
    data,
    *,
    data_dir=None,
    seed=0,
    healthy=40,
    tumour=12,
    stroke=12,
    size="half",
    jobs=2,
    modality="t1",
):
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
    data_dir = Path(data_dir or files.PROJECT / "data")
    parts, names = [], set()
    sources = [source.strip() for source in (data.split(",") if isinstance(data, str) else data)]
    for source in {
        Path(source).resolve(): source for source in sources
    }.values():  # one source twice is one
        if source == "phantom":
            from brainlib.heads import phantom

            folder = phantom.cohort(
                data_dir / f"phantom-{size}-{seed}",
                healthy=healthy,
                tumour=tumour,
                stroke=stroke,
                seed=seed,
                size=size,
                jobs=jobs,
            )
            part = _phantom(folder, {"healthy": healthy, "tumour": tumour, "stroke": stroke})
        elif source == "ixi-sample":
            part = _folder(
                Path(
                    os.environ.get("BRAINLIB_IXI_SAMPLE")
                    or downloads.ixi_sample(data_dir / "ixi-sample")
                ),
                "ixi-sample",
            )
        elif source == "ixi":
            part = _folder(downloads.ixi(data_dir / "ixi"), "ixi")
        else:
            part = _folder(Path(source), Path(source).name, modality)
        own = part.cohort.iloc[0]  # folders of the same name are two cohorts all the same
        part["cohort"] = next(
            name
            for name in itertools.chain([own], (f"{own}-{n}" for n in itertools.count(2)))
            if name not in names
        )
        names.add(part.cohort.iloc[0])
        parts.append(part)
    problems = [problem for part in parts for problem in part.attrs["problems"]]
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    twice = table.subject.duplicated(keep=False) & (table.cohort.nunique() > 1)
    table.loc[twice, "subject"] = table.cohort[twice] + "-" + table.subject[twice]
    table.attrs["problems"] = problems
    return table


def _empty(paths, name):
    table = pd.DataFrame({"path": [str(path) for path in paths]})
    return table.assign(
        subject="",
        cohort=name,
        synthetic=False,
        group="healthy",
        site="",
        brain_path="",
        lesion_path="",
        twin_path="",
        sex="",
        age=np.nan,
        ethnic="",
        height_cm=np.nan,
        weight_kg=np.nan,
    )


def _phantom(folder, counts):
    table = _folder(folder, "phantom").assign(synthetic=True)
    known = (
        pd.read_csv(folder / "subjects.csv", dtype={"subject": str})
        .drop_duplicates("subject")
        .set_index("subject")
    )
    table["group"] = table.subject.map(known.group)
    for column in ("lesion", "twin"):
        found = {
            IXI_NAME.match(path.name)[1]: str(path) for path in (folder / column).glob("*.nii.gz")
        }
        table[f"{column}_path"] = table.subject.map(found).fillna("")
    problems = table.attrs["problems"]
    table = table.groupby("group", sort=False, group_keys=False)[table.columns].apply(
        lambda part: part.head(counts.get(part.name, 0))
    )
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
        raise FileNotFoundError(
            f"{folder}: expected a folder of heads, got nothing at this path. Check the name, or take --data phantom."
        )
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )
    if not found:
        raise FileNotFoundError(
            f"{folder}: expected NIfTI files (IXI names, BIDS sub-*/anat/*_T1w.nii.gz, BraTS *_t1.nii.gz, ATLAS "
            "*t1w*, or plain .nii/.nii.gz), found none. Convert the scans first, for instance with dcm2niix."
        )
    tables = (
        layout(folder, found, name, modality)
        for layout in (_bids, _ixi_names, _brats, _atlas, _plain)
    )
    table = next((table for table in tables if table is not None and len(table)), None)
    if table is None:
        raise FileNotFoundError(
            f"{folder}: expected heads of modality {modality}, found NIfTI files of other kinds only, such as "
            f"{found[0].name}. Check the modality, or name the heads in {HEADS}."
        )
    problems = table.attrs.get("problems", []) + _unused(folder, found, table, modality)
    for row in table[table.subject.duplicated()].itertuples():
        problems.append(
            {"subject": row.subject, "fault": "several scans", "detail": f"left out: {row.path}"}
        )
    ill = (
        table[table.group != "healthy"].drop_duplicates("subject").set_index("subject").group
    )  # in one scan, in all
    table = (
        table.assign(group=table.subject.map(ill).fillna("healthy"))
        .drop_duplicates("subject")
        .sort_values("path", ignore_index=True)
    )
    table, more = participants.join(table, folder)
    table.attrs["problems"] = problems + more
    return table


def _kind(path, folder):
    """head, lesion or other, by the name of a file and of its folders below `folder`."""
    within = [part for part in path.relative_to(folder).parent.parts if NO_HEADS.fullmatch(part)]
    if any(LESION.search(name) for name in (path.name, *within)):
        return "lesion"
    return "other" if within or MASK.search(path.name) else "head"


def _named(modality):
    """Pattern of the names of a modality's files."""
    return re.compile(rf"(^|[_-])({'|'.join(MODALITIES[modality])})(?![a-z0-9])", re.I)


def _is_other_modality(path, modality):
    return not _named(modality).search(path.name) and any(
        _named(other).search(path.name) for other in MODALITIES
    )


def _heads(folder, found):
    """What can be a head by its name; the shortest first, as what is made from a head has a longer one."""
    return sorted(
        (path for path in found if _kind(path, folder) == "head"),
        key=lambda path: (len(path.name), path),
    )


def _unused(folder, found, table, modality):
    """Problems: lesions that no head claims, and how many other files are no heads."""
    used = {
        part
        for column in ("path", "lesion_path", "brain_path")
        for value in table[column]
        for part in value.split(";")
    }
    left = [path for path in found if str(path) not in used and path.parent.name != "twin"]
    left = {path.relative_to(folder).as_posix(): _kind(path, folder) for path in left}
    problems = [
        {
            "subject": "all",
            "fault": "lesion of no head",
            "detail": f"{name}: begins with no head's name, or with several. Name it in {HEADS}",
        }
        for name, kind in left.items()
        if kind == "lesion"
    ]
    others = [
        name
        for name in sorted(left, key=lambda name: left[name] != "head")
        if left[name] != "lesion"
        and not _is_other_modality(Path(name), modality)
        and not re.search("(^|/)sub-[^/]+/", name)
    ]
    if others:
        problems.append(
            {
                "subject": "all",
                "fault": "files not used",
                "detail": f"{len(others)} NIfTI files, such as "
                f"{', '.join(others[:3])}, are no heads in the layout of the others. If they are, name all heads in {HEADS}",
            }
        )
    return problems


def _with_lesions(table, keys, lesions, group):
    """Gives each lesion file to the head whose key or subject its name begins with, the nearest and longest; else to the only head
    of its folder; to none where that leaves several subjects."""
    heads, owned = [Path(path) for path in table.path], [[] for _ in keys]
    names = [
        (key.lower(), number) for pair in (keys, table.subject) for number, key in enumerate(pair)
    ]
    for lesion in lesions:
        start = lesion.name.lower()
        near = {
            number: (len(os.path.commonpath([heads[number], lesion])), len(name))
            for name, number in reversed(names)
            if start.startswith(name) and not start[len(name)].isalnum()
        }
        near = near or {
            number: 1 for number, head in enumerate(heads) if head.parent == lesion.parent
        }
        best = sorted(number for number in near if near[number] == max(near.values()))
        if table.subject.iloc[best].nunique() == 1:
            owned[best[0]].append(str(lesion))
    return table.assign(
        lesion_path=[";".join(paths) for paths in owned],
        group=[group if paths else "healthy" for paths in owned],
    )


def _table(path, name):
    """Heads named by a CSV: image (a NIfTI file, relative to the CSV's folder or absolute) and lesion ("" where there is none, several
    files with ";"); where given, also subject, group, site, brain, sex, age."""
    raw = participants.read_table(path, dtype=str, keep_default_na=False)
    if not {"image", "lesion"} <= set(raw) or not len(raw):
        raise ValueError(
            f"{path}: expected the columns image and lesion and one row a head, got {', '.join(raw) or 'none'} and {len(raw)} rows."
        )
    place = {
        column: [
            ";".join(str(path.parent / part.strip()) for part in value.split(";") if part.strip())
            for value in raw[column]
        ]
        for column in ("image", "lesion", "brain")
        if column in raw
    }
    absent = [
        part
        for values in place.values()
        for value in values
        for part in value.split(";")
        if part and not Path(part).is_file()
    ]
    if absent:
        raise FileNotFoundError(
            f"{path}: expected the files that it names, {len(absent)} missing, the first {absent[0]}. Paths are relative to the CSV."
        )
    table = _empty(place["image"], name).assign(
        lesion_path=place["lesion"],
        brain_path=place.get("brain", ""),
        group=["lesion" if value else "healthy" for value in place["lesion"]],
    )
    table["subject"] = (
        raw["subject"] if "subject" in raw else [_stem(Path(value)) for value in place["image"]]
    )
    for column in {"group", "site", "sex"} & set(raw):
        given = raw[column].str.strip()
        table[column] = given.where(given != "", table[column])
    table["group"], table["sex"] = table.group.str.lower(), participants.sex(table.sex)
    problems = []
    if "age" in raw:
        table["age"], problems = participants.ages(raw["age"], table.subject)
    if table.subject.duplicated().any():
        raise ValueError(
            f"{path}: expected one row a subject, got {table.subject[table.subject.duplicated()].iloc[0]!r} several times. Give a column subject."
        )
    table.attrs["problems"] = problems
    return table


def _bids(folder, found, name, modality):
    """BIDS; ATLAS 2.0 is one, with its lesions beside the heads (or under derivatives/)."""
    wanted = re.compile(rf"/anat/sub-[^/]*_{MODALITIES[modality][0]}\.nii(\.gz)?$", re.I)
    chosen = [
        path for path in found if wanted.search(path.as_posix()) and not LESION.search(path.name)
    ]
    # The raw scan first, then what a pipeline made of it: only the first of a subject counts.
    chosen = sorted(
        chosen,
        key=lambda path: ("derivatives" in path.relative_to(folder).parts, "_desc-" in path.name),
    )
    table = _empty(chosen, name)
    subjects = [re.match(r"sub-[^_]+", path.name, re.I)[0] for path in chosen]
    lesions = [_lesions_of(path, found) for path in chosen]
    kind = (
        "stroke"
        if any("T1lesion" in path or "atlas" in path.lower() for found in lesions for path in found)
        else "lesion"
    )
    without = (
        "stroke" if kind == "stroke" else "healthy"
    )  # ATLAS keeps the lesions of its test patients to itself
    return table.assign(
        subject=subjects,
        lesion_path=[";".join(found) for found in lesions],
        group=[kind if found else without for found in lesions],
    )


def _lesions_of(head, heads):
    """Lesion files of a BIDS head: the same subject and session, somewhere in the folder."""
    entities = re.match(r"(sub-[^_]+)(_ses-[^_]+)?", head.name)
    start = entities[0] if entities else head.name
    return [
        str(path)
        for path in heads
        if path != head
        and re.match(rf"{re.escape(start)}[_.]", path.name)
        and LESION.search(path.name)
    ]


def _ixi_names(folder, found, name, modality):
    pattern = (
        IXI_NAME
        if modality == "t1"
        else re.compile(IXI_NAME.pattern[:-2] + MODALITIES[modality][1])
    )
    chosen = [path for path in _heads(folder, found) if pattern.match(path.name)]
    table = _empty(chosen, name)
    matches = [pattern.match(path.name) for path in chosen]
    subjects = [match[1] for match in matches]
    brains = {
        IXI_NAME.match(path.name)[1]: str(path)
        for path in found
        if path.parent.name == "brain" and IXI_NAME.match(path.name)
    }
    table = table.assign(
        subject=subjects,
        site=[match[2] for match in matches],
        brain_path=[brains.get(one, "") for one in subjects],
    )
    return _with_lesions(
        table, subjects, [path for path in found if _kind(path, folder) == "lesion"], "lesion"
    )


def _brats(folder, found, name, modality):
    """BraTS 2019 to 2021: `<subject>_t1.nii[.gz]` with `<subject>_seg.nii[.gz]` (one head of 2020 has `..._Segm.nii`); from 2023
    `<patient>-<time point>-t1n.nii.gz` with `...-seg.nii.gz`."""
    ending = re.compile(rf"[_-]({modality}|{MODALITIES[modality][2]})\.nii(\.gz)?$", re.I)
    chosen = [path for path in _heads(folder, found) if ending.search(path.name)]
    keys = [ending.sub("", path.name) for path in chosen]
    table = _empty(chosen, name).assign(
        subject=[re.sub(r"^(BraTS-.+-\d+)-\d{3}$", r"\1", key) for key in keys]
    )
    table = _with_lesions(
        table,
        keys,
        [path for path in found if re.search(r"[_-]segm?\.nii", path.name, re.I)],
        "tumour",
    )
    table.loc[[key.lower().startswith("brats") for key in keys], "group"] = (
        "tumour"  # its validation set has no lesion files
    )
    return table if (table.group != "healthy").any() else None


def _atlas(folder, found, name, modality):
    """ATLAS R1.2: `<subject>_t1w_deface_stx.nii.gz` with one or several `<subject>_LesionSmooth*_stx.nii.gz`, all of them the lesion."""
    chosen = [path for path in _heads(folder, found) if f"_{modality}w" in path.name.lower()]
    subjects = [_stem(path).split("_")[0] for path in chosen]
    lesions = [path for path in found if re.search("lesion", path.name, re.I)]
    table = _with_lesions(
        _empty(chosen, name).assign(subject=subjects), subjects, lesions, "stroke"
    )
    return table if (table.group != "healthy").any() else None


def _plain(folder, found, name, modality):
    """Any other names. One that goes on from another's (`anna_brain` from `anna`) is of the same person."""
    own = _named(modality)
    chosen = [path for path in _heads(folder, found) if not _is_other_modality(path, modality)]
    stems = {
        path: re.sub(own.pattern + "$", "", _stem(path), flags=re.I) or _stem(path)
        for path in chosen
    }
    starts = {
        stem: [stem[: match.start()] for match in re.finditer("[_.-](?=[A-Za-z])", stem)]
        for stem in set(stems.values())
    }
    key = {
        path: next((start for start in starts[stem] if start in starts), stem)
        for path, stem in stems.items()
    }
    chosen.sort(key=lambda path: (stems[path] != key[path], not own.search(path.name)))
    keys = [key[path] for path in chosen]
    first = dict(zip(reversed(keys), reversed([_stem(path) for path in chosen])))
    subjects, problems = _persons(
        [first[key] for key in keys], keys, [path.relative_to(folder).parent for path in chosen]
    )
    table = _empty(chosen, name).assign(subject=subjects)
    table = _with_lesions(
        table, keys, [path for path in found if _kind(path, folder) == "lesion"], "lesion"
    )
    table.attrs["problems"] = problems
    return table


def _persons(subjects, keys, folders):
    """Subjects, named after their folder where the same few files lie in more folders than they have names (`P1/mri/T1.nii.gz`)."""
    places = pd.DataFrame({"key": keys, "folder": folders}, dtype=object)
    repeated = places.folder[places.groupby("key").folder.transform("nunique") > 1].unique()
    places = places[places.folder.isin(repeated)]
    if places.key.nunique() >= len(repeated):
        return subjects, []
    shared = set.intersection(*(set(folder.parts) for folder in repeated))
    own = {
        number: [
            part for part in folder.parts if part not in shared and not SESSION.fullmatch(part)
        ]
        for number, folder in places.folder.items()
    }
    taken = sorted({"-".join(parts) for parts in own.values() if parts})
    problem = {
        "subject": "all",
        "fault": "folders taken as subjects",
        "detail": f"{len(taken)}, such as {', '.join(taken[:3])}, as the names "
        f"of their files repeat. If one person has several folders, name the heads in {HEADS}",
    }
    return ["-".join(own.get(number, [])) or subject for number, subject in enumerate(subjects)], [
        problem
    ]


def _stem(path):
    return re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.I)
