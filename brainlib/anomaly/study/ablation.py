"""What does each step of the post-processing bring? (thesis 002, section 4.2.4 and table 5.4).

Asked on validation heads with a lesion. The network is asked once; each variant post-processes the
same raw maps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from brainlib.anomaly import measures, preparation, scores
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.study.detectors import Detector, Scoring, detector_table
from brainlib.anomaly.study.networks import post_processing_for, voxel_ml
from brainlib.anomaly.study.validation import search_point

CHANGES = {  # of the post-processing, one at a time
    "all steps": {},
    "no eroded mask": {"erode_px": 0},
    "no median": {"median": 0},
    "median 3x3": {"median": 3},
    "median 5x5": {"median": 5},
    "median 9x9": {"median": 9},
    "small pieces kept": {"min_pixels": 0},
    "none": None,
}
FULL_SIZE = {  # name of the row: resolution
    "enlarged, then subtracted (thesis 002)": "full",
    "subtracted, then enlarged": "full_after",
}


def ablation(
    scoring: Scoring, detector: Detector, table: pd.DataFrame, *, full: bool = False
) -> list[dict]:
    """What each step of the post-processing brings, on validation heads with a lesion.

    Args:
        scoring: networks, prepared heads and settings; its `post` is what is changed.
        detector: of these networks, or a baseline.
        table: validation heads with a lesion.
        full: also subtracts at the box's voxels, before and after enlarging (heads prepared with
            full=True).

    Returns:
        list of dicts: step, auprc, auroc, dice (total, at the threshold of the 10-step search),
        lesions_found (share of the lesions), false_pieces (per head), threshold, voxels_mm.
    """
    unprocessed = replace(scoring, post=None)
    raw = unprocessed.score(detector, table)
    rows = []
    for name, change in CHANGES.items():
        post = None if change is None else {**scoring.post, **change}
        rows.append({"step": name, **_step_row(raw, post)})
    if full:
        post = _full_size_post(scoring, table)
        for name, resolution in FULL_SIZE.items():
            raw = unprocessed.score(detector, table, resolution=resolution)
            rows.append({"step": name, **_step_row(raw, post)})
    return rows


def ablation_table(
    scoring: Scoring, detectors: Sequence[Detector], table: pd.DataFrame
) -> pd.DataFrame:
    """`ablation` of several detectors, full size included; without rows for no heads."""
    if not len(table):
        return pd.DataFrame()
    rows = {detector: ablation(scoring, detector, table, full=True) for detector in detectors}
    return detector_table(rows)


def _full_size_post(scoring, table):
    """Post-processing at the voxels of the box that the heads were brought to."""
    names = [name for name in table.subject if name in scoring.prepared]
    return post_processing_for(scoring.prepared[names[0]].full.shape[:3])


def _step_row(raw: Sequence[ScoredHead], post: Mapping | None):
    heads, min_pixels = raw, 0
    if post is not None:
        heads = [
            head._replace(score=scores.post_process(head.score, head.brain, **post)) for head in raw
        ]
        min_pixels = post["min_pixels"]
    counter = measures.pixel_counter(heads)
    areas, point = counter.curves(), search_point(counter)
    shape = heads[0].score.shape
    *sizes, false = measures.lesions_found(
        heads, point.threshold, voxel_ml=voxel_ml(shape), min_pixels=min_pixels
    )
    found = sum(row["found"] for row in sizes)
    lesions = sum(row["lesions"] for row in sizes)
    called = measures.confusion(heads, point.threshold, min_pixels=min_pixels)
    return {
        "auprc": areas.auprc,
        "auroc": areas.auroc,
        "dice": called["dice_total"],
        "lesions_found": found / max(1, lesions),
        "false_pieces": false["per_head"],
        "threshold": point.threshold,
        "voxels_mm": preparation.BOX_MM[2] / shape[0],
    }
