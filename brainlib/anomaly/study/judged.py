"""The test heads, scored once by what was chosen, and every table that is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from brainlib.anomaly import measures
from brainlib.anomaly.curve_counts import ScoreCounter
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.study.choice import Choice
from brainlib.anomaly.study.detectors import Detector, Scoring, detector_table, group_heads
from brainlib.anomaly.study.examples import detection_example
from brainlib.anomaly.study.levels import (
    areas_by_group,
    areas_by_patient,
    sample_score_table,
)
from brainlib.anomaly.study.people import StudyHeads
from brainlib.anomaly.study.thresholds import (
    FALSE_ALARMS_5,
    OWN,
    detector_thresholds,
    dice_by_head,
    false_alarms,
    lesions_at_thresholds,
    operating_points,
    threshold_for,
)
from brainlib.anomaly.study.trainings import ScoringByRound
from brainlib.anomaly.study.verdicts import compare_by_kind, compare_with_baseline
from brainlib.evaluation import stats

AREAS = ("auroc", "auprc")
SITE_COLUMNS = ("detector", "site", "heads", "others", *AREAS[:1], "p", "p_smallest")


@dataclass(frozen=True)
class JudgedHeads:
    """The test heads, and healthy validation heads, scored by every detector that is judged.

    Attributes:
        choice: of `choose_detectors`.
        heads: of `open_heads`.
        scored: {detector: {"ill" (with a lesion mask), "unmasked", "healthy", "validation" (healthy
            people): scored heads}}.
    """

    choice: Choice
    heads: StudyHeads
    scored: Mapping[Detector, Mapping[str, Sequence[ScoredHead]]]

    @cached_property
    def thresholds(self) -> dict[Detector, dict[str, dict[str, float]]]:
        """{detector: `detector_thresholds` of it}: all from validation heads."""
        found = self.choice.found
        return {
            detector: detector_thresholds(found.get(detector, {}), sets["validation"])
            for detector, sets in self.scored.items()
        }

    @property
    def source(self) -> str:
        """Where the threshold of the pictures comes from."""
        return OWN if self.choice.by_lesions else FALSE_ALARMS_5

    @property
    def min_pixels(self) -> int:
        """Components of fewer pixels are dropped from what is called."""
        return self.heads.post["min_pixels"]

    def ill(self, detector: Detector) -> Sequence[ScoredHead]:
        """Test heads with a lesion mask, scored by a detector."""
        return self.scored[detector]["ill"]

    def counters_by_group(self) -> dict[str, dict[str, ScoreCounter]]:
        """{"tumour (2 heads)": {detector's name: counted pixels}} for curves."""
        counters = {}
        for detector in self.scored:
            for group, part in group_heads(self.ill(detector)).items():
                title = f"{group} ({len(part)} head{'s' * (len(part) > 1)})"
                of_group = counters.setdefault(title, {})
                of_group[detector.name] = measures.pixel_counter(part)
        return counters


def score_test_heads(scoring: Scoring, choice: Choice, heads: StudyHeads) -> JudgedHeads:
    """Opens the test heads: each detector that is judged scores them once.

    Args:
        scoring: of the first round.
        choice: of `choose_detectors`.
        heads: of `open_heads`.
    """
    sets = {
        "ill": heads.lesions("test"),
        "unmasked": heads.unmasked("test"),
        "healthy": heads.healthy("test"),
        "validation": heads.healthy("validation"),
    }
    scored = {}
    for detector in choice.judged:
        scored[detector] = {name: scoring.score(detector, rows) for name, rows in sets.items()}
    return JudgedHeads(choice, heads, scored)


def levels_table(judged: JudgedHeads, **options: Any) -> pd.DataFrame:
    """AUROC and AUPRC by sample, slice and pixel; options: of `areas_by_level`."""
    rows = {}
    for detector, sets in judged.scored.items():
        sets_of_test = sets["ill"], sets["healthy"], sets["unmasked"]
        rows[detector] = areas_by_group(*sets_of_test, **options)
    return detector_table(rows)


def patients_table(judged: JudgedHeads, *, seed: int = 0) -> pd.DataFrame:
    """AUROC and AUPRC inside of each patient, mean over patients, see `areas_by_patient`."""
    ill = {detector: judged.ill(detector) for detector in judged.scored}
    rows = {one: areas_by_patient(part, seed=seed) for one, part in ill.items() if part}
    return detector_table(rows)


def verdict_table(judged: JudgedHeads, *, seed: int = 0) -> pd.DataFrame:
    """The best network of validation against the better baseline, see `compare_with_baseline`."""
    best, baseline = judged.choice.best, judged.choice.baseline
    if not judged.ill(best):
        return pd.DataFrame()
    rows = compare_with_baseline(judged.ill(best), judged.ill(baseline), seed=seed)
    return pd.DataFrame(rows).assign(network=best.name, baseline=baseline.name)


def verdict_by_kind(scoring: Scoring, judged: JudgedHeads, *, seed: int = 0) -> pd.DataFrame:
    """The same where each kind of lesion chose network, score and baseline for itself.

    Without rows where there are no validation lesions, or only one kind of lesion.
    """
    test = judged.heads.lesions("test")
    if not judged.choice.by_lesions or test.group.nunique() < 2:
        return pd.DataFrame()

    def score(detector, part):
        """Heads of one kind, scored already or anew."""
        known = judged.scored.get(detector, {}).get("ill", [])
        there = [head for head in known if head.subject in set(part.subject)]
        return there or scoring.score(detector, part)

    return pd.DataFrame(compare_by_kind(judged.choice.found, test, score, seed=seed))


def operating_table(judged: JudgedHeads) -> pd.DataFrame:
    """What every threshold gives on the test lesions, see `operating_points`."""
    rows = {
        detector: operating_points(judged.ill(detector), limits, min_pixels=judged.min_pixels)
        for detector, limits in judged.thresholds.items()
    }
    return detector_table(rows)


def lesions_table(judged: JudgedHeads) -> pd.DataFrame:
    """Test lesions found, by size, see `lesions_at_thresholds`; without rows for no lesions."""
    if not judged.ill(judged.choice.best):
        return pd.DataFrame()
    options = {"voxel_ml": judged.heads.voxel_ml, "min_pixels": judged.min_pixels}
    rows = {
        detector: lesions_at_thresholds(judged.ill(detector), limits, **options)
        for detector, limits in judged.thresholds.items()
    }
    return detector_table(rows)


# ----------------------------------------------------------------------------------------- pictures


def detections_by_kind(scoring: Scoring, judged: JudgedHeads) -> dict[str, dict]:
    """Of each kind of lesion the first test head, by the grey value and by each network.

    Returns:
        {title: row of `anomaly_figures.detections`}.
    """
    test = judged.heads.lesions("test")
    detectors = (judged.choice.baseline, *judged.choice.networks)
    rows = {}
    for subject in test.groupby("group", sort=False).subject.first():
        for detector in detectors:
            rows[f"{subject}\n{detector.name}"] = _example(scoring, judged, subject, detector)
    return rows


def best_and_worst(scoring: Scoring, judged: JudgedHeads, count: int = 2) -> dict[str, dict]:
    """The best and the worst test heads of the best network, by Dice.

    Returns:
        {title: row of `anomaly_figures.detections`}.
    """
    best = judged.choice.best
    dices = dice_by_head(
        judged.ill(best), judged.thresholds[best], judged.source, min_pixels=judged.min_pixels
    )
    subjects = dict.fromkeys([*dices.index[-count:][::-1], *dices.index[:count]])
    return {
        f"{subject}\nDice {dices[subject]:.2f}": _example(scoring, judged, subject, best)
        for subject in subjects
    }


def _example(scoring, judged, subject, detector):
    head = next(head for head in judged.ill(detector) if head.subject == subject)
    limit = threshold_for(judged.thresholds[detector], head.group, judged.source)
    return detection_example(scoring, detector, head, threshold=limit, min_pixels=judged.min_pixels)


# ----------------------------------------------------------------------------------- healthy people


def false_alarms_of_rounds(scorings: ScoringByRound, judged: JudgedHeads) -> pd.DataFrame:
    """`false_alarms` of every round, so that with folds every healthy person is tested once.

    Returns:
        table of detector, round, wanted, threshold, subject, site, false_alarm_rate,
        after_small_pieces.
    """
    tables = []
    for one_round in judged.heads.rounds:
        rows = {}
        for detector, sets in _healthy_of_round(scorings, judged, one_round).items():
            alarms = false_alarms(*sets, min_pixels=judged.min_pixels)
            rows[detector] = [{"round": one_round.name, **row} for row in alarms]
        tables.append(detector_table(rows))
    return pd.concat(tables, ignore_index=True)


def _healthy_of_round(scorings, judged, one_round):
    """{detector: (healthy validation heads, healthy test heads)}, scored by a round's networks."""
    scored = {}
    if one_round is judged.heads.first:
        for detector, sets in judged.scored.items():
            scored[detector] = sets["validation"], sets["healthy"]
        return scored
    scoring = scorings.of(one_round, judged.choice.judged)
    validation, test = (judged.heads.healthy(part, one_round) for part in ("validation", "test"))
    for detector in judged.choice.judged:
        scored[detector] = scoring.score(detector, validation), scoring.score(detector, test)
    return scored


def head_scores(judged: JudgedHeads) -> pd.DataFrame:
    """The score of each head: detector, subject, group (of the healthy with their site), score."""
    tables = []
    for detector, sets in judged.scored.items():
        everybody = [*sets["healthy"], *sets["validation"], *sets["ill"], *sets["unmasked"]]
        tables.append(sample_score_table(everybody).assign(detector=detector.name))
    return pd.concat(tables)[["detector", "subject", "group", "score"]]


def site_control_table(judged: JudgedHeads) -> pd.DataFrame:
    """Healthy heads of one site against those of the others, see `measures.site_control`.

    p_holm corrects p for all rows of the table.
    """
    rows = {}
    for detector, sets in judged.scored.items():
        healthy = [*sets["healthy"], *sets["validation"]]
        sites = [head.site for head in healthy]
        rows[detector] = measures.site_control(measures.sample_scores(healthy), sites)
    table = detector_table(rows, columns=SITE_COLUMNS)
    return table.assign(p_holm=stats.holm(table.p))


# ------------------------------------------------------------------------------------------ summary


def summary_table(
    judged: JudgedHeads,
    verdict: pd.DataFrame,
    levels: pd.DataFrame,
    operating: pd.DataFrame,
    **of_healthy: float,
) -> pd.DataFrame:
    """One row per kind of lesion for the best network: what a sweep gathers.

    Args:
        judged: of `score_test_heads`.
        verdict: of `verdict_table`; may be empty.
        levels: of `levels_table`.
        operating: of `operating_table`.
        **of_healthy: numbers that need no lesion, the same in every row.
    """
    if not len(verdict):
        return pd.DataFrame([{"group": "no lesions", **of_healthy}])
    name, rows = judged.choice.best.name, []
    for row in verdict.itertuples():
        mine = (levels.detector == name) & (levels.group == row.group)
        by_level = levels[mine].set_index("level")
        areas = {
            f"{level}_{area}": by_level.loc[level, area]
            for level in ("sample", "slice")
            for area in AREAS
        }
        mine = (operating.detector == name) & (operating.group == row.group)
        point = operating[mine].iloc[0]
        rows.append(
            {
                "group": row.group,
                "pixel_auprc": row.auprc,
                "baseline_pixel_auprc": row.baseline_auprc,
                **areas,
                "dice_total": point.dice_total,
                "dice_subject": point.dice_subject,
                **of_healthy,
            }
        )
    return pd.DataFrame(rows)


def false_alarms_at_5_percent(judged: JudgedHeads, summary: pd.DataFrame) -> float:
    """Share of false alarms of the best network where 5 % were wanted; of `false_alarm_summary`."""
    mine = (summary.detector == judged.choice.best.name) & (summary.wanted == 0.05)
    return float(summary[mine].found.iloc[0])


def pixel_auprcs(verdict: pd.DataFrame) -> dict[str, dict[str, float]]:
    """{kind of lesion: {"network": pixel AUPRC, "baseline": pixel AUPRC}}, of a verdict table."""
    return {
        row.group: {"network": round(row.auprc, 4), "baseline": round(row.baseline_auprc, 4)}
        for row in verdict.itertuples()
    }
