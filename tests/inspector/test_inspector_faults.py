"""The inspector flags each fault, built on purpose, and leaves sound models alone.

The models are ours and somebody else's.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from small_models import SIDE, TEST, TRAIN, halves, learn, make_autoencoder, make_vae, make_vqvae

from brainlib import inspector, slices
from brainlib.heads import volumes
from brainlib.inspector import probes
from brainlib.inspector.latents import codes
from brainlib.inspector.loss import LossWeights, loss_weights
from brainlib.inspector.networks import reconstruct
from brainlib.show import inspector_figures


@pytest.fixture(scope="module")
def vae():
    return learn(make_vae(), 25, loss=None)


@pytest.fixture(scope="module")
def autoencoder():
    return learn(make_autoencoder(), 25)


@pytest.fixture(scope="module")
def vqvae():
    return learn(make_vqvae(), 25)


@pytest.mark.parametrize(
    "name, kind", [("vae", "VAE"), ("autoencoder", "autoencoder"), ("vqvae", "VQ-VAE")]
)
def test_a_sound_model_passes(name, kind, request, tmp_path):
    request.getfixturevalue(name).save(tmp_path / "model.keras")
    people = [f"S{number // 4}" for number in range(len(TEST))]
    report = inspector.inspect(
        tmp_path / "model.keras",
        TEST,
        subjects=people,
        train_subjects=["T1", "T2"],
        train_images=TRAIN,
        sources=["one", "two"] * (len(TEST) // 2),
    )
    assert (report.kind, report.flagged()) == (kind, [])
    table = report.table()
    assert (
        len(table) >= 10
        and table.name.is_unique
        and (table.why.str.len() > 20).all()
        and (table.todo == "").all()
    )


def test_a_sound_model_of_real_heads_passes(ixi_sample):
    pictures, people = [], []
    for path in sorted((ixi_sample / "t1").glob("*.nii.gz")):
        volume = volumes.load(path)
        numbers = np.linspace(
            0.35 * volume.array.shape[0], 0.65 * volume.array.shape[0], 16
        ).astype(int)
        made = slices.prepare(
            volume, volume.array > volume.array.mean(), numbers, plane="sagittal", size=SIDE
        )
        pictures.append(made["image"])
        people += [path.name[:6]] * len(numbers)
    pictures, people = np.concatenate(pictures), np.array(people)
    test = np.isin(people, sorted(set(people))[-2:])
    model = learn(make_autoencoder(), 40, images=pictures[~test])
    report = inspector.inspect(
        model,
        pictures[test],
        subjects=people[test],
        train_subjects=people[~test],
        train_images=pictures[~test],
    )
    assert report.flagged() == []
    leaked = inspector.inspect(
        model,
        pictures[::5],
        subjects=people[::5],
        train_subjects=people[~test],
        train_images=pictures[~test],
    )
    assert leaked.flagged() == ["subjects seen in training", "pictures seen in training"]


# ------------------------------------------------------------------------------------- faults


def changed(model, **weights):
    """A copy of a model with some weights changed.

    weights: {ending of their path, with __ for /: function of what they were}.
    """
    if type(model) is keras.Model:
        copy = keras.models.clone_model(model)
    else:
        copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    for ending, change in weights.items():
        path = ending.replace("__", "/")
        matching = [weight for weight in copy.weights if weight.path.endswith(path)]
        assert matching, [weight.path for weight in copy.weights]
        for weight in matching:
            weight.assign(change(np.asarray(weight)))
    return copy


def flagged(model, images=TEST, **options):
    return inspector.inspect(model, images, **options).flagged()


def test_weights_that_are_no_numbers(autoencoder):
    assert flagged(changed(autoencoder, latent__bias=lambda bias: bias * np.nan)) == [
        "numbers that are not finite"
    ]


def test_pictures_scaled_to_two(autoencoder):
    report = inspector.inspect(autoencoder, TEST, targets=2 * TEST)
    assert report.flagged() == ["targets out of reach"]
    assert report["targets out of reach"].value == pytest.approx(100 * np.mean(2 * TEST > 1.001))
    assert report["targets out of reach"].todo and not report["latent numbers a pixel"].todo


def test_the_loss_of_thesis_000(vae):
    """1000 x the mean squared error + KL: a variance of (pixels / 2000), 0.512 at 32x32."""
    copy = make_vae("seed")
    copy.encoder.set_weights(vae.encoder.get_weights())
    copy.decoder.set_weights(vae.decoder.get_weights())
    report = inspector.inspect(copy, TEST)
    assert report.flagged() == ["assumed variance over squared error"]
    error = np.mean((reconstruct(copy, TEST) - TEST) ** 2)
    assert report["assumed variance over squared error"].value == pytest.approx(
        0.512 / error, rel=0.02
    )


def test_a_stated_likelihood_is_read_as_it_is(vae):
    found = loss_weights(vae, probes.probes(TEST))
    assert found.variance(SIDE * SIDE) == pytest.approx(
        vae.likelihood.sigma() ** 2, rel=0.02
    ) and found.kl == pytest.approx(1, rel=1e-3)
    vae.get_layer("kl").beta.assign(4.0)
    assert loss_weights(vae, probes.probes(TEST)).kl == pytest.approx(4, rel=1e-3)
    vae.get_layer("kl").beta.assign(1.0)
    assert LossWeights(1000, 1, "its loss").variance(128 * 128) == pytest.approx(8.192)


def test_a_collapsed_posterior(vae):
    copy = changed(
        vae,
        mean__kernel=np.zeros_like,
        mean__bias=np.zeros_like,
        log_var__kernel=np.zeros_like,
        log_var__bias=np.zeros_like,
    )
    assert flagged(copy) == ["active units"]


def test_a_posterior_far_from_the_prior(vae):
    """The same function with a latent ten times as wide: the decoder divides again."""
    copy = changed(vae, mean__kernel=lambda old: 10 * old, mean__bias=lambda old: 10 * old)
    first = next(layer for layer in copy.decoder.layers if isinstance(layer, layers.Dense))
    first.kernel.assign(first.kernel / 10)
    assert flagged(copy) == ["posterior beside N(0, 1)"]


def test_a_tiny_code_map():
    model = learn(make_vqvae(grid=2, codebook_size=128), 5)
    report = inspector.inspect(model, TEST)
    assert report.flagged() == ["bits an image"] and report["bits an image"].value == 28


def test_a_collapsed_codebook(vqvae):
    copy = changed(
        vqvae,
        codebook=lambda old: np.where(np.arange(32)[:, None] == 3, old, np.float32(1e3)),
    )
    report = inspector.inspect(copy, TEST)
    assert report.flagged() == ["perplexity over codes"] and report[
        "perplexity over codes"
    ].value == pytest.approx(1 / 32)


def test_one_picture_for_all(autoencoder):
    assert (
        flagged(changed(autoencoder, latent__kernel=np.zeros_like))[0] == "variance between outputs"
    )


class Careless(keras.Model):
    """A training step that forgets training=True."""

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(keras.ops.square(data[1] - self(data[0])))
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        )
        return {"loss": loss}


def test_batch_norm_that_was_never_trained():
    assert flagged(learn(make_autoencoder(kind=Careless), 25)) == ["batch norm that never moved"]


def test_batch_norm_that_lags(autoencoder):
    """Half of a running variance that began at 1, with the next layer as it learned it."""
    copy = changed(
        autoencoder, moving_mean=lambda old: 0.6 * old, moving_variance=lambda old: 0.6 * old + 0.4
    )
    assert "batch norm beside these images" in flagged(copy)
    assert inspector.inspect(autoencoder, TEST)["batch norm beside these images"].value < 0.1


def test_a_network_that_copies():
    inputs = keras.Input((SIDE, SIDE, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    model = learn(
        keras.Model(inputs, layers.Add()([inputs, layers.Conv2D(1, 3, padding="same")(x)])), 12
    )
    assert flagged(model) == ["latent numbers a pixel", "loss on strange pictures"]


def test_dead_units(autoencoder):
    """Nine of ten hidden units never fire, from the first step on."""
    model = make_autoencoder(latent=12, norm=False)
    hidden = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    hidden.bias.assign(np.where(np.arange(96) < 88, -1e3, 0.0))
    decoding = next(
        layer for layer in model.get_layer("decoder").layers if isinstance(layer, layers.Dense)
    )
    decoding.bias.assign(np.where(np.arange(96) < 80, -1e3, 0.0))
    report = inspector.inspect(learn(model, 25), TEST)
    assert report.flagged() == ["dead units"] and report["dead units"].value >= 100 * 168 / 192


def test_a_figure_that_pairs_strangers(autoencoder):
    outputs = reconstruct(autoencoder, TEST)
    assert flagged(autoencoder, outputs=outputs) == []
    report = inspector.inspect(autoencoder, TEST, outputs=np.roll(outputs, 1, axis=0))
    assert (
        report.flagged() == ["outputs of other images"]
        and report["outputs of other images"].value >= 28
    )
    swapped = outputs.copy()
    far = np.argmax(((TEST - TEST[0]) ** 2).sum(axis=(1, 2, 3)))
    swapped[[0, far]] = outputs[[far, 0]]
    assert (
        inspector.inspect(autoencoder, TEST, outputs=swapped)["outputs of other images"].value == 2
    )
    assert (
        inspector.inspect(autoencoder, TEST, outputs=reconstruct(autoencoder, TRAIN[:32]))[
            "outputs of other images"
        ].value
        > 16
    )


def test_leaks(autoencoder):
    people = [f"S{number // 4}" for number in range(32)]
    assert flagged(autoencoder, subjects=people, train_subjects=["S3", "T1"]) == [
        "subjects seen in training"
    ]
    report = inspector.inspect(autoencoder, TEST, train_images=np.concatenate([TRAIN, TEST[5:7]]))
    assert (
        report.flagged() == ["pictures seen in training"]
        and report["pictures seen in training"].value == 2
    )


def test_an_error_that_tells_the_scanner(autoencoder):
    """Healthy people of a noisier scanner; slices are not counted as people."""
    noisy = (
        np.random.default_rng(0).normal(0, 0.15, TEST.shape).astype("float32")
        * (np.arange(32) % 2)[:, None, None, None]
    )
    scanned, sites = np.clip(TEST + noisy, 0, 1), ["clean", "noisy"] * 16
    assert flagged(autoencoder, scanned, subjects=range(32), sources=sites) == [
        "source told by the error"
    ]
    assert flagged(autoencoder, scanned, subjects=np.arange(32) % 6, sources=sites) == []


def test_another_data_sets_variance(vqvae):
    vqvae.train_variance = 3 * float(TEST.var())
    assert flagged(vqvae) == ["data variance in the loss"]
    del vqvae.train_variance
    assert flagged(vqvae, loss_variance=TRAIN.var()) == []
    vqvae.quantizer.loss_weight = 0.0949  # that loss times MNIST's variance
    assert flagged(vqvae) == ["data variance in the loss"]
    vqvae.quantizer.loss_weight = 1.0


# ------------------------------------------------------------------------------------- their models


class TheirVAE(keras.Model):
    """A VAE as keras.io's example and thesis 000 have it.

    Two networks, no call, a training step of its own.
    """

    def __init__(self, encoder, decoder, factor, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.factor = encoder, decoder, factor
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        data = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            mean, log_var, z = self.encoder(data)
            error = keras.ops.mean(keras.ops.square(data - self.decoder(z)))
            kl = keras.ops.mean(
                keras.ops.sum(
                    -0.5 * (1 + log_var - keras.ops.square(mean) - keras.ops.exp(log_var)), axis=1
                )
            )
            loss = self.factor * error + kl
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        )
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


class AlwaysDraws(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        return mean + keras.ops.exp(0.5 * log_var) * keras.random.normal(
            keras.ops.shape(mean), seed=1
        )


def their_vae(factor):
    inputs, hidden, decoder = halves(12)
    mean, log_var = (
        layers.Dense(12, name="z_mean")(hidden),
        layers.Dense(12, name="z_log_var", bias_initializer=keras.initializers.Constant(-3.0))(
            hidden
        ),
    )
    model = TheirVAE(
        keras.Model(inputs, [mean, log_var, AlwaysDraws()([mean, log_var])], name="encoder"),
        decoder,
        factor,
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    model.fit(TRAIN, batch_size=32, epochs=15, verbose=0)
    return model


def test_the_class_and_the_loss_of_thesis_000():
    """A class without call: its training step tells the weights, and nothing of it changes."""
    model = their_vae(62.5)  # 1000 of a picture with 16 times as many pixels
    before, optimizer = [np.array(weight) for weight in model.get_weights()], model.optimizer
    report = inspector.inspect(model, TEST)
    assert report.kind == "VAE" and "assumed variance over squared error" in report.flagged()
    found = loss_weights(model, probes.probes(TEST))
    assert (
        found.error == pytest.approx(62.5, rel=0.02)
        and found.kl == pytest.approx(1, rel=0.02)
        and found.variance(SIDE * SIDE) == pytest.approx(8.192, rel=0.04)
    )
    assert model.optimizer is optimizer and report["latent numbers a pixel"].value == 12 / SIDE**2
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class TheirCodes(layers.Layer):
    """A quantiser as keras.io's example has it: the table lies on its side."""

    def build(self, shape):
        self.table = self.add_weight(
            shape=(shape[-1], 32), initializer="random_normal", name="embeddings_vqvae"
        )

    def call(self, x):
        flat = keras.ops.reshape(x, (-1, x.shape[-1]))
        codes = keras.ops.argmin(
            keras.ops.sum(self.table**2, axis=0) - 2 * keras.ops.matmul(flat, self.table), axis=1
        )
        quantised = keras.ops.reshape(
            keras.ops.take(keras.ops.transpose(self.table), codes, axis=0), keras.ops.shape(x)
        )
        return x + keras.ops.stop_gradient(quantised - x)


