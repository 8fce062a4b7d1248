"""Thesis 002's own steps beside ours, areas patient by patient, areas by size of the code."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from brainlib.anomaly import study
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.study import thesis_order
from brainlib.anomaly.study.trainings import PerceptualLoss, recipe_for
from brainlib.evaluation import features, studies
from brainlib.show import anomaly_figures
from brainlib.training import perceptual

SMALL, FULL = (5, 20, 24), (10, 40, 48)  # slices, rows, columns


def _head(name, group, shape, *, side, score=1.0):
    """A head whose lesion, a square of `side` pixels in every slice, is all that has a score."""
    lesion = np.zeros(shape, bool)
    if group != "healthy":
        middle = shape[1] // 2
        lesion[:, middle : middle + side, middle : middle + side] = True
    maps = np.where(lesion, score, 0.01).astype("float32")
    return ScoredHead(name, group, "", maps, np.ones(shape, bool), lesion)


@dataclass(frozen=True)
class MadeUpScoring:
    """Scores 3-pixel lesions of the network's size, which are 6 pixels at the box's voxels."""

    prepared: object
    post: dict | None

    def score(self, detector, table, *, resolution="network"):
        assert (resolution == "full") == (self.post is None)  # the thesis's maps come raw
        shape, side = (FULL, 6) if resolution == "full" else (SMALL, 3)
        return [_head(row.subject, row.group, shape, side=side) for row in table.itertuples()]


class MadeUpHeads:
    pixel_mm, size, prepared = 4.0, SMALL, {}

    def lesions(self, part):
        names = ["a", "b"] if part == "test" else ["c"]
        return pd.DataFrame({"subject": names, "group": "stroke"})

    def healthy(self, part):
        return pd.DataFrame({"subject": ["h", "i"], "group": "healthy"})


def test_the_thesiss_order_stands_beside_ours(monkeypatch):
    monkeypatch.setattr(
        thesis_order,
        "post_processing_for",
        lambda shape: {"erode_px": 0, "median": 9, "min_pixels": 7},
    )
    post = {"erode_px": 0, "median": 3, "min_pixels": 3}
    detector = study.Detector("vae_uad", "positive")
    table = study.beside_the_thesis(MadeUpScoring({}, post), MadeUpHeads(), [detector])
    assert list(table.setting) == ["ours", *["thesis 002"] * 3]
    assert list(table.median_filter) == [3, 3, 5, 9] and list(table.voxels_mm) == [4, 2, 2, 2]
    ours, _, _, wide = table.itertuples()
    assert ours.dice_total == 1 and ours.pixel_auprc == 1 and ours.ill == ours.healthy == 2
    # 36 of the 81 pixels under the 9x9 median: it never comes up, nothing is left to be called
    assert wide.pixel_auprc < 0.1 and wide.dice_total < 0.1
    words = study.thesis_order_in_words(table)
    assert "vae uad positive" in words and f"{ours.dice_total:.3f} in ours" in words


def test_without_lesions_nothing_is_compared():
    heads = MadeUpHeads()
    heads.lesions = lambda part: pd.DataFrame({"subject": [], "group": []})
    table = study.beside_the_thesis(MadeUpScoring({}, {}), heads, [study.Detector("x", "positive")])
    assert not len(table) and study.thesis_order_in_words(table) == ""


def test_the_thesiss_residual_and_the_best_of_validation_are_compared():
    auprc = {
        ("", "intensity_dark"): 0.9,
        ("vae_uad", "negative"): 0.5,
        ("vae_uad", "restoration"): 0.8,  # no residual of the plain reconstruction
        ("vqvae_uad", "positive"): 0.6,
        ("vqvae_uad", "absolute"): 0.1,
    }
    found = {
        study.Detector(*names): {study.ALL: {"auprc": value}} for names, value in auprc.items()
    }
    names = ["vae_uad", "vqvae_uad"]
    best = study.residual_detectors(found, names, which="best")
    assert best == [study.Detector("vqvae_uad", "positive")]  # it is the thesis's own
    every = study.residual_detectors(found, names, which="all")
    assert [detector.method for detector in every] == ["positive", "positive", "negative"]
    assert study.residual_detectors(found, names, which="none") == []
    with pytest.raises(ValueError, match="none, best or all"):
        study.residual_detectors(found, names, which="both")


def test_each_patient_counts_once():
    good = _head("a", "stroke", SMALL, side=3)
    bad = _head("b", "stroke", SMALL, side=12)
    bad = bad._replace(score=1 - bad.score)  # every lesion pixel below every other one
    (row,) = study.areas_by_patient([good, bad])
    assert row["patients"] == 2 and row["auroc"] == pytest.approx(0.5)
    assert row["auroc_std"] == pytest.approx(np.sqrt(0.5))
    prevalences = [head.lesion.mean() for head in (good, bad)]
    assert row["prevalence"] == pytest.approx(np.mean(prevalences))
    assert row["auprc"] == pytest.approx((1 + prevalences[1]) / 2, abs=0.02)


def test_the_appendix_is_drawn_from_a_sweeps_points(tmp_path):
    rows = []
    for seed in (0, 1):
        for name, options in (
            ("vae_uad", {"latent_dim": 32}),
            ("vae_uad", {"latent_dim": 64}),
            ("vqvae_uad", {"code_dim": 32, "codebook_size": 64, "restart_after": 0}),
        ):
            values = {"sample_auroc": 0.5 + seed / 10, "sample_auprc": 0.4}
            values |= {"slice_auroc": 0.7, "slice_auprc": 0.6, "dice_total": 0.3}
            known = {"models_used": str([name]), "model_options": str({name: options})}
            known |= {"seed": seed, "group": "stroke", "pixel_auprc": 0.2, "status": "finished"}
            rows.append(known | values)
    rows.append({**rows[0], "status": "failed", "sample_auroc": 99.0})
    folder = tmp_path / "outputs" / "sweep-002_latents-quick-phantom"
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(folder / "points.csv", index=False)
    run = SimpleNamespace(path=lambda *parts: tmp_path / "outputs" / "quick-phantom" / "tables")
    points = studies.sweep_points(run, "002_latents")
    assert "6 of 7 points" in studies.how_to_sweep(points, "002_latents")
    table = study.areas_by_code_size(points)
    wanted = (table.measure == "AUROC") & (table.level == "sample") & (table.embedding_dim == 64)
    (vae,) = table[wanted].itertuples()
    assert (vae.model, vae.n, vae.appendix) == ("vae_uad", 2, "A")
    assert vae.value == pytest.approx(0.55) and vae.sd == pytest.approx(0.1 / np.sqrt(2))
    assert set(table.appendix) == {"A", "B", "C"} and table.n.max() == 2
    figure = anomaly_figures.areas_by_code_size(table, "C")
    assert [ax.get_title() for ax in figure.axes[:2]] == ["vae_uad", "vqvae_uad"]
    assert len(figure.axes) == 4  # total Dice and AUPRC of two networks


def test_without_a_sweep_there_is_no_appendix(tmp_path):
    run = SimpleNamespace(path=lambda *parts: tmp_path / "run" / "tables")
    points = studies.sweep_points(run, "002_latents")
    assert not len(study.areas_by_code_size(points))
    assert "--sweep 002_latents" in studies.how_to_sweep(points, "002_latents")
    assert anomaly_figures.areas_by_code_size(study.areas_by_code_size(points), "A") is None


def test_a_vqgan_gets_its_perceptual_loss_and_others_none(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    network = features.feature_network((24, 20, 1), people=2, seed=0)
    monkeypatch.setattr(
        features, "train", lambda *slices, **options: SimpleNamespace(model=network, name="ours")
    )
    images = np.zeros((2, 24, 20, 1), "float32")
    heads = SimpleNamespace(training_slices=lambda *asked: (images, ["a", "b"], [0.4, 0.6]))
    run = SimpleNamespace(path=lambda *parts: tmp_path)
    loss = PerceptualLoss(run, heads, "", {"epochs": 1})
    one_round = SimpleNamespace(name="holdout")
    assert loss.options_for("vae_uad", one_round, {}) == {} and "No VQGAN" in loss.in_words()
    maps = loss.options_for("vqgan_uad", one_round, {})["maps"]
    other = np.random.default_rng(0).random((2, 24, 20, 1)).astype("float32")
    assert float(perceptual.distance(maps, images, other)) > 0
    assert loss.name == "ours" and "ours" in loss.in_words()


def test_vgg16_is_taken_where_its_weights_are_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert perceptual.vgg16_weights() == ""
    (tmp_path / "models").mkdir()
    kept = tmp_path / "models" / perceptual.VGG16_FILE
    kept.write_bytes(b"")
    assert perceptual.vgg16_weights() == str(kept)
    assert perceptual.vgg16_weights("mine.h5") == "mine.h5"


def test_thesis_002s_recipe_is_for_all_three_networks():
    """Section 4.2.3: Adam, 1e-4, 1200 epochs of batches of 16; equation 3.14 without a factor."""
    for name in ("vae_uad", "vqvae_uad"):
        assert recipe_for(name, "002", 1200) == "002"
    plan = recipe_for("vqgan_uad", "002", 1200)
    assert (plan.learning_rate, plan.batch_size, plan.epochs) == (1e-4, 16, 1200)
    assert plan.adversarial_weight == 1.0 and plan.adversarial_start == 100
    assert replace(plan, adversarial_start=4) == recipe_for("vqgan_uad", "002", 12)
