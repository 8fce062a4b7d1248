"""From slices of a head to network-ready pictures: geometry and intensities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.transform import resize

from brainlib.heads.volumes import Volume
from brainlib.slices.planes import pictures, pixel_mm

SCALINGS = ("volume", "brain", "slice")
FIELD_MM = 240.0  # IXI's field of view


# ---- intensities


def scale_limits(array: np.ndarray, mask: np.ndarray, scaling: str) -> tuple[float, float] | None:
    """(low, high) grey values that become 0 and 1: robust percentiles of the volume.

    "volume": from the 0.5th percentile of all voxels to the 99.5th, so slices of a head stay
    comparable. "brain": from the same low end to the 99.5th of the brain's voxels, so that brains
    of several sites are comparable whatever the fat around them does. "slice": None; each slice has
    its own minimum and maximum, as the theses had it.

    Args:
        array: the head.
        mask: bool brain mask of its shape.
        scaling: of `SCALINGS`.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling: expected one of {', '.join(SCALINGS)}, got {scaling!r}.")
    if scaling == "slice":
        return None
    low = np.percentile(array, 0.5)
    high = np.percentile(array[mask] if scaling == "brain" else array, 99.5)
    return float(low), float(max(high, low + 1e-6 * max(abs(low), 1)))


def scale(picture: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    """Grey values to [0, 1], clipped: float32 of the picture's shape.

    limits: of `scale_limits`; None for the picture's own range.
    """
    low, high = (float(picture.min()), float(picture.max())) if limits is None else limits
    if high <= low:
        return np.zeros_like(picture, dtype=np.float32)
    return np.clip((picture - low) / (high - low), 0, 1).astype(np.float32)


# ---- geometry


def window(
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    brain_box: Sequence[tuple[int, int]],
    *,
    field_mm: float,
    centre: tuple[float, float] | None = None,
) -> list[tuple[float, float]]:
    """The square of field_mm that is cut from pictures, as start and stop in mm, rows and columns.

    It lies in the middle of the picture, moved only as far as the brain needs to stay inside; with
    `centre` it lies around that. It may reach beyond the picture.

    Args:
        shape: (rows, columns) of the pictures.
        spacing_mm: of rows and columns.
        brain_box: first and last row, and column, that holds brain.
        field_mm: side of the square.
        centre: (row, column) in pixels, such as the brain's centre of mass.
    """
    edges = []
    for side, spacing, box, middle in zip(shape, spacing_mm, brain_box, centre or (None, None)):
        if middle is not None:
            start = (middle + 0.5) * spacing - field_mm / 2
        else:
            start = (side * spacing - field_mm) / 2
            if side * spacing > field_mm:
                start = min(max(start, (box[1] + 1) * spacing - field_mm), box[0] * spacing)
        edges.append((start, start + field_mm))
    return edges


def fit_square(
    picture: np.ndarray,
    spacing_mm: Sequence[float],
    edges: Sequence[tuple[float, float]],
    size: int,
) -> np.ndarray:
    """Cuts or pads a picture to a square window and resizes it: (rows, columns) -> (size, size).

    Pixels are brought to the new spacing first (bilinear, anti-aliased where it shrinks), with
    their aspect kept, then rows and columns are cut or padded with the picture's smallest value.

    Args:
        picture: (rows, columns).
        spacing_mm: of rows and columns.
        edges: of `window`.
        size: side of the result in pixels.

    Returns:
        float32 (size, size).
    """
    step = (edges[0][1] - edges[0][0]) / size
    shape = [
        max(1, round(side * spacing / step)) for side, spacing in zip(picture.shape, spacing_mm)
    ]
    resampled = resize(
        picture.astype(np.float32),
        shape,
        order=1,
        mode="edge",
        anti_aliasing=True,
        preserve_range=True,
    )
    square = np.full((size, size), picture.min(), np.float32)
    source, target = [], []
    for side, (start, _) in zip(shape, edges):
        first = round(start / step)
        cut = slice(max(first, 0), min(first + size, side))
        padding = max(-first, 0)
        source.append(cut)
        target.append(slice(padding, padding + max(0, cut.stop - cut.start)))
    square[tuple(target)] = resampled[tuple(source)]
    return square


def from_square(
    square: np.ndarray,
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    edges: Sequence[tuple[float, float]],
) -> tuple[np.ndarray, np.ndarray]:
    """The way back of `fit_square`: what a square shows, on the pixels of the picture.

    Args:
        square: (size, size).
        shape: (rows, columns) of the picture.
        spacing_mm: of its rows and columns.
        edges: of `window`.

    Returns:
        (float32 picture (rows, columns), linearly between the square's pixels; bool (rows,
        columns): where the picture lies in the square. Elsewhere it repeats the square's border).
    """
    size = len(square)
    step = (edges[0][1] - edges[0][0]) / size
    places, inside = [], []
    for side, spacing, (start, _) in zip(shape, spacing_mm, edges):
        resampled = max(1, round(side * spacing / step))  # as `fit_square` rounded them
        place = (np.arange(side) + 0.5) * resampled / side - 0.5 - round(start / step)
        places.append(place)
        inside.append((place > -0.5) & (place < size - 0.5))
    grid = np.meshgrid(*places, indexing="ij")
    picture = ndimage.map_coordinates(square.astype(np.float32), grid, order=1, mode="nearest")
    return picture, np.logical_and.outer(*inside)


# ---- both


def prepare(
    volume: Volume,
    mask: np.ndarray,
    numbers: Sequence[int],
    *,
    plane: str,
    size: int,
    scaling: str = "volume",
    field_mm: float = FIELD_MM,
    brain_only: bool = False,
    centre: bool = False,
    lesion: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Network-ready pictures of some slices of a head.

    Args:
        volume: the head.
        mask: bool brain mask of its shape.
        numbers: slice numbers along the plane's axis.
        plane: "sagittal", "coronal" or "axial".
        size: side of the square pictures in pixels.
        scaling: see `scale_limits`.
        field_mm: side of the square in mm; smaller pictures are padded, larger ones cut around the
            brain.
        brain_only: everything outside the mask becomes the smallest value.
        centre: put the brain's centre of mass (over the whole head) in the middle.
        lesion: optional bool mask of the volume's shape.

    Returns:
        dict of `image` float32 (n, size, size, 1) in [0, 1], `brain` and, if there is a lesion
        mask, `lesion`: bool (n, size, size, 1).
    """
    frame = frame_of(volume, pictures(mask, plane), plane, field_mm, centre, size)
    limits = scale_limits(volume.array, mask, scaling)
    array = np.where(mask, volume.array, volume.array.min()) if brain_only else volume.array
    images = fit_stack(pictures(array, plane), numbers, frame)
    for row, image in enumerate(images):
        images[row] = scale(image, limits)
    result = {"image": images[..., None]}
    result["brain"] = (fit_stack(pictures(mask, plane), numbers, frame) > 0.5)[..., None]
    if lesion is not None:
        result["lesion"] = (fit_stack(pictures(lesion, plane), numbers, frame) > 0.5)[..., None]
    return result


class Frame(NamedTuple):
    """Which square of a plane's pictures is taken, and how large it becomes."""

    spacing_mm: tuple[float, float]
    edges: list[tuple[float, float]]
    size: int


def frame_of(
    volume: Volume, brains: np.ndarray, plane: str, field_mm: float, centre: bool, size: int
) -> Frame:
    """The frame of a head, the same for all of its slices. brains: (slices, rows, columns)."""
    spacing_mm = pixel_mm(volume.voxel_mm, plane)
    silhouette = brains.any(axis=0)
    box = [_extent(silhouette.any(axis=1 - axis)) for axis in (0, 1)]
    middle = None
    if centre and silhouette.any():
        middle = tuple(_centre_of_mass(brains.sum(axis=(0, 2 - axis))) for axis in (0, 1))
    edges = window(silhouette.shape, spacing_mm, box, field_mm=field_mm, centre=middle)
    return Frame(spacing_mm, edges, size)


def _extent(holds_brain: np.ndarray) -> tuple[int, int]:
    """First and last place that holds brain; all of them where none does."""
    places = np.flatnonzero(holds_brain)
    return (int(places[0]), int(places[-1])) if len(places) else (0, len(holds_brain) - 1)


def _centre_of_mass(weights: np.ndarray) -> float:
    return float(np.average(np.arange(len(weights)), weights=weights))


def fit_stack(stack: np.ndarray, numbers: Sequence[int], frame: Frame) -> np.ndarray:
    """Some pictures of a stack in a frame: float32 (n, size, size)."""
    fitted = np.zeros((len(numbers), frame.size, frame.size), np.float32)
    for row, number in enumerate(numbers):
        fitted[row] = fit_square(stack[number], frame.spacing_mm, frame.edges, frame.size)
    return fitted