class TheirTrainer(keras.Model):
    """A class that trains another model and divides the error by a variance."""

    def __init__(self, vqvae, train_variance):
        super().__init__()
        self.train_variance, self.vqvae = train_variance, vqvae


def test_somebody_elses_codebook_is_found():
    inputs, hidden, decoder = halves(64)
    vectors = TheirCodes()(layers.Reshape((4, 4, 4))(layers.Dense(64)(hidden)))
    inner = keras.Model(inputs, decoder(layers.Flatten()(vectors)))
    found = codes(inner, TEST)
    assert found.codebook.shape == (32, 4) and found.codes.shape == (32, 16)
    report = inspector.inspect(TheirTrainer(inner, 3 * TEST.var()), TEST)
    assert (
        report.kind == "VQ-VAE"
        and report["bits an image"].value == 80
        and report["data variance in the loss"].flagged
    )
    assert codes(make_autoencoder(), TEST) is None


def test_what_cannot_be_read_is_refused(autoencoder, tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a .keras file of a model, got nothing"):
        inspector.inspect(tmp_path / "none.keras", TEST)
    lambda_model = keras.Sequential([keras.Input((4, 4, 1)), layers.Lambda(lambda x: 2 * x)])
    lambda_model.save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match="custom_objects"):
        inspector.load(tmp_path / "code.keras")
    with pytest.raises(ValueError, match="at least two images"):
        inspector.inspect(autoencoder, TEST[:1])
    with pytest.raises(ValueError, match="one for each of the 32"):
        inspector.inspect(autoencoder, TEST, subjects=["a"], train_subjects=["b"])
    with pytest.raises(ValueError, match="subjects, too"):
        inspector.inspect(autoencoder, TEST, sources=["a"] * 32)


def test_the_figure_shows_every_finding(vae, autoencoder):
    for model in (vae, autoencoder):
        report = inspector.inspect(model, TEST)
        figure = inspector_figures.report_figure(report)
        words = " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
        assert all(finding.name in words for finding in report.findings) and "FAULT" not in words
        plt.close(figure)
