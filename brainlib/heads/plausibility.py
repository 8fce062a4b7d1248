"""What a head, a brain mask and a lesion cannot be: one table of reasons for all who read them.

A file may be sound and still not show what its name says. `REASONS` holds the limits, where they
are from, and the words of each refusal. The chapters, the stored slices, the study of anomalies and
the commands ask here, between reading a file and using it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import ndimage

if TYPE_CHECKING:
    from brainlib.heads.volumes import Volume


@dataclass(frozen=True)
class Reason:
    """One way of being implausible.

    Attributes:
        limits: lowest and highest value that passes.
        unit: of the limits.
        expected: what should have come; {0:g} and {1:g} are the limits.
        remedy: what to do.
        source: where the limits are from.
    """

    limits: tuple[float, float]
    unit: str
    expected: str
    remedy: str
    source: str


LOOK = "Look at it in 01_explore"
REASONS = {
    "voxel": Reason(
        (0.2, 20.0),
        "mm",
        "an affine of three independent axes with voxel sizes of {0:g} to {1:g} mm",
        "Set pixdim, qform, sform or xyzt_units of the header.",
        "scanners of heads: 0.25 mm at 7 T, slices of some 10 mm",
    ),
    "field of view": Reason(
        (60.0, 600.0),
        "mm",
        "a field of view of {0:g} to {1:g} mm along each axis, as heads have",
        "Correct the voxel size in the header, or leave this file out: it shows no whole brain.",
        "the head of a child born early is 70 mm wide; a scanner's bore is 600 to 700 mm",
    ),
    "sform and qform": Reason(
        (0.0, 45.0),
        "degrees",
        "sform and qform that place the head alike, or turned by less than {1:g} degrees",
        "Find out which is true (left and right depend on it) and write it into both, for "
        "instance with image.set_qform(image.affine, 1).",
        "from 45 degrees on the axes change their names; registration to a template turns less",
    ),
    "voxel sizes of sform and qform": Reason(
        (1 / 1.3, 1.3),
        "times",
        "sform and qform with voxels of one size, up to a factor of {1:g}",
        "Find out which is true and write it into both.",
        "linear registration to a template stretches a head by a quarter at most",
    ),
    "label map": Reason(
        (17, np.inf),
        "values",
        "the picture of a head",
        "Name it as a label map (`_seg`, `_mask`), or name the heads in heads.csv.",
        "a picture of 4 bits has 16 values; no scanner writes one",
    ),
    "brain volume": Reason(
        (250.0, 2500.0),
        "ml",
        "a brain mask of {0:g} to {1:g} ml, as brains have from birth to old age",
        f"{LOOK} and on the quality page; give a mask of your own, or correct the voxel size.",
        "skulls hold 600 to 900 ml on average in the first months of life and 1,300 to 1,500 ml "
        "at 15 years (J Neurosurg 91:610, 1999); half of that, and 1 litre more, still pass",
    ),
    "brain outside of the head": Reason(
        (0.0, 0.25),
        "of the mask",
        "a brain mask that lies in the head, at most {1:.0%} of it outside",
        "Check that both are of one person, and that no axis is flipped.",
        "masks of heads without a skull reach a little over it",
    ),
    "lesion volume": Reason(
        (0.0, 700.0),
        "ml",
        "a lesion of at most {1:g} ml",
        "Check the mask: it may be one of the brain or of tissues, or its labels are swapped.",
        "the largest of 811 strokes of ds004889 has 666 ml: a whole hemisphere",
    ),
    "lesion share": Reason(
        (0.0, 0.5),
        "of the brain",
        "a lesion of at most {1:.0%} of the brain",
        "Check the mask: it may be one of the brain or of tissues, or its labels are swapped.",
        "a whole hemisphere is less than half",
    ),
    "lesion outside of the head": Reason(
        (0.0, 0.5),
        "of the lesion",
        "a lesion in the head, at most {1:.0%} of it outside",
        "Check that both are of one person, and that no axis is flipped.",
        "lesions at the rim of a brain without a skull were cut off with it",
    ),
}
NEAR_MM = 10  # so far around what is brighter than air a mask may reach
COARSE_MM = 4  # of the grid on which a head's outline is found
SIDES = ("left and right", "front and back", "top and bottom")  # of the RAS+ axes


def limits(name: str) -> tuple[float, float]:
    """Lowest and highest value that a reason lets pass."""
    return REASONS[name].limits


def passes(name: str, value: float) -> bool:
    """Whether a value lies within a reason's limits."""
    low, high = REASONS[name].limits
    return low <= value <= high


def refusal(name: str, path: Path | str, came: str) -> ValueError:
    """The error of a refusal, on one line: file, what was expected, what came, what to do."""
    reason = REASONS[name]
    text = f"{path}: expected {reason.expected.format(*reason.limits)}, got {came}. {reason.remedy}"
    return ValueError(" ".join(text.split()))


def table_of_reasons() -> pd.DataFrame:
    """What is asked of every head, mask and lesion: columns reason, lowest, highest, unit, why."""
    rows = [
        {
            "reason": name,
            "lowest": reason.limits[0],
            "highest": reason.limits[1],
            "unit": reason.unit,
            "why": reason.source,
        }
        for name, reason in REASONS.items()
    ]
    return pd.DataFrame(rows)


