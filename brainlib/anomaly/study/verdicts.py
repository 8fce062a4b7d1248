"""Does a network beat the grey value alone on the test lesions? Thesis 002 does not ask.

The pixels of all heads together are what the thesis judges, and a few large lesions decide it: with
few heads its interval is too narrow. So a verdict asks for both: an interval that leaves 0 out, and
p under 5 % head by head, the same way.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from brainlib.anomaly import measures
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.study.detectors import ALL, Detector, group_heads
from brainlib.anomaly.study.validation import best_detectors
from brainlib.evaluation import stats

DECIDED = "the network beats the grey value"
ENOUGH_HEADS = 6  # below it even all heads the same way is no 5 % (sign test: 2 / 2**5)


def compare_with_baseline(
    network_heads: Sequence[ScoredHead],
    baseline_heads: Sequence[ScoredHead],
    *,
    n: int = 1000,
    seed: int = 0,
    together: bool = True,
) -> list[dict]:
    """Does a network beat a baseline on the same test heads? One row per group, by pixel AUPRC.

    Args:
        network_heads: heads with a lesion, scored by the network.
        baseline_heads: the same heads, scored by the baseline.
        n: resamplings of the bootstrap.
        seed: of bootstrap and permutations.
        together: whether all kinds of lesions are judged together, too; not where each kind was
            scored in a way of its own.

    Returns:
        list of dicts: group, auprc, baseline_auprc, difference, low, high (paired bootstrap over
        subjects), head_difference (mean of the differences head by head), better_on (heads on which
        the network is better), p (exact test of these differences, their signs flipped in all ways;
        Holm over the groups), subjects, says (the verdict in words).
    """
    others = group_heads(baseline_heads)
    rows = []
    for name, part in group_heads(network_heads).items():
        if name != ALL or together:
            rows.append({"group": name, **_comparison(part, others[name], n, seed)})
    for row, p in zip(rows, stats.holm([row["p"] for row in rows])):
        row["p"] = float(p)
        row["says"] = _says(row)
    return rows


def _comparison(heads, others, n, seed):
    auprc, baseline_auprc = _pixel_auprc(heads), _pixel_auprc(others)
    low, high = measures.auprc_difference(heads, others, n=n, seed=seed)
    by_head = _auprc_by_head(heads) - _auprc_by_head(others)
    return {
        "auprc": auprc,
        "baseline_auprc": baseline_auprc,
        "difference": auprc - baseline_auprc,
        "low": low,
        "high": high,
        "head_difference": float(by_head.mean()),
        "better_on": int((by_head > 0).sum()),
        "p": _sign_flip_p(by_head, seed),
        "subjects": len(heads),
    }


def _pixel_auprc(heads):
    return measures.pixel_counter(heads).curves().auprc


def _auprc_by_head(heads):
    return np.array([_pixel_auprc([head]) for head in heads if head.lesion.any()])


def _sign_flip_p(differences, seed):
    """Two-sided p of the mean under flips of signs: exact up to 14 heads, then by 20000 draws."""
    if len(differences) < 2:
        return np.nan
    test = scipy.stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(seed),
        vectorized=True,
    )
    return float(test.pvalue)


def compare_by_kind(
    results: Mapping[Detector, dict],
    table: pd.DataFrame,
    score: Callable[[Detector, pd.DataFrame], list[ScoredHead]],
    *,
    n: int = 1000,
    seed: int = 0,
) -> list[dict]:
    """`compare_with_baseline` where each kind of lesion has a network and a score of its own.

    Network, score and baseline are chosen on the validation lesions of that kind alone.

    Args:
        results: {detector: `validation_areas` of it}.
        table: test heads with a lesion; kinds without validation lesions are left out.
        score: function (detector, rows of the table) -> scored heads.
        n: resamplings of the bootstrap.
        seed: of bootstrap and permutations.

    Returns:
        the rows of `compare_with_baseline`, without one for all kinds together, with network and
        baseline, the detectors' names.
    """
    names, network_heads, baseline_heads = {}, [], []
    for group, part in table.groupby("group", sort=False):
        if all(group in groups for groups in results.values()):
            network, baseline = _best_pair(results, group)
            network_heads += score(network, part)
            baseline_heads += score(baseline, part)
            names[group] = {"network": network.name, "baseline": baseline.name}
    rows = compare_with_baseline(network_heads, baseline_heads, n=n, seed=seed, together=False)
    return [{**row, **names[row["group"]]} for row in rows]


def _best_pair(results, group):
    """(best detector of a network, best baseline) on validation lesions of a group."""
    best = best_detectors(results, group=group)
    network = next(detector for detector in best.values() if not detector.baseline)
    return network, best[""]


def verdict_words(row: Mapping) -> str:
    """What a row of the comparisons, with network and baseline, says: numbers, then the verdict."""
    interval = "" if np.isnan(row["low"]) else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    p = "" if np.isnan(row["p"]) else f" (p = {row['p']:.2g})"
    return (
        f"pixel AUPRC {row['auprc']:.3f} against {row['baseline_auprc']:.3f} of "
        f"{row['baseline']}, difference {row['difference']:+.3f}{interval}, better on "
        f"{row['better_on']} of {row['subjects']} head{'s' * (row['subjects'] != 1)}{p}: "
        f"{row['says']}."
    )


def _says(row):
    difference, heads = row["difference"], row["subjects"]
    if heads < ENOUGH_HEADS:
        side = "above" if difference > 0 else "below"
        return (
            f"{side} the grey value on {heads} head{'s' * (heads > 1)}: too few to decide, "
            f"{ENOUGH_HEADS} are needed"
        )
    if np.isnan(row["low"]):
        return "not decided: there is no interval, fewer than two of the heads have a lesion"
    if not row["low"] * row["high"] > 0:
        return "not decided: the interval holds 0"
    if row["p"] >= 0.05 or (row["head_difference"] > 0) != (difference > 0):
        return (
            "not decided: over all pixels the interval leaves 0 out, but head by head p = "
            f"{row['p']:.2g}, and {row['better_on']} of {heads} heads are better"
        )
    winner, loser = "the network", "the grey value"
    if difference < 0:
        winner, loser = loser, winner
    return f"{winner} beats {loser}"
