"""Curves against scikit-learn, operating points against an exhaustive search."""

import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from brainlib import anomaly
from brainlib.anomaly.curve_counts import counter as curve_counter

N = 60_000


def cases(prevalence):
    rng = np.random.default_rng(int(prevalence * 1e4))
    lesion = rng.random(N) < prevalence
    normal = rng.normal(0, 1, N)
    return {
        "normal": (normal + lesion, lesion),
        "single precision": ((normal + lesion).astype(np.float32), lesion),
        "heavy tails": (rng.standard_cauchy(N) * (1 + lesion) + 3 * lesion, lesion),
        "heavier tails, negative": (-np.exp(rng.normal(0, 8, N) - lesion), lesion),
        "ties": (np.round(normal + lesion), lesion),
        "ties at numbers that are no float32": (np.round(normal + lesion, 1), lesion),
        "half of it 0": (np.maximum(normal + lesion, 0), lesion),
        "constant": (np.full(N, 3.7), lesion),
        "far from 0": (1e9 + normal + lesion, lesion),
        "tiny": (1e-30 * np.exp(5 * normal + lesion), lesion),
        "integers": (rng.integers(0, 255, N) + 20 * lesion, lesion),
        "inverted": (normal - 2 * lesion, lesion),
        "far below single precision": (1e-50 * (normal + lesion + 10), lesion),
        "far above single precision": (1e300 * (normal + lesion), lesion),
        "over many orders": (np.exp(60 * (normal + lesion) - 400), lesion),
        "half of it just below 1": (
            np.where(
                rng.random(N) < 0.5, 1 - (1 - 0.3 * lesion) * 1e-9 * rng.random(N), rng.random(N)
            ),
            lesion,
        ),
        "crowded far out": (
            np.where(lesion | (rng.random(N) < 0.1), 1000 + 0.01 * (normal + lesion), normal),
            lesion,
        ),
    }


@pytest.mark.parametrize("prevalence", [0.3, 0.02, 0.001])
def test_areas_are_those_of_scikit_learn(prevalence):
    for name, (score, lesion) in cases(prevalence).items():
        expected = roc_auc_score(lesion, score), average_precision_score(lesion, score)
        found = anomaly.curves(score, lesion)
        in_parts = anomaly.curves(
            (score[start : start + 7001], lesion[start : start + 7001])
            for start in range(0, N, 7001)
        )
        np.testing.assert_allclose(found, expected, atol=1e-3, err_msg=name)
        np.testing.assert_allclose(in_parts, expected, atol=1e-3, err_msg=f"{name}, in parts")
        assert (
            found.prevalence == lesion.mean()
            and found.pixels == N
            and found.positives == lesion.sum()
        )


def test_perfect_blind_and_inverted_detectors():
    lesion = np.arange(1000).reshape(10, 20, 5) % 10 == 0
    noise = np.random.default_rng(0).uniform(0, 0.4, lesion.shape)
    assert anomaly.curves(lesion + noise, lesion) == pytest.approx((1.0, 1.0), abs=1e-12)
    blind = anomaly.curves(np.zeros(lesion.shape), lesion)
    assert blind == (0.5, pytest.approx(0.1)) and blind.prevalence == 0.1
    auroc, auprc = anomaly.curves(-(lesion + noise), lesion)
    assert auroc == 0.0 and auprc < 0.1


def test_one_class_only_has_no_curve():
    score = np.linspace(0, 1, 50)
    healthy, ill = (anomaly.curves(score, np.full(50, kind)) for kind in (False, True))
    assert np.isnan(healthy).all() and healthy.prevalence == 0
    assert np.isnan(ill.auroc) and ill.auprc == 1.0


def test_the_first_part_decides_nothing():
    rng = np.random.default_rng(0)
    lesion = rng.random(50_000) < 0.05
    score = 1000 + 0.1 * (rng.normal(size=lesion.size) + lesion)
    expected = roc_auc_score(lesion, score), average_precision_score(lesion, score)
    found = anomaly.curves(
        [(np.full(1000, -1.0), np.zeros(1000, bool)), (score, lesion)]
    )  # an empty head first
    assert found.auprc == pytest.approx(expected[1], abs=1e-3)
    with_zeros = roc_auc_score(
        np.append(lesion, np.zeros(1000)), np.append(score, np.full(1000, -1.0))
    )
    assert found.auroc == pytest.approx(with_zeros, abs=1e-3)


