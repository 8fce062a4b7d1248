"""From slices of a head to network-ready pictures: geometry and intensities."""

import functools

import numpy as np
from skimage.transform import resize

from brainlib.slices.planes import pictures, pixel_mm

SCALINGS = ("volume", "brain", "slice")
FIELD_MM = 240.0  # IXI's field of view


def scale_limits(array, mask, scaling):
    """(low, high) grey values that become 0 and 1: robust percentiles of the volume.

    "volume": from the 0.5th percentile of all voxels to the 99.5th, so slices of a head stay comparable.
    "brain": from the same low end to the 99.5th of the brain's voxels, so that brains of several sites are comparable
        whatever the fat around them does.
    "slice": None; each slice has its own minimum and maximum, as the seeds had it.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling: expected one of {', '.join(SCALINGS)}, got {scaling!r}.")
    if scaling == "slice":
        return None
    low = np.percentile(array, 0.5)
    high = np.percentile(array[mask] if scaling == "brain" else array, 99.5)
    return float(low), float(max(high, low + 1e-6 * max(abs(low), 1)))


def scale(picture, limits):
    """Grey values to [0, 1], clipped; `limits` from `scale_limits`, None for the picture's own range."""
    low, high = (float(picture.min()), float(picture.max())) if limits is None else limits
    if high <= low:
        return np.zeros_like(picture, dtype=np.float32)
    return np.clip((picture - low) / (high - low), 0, 1).astype(np.float32)


def window(shape, spacing_mm, brain_box, *, field_mm, centre=None):
    """The square of field_mm that is cut from pictures, as start and stop in mm for rows and columns.

    It lies in the middle of the picture, moved only as far as the brain needs to stay inside; with `centre`
    (row, column in pixels: the brain's centre of mass) it lies around that. It may reach beyond the picture.
    """
    edges = []
    for side, spacing, box, middle in zip(shape, spacing_mm, brain_box, centre or (None, None)):
        start = (
            (side * spacing - field_mm) / 2
            if middle is None
            else (middle + 0.5) * spacing - field_mm / 2
        )
        if middle is None and side * spacing > field_mm:
            start = min(max(start, (box[1] + 1) * spacing - field_mm), box[0] * spacing)
        edges.append((start, start + field_mm))
    return edges


def fit_square(picture, spacing_mm, edges, size):
    """Cuts or pads a picture to a square window and resizes it: (rows, columns) -> float32 (size, size).

    Pixels are brought to the new spacing first (bilinear, anti-aliased where it shrinks), with their aspect kept, then
    rows and columns are cut or padded with the picture's smallest value.
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
    result = np.full((size, size), picture.min(), np.float32)
    source, target = [], []
    for side, (start, _) in zip(shape, edges):
        first = round(start / step)
        source.append(slice(max(first, 0), min(first + size, side)))
        target.append(
            slice(max(-first, 0), max(-first, 0) + max(0, source[-1].stop - source[-1].start))
        )
    result[tuple(target)] = resampled[tuple(source)]
    return result


def prepare(
    volume,
    mask,
    numbers,
    *,
    plane,
    size,
    scaling="volume",
    field_mm=FIELD_MM,
    brain_only=False,
    centre=False,
    lesion=None,
):
    """Network-ready pictures of some slices of a head.

    Args:
        volume: a `volumes.Volume`.
        mask: bool brain mask of its shape.
        numbers: slice numbers along the plane's axis.
        plane: "sagittal", "coronal" or "axial".
        size: side of the square pictures in pixels.
        scaling: see `scale_limits`.
        field_mm: side of the square in mm; smaller pictures are padded, larger ones cut around the brain.
        brain_only: everything outside the mask becomes the smallest value.
        centre: put the brain's centre of mass (over the whole head) in the middle.
        lesion: optional bool mask of the volume's shape.

    Returns:
        dict of `image` float32 (n, size, size, 1) in [0, 1], `brain` and, if there is a lesion mask, `lesion`: bool
        (n, size, size, 1).
    """
    spacing = pixel_mm(volume.voxel_mm, plane)
    brains = pictures(mask, plane)
    silhouette = brains.any(axis=0)
    box = [
        (int(hit[0]), int(hit[-1]))
        if len(hit := np.flatnonzero(silhouette.any(axis=1 - axis)))
        else (0, side - 1)
        for axis, side in enumerate(silhouette.shape)
    ]
    middle = None
    if centre and mask.any():
        middle = tuple(
            float(np.average(np.arange(side), weights=brains.sum(axis=(0, 2 - axis))))
            for axis, side in enumerate(silhouette.shape)
        )
    edges = window(silhouette.shape, spacing, box, field_mm=field_mm, centre=middle)
    limits = scale_limits(volume.array, mask, scaling)
    array = np.where(mask, volume.array, volume.array.min()) if brain_only else volume.array
    stack = pictures(array, plane)
    fit = functools.partial(fit_square, spacing_mm=spacing, edges=edges, size=size)
    layers = {"image": (stack, np.float32), "brain": (brains, bool)}
    if lesion is not None:
        layers["lesion"] = (pictures(lesion, plane), bool)
    result = {}
    for key, (source, dtype) in layers.items():
        result[key] = np.zeros((len(numbers), size, size, 1), dtype)
        for row, number in enumerate(numbers):
            fitted = fit(source[number])
            result[key][row, ..., 0] = scale(fitted, limits) if key == "image" else fitted > 0.5
    return result
