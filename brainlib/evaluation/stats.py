"""Intervals and comparisons that know that slices of one head are not independent.

Each person counts once, with the mean over that person's slices. `compare` compares every pair of
a table of models; `compare_pair` gives the tests that the theses made beside the honest ones;
`paired_difference` and `in_words` turn a comparison into a sentence that is true of the run.
"""

import math
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

# An exact sign test of fewer people cannot reach p < 0.05, even if all agree: 2 / 2**5 = 0.0625.
FEWEST_PEOPLE = 6
COMPARED = ["a", "b", "mean_difference", "low", "high", "effect_size", "p", "n"]


class Interval(NamedTuple):
    """A mean over subjects and its confidence interval; limits are NaN for a single subject."""

    mean: float
    low: float
    high: float
    subjects: int


class PairedDifference(NamedTuple):
    """How two models differ on the same people: the mean of a - b over people, and its interval.

    Attributes:
        difference: mean over people of a - b.
        low: lower limit of the interval; NaN where one person cannot give any.
        high: upper limit.
        people: how many.
        above: people for whom a is larger than b.
        below: people for whom a is smaller than b.
    """

    difference: float
    low: float
    high: float
    people: int
    above: int
    below: int


def by_subject(values: ArrayLike, subjects: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each subject's values.

    Args:
        values: (N,) one number per slice.
        subjects: (N,) whose slice it is.

    Returns:
        (names (S,), means (S,)), names sorted.
    """
    values, subjects = _columns(values, subjects)
    names, place = np.unique(subjects, return_inverse=True)
    return names, np.bincount(place, weights=values) / np.bincount(place)


def bootstrap_interval(
    values: ArrayLike,
    subjects: ArrayLike,
    *,
    n: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of the subjects' means, with a percentile bootstrap over subjects.

    Args:
        values: (N,) one number per slice.
        subjects: (N,) whose slice it is.
        n: number of resamplings.
        level: share of the interval, between 0 and 1.
        seed: random seed of the resampling.

    Returns:
        The mean, its limits (NaN for a single subject) and the number of subjects.
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


def compare(
    table: pd.DataFrame | Mapping[str, ArrayLike],
    subjects: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Every pair of models on the same images: difference, effect size, interval, p-values.

    Args:
        table: one row per image, one column per model; or {model: (N,) numbers}.
        subjects: (N,) whose image each is: then people are compared, each with the mean of its
            images. Absent: the level `subject` of the table's index, or else every image counts as
            a person, as the theses counted.
        level: share of each interval.

    Returns:
        One row per pair: `a`, `b`, `mean_difference` (a - b) with Student's interval `low`, `high`,
        `effect_size` (the mean difference over its standard deviation, Cohen's d_z), `p` (paired
        t-test), `p_corrected` (Holm, for all rows) and `n`, the people or images compared. NaN
        where one person, or models that do not differ, allow no test.
    """
    table = pd.DataFrame(table)
    if subjects is None and "subject" in table.index.names:
        subjects = table.index.get_level_values("subject")
    if subjects is None:
        subjects = np.arange(len(table))
    rows = []
    for a, b in combinations(table.columns, 2):
        tests = compare_pair(table[a], table[b], subjects)
        paired = paired_difference(table[a], table[b], subjects, level=level)
        rows.append(
            {
                "a": a,
                "b": b,
                "mean_difference": paired.difference,
                "low": paired.low,
                "high": paired.high,
                "effect_size": tests["d_z"],
                "p": tests["p_t"],
                "n": paired.people,
            }
        )
    found = pd.DataFrame(rows, columns=COMPARED)
    found.insert(len(COMPARED) - 1, "p_corrected", holm(found.p))
    return found


def compare_pair(values_a: ArrayLike, values_b: ArrayLike, subjects: ArrayLike) -> dict[str, float]:
    """Compares two models on the same slices, honestly and as the theses did.

    Args:
        values_a: (N,) one number per slice, of the first model.
        values_b: (N,) of the second model, for the same slices in the same order.
        subjects: (N,) whose slice it is.

    Returns:
        A dictionary. `difference` is the mean over subjects of a - b; `p_t` and `p_wilcoxon` are
        two-sided and paired over subjects; `d_z` is the mean difference over its standard
        deviation between subjects; `t_slices` and `p_slices` are the theses' t-test over slices,
        which takes slices of one head for independent. NaN where there are too few subjects, or
        where the subjects do not differ among themselves.
    """
    by_slice = _differences(values_a, values_b)
    names, differences = by_subject(by_slice, subjects)
    t_subjects, p_subjects = _paired_t(differences)
    t_slices, p_slices = _paired_t(by_slice)
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
        "slices": len(by_slice),
    }


