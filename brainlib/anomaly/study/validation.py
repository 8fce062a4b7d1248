"""Which score, sign and threshold are taken? Those that lesions of validation heads choose.

Thesis 002 searches its thresholds on the validation part of each cohort (section 4.2.4).
"""

import time
import warnings
from collections.abc import Mapping, Sequence

import pandas as pd

from brainlib.anomaly.curve_counts import OperatingPoint, ScoreCounter
from brainlib.anomaly.measures import ScoredHead, confusion, pixel_counter
from brainlib.anomaly.study.detectors import ALL, Detector, Scoring, group_heads

COLUMNS = (
    "detector",
    "model",
    "method",
    "group",
    "auprc",
    "prevalence",
    "auroc",
    "dice_searched",
    "dice_as_used",
    "dice_best",
    "unimodal",
    "subjects",
    "seconds_a_head",
)


def validate_detectors(
    scoring: Scoring, detectors: Sequence[Detector], table: pd.DataFrame
) -> tuple[dict[Detector, dict], pd.DataFrame]:
    """Every detector on validation lesions: what is chosen from.

    Args:
        scoring: networks, prepared heads and settings.
        detectors: of these networks, and baselines.
        table: validation heads with a lesion; without any, nothing is found.

    Returns:
        ({detector: `validation_areas` of it}, table with one row per detector and group: auprc,
        prevalence, auroc, dice_searched (at the threshold of the search), dice_as_used (there, once
        small pieces are removed), dice_best (of all thresholds), unimodal, subjects,
        seconds_a_head).
    """
    results, rows = {}, []
    min_pixels = (scoring.post or {}).get("min_pixels", 0)
    for detector in detectors:
        began = time.monotonic()
        heads = scoring.score(detector, table)
        seconds = (time.monotonic() - began) / max(1, len(table))
        results[detector] = validation_areas(heads, min_pixels=min_pixels)
        for group, areas in results[detector].items():
            row = _table_row(detector, group, areas)
            rows.append({**row, "seconds_a_head": seconds})
    return results, pd.DataFrame(rows, columns=list(COLUMNS))


def validation_areas(heads: Sequence[ScoredHead], *, min_pixels: int = 0) -> dict[str, dict]:
    """What validation heads with a lesion say about a detector.

    Args:
        heads: scored heads; the healthy among them are left out.
        min_pixels: components of fewer pixels are removed from test maps.

    Returns:
        {group: dict of auroc, auprc, prevalence, point (of the greedy search, over pixels),
        dice_as_used (total Dice at its threshold when small pieces are removed, as they are on test
        heads), subjects}.
    """
    results = {}
    for name, part in group_heads(heads).items():
        counter = pixel_counter(part)
        if counter.counts[1]:
            areas, point = counter.curves(), search_point(counter)
            used = confusion(part, point.threshold, min_pixels=min_pixels)["dice_total"]
            results[name] = {
                "auroc": areas.auroc,
                "auprc": areas.auprc,
                "prevalence": areas.prevalence,
                "point": point,
                "dice_as_used": used,
                "subjects": len(part),
            }
    return results


def _table_row(detector, group, areas):
    point = areas["point"]
    return {
        "detector": detector.name,
        "model": detector.model,
        "method": detector.method,
        "group": group,
        "auprc": areas["auprc"],
        "prevalence": areas["prevalence"],
        "auroc": areas["auroc"],
        "dice_searched": point.dice,
        "dice_as_used": areas["dice_as_used"],
        "dice_best": point.best_dice,
        "unimodal": point.unimodal,
        "subjects": areas["subjects"],
    }


def search_point(counter: ScoreCounter) -> OperatingPoint:
    """The operating point of a counter, by our rule; see `search_quietly`."""
    return search_quietly(counter, rule="rank")


def search_quietly(counter: ScoreCounter, *, rule: str) -> OperatingPoint:
    """The operating point of a counter; a Dice of several modes is told by its `unimodal` alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "operating_point: Dice over the thresholds has more than one mode"
        )
        return counter.operating_point(rule=rule)


def best_detectors(
    results: Mapping[Detector, dict], *, group: str | None = None
) -> dict[str, Detector]:
    """The best detector of each model, and the best baseline, by pixel AUPRC.

    Args:
        results: {detector: `validation_areas` of it}.
        group: the kind of lesion that decides; None: all validation lesions.

    Returns:
        {model's name ("" for the baselines): detector}, the best first.
    """

    def auprc(detector):
        groups = results[detector]
        everything = ALL if ALL in groups else next(iter(groups))
        return groups[group or everything]["auprc"]

    with_lesions = [detector for detector in results if results[detector]]
    best = {}
    for detector in sorted(with_lesions, key=auprc, reverse=True):
        best.setdefault(detector.model, detector)
    return best
