"""Measures of a head that give bad scans and bad masks away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from brainlib.heads.volumes import Volume


def quality(volume: Volume, mask: np.ndarray) -> dict[str, float]:
    """Measures of a head that give bad scans and bad masks away.

    Args:
        volume: the head.
        mask: bool brain mask of its shape, with at least one voxel.

    Returns:
        dict: brain_ml; edge_share, the share of the brain mask's voxels on the border of the field
        of view; parts, the share of the mask outside its largest connected piece; brain_level, the
        brain's median over the head's 99.5th percentile; contrast, the 5th to 95th percentile range
        of the brain over its median; noise, its standard deviation over the median (see `_noise`).
    """
    voxel_ml = float(np.prod(volume.voxel_mm)) / 1000
    inside = volume.array[mask]
    median = max(float(np.median(inside)), 1e-6)
    border = np.ones_like(mask)
    border[1:-1, 1:-1, 1:-1] = False
    pieces, count = ndimage.label(mask)
    largest = np.bincount(pieces.ravel())[1:].max() if count else 0
    return {
        "brain_ml": np.count_nonzero(mask) * voxel_ml,
        "edge_share": np.count_nonzero(mask & border) / mask.sum(),
        "parts": 1 - largest / mask.sum(),
        "brain_level": median / max(float(np.percentile(volume.array, 99.5)), 1e-6),
        "contrast": float(np.subtract(*np.percentile(inside, [95, 5]))) / median,
        "noise": _noise(volume.array, mask) / median,
    }


def _noise(array: np.ndarray, mask: np.ndarray) -> float:
    """Standard deviation of noise in the brain, grey values, by second differences along axis 0.

    White noise of variance v has second differences of variance (1 + 4 + 1) v; the median absolute
    deviation leaves edges out.
    """
    second = np.diff(array, n=2, axis=0)[mask[:-2] & mask[1:-1] & mask[2:]]
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / np.sqrt(6))


def outliers(table: pd.DataFrame, columns: Sequence[str], *, limit: float = 3.5) -> pd.DataFrame:
    """The table with the worst rows first, and two columns more.

    They are `outlier`, the largest robust z-score over the columns, and `why`, the measures beyond
    the limit, in words. Robust z: 0.6745 |x - median| / MAD (Iglewicz and Hoaglin, 1993).
    """
    scores = pd.DataFrame({column: _robust_z(table[column]) for column in columns})
    why = [_words(table, row, scores.loc[row] > limit) for row in table.index]
    scored = table.assign(outlier=scores.max(axis=1), why=why)
    return scored.sort_values("outlier", ascending=False, kind="stable")


def _robust_z(values: pd.Series) -> pd.Series:
    """Robust z-scores; measures that hardly vary raise no alarm: the MAD is 2 % of the median."""
    values = values.astype(float)
    distance = (values - values.median()).abs()
    spread = max(float(distance.median()), 0.02 * abs(float(values.median())), 1e-3)
    return 0.6745 * distance / spread


def _words(table: pd.DataFrame, row: object, is_beyond: pd.Series) -> str:
    """The measures of a row that are beyond the limit, each with the median of all rows."""
    return ", ".join(
        f"{column} {table.loc[row, column]:.3g} (median {table[column].median():.3g})"
        for column in is_beyond.index[is_beyond]
    )
