"""From a head to the network's slices, in thesis 002's steps (section 4.1.2).

Skull off, noise smoothed away without blurring edges, the brain put into the box, grey values
clipped at their 1st and 99th percentile and scaled, then shrunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainlib import slices
from brainlib.anomaly.preparation.box import SIZE, box_shape, place_box, sample_box
from brainlib.anomaly.preparation.filters import SMOOTHING, smooth, without_bias
from brainlib.anomaly.preparation.sizes import shrink
from brainlib.heads.volumes import Volume

PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True)
class Prepared:
    """A head as the network sees it.

    Attributes:
        images: float32 (N, H, W, 1) in [0, 1], axial slices from below upwards, anterior up; 0
            outside of the brain.
        brain: bool (N, H, W, 1).
        lesion: bool (N, H, W, 1), empty where the head has none.
        affine: (4, 4), from indices of the box (RAS+ order, 158 x 190 x 140 at 1 mm) to scanner mm.
        voxel_mm: of the box.
        full: the images in the box's voxels, float32 (140, 190, 158, 1) at 1 mm, before they were
            halved; None if they were not kept.
        full_brain: bool of that shape, or None.
        full_lesion: bool of that shape, or None.
        notes: what did not fit, in words.
    """

    images: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray
    affine: np.ndarray
    voxel_mm: float = 1.0
    full: np.ndarray | None = None
    full_brain: np.ndarray | None = None
    full_lesion: np.ndarray | None = None
    notes: tuple = ()


def prepare(
    volume: Volume,
    mask: np.ndarray,
    *,
    lesion: np.ndarray | None = None,
    smoothing: str = "curvature_flow",
    n4: bool = False,
    percentiles_of: str = "brain",
    voxel_mm: float = 1.0,
    size: Sequence[int] = SIZE,
    full: bool = False,
    steps: dict | None = None,
) -> Prepared:
    """Brings a head to the network's slices.

    Args:
        volume: the head.
        mask: bool brain mask of its shape; everything outside becomes 0 (skull strip), the box lies
            around it (crop).
        lesion: optional bool mask of its shape.
        smoothing: "curvature_flow" (ITK's, five steps of 1/16), "total_variation" (scikit-image's,
            a similar look) or "none".
        n4: whether the bias field is estimated and divided out first (N4ITK); off in the thesis.
        percentiles_of: "brain" clips at the 1st and 99th percentile of brain voxels; "box" of all
            voxels, where the empty space around the brain makes the lower one 0.
        voxel_mm: of the box. 1 is the thesis's; 2 does every step at the network's size, eight
            times faster, and loses nothing on heads whose voxels are no smaller.
        size: (slices, rows, columns) of the result.
        full: whether the slices of the box's own voxels are kept, too.
        steps: optional dict that receives the head after every step: name -> array in the box
            (RAS+ order).

    Raises:
        ValueError: no brain in the mask, or none left of it at the network's size, or an unknown
            option.
    """
    _check_options(smoothing, percentiles_of)
    matrix, offset, notes = place_box(volume, mask, voxel_mm)
    shape = box_shape(voxel_mm)
    brain = sample_box(mask, matrix, offset, shape) > 0.5
    if not brain.any():
        raise ValueError(_too_small(volume, mask))
    truth = np.zeros_like(brain)
    if lesion is not None and np.any(lesion):
        truth = sample_box(lesion, matrix, offset, shape) > 0.5
    steps = {} if steps is None else steps
    image = sample_box(volume.array, matrix, offset, shape)
    steps[f"resampled to {voxel_mm:g} mm"] = image
    image = _to_grey_values(image, brain, smoothing, n4, percentiles_of, steps)
    small, whole = _stacks(image, brain, truth, size)
    if not small["brain"].any():
        raise ValueError(_too_small(volume, mask))
    affine = volume.affine @ _homogeneous(matrix, offset)
    full_size = whole if full else {}
    return Prepared(**small, **full_size, affine=affine, voxel_mm=voxel_mm, notes=notes)


def _stacks(image, brain, lesion, size):
    """(arrays at the network's size, arrays in the box's voxels): fields of `Prepared`."""
    whole = {
        "full": _axial_slices(image),
        "full_brain": _axial_slices(brain),
        "full_lesion": _axial_slices(lesion),
    }
    small = {
        "images": _shrunk(whole["full"], size),
        "brain": _shrunk(whole["full_brain"], size),
        "lesion": _shrunk(whole["full_lesion"], size),
    }
    return small, whole


def _check_options(smoothing, percentiles_of):
    if smoothing not in SMOOTHING:
        raise ValueError(f"smoothing: expected one of {', '.join(SMOOTHING)}, got {smoothing!r}.")
    if percentiles_of not in ("brain", "box"):
        raise ValueError(f"percentiles_of: expected brain or box, got {percentiles_of!r}.")


def _to_grey_values(image, brain, smoothing, n4, percentiles_of, steps):
    """The head in the box as grey values in [0, 1]; `steps` receives the image after each step."""
    image = np.where(brain, image - image[brain].min(), 0).astype(np.float32)
    steps["brain only"] = image
    if n4:
        image = without_bias(image, brain)
        steps["N4"] = image
    if smoothing != "none":
        image = smooth(image, brain, smoothing)
        steps[smoothing.replace("_", " ")] = image
    low, high = np.percentile(image[brain] if percentiles_of == "brain" else image, PERCENTILES)
    image = np.clip((image - low) / max(high - low, 1e-12), 0, 1) * brain
    image = image.astype(np.float32)
    steps["clipped and scaled"] = image
    return image


def _axial_slices(array):
    """(X, Y, Z) -> (D, H, W, 1)."""
    return np.ascontiguousarray(slices.pictures(array, "axial"))[..., None]


def _shrunk(stack, size):
    return shrink(stack[..., 0], size)[..., None]


def _homogeneous(matrix, offset):
    """(3, 3) and (3,) -> (4, 4)."""
    return np.block([[matrix, offset[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])


def _too_small(volume, mask):
    voxels = np.count_nonzero(mask)
    size_ml = voxels * np.prod(volume.voxel_mm) / 1000
    return (
        f"{volume.path}: expected a brain mask of a brain, got one of {voxels} voxels "
        f"({size_ml:.3g} ml), of which nothing is left at the network's size. Look at it on the "
        "quality page, or give a mask of your own."
    )
