"""How sure are AUROC and AUPRC? Bootstrap over subjects, since pixels of one head are alike.

Thesis 002 gives no intervals. Pixels of all heads are never held together here: each head becomes
a histogram over common bins, and heads are drawn by adding histograms.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from brainlib.anomaly.measures.heads import ScoredHead, brain_pixels

BINS = 4096  # of the histograms: by rank, so that tails are resolved

Interval = tuple[float, float]
Parts = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]
"""Gives (scores, labels) of each subject, anew each time that it is called."""


def area_intervals(
    scores: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    *,
    n: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap intervals over subjects of AUROC and AUPRC.

    Where every subject has rows of one kind only, ill and healthy ones are drawn separately; else
    all together.

    Args:
        scores: (M,) one row per head, slice or pixel.
        labels: bool (M,), whether the row is ill.
        subjects: (M,).
        n: resamplings.
        level: of the interval.
        seed: of the drawing.

    Returns:
        {"auroc": (low, high), "auprc": (low, high)}; NaN where fewer than two subjects of a kind
        exist, or fewer than two with a row that is ill.
    """
    names, place = np.unique(subjects, return_inverse=True)

    def parts():
        for number in range(len(names)):
            yield scores[place == number], labels[place == number]

    return _intervals(parts, n, level, seed)


def pixel_intervals(
    heads: Sequence[ScoredHead], *, n: int = 500, level: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """`area_intervals` over the brain pixels of heads."""
    return _intervals(lambda: brain_pixels(heads), n, level, seed)


def auprc_difference(
    heads: Sequence[ScoredHead],
    others: Sequence[ScoredHead],
    *,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of a detector's pixel AUPRC minus another's, by bootstrap over subjects.

    Both are drawn alike.

    Args:
        heads: scored by the one detector.
        others: the same subjects in the same order, scored by the other.
        n: resamplings.
        level: of the interval.
        seed: of the drawing.

    Returns:
        (low, high); NaN with fewer than two subjects.
    """
    names = [head.subject for head in heads]
    other_names = [head.subject for head in others]
    if names != other_names:
        raise ValueError(
            f"expected the same subjects in the same order, got {names} and {other_names}."
        )
    ours = _resampled_areas(lambda: brain_pixels(heads), n, seed)
    theirs = _resampled_areas(lambda: brain_pixels(others), n, seed)
    if ours is None:
        return np.nan, np.nan
    low, high = np.percentile(ours[:, 1] - theirs[:, 1], [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def _intervals(parts, n, level, seed):
    areas = _resampled_areas(parts, n, seed)
    if areas is None:
        return {"auroc": (np.nan, np.nan), "auprc": (np.nan, np.nan)}
    low, high = np.percentile(areas, [50 * (1 - level), 50 * (1 + level)], axis=0)
    return {
        "auroc": (float(low[0]), float(high[0])),
        "auprc": (float(low[1]), float(high[1])),
    }


def _resampled_areas(parts, n, seed):
    """(n, 2): AUROC and AUPRC of resampled subjects; None where fewer than two of a kind exist."""
    positive, negative = (np.stack(tables) for tables in zip(*_histograms(parts)))  # (S, bins)
    ill = positive.sum(axis=1) > 0
    strata = _strata(ill, negative.sum(axis=1) > 0)
    if ill.sum() < 2 or any(len(stratum) < 2 for stratum in strata):
        return None
    rng, areas = np.random.default_rng(seed), []
    while len(areas) < n:
        drawn = np.concatenate([rng.choice(stratum, len(stratum)) for stratum in strata])
        if ill[drawn].any():
            weights = np.bincount(drawn, minlength=len(ill)).astype(np.float64)
            areas.append(_areas(weights @ positive, weights @ negative))
    return np.array(areas)


def _strata(ill, healthy):
    """Numbers of the subjects that are drawn among each other.

    ill, healthy: (S,) whether a subject has such rows. Two kinds of subjects are two strata;
    subjects whose own parts differ are one.
    """
    if (ill & healthy).any():
        return [np.arange(len(ill))]
    return [stratum for stratum in (np.flatnonzero(ill), np.flatnonzero(~ill)) if len(stratum)]


def _histograms(parts):
    """(counts of the ill, of the others) of each subject, from the highest score down.

    The bins are the same for all; the subjects are gone through twice, one at a time.
    """
    edges = _bin_edges(parts)
    for score, truth in parts():
        bins = len(edges) - np.searchsorted(edges, score, side="right")
        yield (
            np.bincount(bins[truth], minlength=len(edges) + 1).astype(np.float64),
            np.bincount(bins[~truth], minlength=len(edges) + 1).astype(np.float64),
        )


def _bin_edges(parts):
    """Edges by rank over a sample of all subjects, finer at the top, and top lesion scores."""
    samples, extremes = [], []
    for score, truth in parts():
        rng = np.random.default_rng(0)
        samples.append(score[rng.integers(0, len(score), min(len(score), 20_000))])
        extremes.append(np.sort(score[truth])[-50:])
    sample = np.concatenate(samples)
    by_rank = np.quantile(sample, np.linspace(0, 1, BINS // 2))
    at_the_top = np.quantile(sample, 1 - np.geomspace(1e-6, 1, BINS // 4))
    return np.unique(np.concatenate([by_rank, at_the_top, *extremes]))


def _areas(positive, negative):
    """(AUROC, AUPRC) of two histograms over the same bins, from the highest score down."""
    true, false = np.cumsum(positive), np.cumsum(negative)
    auroc = np.nan
    if false[-1]:
        below = np.trapezoid(np.append(0, true), np.append(0, false))
        auroc = below / (true[-1] * false[-1])
    return auroc, np.sum(positive * true / np.maximum(true + false, 1e-12)) / true[-1]
