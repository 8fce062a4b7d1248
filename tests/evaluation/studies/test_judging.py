"""Severity, position, independence, strange pictures and published numbers, by closed forms."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from brainlib import models, studies
from brainlib.evaluation.studies import ModelComparison, Round, SplitSlices
from brainlib.evaluation.studies.severity import UNITS, severities

PUBLISHED = Path(__file__).parents[3] / "notebooks" / "published"


class Half:
    """Stands for a network that halves its input."""

    random_seeds = (0,)
    training = {"trained_on": "clean pictures", "width": 1.0, "length": "1 epochs"}

    def of_round(self, name):
        return [0.5]


@pytest.fixture
def comparison(tmp_path, monkeypatch):
    rows = [{"subject": name, "slice": place} for name in "abcd" for place in range(5)]
    index = pd.DataFrame(rows).assign(slices=5, row=np.arange(20))
    images = np.random.default_rng(0).uniform(0.2, 0.6, (20, 16, 18, 1)).astype("float32")
    np.save(tmp_path / "images.npy", images)
    rounds = (Round("fold0", "", ("a",), ("b",), ("c", "d")),)
    slices = SplitSlices(tmp_path / "images.npy", index, pd.DataFrame(), rounds, "axial")
    monkeypatch.setattr(models, "reconstruct", lambda factor, inputs: factor * inputs)
    return ModelComparison(slices, {}, {"half": Half()})


@pytest.mark.parametrize("damage", UNITS)
def test_a_damage_grows_from_none(damage):
    presets = severities(damage)
    assert list(presets) == sorted(presets) and min(presets) == 0 and len(presets) == 5
    assert len(set(presets.values())) == 5


def test_severity_is_over_people_and_nothing_is_zero(comparison):
    curves = studies.severity_curves(
        comparison, ["dropout", "noise"], ["input", "half"], slices_per_person=3, metric="mse"
    )
    assert len(curves) == 2 * 5 * 2 and (curves.people == 2).all()
    nothing = curves[curves.model == "input"].set_index(["damage", "strength"])["mean"]
    assert (nothing[:, 0.0] == 0).all()
    assert nothing["dropout"].is_monotonic_increasing
    assert nothing["noise", 0.04] == pytest.approx(0.04**2, rel=0.1)
    found = studies.largest_loss(curves, "half", "input")
    assert found["behind"] > 0 and found["damage"] == "noise" and found["strength"] == 0.02


def test_error_along_the_head_is_each_persons_mean(comparison):
    scores = comparison.quality(["none"])
    scores.loc[scores.model == "half", "mse"] = scores.position
    table = studies.error_by_position(scores, "none", ["half"], metric="mse", bins=5)
    np.testing.assert_allclose(table["mean"], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(table.position, [0.1, 0.3, 0.5, 0.7, 0.9])
    assert (table.people == 2).all()


def test_slices_of_one_head_are_alike_as_much_as_they_were_made():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(300), 20)
    for share in (0.0, 0.3, 0.9):
        common = np.repeat(rng.standard_normal(300), 20)
        values = share**0.5 * common + (1 - share) ** 0.5 * rng.standard_normal(6000)
        assert studies.within_head_correlation(values, people) == pytest.approx(share, abs=0.05)
    with pytest.raises(ValueError, match="two people"):
        studies.within_head_correlation([1.0, 2.0], ["a", "b"])


def test_false_alarms_follow_the_design_effect_and_people_are_sound():
    table = studies.false_alarms(0.4, people=47, slices_per_person=[1, 100], seed=0)
    alarms = table.set_index(["slices_per_person", "over"]).false_alarms
    assert table.n.tolist() == [47, 47, 4700, 47]
    assert alarms[1, "slices"] == alarms[1, "people"]
    assert 0.03 < alarms[100, "people"] < 0.07
    inflated = np.sqrt(1 + 99 * 0.4)  # the t of equal models has this spread, not 1
    expected = 2 * scipy_stats.norm.sf(1.96 / inflated)
    assert alarms[100, "slices"] == pytest.approx(expected, abs=0.03) and expected > 0.7


def test_a_copy_loses_nothing_of_strange_pictures(comparison):
    kinds = studies.strange_pictures(comparison.slices.pictures(comparison.slices.index)[:6])
    assert list(kinds) == ["brains", "noise", "shuffled patches", "photographs"]
    table = studies.lost_by_kind(comparison, kinds).set_index("model")
    assert (table.loc["input"] == 0).all() and (table.loc["half"] > 0.2).all()


@pytest.fixture
def published():
    tables = ("reconstruction_resnet_2020.csv", "reconstruction_residual_2020.csv")
    return studies.published_reconstructions(*[pd.read_csv(PUBLISHED / name) for name in tables])


def test_published_rows_have_value_data_and_setting(published):
    assert len(published) == 30 and published.notna().all(axis=None)
    unet = published[(published.model == "residual_unet") & (published.loss == "mse")].iloc[0]
    assert (unet.psnr, unet.dssim, unet["size"]) == (44.9, 2.95e-3, 128)
    small = published[published.model == "resnet_small"].iloc[0]
    assert small.dssim == pytest.approx((1 - 0.995426) / 2) and "2,880" in small.data


def test_ours_stand_beside_the_same_network_and_loss_alone(published):
    means = pd.DataFrame({"corruption": ["none", "seed004"], "model": "residual_unet"})
    means = means.assign(psnr=[30.0, 25.0], dssim=[0.01, 0.05])
    training = {"trained_on": "seed004", "width": 0.25, "length": "6 epochs"}
    about = {"damage": "seed004", "data": "Synthetic", "size": 64, "loss": "mse"}
    table = studies.beside_run(published, means, {"residual_unet": training}, **about)
    assert len(table) == 30 and table.our_setting.notna().sum() == 1
    first = table.iloc[0]
    assert first.model == "residual_unet" and first.loss == "mse"
    assert (first.our_psnr_clean, first.our_psnr_damaged) == (30.0, 25.0)
    assert first.what_differs == "data, size, width, length of training"
    assert (table.what_differs[1:] == "not trained in this run").all()
