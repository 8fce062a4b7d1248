"""Measures of a head that give bad scans and bad masks away."""

import numpy as np
import pandas as pd


def quality(volume, mask):
    """Measures of a head that give bad scans and bad masks away.

    Returns:
        dict: brain_ml; edge_share, the share of the brain mask's voxels on the border of the field of view; parts, the
        share of the mask outside its largest connected piece; brain_level, the brain's median over the head's 99.5th
        percentile; contrast, the 5th to 95th percentile range of the brain over its median; noise, the standard
        deviation of noise as the second difference along axis 0 inside the brain shows it, over the median.
    """
    from scipy import ndimage

    voxel_ml = float(np.prod(volume.voxel_mm)) / 1000
    inside = volume.array[mask]
    median = max(float(np.median(inside)), 1e-6)
    border = np.ones_like(mask)
    border[1:-1, 1:-1, 1:-1] = False
    pieces, count = ndimage.label(mask)
    largest = np.bincount(pieces.ravel())[1:].max() if count else 0
    second = np.diff(volume.array, n=2, axis=0)[mask[:-2] & mask[1:-1] & mask[2:]]
    deviation = (
        1.4826 * np.median(np.abs(second - np.median(second))) / np.sqrt(6)
    )  # white noise: variance 1+4+1
    return {
        "brain_ml": np.count_nonzero(mask) * voxel_ml,
        "edge_share": np.count_nonzero(mask & border) / mask.sum(),
        "parts": 1 - largest / mask.sum(),
        "brain_level": median / max(float(np.percentile(volume.array, 99.5)), 1e-6),
        "contrast": float(np.subtract(*np.percentile(inside, [95, 5]))) / median,
        "noise": float(deviation) / median,
    }


def outliers(table, columns, *, limit=3.5):
    """Adds `outlier` (largest robust z-score over the columns) and `why` (the measures beyond the limit, in words).

    Robust z: 0.6745 |x - median| / MAD (Iglewicz and Hoaglin, 1993); the MAD has a floor of 2 % of the median, so
    that measures that hardly vary raise no alarm. Rows are returned with the worst first.
    """
    scores = {}
    for column in columns:
        values = table[column].astype(float)
        distance = (values - values.median()).abs()
        spread = max(float(distance.median()), 0.02 * abs(float(values.median())), 1e-3)
        scores[column] = 0.6745 * distance / spread
    scores = pd.DataFrame(scores)
    why = [
        ", ".join(
            f"{column} {table.loc[row, column]:.3g} (median {table[column].median():.3g})"
            for column in columns
            if scores.loc[row, column] > limit
        )
        for row in table.index
    ]
    return table.assign(outlier=scores.max(axis=1), why=why).sort_values(
        "outlier", ascending=False, kind="stable"
    )
