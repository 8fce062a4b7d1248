"""Thesis 002's own order of steps beside ours (section 4.2.4, tables 5.1 to 5.4).

The thesis enlarges the reconstruction to the voxels of the box, subtracts there, and filters with a
median of 9x9; it searches its threshold by halving grey values. Ours works at the network's size
and halves the number of called pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from brainlib.anomaly import measures, scores
from brainlib.anomaly.curve_counts import count_scores
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.preparation import Prepared
from brainlib.anomaly.study.detectors import (
    ALL,
    Detector,
    Scoring,
    group_heads,
)
from brainlib.anomaly.study.heads import prepare_heads
from brainlib.anomaly.study.networks import post_processing_for
from brainlib.anomaly.study.people import MASKS, PREPARED, StudyHeads
from brainlib.anomaly.study.validation import search_quietly

MEDIANS = (3, 5, 9)  # sides in pixels; the thesis's tables are at 9, its table 5.4 has 5, too
OURS, THESIS = "ours", "thesis 002"
COLUMNS = (
    "detector",
    "group",
    "setting",
    "median_filter",
    "voxels_mm",
    "sample_auroc",
    "sample_auprc",
    "slice_auroc",
    "slice_auprc",
    "pixel_auprc",
    "dice_total",
    "dice_subject",
    "dice_subject_std",
    "threshold",
    "ill",
    "healthy",
)


@dataclass(frozen=True)
class FullSizeHeads(Mapping):
    """The heads of a study with their slices at the box's voxels, each read when it is asked for.

    27 MB each at 1 mm: all of them together may not fit into memory.
    """

    heads: StudyHeads

    def __getitem__(self, subject: str) -> Prepared:
        head = self.heads.prepared[subject]
        if head.full is not None:
            return head
        row = self.heads.people[self.heads.people.subject == subject]
        read, _ = prepare_heads(
            row,
            cache=PREPARED,
            masks=MASKS,
            mask_method=self.heads.mask_method,
            full={subject},
            **self.heads.preparation,
        )
        return read[subject]

    def __iter__(self) -> Iterator[str]:
        return iter(self.heads.prepared)

    def __len__(self) -> int:
        return len(self.heads.prepared)


class Sets(NamedTuple):
    """Heads as one setting scored them: ill ones that choose, ill ones that test, healthy ones."""

    validation: Sequence[ScoredHead]
    test: Sequence[ScoredHead]
    healthy: Sequence[ScoredHead]


def residual_detectors(
    found: Mapping[Detector, Mapping], names: Sequence[str], *, which: str
) -> list[Detector]:
    """The residuals that stand beside thesis 002's: its positive one, and the best of validation.

    Args:
        found: of `validate_detectors`, the areas of each detector.
        names: of the networks.
        which: "best" takes the network whose residual is best on validation, "all" takes all of
            them, "none" takes none.
    """
    best = {}
    for detector in sorted(found, key=lambda one: -_auprc(found[one])):
        if detector.method in scores.RESIDUALS and detector.model in names:
            best.setdefault(detector.model, detector)
    chosen = {"all": list(best.values()), "best": list(best.values())[:1], "none": []}
    if which not in chosen:
        raise ValueError(f"thesis_order: expected none, best or all, got {which!r}.")
    detectors = []
    for detector in chosen[which]:
        detectors += [Detector(detector.model, "positive"), detector]
    return list(dict.fromkeys(detectors))


def _auprc(areas: Mapping) -> float:
    group = ALL if ALL in areas else next(iter(areas), "")
    return areas[group]["auprc"] if group else -1.0


def beside_the_thesis(
    scoring: Scoring, heads: StudyHeads, detectors: Sequence[Detector]
) -> pd.DataFrame:
    """Test heads judged in our order of steps and in thesis 002's, with medians of 3, 5 and 9.

    Thresholds come from validation lesions of the same kind, else from all of them.

    Args:
        scoring: of the first round.
        heads: of `open_heads`.
        detectors: of `residual_detectors`.

    Returns:
        One row per detector, kind of lesion and setting, see `COLUMNS`: areas by sample, slice and
        pixel; dice_total (DICE_T) and dice_subject (DICE_S) at the threshold. Without rows where
        there are no lesions to choose or to judge on.
    """
    validation, test = heads.lesions("validation"), heads.lesions("test")
    rows = []
    if not len(validation) or not len(test):
        detectors = ()
    for detector in detectors:
        rows += _rows_of_ours(scoring, heads, detector)
        rows += _rows_of_the_thesis(scoring, heads, detector)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _sets(scoring: Scoring, heads: StudyHeads, detector: Detector, resolution: str) -> Sets:
    tables = heads.lesions("validation"), heads.lesions("test"), heads.healthy("test")
    return Sets(*(scoring.score(detector, table, resolution=resolution) for table in tables))


def _rows_of_ours(scoring, heads, detector):
    sets = _sets(scoring, heads, detector, "network")
    about = {"setting": OURS, "median_filter": scoring.post["median"], "voxels_mm": heads.pixel_mm}
    return _rows(detector, sets, about, rule="rank", min_pixels=scoring.post["min_pixels"])


def _rows_of_the_thesis(scoring, heads, detector):
    full = FullSizeHeads(heads)
    raw = _sets(replace(scoring, prepared=full, post=None), heads, detector, "full")
    shape = raw.test[0].score.shape
    post = post_processing_for(shape)
    rows = []
    for median in MEDIANS:
        changed = {**post, "median": median}
        sets = Sets(*(_processed(part, changed) for part in raw))
        about = {"setting": THESIS, "median_filter": median}
        about["voxels_mm"] = heads.pixel_mm * heads.size[0] / shape[0]
        rows += _rows(detector, sets, about, rule="seed", min_pixels=post["min_pixels"])
    return rows


def _processed(heads: Sequence[ScoredHead], post: Mapping) -> list[ScoredHead]:
    """Heads with their raw maps post-processed."""
    return [
        head._replace(score=scores.post_process(head.score, head.brain, **post)) for head in heads
    ]


def _rows(detector, sets, about, *, rule, min_pixels):
    """One row per kind of lesion of the test heads."""
    chosen = group_heads(sets.validation)
    rows = []
    for group, ill in group_heads(sets.test).items():
        searched = chosen.get(group) or sets.validation
        point = search_quietly(measures.pixel_counter(searched), rule=rule)
        called = measures.confusion(ill, point.threshold, min_pixels=min_pixels)
        dices = {name: called[name] for name in COLUMNS if name in called}
        known = {"detector": detector.name, "group": group, "threshold": point.threshold, **about}
        counts = {"ill": len(ill), "healthy": len(sets.healthy)}
        rows.append({**known, **_areas(ill, sets.healthy), **dices, **counts})
    return rows


def _areas(ill: Sequence[ScoredHead], healthy: Sequence[ScoredHead]) -> dict[str, float]:
    heads = [*ill, *healthy]
    labels = np.array([head.ill for head in heads])
    by_slice = measures.slice_table(ill)
    areas = {"slice": count_scores(by_slice["score"], by_slice["ill"]).curves()}
    if healthy:
        areas["sample"] = count_scores(measures.sample_scores(heads), labels).curves()
    found = {"pixel_auprc": measures.pixel_counter(ill).curves().auprc}
    for level, area in areas.items():
        found |= {f"{level}_auroc": area.auroc, f"{level}_auprc": area.auprc}
    return found


def thesis_order_in_words(table: pd.DataFrame) -> str:
    """What the thesis's order changes in this run's Dice, one line per detector."""
    lines = []
    for detector, rows in table.groupby("detector", sort=False):
        group = ALL if (rows.group == ALL).any() else rows.group.iloc[0]
        rows = rows[rows.group == group]
        ours = rows[rows.setting == OURS].iloc[0]
        theirs = rows[(rows.setting == THESIS) & (rows.median_filter == max(MEDIANS))].iloc[0]
        lines.append(
            f"- *{detector}*, {group}: total Dice {theirs.dice_total:.3f} in the thesis's order, "
            f"{ours.dice_total:.3f} in ours; pixel AUPRC {theirs.pixel_auprc:.3f} and "
            f"{ours.pixel_auprc:.3f}."
        )
    return "\n".join(lines)
