"""Training: recipes, learning, batch norm and dropout in training mode, one seed one loss."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from brainlib import models, training
from brainlib.models import vae
from brainlib.models.layers.variational import Sampling
from brainlib.slices.pipeline import Slices
from brainlib.training import callbacks, fitting, losses

SHAPE = (24, 32, 1)


def _blobs(count, shape=SHAPE, seed=0):
    """Smooth blobs at random places: something that can be learnt in a few steps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centres = rng.uniform(0.3, 0.7, (count, 2)) * shape[:2]
    distance = (rows - centres[:, :1, None]) ** 2 + (columns - centres[:, 1:, None]) ** 2
    return np.exp(-distance / 40).astype("float32")[..., None]


TRAIN, VALIDATION = _blobs(40), _blobs(12, seed=1)


def _model(name="skip_connection_cae", **options):
    return models.build(name, image_shape=SHAPE, width=0.1, seed=0, norm_momentum=0.9, **options)


def test_recipes_are_the_seeds():
    seed004 = training.recipe("004")
    assert (seed004.optimizer, seed004.learning_rate, seed004.batch_size, seed004.epochs) == (
        "rmsprop",
        1e-3,
        32,
        100,
    )
    assert (seed004.plateau_factor, seed004.plateau_patience, seed004.stop_patience) == (0.2, 4, 20)
    assert seed004.plateau_min_delta == {"": 1e-7, "dssim": 2e-5} and seed004.stop_min_delta == {
        "": 2e-7,
        "dssim": 5e-5,
    }
    seed003 = training.recipe("003")
    assert (seed003.optimizer, seed003.stop_patience, seed003.plateau_min_rate) == (
        "rmsprop",
        0,
        0.5e-6,
    )
    assert training.recipe("003-resnet50").optimizer == "adam"
    assert (training.recipe("002").epochs, training.recipe("002").batch_size) == (1200, 16)
    assert (
        training.recipe("000").learning_rate == 5e-4
        and training.recipe("000-vqvae").learning_rate == 1e-3
    )


def test_callbacks_take_the_constants_of_the_loss():
    model = _model()
    for loss, plateau_delta, stop_delta in (
        ("mse", 1e-7, 2e-7),
        ("dssim", 2e-5, 5e-5),
        ("dssim_contrib", 2e-5, 5e-5),
    ):
        plan = training.recipe("004", loss=loss)
        plateau, stop = (
            callback
            for callback in fitting.callbacks_of(model, plan)
            if isinstance(callback, (callbacks.Plateau, keras.callbacks.EarlyStopping))
        )
        assert plateau.min_delta == plateau_delta and abs(stop.min_delta) == stop_delta
        assert (plateau.factor, plateau.patience, stop.patience) == (0.2, 4, 20)