def compare_all(values: Mapping[str, ArrayLike], subjects: ArrayLike) -> list[dict]:
    """Every pair of models, corrected for the number of comparisons (Holm).

    Args:
        values: {model: (N,) one number per slice}.
        subjects: (N,) whose slice it is.

    Returns:
        A list of `compare_pair`'s dictionaries with `a`, `b` (names of the models) and `p_t_holm`,
        `p_wilcoxon_holm`, `p_slices_holm`.
    """
    rows = [
        {"a": a, "b": b, **compare_pair(values[a], values[b], subjects)}
        for a, b in combinations(values, 2)
    ]
    for name in ("p_t", "p_wilcoxon", "p_slices"):
        for row, corrected in zip(rows, holm([row[name] for row in rows])):
            row[f"{name}_holm"] = float(corrected)
    return rows


def paired_difference(
    values_a: ArrayLike, values_b: ArrayLike, subjects: ArrayLike, *, level: float = 0.95
) -> PairedDifference:
    """Mean of a - b over people, with Student's interval of the paired differences.

    The interval leaves out 0 exactly where `compare_pair`'s `p_t` is below 1 - level. For few
    people it is wider, and so more honest, than a bootstrap's.

    Args:
        values_a: (N,) one number per slice or per person, of the first model.
        values_b: (N,) of the second model, in the same order.
        subjects: (N,) whose number it is.
        level: share of the interval. For m claims made together take 1 - 0.05 / m (Bonferroni).
    """
    names, differences = by_subject(_differences(values_a, values_b), subjects)
    mean, half = float(differences.mean()), math.nan
    if len(names) > 1:
        error = differences.std(ddof=1) / math.sqrt(len(names))
        half = float(stats.t.ppf(0.5 + level / 2, len(names) - 1) * error)
    above, below = int((differences > 0).sum()), int((differences < 0).sum())
    return PairedDifference(mean, mean - half, mean + half, len(names), above, below)


def verdict(paired: PairedDifference, *, better: str = "higher") -> str:
    """Whether it is shown that a is better than b: the interval over people decides.

    Args:
        paired: of `paired_difference`.
        better: "higher" (such as PSNR) or "lower" (such as DSSIM).

    Returns:
        "shown" where the whole interval speaks for a; "not shown" where it does not, also with
        few people if the whole interval speaks against a; "too few to decide" otherwise, where
        there are fewer than 6 people (`FEWEST_PEOPLE`).
    """
    worst, best = _gain_limits(paired, better)
    if best < 0:
        return "not shown"
    if paired.people < FEWEST_PEOPLE:
        return "too few to decide"
    return "shown" if worst > 0 else "not shown"


def in_words(
    paired: PairedDifference, *, a: str, b: str, better: str = "higher", unit: str = ""
) -> str:
    """One sentence on the claim that model a is better than model b, true of these numbers.

    Args:
        paired: of `paired_difference`.
        a: name of the first model.
        b: name of the second.
        better: "higher" or "lower", as in `verdict`.
        unit: of the values, such as "dB".

    Returns:
        Such as "not shown: VAE - PCA 64 = -1.4 dB [-1.9, -0.9], worse on 5 of 5 people."
    """
    limits = (paired.low, paired.high)
    decimals = _decimals(paired)
    mean, low, high = (_number(value, decimals) for value in (paired.difference, *limits))
    effect = f"{a} - {b} = {mean} {unit}".rstrip()
    interval = "" if any(map(math.isnan, limits)) else f" [{low}, {high}]"
    return f"{verdict(paired, better=better)}: {effect}{interval}, {_on_how_many(paired, better)}."


