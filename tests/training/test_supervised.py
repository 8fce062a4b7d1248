"""Heads that predict age and sex: their loss in closed form, training with gaps, saving."""

import keras
import numpy as np
import pytest

from brainlib import models, training
from brainlib.slices.pipeline import Slices
from brainlib.training import supervised

RNG = np.random.default_rng(0)
AGES = RNG.uniform(20, 80, 48)
SEXES = np.where(RNG.random(48) < 0.5, "female", "male")


def discs():
    """(48, 32, 64, 1): a disc whose radius is the age and whose place is the sex."""
    rows, columns = np.mgrid[:32, :64]
    centres = np.where(SEXES == "male", 18, 46)
    distance = np.hypot(rows - 16, columns - centres[:, None, None])
    return (1 / (1 + np.exp(distance - 4 - AGES[:, None, None] / 10)))[..., None].astype("float32")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, images = tmp_path_factory.mktemp("heads"), discs()
    targets = supervised.head_targets({"age": AGES, "sex": list(SEXES)}, weight=30.0)
    values = {
        "age": np.where(np.arange(48) % 5 == 0, np.nan, AGES),
        "sex": ["" if number % 7 == 0 else sex for number, sex in enumerate(SEXES)],
    }
    slices = Slices(images, batch_size=8, seed=1, labels=targets.labels(values))
    options = {
        "folder": folder,
        "recipe": "vae",
        "epochs": 40,
        "seed": 3,
        "beta_warm_up": 2,
        "learning_rate": 0.003,
        "show": None,
        "options": {"width": 0.06, "latent_dim": 8, "norm_momentum": 0.9},
        "tensorboard": False,
    }
    model, history = training.load_or_fit("vae", slices, slices, heads=targets, **options)
    return model, history, folder, images, targets, slices, options


def test_targets_and_labels():
    targets = supervised.head_targets(
        {
            "age": [20, np.nan, 40],
            "sex": ["male", "", "female"],
            "site": ["a", "b", "c"],
            "one": ["x", "x"],
        }
    )
    assert targets.numbers == {"age": (30.0, 10.0)} and targets.pairs == {"sex": ("female", "male")}
    np.testing.assert_array_equal(
        targets.labels({"age": [50, np.nan], "sex": ["male", "other"]}), [[2, 1], [np.nan, np.nan]]
    )
    with pytest.raises(ValueError, match="expected a number that varies"):
        supervised.head_targets({"age": [30, 30], "sex": ["male", "male"]})


def test_the_cost_is_the_closed_form_and_leaves_gaps_out():
    targets = supervised.HeadTargets({"age": (0, 1)}, {"sex": ("a", "b")})
    model = models.build("vae", image_shape=(32, 64), width=0.05, seed=0)
    model = supervised.with_heads(
        model, supervised.heads_network(model.get_layer("kl").input[0].shape[-1], targets), targets
    )
    labels, answers = (
        np.float32([[2, 1], [np.nan, 0], [1, np.nan]]),
        np.float32([[1, 3], [9, -2], [1.5, 9]]),
    )
    wanted = (0.5 * 1 + np.log1p(np.exp(-3)) + np.log1p(np.exp(-2)) + 0.5 * 0.25) / 3
    np.testing.assert_allclose(float(model.answers_cost(labels, answers)), wanted, rtol=1e-6)
    np.testing.assert_allclose(
        float(model.answers_cost(labels, answers.astype("float16"))), wanted, rtol=1e-6
    )  # of mixed precision


@pytest.mark.slow
def test_heads_learn_what_the_pictures_tell(trained):
    model, history, folder, images, targets, _, _ = trained
    heads, again = supervised.load_heads(folder)
    assert again == targets and {"answers", "val_answers", "kl", "val_mse"} <= set(history)
    assert history.answers.iloc[-1] < 0.5 * history.answers.iloc[0]
    predicted = supervised.predict(model, heads, again, images)
    assert np.abs(predicted["age"] - AGES).mean() < 0.6 * np.abs(AGES - AGES.mean()).mean()
    assert ((predicted["sex"] > 0.5) == (SEXES == "male")).mean() > 0.9


@pytest.mark.slow
def test_the_vae_is_saved_alone_and_loaded_again(trained):
    model, history, folder, images, targets, slices, options = trained
    lines = []
    loaded, _ = training.load_or_fit(
        "vae",
        slices,
        slices,
        heads=targets,
        **options | {"show": lambda line, **_: lines.append(line)},
    )
    assert lines and "loaded what was trained before" in lines[0]
    np.testing.assert_array_equal(
        models.reconstruct(loaded, images), models.reconstruct(model, images)
    )
    plain = models.build("vae", image_shape=(32, 64), width=0.06, latent_dim=8)
    assert loaded.count_params() == plain.count_params()
    with pytest.raises(ValueError, match="expected a VAE"):
        unet = models.build("skip_connection_cae", image_shape=(32, 64), width=0.1)
        supervised.with_heads(unet, keras.Sequential(), targets)


def test_labels_follow_their_slices():
    images = np.arange(20, dtype="float32")[:, None, None, None].repeat(4, 1).repeat(6, 2) / 20
    labels = np.stack([np.arange(20), -np.arange(20)], axis=1)
    slices = Slices(images, indices=np.arange(3, 17), batch_size=4, seed=2, labels=labels)
    for _, targets in slices.epoch(1).as_numpy_iterator():
        np.testing.assert_allclose(
            targets["answers"][:, 0], 20 * targets["image"][:, 0, 0, 0], atol=1e-5
        )
    assert (
        slices.digest() != Slices(images, indices=np.arange(3, 17), batch_size=4, seed=2).digest()
    )
    with pytest.raises(ValueError, match="labels"):
        Slices(images, labels=labels[:5])
