"""Does a network copy lesions, and does a restoration heal them? (thesis 002, 5.4, 6.2).

The thesis found its sharpest network to be its worst detector. Here lesions are planted into
healthy slices, and what the output repeats of them is measured; a synthetic head's lesion-free
twin says what a restoration should have come to.
"""

from collections.abc import Sequence

import keras
import numpy as np
from scipy import ndimage

from brainlib.anomaly import scores


def plant_lesions(
    images: np.ndarray,
    brain: np.ndarray,
    *,
    contrast: float,
    radius_px: float,
    seed: int = 0,
    softness_px: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Round lesions planted into healthy slices, one each, inside the brain where it has room.

    Args:
        images: (N, H, W, 1) in [0, 1].
        brain: bool, the same shape.
        contrast: grey values that are added (negative: a dark lesion); the result is clipped to
            [0, 1].
        radius_px: of the lesion.
        seed: of the places.
        softness_px: width of the lesion's rim.

    Returns:
        (slices with lesions, share of the lesion in each pixel, 0 to 1), both (N, H, W, 1).
    """
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    planted, shares = np.array(images, np.float32), np.zeros(images.shape, np.float32)
    for number, (image, inside) in enumerate(zip(planted, brain[..., 0])):
        places = _places_with_room(inside, radius_px)
        row, column = places[np.random.default_rng([seed, number]).integers(len(places))]
        distance = np.hypot(rows - row, columns - column)
        shares[number, ..., 0] = np.clip((radius_px - distance) / softness_px + 0.5, 0, 1) * inside
        image[...] = np.clip(image + contrast * shares[number], 0, 1)
    return planted, shares


def _places_with_room(brain, radius_px):
    """Centres (row, column) of discs that lie in the brain, or its deepest place: (M, 2)."""
    depth = ndimage.distance_transform_edt(brain)
    places = np.argwhere(depth > radius_px)
    return places if len(places) else np.argwhere(depth == depth.max())


def copied_share(model: keras.Model, images: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """How much of a planted change each output repeats: 1 all of it (a copy), 0 nothing.

    The change of the output, projected on the change of the input:
    <f(x + d) - f(x), d> / <d, d>. images, planted: (N, H, W, 1) -> (N,).
    """
    change = planted - images
    answer = scores.reconstruct(model, planted) - scores.reconstruct(model, images)
    axes = (1, 2, 3)
    return (answer * change).sum(axis=axes) / np.maximum((change**2).sum(axis=axes), 1e-12)


def copying_audit(
    model: keras.Model,
    images: np.ndarray,
    brain: np.ndarray,
    *,
    contrasts: Sequence[float],
    radii_px: Sequence[float],
    seed: int = 0,
) -> list[dict]:
    """Planted lesions of growing contrast and size: how much of each does a network repeat?

    Args:
        model: a model of the workbook.
        images: healthy slices (N, H, W, 1) in [0, 1].
        brain: bool, the same shape.
        contrasts: of the planted lesions, grey values.
        radii_px: of the planted lesions.
        seed: of the places.

    Returns:
        list of dicts: contrast, radius_px, painted_back (mean of `copied_share` over slices), std,
        slices.
    """
    rows = []
    for radius in radii_px:
        for contrast in contrasts:
            planted, _ = plant_lesions(
                images, brain, contrast=contrast, radius_px=radius, seed=seed
            )
            changed = np.abs(planted - images).max(axis=(1, 2, 3)) > 0
            share = copied_share(model, images[changed], planted[changed])
            rows.append(
                {
                    "contrast": contrast,
                    "radius_px": radius,
                    "painted_back": float(share.mean()),
                    "std": float(share.std()),
                    "slices": int(changed.sum()),
                }
            )
    return rows


def healed_share(
    output: np.ndarray, image: np.ndarray, twin: np.ndarray, lesion: np.ndarray
) -> float:
    """Share of a lesion's squared error that a restoration removes: 1 healed, 0 as ill as before.

    Args:
        output: the restoration, (N, H, W, 1).
        image: the ill head's slices.
        twin: the same head's without the lesion.
        lesion: bool; NaN without lesion.
    """
    lesion = np.asarray(lesion, bool)
    before, after = (
        float(np.sum((np.asarray(part, np.float64) - twin)[lesion] ** 2))
        for part in (image, output)
    )
    return 1 - after / before if before else np.nan
