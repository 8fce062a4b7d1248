"""What voxels say where names leave it open: tissues or a lesion, a picture or a label map."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel
import numpy as np

from brainlib.heads import plausibility
from brainlib.heads.names import file_label

MANY_LABELS = 10  # lesions have one to four
FEW_LABELS = 3  # grey matter, white matter, fluid
TISSUE_SHARE = 0.1  # of the field of view, of several tissues; lesions reach a twentieth
BRAIN_SHARE = 0.4  # of the field of view, of one label
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

    False of a file that cannot be read: its name decides.
    """
    try:
        image = nibabel.load(path)
        array = np.asarray(image.dataobj, dtype=np.float32)
    except Exception:  # damaged files raise whatever nibabel stumbles over; they are named later
        return False
    whole = np.rint(array)
    if not np.allclose(array, whole, atol=1e-3):
        return False
    labels = np.count_nonzero(np.unique(whole))
    share = np.count_nonzero(whole) / max(whole.size, 1)
    voxel_ml = float(np.prod(image.header.get_zooms()[:3])) / 1000
    is_large = not plausibility.passes("lesion volume", share * whole.size * voxel_ml)
    is_brain = is_large or share >= BRAIN_SHARE
    return labels >= MANY_LABELS or is_brain or (labels >= FEW_LABELS and share >= TISSUE_SHARE)


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
