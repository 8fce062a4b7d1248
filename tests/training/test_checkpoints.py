"""A training that is killed ends where an unbroken one ends."""

import multiprocessing
import os
import signal
import socket

import keras
import numpy as np
import pytest
from keras import layers
from tensorflow.compat.v1.train import summary_iterator

from brainlib import models, training
from brainlib.models import vae
from brainlib.models.layers.variational import Sampling
from brainlib.training import callbacks as training_callbacks
from brainlib.training import checkpoints

RECIPE = training.recipe("vae", plateau_patience=1, plateau_min_delta={"": 100.0}, stop_patience=5)
BY_STEPS = training.recipe("fast-vae", steps=30)  # 5 an epoch, where a pass has 4
IMAGES = np.random.default_rng(0).random((20, 32, 32, 1), dtype="float32")


class Stop(keras.callbacks.Callback):
    """Kills its own process, hard, within an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.due = epoch == 3

    def on_train_batch_end(self, batch, logs=None):
        if self.due:
            os.kill(os.getpid(), signal.SIGKILL)


def _small():
    """A small VAE with all that a training has to remember: sampling, dropout, running means."""
    keras.utils.set_random_seed(3)
    inputs, vectors = keras.Input((32, 32, 1)), keras.Input((6,))
    x = layers.Dropout(0.2, seed=5)(layers.Conv2D(4, 5, strides=4, activation="relu")(inputs))
    mean, log_var = (layers.Dense(6)(layers.Flatten()(x)) for _ in range(2))
    encoder = keras.Model(
        inputs, [mean, log_var, Sampling(seed=0)([mean, log_var])], name="encoder"
    )
    x = layers.BatchNormalization(momentum=0.9)(layers.Dense(64, activation="relu")(vectors))
    decoder = keras.Model(
        vectors,
        layers.Reshape((32, 32, 1))(layers.Dense(1024, activation="sigmoid")(x)),
        name="decoder",
    )
    return vae.assemble_vae(
        encoder, decoder, likelihood="optimal_sigma", beta=1.0, free_nats=0.0, name="small"
    )


def _fit(name, folder, callbacks=(), lines=None, recipe=RECIPE, **options):
    """Six epochs with corruption, plateaus (or a cosine by steps) and beta's warm-up.

    Sampling is in small and vae, dropout in small and myronenko_cae.
    """
    model = (
        _small()
        if name == "small"
        else models.build(name, image_shape=(32, 32), width=0.1, seed=3, norm_momentum=0.9)
    )
    show = None if lines is None else lambda line, **_: lines.append(line)
    history = training.fit(
        model,
        IMAGES[:14],
        IMAGES[14:],
        recipe=recipe,
        loss="mse",
        corruption="seed004",
        epochs=6,
        batch_size=4,
        beta_warm_up=0 if name == "myronenko_cae" else 1,
        folder=folder,
        seed=11,
        show=show,
        checkpoint_seconds=0,
        callbacks=callbacks,
        **options,
    )
    return model, history


def _killed(name, folder, recipe):
    _fit(name, folder, [Stop()], recipe=recipe)


@pytest.mark.parametrize(
    "name, recipe",
    [
        ("small", RECIPE),
        ("small", BY_STEPS),
        pytest.param("vae", RECIPE, marks=pytest.mark.slow),
        pytest.param("myronenko_cae", BY_STEPS, marks=pytest.mark.slow),
    ],
)
def test_a_killed_training_ends_like_an_unbroken_one(name, recipe, tmp_path):
    process = multiprocessing.get_context("spawn").Process(
        target=_killed, args=(name, tmp_path / "killed", recipe)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "killed/checkpoint.npz").exists() and not (
        tmp_path / "killed/model.keras"
    ).exists()
    lines = []
    model, history = _fit(name, tmp_path / "killed", lines=lines, recipe=recipe)
    assert lines[0].startswith("goes on after epoch 3 of 6")
    unbroken, expected = _fit(name, tmp_path / "unbroken", recipe=recipe)
    assert list(history.epoch) == [1, 2, 3, 4, 5, 6]
    assert history.learning_rate.nunique() > 2  # of a plateau: before and after the kill
    if recipe.cosine:
        assert history.learning_rate.iloc[-1] == 0
    numbers = [column for column in expected if column != "seconds"]
    np.testing.assert_allclose(history[numbers], expected[numbers], rtol=2e-5)
    for weight, wanted in zip(model.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-4, atol=1e-6)
    assert not (tmp_path / "killed/checkpoint.npz").exists()


def test_only_the_same_training_goes_on(tmp_path):
    model = models.build("skip_connection_cae", image_shape=(32, 32), width=0.1, seed=3)
    model.compile("adam", "mse", jit_compile=False)
    keeper = checkpoints.Checkpoint(
        tmp_path / "checkpoint.npz", "one", [training_callbacks.BestWeights()]
    )
    keeper.set_model(model)
    keeper.callbacks[0].set_model(model)
    keeper.callbacks[0].on_train_begin()
    keeper.save(2)
    assert checkpoints.Checkpoint(keeper.path, "one", keeper.callbacks).load() == 2
    assert checkpoints.Checkpoint(keeper.path, "another", keeper.callbacks).load() == 0
    keeper.path.write_bytes(keeper.path.read_bytes()[:1000])
    assert (
        checkpoints.Checkpoint(keeper.path, "one", keeper.callbacks).load() == 0
    )  # damaged: from the beginning


def test_other_weights_are_another_training():
    first, second, again = (
        models.build("skip_connection_cae", image_shape=(32, 32), width=0.1, seed=seed)
        for seed in (1, 2, 1)
    )
    assert (
        checkpoints.fingerprint(first)
        == checkpoints.fingerprint(again)
        != checkpoints.fingerprint(second)
    )


def test_training_stops_early_and_leaves_tensorboards_logs(tmp_path):
    plan = training.recipe(
        RECIPE, stop_patience=1, stop_min_delta={"": 100.0}, plateau_factor=0.0, epochs=6
    )
    model = models.build("skip_connection_cae", image_shape=(32, 32), width=0.1, seed=3)
    history = training.fit(
        model, IMAGES[:14], IMAGES[14:], recipe=plan, batch_size=4, folder=tmp_path, show=None
    )
    assert len(history) == 2
    for part, loss in (("train", "loss"), ("validation", "val_loss")):
        (log,) = (tmp_path / "logs" / part).iterdir()
        assert "tfevents" in log.name  # TensorBoard takes it
        events = [event for event in summary_iterator(str(log)) if event.summary.value]
        numbers = [event.summary.value[0] for event in events]
        losses = [number.simple_value for number in numbers if number.tag == "epoch_loss"]
        np.testing.assert_allclose(losses, history[loss], rtol=1e-6)
        assert socket.gethostname() not in log.name.split(".")
