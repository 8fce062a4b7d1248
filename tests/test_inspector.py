"""The inspector: closed forms of its measures, each fault built on purpose, sound models left alone."""

import keras
import numpy as np
import pytest
from keras import layers

from brainlib import inspector
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
