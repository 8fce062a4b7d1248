"""All slices of a head as networks see them, and the way back into the head.

slices_of_head = slices.cut_head(volume, mask, plane="sagittal", size=64)
restored = network(slices_of_head.pictures)                # (n, 64, 64, 1)
array = slices_of_head.put_back(restored)                  # on the head's own grid
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainlib.heads.volumes import Volume
from brainlib.slices.planes import pictures
from brainlib.slices.preparation import (
    FIELD_MM,
    Frame,
    fit_stack,
    frame_of,
    from_square,
    scale,
    scale_limits,
)
from brainlib.slices.selection import MIN_BRAIN_FRACTION


@dataclass(frozen=True)
class HeadSlices:
    """Slices of one head, prepared as for training.

    Attributes:
        pictures: (n, size, size, 1) in [0, 1].
        numbers: (n,) which slices they are, along the plane's axis.
        volume: the head.
        plane: "sagittal", "coronal" or "axial".
        limits: n pairs: the grey values of the head that became 0 and 1.
        frame: which square of the plane was taken.
        within: bool of the head's shape: voxels that the pictures may change.
    """

    pictures: np.ndarray
    numbers: Sequence[int]
    volume: Volume
    plane: str
    limits: list[tuple[float, float]]
    frame: Frame
    within: np.ndarray

    @property
    def picture_mm(self) -> float:
        """Side of a picture's pixel in mm."""
        start, stop = self.frame.edges[0]
        return (stop - start) / self.frame.size

    def put_back(self, changed: np.ndarray, *, keep_detail: bool = False) -> np.ndarray:
        """The head with its slices replaced: float32 of the head's shape.

        Voxels outside of the pictures, and slices that were not cut, stay as they are.

        Args:
            changed: (n, size, size, 1), the pictures after a change.
            keep_detail: only add what changed. So what is finer than a picture's pixels stays in
                the head, noise among it; otherwise it is lost.
        """
        if changed.shape != self.pictures.shape:
            raise ValueError(
                f"expected pictures of shape {self.pictures.shape}, got {changed.shape}."
            )
        result = self.volume.array.copy()
        stack = pictures(result, self.plane)  # a view: what is written to it is in the result
        may_change = pictures(self.within, self.plane)
        before = self.pictures if keep_detail else np.zeros_like(self.pictures)
        for number, old, new, (low, high) in zip(self.numbers, before, changed, self.limits):
            shape, (spacing_mm, edges, _) = stack[number].shape, self.frame
            added, inside = from_square((new - old)[..., 0], shape, spacing_mm, edges)
            inside &= may_change[number]
            start = stack[number] if keep_detail else low
            stack[number] = np.where(inside, start + added * (high - low), stack[number])
        return result


def slices_with_brain(mask: np.ndarray, plane: str) -> list[int]:
    """Slices with as much brain as thesis 004 trained on: more than 4.58 % of the picture."""
    return np.flatnonzero(pictures(mask, plane).mean(axis=(1, 2)) > MIN_BRAIN_FRACTION).tolist()


def cut_head(
    volume: Volume,
    mask: np.ndarray,
    numbers: Sequence[int] | None = None,
    *,
    plane: str,
    size: int,
    scaling: str = "volume",
    field_mm: float = FIELD_MM,
    brain_only: bool = False,
    centre: bool = False,
) -> HeadSlices:
    """Slices of a head as `slices.prepare` makes them, with what the way back needs.

    Args:
        volume: the head.
        mask: bool brain mask of its shape.
        numbers: of the slices; those with brain when absent, see `slices_with_brain`.
        plane, size, scaling, field_mm, brain_only, centre: as of `slices.prepare`. With
            `brain_only` only voxels of the mask are changed on the way back.
    """
    chosen = slices_with_brain(mask, plane) if numbers is None else list(numbers)
    frame = frame_of(volume, pictures(mask, plane), plane, field_mm, centre, size)
    array = np.where(mask, volume.array, volume.array.min()) if brain_only else volume.array
    fitted = fit_stack(pictures(array, plane), chosen, frame)
    of_head = scale_limits(volume.array, mask, scaling)
    limits = [of_head or (float(one.min()), float(one.max())) for one in fitted]
    scaled = [scale(one, pair) for one, pair in zip(fitted, limits)]
    images = np.array(scaled, np.float32).reshape(len(chosen), size, size, 1)
    within = mask if brain_only else np.ones(mask.shape, bool)
    return HeadSlices(images, chosen, volume, plane, limits, frame, within)
