"""The inspector: closed forms of its measures, each fault built on purpose, sound models left alone."""

import keras
import numpy as np
import pytest
from keras import layers

from brainlib import inspector, models
from brainlib import inspector_parts as parts
from brainlib import inspector_probes as probes


def images(count=6, shape=(18, 14, 1), seed=0):
    return np.random.default_rng(seed).random((count, *shape), dtype="float32")


def dense_autoencoder(latent=5, shape=(18, 14, 1)):
    inputs = keras.Input(shape)
    x = layers.Dense(latent)(layers.Flatten()(inputs))
    x = layers.Dense(int(np.prod(shape)), activation="sigmoid")(x)
    return keras.Model(inputs, layers.Reshape(shape)(x))


# ------------------------------------------------------------------------------------------------ parts


def test_the_waist_counts_what_goes_past_it():
    assert parts.waist(dense_autoencoder(5)) == 5
    inputs = keras.Input((18, 14, 1))
    x = layers.Conv2D(3, 3, strides=2, padding="same")(inputs)                 # 9 x 7 x 3 = 189
    side = layers.GlobalAveragePooling2D()(x)                                  # 3
    x = layers.Dense(4)(layers.Flatten()(x))
    joined = layers.Concatenate()([x, side])
    outputs = layers.Reshape((18, 14, 1))(layers.Dense(18 * 14)(joined))
    assert parts.waist(keras.Model(inputs, outputs)) == 4 + 3


def test_probes_keep_the_grey_values():
    batch = images()
    for probe in (probes.noise(batch), probes.shuffled_patches(batch, patch=3)):
        assert probe.shape == batch.shape and not np.array_equal(probe, batch)
        np.testing.assert_array_equal(np.sort(probe.reshape(6, -1)), np.sort(batch.reshape(6, -1)))


def test_a_copier_is_told():
    inputs = keras.Input((18, 14, 1))
    report = inspector.inspect(keras.Model(inputs, layers.Activation("linear")(inputs)), images())
    assert report["loss on strange pictures"].flagged
    np.testing.assert_allclose(report.arrays["lost"]["photographs"], 0)


@pytest.mark.parametrize("scale, flagged", [(1.0, False), (2.0, True)])
def test_targets_out_of_reach(scale, flagged):
    report = inspector.inspect(dense_autoencoder(), scale * images())
    assert report["targets out of reach"].flagged == flagged


# ------------------------------------------------------------------------------------------------ models that learned


SIDE = 32


def heads(count, seed):
    """Synthetic cuts of heads (count, 32, 32, 1): skull, brain, two ventricles; size, place, turn and greys vary."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:SIDE * 1j, -1:1:SIDE * 1j][:, None]                   # (1, 32, 32) each
    draw = lambda low, high: rng.uniform(low, high, (count, 1, 1))             # noqa: E731
    turn, left, up = draw(-0.6, 0.6), draw(-0.15, 0.15), draw(-0.15, 0.15)
    u, v = (x - left) * np.cos(turn) + (y - up) * np.sin(turn), (y - up) * np.cos(turn) - (x - left) * np.sin(turn)
    long, wide = draw(0.62, 0.85), draw(0.5, 0.7)

    def inside(a, b, across=0.0, along=0.0):
        return 1 / (1 + np.exp(14 * (np.hypot((u - across) / a, (v - along) / b) - 1)))

    picture = draw(0.75, 0.95) * inside(wide, long) - 0.5 * inside(0.88 * wide, 0.88 * long) + draw(0.1, 0.35) * inside(0.8 * wide, 0.8 * long)
    gap, size = draw(0.12, 0.2), draw(0.08, 0.2)
    for side in (-1, 1):
        picture = picture - draw(0.2, 0.4) * inside(0.5 * size, size, side * gap, draw(-0.2, 0.2))
    return np.clip(picture + rng.normal(0, 0.01, picture.shape), 0, 1).astype("float32")[..., None]


TRAIN, TEST = heads(320, 1), heads(32, 2)


def learn(model, epochs, *, rate=3e-3, images=TRAIN, loss="mse"):
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss)
    model.fit(images, images, batch_size=32, epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def vae():
    model = models.build("vae_uad", image_shape=(SIDE, SIDE), width=0.25, latent_dim=12, log_var_bias=-3.0, seed=0, norm_momentum=0.9)
    return learn(model, 25, loss=None)


@pytest.fixture(scope="module")
def autoencoder():
    return learn(models.build("resnet_small", image_shape=(SIDE, SIDE), width=0.25, seed=0, norm_momentum=0.9), 25)


@pytest.fixture(scope="module")
def vqvae():
    return learn(models.build("vqvae", image_shape=(SIDE, SIDE), width=0.5, depth=3, codebook_size=32, codebook="average", seed=0, norm_momentum=0.9), 25)


@pytest.mark.parametrize("name, kind", [("vae", "VAE"), ("autoencoder", "autoencoder"), ("vqvae", "VQ-VAE")])
def test_a_sound_model_passes(name, kind, request, tmp_path):
    request.getfixturevalue(name).save(tmp_path / "model.keras")
    people = [f"S{number // 4}" for number in range(len(TEST))]
    report = inspector.inspect(tmp_path / "model.keras", TEST, subjects=people, train_subjects=["T1", "T2"], train_images=TRAIN,
                               sources=["one", "two"] * (len(TEST) // 2))
    assert (report.kind, report.flagged()) == (kind, [])
    table = report.table()
    assert len(table) >= 10 and table.name.is_unique and (table.why.str.len() > 20).all() and (table.todo == "").all()
