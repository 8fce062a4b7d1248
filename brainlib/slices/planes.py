"""Upright pictures of a plane, cut from a volume; the spacing of their pixels and their letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainlib.heads.volumes import PLANES

EDGES = {  # letters at the left, right, top and bottom of a picture
    "sagittal": ("A", "P", "S", "I"),
    "coronal": ("L", "R", "S", "I"),
    "axial": ("L", "R", "A", "P"),
}


def _axis(plane: str) -> int:
    """The RAS+ axis that a plane's slice numbers run along."""
    if plane not in PLANES:
        raise ValueError(f"plane: expected one of {', '.join(PLANES)}, got {plane!r}.")
    return PLANES[plane]


def pictures(array: np.ndarray, plane: str) -> np.ndarray:
    """All slices of a RAS+ array, upright: (X, Y, Z) -> a view (slices, rows, columns).

    Sagittal and coronal pictures have superior up, axial ones anterior up; sagittal ones have
    anterior at the left, the others the person's left at the left. A slice's number is its index
    along the RAS+ axis: IXI's own numbers for sagittal and axial slices.
    """
    axis = _axis(plane)
    stack = np.moveaxis(array, axis, 0)  # sagittal (X, Y, Z), coronal (Y, X, Z), axial (Z, X, Y)
    upright = stack.transpose(0, 2, 1)[:, ::-1]  # rows from superior (or anterior) down
    return upright[:, :, ::-1] if plane == "sagittal" else upright


def pixel_mm(voxel_mm: Sequence[float], plane: str) -> tuple[float, float]:
    """(row, column) spacing of a plane's pictures in mm. voxel_mm: along the three RAS+ axes."""
    columns, rows = (side for axis, side in enumerate(voxel_mm) if axis != _axis(plane))
    return rows, columns


def volume_of(picture: np.ndarray, plane: str) -> np.ndarray:
    """An upright picture (rows, columns) as a RAS+ array of one slice: what `pictures` undoes."""
    axis = _axis(plane)
    turned = picture[:, ::-1] if plane == "sagittal" else picture
    return np.expand_dims(turned[::-1].T, axis)