def test_recipes_can_be_changed_and_nonsense_is_refused():
    changed = training.recipe("004", epochs=3, loss=None)
    assert changed.epochs == 3 and changed.loss == "mse" and training.recipe("004").epochs == 100
    with pytest.raises(ValueError, match="000-vqvae"):
        training.recipe("005")
    with pytest.raises(ValueError, match="no patience"):
        training.recipe("004", patience=3)
    with pytest.raises(ValueError, match="no patience"):
        training.fit(_model(), TRAIN, VALIDATION, patience=3)
    with pytest.raises(ValueError, match="at least 1"):
        training.fit(_model(), TRAIN, VALIDATION, epochs=0)
    with pytest.raises(ValueError, match="image_shape=\\(24, 32, 1\\)"):
        training.fit(
            models.build("skip_connection_cae", image_shape=(32, 32), width=0.1), TRAIN, VALIDATION
        )
    with pytest.raises(ValueError, match="from 0 to 1"):
        training.fit(_model(), TRAIN * 2, VALIDATION)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Four epochs of a model with dropout: (model, history, folder, printed lines)."""
    folder, lines = tmp_path_factory.mktemp("trained"), []
    model = _model("myronenko_cae", l2=True)
    history = training.fit(
        model,
        TRAIN,
        VALIDATION,
        recipe="004",
        loss="dssim",
        epochs=4,
        batch_size=8,
        folder=folder,
        seed=3,
        metrics=("mse",),
        show=lambda line, flush: lines.append(line),
    )
    return model, history, folder, lines


def test_it_learns_and_logs(trained):
    _, history, folder, _ = trained
    assert list(history.epoch) == [1, 2, 3, 4] and history.loss.iloc[-1] < history.loss.iloc[0]
    assert {"val_loss", "val_mse", "learning_rate", "seconds"} <= set(history)
    assert (folder / "history.csv").read_text().count("\n") == 5
    assert not list(folder.glob(".part-*"))


def test_the_weights_are_those_of_the_best_epoch(trained):
    model, history, folder, _ = trained
    validation = Slices(
        VALIDATION, batch_size=8, corruption="seed004", seed=4, shuffle=False
    ).epoch()
    again = models.load(folder / "model.keras")
    again.compile(loss=losses.get("dssim"), jit_compile=False)
    np.testing.assert_allclose(
        again.evaluate(validation, verbose=0), history.val_loss.min(), rtol=1e-4
    )
    np.testing.assert_array_equal(
        models.reconstruct(again, VALIDATION), models.reconstruct(model, VALIDATION)
    )


def test_the_best_epoch_has_the_lowest_validation_loss_after_the_start():
    history = pd.DataFrame({"epoch": [1, 2, 3, 4], "val_loss": [0.1, 0.5, 0.3, 0.4]})
    assert training.best_epoch(history).epoch == 1 and training.best_epoch(history, 1).epoch == 3
    assert (
        training.best_epoch(history, 9).epoch == 4
    )  # a warm-up longer than the training: its last epoch


def test_best_weights_come_back_though_later_epochs_are_worse():
    keeper, model = callbacks.BestWeights(start=1), _model()
    keeper.set_model(model)
    keeper.on_train_begin()
    wanted = None
    for epoch, loss in enumerate((0.1, 0.5, 0.3, 0.4)):  # the first epoch does not count
        model.set_weights([weight + epoch for weight in model.get_weights()])
        keeper.on_epoch_end(epoch, {"val_loss": loss})
        wanted = model.get_weights() if epoch == 2 else wanted
    keeper.on_train_end()
    assert keeper.epoch == 2
    for weight, expected in zip(model.get_weights(), wanted):
        np.testing.assert_array_equal(weight, expected)


def test_progress_lines(trained):
    lines = trained[3]
    assert lines[0].startswith("epoch 1/4  loss ") and lines[-1].startswith("epoch 4/4  loss ")
    assert "  val_loss " in lines[0] and lines[-1].endswith(" s/epoch  0:00 left")


def test_progress_is_not_too_talkative():
    lines = []
    progress = callbacks.Progress(every_seconds=1000, show=lambda line, flush: lines.append(line))
    progress.set_params({"epochs": 50})
    progress.on_train_begin()
    for epoch in range(30):  # stopped early
        progress.on_epoch_end(epoch, {"loss": 1.0})
    progress.on_train_end()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/50", "epoch 30/50"]


def test_batch_norm_and_dropout_were_in_training_mode(trained):
    """Running means and variances have moved; dropout is active in training alone."""
    model = trained[0]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms and all(np.abs(np.asarray(layer.moving_mean)).max() > 1e-4 for layer in norms)
    assert all(np.abs(np.asarray(layer.moving_variance) - 1).max() > 1e-4 for layer in norms)
    dropout = next(
        layer for layer in model.layers if isinstance(layer, keras.layers.SpatialDropout2D)
    )
    ones = np.ones((50, 4, 4, 3), "float32")
    np.testing.assert_array_equal(dropout(ones), ones)
    assert 0 < (np.asarray(dropout(ones, training=True)) == 0).mean() < 0.3


def test_fit_moves_running_means_by_the_batches_own_statistics():
    """One step at a learning rate of 0: the running mean is Keras's rule applied to the batch."""
    inputs = keras.Input(SHAPE)
    norm = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(norm(inputs)))
    training.fit(
        model,
        TRAIN,
        VALIDATION,
        recipe="002",
        learning_rate=0.0,
        epochs=1,
        batch_size=40,
        show=None,
    )
    np.testing.assert_allclose(np.asarray(norm.moving_mean), 0.1 * TRAIN.mean(), rtol=1e-4)
    np.testing.assert_allclose(np.asarray(norm.moving_variance), 0.9 + 0.1 * TRAIN.var(), rtol=1e-4)


def _train_vae(**options):
    model = models.build(
        "vae", image_shape=(32, 64), width=0.05, seed=7, norm_momentum=0.9, **options
    )
    images = _blobs(24, (32, 64, 1))
    history = training.fit(
        model,
        images,
        images[:8],
        recipe="vae",
        epochs=3,
        batch_size=8,
        beta_warm_up=1,
        corruption="seed004",
        seed=5,
        show=None,
    )
    return model, history


def test_vae_trains_the_same_way_twice_and_its_loss_adds_up():
    (model, history), (_, again) = _train_vae(), _train_vae()
    names = ["loss", "val_loss", "kl", "distortion", "mse", "val_kl"]
    np.testing.assert_allclose(
        history[names], again[names], rtol=1e-5
    )  # sampling, order, noise, weights
    np.testing.assert_allclose(history.beta, [0.5, 1, 1])
    np.testing.assert_allclose(
        history.val_distortion + history.beta * history.val_kl, history.val_loss, rtol=1e-4
    )
    assert history.distortion.iloc[-1] < history.distortion.iloc[0]
    np.testing.assert_allclose(
        model.likelihood.sigma(), history.sigma[history.val_loss[1:].idxmin()], rtol=1e-5
    )


