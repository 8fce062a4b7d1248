"""Levels, lesions, intervals, planted lesions: on heads whose numbers can be counted by hand."""

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from brainlib import anomaly

RNG = np.random.default_rng(0)
SHAPE = (5, 20, 17)


def head(subject, *, ill=True, signal=1.0, site="here", score=None):
    brain = np.zeros(SHAPE, bool)
    brain[:, 2:18, 2:15] = True
    lesion = np.zeros(SHAPE, bool)
    if ill:
        lesion[1:3, 5:9, 4:8] = True
    noise = RNG.random(SHAPE).astype(np.float32) * brain
    return anomaly.ScoredHead(
        subject,
        "tumour" if ill else "healthy",
        site,
        noise + signal * lesion if score is None else score,
        brain,
        lesion,
    )


HEADS = [
    head("a"),
    head("b", signal=0.3),
    head("c", ill=False),
    head("d", ill=False, site="there"),
    head("e"),
]


def test_pixels_are_those_of_the_brain():
    score, lesion = (np.concatenate(parts) for parts in zip(*anomaly.brain_pixels(HEADS)))
    assert len(score) == 5 * 5 * 16 * 13
    found = anomaly.pixel_counter(HEADS).curves()
    assert found == pytest.approx(
        (roc_auc_score(lesion, score), average_precision_score(lesion, score)), abs=1e-3
    )
    assert found.prevalence == 96 / 5200


def test_slices_and_samples():
    table = anomaly.slice_table(HEADS)
    assert len(table["score"]) == 25 and table["ill"].sum() == 6
    assert anomaly.slice_table(HEADS, min_lesion_px=17)["ill"].sum() == 0
    np.testing.assert_allclose(table["score"][0], HEADS[0].score[0, 2:18, 2:15].mean(), rtol=1e-6)
    np.testing.assert_allclose(
        anomaly.sample_scores(HEADS)[3], HEADS[3].score[:, 2:18, 2:15].mean(), rtol=1e-5
    )


def test_confusion_by_hand():
    perfect = head("p", score=head("x").lesion.astype(np.float32))
    half = np.zeros(SHAPE, np.float32)
    half[1, 5:9, 4:8] = half[4, 10:14, 4:6] = (
        1  # one of two slices found: 16 of 32, and 8 false pixels
    )
    result = anomaly.confusion([perfect, head("h", score=half)], 0.5)
    assert (result["tp"], result["fp"], result["fn"]) == (48, 8, 16) and result[
        "tn"
    ] == 2 * 1040 - 72
    assert (
        result["precision"] == 48 / 56
        and result["recall"] == 48 / 64
        and result["dice_total"] == 96 / 120
    )
    assert result["dices"] == {"p": 1.0, "h": 32 / 56} and result["dice_subject"] == pytest.approx(
        (1 + 32 / 56) / 2
    )
    assert result["dice_slices"] == pytest.approx((1 + 1 + 1 + 0) / 4)
    assert anomaly.confusion([head("h", score=half)], 0.5, min_pixels=9)["fp"] == 0
    assert np.isnan(anomaly.confusion([HEADS[2]], 0.5)["dice_subject"])


def test_false_alarms_of_healthy_heads():
    healthy = [HEADS[2], HEADS[3]]
    limits = anomaly.false_alarm_thresholds(healthy)
    for share, limit in limits.items():
        assert anomaly.confusion(healthy, limit, min_pixels=0)["false_alarm_rate"] == pytest.approx(
            share, abs=2e-3
        )


def test_intervals_hold_the_value_and_are_wide_for_few_subjects():
    found = anomaly.pixel_counter(HEADS).curves()
    limits = anomaly.pixel_intervals(HEADS, n=200)
    assert (
        limits["auroc"][0] <= found.auroc <= limits["auroc"][1]
        and limits["auprc"][0] <= found.auprc <= limits["auprc"][1]
    )
    assert (
        limits["auprc"][1] - limits["auprc"][0] > 0.1
    )  # one of the three ill heads is nearly invisible
    alike = [head(str(number)) for number in range(8)]
    narrow = anomaly.pixel_intervals(alike, n=100)
    assert narrow["auprc"][1] - narrow["auprc"][0] < 0.05
    assert np.isnan(anomaly.pixel_intervals([HEADS[0], HEADS[2]])["auroc"]).all()
    scores, labels = anomaly.sample_scores(HEADS), np.array([one.ill for one in HEADS])
    low, high = anomaly.area_intervals(scores, labels, np.array([one.subject for one in HEADS]))[
        "auroc"
    ]
    assert 0 <= low <= roc_auc_score(labels, scores) <= high <= 1


def test_bootstrap_areas_are_those_of_the_curves():
    from brainlib.anomaly.measures.intervals import _areas, _histograms

    parts = list(anomaly.brain_pixels(HEADS))
    positive, negative = (np.sum(tables, axis=0) for tables in zip(*_histograms(lambda: parts)))
    score, lesion = (np.concatenate(part) for part in zip(*parts))
    assert _areas(positive, negative) == pytest.approx(
        (roc_auc_score(lesion, score), average_precision_score(lesion, score)), abs=2e-3
    )


