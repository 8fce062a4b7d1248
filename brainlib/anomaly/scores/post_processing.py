"""From a raw map to what is called lesion (thesis 002, section 4.2.4).

Eroded brain mask, median filter, small components out; a threshold says what is called.
"""

import numpy as np
from scipy import ndimage

CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)  # 4-neighbours in the slice
SQUARE = np.zeros((3, 3, 3), bool)
SQUARE[1] = True  # 8-neighbours in the slice


def post_process(
    score: np.ndarray,
    brain_mask: np.ndarray | None,
    *,
    mask: bool = True,
    erode_px: int = 3,
    median: int = 9,
    threshold: float | None = None,
    min_pixels: int = 7,
) -> np.ndarray:
    """Eroded brain mask, median filter, small components out; each step can be switched off.

    Args:
        score: maps (N, H, W) or (N, H, W, 1), 0 or more.
        brain_mask: bool, of the same shape; None only with mask=False.
        mask: whether scores outside of the eroded mask become 0.
        erode_px: erosion of every slice's mask, in pixels; 0 leaves it.
        median: side of the median filter (9 and 5 in the thesis); 0 or 1 leaves it out.
        threshold: scores below it become 0 before components are counted; None: the thesis's
            order, in which every pixel above 0 counts.
        min_pixels: components (8-neighbours in the slice) of fewer pixels become 0; 0 leaves them.

    Returns:
        float32 array of the shape of `score`.
    """
    score = np.asarray(score, np.float32)
    stack = (score[..., 0] if score.ndim == 4 else score).copy()
    if mask:
        if brain_mask is None or np.shape(brain_mask) != score.shape:
            raise ValueError(
                f"post_process: expected a brain mask of shape {score.shape}, got "
                f"{np.shape(brain_mask)}. mask=False leaves it out."
            )
        stack *= erode(np.asarray(brain_mask, bool).reshape(stack.shape), erode_px)
    if median > 1:
        stack = ndimage.median_filter(stack, size=(1, median, median))
    if threshold is not None:
        stack[stack < threshold] = 0
    if min_pixels > 1:
        stack *= without_small(stack > 0, min_pixels)
    return stack.reshape(score.shape)


def detect(
    score: np.ndarray,
    threshold: float,
    *,
    min_pixels: int = 7,
    inside: np.ndarray | None = None,
) -> np.ndarray:
    """What is called lesion: score >= threshold, without small components.

    Args:
        score: (N, H, W) or (N, H, W, 1).
        threshold: 0 calls every pixel that is judged.
        min_pixels: components of fewer pixels are dropped.
        inside: bool of the score's shape, the pixels that are judged at all; without it the empty
            space around the head is judged as well.

    Returns:
        bool array of the score's shape.
    """
    score = np.asarray(score)
    called = score >= threshold if inside is None else (score >= threshold) & inside
    return without_small(called.reshape(score.shape[:3]), min_pixels).reshape(score.shape)


def erode(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Every slice's mask without a rim of `pixels`: bool (N, H, W)."""
    if not pixels:
        return mask
    return ndimage.binary_erosion(mask, structure=CROSS, iterations=pixels)


def without_small(mask: np.ndarray, min_pixels: int) -> np.ndarray:
    """Masks without components (8-neighbours in the slice) of few pixels: bool (N, H, W)."""
    if min_pixels <= 1:
        return mask
    pieces, _ = ndimage.label(mask, structure=SQUARE)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= min_pixels)[pieces]
