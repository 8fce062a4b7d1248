"""Intervals and comparisons against SciPy, closed forms and simulated cohorts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from brainlib.evaluation import stats


def _cohort(rng, *, subjects=8, slices=30, between=1.0, within=0.1):
    names = np.repeat([f"S{number}" for number in range(subjects)], slices)
    means = np.repeat(rng.normal(0, between, subjects), slices)
    return means + rng.normal(0, within, len(names)), names


def test_mean_of_subjects_not_of_slices():
    values, subjects = np.array([1.0, 1, 1, 5]), np.array(["b", "b", "b", "a"])
    names, means = stats.by_subject(values, subjects)
    assert list(names) == ["a", "b"]
    np.testing.assert_allclose(means, [5, 1])
    assert stats.bootstrap_interval(values, subjects).mean == 3


def test_interval_is_deterministic_and_grows_with_the_level():
    values, subjects = _cohort(np.random.default_rng(1))
    first, again = (stats.bootstrap_interval(values, subjects, seed=3) for _ in range(2))
    assert first == again and first.low < first.mean < first.high and first.subjects == 8
    wide = stats.bootstrap_interval(values, subjects, level=0.99, seed=3)
    assert wide.low < first.low and first.high < wide.high


def test_interval_follows_subjects_not_slices():
    """Ten times the slices of the same subjects make the interval no narrower."""
    values, subjects = _cohort(np.random.default_rng(2))
    few, many = (
        stats.bootstrap_interval(values, subjects),
        stats.bootstrap_interval(np.tile(values, 10), np.tile(subjects, 10)),
    )
    np.testing.assert_allclose((few.low, few.high), (many.low, many.high))
    _, means = stats.by_subject(values, subjects)
    assert 0.5 < (few.high - few.low) / (2 * 1.96 * means.std(ddof=1) / np.sqrt(8)) < 1.2


def test_one_subject_has_no_interval():
    interval = stats.bootstrap_interval([1.0, 2.0], ["a", "a"])
    assert interval.mean == 1.5 and np.isnan(interval.low) and interval.subjects == 1


def test_compare_is_scipys_paired_test_over_subjects_and_over_slices():
    rng = np.random.default_rng(4)
    a, subjects = _cohort(rng)
    b = a + np.repeat(rng.normal(0.3, 0.5, 8), 30) + rng.normal(0, 0.1, 240)
    result = stats.compare_pair(a, b, subjects)
    means_a, means_b = a.reshape(8, 30).mean(1), b.reshape(8, 30).mean(1)
    reference = scipy_stats.ttest_rel(means_a, means_b)
    np.testing.assert_allclose(
        (result["t"], result["p_t"]), (reference.statistic, reference.pvalue)
    )
    np.testing.assert_allclose(result["d_z"], reference.statistic / np.sqrt(8))
    np.testing.assert_allclose(result["p_wilcoxon"], scipy_stats.wilcoxon(means_a, means_b).pvalue)
    over_slices = scipy_stats.ttest_rel(a, b)
    np.testing.assert_allclose(
        (result["t_slices"], result["p_slices"]), (over_slices.statistic, over_slices.pvalue)
    )
    assert (
        result["p_slices"] < 1e-6 < result["p_t"]
        and result["subjects"] == 8
        and result["slices"] == 240
    )


def test_compare_of_equal_models_claims_nothing():
    result = stats.compare_pair([1.0, 2, 3], [1.0, 2, 3], ["a", "b", "b"])
    assert result["difference"] == 0
    assert all(np.isnan(result[name]) for name in ("d_z", "t", "p_t", "p_wilcoxon", "p_slices"))


def test_holm_by_hand():
    np.testing.assert_allclose(stats.holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(stats.holm([0.5, 0.9]), [1.0, 1.0])
    np.testing.assert_allclose(stats.holm([0.02, np.nan, 0.01]), [0.02, np.nan, 0.02])
    assert stats.holm([]).shape == (0,)


def test_compare_all_pairs():
    rng = np.random.default_rng(5)
    values, subjects = _cohort(rng)
    rows = stats.compare_all(
        {"x": values, "y": values + rng.normal(1, 0.1, 240), "z": values + rng.normal(0, 1, 240)},
        subjects,
    )
    assert [(row["a"], row["b"]) for row in rows] == [("x", "y"), ("x", "z"), ("y", "z")]
    assert all(row["p_t"] <= row["p_t_holm"] <= 1 for row in rows)


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="one subject per slice"):
        stats.by_subject([1.0, 2.0], ["a"])
    with pytest.raises(ValueError, match="same slices"):
        stats.compare_pair([1.0, 2.0], [1.0], ["a", "b"])
    with pytest.raises(ValueError, match="at least one"):
        stats.bootstrap_interval([], [])


# ------------------------------------------------------------------------------------- verdicts


def _paired(gains):
    """`paired_difference` of people with these gains of a over b, three slices each."""
    base = np.random.default_rng(0).normal(size=3 * len(gains))
    people = np.repeat([f"S{number}" for number in range(len(gains))], 3)
    return stats.paired_difference(base + np.repeat(gains, 3), base, people)


def test_paired_difference_is_students_interval_over_people():
    gains = np.array([1.0, 2, 3, 4, 5])  # mean 3, standard deviation sqrt(2.5)
    paired = _paired(gains)
    half = scipy_stats.t.ppf(0.975, 4) * np.sqrt(2.5 / 5)
    np.testing.assert_allclose(paired[:3], (3, 3 - half, 3 + half))
    assert paired[3:] == (5, 5, 0)
    assert _paired(-gains)[3:] == (5, 0, 5)


def test_the_interval_leaves_out_zero_where_the_t_test_says_so():
    rng = np.random.default_rng(3)
    for shift in np.linspace(0, 2, 15):
        gains = rng.normal(shift, 1, 7)
        people = [f"S{number}" for number in range(7)]
        paired = stats.paired_difference(gains, np.zeros(7), people)
        p_value = stats.compare_pair(gains, np.zeros(7), people)["p_t"]
        assert (paired.low > 0 or paired.high < 0) == (p_value < 0.05)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([1.0, 1.1, 0.9, 1.0, 1.2, 1.0], "shown"),
        ([1.0, -1.1, 0.9, -1.0, 1.2, -1.0], "not shown"),
        ([-1.0, -1.1, -0.9, -1.0, -1.2, -1.0], "not shown"),
        ([1.0, 1.1, 0.9, 1.0, 1.2], "too few to decide"),  # even though all five agree
        ([-1.0, -1.1, -0.9, -1.0, -1.2], "not shown"),  # against the claim: five are enough
        ([1.0], "too few to decide"),
        ([0.0] * 6, "not shown"),
    ],
)
def test_the_interval_over_people_decides(gains, expected):
    paired = _paired(np.array(gains))
    assert stats.verdict(paired) == expected
    losses = _paired(-np.array(gains))
    assert stats.verdict(losses, better="lower") == expected


def test_a_comparison_in_words():
    worse = stats.PairedDifference(-1.4, -1.9, -0.9, people=5, above=0, below=5)
    assert stats.in_words(worse, a="VAE", b="PCA 64", unit="dB") == (
        "not shown: VAE - PCA 64 = -1.4 dB [-1.9, -0.9], worse on 5 of 5 people."
    )
    better = stats.PairedDifference(-0.0213, -0.0301, -0.0125, people=12, above=1, below=11)
    assert stats.in_words(better, a="skips", b="input", better="lower") == (
        "shown: skips - input = -0.021 [-0.030, -0.013], better on 11 of 12 people."
    )
    alone = stats.PairedDifference(2.5, np.nan, np.nan, people=1, above=1, below=0)
    assert stats.in_words(alone, a="x", b="y", unit="nats") == (
        "too few to decide: x - y = 2.5 nats, better on 1 of 1 person."
    )


def test_a_finding_is_a_verdict_its_words_and_the_numbers_behind_them():
    worse = stats.PairedDifference(-1.4, -1.9, -0.9, people=5, above=0, below=5)
    found = stats.finding(worse, a="VAE", b="PCA 64", unit="dB")
    assert found["verdict"] == "not shown" and found["people"] == 5 and found["high"] == -0.9
    assert found["words"] == stats.in_words(worse, a="VAE", b="PCA 64", unit="dB")


def test_words_hide_no_limit_behind_zero_and_show_no_minus_before_it():
    close = stats.PairedDifference(1.5, 0.04, 2.96, people=9, above=7, below=2)
    assert "[0.04, 2.96]" in stats.in_words(close, a="x", b="y")
    nothing = stats.PairedDifference(-0.001, -2.4, 2.4, people=9, above=4, below=5)
    assert "= 0 [-2, 2]" in stats.in_words(nothing, a="x", b="y")
    with pytest.raises(ValueError, match="higher"):
        stats.verdict(close, better="more")


def test_a_table_of_models_gives_one_row_per_pair():
    rng = np.random.default_rng(5)
    subjects = np.repeat(list("abcdefgh"), 20)
    table = pd.DataFrame(rng.normal(0, 1, (160, 3)), columns=["vae", "PCA 64", "input"])
    table["vae"] += np.repeat(rng.normal(1, 0.5, 8), 20)
    pairs = stats.compare(table, subjects)
    assert pairs[["a", "b"]].to_numpy().tolist() == [
        ["vae", "PCA 64"],
        ["vae", "input"],
        ["PCA 64", "input"],
    ]
    means = table.groupby(subjects).mean()
    for row in pairs.itertuples():
        reference = scipy_stats.ttest_rel(means[row.a], means[row.b])
        limits = reference.confidence_interval(0.95)
        np.testing.assert_allclose((row.p, row.low, row.high), (reference.pvalue, *limits))
        difference = means[row.a] - means[row.b]
        assert row.mean_difference == pytest.approx(difference.mean())
        assert row.effect_size == pytest.approx(difference.mean() / difference.std())
    np.testing.assert_allclose(pairs.p_corrected, stats.holm(pairs.p))
    assert (pairs.n == 8).all()


def test_without_subjects_images_count_unless_the_index_knows_people():
    table = pd.DataFrame({"a": [1.0, 2, 4, 7], "b": [0.0, 1, 1, 2]})
    assert stats.compare(table).n.tolist() == [4]
    table.index = pd.MultiIndex.from_arrays([list("ppqq"), range(4)], names=["subject", "row"])
    assert stats.compare(table).n.tolist() == [2]
    assert stats.compare({"a": [1.0, 2], "b": [1.0, 2]}).p.isna().all()
    assert len(stats.compare(table[["a"]])) == 0
