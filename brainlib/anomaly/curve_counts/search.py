"""Which threshold gives the best Dice? The greedy search of thesis 002, section 4.2.4."""

import warnings
from typing import NamedTuple

import numpy as np

VALLEY_POINTS = 1 << 10  # thresholds at which a second mode is looked for
UNIMODAL = 0.01  # a valley of Dice deeper than this is a second mode


class OperatingPoint(NamedTuple):
    """A threshold (`score >= threshold` is called lesion) and what it gives on the data it is from.

    `best_dice` is the best of all thresholds; `unimodal`, whether Dice rises and then falls and the
    search came within 1e-2 of its top.
    """

    threshold: float
    dice: float
    precision: float
    recall: float
    best_dice: float
    unimodal: bool


def find_operating_point(
    threshold: np.ndarray,
    predicted: np.ndarray,
    true: np.ndarray,
    positives: int,
    *,
    steps: int = 10,
    rule: str = "rank",
) -> OperatingPoint:
    """The threshold of the best Dice, by a greedy search.

    Args:
        threshold: (R,) from the highest down.
        predicted: pixels at or above each threshold, (R,).
        true: lesion pixels among them, (R,).
        positives: all lesion pixels.
        steps: halvings.
        rule: "rank" or "seed", see `anomaly.operating_point`.
    """
    _check_search(positives, steps, rule)
    dice = 2 * true / (predicted + positives)
    if rule == "rank":
        grid = _log_ranks(predicted, positives, 1 << min(int(steps), 16))
        place = grid[_halving(dice[grid], steps)]
    else:
        place = _halving_of_intensities(threshold, dice, steps)
    valley = _valley(dice[_log_ranks(predicted, positives, VALLEY_POINTS)])
    unimodal = max(valley, dice.max() - dice[place]) <= UNIMODAL
    if not unimodal:
        _warn_of_modes(valley, dice[place], dice.max())
    return OperatingPoint(
        np.float64(threshold[place]),
        float(dice[place]),
        float(true[place] / predicted[place]),
        float(true[place] / positives),
        float(dice.max()),
        bool(unimodal),
    )


def _check_search(positives, steps, rule):
    if rule not in ("rank", "seed"):
        raise ValueError(f"rule: expected 'rank' or 'seed', got {rule!r}.")
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(
            f"steps: expected a whole number of halvings from 1 on, got {steps!r}. "
            "Thesis 002 takes 10."
        )
    if not positives:
        raise ValueError(
            "operating_point: expected some lesion pixels to search with, got none. "
            "Pass validation heads with a lesion."
        )


def _warn_of_modes(valley, found, best):
    warnings.warn(
        f"operating_point: Dice over the thresholds has more than one mode (a valley of "
        f"{valley:.3f}) or a narrow peak: the search found {found:.3f}, the best of all "
        f"thresholds gives {best:.3f}.",
        stacklevel=5,  # the caller of `anomaly.operating_point`
    )


def _log_ranks(predicted, positives, points):
    """Places of so many thresholds, evenly spaced in the logarithm of the predicted pixels.

    Where there are few thresholds some come twice. A step of 1 % more pixels changes Dice by less
    than 1e-2. Fewer than P/200 or more than 200 P predicted pixels (P: lesion pixels) cannot reach
    a Dice of 1e-2, so that the search spends no step on them.
    """
    logs = np.log(predicted)
    low = np.clip(np.log(positives / 200), logs[0], logs[-1])
    high = np.clip(np.log(positives * 200), logs[0], logs[-1])
    return np.searchsorted(logs, np.linspace(low, high, points)).clip(0, len(logs) - 1)


def _valley(dice):
    """Depth of the deepest valley between two peaks of a curve; 0 for one peak."""
    left, right = np.maximum.accumulate(dice), np.maximum.accumulate(dice[::-1])[::-1]
    return float(np.max(np.minimum(left, right) - dice))


def _halving(dice, steps):
    """Place of the largest Dice: `steps` times the interval is halved around its best quartile."""
    low, high, best = 0, len(dice) - 1, 0
    for _ in range(steps):
        first, middle, third = (low + (high - low) * quarter // 4 for quarter in (1, 2, 3))
        # at a draw the lower threshold: a plateau at 0 is too strict
        winner = max([third, middle, first], key=lambda place: dice[place])
        best = max(best, low, winner, high, key=lambda place: dice[place])
        low, high = {first: (low, middle), middle: (first, third), third: (middle, high)}[winner]
    return best


def _halving_of_intensities(thresholds, dice, steps):
    """Thesis 002 to the letter: quartiles of the intensities are compared, half is dropped."""
    low, high, best = thresholds[-1], thresholds[0], 0
    for _ in range(steps):
        quartiles = low + (high - low) * np.array([0.25, 0.75])
        places = (len(thresholds) - np.searchsorted(thresholds[::-1], quartiles) - 1).clip(0)
        best = max(best, *places, key=lambda place: dice[place])
        middle = (low + high) / 2
        low, high = (middle, high) if dice[places[1]] > dice[places[0]] else (low, middle)
    return int(best)