def finding(
    paired: PairedDifference, *, a: str, b: str, better: str = "higher", unit: str = ""
) -> dict[str, object]:
    """The verdict on the claim that a is better than b, as `run.finding` takes it.

    Args:
        paired, a, b, better, unit: as of `in_words`.

    Returns:
        `verdict`, `words` and the numbers behind them (`PairedDifference`).
    """
    words = in_words(paired, a=a, b=b, better=better, unit=unit)
    return {"verdict": verdict(paired, better=better), "words": words, **paired._asdict()}


def _gain_limits(paired: PairedDifference, better: str) -> tuple[float, float]:
    """Limits of the gain of a over b, positive where a is better; (lower, upper)."""
    if better == "higher":
        return paired.low, paired.high
    if better == "lower":
        return -paired.high, -paired.low
    raise ValueError(f'better: expected "higher" or "lower", got {better!r}.')


def _on_how_many(paired: PairedDifference, better: str) -> str:
    """On how many people a is better, or worse where the mean says so."""
    winners, losers = (paired.above, paired.below)
    gain = paired.difference
    if better == "lower":
        winners, losers, gain = losers, winners, -gain
    word, count = ("worse", losers) if gain < 0 else ("better", winners)
    people = "person" if paired.people == 1 else "people"
    return f"{word} on {count} of {paired.people} {people}"


def _decimals(paired: PairedDifference) -> int:
    """Decimals that show one digit of the interval's half width, more where a limit became 0."""
    half = (paired.high - paired.low) / 2
    scale = half if math.isfinite(half) and half > 0 else abs(paired.difference) / 10
    if not math.isfinite(scale) or scale == 0:
        return 1
    decimals = max(0, -math.floor(math.log10(scale)))
    for more in range(3):
        rounded = [round(limit, decimals + more) for limit in (paired.low, paired.high)]
        if 0 not in rounded:
            return decimals + more
    return decimals + 2


def _number(value: float, decimals: int) -> str:
    """A number with so many decimals, and without a minus before 0."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's step-down correction, in the order given. (M,) -> (M,).

    NaN stays NaN and counts as no comparison.
    """
    p_values = np.asarray(p_values, dtype="float64")
    corrected = np.full_like(p_values, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    stepped = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def _differences(values_a: ArrayLike, values_b: ArrayLike) -> np.ndarray:
    values_a = np.asarray(values_a, dtype="float64")
    values_b = np.asarray(values_b, dtype="float64")
    if values_a.shape != values_b.shape:
        raise ValueError(
            f"both models need the same slices, got {values_a.shape} and {values_b.shape} values."
        )
    return values_a - values_b


def _paired_t(differences: np.ndarray) -> tuple[float, float]:
    """(t, two-sided p) of a t-test against 0; NaN where the differences are all the same."""
    if len(differences) < 2 or np.ptp(differences) == 0:
        return np.nan, np.nan
    result = stats.ttest_1samp(differences, 0.0)
    return float(result.statistic), float(result.pvalue)


def _wilcoxon(differences: np.ndarray) -> float:
    if len(differences) < 2 or not differences.any():
        return np.nan
    return float(stats.wilcoxon(differences).pvalue)


def _columns(values: ArrayLike, subjects: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    values, subjects = np.asarray(values, dtype="float64"), np.asarray(subjects)
    if values.ndim != 1 or values.shape != subjects.shape:
        raise ValueError(
            "expected one value and one subject per slice, "
            f"got shapes {values.shape} and {subjects.shape}."
        )
    if not len(values):
        raise ValueError("expected at least one value, got none.")
    return values, subjects
