"""Pictures to measure with, and how often each ratio is measured."""

import numpy as np
from scipy import ndimage

REPEATS = 6


def pictures(count: int, side: int = 128, seed: int = 0) -> np.ndarray:
    """Pictures in [0, 1] as a scanner makes them. -> (count, side, side, 1).

    Structure and 2 % of noise in an oval head; after 64 they repeat.
    """
    rng = np.random.default_rng(seed)
    different = min(count, 64)
    smooth = [ndimage.gaussian_filter(rng.random((side, side)), 3) for _ in range(different)]
    heads = np.stack(smooth)
    heads = (heads - heads.min()) / (heads.max() - heads.min())
    heads = heads + rng.normal(0, 0.02, heads.shape)
    rows, columns = np.ogrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    oval = rows**2 / 0.8 + columns**2 / 0.6 < 1
    heads = (np.clip(heads, 0, 1) * oval).astype("float32")
    return np.resize(heads, (count, side, side))[..., None]
