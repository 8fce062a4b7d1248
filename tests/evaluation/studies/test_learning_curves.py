"""More and more people: who trains, with how many steps, and what comes of it; no training."""

import numpy as np
import pandas as pd
import pytest

from brainlib import models, record, studies
from brainlib.evaluation.studies import Round, SplitSlices, Trained, learning_curves

ROUND = Round("holdout", "", ("a", "b", "c", "d"), ("e",), ("f", "g"))
BATCHES = {"corruption": "none", "batch_size": 4, "least_steps": 6}


@pytest.fixture
def curve(tmp_path, monkeypatch):
    """A "network" is what it adds to its input: less, the more people it was trained on."""
    rows = [{"subject": name, "slice": place} for name in "abcdefg" for place in range(4)]
    index = pd.DataFrame(rows).assign(slices=4, row=np.arange(28))
    np.save(tmp_path / "images.npy", np.full((28, 12, 13, 1), 0.4, "float32"))
    slices = SplitSlices(tmp_path / "images.npy", index, pd.DataFrame(), (ROUND,), "axial")
    monkeypatch.setattr(models, "reconstruct", lambda added, inputs: inputs + added)
    called = []

    def train_one(train, validation, folder, random_seed):
        called.append((folder.relative_to(tmp_path).as_posix(), train.steps, len(validation)))
        return 0.2 / len(train) + 0.01 * random_seed, pd.DataFrame({"epoch": [1]})

    both = {("holdout", 0): 0.01, ("holdout", 3): 0.02, ("another", 0): 9}
    everybody = Trained(both, pd.DataFrame(), {})
    run = record.start("mine", out=str(tmp_path))
    found = studies.learning_curve(run, slices, train_one, everybody, [1, 2, 9], **BATCHES)
    return found, called


def test_each_point_has_the_same_steps_and_everybody_is_not_trained_again(curve):
    found, called = curve
    assert called == [
        ("models/learning_curve/1", 8, 4),
        ("models/learning_curve/1/seed3", 8, 4),
        ("models/learning_curve/2", 8, 4),
        ("models/learning_curve/2/seed3", 8, 4),
    ]
    assert sorted(found.training_subjects.unique()) == [1, 2, 4]
    assert found.steps_an_epoch.unique().tolist() == [8]
    assert len(found) == 3 * 2 * 2 * 8  # points, inputs, random seeds, test slices


def test_the_table_has_intervals_over_people_and_the_spread_of_trainings(curve):
    table = studies.learning_curve_table(curve[0])
    clean = table[table["input"] == "clean"].set_index("training_subjects")
    assert clean.dssim[1] > clean.dssim[2] > clean.dssim[4] > 0
    assert clean.test_subjects.tolist() == [2, 2, 2] and (clean.random_seeds == 2).all()
    assert (clean.sd_of_random_seeds > 0).all() and (clean.low <= clean.dssim + 1e-12).all()


def test_sharpness_and_psnr_are_measured_too(curve):
    """A constant that is added leaves every edge as it is, and even slices have none."""
    found = curve[0]
    clean = found[found["input"] == "clean"]
    first = clean[(clean.training_subjects == 4) & (clean.random_seed == 0)]
    np.testing.assert_allclose(first.psnr, 40, atol=1e-3)  # 0.01 off
    table = studies.learning_curve_table(clean, value="psnr").set_index("training_subjects")
    assert table.psnr[4] > table.psnr[2] > table.psnr[1]


def test_a_blurred_picture_has_shorter_gradients():
    ramp = np.tile(np.linspace(0, 1, 13), (12, 1))[None, ..., None]  # 1/12 per pixel, one way
    np.testing.assert_allclose(learning_curves.gradient_length(ramp), 1 / 12)
    np.testing.assert_allclose(learning_curves.gradient_length(0.5 * ramp), 1 / 24)
    assert learning_curves.gradient_length(np.full((2, 12, 13, 1), 0.4)).tolist() == [0, 0]
