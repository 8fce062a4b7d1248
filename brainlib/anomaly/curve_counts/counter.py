"""How well do scores tell lesion pixels from others? ROC and precision-recall areas of any size.

Scores are sorted part by part and counted at thresholds chosen by rank: how they are spread, where
they crowd and which part comes first make no difference. Thesis 002 gives these areas by sample,
slice and pixel (tables 5.1 to 5.3).
"""

from collections import namedtuple
from collections.abc import Iterable

import numpy as np

from brainlib.anomaly.curve_counts.rows import count_rows, merge_rows, thin_rows
from brainlib.anomaly.curve_counts.search import OperatingPoint, find_operating_point

BLOCK = 1 << 20  # scores sorted together
ROWS = 1 << 17  # thresholds kept before they are thinned


class Curves(namedtuple("Curves", "auroc auprc")):
    """Areas under both curves; unpacks to the two.

    `prevalence` is the share of positives: the AUPRC of chance. `pixels` and `positives` are
    counts. AUROC is NaN where one of the classes is missing, AUPRC where there are no positives: no
    curve can be drawn then.
    """

    def __new__(cls, auroc: float, auprc: float, pixels: int, positives: int) -> "Curves":
        """Areas with the counts that they are from."""
        result = super().__new__(cls, auroc, auprc)
        result.pixels, result.positives = int(pixels), int(positives)
        result.prevalence = positives / pixels if pixels else np.nan
        return result


