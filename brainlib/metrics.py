"""How far an output is from its target: one number per image, plain arrays in and out.

Averages, intervals and comparisons are the business of `stats`; nothing here knows subjects or
tables.
"""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

SSIM_WINDOW = 11  # pixels; a Gaussian of sigma 1.5, as in Wang et al. 2004
SSIM_SIGMA = 1.5


def mse(target: np.ndarray, output: np.ndarray, *, mask: np.ndarray | None = None) -> np.ndarray:
    """Mean squared error in squared image units. target, output: (B, H, W, 1) -> (B,).

    mask: bool (B, H, W, 1), the pixels that count, such as the brain; NaN where an image has none.
    """
    target, output = _pair(target, output)
    return _mean((target - output) ** 2, mask)


def psnr(
    target: np.ndarray, output: np.ndarray, *, data_range: float, mask: np.ndarray | None = None
) -> np.ndarray:
    """Peak signal-to-noise ratio in dB. target, output: (B, H, W, 1) -> (B,).

    Infinite where the two are equal. data_range: largest minus smallest value that there can be.
    mask: as of `mse`.
    """
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / mse(target, output, mask=mask))


def ssim(
    target: np.ndarray, output: np.ndarray, *, data_range: float, mask: np.ndarray | None = None
) -> np.ndarray:
    """Structural similarity, at most 1. target, output: (B, H, W, 1) -> (B,).

    An 11x11 Gaussian window of sigma 1.5, k1 0.01, k2 0.03 (Wang et al. 2004), averaged over the
    places where the whole window lies in the image: what tf.image.ssim computes, which the theses
    measured with. mask: as of `mse`; the windows whose middle is in it count.
    """
    target, output = _pair(target, output)
    if min(target.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs images of {SSIM_WINDOW}x{SSIM_WINDOW} pixels or more, "
            f"got {target.shape[1]}x{target.shape[2]}."
        )
    options = {"data_range": data_range, "gaussian_weights": True, "sigma": SSIM_SIGMA}
    maps = []
    for one_target, one_output in zip(target[..., 0], output[..., 0]):
        _, similarities = structural_similarity(
            one_target, one_output, use_sample_covariance=False, full=True, **options
        )
        maps.append(similarities)
    whole = (slice(None), *[slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))] * 2)
    within = None if mask is None else np.asarray(mask)[whole]
    return _mean(np.array(maps)[whole][..., None], within)


def _mean(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Mean of each image's values, all or those in a mask. (B, H, W, 1) -> (B,)."""
    if mask is None:
        return values.mean(axis=(1, 2, 3))
    if np.shape(mask) != values.shape:
        raise ValueError(f"mask: expected shape {values.shape}, got {np.shape(mask)}.")
    counted = np.count_nonzero(mask, axis=(1, 2, 3))
    with np.errstate(invalid="ignore"):
        return np.where(mask, values, 0).sum(axis=(1, 2, 3)) / counted


def dssim(
    target: np.ndarray, output: np.ndarray, *, data_range: float, mask: np.ndarray | None = None
) -> np.ndarray:
    """Structural dissimilarity (1 - SSIM) / 2, 0 to 1. target, output: (B, H, W, 1) -> (B,).

    mask: as of `ssim`.
    """
    return (1 - ssim(target, output, data_range=data_range, mask=mask)) / 2


def measure(
    target: np.ndarray,
    output: np.ndarray,
    *,
    data_range: float = 1.0,
    mask: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """All of them at once: {"mse", "dssim", "ssim", "psnr"}, each (B,).

    target, output: (B, H, W, 1). mask: as of `mse`.
    """
    similarity = ssim(target, output, data_range=data_range, mask=mask)
    return {
        "mse": mse(target, output, mask=mask),
        "dssim": (1 - similarity) / 2,
        "ssim": similarity,
        "psnr": psnr(target, output, data_range=data_range, mask=mask),
    }


def _pair(target: np.ndarray, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, refused where they are no images of one shape."""
    target, output = np.asarray(target, dtype="float64"), np.asarray(output, dtype="float64")
    if target.shape != output.shape:
        raise ValueError(
            f"target and output must have one shape, got {target.shape} and {output.shape}."
        )
    if target.ndim != 4 or target.shape[-1] != 1:
        raise ValueError(
            f"expected images of shape (B, H, W, 1), got {target.shape}. Add the missing axes."
        )
    return target, output
