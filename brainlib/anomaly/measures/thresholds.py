"""What does a threshold do on heads? Counts, and Dice in three ways (thesis 002, table 5.4)."""

from collections.abc import Iterable, Sequence

import numpy as np

from brainlib.anomaly.curve_counts import dice
from brainlib.anomaly.measures.heads import ScoredHead, pixel_counter
from brainlib.evaluation.stats import Interval, bootstrap_interval


def confusion(heads: Iterable[ScoredHead], threshold: float, *, min_pixels: int = 7) -> dict:
    """What a threshold does on heads: counts of pixels, precision, recall, Dice in three ways.

    Args:
        heads: scored heads.
        threshold: `score >= threshold` is called lesion.
        min_pixels: components of fewer pixels in a slice are dropped.

    Returns:
        dict: tp, fp, fn, tn (brain pixels, all heads pooled), precision, recall, dice_total
        (pooled, the thesis's DICE_T), dice_slices (mean over lesional slices), dice_subject and
        dice_subject_std (over heads with a lesion, the thesis's DICE_S), dices ({subject: Dice}),
        false_alarm_rate (share of healthy brain pixels).
    """
    counts = np.zeros(4, np.int64)
    by_subject, by_slice = {}, []
    for head in heads:
        found = head.detection(threshold, min_pixels)
        counts += _pixel_counts(found, head)
        if head.lesion.any():
            by_subject[head.subject] = dice(found, head.lesion)
            for place in np.flatnonzero(head.lesion.any(axis=(1, 2))):
                by_slice.append(dice(found[place], head.lesion[place]))
    tp, fp, fn, tn = (int(number) for number in counts)
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "tn": tn,
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "dice_total": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0,
        "dice_slices": float(np.mean(by_slice)) if by_slice else np.nan,
        **_dice_of_subjects(by_subject),
        "false_alarm_rate": _share(fp, fp + tn),
    }


def _pixel_counts(found, head):
    """(true positive, false positive, false negative, true negative) pixels of a head."""
    true = (found & head.lesion).sum()
    false = (found & ~head.lesion).sum()
    missed = (~found & head.lesion).sum()
    return true, false, missed, head.judged_pixels.sum() - true - false - missed


def _share(part, whole):
    return part / whole if whole else np.nan


def _dice_of_subjects(by_subject):
    values = np.array(list(by_subject.values()))
    return {
        "dice_subject": float(values.mean()) if len(values) else np.nan,
        "dice_subject_std": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
        "dices": by_subject,
    }


def dice_interval(result: dict, *, seed: int = 0) -> Interval | None:
    """Mean Dice per subject with its bootstrap interval; None where no subject has a lesion.

    Args:
        result: of `confusion`.
        seed: of the bootstrap.
    """
    if not result["dices"]:
        return None
    return bootstrap_interval(list(result["dices"].values()), list(result["dices"]), seed=seed)


def false_alarm_thresholds(
    healthy: Iterable[ScoredHead], shares: Sequence[float] = (0.01, 0.05, 0.10)
) -> dict[float, float]:
    """Thresholds that so many brain pixels of healthy (validation) heads reach.

    Returns:
        {share: threshold}.
    """
    counter = pixel_counter(healthy)
    return {share: counter.threshold_of_share(share) for share in shares}
