"""Intervals and comparisons that know that slices of one head are not independent."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A mean over subjects and its confidence interval; NaN limits where one subject cannot give any."""

    mean: float
    low: float
    high: float
    subjects: int


def by_subject(values, subjects):
    """Mean of each subject's values. values, subjects: (N,) -> (names (S,), means (S,)), names sorted."""
    values, subjects = _columns(values, subjects)
    names, place = np.unique(subjects, return_inverse=True)
    return names, np.bincount(place, weights=values) / np.bincount(place)


def bootstrap_interval(values, subjects, *, n=2000, level=0.95, seed=0):
    """Mean of the subjects' means, with a percentile bootstrap over subjects.

    Args:
        values: (N,) one number a slice.
        subjects: (N,) whose slice it is.
        n: resamplings.
        level: share of the interval, between 0 and 1.
        seed: of the resampling.
    """
    names, means = by_subject(values, subjects)
    if len(names) < 2:
        return Interval(float(means.mean()), np.nan, np.nan, len(names))
    result = stats.bootstrap(
        (means,),
        np.mean,
        n_resamples=n,
        confidence_level=level,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return Interval(float(means.mean()), float(low), float(high), len(names))


def compare(values_a, values_b, subjects):
    """Compares two models on the same slices, honestly and as the seeds did.

    Args:
        values_a, values_b: (N,) one number a slice, in the same order.
        subjects: (N,) whose slice it is.

    Returns:
        A dictionary. `difference` is the mean over subjects of a - b; `p_t` and `p_wilcoxon` are two-sided and paired
        over subjects; `d_z` is the mean difference over its standard deviation between subjects; `t_slices` and
        `p_slices` are the seeds' t-test over slices, which takes slices of one head for independent. NaN where there
        are too few subjects, or where the subjects do not differ among themselves.
    """
    values_a, values_b = (
        np.asarray(values_a, dtype="float64"),
        np.asarray(values_b, dtype="float64"),
    )
    if values_a.shape != values_b.shape:
        raise ValueError(
            f"both models need the same slices, got {values_a.shape} and {values_b.shape} values."
        )
    names, differences = by_subject(values_a - values_b, subjects)
    t_subjects, p_subjects = _paired_t(differences)
    t_slices, p_slices = _paired_t(values_a - values_b)
    spread = differences.std(ddof=1) if len(names) > 1 else np.nan
    return {
        "difference": float(differences.mean()),
        "d_z": float(differences.mean() / spread) if spread > 0 else np.nan,
        "t": t_subjects,
        "p_t": p_subjects,
        "p_wilcoxon": _wilcoxon(differences),
        "subjects": len(names),
        "t_slices": t_slices,
        "p_slices": p_slices,
        "slices": len(values_a),
    }


def compare_all(values, subjects):
    """Every pair of models, corrected for the number of comparisons (Holm).

    Args:
        values: {model: (N,) one number a slice}.
        subjects: (N,).

    Returns:
        A list of `compare`'s dictionaries with `a`, `b` (names of the models) and `p_t_holm`, `p_wilcoxon_holm`,
        `p_slices_holm`.
    """
    rows = [
        {"a": a, "b": b, **compare(values[a], values[b], subjects)}
        for a, b in combinations(values, 2)
    ]
    for name in ("p_t", "p_wilcoxon", "p_slices"):
        for row, corrected in zip(rows, holm([row[name] for row in rows])):
            row[f"{name}_holm"] = float(corrected)
    return rows


def holm(p_values):
    """Holm's step-down correction, in the order given. NaN stays NaN and counts as no comparison. (M,) -> (M,)."""
    p_values = np.asarray(p_values, dtype="float64")
    corrected = np.full_like(p_values, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def _paired_t(differences):
    if len(differences) < 2 or np.ptp(differences) == 0:
        return np.nan, np.nan
    result = stats.ttest_1samp(differences, 0.0)
    return float(result.statistic), float(result.pvalue)


def _wilcoxon(differences):
    if len(differences) < 2 or not differences.any():
        return np.nan
    return float(stats.wilcoxon(differences).pvalue)


def _columns(values, subjects):
    values, subjects = np.asarray(values, dtype="float64"), np.asarray(subjects)
    if values.ndim != 1 or values.shape != subjects.shape:
        raise ValueError(
            f"expected one value and one subject a slice, got shapes {values.shape} and {subjects.shape}."
        )
    if not len(values):
        raise ValueError("expected at least one value, got none.")
    return values, subjects
