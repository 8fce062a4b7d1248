"""Statistics over subjects, against closed forms and SciPy."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from brainlib import stats


def test_means_by_subject_weigh_subjects_not_slices():
    values, subjects = [1, 1, 1, 5], ["a", "a", "a", "b"]
    assert stats.by_subject(values, subjects)[1].tolist() == [1, 5]
    mean, low, high = stats.bootstrap_interval(values, subjects)
    assert mean == 3 and low == 1 and high == 5


def test_the_interval_is_wider_over_subjects_than_over_slices_would_be():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(8), 50)
    values = np.repeat(rng.normal(0, 1, 8), 50) + rng.normal(0, 0.1, 400)
    _, low, high = stats.bootstrap_interval(values, subjects)
    _, low_slices, high_slices = stats.bootstrap_interval(values, np.arange(400))
    assert high - low > 3 * (high_slices - low_slices)
    assert stats.bootstrap_interval(values, subjects) == stats.bootstrap_interval(values, subjects)
    assert np.isnan(stats.bootstrap_interval([1.0, 2.0], ["a", "a"])[1])


def test_comparison_is_paired_over_subjects():
    rng = np.random.default_rng(1)
    subjects = np.repeat(list("abcdef"), 20)
    first = rng.normal(0, 1, 120)
    second = first - np.repeat(rng.normal(0.2, 0.3, 6), 20)
    found = stats.compare(first, second, subjects)
    means = stats.by_subject(first - second, subjects)[1]
    assert found["n"] == 6 and found["p_subjects"] == pytest.approx(scipy_stats.ttest_1samp(means, 0).pvalue)
    assert found["p_slices"] < found["p_subjects"] and found["effect_size"] == pytest.approx(means.mean() / means.std(ddof=1))


def test_holm_by_hand():
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
