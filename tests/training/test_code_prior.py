"""The training of a prior: what it learns; trained once; resumed where it was broken off."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

from brainlib import models_prior
from brainlib.training import code_prior

GRID = (5, 7)


def random_codes(count, grid=GRID, size=6, seed=0):
    return np.random.default_rng(seed).integers(0, size, (count, *grid))


NEW_PROCESS = """
import sys, numpy as np
from brainlib import models_prior
prior = models_prior.load_prior(sys.argv[1] + "/prior.keras")
codes = np.load(sys.argv[1] + "/codes.npy")
bits = models_prior.surprise(prior, codes, conditions={"sex": "male", "age": 33})
np.save(sys.argv[1] + "/bits.npy", bits)
"""


def chain(count, grid, rng, stay=0.8, size=4):
    """Rows of a Markov chain that keeps its code with the probability `stay`, else another."""
    codes = np.zeros((count, *grid), int)
    codes[:, :, 0] = rng.integers(0, size, (count, grid[0]))
    for column in range(1, grid[1]):
        step = np.where(
            rng.random((count, grid[0])) < stay, 0, rng.integers(1, size, (count, grid[0]))
        )
        codes[:, :, column] = (codes[:, :, column - 1] + step) % size
    return codes


def test_bits_approach_the_entropy_of_a_markov_chain():
    rng = np.random.default_rng(0)
    train, validation, test = (chain(count, GRID, rng) for count in (800, 100, 200))
    prior = models_prior.build_prior(GRID, 4, width=16, layers=1, seed=0)
    history = models_prior.fit(prior, train, validation, epochs=8, learning_rate=8e-3, show=None)
    step = -0.8 * np.log2(0.8) - 0.2 * np.log2(0.2 / 3)
    entropy = (2 + 6 * step) / 7  # bits a code; the first of a row is uniform
    assert entropy - 0.05 < models_prior.bits_a_code(prior, test)[0] < entropy + 0.05
    assert abs(models_prior.unigram_bits(train, test, 4)[0] - 2) < 0.01
    assert list(history.epoch) == list(range(1, len(history) + 1))
    np.testing.assert_allclose(history["val_bits"], np.array(history["val_loss"]) / np.log(2))
    np.testing.assert_allclose(
        min(history["val_bits"]), models_prior.bits_a_code(prior, validation)[0], rtol=1e-4
    )  # best epoch


def test_a_wrong_code_is_found_and_mended():
    """Maps whose code says how far the place is from the corner: anything else is wrong."""
    whole = np.add.outer(np.arange(5), np.arange(7))[None] // 2
    train = np.repeat(whole, 64, axis=0)
    prior = models_prior.build_prior(GRID, 6, width=16, layers=1, seed=0)
    models_prior.fit(prior, train, train[:8], epochs=30, learning_rate=1e-2, show=None, patience=0)
    wrong = whole.copy()
    wrong[0, 2, 3] = 5
    bits = models_prior.surprise(prior, wrong)
    assert np.unravel_index(bits.argmax(), bits.shape) == (0, 2, 3) and bits[0, 2, 3] > 5
    np.testing.assert_array_equal(models_prior.restore(prior, wrong, 3.0)[0], whole)


def test_conditions_are_learned_and_may_be_missing():
    """The sex says which codes are used; the age whether they are even."""
    rng = np.random.default_rng(0)
    sex, age = rng.choice(["female", "male"], 400), rng.uniform(20, 80, 400)
    codes = (np.where(sex == "male", 2, 0) + (age > 50))[:, None, None] + np.zeros((400, 3, 4), int)
    sex[:40], age[40:80] = "", np.nan
    conditions = {"age": age, "sex": sex}
    ranges = models_prior.condition_ranges(
        {**conditions, "site": ["Guys"] * 400, "empty": [""] * 400}
    )
    assert list(ranges) == ["age", "sex"] and ranges["sex"] == ("female", "male")
    prior = models_prior.build_prior((3, 4), 4, width=16, layers=1, conditions=ranges, seed=0)
    models_prior.fit(
        prior,
        codes,
        codes[100:],
        conditions=conditions,
        validation_conditions={name: values[100:] for name, values in conditions.items()},
        epochs=25,
        learning_rate=1e-2,
        show=None,
    )
    drawn = models_prior.sample(
        prior,
        4,
        temperature=0,
        conditions={"sex": ["female", "female", "male", "male"], "age": [30, 70, 30, 70]},
    )
    np.testing.assert_array_equal(drawn[:, 0, 0], [0, 1, 2, 3])
    given = {name: values[100:] for name, values in conditions.items()}
    known = models_prior.bits_a_code(prior, codes[100:], given)[0]
    unknown = models_prior.bits_a_code(prior, codes[100:])[0]
    assert known < 0.2 and unknown > known + 0.05  # twelve places share two bits
    free = models_prior.sample(prior, 400, seed=1)[:, 0, 0]
    assert np.bincount(free, minlength=4).min() > 40  # nothing known: all four


@pytest.mark.slow
def test_the_same_seed_trains_the_same_prior():
    codes = random_codes(40)

    def trained(seed):
        prior = models_prior.build_prior(
            GRID, 6, width=8, layers=1, seed=1, conditions={"age": (50, 10)}
        )
        return models_prior.fit(
            prior,
            codes,
            codes[:8],
            conditions={"age": np.arange(40)},
            epochs=2,
            seed=seed,
            show=None,
        )["loss"]

    first = trained(1)
    np.testing.assert_allclose(trained(1), first, rtol=1e-5)
    assert abs(trained(2)[1] - first[1]) > 1e-6


def test_trained_once_and_the_same_in_a_new_process(tmp_path, monkeypatch):
    codes = random_codes(40)
    conditions = {"sex": ["female", "male"] * 20, "age": np.linspace(20, 80, 40)}
    how = {
        "codebook_size": 6,
        "folder": tmp_path,
        "conditions": conditions,
        "width": 8,
        "layers": 1,
        "epochs": 2,
        "batch_size": 16,
        "steps_an_epoch": 5,
        "show": None,
    }
    prior, history = models_prior.load_or_fit(codes, codes[:8], **how)
    assert int(prior.optimizer.iterations) == 2 * 5  # 40 maps make 2 full steps
    written = (tmp_path / "prior.keras").stat().st_mtime_ns
    again, same = models_prior.load_or_fit(codes, codes[:8], **how)
    pd.testing.assert_frame_equal(same, history)
    assert written == (tmp_path / "prior.keras").stat().st_mtime_ns
    assert list(again.conditions) == ["sex", "age"] and isinstance(again, models_prior.CodePrior)
    np.save(tmp_path / "codes.npy", codes)
    subprocess.run([sys.executable, "-c", NEW_PROCESS, str(tmp_path)], check=True, timeout=300)
    expected = models_prior.surprise(prior, codes, conditions={"sex": "male", "age": 33})
    np.testing.assert_allclose(np.load(tmp_path / "bits.npy"), expected, atol=1e-5)
    fitted, fit = [], models_prior.fit
    monkeypatch.setattr(
        code_prior,
        "fit",
        lambda *parts, **options: (fitted.append(options), fit(*parts, **options))[1],
    )
    models_prior.load_or_fit(codes, codes[:8], **how)
    assert not fitted
    for change in ({"epochs": 1}, {"seed": 1}, {"conditions": {"sex": conditions["sex"]}}):
        models_prior.load_or_fit(codes, codes[:8], **{**how, "epochs": 1, **change})
    models_prior.load_or_fit(codes[1:], codes[:8], **{**how, "conditions": {}})
    assert len(fitted) == 4


class Stop(keras.callbacks.Callback):
    """Breaks off in the fourth epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


