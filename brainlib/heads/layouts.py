"""What folders of heads look like: BIDS, IXI, BraTS, ATLAS and plain files; from names to rows.

A layout is a function from a `Listing` to the rows that it finds, one row per head, several of a
person among them. An empty table means that the folder does not look like that. The first layout
of `LAYOUTS` that finds a head is taken for the whole folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib.heads.names import (
    IXI_NAME,
    LESION,
    MODALITIES,
    SESSION,
    begins_with_name,
    is_of_another_modality,
    kind_of_file,
    lesion_files,
    modality_pattern,
    possible_heads,
    stem,
)
from brainlib.heads.problems import first_few, problem

HEADS_CSV = "heads.csv"  # names the heads of a folder whose layout says too little
NIFTI_SUFFIXES = (".nii", ".nii.gz")
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


@dataclass(frozen=True)
class Listing:
    """The NIfTI files of a folder.

    Attributes:
        folder: where they lie, in it and below.
        paths: the files, sorted.
        cohort: name of the cohort that the heads will be of.
        modality: t1, t2, flair or t1ce: which files are the heads.
    """

    folder: Path
    paths: list[Path]
    cohort: str
    modality: str

    def heads(self) -> list[Path]:
        return possible_heads(self.paths, self.folder)

    def lesions(self) -> list[Path]:
        return lesion_files(self.paths, self.folder)


def rows_of(paths: Sequence[Path | str], cohort: str) -> pd.DataFrame:
    """One row per head with all columns of `COLUMNS`: healthy, real, and otherwise unknown."""
    table = pd.DataFrame({"path": [str(path) for path in paths]})
    return table.assign(
        subject="",
        cohort=cohort,
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


def read_layout(folder: Path, cohort: str, modality: str) -> tuple[pd.DataFrame, list[dict]]:
    """The heads of a folder by the first layout that fits; nobody is left out yet.

    Returns:
        (table, problems): one row per head, several of a person among them, in the order of
        preference; what was guessed or could not be used.

    Raises:
        FileNotFoundError: no such folder, no NIfTI file in it, or no head of the modality.
    """
    listing = list_folder(folder, cohort, modality)
    for layout in LAYOUTS:
        table, problems = layout(listing)
        if len(table):
            return table, problems + _unused(listing, table)
    raise FileNotFoundError(
        f"{folder}: expected heads of modality {modality}, found NIfTI files of other kinds only, "
        f"such as {listing.paths[0].name}. Check the modality, or name the heads in {HEADS_CSV}."
    )


def list_folder(folder: Path, cohort: str, modality: str) -> Listing:
    """The NIfTI files in a folder and below it, hidden files apart.

    Raises:
        FileNotFoundError: no such folder, or no NIfTI file in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: expected a folder of heads, got nothing at this path. "
            "Check the name, or take --data phantom."
        )
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith(NIFTI_SUFFIXES) and not path.name.startswith(".")
    )
    if not paths:
        raise FileNotFoundError(
            f"{folder}: expected NIfTI files (IXI names, BIDS sub-*/anat/*_T1w.nii.gz, BraTS "
            "*_t1.nii.gz, ATLAS *t1w*, or plain .nii/.nii.gz), found none. Convert the scans "
            "first, for instance with dcm2niix."
        )
    return Listing(folder, paths, cohort, modality)


# ---- BIDS


def bids(listing: Listing) -> tuple[pd.DataFrame, list[dict]]:
    """BIDS; ATLAS 2.0 is one, with its lesions beside the heads (or under derivatives/)."""
    ending = MODALITIES[listing.modality][0]
    name = re.compile(rf"/anat/sub-[^/]*_{ending}\.nii(\.gz)?$", re.I)
    heads = [
        path
        for path in listing.paths
        if name.search(path.as_posix()) and not LESION.search(path.name)
    ]
    # The raw scan first, then what a pipeline made of it: only the first of a subject counts.
    heads.sort(key=lambda path: _made_by_a_pipeline(path, listing.folder))
    lesions = [_bids_lesions(head, listing.paths) for head in heads]
    ill, without_mask = "lesion", "healthy"
    if any(_is_atlas_lesion(path) for paths in lesions for path in paths):
        ill, without_mask = "stroke", "stroke"  # ATLAS keeps the masks of its test patients
    table = rows_of(heads, listing.cohort).assign(
        subject=[re.match(r"sub-[^_]+", head.name, re.I)[0] for head in heads],
        lesion_path=[";".join(paths) for paths in lesions],
        group=[ill if paths else without_mask for paths in lesions],
    )
    return table, []


def _made_by_a_pipeline(path: Path, folder: Path) -> tuple[bool, bool]:
    return "derivatives" in path.relative_to(folder).parts, "_desc-" in path.name


