"""Vector quantisation against NumPy; what training may move, and evaluation may not."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist

from brainlib.models.layers import vq as layers_vq
from brainlib.models.layers.vq import VectorQuantizer

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(4, 3, 5, 6)).astype("float32")  # B, h, w, D


def _state(layer):
    return [np.asarray(variable.numpy()) for variable in layer.variables]


def test_nearest_code_is_numpys():
    codebook = RNG.normal(size=(11, 6)).astype("float32")
    found = np.asarray(layers_vq.nearest_code(Z, codebook))
    assert found.shape == Z.shape[:-1] and found.dtype == "int32"
    np.testing.assert_array_equal(
        found.ravel(), cdist(Z.reshape(-1, 6), codebook, "sqeuclidean").argmin(axis=1)
    )


def test_output_is_the_nearest_code_and_its_gradient_goes_straight_through():
    layer = VectorQuantizer(7, kmeans_start=False, restart_after=0, seed=3)
    z = tf.Variable(Z)
    with tf.GradientTape() as tape:
        output = layer(z, training=True)
        value = tf.reduce_sum(output * np.arange(Z.size, dtype="float32").reshape(Z.shape))
    np.testing.assert_allclose(output, layer.vectors(layer.codes(Z)), atol=1e-6)
    np.testing.assert_array_equal(
        tape.gradient(value, z), np.arange(Z.size, dtype="float32").reshape(Z.shape)
    )


@pytest.mark.parametrize(("codebook", "factor"), [("gradient", 1.25), ("average", 0.25)])
def test_losses_and_their_gradients(codebook, factor):
    layer = VectorQuantizer(
        7, codebook=codebook, kmeans_start=False, restart_after=0, loss_weight=0.5, seed=3
    )
    layer(Z)
    nearest = np.asarray(layer.vectors(layer.codes(Z)))
    z = tf.Variable(Z)
    with tf.GradientTape(persistent=True) as tape:
        layer(z)
        loss = layer.losses[0]
    np.testing.assert_allclose(loss, 0.5 * factor * np.mean((Z - nearest) ** 2), rtol=1e-5)
    np.testing.assert_allclose(
        tape.gradient(loss, z), 0.5 * 0.25 * 2 * (Z - nearest) / Z.size, atol=1e-7
    )  # commitment
    if codebook == "gradient":
        wanted, codes = np.zeros((7, 6)), np.asarray(layer.codes(Z))
        np.add.at(wanted, codes.ravel(), 0.5 * 2 * (nearest - Z).reshape(-1, 6) / Z.size)
        np.testing.assert_allclose(
            tf.convert_to_tensor(tape.gradient(loss, layer.codebook.value)), wanted, atol=1e-6
        )
    else:
        assert not layer.trainable_weights


@pytest.mark.parametrize("codebook", layers_vq.CODEBOOKS)
def test_evaluation_moves_nothing_and_training_does(codebook):
    layer = VectorQuantizer(7, codebook=codebook, restart_after=1, seed=3)
    layer(Z)
    before = _state(layer)
    for _ in range(3):
        layer(Z, training=False)
        layer(Z)
    for old, new in zip(before, _state(layer), strict=True):
        np.testing.assert_array_equal(old, new)
    layer(Z, training=True)
    assert np.abs(layer.codebook.numpy() - before[0]).max() > 0.1


def test_moving_average_against_numpy():
    layer = VectorQuantizer(
        5, codebook="average", decay=0.9, kmeans_start=False, restart_after=0, seed=1
    )
    layer(Z)
    codebook, sizes = layer.codebook.numpy(), np.ones(5)
    sums = codebook * sizes[:, None]
    for _ in range(3):
        flat = Z.reshape(-1, 6)
        chosen = np.eye(5)[cdist(flat, codebook, "sqeuclidean").argmin(axis=1)]
        sizes = 0.9 * sizes + 0.1 * chosen.sum(axis=0)
        sums = 0.9 * sums + 0.1 * chosen.T @ flat
        codebook = sums / sizes[:, None]
        layer(Z, training=True)
    np.testing.assert_allclose(layer.codebook.numpy(), codebook, rtol=1e-4, atol=1e-5)


def test_kmeans_finds_separate_clusters_and_is_made_once():
    centres = 10 * np.eye(4, 6, dtype="float32")
    points = (
        (centres[np.arange(80) % 4] + RNG.normal(0, 0.01, (80, 6)))
        .astype("float32")
        .reshape(5, 4, 4, 6)
    )
    layer = VectorQuantizer(8, restart_after=0, seed=1)
    layer(points, training=True)
    nearest = cdist(centres, layer.codebook.numpy()).min(axis=1)
    assert (nearest < 0.1).all()
    before = layer.codebook.numpy()
    layer(points + 100, training=True)  # no second start
    np.testing.assert_array_equal(layer.codebook.numpy(), before)


@pytest.mark.parametrize("codebook", layers_vq.CODEBOOKS)
def test_dead_codes_come_back_as_vectors_of_the_batch(codebook):
    def trained(seed):
        layer = VectorQuantizer(
            6, codebook=codebook, kmeans_start=False, restart_after=2, seed=seed
        )
        layer.build(Z.shape)
        layer.codebook.assign(
            np.vstack([Z[0, 0, 0], np.full((5, 6), 1e3)]).astype("float32")
        )  # only the first is near
        if codebook == "average":
            layer.started.assign(1.0), layer.sums.assign(layer.codebook.numpy())
        layer(Z, training=True)
        assert layer.restarts.numpy() == 0
        layer(Z, training=True)
        return layer

    layer = trained(3)
    assert layer.restarts.numpy() == 5
    assert cdist(layer.codebook.numpy()[1:], Z.reshape(-1, 6)).min(axis=1).max() < 1e-5
    np.testing.assert_array_equal(trained(3).codebook.numpy(), layer.codebook.numpy())
    assert np.abs(trained(4).codebook.numpy() - layer.codebook.numpy()).max() > 0.1
    assert len(np.unique(np.asarray(layer.codes(Z)))) > 1


def test_metrics_count_a_whole_epoch():
    layer = VectorQuantizer(4, kmeans_start=False)
    layer.build((None, 1, 1, 1))
    layer.codebook.assign([[0.0], [1.0], [2.0], [3.0]])
    for value in (0, 1, 1, 2):
        layer(np.full((1, 1, 1, 1), value, "float32"))
    found = {name: float(value) for name, value in layer.usage.result().items()}
    shares = np.array([0.25, 0.5, 0.25])
    np.testing.assert_allclose(
        found["perplexity"], np.exp(-np.sum(shares * np.log(shares))), rtol=1e-5
    )
    assert found["codes_used"] == 0.75


def test_what_code_maps_hold():
    codes = np.array([[[0, 1, 2], [3, 0, 0]]])  # (1, 2, 3)
    mask = np.array([[[True, True, True], [True, False, False]]])
    np.testing.assert_allclose(layers_vq.perplexity(codes, 8, mask=mask), 4.0)
    np.testing.assert_allclose(layers_vq.perplexity(codes, 8), 2 ** (0.5 * 1 + 0.5 * np.log2(6)))
    assert layers_vq.share_in_use(codes, 8) == 0.5 and layers_vq.bits_an_image(128, (2, 2)) == 28
    assert np.isnan(layers_vq.perplexity(codes, 8, mask=np.zeros_like(mask)))
    with pytest.raises(ValueError, match="0 to 2, got 0 to 3"):
        layers_vq.perplexity(codes, 3)
    with pytest.raises(ValueError, match="mask"):
        layers_vq.perplexity(codes, 8, mask=mask[0])


def test_brain_places_of_a_code_map():
    masks = np.zeros((1, 7, 9, 1), bool)
    masks[0, :4, 3:] = True
    np.testing.assert_array_equal(
        layers_vq.code_mask(masks, (2, 3))[0], [[False, True, True], [False, False, False]]
    )


def test_what_is_refused_and_what_is_kept():
    with pytest.raises(ValueError, match="gradient, average"):
        VectorQuantizer(8, codebook="ema")
    with pytest.raises(ValueError, match="2 codes"):
        VectorQuantizer(1)
    layer = VectorQuantizer(
        9,
        codebook="average",
        commitment=0.5,
        decay=0.8,
        kmeans_start=False,
        restart_after=3,
        loss_weight=0.1,
        seed=4,
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
