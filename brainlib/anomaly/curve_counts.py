"""ROC and precision-recall areas, Dice and operating points of any number of pixels, in bounded memory.

Scores are sorted part by part and counted at thresholds chosen by rank: how they are spread, where they crowd and which
part comes first make no difference.
"""

import warnings
from collections import namedtuple
from typing import NamedTuple

import numpy as np

BLOCK = 1 << 20  # scores sorted together
FINE = 1 << 13  # of n scores from the top, at most n / FINE lie between two thresholds
ROWS = 1 << 17  # thresholds kept before they are thinned
VALLEY_POINTS = 1 << 10  # thresholds at which a second mode is looked for
UNIMODAL = 0.01  # a valley of Dice deeper than this is a second mode


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

    `best_dice` is the best of all thresholds; `unimodal`, whether Dice rises and then falls and the search came within 1e-2 of its top.
    """

    threshold: float
    dice: float
    precision: float
    recall: float
    best_dice: float
    unimodal: bool


class Counter:
    """Counts scores of lesion and other pixels at thresholds; memory does not grow with the number of pixels.

    Thresholds are scores of the data. From one to the next lie ties, or at most 1/8192 of the scores above: so little changes
    precision, Dice and the share of false alarms by less than 1e-3.
    """

    def __init__(self):
        self._waiting, self._size = (
            [],
            0,
        )  # (score, lesion) of small parts, until there are enough to sort
        self._parts = []  # (thresholds downwards, pixels and lesion pixels from each to the one above)

    def add(self, score, lesion):
        """Counts more scores. score, lesion (bool): arrays of one shape."""
        score, lesion = np.asarray(score), np.asarray(lesion)
        if score.shape != lesion.shape:
            raise ValueError(
                f"expected a score and a label for every pixel, got shapes {score.shape} and {lesion.shape}."
            )
        if score.dtype.kind not in "biuf" or score.dtype == np.float16:
            score = score.astype(np.float64 if score.dtype.kind not in "f" else np.float32)
        score, lesion = score.reshape(-1), lesion.reshape(-1)
        for start in range(0, score.size, BLOCK):
            part = score[start : start + BLOCK].copy()  # the caller may fill the same array again
            self._waiting.append((part, lesion[start : start + BLOCK].astype(bool)))
            self._size += part.size
            if self._size >= BLOCK:
                self._gather()
        return self

    def _gather(self):
        """Turns what waits into rows, and thins the rows where they are too many."""
        if self._waiting:
            score, lesion = (np.concatenate(column) for column in zip(*self._waiting))
            self._waiting, self._size = [], 0
            self._parts.append(_counted(score, score[lesion]))
        if sum(len(threshold) for threshold, *_ in self._parts) > ROWS:
            self._parts = [_thinned_rows(*_merged(self._parts))]

    def _table(self):
        """(thresholds from the highest down, pixels at or above each, lesion pixels among them)."""
        self._gather()
        self._parts = [_merged(self._parts)]
        threshold, pixels, positive = self._parts[0]
        return threshold.astype(np.float64), np.cumsum(pixels), np.cumsum(positive)

    @property
    def counts(self):
        """(pixels, lesion pixels)."""
        self._gather()
        return tuple(int(sum(part[column].sum() for part in self._parts)) for column in (1, 2))

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
        threshold, predicted, true = self._table()
        pixels, positives = self.counts
        chosen = np.unique(
            np.searchsorted(np.log(predicted), np.linspace(0, np.log(pixels), count)).clip(
                0, len(threshold) - 1
            )
        )
        if positives:  # evenly spaced along recall, too
            chosen = np.union1d(
                chosen,
                np.searchsorted(true, np.linspace(0, positives, count // 2)).clip(
                    0, len(threshold) - 1
                ),
            )
        predicted, true = predicted[chosen], true[chosen]
        return {
            "threshold": threshold[chosen],
            "false_alarms": (predicted - true) / max(pixels - positives, 1),
            "recall": true / positives if positives else np.full(len(chosen), np.nan),
            "precision": true / predicted,
            "dice": 2 * true / (predicted + positives),
        }

    def threshold_of_share(self, share):
        """The threshold that at most this share of all counted pixels reaches: false alarms, if all are healthy."""
        threshold, predicted, _ = self._table()
        passing = np.flatnonzero(predicted <= share * predicted[-1])
        return float(threshold[passing[-1]]) if len(passing) else float("inf")

    def operating_point(self, *, steps=10, rule="rank"):
        """See `operating_point`."""
        if rule not in ("rank", "seed"):
            raise ValueError(f"rule: expected 'rank' or 'seed', got {rule!r}.")
        if not isinstance(steps, (int, np.integer)) or steps < 1:
            raise ValueError(
                f"steps: expected a whole number of halvings from 1 on, got {steps!r}. Seed 002 takes 10."
            )
        threshold, predicted, true = self._table()
        positives = self.counts[1]
        if not positives:
            raise ValueError(
                "operating_point: expected some lesion pixels to search with, got none. Pass validation heads with a lesion."
            )
        dice = 2 * true / (predicted + positives)
        if rule == "rank":
            grid = _log_ranks(predicted, positives, 1 << min(int(steps), 16))
            place = grid[_halving(dice[grid], steps)]
        else:
            place = _seed_search(threshold, dice, steps)
        valley, gap = (
            _valley(dice[_log_ranks(predicted, positives, VALLEY_POINTS)]),
            dice.max() - dice[place],
        )
        unimodal = max(valley, gap) <= UNIMODAL
        if not unimodal:
            warnings.warn(
                f"operating_point: Dice over the thresholds has more than one mode (a valley of {valley:.3f}) or a narrow peak: "
                f"the search found {dice[place]:.3f}, the best of all thresholds gives {dice.max():.3f}.",
                stacklevel=3,
            )
        return OperatingPoint(
            np.float64(threshold[place]),
            float(dice[place]),
            float(true[place] / predicted[place]),
            float(true[place] / positives),
            float(dice.max()),
            bool(unimodal),
        )


def _counted(score, positive):
    """Rows of one part: thresholds by rank, from the highest down, and what lies from each to the one above."""
    ordered, positive = np.sort(score), np.sort(positive)
    if np.isnan(ordered[-1]):
        raise ValueError(
            f"scores: expected numbers, got {np.count_nonzero(np.isnan(ordered))} NaN. Leave those pixels out."
        )
    threshold = np.unique(ordered[-_ranks(len(ordered))])
    above = [len(part) - np.searchsorted(part, threshold)[::-1] for part in (ordered, positive)]
    return threshold[::-1], *(np.diff(number, prepend=0) for number in above)


def _ranks(number):
    """Ranks 1 to `number`: all at first, then in steps of 1 / FINE of themselves."""
    if number <= FINE:
        return np.arange(1, number + 1)
    logs = np.linspace(np.log(FINE), np.log(number), int(FINE * np.log(number / FINE)) + 2)
    return np.unique(
        np.concatenate([np.arange(1, FINE), np.exp(logs[:-1]).astype(np.int64), [number]])
    )


def _merged(parts):
    """Rows of several parts as one: equal thresholds are one row."""
    if len(parts) == 1:
        return parts[0]
    scores, *counts = (np.concatenate(column) for column in zip(*parts))
    threshold, place = np.unique(scores, return_inverse=True)
    return threshold[::-1], *(
        np.bincount(place, weights=number, minlength=len(threshold)).astype(np.int64)[::-1]
        for number in counts
    )


def _thinned_rows(threshold, pixels, positive):
    """Fewer rows: those at `_ranks`, with what lies between them."""
    above = np.cumsum(pixels)
    kept = np.unique(np.searchsorted(above, _ranks(above[-1])))
    return (
        threshold[kept],
        np.diff(above[kept], prepend=0),
        np.diff(np.cumsum(positive)[kept], prepend=0),
    )


# ------------------------------------------------------------------------------------------------ the search


def _log_ranks(predicted, positives, points):
    """Places of so many thresholds, evenly spaced in the logarithm of the predicted pixels; some twice where there are few.

    A step of 1 % more pixels changes Dice by less than 1e-2. Fewer than P/200 or more than 200 P predicted pixels (P:
    lesion pixels) cannot reach a Dice of 1e-2, so that the search spends no step on them.
    """
    logs = np.log(predicted)
    low, high = (
        np.clip(np.log(positives / 200), logs[0], logs[-1]),
        np.clip(np.log(positives * 200), logs[0], logs[-1]),
    )
    return np.searchsorted(logs, np.linspace(low, high, points)).clip(0, len(logs) - 1)


def _valley(dice):
    """Depth of the deepest valley between two peaks of a curve; 0 for one peak."""
    left, right = np.maximum.accumulate(dice), np.maximum.accumulate(dice[::-1])[::-1]
    return float(np.max(np.minimum(left, right) - dice))


def _halving(dice, steps):
    """Place of the largest Dice, by halving the interval `steps` times around the best of its three quartiles."""
    low, high, best = 0, len(dice) - 1, 0
    for _ in range(steps):
        first, middle, third = (low + (high - low) * quarter // 4 for quarter in (1, 2, 3))
        places = [
            third,
            middle,
            first,
        ]  # at a draw the lower threshold: a plateau at 0 is too strict
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
    """Counts scores at thresholds.

    Args:
        score: an array of scores, larger where more anomalous; or, with `lesion` left out, an iterable of (score,
            lesion) pairs, which is gone through once and never held together; or a list of arrays, whose shapes may differ.
        lesion: bool array of the same shape, or a list of such.

    Returns:
        a `Counter`.
    """
    if isinstance(score, Counter):
        return score
    if lesion is not None:
        listed = [
            isinstance(part, (list, tuple)) and len(part) > 0 and np.ndim(part[0]) > 0
            for part in (score, lesion)
        ]
        if all(listed) and len(score) != len(lesion):
            raise ValueError(
                f"expected a lesion for every array of scores, got {len(score)} arrays and {len(lesion)} lesions."
            )
        score = zip(score, lesion) if all(listed) else [(score, lesion)]
    counter = Counter()
    for part, truth in score:
        counter.add(part, truth)
    if not counter.counts[0]:
        raise ValueError("scores: expected at least one pixel, got none.")
    return counter


def curves(score, lesion=None):
    """AUROC and AUPRC (average precision) of scores, as scikit-learn defines them, within 1e-3.

    Args:
        score, lesion: see `count`.

    Returns:
        `Curves`: unpacks to (auroc, auprc); has `prevalence`, `pixels`, `positives`. NaN where a class is missing.
    """
    return count(score, lesion).curves()


def operating_point(score, lesion=None, steps=10, *, rule="rank"):
    """The threshold of the best Dice, by a greedy search of `steps` halvings; made for validation lesions only.

    Args:
        score, lesion: see `count`.
        steps: halvings, 1 or more; seed 002 takes 10.
        rule: "rank" halves the number of predicted pixels (its logarithm) around the best of three quartiles: on a
            curve with one mode it ends within 1e-2 Dice of an exhaustive search, whatever the scale of the scores.
            "seed" halves the range of intensities by comparing two quartiles, as seed 002 does: heavy tails use up its
            steps, and it can drop the half that holds the best.

    Returns:
        `OperatingPoint`. Warns where the curve has several modes, or the search ends more than 1e-2 below the best threshold.
    """
    return count(score, lesion).operating_point(steps=steps, rule=rule)


def dice(prediction, lesion):
    """Dice overlap of two masks (bool, or labels that are not 0) of one shape, 0 to 1; 1 where both are empty."""
    prediction, lesion = _mask(prediction), _mask(lesion)
    if prediction.shape != lesion.shape:
        raise ValueError(
            f"expected two masks of one shape, got {prediction.shape} and {lesion.shape}."
        )
    total = np.count_nonzero(prediction) + np.count_nonzero(lesion)
    return 2 * np.count_nonzero(prediction & lesion) / total if total else 1.0


def _mask(array):
    array = np.asarray(array)
    if array.dtype.kind == "f" and not (array == np.round(array)).all():  # NaN is not, either
        raise ValueError(
            "dice: expected masks of bools or of whole labels, got other numbers. Pass score >= threshold, or labels > 0."
        )
    return array.astype(bool)
