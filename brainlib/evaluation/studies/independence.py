"""What happens to a test that takes slices of one head for independent: shown by simulation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

REPEATS = 1000


def within_head_correlation(values: ArrayLike, subjects: ArrayLike) -> float:
    """How alike slices of one head are, 0 to 1: the intraclass correlation of one number per slice.

    The share of the variance that lies between people (analysis of variance, ICC(1)). 0: slices of
    one head are no more alike than those of several; 1: they are all the same.

    Args:
        values: (N,) such as the difference of two models' errors on each slice.
        subjects: (N,) whose slice it is: two people or more, with two slices or more.
    """
    table = pd.DataFrame({"value": np.asarray(values, float), "subject": np.asarray(subjects)})
    groups = table.groupby("subject").value
    counts, people, slices = groups.size(), groups.ngroups, len(table)
    if people < 2 or slices <= people:
        raise ValueError(
            f"expected two people with two slices at least, got {people} with {slices} slices."
        )
    between = (counts * (groups.mean() - table.value.mean()) ** 2).sum() / (people - 1)
    within = ((table.value - groups.transform("mean")) ** 2).sum() / (slices - people)
    usual = (slices - (counts**2).sum() / slices) / (people - 1)  # slices of a usual person
    if between + within == 0:
        return 0.0
    return float(np.clip((between - within) / (between + (usual - 1) * within), 0, 1))


def false_alarms(
    correlation: float,
    *,
    people: int,
    slices_per_person: Sequence[int],
    repeats: int = REPEATS,
    seed: int = 0,
) -> pd.DataFrame:
    """How often two equal models are called significantly different, by two ways of counting.

    Differences of two models that are equally good in truth are drawn again and again: a part that
    is common to all slices of a person, and a part of each slice's own.

    Args:
        correlation: of `within_head_correlation`, 0 to 1: the share of the common part.
        people: heads of each draw.
        slices_per_person: slices of each head, one value per row of the result.
        repeats: number of draws.
        seed: random seed.

    Returns:
        One row per number of slices and way: `slices_per_person`, `people`, `over` ("slices" or
        "people"), `n` (what the test counts) and `false_alarms`, the share of draws with p < 0.05;
        0.05 is what a sound test has.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for count in slices_per_person:
        common = rng.standard_normal((repeats, people, 1), "float32")
        own = rng.standard_normal((repeats, people, count), "float32")
        drawn = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
        ways = {"slices": drawn.reshape(repeats, -1), "people": drawn.mean(axis=2)}
        for way, values in ways.items():
            alarms = float((stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05).mean())
            known = {"slices_per_person": count, "people": people, "over": way}
            rows.append({**known, "n": values.shape[1], "false_alarms": alarms})
    return pd.DataFrame(rows)