def _bids_lesions(head: Path, paths: list[Path]) -> list[str]:
    """Lesion files of a BIDS head: the same subject and session, somewhere in the folder."""
    entities = re.match(r"(sub-[^_]+)(_ses-[^_]+)?", head.name)
    start = re.escape(entities[0] if entities else head.name)
    return [
        str(path)
        for path in paths
        if path != head and re.match(rf"{start}[_.]", path.name) and LESION.search(path.name)
    ]


def _is_atlas_lesion(path: str) -> bool:
    return "T1lesion" in path or "atlas" in path.lower()


# ---- IXI


def ixi(listing: Listing) -> tuple[pd.DataFrame, list[dict]]:
    """IXI's names, `IXI012-HH-1211-T1.nii.gz`; masks of brains of these names in brain/."""
    name = IXI_NAME
    if listing.modality != "t1":
        name = re.compile(IXI_NAME.pattern[:-2] + MODALITIES[listing.modality][1])
    heads = [path for path in listing.heads() if name.match(path.name)]
    subjects = [name.match(head.name)[1] for head in heads]
    brains = {}
    for path in listing.paths:
        match = IXI_NAME.match(path.name)
        if match and path.parent.name == "brain":
            brains[match[1]] = str(path)
    table = rows_of(heads, listing.cohort).assign(
        subject=subjects,
        site=[name.match(head.name)[2] for head in heads],
        brain_path=[brains.get(subject, "") for subject in subjects],
    )
    return give_lesions(table, subjects, listing.lesions(), "lesion"), []


# ---- BraTS and ATLAS


def brats(listing: Listing) -> tuple[pd.DataFrame, list[dict]]:
    """BraTS, if any head is of a patient.

    2019 to 2021: `<subject>_t1.nii[.gz]` with `<subject>_seg.nii[.gz]` (one head of 2020 has
    `..._Segm.nii`). From 2023: `<patient>-<time point>-t1n.nii.gz` with `...-seg.nii.gz`.
    """
    modality = listing.modality
    ending = re.compile(rf"[_-]({modality}|{MODALITIES[modality][2]})\.nii(\.gz)?$", re.I)
    heads = [path for path in listing.heads() if ending.search(path.name)]
    keys = [ending.sub("", head.name) for head in heads]
    patients = [re.sub(r"^(BraTS-.+-\d+)-\d{3}$", r"\1", key) for key in keys]
    masks = [path for path in listing.paths if re.search(r"[_-]segm?\.nii", path.name, re.I)]
    table = rows_of(heads, listing.cohort).assign(subject=patients)
    table = give_lesions(table, keys, masks, "tumour")
    named_brats = [key.lower().startswith("brats") for key in keys]
    table.loc[named_brats, "group"] = "tumour"  # its validation set has no lesion files
    return _if_any_is_ill(table), []


def atlas(listing: Listing) -> tuple[pd.DataFrame, list[dict]]:
    """ATLAS R1.2, if any head is of a patient.

    `<subject>_t1w_deface_stx.nii.gz` with one or several `<subject>_LesionSmooth*_stx.nii.gz`; all
    of them are the lesion.
    """
    heads = [path for path in listing.heads() if f"_{listing.modality}w" in path.name.lower()]
    subjects = [stem(head).split("_")[0] for head in heads]
    masks = [path for path in listing.paths if re.search("lesion", path.name, re.I)]
    table = rows_of(heads, listing.cohort).assign(subject=subjects)
    return _if_any_is_ill(give_lesions(table, subjects, masks, "stroke")), []


def _if_any_is_ill(table: pd.DataFrame) -> pd.DataFrame:
    """The table, or none of its rows where nobody is ill: then it was another layout."""
    return table if (table.group != "healthy").any() else table.head(0)


# ---- plain files


def plain(listing: Listing) -> tuple[pd.DataFrame, list[dict]]:
    """Any other names. One that goes on from another's (`anna_brain`, `anna`) is one person."""
    own = modality_pattern(listing.modality)
    heads = [path for path in listing.heads() if not is_of_another_modality(path, listing.modality)]
    names = {
        head: re.sub(own.pattern + "$", "", stem(head), flags=re.I) or stem(head) for head in heads
    }
    all_names = set(names.values())
    keys = {head: _shortest_beginning(name, all_names) for head, name in names.items()}
    # Of a person first the file that is named after nothing else, and that states its modality.
    heads.sort(key=lambda head: (names[head] != keys[head], not own.search(head.name)))
    first_stem = {}
    for head in heads:
        first_stem.setdefault(keys[head], stem(head))
    keys = [keys[head] for head in heads]
    folders = [head.relative_to(listing.folder).parent for head in heads]
    subjects, problems = _named_after_folders([first_stem[key] for key in keys], keys, folders)
    table = rows_of(heads, listing.cohort).assign(subject=subjects)
    return give_lesions(table, keys, listing.lesions(), "lesion"), problems


