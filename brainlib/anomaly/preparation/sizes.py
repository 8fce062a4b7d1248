"""How do slices of the box become as small as a network wants them, and maps large again?

Thesis 002 halves with anti-aliasing (section 4.1.2) and enlarges reconstructions before it
subtracts (section 4.2.4).
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage.transform import resize

from brainlib.anomaly.preparation.box import BOX_MM


def shrink(stack: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """A stack at another size, anti-aliased as scikit-image's `resize` does it; masks by majority.

    Args:
        stack: (D, H, W), grey values in [0, 1] or bool.
        size: (slices, rows, columns).

    Returns:
        float32 or bool array of that size.
    """
    is_mask = stack.dtype == bool
    values = stack.astype(np.float32)
    factors = [side // wanted for side, wanted in zip(stack.shape, size)]
    whole = [wanted * factor for wanted, factor in zip(size, factors)]
    if list(stack.shape) != whole:
        values = resize(values, size, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    else:
        values = _shrink_by_whole_factors(values, factors, is_mask)
    return values > 0.5 if is_mask else values.astype(np.float32).clip(0, 1)


def _shrink_by_whole_factors(values, factors, is_mask):
    """The numbers of `resize`, several times faster."""
    if not is_mask:
        sigmas = [(factor - 1) / 2 for factor in factors]
        values = ndimage.gaussian_filter(values, sigmas, mode="nearest")
    for axis, factor in enumerate(factors):
        shrink_axis = _group_means if is_mask else _group_centres
        values = shrink_axis(values, axis, factor)
    return values


def _group_means(values, axis, factor):
    shape = (*values.shape[:axis], values.shape[axis] // factor, factor, *values.shape[axis + 1 :])
    return values.reshape(shape).mean(axis=axis + 1)


def _group_centres(values, axis, factor):
    """Linear interpolation at the centres of groups: the middle one, or the mean of the two."""
    parts = [
        np.take(values, range(start, values.shape[axis], factor), axis=axis)
        for start in {(factor - 1) // 2, factor // 2}
    ]
    return sum(parts) / len(parts)


def enlarge(stack: np.ndarray, size: Sequence[int] = BOX_MM[::-1]) -> np.ndarray:
    """Slices (D, H, W) at the padded size, linearly: float32 of `size`.

    It is what thesis 002 does with reconstructions before it subtracts.
    """
    return resize(
        np.asarray(stack, np.float32),
        size,
        order=1,
        mode="edge",
        anti_aliasing=False,
        preserve_range=True,
    ).astype(np.float32)
