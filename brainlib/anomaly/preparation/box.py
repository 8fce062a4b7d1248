"""Where does thesis 002's box lie in a head, and what is in it? (section 4.1.2)."""

import numpy as np
from scipy import ndimage

from brainlib.heads.volumes import Volume

BOX_MM = (158, 190, 140)  # width, length, height: RAS+ order, voxels of 1 mm
SIZE = (70, 95, 79)  # slices, rows, columns that the network sees


def box_shape(voxel_mm: float) -> tuple[int, ...]:
    """Voxels of the box, in RAS+ order: whole ones, also where they do not divide it."""
    return tuple(round(side / voxel_mm) for side in BOX_MM)


def place_box(
    volume: Volume, mask: np.ndarray, voxel_mm: float
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The box around a brain: the middle of its extent is the box's.

    Args:
        volume: the head.
        mask: bool brain mask of its shape.
        voxel_mm: of the box.

    Returns:
        (matrix, offset, notes): voxel of the head = matrix @ box index + offset, and in words what
        does not fit.

    Raises:
        ValueError: the mask is empty.
    """
    if not mask.any():
        raise ValueError(
            f"{volume.path}: expected a brain mask with a brain in it, got an empty one."
        )
    ends = [_first_and_last(mask, axis) for axis in range(3)]
    matrix = np.diag(voxel_mm / np.array(volume.voxel_mm))
    middle = (np.array(box_shape(voxel_mm)) - 1) / 2
    return matrix, np.mean(ends, axis=1) - matrix @ middle, _what_is_cut(ends, volume.voxel_mm)


def _first_and_last(mask, axis):
    """Numbers of the first and the last plane across an axis that hold some of the mask."""
    others = tuple(other for other in range(3) if other != axis)
    return np.flatnonzero(mask.any(axis=others))[[0, -1]]


def _what_is_cut(ends, voxel_mm):
    extent_mm = [(high - low + 1) * side for (low, high), side in zip(ends, voxel_mm)]
    return tuple(
        f"the brain is {extent:.0f} mm {name}, the box {box} mm: cut"
        for extent, box, name in zip(extent_mm, BOX_MM, ("wide", "long", "high"))
        if extent > box
    )


def sample_box(
    array: np.ndarray, matrix: np.ndarray, offset: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """A head's array (or mask) in the box, linearly: float32 of `shape`.

    Where the box's voxels are larger than the head's it is blurred first (anti-aliasing).
    """
    array, step = array.astype(np.float32), np.diag(matrix)  # a box voxel, in voxels of the head
    sigma = np.maximum(0, (step - 1) / 2)
    if sigma.max() > 0.05:
        array = ndimage.gaussian_filter(array, sigma, mode="nearest")
    return ndimage.affine_transform(
        array,
        step,
        offset,
        output_shape=shape,
        order=1,
        mode="grid-constant",
        cval=float(array.min()),
    )