def test_a_cluster_too_rare_for_any_sample():
    rng = np.random.default_rng(0)
    score, lesion = rng.random(1_500_000), np.zeros(1_500_000, bool)
    lesion[:200] = True
    score[:400] = 5 + 1e-4 * rng.normal(size=400) + 1e-4 * lesion[:400]
    shuffled = rng.permutation(score.size)
    assert anomaly.curves(score[shuffled], lesion[shuffled]).auprc == pytest.approx(
        average_precision_score(lesion, score), abs=1e-3
    )


@pytest.mark.parametrize("order", ["rising", "falling", "from the middle"])
def test_parts_in_any_order(order, monkeypatch):
    monkeypatch.setattr(curve_counter, "BLOCK", 1 << 14)  # many parts, thinned many times
    monkeypatch.setattr(curve_counter, "ROWS", 1 << 15)
    rng = np.random.default_rng(0)
    lesion = rng.random(400_000) < 0.01
    score = rng.normal(size=lesion.size) + 2 * lesion
    by = np.argsort({"rising": score, "falling": -score, "from the middle": np.abs(score)}[order])
    counter = anomaly.count_scores((score[part], lesion[part]) for part in np.array_split(by, 80))
    np.testing.assert_allclose(
        counter.curves(),
        (roc_auc_score(lesion, score), average_precision_score(lesion, score)),
        atol=1e-3,
    )
    assert counter.counts == (400_000, lesion.sum())


def test_a_part_may_be_filled_again():
    buffer = np.zeros(4)

    def parts():
        for values in ([1.0, 2, 3, 4], [5.0, 6, 7, 8]):
            buffer[:] = values
            yield buffer, buffer > 6

    assert anomaly.curves(parts()) == (1.0, 1.0)


@pytest.mark.filterwarnings("ignore:operating_point")
def test_lists_of_arrays_of_different_shapes():
    rng = np.random.default_rng(0)
    score, lesion = (
        [rng.random((4, 5)), rng.random((3, 2))],
        [rng.random((4, 5)) < 0.4, rng.random((3, 2)) < 0.4],
    )
    flat = [np.concatenate(list(map(np.ravel, parts))) for parts in (score, lesion)]
    assert (
        anomaly.curves(score, lesion)
        == anomaly.curves(*flat)
        == anomaly.curves(*(list(part) for part in flat))
    )
    assert anomaly.operating_point(score, lesion, 10) == anomaly.operating_point(*flat, steps=10)
    with pytest.raises(ValueError, match="2 arrays and 1 lesions"):
        anomaly.curves(score, lesion[:1])


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        anomaly.curves(np.array([0.1, np.nan]), np.array([True, False]))
    with pytest.raises(ValueError, match="shapes"):
        anomaly.curves(np.zeros(3), np.zeros(4, bool))
    with pytest.raises(ValueError, match="at least one"):
        anomaly.curves(np.zeros(0), np.zeros(0, bool))
    with pytest.raises(ValueError, match="lesion"):
        anomaly.operating_point(np.arange(5.0), np.zeros(5, bool))
    for steps in (-1, 0, 2.5):
        with pytest.raises(ValueError, match="halvings"):
            anomaly.operating_point(np.arange(5.0), np.arange(5) > 3, steps)


def test_infinite_scores_are_the_highest():
    assert anomaly.curves(np.array([np.inf, 1.0, -np.inf]), np.array([True, False, False])) == (
        1.0,
        1.0,
    )


def test_memory_does_not_grow():
    rng = np.random.default_rng(1)
    part = slice(0, 1_000_000)
    score = rng.standard_t(2, 1_000_000).astype(np.float32)
    lesion = rng.random(score.size) < 0.02
    peaks = []
    for repeats in (5, 15):
        tracemalloc.start()
        anomaly.curves((score[part], lesion[part]) for _ in range(repeats))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0] and peaks[1] < 80e6, peaks


# ---- the search


def exhaustive(score, lesion):
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    true = np.cumsum(lesion[order])
    return np.max((2 * true / (np.arange(1, len(score) + 1) + lesion.sum()))[last])


