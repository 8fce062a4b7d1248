"""Tables and examples of a study, on made-up heads: what notebook 09 shows."""

import numpy as np
import pandas as pd
import pytest
from made_up_heads import BRIGHT, DARK, HEADS, POST, PREPARED, SIZE, made_up, scored

from brainlib import anomaly, models
from brainlib.anomaly import study
from brainlib.anomaly.study import ALL

ILL = HEADS[HEADS.group != "healthy"]
LIMITS = {ALL: {"one for all": 0.5, "5 % false alarms": 0.45}, "stroke": {"own lesions": 0.6}}


def test_all_detectors_are_asked_on_validation_lesions():
    scoring = study.Scoring({}, PREPARED, POST)
    results, table = study.validate_detectors(scoring, study.BASELINES, ILL)
    assert list(table.detector.unique()) == [BRIGHT.name, DARK.name] and len(table) == 6
    best = table[table.group == ALL].set_index("detector").auprc.idxmax()
    assert study.best_detectors(results)[""].name == best
    results, table = study.validate_detectors(scoring, study.BASELINES, ILL[:0])
    assert results == {BRIGHT: {}, DARK: {}} and len(table) == 0 and "auprc" in table


def test_a_table_of_detectors_begins_with_their_names():
    table = study.detector_table({DARK: [{"a": 1}, {"a": 2}], BRIGHT: [{"a": 3}]})
    assert list(table.detector) == ["intensity dark"] * 2 + ["intensity bright"]
    assert list(study.detector_table({}, columns=["detector", "a"])) == ["detector", "a"]


def test_areas_are_given_for_each_kind_and_for_all():
    heads = scored(DARK)
    ill, healthy = [head for head in heads if head.ill], [head for head in heads if not head.ill]
    rows = pd.DataFrame(study.areas_by_group(ill, healthy, n=10))
    assert list(rows.group.unique()) == ["tumour", "stroke", ALL] and len(rows) == 9
    alone = study.areas_by_level(study.heads_of_group(ill, "stroke"), healthy, n=10)
    assert rows[rows.group == "stroke"].auprc.tolist() == [row["auprc"] for row in alone]
    names = study.sample_score_table([*healthy[:1], *ill[:1]])
    assert list(names.group) == ["healthy, A", "tumour"]


def test_false_alarms_are_summed_up_over_subjects():
    alarms = pd.DataFrame(
        {
            "detector": "x",
            "round": "holdout",
            "wanted": 0.05,
            "subject": ["a", "b", "c"],
            "false_alarm_rate": [0.02, 0.04, 0.09],
        }
    )
    (row,) = study.false_alarm_summary(alarms).to_dict("records")
    assert row["found"] == pytest.approx(0.05) and row["worst_subject"] == 0.09
    assert (row["subjects"], row["rounds"]) == (3, 1) and row["low"] <= 0.05 <= row["high"]


def test_dice_of_each_head_is_at_its_own_threshold():
    ill = [head for head in scored(DARK) if head.ill]
    dices = study.dice_by_head(ill, LIMITS, "own lesions", min_pixels=0)
    assert list(dices) == sorted(dices) and set(dices.index) == {head.subject for head in ill}
    stroke = next(head for head in ill if head.group == "stroke")
    expected = anomaly.dice(stroke.detection(0.6, 0), stroke.lesion)
    assert dices[stroke.subject] == pytest.approx(expected)
    rows = study.lesions_at_thresholds(ill, LIMITS, voxel_ml=0.1, min_pixels=0)
    assert {row["threshold_from"] for row in rows} == {"one for all", "5 % false alarms"}


def test_an_example_is_the_slice_with_most_lesion():
    scoring = study.Scoring({}, PREPARED, POST)
    head = next(head for head in scored(DARK) if head.subject == "H7")
    example = study.detection_example(scoring, DARK, head, threshold=0.6, min_pixels=0)
    assert example["output"] is None and example["limit"] == 0.6
    np.testing.assert_array_equal(example["image"], PREPARED["H7"].images[2, ..., 0])
    assert example["called"].sum() == example["lesion"].sum() == 6 * 2


def test_restorations_are_set_beside_the_twin():
    network = models.build("vae_uad", image_shape=SIZE[1:], width=0.125, latent_dim=2)
    ill, twin = made_up(7, ill=True), made_up(7, ill=False)
    scoring = study.Scoring({"vae": network}, {"a": ill}, POST)
    versions = study.restored_versions(scoring, ill.images, descent={"steps": 1})
    assert list(versions) == [("reconstruction", "vae"), ("descent of the ELBO", "vae")]
    perfect = {("perfect", "twin"): twin.images}
    (row,) = study.healing_rows(perfect, ill, twin)
    assert row["healed"] == 1 and row["spoilt_outside"] == 0
    pictures = study.healing_pictures(versions, ill, twin)
    assert list(pictures)[:2] == ["ill", "without the lesion"]
    (errors,) = study.errors_by_head(
        network, {"a": ill}, pd.DataFrame([{"subject": "a", "group": "stroke"}])
    )
    assert errors["l2_ratio"] == pytest.approx(errors["l2_inside"] / errors["l2_outside"])
