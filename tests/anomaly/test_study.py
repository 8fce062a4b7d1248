"""The steps of a study on made-up heads: who is scored, what is chosen, what is judged on test."""

import numpy as np
import pandas as pd
import pytest
from made_up_heads import BRIGHT, DARK, HEADS, PREPARED, made_up, scored
from sklearn.metrics import average_precision_score, roc_auc_score

from brainlib import anomaly, models
from brainlib.anomaly import preparation, study
from brainlib.anomaly.study import ALL


def test_detectors_are_those_that_fit():
    networks = {
        "vae": models.build("vae_uad", image_shape=(24, 20), width=0.125, latent_dim=2),
        "vq": models.build(
            "vqvae_uad", image_shape=(24, 20), width=0.125, codebook_size=4, code_dim=2
        ),
    }
    found = study.possible_detectors(
        networks, ["absolute", "kl", "prior_surprise", "restoration_negative", "intensity_dark"]
    )
    assert [(one.model, one.method) for one in found] == [
        ("", "intensity_bright"),
        ("", "intensity_dark"),
        ("vae", "absolute"),
        ("vae", "kl"),
        ("vae", "restoration_negative"),
        ("vq", "absolute"),
        ("vq", "prior_surprise"),
    ]
    assert found[4].name == "vae restoration negative"
    assert [one.baseline for one in found[:3]] == [True, True, False]
    with pytest.raises(ValueError, match="squirrel"):
        study.possible_detectors(networks, ["squirrel"])


def test_scores_follow_the_table_and_leave_out_what_was_not_prepared():
    table = pd.concat(
        [HEADS.iloc[::-1], pd.DataFrame([{"subject": "missing", "group": "tumour", "site": ""}])]
    )
    heads = scored(DARK, table)
    assert [head.subject for head in heads] == [f"H{number}" for number in range(9, -1, -1)]
    head = heads[0]
    np.testing.assert_allclose(
        head.score[head.brain], 1 - PREPARED["H9"].images[..., 0][head.brain], atol=1e-6
    )
    assert not head.score[0].any()  # no brain in that slice: nothing to say about it


def mean_of_slice_means(head):
    """The score of a head, slice by slice."""
    means = [plane[inside].mean() for plane, inside in zip(head.score, head.brain) if inside.any()]
    return np.mean(means)


def test_the_choice_is_made_by_validation_lesions():
    found = {
        detector: study.validation_areas(scored(detector, HEADS[HEADS.group == "stroke"]))
        for detector in (BRIGHT, DARK)
    }
    assert (
        list(found[DARK]) == ["stroke"]
        and found[DARK]["stroke"]["auprc"] > 0.99 > found[BRIGHT]["stroke"]["auprc"]
    )
    assert study.best_detectors(found) == {"": DARK}
    both = study.validation_areas(scored(DARK))
    assert list(both) == ["tumour", "stroke", ALL] and both[ALL]["subjects"] == 6
    assert (
        study.validation_areas(scored(DARK, HEADS[HEADS.group == "healthy"])) == {}
        and study.best_detectors({}) == {}
    )


