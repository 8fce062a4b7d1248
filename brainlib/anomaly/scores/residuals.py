"""How far is a slice from its healthy version, pixel by pixel? (thesis 002, section 4.2.4)."""

import numpy as np
from skimage.metrics import structural_similarity

from brainlib.anomaly.scores.methods import RESIDUALS
from brainlib.metrics import SSIM_SIGMA

SSIM_WINDOW = 11  # pixels


def residual(target: np.ndarray, output: np.ndarray, kind: str) -> np.ndarray:
    """How far slices are from what a model makes of them, pixel by pixel.

    Args:
        target: (..., H, W) or (..., H, W, 1); (N, H, W, 1) for "dssim".
        output: of the same shape.
        kind: one of `RESIDUALS` or "dssim".
    """
    if kind == "dssim":
        return np.stack([_dssim_map(one, other) for one, other in zip(target, output)])
    difference = np.asarray(target, np.float32) - np.asarray(output, np.float32)
    if kind == "absolute":
        return np.abs(difference)
    if kind == "squared":
        return np.square(difference)
    if kind == "positive":
        return np.maximum(difference, 0)
    if kind == "negative":
        return np.maximum(-difference, 0)
    raise ValueError(f"residual: expected one of {', '.join(RESIDUALS)} or dssim, got {kind!r}.")


def _dssim_map(target, output):
    """(1 - SSIM) / 2 around each pixel of a slice (H, W, 1), of the same shape."""
    rows, columns, _ = target.shape
    if min(rows, columns) < SSIM_WINDOW:
        raise ValueError(f"a DSSIM map needs slices of 11x11 pixels or more, got {rows}x{columns}.")
    _, similarity = structural_similarity(
        target[..., 0],
        output[..., 0],
        data_range=1.0,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        full=True,
    )
    return (1 - similarity[..., None]) / 2