def _fit(folder, monkeypatch, callbacks=()):
    """Dropout, hidden conditions, a falling learning rate and a new order in each of six epochs."""
    codes = random_codes(40)
    prior = models_prior.build_prior(
        GRID, 6, width=8, layers=1, seed=1, conditions={"age": (50, 10)}
    )
    with monkeypatch.context() as patch:
        log = functools.partial(code_prior.Log, callbacks=callbacks, checkpoint_seconds=0)
        patch.setattr(code_prior, "Log", log)
        history = models_prior.fit(
            prior,
            codes,
            codes[:8],
            conditions={"age": np.linspace(20, 80, 40)},
            epochs=6,
            batch_size=16,
            seed=3,
            folder=folder,
            show=None,
        )
    return prior, history


def test_a_training_that_was_broken_off_ends_like_an_unbroken_one(tmp_path, monkeypatch):
    unbroken, expected = _fit(tmp_path / "unbroken", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "broken", monkeypatch, [Stop()])
    assert (tmp_path / "broken/checkpoint.npz").exists()
    prior, history = _fit(tmp_path / "broken", monkeypatch)
    assert list(history.epoch) == [1, 2, 3, 4, 5, 6] and history.learning_rate.nunique() == 6
    numbers = [column for column in expected if column != "seconds"]
    np.testing.assert_allclose(history[numbers], expected[numbers], rtol=2e-5)
    for weight, wanted in zip(prior.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-4, atol=1e-6)
    assert not (tmp_path / "broken/checkpoint.npz").exists()