def test_lesions_by_size_and_false_pieces():
    lesion, score = np.zeros(SHAPE, bool), np.zeros(SHAPE, np.float32)
    lesion[1:4, 4:8, 4:8] = True  # 48 voxels: found by a third
    lesion[1, 13:15, 4:6] = True  # 4 voxels: missed
    score[1, 4:8, 4:8] = 1
    score[4, 12:15, 10:13] = 1  # false
    one = head("l", score=score)._replace(lesion=lesion)
    rows = anomaly.lesions_found([one], 0.5, voxel_ml=0.1)
    assert [(row["lesions"], row["found"]) for row in rows] == [
        (1, 0),
        (1, 1),
        (0, 0),
        (0, 1),
    ] and rows[-1]["per_head"] == 1
    assert rows[-1]["ml_per_head"] == pytest.approx(0.9) and np.isnan(rows[0]["ml_per_head"])
    everything = anomaly.lesions_found(
        [one._replace(score=np.ones(SHAPE, np.float32))], 0.5, voxel_ml=0.1
    )
    assert everything[-1]["found"] == 0 and everything[-1]["ml_per_head"] == pytest.approx(
        0.1 * (one.judged_pixels.sum() - 52)
    )
    assert one.judged_pixels.sum() < np.prod(SHAPE)  # the empty space around the brain is nobody's
    strict = anomaly.lesions_found([one], 0.5, voxel_ml=0.1, min_overlap=0.5)
    assert strict[1]["found"] == 0 and strict[1]["size"] == "1 to 10 ml"


def test_sites_are_compared_among_the_healthy():
    rows = anomaly.site_control([1.0, 2, 3, 10, 11], ["a", "a", "a", "b", "b"])
    assert [(row["site"], row["heads"], row["auroc"]) for row in rows] == [
        ("a", 3, 0.0)
    ]  # the second is its mirror
    assert rows[0]["p"] == rows[0]["p_smallest"] == pytest.approx(0.2)
    assert [
        row["site"] for row in anomaly.site_control([1.0, 2, 3, 10, 11], ["a", "a", "c", "b", "b"])
    ] == ["a", "b", "c"]
    assert anomaly.site_control([1.0, 2], ["a", "a"]) == []


def test_errors_inside_and_outside():
    images, brain = np.zeros((1, 4, 5, 1)), np.ones((1, 4, 5, 1), bool)
    lesion = np.zeros_like(brain)
    lesion[0, 0] = True
    output = np.where(lesion, 0.4, 0.1)
    rows = anomaly.errors_inside_and_outside(images, output, brain, lesion)
    assert (
        rows["l1_inside"] == pytest.approx(0.4)
        and rows["l1_ratio"] == pytest.approx(4)
        and rows["l2_ratio"] == pytest.approx(16)
    )


# ---- the copying audit


def network(function, name):
    inputs = keras.Input((20, 17, 1))
    return keras.Model(inputs, keras.layers.Lambda(function)(inputs), name=name)


def test_a_copier_paints_all_back_and_a_constant_nothing():
    images = np.full((3, 20, 17, 1), 0.5, np.float32)
    brain = np.zeros(images.shape, bool)
    brain[:, 2:18, 2:15] = True
    for radius, contrast in ((2, -0.3), (4, 0.2)):
        planted, share = anomaly.plant_lesions(images, brain, contrast=contrast, radius_px=radius)
        np.testing.assert_allclose(planted, images + contrast * share, atol=1e-6)
        assert not share[~brain].any() and share.sum(axis=(1, 2, 3)) == pytest.approx(
            np.pi * radius**2, rel=0.15
        )
        np.testing.assert_allclose(
            anomaly.copied_share(network(lambda x: 1.0 * x, "copier"), images, planted),
            1,
            atol=1e-5,
        )
        np.testing.assert_allclose(
            anomaly.copied_share(network(lambda x: 0 * x + 0.3, "constant"), images, planted),
            0,
            atol=1e-6,
        )
        np.testing.assert_allclose(
            anomaly.copied_share(network(lambda x: 0.4 * x, "half"), images, planted),
            0.4,
            atol=1e-5,
        )
    rows = anomaly.copying_audit(
        network(lambda x: keras.ops.maximum(x, 0.4), "limit"),
        images,
        brain,
        contrasts=(-0.1, -0.4),
        radii_px=(3,),
    )
    assert rows[0]["painted_back"] == pytest.approx(1, abs=1e-4) and rows[1]["painted_back"] < 0.5


def test_healed_is_the_share_of_the_error_that_is_gone():
    twin = np.full((1, 4, 5, 1), 0.6)
    lesion = np.zeros(twin.shape, bool)
    lesion[0, 1:3, 1:3] = True
    image = np.where(lesion, 0.2, twin)
    assert (
        anomaly.healed_share(image, image, twin, lesion) == 0
        and anomaly.healed_share(twin, image, twin, lesion) == 1
    )
    assert anomaly.healed_share(np.where(lesion, 0.4, twin), image, twin, lesion) == pytest.approx(
        0.75
    )
