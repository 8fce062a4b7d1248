"""How are any number of scores kept in bounded memory? As rows: a threshold and what lies above it.

A row is (threshold, pixels, lesion pixels), the counts from its threshold up to the one above.
Thresholds are chosen by rank, so how the scores are spread makes no difference.
"""

from collections.abc import Sequence

import numpy as np

FINE = 1 << 13  # of n scores from the top, at most n / FINE lie between two thresholds

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # from the highest threshold down, each (R,)


def count_rows(score: np.ndarray, positive: np.ndarray) -> Rows:
    """Rows of one part of the scores.

    Args:
        score: (M,) all scores of the part.
        positive: those of them that lie in lesions.
    """
    ordered, positive = np.sort(score), np.sort(positive)
    if np.isnan(ordered[-1]):
        number = np.count_nonzero(np.isnan(ordered))
        raise ValueError(f"scores: expected numbers, got {number} NaN. Leave those pixels out.")
    threshold = np.unique(ordered[-_ranks(len(ordered))])
    above = [len(part) - np.searchsorted(part, threshold)[::-1] for part in (ordered, positive)]
    return threshold[::-1], *(np.diff(number, prepend=0) for number in above)


def merge_rows(parts: Sequence[Rows]) -> Rows:
    """Rows of several parts as one: equal thresholds become one row."""
    if len(parts) == 1:
        return parts[0]
    scores, *counts = (np.concatenate(column) for column in zip(*parts))
    threshold, place = np.unique(scores, return_inverse=True)
    summed = [np.bincount(place, weights=number, minlength=len(threshold)) for number in counts]
    return threshold[::-1], *(number.astype(np.int64)[::-1] for number in summed)


def thin_rows(threshold: np.ndarray, pixels: np.ndarray, positive: np.ndarray) -> Rows:
    """Fewer rows: those at `_ranks`, with what lies between them."""
    above = np.cumsum(pixels)
    places = np.unique(np.searchsorted(above, _ranks(above[-1])))
    positives_above = np.cumsum(positive)[places]
    return threshold[places], np.diff(above[places], prepend=0), np.diff(positives_above, prepend=0)


def _ranks(number):
    """Ranks 1 to `number`: all at first, then in steps of 1 / FINE of themselves."""
    if number <= FINE:
        return np.arange(1, number + 1)
    logs = np.linspace(np.log(FINE), np.log(number), int(FINE * np.log(number / FINE)) + 2)
    spread = np.exp(logs[:-1]).astype(np.int64)
    return np.unique(np.concatenate([np.arange(1, FINE), spread, [number]]))