class ScoreCounter:
    """Counts scores of lesion and other pixels at thresholds, in memory that does not grow.

    Thresholds are scores of the data. From one to the next lie ties, or at most 1/8192 of the
    scores above: so little changes precision, Dice and the share of false alarms by less than 1e-3.
    """

    def __init__(self):
        self._waiting = []  # (score, lesion) of small parts, until there are enough to sort
        self._waiting_size = 0
        self._parts = []  # rows, see `brainlib.anomaly.curve_counts.rows`

    def add(self, score: np.ndarray, lesion: np.ndarray) -> "ScoreCounter":
        """Counts more scores. score, lesion (bool): arrays of one shape."""
        score, lesion = np.asarray(score), np.asarray(lesion)
        if score.shape != lesion.shape:
            raise ValueError(
                f"expected a score and a label for every pixel, got shapes {score.shape} and "
                f"{lesion.shape}."
            )
        if score.dtype.kind not in "biuf" or score.dtype == np.float16:
            score = score.astype(np.float64 if score.dtype.kind not in "f" else np.float32)
        score, lesion = score.reshape(-1), lesion.reshape(-1)
        for start in range(0, score.size, BLOCK):
            part = score[start : start + BLOCK].copy()  # the caller may fill the same array again
            self._waiting.append((part, lesion[start : start + BLOCK].astype(bool)))
            self._waiting_size += part.size
            if self._waiting_size >= BLOCK:
                self._gather()
        return self

    def _gather(self):
        """Turns what waits into rows, and thins the rows where they are too many."""
        if self._waiting:
            score, lesion = (np.concatenate(column) for column in zip(*self._waiting))
            self._waiting, self._waiting_size = [], 0
            self._parts.append(count_rows(score, score[lesion]))
        if sum(len(threshold) for threshold, *_ in self._parts) > ROWS:
            self._parts = [thin_rows(*merge_rows(self._parts))]

    def _table(self):
        """(thresholds from the highest down, pixels at or above each, lesion pixels among them)."""
        self._gather()
        self._parts = [merge_rows(self._parts)]
        threshold, pixels, positive = self._parts[0]
        return threshold.astype(np.float64), np.cumsum(pixels), np.cumsum(positive)

    @property
    def counts(self) -> tuple[int, int]:
        """(pixels, lesion pixels)."""
        self._gather()
        pixels = sum(pixels.sum() for _, pixels, _ in self._parts)
        return int(pixels), int(sum(positive.sum() for _, _, positive in self._parts))

    def curves(self) -> Curves:
        """AUROC with ties counted half, AUPRC as average precision (steps): scikit-learn's."""
        _, predicted, true = self._table()
        pixels, positives = self.counts
        auroc = auprc = np.nan
        if positives and positives < pixels:
            false = np.concatenate([[0], predicted - true]) / (pixels - positives)
            auroc = float(np.trapezoid(np.concatenate([[0], true]) / positives, false))
        if positives:
            auprc = float(np.sum(np.diff(true, prepend=0) * (true / predicted)) / positives)
        return Curves(auroc, auprc, pixels, positives)

    def points(self, count: int = 400) -> dict[str, np.ndarray]:
        """Points of both curves for drawing.

        Returns:
            dict of threshold, false_alarms, recall, precision, dice; each (<= 1.5 `count`,).
        """
        threshold, predicted, true = self._table()
        pixels, positives = self.counts
        last = len(threshold) - 1
        even_in_rank = np.linspace(0, np.log(pixels), count)
        places = np.unique(np.searchsorted(np.log(predicted), even_in_rank).clip(0, last))
        if positives:
            even_in_recall = np.linspace(0, positives, count // 2)
            places = np.union1d(places, np.searchsorted(true, even_in_recall).clip(0, last))
        predicted, true = predicted[places], true[places]
        return {
            "threshold": threshold[places],
            "false_alarms": (predicted - true) / max(pixels - positives, 1),
            "recall": true / positives if positives else np.full(len(places), np.nan),
            "precision": true / predicted,
            "dice": 2 * true / (predicted + positives),
        }

    def threshold_of_share(self, share: float) -> float:
        """The threshold that at most this share of all counted pixels reaches.

        If all of them are healthy it is the share of false alarms.
        """
        threshold, predicted, _ = self._table()
        passing = np.flatnonzero(predicted <= share * predicted[-1])
        return float(threshold[passing[-1]]) if len(passing) else float("inf")

    def operating_point(self, *, steps: int = 10, rule: str = "rank") -> OperatingPoint:
        """See `brainlib.anomaly.operating_point`."""
        positives = self.counts[1]
        return find_operating_point(*self._table(), positives, steps=steps, rule=rule)


def count_scores(
    score: np.ndarray | list | Iterable | ScoreCounter, lesion: np.ndarray | list | None = None
) -> ScoreCounter:
    """Counts scores at thresholds.

    Args:
        score: an array of scores, larger where more anomalous; or, with `lesion` left out, an
            iterable of (score, lesion) pairs, which is gone through once and never held together;
            or a list of arrays, whose shapes may differ; or a counter, which is returned.
        lesion: bool array of the same shape, or a list of such.
    """
    if isinstance(score, ScoreCounter):
        return score
    if lesion is not None:
        score = _score_and_lesion_pairs(score, lesion)
    counter = ScoreCounter()
    for part, truth in score:
        counter.add(part, truth)
    if not counter.counts[0]:
        raise ValueError("scores: expected at least one pixel, got none.")
    return counter


def _score_and_lesion_pairs(score, lesion):
    """Pairs of arrays, of two arrays or of two lists of arrays."""
    if not (_is_list_of_arrays(score) and _is_list_of_arrays(lesion)):
        return [(score, lesion)]
    if len(score) != len(lesion):
        raise ValueError(
            f"expected a lesion for every array of scores, got {len(score)} arrays and "
            f"{len(lesion)} lesions."
        )
    return zip(score, lesion)


def _is_list_of_arrays(values):
    return isinstance(values, (list, tuple)) and len(values) > 0 and np.ndim(values[0]) > 0


def curves(
    score: np.ndarray | list | Iterable | ScoreCounter, lesion: np.ndarray | list | None = None
) -> Curves:
    """AUROC and AUPRC (average precision) of scores, as scikit-learn defines them, within 1e-3.

    Args:
        score: see `count_scores`.
        lesion: see `count_scores`.

    Returns:
        `Curves`: unpacks to (auroc, auprc); has `prevalence`, `pixels`, `positives`. NaN where a
        class is missing.
    """
    return count_scores(score, lesion).curves()


def operating_point(
    score: np.ndarray | list | Iterable | ScoreCounter,
    lesion: np.ndarray | list | None = None,
    steps: int = 10,
    *,
    rule: str = "rank",
) -> OperatingPoint:
    """The threshold of the best Dice, by a greedy search; made for validation lesions only.

    Args:
        score: see `count_scores`.
        lesion: see `count_scores`.
        steps: halvings, 1 or more; thesis 002 takes 10.
        rule: "rank" halves the number of predicted pixels (its logarithm) around the best of three
            quartiles: on a curve with one mode it ends within 1e-2 Dice of an exhaustive search,
            whatever the scale of the scores. "seed" halves the range of intensities by comparing
            two quartiles, as thesis 002 does: heavy tails use up its steps, and it can drop the
            half that holds the best.

    Returns:
        `OperatingPoint`. Warns where the curve has several modes, or the search ends more than
        1e-2 below the best threshold.
    """
    return count_scores(score, lesion).operating_point(steps=steps, rule=rule)
