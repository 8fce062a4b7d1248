"""What does each step of the preparation do to a slice? (thesis 002, section 4.1.2)."""

from typing import Any

import numpy as np

from brainlib import slices
from brainlib.anomaly import preparation
from brainlib.anomaly.study.people import MASKS, StudyHeads
from brainlib.heads import reading
from brainlib.heads.volumes import Volume

OPTIONS = {  # name of the picture: the step that is an option
    "not smoothed": {"smoothing": "none"},
    "total variation": {"smoothing": "total_variation"},
    "curvature flow": {"smoothing": "curvature_flow"},
    "with N4": {"n4": True},
}


def preparation_pictures(
    volume: Volume, mask: np.ndarray, *, lesion: np.ndarray | None = None, **options: Any
) -> dict[str, np.ndarray]:
    """One axial slice of a head after each step of `prepare`, with the options beside.

    Args:
        volume: the head.
        mask: bool brain mask.
        lesion: bool mask; the slice with most of it is shown, else the middle one.
        **options: of `prepare`.

    Returns:
        {step: picture (H, W), its 99.5th percentile as 1}; names of options stand in brackets.
    """
    options = {**options, "full": True}
    steps = {}
    prepared = preparation.prepare(volume, mask, lesion=lesion, **options, steps=steps)
    others = _other_options(volume, mask, options)
    height = _height_of_most(prepared.full_lesion)
    place = height * len(prepared.images) // len(prepared.full_lesion)
    place = min(len(prepared.images) - 1, place)
    small = f"shrunk to {prepared.images.shape[1]}x{prepared.images.shape[2]}"
    pictures = {
        **{name: slices.pictures(array, "axial")[height] for name, array in steps.items()},
        small: prepared.images[place, ..., 0],
        **{name: slices.pictures(array, "axial")[height] for name, array in others.items()},
    }
    return {
        name: picture / max(np.percentile(picture, 99.5), 1e-9)
        for name, picture in pictures.items()
    }


def pictures_of_one_head(heads: StudyHeads) -> tuple[dict[str, np.ndarray], str]:
    """`preparation_pictures` of an ill head, of a test one only where no other is ill.

    Args:
        heads: of `open_heads`.

    Returns:
        (pictures, whose head it is).
    """
    row = _head_to_show(heads)
    volume, mask = reading.read_with_mask(row, method=heads.mask_method, cache=MASKS)
    lesion = reading.read_lesion(row.lesion_path, volume, mask)
    pictures = preparation_pictures(volume, mask, lesion=lesion, **heads.preparation)
    return pictures, f"{row.subject} ({row.group})"


def _head_to_show(heads):
    ill = heads.people[heads.people.group != "healthy"]
    for rows in (heads.lesions("validation"), heads.lesions("test"), ill, heads.people):
        if len(rows):
            return rows.iloc[0]
    raise ValueError("expected at least one head, got none.")


def _other_options(volume, mask, options):
    """{"(option: name)": the head in the box} of each option that was not taken."""
    taken = {
        "smoothing": options.get("smoothing", "curvature_flow"),
        "n4": options.get("n4", False),
    }
    others = {}
    for name, change in OPTIONS.items():
        if not change.items() <= taken.items():
            steps = {}
            preparation.prepare(volume, mask, **{**options, **change}, steps=steps)
            others[f"(option: {name})"] = list(steps.values())[-1]
    return others


def _height_of_most(lesion):
    """Number of the slice with most of a lesion (D, H, W, 1), else of the middle one."""
    area = lesion.sum(axis=(1, 2, 3))
    return int(area.argmax()) if area.any() else len(area) // 2
