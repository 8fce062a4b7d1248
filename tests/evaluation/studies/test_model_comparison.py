"""Every model on every test person, with networks that add a constant; and what is saved."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib import models, record, studies
from brainlib.evaluation.studies import (
    ModelComparison,
    Round,
    SavedNetwork,
    SplitSlices,
    model_comparison,
)

ROUNDS = (
    Round("fold0", "", ("a", "b"), ("c",), ("d", "e")),
    Round("fold1", "", ("d", "e"), ("c",), ("a",)),
)


@dataclass(frozen=True)
class Adding:
    """Stands for a network with one training for each number that it adds."""

    added: tuple[float, ...]
    training: dict

    @property
    def random_seeds(self):
        return tuple(range(len(self.added)))

    def of_round(self, name):
        return list(self.added)


@pytest.fixture
def comparison(tmp_path, monkeypatch):
    rows = [{"subject": name, "slice": place} for name in "abcde" for place in range(3)]
    index = pd.DataFrame(rows).assign(slices=3, row=np.arange(15))
    images = np.random.default_rng(0).uniform(0.2, 0.6, (15, 12, 13, 1)).astype("float32")
    np.save(tmp_path / "images.npy", images)
    slices = SplitSlices(tmp_path / "images.npy", index, pd.DataFrame(), ROUNDS, "axial")
    monkeypatch.setattr(models, "reconstruct", lambda added, inputs: inputs + added)
    alike = {"trained_on": "seed004", "width": 1.0}
    networks = {"near": Adding((0.1,), alike), "far": Adding((0.1, 0.3), alike)}
    references = {
        "mean picture": lambda known: lambda inputs: known.mean(axis=0) + 0 * inputs,
        "PCA 2": lambda known: lambda inputs: inputs + 0.2,
    }
    return ModelComparison(slices, references, networks)


def test_doing_nothing_stands_first_and_random_seeds_are_meaned(comparison):
    scores = comparison.quality(["none"])
    assert scores.model.unique().tolist() == ["input", "mean picture", "PCA 2", "near", "far"]
    mse = scores.groupby("model", sort=False).mse.mean()
    np.testing.assert_allclose(mse[["input", "PCA 2", "near", "far"]], [0, 0.04, 0.01, 0.05], 1e-4)
    assert scores[scores.model == "far"].random_seeds.unique().tolist() == [2]
    assert scores[scores.model == "input"].psnr.isna().all()
    assert scores.groupby("round").subject.unique().map(list).to_dict() == {
        "fold0": ["d", "e"],
        "fold1": ["a"],
    }


def test_references_know_the_training_people_of_the_round_alone(comparison):
    known = studies.training_pictures(comparison.slices, ROUNDS[0])
    np.testing.assert_array_equal(known, comparison.slices.images[:6])


def test_few_slices_of_each_person_are_evenly_spread(comparison):
    scores = comparison.quality(["none"], slices_per_person=2)
    assert scores[scores.model == "near"].row.tolist() == [9, 11, 12, 14, 0, 2]


def test_the_summary_is_over_people_and_says_how_a_model_was_trained(comparison):
    summary = comparison.summary(comparison.quality(["none", "seed003_test"]))
    assert summary.n.unique().tolist() == [3] and summary.slices.unique().tolist() == [9]
    row = summary[(summary.model == "near") & (summary.metric == "mse")].iloc[0]
    assert row["mean"] == pytest.approx(0.01, rel=1e-4) and row.trained_on == "seed004"
    assert len(summary) == 2 * 5 * 4 - 1  # the PSNR of an untouched slice is left out


def test_networks_are_set_against_a_rival_with_intervals_that_hold_together(comparison):
    scores = comparison.quality(["none", "seed003_test"])
    rivals = {"none": "PCA 2", "seed003_test": "input"}
    found = comparison.against(scores, rivals).set_index(["corruption", "metric", "model"])
    assert len(found) == 8 and (found.people == 3).all()
    near = found.loc["none", "psnr", "near"]  # off by 0.1 against PCA's 0.2
    assert near.gain == near.difference == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert found.loc["none", "dssim", "near"].gain > 0 > found.loc["none", "dssim", "near"].high
    assert near.words.startswith("too few to decide: near - PCA 2 = 6.0")
    assert (found.loc["seed003_test"].rival == "doing nothing").all()


def test_pairs_leave_out_the_plainest_and_say_what_was_trained_alike(comparison):
    pairs = comparison.comparisons(comparison.quality(["none", "seed003_test"]))
    assert pairs[["a", "b"]].drop_duplicates().to_numpy().tolist() == [
        ["PCA 2", "near"],
        ["PCA 2", "far"],
        ["near", "far"],
    ]
    assert pairs.alike.tolist() == [False, False, True] * 2
    assert (pairs.p_t_holm.dropna() >= pairs.p_t.dropna()).all()


def test_examples_are_of_the_first_round(comparison):
    pictures, titles = comparison.examples("none", 3)
    assert titles == ["d 0", "d 2", "e 2"]
    np.testing.assert_array_equal(pictures["original"], pictures["input"])
    np.testing.assert_allclose(pictures["far"], pictures["original"] + 0.1, rtol=1e-5)


def test_chapters_say_which_networks_they_saved(tmp_path, monkeypatch):
    earlier = record.start("07_ae_variants", out=str(tmp_path), corruption="none", width=0.5)
    earlier.parameters |= {"epochs": 3, "random_seeds": [2, 0]}
    earlier.note("models", {"residual_unet": "models/residual_unet"})
    earlier.done()
    run = record.start("mine", out=str(tmp_path))
    (network,) = studies.saved_networks(run, ["07_ae_variants"]).values()
    assert network.random_seeds == (0, 2) and isinstance(network, SavedNetwork)
    assert json.dumps(network.training) == (
        '{"trained_on": "clean pictures", "width": 0.5, "length": "3 epochs", "augment": 0}'
    )
    monkeypatch.setattr(models, "load", lambda path: path.relative_to(run.folder).as_posix())
    assert network.of_round("fold0") == [
        "models/residual_unet/fold0/model.keras",
        "models/residual_unet/fold0/seed2/model.keras",
    ]


def test_slices_pass_in_batches_and_each_network_is_loaded_once(comparison, monkeypatch):
    whole = comparison.quality(["none", "seed003_test"])
    sizes, loaded = [], []
    monkeypatch.setattr(model_comparison.batches_of, "__defaults__", (2,))
    monkeypatch.setattr(
        models, "reconstruct", lambda added, inputs: sizes.append(len(inputs)) or inputs + added
    )
    monkeypatch.setattr(Adding, "of_round", lambda self, name: loaded.append(name) or self.added)
    again = ModelComparison(comparison.slices, comparison.references, comparison.networks)
    in_batches = again.quality(["none", "seed003_test"])
    assert max(sizes) == 2 and loaded == ["fold0", "fold0", "fold1", "fold1"]
    order = ["corruption", "model", "row"]
    pd.testing.assert_frame_equal(
        whole.sort_values(order, ignore_index=True),
        in_batches.sort_values(order, ignore_index=True),
    )


def test_the_brain_alone_can_be_measured_and_models_can_be_left_out(comparison, tmp_path):
    brains = np.zeros((15, 12, 13, 1), bool)
    brains[:, 2:10, 3:12] = True
    np.save(tmp_path / "brains.npy", brains)
    comparison.references["bright border"] = lambda known: (
        lambda inputs: np.where(brains[: len(inputs)], inputs, 1)
    )
    found = comparison.quality(["none"], measured_on="brain", only=["input", "bright border"])
    assert found.model.unique().tolist() == ["input", "bright border"] and not found.mse.any()
    whole = comparison.quality(["none"], only=["bright border"])
    assert (whole.mse > 0.05).all() and set(whole.position) == {0, 0.5, 1}
    with pytest.raises(ValueError, match="picture or brain"):
        comparison.quality(["none"], measured_on="head")


def test_networks_of_several_chapters_that_are_called_alike_keep_apart(tmp_path):
    for chapter, name in (("05_vqvae", "vqvae"), ("06_vqgan", "VQ-VAE")):
        earlier = record.start(chapter, out=str(tmp_path), width=0.5, seed=0)
        earlier.parameters |= {"epochs": 3, "random_seeds": [0]}
        earlier.note("models", {name: f"models/{name}"})
        earlier.done()
    run = record.start("mine", out=str(tmp_path))
    found = studies.saved_networks(run, ["05_vqvae", "06_vqgan"])
    assert list(found) == ["vqvae", "VQ-VAE of 06"]
    assert found["vqvae"].training["trained_on"] == "clean pictures"


def test_means_are_over_people_in_the_columns_that_other_tools_read(comparison):
    scores = comparison.quality(["none", "seed003_test"])
    means = comparison.means(scores)
    assert list(means) == ["corruption", "model", "mse", "dssim", "ssim", "psnr"]
    assert means.corruption.unique().tolist() == ["none", "seed003_test"]
    assert means.model.tolist() == 2 * ["input", "mean picture", "PCA 2", "near", "far"]
    assert means.psnr.isna().tolist() == [True] + 9 * [False]
    near = scores[(scores.model == "near") & (scores.corruption == "seed003_test")]
    expected = near.groupby("subject").psnr.mean().mean()
    assert means.psnr[8] == pytest.approx(expected)


def test_chapter_08_writes_those_means_of_clean_and_damaged_slices():
    path = Path(__file__).parents[3] / "notebooks" / "08_evaluation.ipynb"
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    assert any("means = comparison.means(scores)" in cell for cell in cells)
    assert any('run.table(\n    means,\n    "means",' in cell for cell in cells)
    assert any(cell.count('["none", "seed004", "seed003_test"]') for cell in cells)
