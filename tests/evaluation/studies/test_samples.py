"""Draws judged: their spread, the references beside them, and verdicts from several draws."""

import numpy as np
import pandas as pd
import pytest

from brainlib import features, studies
from brainlib.evaluation.studies import Trained

RNG = np.random.default_rng(0)


def draws(values, random_seeds=(0,)):
    parts = [pd.DataFrame({"frechet": values, "random_seed": number}) for number in random_seeds]
    return pd.concat(parts, ignore_index=True)


NEAR, FAR = [1.0, 1.1, 0.9, 1.0, 1.2], [3.0, 3.1, 2.9, 3.0, 3.2]


def test_draws_that_are_clearly_nearer_are_said_to_be():
    found = studies.nearer(draws(NEAR), draws(FAR), a="x", b="y")
    assert found["verdict"] == "shown" and found["difference"] == pytest.approx(-2)
    assert "interval over 5 draws of one training" in found["words"]
    assert studies.nearer(draws(FAR), draws(NEAR), a="y", b="x")["verdict"] == "not shown"
    assert studies.nearer(draws(NEAR), draws(NEAR), a="x", b="y")["verdict"] == "not shown"


def test_few_draws_show_nothing_but_may_speak_against():
    found = studies.nearer(draws([1.0]), draws([3.0]), a="x", b="y")
    assert found["verdict"] == "too few to decide" and "[" not in found["words"]
    few, more = draws(NEAR[:3]), draws(FAR[:3])
    assert studies.nearer(few, more, a="x", b="y")["verdict"] == "too few to decide"
    assert studies.nearer(more, few, a="y", b="x")["verdict"] == "not shown"


def test_with_several_trainings_a_training_counts_once():
    first = pd.concat([draws([1.0, 1.2], [number]) + number / 10 for number in range(3)])
    first["random_seed"] = [0, 0, 1, 1, 2, 2]
    other = first.assign(frechet=first.frechet + 2)
    found = studies.nearer(first, other, a="x", b="y")
    assert "interval over 3 trainings" in found["words"] and found["verdict"] == "shown"


@pytest.fixture
def judge():
    """Features are the mean of each of six parts of a picture."""
    pictures = RNG.random((24, 12, 14, 1)).astype("float32")

    def space(images):
        return images.reshape(len(images), 6, -1).mean(axis=2)

    return features.Judge(space, pictures[:12], pictures[12:], list("aaabbbcccddd"))


def test_the_floor_and_pca_stand_first(judge):
    linear = studies.linear_code(judge.known, 3)
    table = studies.judge_references(judge, linear, random_seed=0, repeats=2)
    assert table.likelihood.tolist() == ["floor: real slices"] * 5 + ["PCA 3"] * 2
    assert table.rmse_to_nearest_training_slice.isna().sum() == 5
    summary = studies.summary_of_draws(table, ["likelihood", "codes_from"])
    assert summary.draws.tolist() == [5, 2]


def test_every_vae_of_the_round_draws_in_three_ways(judge, monkeypatch):
    drawn = []

    def draw(name):
        def one(*arguments, seed):
            drawn.append((name, seed))
            return judge.known

        return one

    monkeypatch.setattr("brainlib.evaluation.generation.fit_latent", lambda *a, seed: "density")
    monkeypatch.setattr("brainlib.evaluation.generation.sample_prior", draw("prior"))
    monkeypatch.setattr("brainlib.evaluation.generation.sample_fitted", draw("fitted"))
    monkeypatch.setattr("brainlib.evaluation.generation.sample_alone", draw("alone"))
    monkeypatch.setattr("brainlib.models.latent_of", lambda vae, images: "means")
    trained = {"a": Trained({("fold0", 0): "vae", ("fold1", 0): "other"}, pd.DataFrame(), {})}
    table = studies.judge_vaes(judge, trained, "fold0", judge.known, repeats=2)
    assert table.codes_from.tolist() == [
        *["N(0, 1)"] * 2,
        *["each number alone"] * 2,
        *["fitted density"] * 2,
    ]
    assert drawn == [
        ("prior", [0, 0, 1]),
        ("prior", [0, 1, 1]),
        ("alone", [0, 0, 1]),
        ("alone", [0, 1, 1]),
        ("fitted", [0, 0, 1]),
        ("fitted", [0, 1, 1]),
    ]
