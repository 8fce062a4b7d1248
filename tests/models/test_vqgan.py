"""VQGAN: its blocks, its sizes, the discriminator. test_adversarial.py tests its training."""

import keras
import numpy as np
import pytest

from brainlib import models
from brainlib.models import vq as models_vq
from brainlib.models import vqgan
from brainlib.models.layers import vqgan as layers_vqgan

RNG = np.random.default_rng(0)
SMALL = {
    "width": 0.05,
    "codebook_size": 16,
    "code_dim": 8,
    "encoder_blocks": 1,
    "decoder_blocks": 1,
}


def _count(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_groups_keep_four_channels_or_more():
    found = {
        channels: layers_vqgan.number_of_groups(channels)
        for channels in (512, 256, 128, 64, 32, 16, 13, 6, 2)
    }
    assert found == {512: 32, 256: 32, 128: 32, 64: 16, 32: 8, 16: 4, 13: 1, 6: 1, 2: 1}


def test_attention_is_numpys():
    query, key, value = (RNG.standard_normal((2, 3, 4, 5)).astype("float32") for _ in range(3))
    flat = [part.reshape(2, 12, 5) for part in (query, key, value)]
    alike = np.einsum("bic,bjc->bij", flat[0], flat[1]) / np.sqrt(5)
    share = np.exp(alike) / np.exp(alike).sum(axis=-1, keepdims=True)
    expected = np.einsum("bij,bjc->bic", share, flat[2]).reshape(2, 3, 4, 5)
    np.testing.assert_allclose(
        layers_vqgan.Attention()([query, key, value]), expected, rtol=1e-4, atol=1e-5
    )


def test_a_block_of_zeros_passes_its_input_on():
    inputs = keras.Input((5, 7, 8))
    model = keras.Model(
        inputs, layers_vqgan.non_local_block(layers_vqgan.residual_block(inputs, 8, "one"), "far")
    )
    for name in ("one_2_conv", "far_out"):
        model.get_layer(name).kernel.assign(np.zeros(model.get_layer(name).kernel.shape))
    images = RNG.standard_normal((2, 5, 7, 8)).astype("float32")
    np.testing.assert_array_equal(model(images), images)


def test_a_norm_is_by_group():
    """Four groups of four of 16 channels: each has mean 0 and variance 1."""
    inputs = keras.Input((6, 5, 16))
    found = np.asarray(
        keras.Model(inputs, layers_vqgan.group_norm(inputs, "one"))(
            RNG.normal(3, 2, (2, 6, 5, 16)).astype("float32")
        )
    )
    groups = found.reshape(2, 30, 4, 4)
    np.testing.assert_allclose(groups.mean(axis=(1, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(groups.std(axis=(1, 3)), 1, atol=1e-3)
    assert np.abs(groups.mean(axis=1)).max() > 0.01  # single channels keep their own


def test_sizes_on_the_way_are_the_published_ones():
    model = models.build("vqgan_uad", **SMALL)
    downs = [
        model.encoder.get_layer(f"down_{number}_conv").output.shape[1:3] for number in (1, 2, 3, 4)
    ]
    assert downs == [(47, 39), (23, 19), (11, 9), (5, 4)] and model.grid == (5, 4)
    assert model.decoder.get_layer("up_4_conv").output.shape[1:3] == (80, 64)
    grown = [model.decoder.get_layer(f"grow_{number}").output.shape[1:3] for number in (1, 2, 3, 4)]
    assert grown == [(84, 68), (88, 72), (92, 76), (95, 79)] and model.output_shape == (
        None,
        95,
        79,
        1,
    )
    assert not any(
        layer.name.endswith("_cut") for layer in model.decoder.layers
    )  # nothing is cut off
    assert (
        models.describe(model)["bits"] == 20 * 4 and models.is_vq(model) and models.is_vqgan(model)
    )


@pytest.mark.parametrize(
    ("shape", "depth", "grid"),
    [((64, 64), 4, (4, 4)), ((50, 79), 2, (12, 19)), ((96, 31), 1, (48, 15))],
)
def test_any_sides(shape, depth, grid):
    model = models.build("vqgan_uad", image_shape=shape, depth=depth, **SMALL)
    assert model.grid == grid and model.output_shape == (None, *shape, 1)


def test_codes_and_back_are_the_reconstruction():
    shape = (24, 33)
    model = models.build("vqgan_uad", image_shape=shape, seed=1, depth=3, **SMALL)
    images = RNG.random((2, *shape, 1)).astype("float32")
    codes = np.asarray(model.quantizer.codes(model.encoder(images)))
    assert codes.shape == (2, 3, 4)
    output = np.asarray(model(images))
    assert output.shape == images.shape
    np.testing.assert_allclose(models_vq.decode_codes(model, codes), output, atol=1e-5)


def test_the_discriminator_is_table_4_2():
    model = vqgan.discriminator((95, 79, 1))
    convs = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.kernel_size, layer.strides, layer.use_bias) for layer in convs] == [
        ((4, 4), (stride, stride), bias)
        for stride, bias in zip((2, 2, 2, 1, 1), (True, False, False, False, True))
    ]
    kinds = [
        type(layer).__name__
        for layer in model.layers
        if not isinstance(layer, (keras.layers.InputLayer, keras.layers.ZeroPadding2D))
    ]
    assert kinds == [
        "Conv2D",
        "LeakyReLU",
        *["Conv2D", "BatchNormalization", "LeakyReLU"] * 3,
        "Conv2D",
    ]
    assert _count(model) == 2763585
    side = np.array([95, 79])
    for stride in (2, 2, 2, 1, 1):  # PyTorch's formula of kernel 4, padding 1
        side = (side + 2 - 4) // stride + 1
    assert model.output_shape == (None, *side, 1) == (None, 9, 7, 1)
    assert vqgan.discriminator((24, 40, 1), width=0.1).output_shape == (None, 1, 3, 1)


def test_a_patch_sees_seventy_pixels():
    """What lies beyond an answer's receptive field does not change it (batch norm as evaluated)."""
    model = vqgan.discriminator((112, 128, 1), width=0.1, seed=1)
    images = np.zeros((1, 112, 128, 1), "float32")
    changed = images.copy()
    changed[:, 80:] = 1.0
    moved = np.abs(np.asarray(model(images) - model(changed)))[0, ..., 0]
    assert moved[0].max() == 0 and moved[-1].min() > 0


def test_seeds_of_the_discriminator():
    first, again, other = (
        vqgan.discriminator((32, 24, 1), width=0.1, seed=seed).get_weights() for seed in (1, 1, 2)
    )
    assert all(np.array_equal(one, two) for one, two in zip(first, again)) and not np.array_equal(
        first[0], other[0]
    )
    assert not np.array_equal(first[0].ravel()[:10], first[2].ravel()[:10])  # layers differ


def test_what_is_refused():
    with pytest.raises(ValueError, match="24 or more, got 23x40"):
        models.build("vqgan_uad", image_shape=(23, 40))
    with pytest.raises(ValueError, match="depth: expected 1 to 4, got 5"):
        models.build("vqgan_uad", depth=5)
    with pytest.raises(ValueError, match="24 or more, got 40x23"):
        vqgan.discriminator((40, 23, 1))
