"""Metrics: one number an image. Averages are the table's business (see `stats`)."""

import numpy as np
from skimage.metrics import structural_similarity

# Wang et al. 2004 with the constants of every seed: 11x11 Gaussian window of sigma 1.5, k1 0.01, k2 0.03.
SSIM = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "K1": 0.01, "K2": 0.03}


def _pair(target, output):
    target, output = np.asarray(target, dtype=np.float64), np.asarray(output, dtype=np.float64)
    if target.shape != output.shape or target.ndim != 4 or target.shape[-1] != 1:
        raise ValueError(f"expected two arrays of one shape (B, H, W, 1), got {target.shape} and {output.shape}.")
    return target, output


def mse(target, output):
    """Mean squared error. target, output: (B, H, W, 1) -> (B,)."""
    target, output = _pair(target, output)
    return np.mean((target - output) ** 2, axis=(1, 2, 3))


def psnr(target, output, *, data_range):
    """Peak signal-to-noise ratio in dB; infinite for equal images. (B, H, W, 1) -> (B,)."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / mse(target, output))


def ssim(target, output, *, data_range):
    """Structural similarity (Wang et al. 2004), mean over the picture without the window's margin. (B, H, W, 1) -> (B,).

    Raises:
        ValueError: a side is shorter than the window's 11 pixels.
    """
    target, output = _pair(target, output)
    return np.array([structural_similarity(first[..., 0], second[..., 0], data_range=data_range, **SSIM)
                     for first, second in zip(target, output)])


def dssim(target, output, *, data_range):
    """Structural dissimilarity (1 - SSIM) / 2, as seed 004 has it. (B, H, W, 1) -> (B,)."""
    return (1 - ssim(target, output, data_range=data_range)) / 2


def measure(target, output, *, data_range=1.0):
    """All metrics of reconstructions: (B, H, W, 1) -> dict of name -> (B,): mse, dssim, ssim, psnr (dB)."""
    similarity = ssim(target, output, data_range=data_range)
    return {"mse": mse(target, output), "dssim": (1 - similarity) / 2, "ssim": similarity,
            "psnr": psnr(target, output, data_range=data_range)}
