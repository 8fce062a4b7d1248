"""Honest statistics: subjects are independent, slices are not."""

import numpy as np
from scipy import stats as scipy_stats


def by_subject(values, subjects):
    """(names, means): the mean of each subject's values. values: (N,), subjects: (N,)."""
    names, places = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    return names, np.bincount(places, weights=np.asarray(values, dtype=float)) / np.bincount(places)


def bootstrap_interval(values, subjects, *, n=2000, level=0.95, seed=0):
    """(mean, low, high): mean of subject means with a percentile bootstrap interval over subjects.

    One subject gives no interval: low and high are NaN.
    """
    _, means = by_subject(values, subjects)
    if len(means) < 2:
        return float(means.mean()), float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(len(means), size=(n, len(means)))
    low, high = np.quantile(means[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(means.mean()), float(low), float(high)


def compare(first, second, subjects):
    """Two models on the same images.

    Returns:
        dict: n (subjects), difference (mean over subjects of first - second), effect_size (d_z, difference over its
        standard deviation), p_subjects (paired t over subjects: the honest one), p_wilcoxon (the same without
        normality), p_slices (the seeds' paired t over slices, too small because slices of a head are alike).
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    _, means = by_subject(first - second, subjects)
    spread = means.std(ddof=1) if len(means) > 1 else float("nan")
    few = len(means) < 2 or not spread > 0
    return {"n": len(means), "difference": float(means.mean()), "effect_size": float("nan") if few else float(means.mean() / spread),
            "p_subjects": float("nan") if few else float(scipy_stats.ttest_1samp(means, 0).pvalue),
            "p_wilcoxon": float("nan") if few else float(scipy_stats.wilcoxon(means).pvalue),
            "p_slices": float(scipy_stats.ttest_rel(first, second).pvalue)}


def holm(p_values):
    """Holm's correction for several comparisons; NaN stays NaN. (N,) -> (N,)."""
    p_values = np.asarray(p_values, dtype=float)
    corrected = np.full_like(p_values, np.nan)
    order = np.argsort(p_values)
    order = order[~np.isnan(p_values[order])]
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