def _shortest_beginning(name: str, names: set[str]) -> str:
    """The shortest of the names that this one goes on from with a word; itself if there is none."""
    for match in re.finditer("[_.-](?=[A-Za-z])", name):
        if name[: match.start()] in names:
            return name[: match.start()]
    return name


def _named_after_folders(
    subjects: list[str], keys: list[str], folders: list[Path]
) -> tuple[list[str], list[dict]]:
    """Subjects, named after their folder where file names repeat (`P1/mri/T1.nii.gz`).

    That is so where the same few names lie in more folders than there are names.
    """
    heads = pd.DataFrame({"key": keys, "folder": folders}, dtype=object)
    in_several = heads.groupby("key").folder.transform("nunique") > 1
    repeated = heads.folder[in_several].unique()
    heads = heads[heads.folder.isin(repeated)]
    if heads.key.nunique() >= len(repeated):
        return subjects, []
    shared = set.intersection(*(set(folder.parts) for folder in repeated))
    person_of = {row: _person_folder(folder, shared) for row, folder in heads.folder.items()}
    people = sorted({person for person in person_of.values() if person})
    found = problem(
        "folders taken as subjects",
        f"{len(people)}, such as {first_few(people)}, as the names of their files repeat. "
        f"If one person has several folders, name the heads in {HEADS_CSV}",
    )
    return [person_of.get(row) or subject for row, subject in enumerate(subjects)], [found]


def _person_folder(folder: Path, shared: set[str]) -> str:
    """What tells a person's folder from the others, sessions apart."""
    own = [part for part in folder.parts if part not in shared and not SESSION.fullmatch(part)]
    return "-".join(own)


LAYOUTS = (bids, ixi, brats, atlas, plain)


# ---- whose lesion, and what is left


def give_lesions(
    table: pd.DataFrame, keys: Sequence[str], lesions: Sequence[Path], group: str
) -> pd.DataFrame:
    """Gives each lesion file to its head, and the heads that have one the group.

    Args:
        table: one row per head, with path and subject.
        keys: of each head, what names of its own files begin with.
        lesions: the lesion files.
        group: of heads with a lesion; the others are healthy.
    """
    heads = [Path(path) for path in table.path]
    owned = [[] for _ in heads]
    for lesion in lesions:
        head = _head_of_lesion(lesion, heads, keys, table.subject)
        if head is not None:
            owned[head].append(str(lesion))
    return table.assign(
        lesion_path=[";".join(paths) for paths in owned],
        group=[group if paths else "healthy" for paths in owned],
    )


def _head_of_lesion(
    lesion: Path, heads: list[Path], keys: Sequence[str], subjects: pd.Series
) -> int | None:
    """Row of the head whose key or subject a lesion's name begins with, the nearest and longest.

    Else the only head of its folder; None where several people remain.
    """
    closeness = {}
    for row, (head, key, subject) in enumerate(zip(heads, keys, subjects)):
        for name in (key, subject):
            if begins_with_name(lesion.name, name):
                closeness[row] = len(os.path.commonpath([head, lesion])), len(name)
                break
    if not closeness:
        closeness = {row: 1 for row, head in enumerate(heads) if head.parent == lesion.parent}
    nearest = [row for row in closeness if closeness[row] == max(closeness.values())]
    return nearest[0] if subjects.iloc[nearest].nunique() == 1 else None


def _unused(listing: Listing, table: pd.DataFrame) -> list[dict]:
    """Problems: lesions that no head claims, and how many other files are no heads."""
    used = set()
    for column in ("path", "lesion_path", "brain_path"):
        for paths in table[column]:
            used |= set(paths.split(";"))
    kinds = {
        path.relative_to(listing.folder).as_posix(): kind_of_file(path, listing.folder)
        for path in listing.paths
        if str(path) not in used and path.parent.name != "twin"
    }
    problems = [
        problem(
            "lesion of no head",
            f"{name}: begins with no head's name, or with several. Name it in {HEADS_CSV}",
        )
        for name, kind in kinds.items()
        if kind == "lesion"
    ]
    others = [
        name
        for name in kinds
        if kinds[name] != "lesion"
        and not is_of_another_modality(Path(name), listing.modality)
        and not re.search("(^|/)sub-[^/]+/", name)
    ]
    others.sort(key=lambda name: kinds[name] != "head")
    if others:
        detail = (
            f"{len(others)} NIfTI files, such as {first_few(others)}, are no heads in the layout "
            f"of the others. If they are, name all heads in {HEADS_CSV}"
        )
        problems.append(problem("files not used", detail))
    return problems
