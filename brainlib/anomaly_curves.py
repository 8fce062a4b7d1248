"""ROC and precision-recall areas, Dice and operating points of any number of pixels, in bounded memory.

Scores are counted in bins of their floating-point order: bins are fine everywhere on a relative scale and finer where
a sample of the scores says that they crowd. Heavy tails, ties and negative scores need no special care.
"""

import warnings
from collections import namedtuple
from typing import NamedTuple

import numpy as np

CHUNK = 1 << 18                                          # scores looked at together: they stay in the processor's cache
SAMPLE = 1 << 16                                         # scores that decide where bins are fine
FINE = 1 << 19                                           # bins shared out by the sample
COARSE_BITS = 3                                          # of the lower 16 bits, where the sample has seen nothing
UNIMODAL = 0.01                                          # a valley of Dice deeper than this is a second mode


class Curves(namedtuple("Curves", "auroc auprc")):
    """Areas under both curves; unpacks to the two. `prevalence` is the share of positives: the AUPRC of chance.

    `pixels` and `positives` are counts. AUROC is NaN where one of the classes is missing, AUPRC where there are no
    positives: no curve can be drawn then.
    """

    def __new__(cls, auroc, auprc, pixels, positives):
        result = super().__new__(cls, auroc, auprc)
        result.pixels, result.positives = int(pixels), int(positives)
        result.prevalence = positives / pixels if pixels else np.nan
        return result


class OperatingPoint(NamedTuple):
    """A threshold (`score >= threshold` is called lesion) and what it gives on the data it was chosen on.

    `best_dice` is the best of all thresholds; `unimodal`, whether Dice rises and then falls over the thresholds.
    """

    threshold: float
    dice: float
    precision: float
    recall: float
    best_dice: float
    unimodal: bool