@pytest.mark.parametrize("prevalence", [0.3, 0.02, 0.001])
def test_search_ends_at_the_exhaustive_optimum(prevalence):
    for name, (score, lesion) in cases(prevalence).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            point = anomaly.operating_point(score, lesion, steps=10)
        best = exhaustive(score, lesion)
        assert point.best_dice == pytest.approx(best, abs=2e-3), name
        assert anomaly.dice(score >= point.threshold, lesion) == pytest.approx(point.dice), name
        if point.unimodal:
            assert point.dice > best - 1e-2, name
        predicted = score >= point.threshold
        assert point.precision == pytest.approx((predicted & lesion).sum() / predicted.sum())
        assert point.recall == pytest.approx((predicted & lesion).sum() / lesion.sum())


@pytest.mark.filterwarnings("ignore:operating_point")
def test_the_seeds_own_rule_loses_on_heavy_tails_and_ours_does_not():
    score, lesion = cases(0.3)["heavy tails"]
    assert (
        anomaly.operating_point(score, lesion, rule="seed").dice < exhaustive(score, lesion) - 0.05
    )
    assert anomaly.operating_point(score, lesion).dice > exhaustive(score, lesion) - 1e-2
    gentle = np.linspace(0, 1, 5000)
    for rule in ("seed", "rank"):  # where the range is filled evenly both find it
        assert anomaly.operating_point(gentle, gentle > 0.7, rule=rule).dice > 0.99


def test_a_second_mode_is_warned_of():
    lesion = np.zeros(10_000, bool)
    lesion[:60] = lesion[6000:7000] = True
    score = -np.arange(10_000.0)  # 60 lesion pixels on top, a thousand behind 5940 false ones
    with pytest.warns(UserWarning, match="more than one mode"):
        assert not anomaly.operating_point(score, lesion).unimodal
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert anomaly.operating_point(score, np.arange(10_000) < 300).unimodal


@pytest.mark.filterwarnings("ignore:operating_point")
def test_the_search_finds_a_best_among_few_scores():
    for places, pixels in (
        ([2, 400, 405], 517),
        ([0, 1, 5, 90, 95], 120),
        ([0, 300, 302, 350], 500),
    ):
        lesion = np.zeros(pixels, bool)
        lesion[places] = True
        point = anomaly.operating_point(-np.arange(float(pixels)), lesion)
        assert point.dice > point.best_dice - 1e-2, places


def test_a_missed_peak_is_never_called_unimodal():
    rng = np.random.default_rng(0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(300):
            lesion = np.zeros(int(10 ** rng.uniform(2, 3.5)), bool)
            ends = np.sort(rng.integers(1, lesion.size, 4))
            lesion[: ends[0]], lesion[ends[1] : ends[2]] = (
                rng.random(ends[0]) < rng.random() ** 8,
                rng.random(ends[2] - ends[1]) < rng.random() ** 3,
            )
            if lesion.any():
                del told[:]
                point = anomaly.operating_point(-np.arange(float(lesion.size)), lesion)
                assert point.best_dice - point.dice <= 1e-2 or not point.unimodal
                assert bool(told) != point.unimodal


def test_healthy_false_alarms_stay_below_their_share():
    for name, (score, _) in cases(0.3).items():
        for share in (0.01, 0.05, 0.1):
            limit = anomaly.count_scores(score, np.zeros(N, bool)).threshold_of_share(share)
            assert (score >= limit).mean() <= share, name
    spread = np.random.default_rng(0).normal(size=N)
    assert (
        spread >= anomaly.count_scores(spread, np.zeros(N, bool)).threshold_of_share(0.05)
    ).mean() > 0.049


def test_dice_of_known_masks():
    first, second = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    assert anomaly.dice(first, second) == 1.0  # nothing to find, nothing found
    first[:2] = True
    assert anomaly.dice(first, second) == 0.0
    second[1:3] = True
    assert (
        anomaly.dice(first, second)
        == anomaly.dice(first.astype(np.uint8), second.astype(float))
        == 0.5
    )
    assert (
        anomaly.dice(255 * first.astype(np.uint8), 4 * second.astype(int)) == 0.5
    )  # labels of other programs
    for wrong in (np.nan, 0.001):
        with pytest.raises(ValueError, match="whole labels"):
            anomaly.dice(np.full((4, 5), wrong), second)