# ---- the header


def refuse_contradiction(path: Path | str, sform: np.ndarray, qform: np.ndarray) -> str:
    """What is to be noted of a sform and a qform that are both set; "" where they agree.

    A header may place the head twice. nibabel, and so this workbook, takes the sform; other
    programs take the qform. Small differences are usual: the sform may lead to a template.

    Raises:
        ValueError: they name other axes or mirror each other, or their voxels differ in size.
    """
    sides = [np.linalg.norm(affine[:3, :3], axis=0) for affine in (sform, qform)]
    turned = _directions(sform) @ np.linalg.inv(_directions(qform))
    if np.linalg.det(turned) < 0:
        came = "a qform that is the mirror image of the sform"
        raise refusal("sform and qform", path, came)
    degrees = float(np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))))
    if not passes("sform and qform", degrees):
        raise refusal("sform and qform", path, f"ones that differ by {degrees:.0f} degrees")
    factor = float(np.max(np.maximum(sides[0] / sides[1], sides[1] / sides[0])))
    if not passes("voxel sizes of sform and qform", factor):
        came = f"{_in_words(sides[0])} and {_in_words(sides[1])}"
        raise refusal("voxel sizes of sform and qform", path, came)
    if degrees < 1 and factor < 1.01:
        return ""
    return (
        f"sform and qform differ by {degrees:.0f} degrees and a factor of {factor:.2f} in voxel "
        "size; the sform was taken"
    )


def _in_words(sides_mm: Sequence[float]) -> str:
    return " x ".join(f"{side:.3g}" for side in sides_mm) + " mm"


def _directions(affine: np.ndarray) -> np.ndarray:
    """The orthogonal matrix nearest to an affine's axes, without their lengths."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(axes)
    return left @ right


# ---- the pictures


def refuse_field_of_view(volume: Volume) -> None:
    """Raises ValueError where a head's field of view is too small or too large for a head."""
    sides = [count * side for count, side in zip(volume.array.shape, volume.voxel_mm)]
    if not all(passes("field of view", side) for side in sides):
        raise refusal("field of view", volume.path, _in_words(sides))


def refuse_brain(mask: np.ndarray, volume: Volume, path: Path | str, whose: str = "") -> None:
    """Raises ValueError where a brain mask has no brain's size, or lies beside the head.

    Args:
        mask: bool, on the head's grid.
        volume: the head.
        path: of the file to name.
        whose: word before "mask" in the message, such as "DeepBrain's".
    """
    millilitres = _millilitres(mask, volume)
    if not passes("brain volume", millilitres):
        came = f"{whose or 'one'} of {millilitres:,.0f} ml"
        raise refusal("brain volume", path, came)
    _refuse_outside("brain outside of the head", mask, volume, path)


def refuse_lesion(
    lesion: np.ndarray, volume: Volume, path: Path | str, brain: np.ndarray | None = None
) -> None:
    """Raises ValueError where a lesion is too large to be one, or lies beside the head.

    Args:
        lesion: bool, on the head's grid; an empty one passes.
        volume: the head.
        path: of the file or files to name.
        brain: bool brain mask, where it is known.
    """
    if not lesion.any():
        return
    millilitres = _millilitres(lesion, volume)
    if not passes("lesion volume", millilitres):
        raise refusal("lesion volume", path, f"{millilitres:,.0f} ml")
    if brain is not None and brain.any():
        share = np.count_nonzero(lesion) / np.count_nonzero(brain | lesion)
        if not passes("lesion share", share):
            raise refusal("lesion share", path, f"{share:.0%} ({millilitres:,.0f} ml)")
    _refuse_outside("lesion outside of the head", lesion, volume, path)


def _millilitres(mask: np.ndarray, volume: Volume) -> float:
    return np.count_nonzero(mask) * float(np.prod(volume.voxel_mm)) / 1000


def _refuse_outside(name: str, mask: np.ndarray, volume: Volume, path: Path | str) -> None:
    """Raises ValueError where too much of a mask lies outside of the head's outline."""
    steps = [max(1, round(COARSE_MM / side)) for side in volume.voxel_mm]
    outline = _outline(volume, steps)
    share = _share_outside(mask, outline, steps)
    if passes(name, share):
        return
    came = f"{share:.0%} outside"
    for axis, sides in enumerate(SIDES):
        if passes(name, _share_outside(np.flip(mask, axis), outline, steps)):
            came += f"; with {sides} exchanged it lies inside"
            break
    raise refusal(name, path, came)


def _outline(volume: Volume, steps: list[int]) -> np.ndarray:
    """Where a head is, with a margin, on a coarse grid: every `steps`-th voxel of each axis."""
    coarse = volume.array[:: steps[0], :: steps[1], :: steps[2]]
    low, high = np.percentile(coarse, (1, 99))
    head = ndimage.binary_fill_holes(coarse >= low + 0.1 * (high - low))
    sampling = [step * side for step, side in zip(steps, volume.voxel_mm)]
    return ndimage.distance_transform_edt(~head, sampling=sampling) <= NEAR_MM


def _share_outside(mask: np.ndarray, outline: np.ndarray, steps: list[int]) -> float:
    places = np.argwhere(mask) // steps
    return 1 - float(outline[tuple(places.T)].mean())