class Counter:
    """Counts scores of lesion and other pixels in bins; memory does not grow with the number of pixels.

    Args:
        sample: some of the scores, to decide where bins are fine. Scores outside of it keep a relative precision of
            1/1024.
    """

    def __init__(self, sample):
        sample = np.asarray(sample, dtype=np.float64).ravel()
        self.centre = _centre(sample)
        high = (_order(sample - self.centre) >> 16).astype(np.int64)
        share = np.bincount(high, minlength=1 << 16) / max(len(high), 1)
        bits = np.where(share > 0, np.round(np.log2(np.maximum(share * FINE, 1))), 0)
        bits = np.clip(bits, COARSE_BITS, 16).astype(np.int64)
        self._shift = (16 - bits).astype(np.uint32)
        ends = np.cumsum(1 << bits)
        self._offset = np.concatenate([[0], ends[:-1]]).astype(np.uint32)
        self.all, self.positive = np.zeros(ends[-1], np.int64), np.zeros(ends[-1], np.int64)
        self._exact = self.centre == 0

    def add(self, score, lesion):
        """Counts more scores. score, lesion (bool): arrays of one shape."""
        score, lesion = np.asarray(score), np.asarray(lesion)
        if score.shape != lesion.shape:
            raise ValueError(f"expected a score and a label for every pixel, got shapes {score.shape} and {lesion.shape}.")
        self._exact &= score.dtype in (np.float32, np.float16, np.int8, np.uint8, np.int16, np.uint16, bool)
        score, lesion = score.reshape(-1), lesion.reshape(-1)
        for start in range(0, score.size, CHUNK):
            bins = self._bins(score[start:start + CHUNK])
            np.add.at(self.all, bins, 1)
            np.add.at(self.positive, bins[lesion[start:start + CHUNK].astype(bool)], 1)
        return self

    def _bins(self, score):
        shifted = score - self.centre if self.centre else score
        order = _order(shifted)
        high = order >> np.uint32(16)
        return self._offset[high] + ((order & np.uint32(0xFFFF)) >> self._shift[high])

    def _table(self):
        """Occupied bins from the highest score down: (bins, pixels predicted, lesion pixels among them), cumulative."""
        occupied = np.flatnonzero(self.all)[::-1]
        return occupied, np.cumsum(self.all[occupied]), np.cumsum(self.positive[occupied])

    def _thresholds(self, bins):
        """The smallest score of bins, as numbers that `score >= threshold` divides at exactly as the bins do."""
        high = np.searchsorted(self._offset, bins, side="right") - 1
        order = (high << 16) + ((bins - self._offset[high].astype(np.int64)) << self._shift[high].astype(np.int64))
        edge = _value(order)
        if self._exact:
            return edge.astype(np.float64)
        below = _value(np.maximum(order - 1, 0))         # a float64 score was rounded: the border lies between two floats
        return np.where(np.isfinite(below), (edge.astype(np.float64) + below) / 2, edge) + self.centre

    @property
    def counts(self):
        """(pixels, lesion pixels)."""
        return int(self.all.sum()), int(self.positive.sum())

    def curves(self):
        """AUROC with ties counted half, AUPRC as average precision (steps, no interpolation): scikit-learn's."""
        _, predicted, true = self._table()
        pixels, positives = self.counts
        auroc = auprc = np.nan
        if positives and positives < pixels:
            false = np.concatenate([[0], predicted - true]) / (pixels - positives)
            auroc = float(np.trapezoid(np.concatenate([[0], true]) / positives, false))
        if positives:
            auprc = float(np.sum(np.diff(true, prepend=0) * (true / predicted)) / positives)
        return Curves(auroc, auprc, pixels, positives)

    def points(self, count=400):
        """Points of both curves for drawing: dict of threshold, false_alarms, recall, precision, dice; each (<= count,)."""
        bins, predicted, true = self._table()
        pixels, positives = self.counts
        chosen = np.unique(np.searchsorted(np.log(predicted), np.linspace(0, np.log(pixels), count)).clip(0, len(bins) - 1))
        if positives:                                    # evenly spaced along recall, too
            chosen = np.union1d(chosen, np.searchsorted(true, np.linspace(0, positives, count // 2)).clip(0, len(bins) - 1))
        predicted, true = predicted[chosen], true[chosen]
        return {"threshold": self._thresholds(bins[chosen]), "false_alarms": (predicted - true) / max(pixels - positives, 1),
                "recall": true / positives if positives else np.full(len(chosen), np.nan), "precision": true / predicted,
                "dice": 2 * true / (predicted + positives)}

    def threshold_of_share(self, share):
        """The threshold that at most this share of all counted pixels reaches: false alarms, if all are healthy."""
        bins, predicted, _ = self._table()
        passing = np.flatnonzero(predicted <= share * predicted[-1])
        return float(self._thresholds(bins[passing[-1:]])[0]) if len(passing) else float("inf")

    def operating_point(self, *, steps=10, rule="rank"):
        """See `operating_point`."""
        if rule not in ("rank", "seed"):
            raise ValueError(f"rule: expected 'rank' or 'seed', got {rule!r}.")
        bins, predicted, true = self._table()
        positives = self.counts[1]
        if not positives:
            raise ValueError("operating_point: expected some lesion pixels to search with, got none. Pass validation heads with a lesion.")
        dice = 2 * true / (predicted + positives)
        thinned = _thinned(predicted, positives, 1 << steps)
        unimodal = _valley(dice[thinned]) <= UNIMODAL
        if not unimodal:
            warnings.warn(f"operating_point: Dice over the thresholds has more than one mode (a valley {_valley(dice[thinned]):.3f} deep): "
                          f"the greedy search may stop on a lesser one; the best of all thresholds gives {dice.max():.3f}.", stacklevel=3)
        found = _halving(dice[thinned], steps) if rule == "rank" else None
        place = thinned[found] if rule == "rank" else _seed_search(self._thresholds(bins), dice, steps)
        return OperatingPoint(np.float64(self._thresholds(bins[place:place + 1])[0]), float(dice[place]), float(true[place] / predicted[place]),
                              float(true[place] / positives), float(dice.max()), bool(unimodal))


def _centre(sample):
    """What to subtract before scores become float32: 0 but where they crowd far away from 0."""
    if not len(sample) or not np.isfinite(sample).any():
        return 0.0
    low, middle, high = np.percentile(sample[np.isfinite(sample)], [1, 50, 99])
    return float(middle) if middle and high - low < 1e-2 * abs(middle) else 0.0


def _order(values):
    """Floats to uint32 in the same order; NaN is refused, infinities are the ends."""
    values = np.asarray(values)
    with np.errstate(over="ignore"):
        values = values.astype(np.float32) + np.float32(0)                    # -0.0 and 0.0 are one score
    if np.isnan(values).any():
        raise ValueError(f"scores: expected numbers, got {np.count_nonzero(np.isnan(values))} NaN. Leave those pixels out.")
    bits = values.view(np.uint32)
    return bits ^ ((bits >> np.uint32(31)) * np.uint32(0x7FFFFFFF) | np.uint32(0x80000000))


def _value(order):
    """`_order` backwards: integers to float32."""
    order = np.asarray(order).astype(np.uint32)
    positive = order >> np.uint32(31)
    return (order ^ ((np.uint32(1) - positive) * np.uint32(0x7FFFFFFF) | np.uint32(0x80000000))).view(np.float32)


# ------------------------------------------------------------------------------------------------ the search

def _thinned(predicted, positives, limit):
    """At most `limit` of the thresholds, evenly spaced in the logarithm of the predicted pixels.

    A step of 1 % more pixels changes Dice by less than 1e-2. Fewer than P/200 or more than 200 P predicted pixels (P:
    lesion pixels) cannot reach a Dice of 1e-2, so that the search spends no step on them.
    """
    start, stop = np.searchsorted(predicted, [positives / 200, positives * 200])
    inside = np.arange(min(start, len(predicted) - 1), min(max(stop, start + 1), len(predicted)))
    if len(inside) <= limit:
        return inside
    logs = np.log(predicted[inside])
    return inside[np.unique(np.searchsorted(logs, np.linspace(logs[0], logs[-1], limit)).clip(0, len(inside) - 1))]


def _valley(dice):
    """Depth of the deepest valley between two peaks of a curve; 0 for one peak."""
    left, right = np.maximum.accumulate(dice), np.maximum.accumulate(dice[::-1])[::-1]
    return float(np.max(np.minimum(left, right) - dice))


def _halving(dice, steps):
    """Place of the largest Dice, by halving the interval `steps` times around the best of its three quartiles."""
    low, high, best = 0, len(dice) - 1, 0
    for _ in range(steps):
        first, middle, third = (low + (high - low) * quarter // 4 for quarter in (1, 2, 3))
        places = [third, middle, first]                  # at a draw the lower threshold: a plateau at 0 is too strict
        winner = max(places, key=lambda place: dice[place])
        best = max(best, low, winner, high, key=lambda place: dice[place])
        low, high = {first: (low, middle), middle: (first, third), third: (middle, high)}[winner]
    return best


def _seed_search(thresholds, dice, steps):
    """Seed 002, section 4.2.4, to the letter: quartiles of the intensity range are compared, half of it is dropped."""
    low, high, best = thresholds[-1], thresholds[0], 0
    for _ in range(steps):
        quartiles = low + (high - low) * np.array([0.25, 0.75])
        places = (len(thresholds) - np.searchsorted(thresholds[::-1], quartiles) - 1).clip(0)
        best = max(best, *places, key=lambda place: dice[place])
        middle = (low + high) / 2
        low, high = (middle, high) if dice[places[1]] > dice[places[0]] else (low, middle)
    return int(best)


# ------------------------------------------------------------------------------------------------ what others call

def count(score, lesion=None):
    """Counts scores in bins.

    Args:
        score: an array of scores, larger where more anomalous; or, with `lesion` left out, an iterable of (score,
            lesion) pairs, which is gone through once and never held together. The first pair decides where bins are
            finest.
        lesion: bool array of the same shape.

    Returns:
        a `Counter`.
    """
    if isinstance(score, Counter):
        return score
    if lesion is not None:
        score, lesion = np.asarray(score), np.asarray(lesion)
        if not score.size:
            raise ValueError("scores: expected at least one pixel, got none.")
        return Counter(_sample(score)).add(score, lesion)
    counter = None
    for part, truth in score:
        part = np.asarray(part)
        if not part.size:
            continue
        counter = counter or Counter(_sample(part))
        counter.add(part, truth)
    if counter is None:
        raise ValueError("scores: expected at least one pixel, got none.")
    return counter


def _sample(score):
    flat = score.reshape(-1)
    if flat.size <= SAMPLE:
        return flat
    return flat[np.random.default_rng(0).integers(0, flat.size, SAMPLE)]


def curves(score, lesion=None):
    """AUROC and AUPRC (average precision) of scores, as scikit-learn defines them, within 1e-3.

    Args:
        score, lesion: see `count`.

    Returns:
        `Curves`: unpacks to (auroc, auprc); has `prevalence`, `pixels`, `positives`. NaN where a class is missing.
    """
    return count(score, lesion).curves()


def operating_point(score, lesion=None, *, steps=10, rule="rank"):
    """The threshold of the best Dice, by a greedy search of `steps` halvings; made for validation lesions only.

    Args:
        score, lesion: see `count`.
        steps: halvings; seed 002 takes 10.
        rule: "rank" halves the number of predicted pixels (its logarithm) around the best of three quartiles: on a
            curve with one mode it ends within 1e-2 Dice of an exhaustive search, whatever the scale of the scores.
            "seed" halves the range of intensities by comparing two quartiles, as seed 002 does: heavy tails use up its
            steps, and it can drop the half that holds the best.

    Returns:
        `OperatingPoint`. Warns where the curve has several modes.
    """
    return count(score, lesion).operating_point(steps=steps, rule=rule)


def dice(prediction, lesion):
    """Dice overlap of two bool arrays of one shape, 0 to 1; 1 where both are empty: nothing to find, nothing found."""
    prediction, lesion = np.asarray(prediction, dtype=bool), np.asarray(lesion, dtype=bool)
    if prediction.shape != lesion.shape:
        raise ValueError(f"expected two masks of one shape, got {prediction.shape} and {lesion.shape}.")
    total = np.count_nonzero(prediction) + np.count_nonzero(lesion)
    return 2 * np.count_nonzero(prediction & lesion) / total if total else 1.0
