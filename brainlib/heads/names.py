"""What the names of files and folders say: head, lesion or neither, which modality, whose visit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

# Of each modality the ending of BIDS, of IXI and of BraTS 2023.
MODALITIES = {
    "t1": ("T1w", "T1", "T1n"),
    "t2": ("T2w", "T2", "T2w"),
    "flair": ("FLAIR", "FLAIR", "T2f"),
    "t1ce": ("T1ce", "T1CE", "T1c"),
}
IXI_NAME = re.compile(r"^((?:IXI|PHANTOM)\d+)-([A-Za-z]+)-(\d+)-T1")  # subject, site, scan
LESION = re.compile(
    r"(?<![a-z])lesions?(?![_-]?(fill|free))|_label-L_|(^|[_-])seg(m|mentations?)?(?![a-z-])", re.I
)
# Files that show no head; `anomaly`: maps that this workbook makes.
NO_HEAD = re.compile(r"(^|[_.-])((brain)?masks?|labels?|[ad]seg|rois?|anomaly)(?![a-z])", re.I)
FOLDER_WITHOUT_HEADS = re.compile(
    r"brain|twin|derivatives|(.*[_.-])?((brain)?masks?|lesions?|labels?|segmentations?)", re.I
)
SESSION = re.compile(r"(ses(sion)?|visit|tp|time(point)?|baseline|follow[_-]?up)[_-]?\d*", re.I)


def stem(path: Path) -> str:
    """A file's name without .nii or .nii.gz."""
    return re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.I)


def kind_of_file(path: Path, folder: Path) -> str:
    """What a file shows by its own and its folders' names: "head", "lesion" or "other"."""
    folders = [
        part
        for part in path.relative_to(folder).parent.parts
        if FOLDER_WITHOUT_HEADS.fullmatch(part)
    ]
    if any(LESION.search(name) for name in (path.name, *folders)):
        return "lesion"
    return "other" if folders or NO_HEAD.search(path.name) else "head"


def modality_pattern(modality: str) -> re.Pattern:
    """Pattern that finds a modality in a file's name."""
    return re.compile(rf"(^|[_-])({'|'.join(MODALITIES[modality])})(?![a-z0-9])", re.I)


def is_of_another_modality(path: Path, modality: str) -> bool:
    """Whether a file's name states a modality, and not this one."""
    if modality_pattern(modality).search(path.name):
        return False
    return any(modality_pattern(other).search(path.name) for other in MODALITIES)


def possible_heads(paths: Iterable[Path], folder: Path) -> list[Path]:
    """What can be a head by its name; the shortest first: what is made from a head has more."""
    heads = [path for path in paths if kind_of_file(path, folder) == "head"]
    return sorted(heads, key=lambda path: (len(path.name), path))


def lesion_files(paths: Iterable[Path], folder: Path) -> list[Path]:
    """What is a lesion mask by its name."""
    return [path for path in paths if kind_of_file(path, folder) == "lesion"]


def begins_with_name(text: str, name: str) -> bool:
    """Whether a file's name begins with a name that ends there: `p1_lesion` with `p1`, not `p`."""
    text, name = text.lower(), name.lower()
    return text.startswith(name) and not text[len(name)].isalnum()