def test_the_seeds_vae_is_an_option():
    model = models.build(
        "vae", image_shape=(32, 64), width=0.05, seed=7, likelihood="seed", beta=2.0
    )
    model.compile(jit_compile=False)
    images = _blobs(8, (32, 64, 1))
    result = model.evaluate(images, images, verbose=0, return_dict=True)
    np.testing.assert_allclose(result["distortion"], 1000 * result["mse"], rtol=1e-4)
    np.testing.assert_allclose(result["loss"], result["distortion"] + 2 * result["kl"], rtol=1e-4)
    assert np.isnan(model.likelihood.sigma())


def test_validation_is_a_bound_and_reconstruction_the_mean():
    """A linear decoder: E_q |x - Wz|^2 = |x - Wm|^2 + sum_j exp(log_var_j) |w_j|^2."""
    shape, inputs = (4, 6, 1), keras.Input((4, 6, 1))
    flat = keras.layers.Flatten()(inputs)
    mean = keras.layers.Dense(3, use_bias=False, name="mean")(flat)
    log_var = keras.layers.Dense(
        3,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(-1.0),
        name="log_var",
    )(flat)
    encoder = keras.Model(
        inputs, [mean, log_var, Sampling(seed=1)([mean, log_var])], name="encoder"
    )
    latent = keras.Input((3,))
    decoder = keras.Model(
        latent,
        keras.layers.Reshape(shape)(keras.layers.Dense(24, use_bias=False, name="out")(latent)),
        name="decoder",
    )
    model = vae.assemble_vae(
        encoder, decoder, likelihood="seed", beta=1.0, free_nats=0.0, name="linear"
    )
    model.compile(jit_compile=False)
    images = np.repeat(np.random.default_rng(0).random((1, *shape), dtype="float32"), 4096, axis=0)
    result = model.evaluate(images, images, batch_size=512, verbose=0, return_dict=True)
    weights = decoder.get_layer("out").get_weights()[0]  # (3, 24)
    at_mean = float(np.sum((images[0] - models.reconstruct(model, images[:1])[0]) ** 2))
    expected = 1000 / 24 * (at_mean + np.exp(-1) * np.sum(weights**2))  # the seed's 1000 x mean
    np.testing.assert_allclose(result["distortion"], expected, rtol=0.02)
    assert result["distortion"] > 1.05 * 1000 / 24 * at_mean
    np.testing.assert_array_equal(
        model.predict(images[:2], verbose=0), model.predict(images[:2], verbose=0)
    )
    np.testing.assert_allclose(
        np.asarray(model(images[:1])), models.reconstruct(model, images[:1]), rtol=1e-6
    )


def test_load_or_fit_trains_once(tmp_path):
    lines = []

    def train(**options):
        return training.load_or_fit(
            "skip_connection_cae",
            TRAIN,
            VALIDATION,
            folder=tmp_path,
            seed=1,
            options={"width": 0.1},
            show=lambda line, **_: lines.append(line),
            **{"epochs": 2, **options},
        )

    model, history = train()
    assert lines[-1].startswith("epoch 2/2")
    loaded, again = train()
    assert lines[-1].startswith("skip_connection_cae: loaded what was trained before, 2 epochs")
    np.testing.assert_array_equal(
        models.reconstruct(loaded, VALIDATION), models.reconstruct(model, VALIDATION)
    )
    np.testing.assert_allclose(again.val_loss, history.val_loss)
    train(epochs=1)
    assert lines[-1].startswith("epoch 1/1")  # another key: trained again
    record = json.loads((tmp_path / "fit.json").read_text())
    assert record["recipe"]["epochs"] == 1 and record["versions"]["keras"] == keras.__version__
    with open(tmp_path / "model.keras", "ab") as handle:
        handle.write(b"spoilt")
    train(epochs=1)
    assert lines[-1].startswith("epoch 1/1")  # a spoilt model is not trusted


def test_a_smaller_last_batch_does_no_harm():
    """oneDNN of TensorFlow 2.21 crashed here; the stream fills its last batch."""
    images = np.random.default_rng(0).random((21, 64, 64, 1), dtype="float32")
    model = models.build("residual_unet", image_shape=(64, 64, 1), width=0.25, seed=0)
    history = training.fit(
        model, images[:13], images[13:], recipe="004", epochs=2, batch_size=8, show=None
    )
    assert np.isfinite(history.loss).all()