def test_levels_are_those_of_scikit_learn():
    heads = scored(DARK)
    ill, healthy = [head for head in heads if head.ill], [head for head in heads if not head.ill]
    rows = {row["level"]: row for row in study.areas_by_level(ill, healthy, n=50)}
    truth = [head.ill for head in [*ill, *healthy]]
    scores = [mean_of_slice_means(head) for head in [*ill, *healthy]]
    assert (
        rows["sample"]["auroc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-3)
        and rows["sample"]["prevalence"] == 0.6
    )
    pixels = np.concatenate([head.score[head.brain] for head in ill])
    labels = np.concatenate([head.lesion[head.brain] for head in ill])
    assert rows["pixel"]["auprc"] == pytest.approx(
        average_precision_score(labels, pixels), abs=1e-3
    )
    assert (
        rows["pixel"]["auprc_low"] <= rows["pixel"]["auprc"] <= rows["pixel"]["auprc_high"]
        and rows["slice"]["cases"] == 36
    )


def test_ill_heads_without_a_mask_are_judged_by_sample_alone():
    table = HEADS.assign(
        lesion_path=[
            "" if row.group == "healthy" or row.subject in ("H6", "H9") else "lesion.nii.gz"
            for row in HEADS.itertuples()
        ]
    )
    masked, unmasked = study.split_by_lesion_mask(table)
    assert list(masked.subject) == ["H4", "H5", "H7", "H8"] and list(unmasked.subject) == [
        "H6",
        "H9",
    ]
    ill, others, healthy = (
        scored(DARK, part) for part in (masked, unmasked, table[table.group == "healthy"])
    )
    others = [
        head._replace(lesion=np.zeros_like(head.lesion)) for head in others
    ]  # as a head without a mask is prepared
    rows = {row["level"]: row for row in study.areas_by_level(ill, healthy, unmasked=others, n=10)}
    without = {row["level"]: row for row in study.areas_by_level(ill, healthy, n=10)}
    assert (
        rows["pixel"] == without["pixel"]
        and rows["slice"] == without["slice"]
        and rows["pixel"]["ill_subjects"] == 4
    )
    assert rows["sample"]["ill_subjects"] == 6 and rows["sample"]["cases"] == 10
    assert [row["level"] for row in study.areas_by_level([], healthy, unmasked=others, n=10)] == [
        "sample"
    ]


def test_thresholds_come_from_validation_and_are_applied_to_test():
    validation, test = HEADS.iloc[[0, 1, 4, 7]], HEADS.iloc[[2, 3, 5, 6, 8, 9]]
    heads = scored(DARK, validation)
    limits = study.detector_thresholds(
        study.validation_areas(heads), [head for head in heads if not head.ill]
    )
    assert list(limits["stroke"]) == [
        "own lesions",
        "one for all",
        "1 % false alarms",
        "5 % false alarms",
        "10 % false alarms",
    ]
    assert (
        "own lesions" not in limits[ALL]
        and limits["tumour"]["one for all"] == limits[ALL]["one for all"]
    )
    assert limits[ALL]["1 % false alarms"] > limits[ALL]["10 % false alarms"]
    rows = study.operating_points(
        [head for head in scored(DARK, test) if head.ill], limits, min_pixels=0
    )
    stroke = next(
        row for row in rows if row["group"] == "stroke" and row["threshold_from"] == "own lesions"
    )
    assert stroke["dice_total"] > 0.95 and stroke["subjects"] == 2
    assert {row["group"] for row in rows} == {"tumour", "stroke", ALL}
    alarms = study.false_alarms(
        [head for head in heads if not head.ill],
        [head for head in scored(DARK, test) if not head.ill],
        shares=(0.05,),
        min_pixels=3,
    )
    assert [row["subject"] for row in alarms] == ["H2", "H3"] and all(
        row["after_small_pieces"] <= row["false_alarm_rate"] for row in alarms
    )
    assert np.mean([row["false_alarm_rate"] for row in alarms]) == pytest.approx(0.05, abs=0.02)
    assert study.detector_thresholds({}, []) == {ALL: {}}


def test_an_ill_head_without_lesion_pixels_is_one_without_a_mask():
    table = pd.DataFrame(
        [
            {"subject": name, "group": group, "lesion_path": path}
            for name, group, path in (
                ("S0", "stroke", "a"),
                ("S1", "stroke", "b"),
                ("S2", "stroke", ""),
                ("S3", "stroke", "c"),
                ("H0", "healthy", ""),
            )
        ]
    )
    healthy = made_up(0, ill=False)
    assert not healthy.lesion.any()
    masked, unmasked = study.split_by_lesion_mask(
        table, {"S0": made_up(1, ill=True), "S1": healthy, "S2": healthy, "H0": healthy}
    )
    assert list(masked.subject) == ["S0", "S3"] and list(unmasked.subject) == [
        "S1",
        "S2",
    ]  # S3 could not be prepared: named elsewhere
    limits = {
        ALL: {"one for all": 0.3, "5 % false alarms": 0.1},
        "stroke": {"own lesions": 0.2, "one for all": 0.3},
    }
    assert [
        study.threshold_for(limits, group, "own lesions") for group in ("stroke", "tumour")
    ] == [
        0.2,
        0.3,
    ]
    assert study.threshold_for({ALL: {}}, "stroke", "own lesions") == np.inf


def test_a_model_that_no_method_fits_is_refused():
    with pytest.raises(
        ValueError, match="at least one that plain can answer, such as absolute; got kl"
    ):
        study.possible_detectors(
            {"plain": models.build("skip_connection_cae", image_shape=(32, 32), width=0.1)}, ["kl"]
        )


def test_an_empty_head_among_others_takes_no_interval_away():
    heads = [head for head in scored(DARK) if head.ill]
    none = heads[0]._replace(subject="E", lesion=np.zeros_like(heads[0].lesion))
    rows = study.areas_by_level([*heads, none], [], n=20)
    assert all(
        np.isfinite([row["auprc_low"], row["auroc_high"]]).all()
        for row in rows
        if row["level"] != "sample"
    )
    table = study.operating_points([none], {ALL: {"one for all": 0.5}})
    assert table[0]["subjects"] == 0 and np.isnan(table[0]["dice_low"])


def test_at_a_threshold_of_zero_only_the_brain_is_called():
    """A blind detector's best threshold calls everything.

    Dice by head and all heads' pooled are then of the same pixels.
    """
    head = next(head for head in scored(DARK) if head.ill)
    result = anomaly.confusion([head], 0.0)
    assert not head.judged_pixels.all() and result["fn"] == result["tn"] == 0
    assert result["dices"][head.subject] == pytest.approx(result["dice_total"])


def test_each_step_of_the_post_processing_is_taken_away():
    rows = pd.DataFrame(
        study.ablation(
            study.Scoring({}, PREPARED, {"erode_px": 2, "median": 3, "min_pixels": 7}),
            DARK,
            HEADS[HEADS.group == "stroke"],
            full=True,
        )
    ).set_index("step")
    assert rows.auprc["none"] > 0.99 and rows.dice["none"] > 0.95 > rows.dice["median 9x9"]
    assert rows.lesions_found["none"] == 1 and rows.false_pieces["none"] < 0.5
    assert {"no median", "small pieces kept", "median 9x9", "subtracted, then enlarged"} <= set(
        rows.index
    )


def test_steps_scale_with_the_pixels():
    assert study.post_processing_for((140, 190, 158)) == {
        "erode_px": 3,
        "median": 9,
        "min_pixels": 7,
    }  # the seed's
    assert (
        study.post_processing_for((70, 95, 79)) == anomaly.POST
        and study.post_processing_for((35, 48, 40))["median"] == 3
    )
    assert study.voxel_ml((140, 190, 158)) == pytest.approx(0.001) and study.voxel_ml(
        (70, 95, 79)
    ) == pytest.approx(0.008)
    assert study.network_shape("vae_uad", (70, 95, 79)) == (
        95,
        79,
    ) and study.network_shape("residual_unet", (70, 95, 79)) == (96, 80)


def test_slices_with_brain_are_stored_for_training(tmp_path):
    rows = study.store_slices(
        {name: PREPARED[name] for name in ("H0", "H5")}, tmp_path / "slices.npy", shape=(24, 24)
    )
    stored = np.load(tmp_path / "slices.npy")
    assert (
        stored.shape == (12, 24, 24, 1)
        and list(rows["slice"]) == [1, 2, 3, 4, 5, 6] * 2
        and list(rows["subject"][[0, 11]]) == ["H0", "H5"]
    )
    np.testing.assert_array_equal(stored[7, :, :20], PREPARED["H5"].images[2])
    assert not stored[..., 20:, :].any()


def test_what_lies_outside_of_the_mask_cannot_be_found():
    brain = np.zeros((2, 20, 20), bool)
    brain[:, 4:16, 4:16] = True
    lesion = np.zeros_like(brain)
    lesion[0, 8:10, 12:18] = (
        True  # 6 columns, 4 of them in the brain, 3 of them a pixel from its rim
    )
    table = pd.DataFrame([{"subject": "a", "group": "stroke"}])
    stacks = (part[..., None] for part in (brain, lesion))
    prepared = {"a": preparation.Prepared(brain[..., None], *stacks, affine=np.eye(4))}
    (row,) = study.reachable_lesions(table, prepared, erode_px=1).to_dict("records")
    assert (row["lesion_voxels"], row["in_mask"], row["in_eroded_mask"]) == (12, 4 / 6, 3 / 6)
