"""What voxels say where names leave it open: tissues or a lesion, a picture or a label map."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np

from brainlib.heads import plausibility
from brainlib.heads.names import file_label

MANY_LABELS = 10  # lesions have one to four
FEW_LABELS = 3  # grey matter, white matter, fluid
TISSUE_SHARE = 0.1  # of the field of view, of several tissues; lesions reach a twentieth
BRAIN_SHARE = 0.4  # of the field of view, of one label
EVEN_OVERLAP = 0.8  # of a brain with its mirror image; a large stroke fills one side
OFF_MIDDLE = 0.15  # of the picture's width
FEW_VALUES = 16
LEAST_FULL_SHARE = 100  # shares in percent, of 255, of 1000
PLATEAU = 0.1  # share of the mask
EQUAL_NEIGHBOURS = 0.6  # share; real heads of 8 bits have under 0.3 above the background


def may_be_tissue(path: Path) -> bool:
    """Whether a name says segmentation without saying of what.

    `lesion` says it, and so do BraTS's names and the labels that nnU-Net is trained on.
    """
    names = f"{path.parent.name}/{file_label(path)}"
    if re.search("lesion", file_label(path), re.I) or re.search("(^|/)(brats|upenn)", names, re.I):
        return False
    return not re.fullmatch("labelsT[rs]|lesions?", path.parent.name, re.I)


def shows_tissue(path: Path) -> bool:
    """Whether a segmentation covers what only tissues or a whole brain cover, or has many labels.

    Lesions that are numbered one by one (1, 2, 3 ...) are no tissues. False of a file that cannot
    be read: its name decides.
    """
    mask = _read_mask(path)
    if mask is None or not mask.is_whole:
        return False
    is_large = not plausibility.passes("lesion volume", mask.millilitres)
    is_brain = is_large or mask.share >= BRAIN_SHARE
    has_tissues = mask.labels >= FEW_LABELS and mask.share >= TISSUE_SHARE
    return is_brain or has_tissues or (mask.labels >= MANY_LABELS and not mask.is_counted)


def what_a_mask_shows(path: Path) -> str:
    """Whether a file that is only called a mask shows a lesion, a brain or tissues.

    Returns:
        "lesion", "brain mask", "tissue", "other" (it is no mask); "" of a file that cannot be read.
    """
    mask = _read_mask(path)
    if mask is None:
        return ""
    if not mask.is_whole:
        return "other"
    if mask.share < BRAIN_SHARE and mask.millilitres < plausibility.limits("brain volume")[0]:
        is_tissue = mask.labels >= MANY_LABELS and not mask.is_counted
        return "tissue" if is_tissue else "lesion"
    if mask.labels >= FEW_LABELS:
        return "tissue"
    is_large = not plausibility.passes("lesion volume", mask.millilitres)
    return "brain mask" if is_large or mask.share >= BRAIN_SHARE or mask.is_even else "lesion"


class _Mask(NamedTuple):
    """A file of labels, in numbers."""

    is_whole: bool  # labels, or shares from 0 to 1 or to 255; else grey values
    labels: int  # above 0; of shares 1
    is_counted: bool  # the labels are 1, 2, 3 ... without a gap
    share: float  # of the field of view
    millilitres: float
    is_even: bool  # left half like right half


def _read_mask(path: Path) -> _Mask | None:
    """A mask in numbers; None of a file that cannot be read."""
    try:
        image = nibabel.load(path)
        array = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32)).squeeze()
    except Exception:  # damaged files raise whatever nibabel stumbles over; they are named later
        return None
    voxel_ml = float(np.prod(image.header.get_zooms()[:3])) / 1000
    highest = float(array.max(initial=0))
    is_label = np.allclose(array, np.rint(array), atol=1e-3)
    is_share = (not is_label and 0 < highest <= 1.5) or are_shares(array)
    inside = array > highest / 2 if is_share else array > 0.5
    found = np.unique(np.rint(array[inside])) if is_label and not is_share else np.ones(1)
    count = np.count_nonzero(inside)
    return _Mask(
        is_label or is_share,
        len(found),
        len(found) == found.max(initial=0),
        count / max(inside.size, 1),
        count * voxel_ml,
        _is_even(inside, image.affine),
    )


def _is_even(inside: np.ndarray, affine: np.ndarray) -> bool:
    """Whether a mask lies across the middle and its left half resembles its right half."""
    across = [axis for axis, code in enumerate(nibabel.aff2axcodes(affine)) if code in "LR"]
    if not inside.any() or inside.ndim != 3 or not across:
        return False
    columns = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - set(across))))
    middle = (columns[0] + columns[-1] + 1) / 2 / inside.shape[across[0]]
    box = np.take(inside, range(columns[0], columns[-1] + 1), axis=across[0])
    overlap = np.mean(box & np.flip(box, across[0])) / box.mean()
    return abs(middle - 0.5) < OFF_MIDDLE and overlap >= EVEN_OVERLAP


def are_shares(array: np.ndarray) -> bool:
    """Whether whole values are shares of 255 (or of another number) and no labels.

    Many values of which the largest is frequent: within a lesion a share is full; of labels each
    has its own part.
    """
    highest = float(array.max(initial=0))
    if highest < LEAST_FULL_SHARE or not np.allclose(array, np.rint(array), atol=1e-3):
        return False
    inside = array[array > 0.5]
    is_full = np.count_nonzero(inside > highest - 0.5) >= PLATEAU * inside.size
    return is_full and len(np.unique(inside)) >= FEW_VALUES


def label_map_reason(array: np.ndarray) -> str:
    """Why an array is a label map and no picture of a head; "" where it may be a picture.

    Labels are few whole values, or whole values that most neighbours share (axis 0, both above 0).
    """
    if not (array == np.rint(array)).all():
        return ""
    values = np.count_nonzero(np.unique(array))
    if not plausibility.passes("label map", values):
        return f"{values} whole values above 0"
    first, second = array[:-1], array[1:]
    inside = (first > 0) & (second > 0)
    share = np.count_nonzero(inside & (first == second)) / max(np.count_nonzero(inside), 1)
    return f"{values} labels in even regions" if share > EQUAL_NEIGHBOURS else ""
