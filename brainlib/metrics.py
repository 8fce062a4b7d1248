"""How far an output is from its target: one number per image, plain arrays in and out.

Averages, intervals and comparisons are the business of `stats`; nothing here knows subjects or
tables.
"""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

SSIM_WINDOW = 11  # pixels; a Gaussian of sigma 1.5, as in Wang et al. 2004
SSIM_SIGMA = 1.5


def mse(target: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Mean squared error in squared image units. target, output: (B, H, W, 1) -> (B,)."""
    target, output = _pair(target, output)
    return np.mean((target - output) ** 2, axis=(1, 2, 3))


def psnr(target: np.ndarray, output: np.ndarray, *, data_range: float) -> np.ndarray:
    """Peak signal-to-noise ratio in dB. target, output: (B, H, W, 1) -> (B,).

    Infinite where the two are equal. data_range: largest minus smallest value that there can be.
    """
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / mse(target, output))


def ssim(target: np.ndarray, output: np.ndarray, *, data_range: float) -> np.ndarray:
    """Structural similarity, at most 1. target, output: (B, H, W, 1) -> (B,).

    An 11x11 Gaussian window of sigma 1.5, k1 0.01, k2 0.03 (Wang et al. 2004), averaged over the
    places where the whole window lies in the image: what tf.image.ssim computes, which the theses
    measured with.
    """
    target, output = _pair(target, output)
    if min(target.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs images of {SSIM_WINDOW}x{SSIM_WINDOW} pixels or more, "
            f"got {target.shape[1]}x{target.shape[2]}."
        )
    similarities = [
        structural_similarity(
            one_target[..., 0],
            one_output[..., 0],
            data_range=data_range,
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            use_sample_covariance=False,
        )
        for one_target, one_output in zip(target, output)
    ]
    return np.array(similarities)


def dssim(target: np.ndarray, output: np.ndarray, *, data_range: float) -> np.ndarray:
    """Structural dissimilarity (1 - SSIM) / 2, 0 to 1. target, output: (B, H, W, 1) -> (B,)."""
    return (1 - ssim(target, output, data_range=data_range)) / 2


def measure(
    target: np.ndarray, output: np.ndarray, *, data_range: float = 1.0
) -> dict[str, np.ndarray]:
    """All of them at once: {"mse", "dssim", "ssim", "psnr"}, each (B,).

    target, output: (B, H, W, 1).
    """
    similarity = ssim(target, output, data_range=data_range)
    return {
        "mse": mse(target, output),
        "dssim": (1 - similarity) / 2,
        "ssim": similarity,
        "psnr": psnr(target, output, data_range=data_range),
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
