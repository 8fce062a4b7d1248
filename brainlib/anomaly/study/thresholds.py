"""What do thresholds of validation heads give on test heads? (thesis 002, table 5.4, section 6.1).

The thesis searches a threshold for each cohort and wishes for one for all kinds of lesion.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from brainlib.anomaly import measures
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.study.detectors import ALL, group_heads
from brainlib.evaluation import stats

OWN = "own lesions"  # by the search on validation lesions of that kind
ONE_FOR_ALL = "one for all"  # the same on all validation lesions together
FALSE_ALARMS_5 = "5 % false alarms"  # of healthy validation pixels

Thresholds = Mapping[str, Mapping[str, float]]  # {group: {where from: threshold}}


def detector_thresholds(
    results: Mapping[str, dict], healthy: Sequence[ScoredHead]
) -> dict[str, dict[str, float]]:
    """Thresholds of a detector, from validation heads.

    Args:
        results: `validation_areas` of it ({} without validation lesions).
        healthy: scored healthy validation heads.

    Returns:
        {group: {where from: threshold}} for each group and `ALL`: "own lesions" (10-step search on
        that group), "one for all" (the same on all lesions together), "1 % false alarms", "5 %
        false alarms", "10 % false alarms" (of healthy validation pixels).
    """
    common = {}
    together = results.get(ALL) or next(iter(results.values()), None)
    if together:
        common[ONE_FOR_ALL] = together["point"].threshold
    if healthy:
        for share, threshold in measures.false_alarm_thresholds(healthy).items():
            common[f"{100 * share:.0f} % false alarms"] = threshold
    thresholds = {
        name: {OWN: areas["point"].threshold, **common}
        for name, areas in results.items()
        if name != ALL
    }
    return {**thresholds, ALL: common}


def threshold_for(thresholds: Thresholds, group: str, *sources: str) -> float:
    """A group's threshold of the first of these sources that there is one of.

    Else that of all lesions, else that of 5 % false alarms, else infinite.
    """
    given = {**thresholds[ALL], **thresholds.get(group, {})}
    for source in (*sources, ONE_FOR_ALL, FALSE_ALARMS_5):
        if source in given:
            return given[source]
    return np.inf


def operating_points(
    heads: Sequence[ScoredHead], thresholds: Thresholds, *, min_pixels: int = 7
) -> list[dict]:
    """What each threshold gives on test heads: one row per group and threshold.

    Args:
        heads: scored heads with a lesion.
        thresholds: of `detector_thresholds`.
        min_pixels: components of fewer pixels in a slice are dropped.

    Returns:
        list of dicts: group, threshold_from, threshold, and the numbers of `measures.confusion`
        with dice_low, dice_high (interval of the mean Dice per subject), subjects.
    """
    rows = []
    for name, part in group_heads(heads).items():
        for source, threshold in thresholds.get(name, thresholds[ALL]).items():
            result = measures.confusion(part, threshold, min_pixels=min_pixels)
            interval = measures.dice_interval(result)
            dices = result.pop("dices")
            rows.append(
                {
                    "group": name,
                    "threshold_from": source,
                    "threshold": threshold,
                    **result,
                    "dice_low": interval.low if interval else np.nan,
                    "dice_high": interval.high if interval else np.nan,
                    "subjects": len(dices),
                }
            )
    return rows


def dice_by_head(
    heads: Sequence[ScoredHead], thresholds: Thresholds, source: str, *, min_pixels: int = 7
) -> pd.Series:
    """Dice of each head at its group's threshold, the lowest first; by subject."""
    dices = {}
    for head in heads:
        threshold = threshold_for(thresholds, head.group, source)
        result = measures.confusion([head], threshold, min_pixels=min_pixels)
        dices[head.subject] = result["dice_total"]
    return pd.Series(dices).sort_values()


def lesions_at_thresholds(
    heads: Sequence[ScoredHead],
    thresholds: Thresholds,
    *,
    voxel_ml: float,
    min_pixels: int = 7,
) -> list[dict]:
    """`measures.lesions_found` at the thresholds that need not know the kind of lesion.

    Args:
        heads: scored heads with a lesion.
        thresholds: of `detector_thresholds`.
        voxel_ml: volume of a voxel of the maps, in ml.
        min_pixels: components of fewer pixels in a slice are dropped.
    """
    rows = []
    for source, threshold in thresholds[ALL].items():
        if source in (ONE_FOR_ALL, FALSE_ALARMS_5):
            found = measures.lesions_found(
                heads, threshold, voxel_ml=voxel_ml, min_pixels=min_pixels
            )
            rows += [{"threshold_from": source, **row} for row in found]
    return rows


def false_alarms(
    validation: Sequence[ScoredHead],
    test: Sequence[ScoredHead],
    *,
    shares: Sequence[float] = (0.01, 0.05, 0.10),
    min_pixels: int = 7,
) -> list[dict]:
    """What thresholds of healthy validation heads do on healthy test heads.

    Args:
        validation: scored healthy validation heads.
        test: scored healthy test heads.
        shares: of the brain's pixels that are called at most on validation.
        min_pixels: of the components that are dropped for after_small_pieces.

    Returns:
        list of dicts, one row per share and test head: wanted, threshold, subject, site,
        false_alarm_rate (share of brain pixels at or above the threshold), after_small_pieces (the
        same without small components).
    """
    rows = []
    for share, threshold in measures.false_alarm_thresholds(validation, shares).items():
        for head in test:
            raw = measures.confusion([head], threshold, min_pixels=0)
            without_pieces = measures.confusion([head], threshold, min_pixels=min_pixels)
            rows.append(
                {
                    "wanted": share,
                    "threshold": threshold,
                    "subject": head.subject,
                    "site": head.site,
                    "false_alarm_rate": raw["false_alarm_rate"],
                    "after_small_pieces": without_pieces["false_alarm_rate"],
                }
            )
    return rows


def false_alarm_summary(alarms: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """False alarms wanted and found, per detector and share, with intervals over subjects.

    Args:
        alarms: rows of `false_alarms` with detector and round.
        seed: of the bootstrap.

    Returns:
        table of detector, wanted, found, low, high, worst_subject, subjects, rounds.
    """
    rows = []
    for (name, wanted), part in alarms.groupby(["detector", "wanted"], sort=False):
        rates, subjects = part.false_alarm_rate.to_numpy(), part.subject.to_numpy()
        interval = stats.bootstrap_interval(rates, subjects, seed=seed)
        rows.append(
            {
                "detector": name,
                "wanted": wanted,
                "found": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "worst_subject": part.false_alarm_rate.max(),
                "subjects": interval.subjects,
                "rounds": part["round"].nunique(),
            }
        )
    return pd.DataFrame(rows)
