"""How well is illness told by sample, by slice and by pixel? Thesis 002's tables 5.1 to 5.3."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from brainlib.anomaly import measures
from brainlib.anomaly.curve_counts import count_scores
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.study.detectors import group_heads, heads_of_group
from brainlib.evaluation import stats


def areas_by_group(
    ill: Sequence[ScoredHead],
    healthy: Sequence[ScoredHead],
    unmasked: Sequence[ScoredHead] = (),
    **options: Any,
) -> list[dict]:
    """`areas_by_level` of each kind of lesion and of all together; see there for the arguments."""
    rows = []
    for group in group_heads([*ill, *unmasked]):
        own, own_unmasked = heads_of_group(ill, group), heads_of_group(unmasked, group)
        for row in areas_by_level(own, healthy, unmasked=own_unmasked, **options):
            rows.append({"group": group, **row})
    return rows


def areas_by_level(
    ill: Sequence[ScoredHead],
    healthy: Sequence[ScoredHead],
    *,
    unmasked: Sequence[ScoredHead] = (),
    n: int = 300,
    seed: int = 0,
    min_lesion_px: int = 1,
) -> list[dict]:
    """AUROC and AUPRC of a detector by sample, slice and pixel, with intervals over subjects.

    Args:
        ill: heads with a lesion that is drawn: their pixels and slices are judged, as in the
            thesis.
        healthy: heads without; heads of all kinds are judged by sample.
        unmasked: ill heads whose lesion nobody drew: their pixels would all count as healthy.
        n: resamplings of the bootstrap.
        seed: of the bootstrap.
        min_lesion_px: a slice counts as ill from so many lesion pixels on, at the size of the maps.

    Returns:
        list of dicts: level, auroc, auroc_low, auroc_high, auprc, auprc_low, auprc_high,
        prevalence, cases (heads, slices, pixels), ill_subjects, healthy_subjects.
    """
    heads = [*ill, *unmasked, *healthy]
    samples = measures.sample_scores(heads)
    labels = np.array([head.ill for head in heads])
    names = np.array([head.subject for head in heads])
    numbers = len(ill) + len(unmasked), len(healthy)
    rows = [_row("sample", samples, labels, names, numbers, n, seed)]
    if ill:
        table = measures.slice_table(ill, min_lesion_px=min_lesion_px)
        columns = table["score"], table["ill"], table["subject"]
        rows.append(_row("slice", *columns, (len(ill), 0), n, seed))
        areas = measures.pixel_counter(ill).curves()
        intervals = measures.pixel_intervals(ill, n=n, seed=seed)
        rows.append(_level_row("pixel", areas, intervals, (len(ill), 0)))
    return rows


def _row(level, scores, labels, subjects, numbers, n, seed):
    areas = count_scores(scores, labels).curves()
    intervals = measures.area_intervals(scores, labels, subjects, n=n, seed=seed)
    return _level_row(level, areas, intervals, numbers)


def _level_row(level, areas, intervals, numbers):
    """numbers: of ill and of healthy subjects."""
    auroc_low, auroc_high = intervals["auroc"]
    auprc_low, auprc_high = intervals["auprc"]
    ill_subjects, healthy_subjects = numbers
    return {
        "level": level,
        "auroc": areas.auroc,
        "auroc_low": auroc_low,
        "auroc_high": auroc_high,
        "auprc": areas.auprc,
        "auprc_low": auprc_low,
        "auprc_high": auprc_high,
        "prevalence": areas.prevalence,
        "cases": areas.pixels,
        "ill_subjects": ill_subjects,
        "healthy_subjects": healthy_subjects,
    }


def areas_by_patient(ill: Sequence[ScoredHead], *, seed: int = 0) -> list[dict]:
    """AUROC and AUPRC by pixel inside of each patient, and their means over patients.

    Thesis 002, section 4.2.4: areas "for entire images and also patient-wise". Pooled pixels let a
    patient with a large lesion speak loudest; here each patient counts once.

    Args:
        ill: scored heads with a lesion that is drawn.
        seed: of the bootstrap over patients.

    Returns:
        list of dicts, one per kind of lesion: group, auroc, auroc_std, auroc_low, auroc_high, the
        same of auprc, prevalence (mean), patients.
    """
    rows = []
    for group, part in group_heads(ill).items():
        found = [measures.pixel_counter([head]).curves() for head in part if head.lesion.any()]
        row = {"group": group}
        for name in ("auroc", "auprc"):
            values = np.array([getattr(areas, name) for areas in found])
            interval = stats.bootstrap_interval(values, np.arange(len(values)), seed=seed)
            row |= {name: values.mean(), f"{name}_std": _spread(values)}
            row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
        prevalence = float(np.mean([areas.prevalence for areas in found]))
        rows.append({**row, "prevalence": prevalence, "patients": len(found)})
    return rows


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def sample_score_table(heads: Sequence[ScoredHead]) -> pd.DataFrame:
    """The score of each head: subject, group (of the healthy with their site), score."""
    return pd.DataFrame(
        {
            "subject": [head.subject for head in heads],
            "group": [_group_and_site(head) for head in heads],
            "score": measures.sample_scores(heads),
        }
    )


def _group_and_site(head):
    return head.group if head.ill else f"healthy, {head.site or 'no site'}"
