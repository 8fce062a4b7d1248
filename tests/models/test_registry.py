"""Models: the published counts, shapes, options, and what is left of a model in a new process."""

import csv
import subprocess
import sys

import keras
import numpy as np
import pytest

from brainlib import models, training
from brainlib.models import registry, vqgan
from brainlib.models.outputs import outputs_of

RNG = np.random.default_rng(0)
SHAPE = {
    "vae": (32, 64, 1),
    "resnet_small": (32, 48, 1),
    "resnet_big": (32, 48, 1),
    "resnet50": (32, 64, 1),
    "resnet50_short": (64, 32, 1),
    "vae_uad": (47, 39, 1),
    "vqvae": (64, 128, 1),
    "vqvae_uad": (47, 39, 1),
}  # else (24, 32, 1)

# Published by the theses or by their authors' weights: name, options, which part, all weights,
# trainable weights.
PUBLISHED = [
    ("vae", {}, "encoder", 38061104, 38058320),
    ("resnet_small", {}, "model", 2263232, None),
    ("resnet_big", {}, "model", 6104256, None),
    ("skip_connection_cae", {}, "model", 191041, 190369),
    ("shallow_residual", {"block": "full_pre"}, "model", 460609, 459553),
    ("residual_unet", {}, "model", 483649, 482593),
    ("myronenko_cae", {}, "model", 991041, 989345),
    ("resnet50", {"channels": 1}, "model", 34589600, None),
    ("resnet50", {"channels": 3}, "model", 34596448, None),
    ("resnet50_short", {"channels": 1}, "model", 11331488, None),
    ("resnet50_short", {"channels": 3}, "model", 11338336, None),
    ("resnet50_short", {"channels": 1, "from_layer": "conv4_block6_out"}, "model", 11331488, None),
    ("vqvae", {}, "encoder", 248912, 248272),
    ("vqvae_uad", {"codebook_size": 128, "code_dim": 128}, "model", None, 1005825),
    ("vqvae_uad", {"codebook_size": 256, "code_dim": 128}, "model", None, 1022209),
    (
        "vqgan_uad",
        {"codebook_size": 128, "code_dim": 128},
        "model and discriminator",
        None,
        73445826,
    ),
    (
        "vqgan_uad",
        {"codebook_size": 256, "code_dim": 128},
        "model and discriminator",
        None,
        73462210,
    ),
    (
        "vae_uad",
        {"latent_dim": 64},
        "model",
        None,
        1298593,
    ),  # published with an unused dense layer:
    ("vae_uad", {"latent_dim": 128}, "model", None, 1667361),  # (latent + 1) * 1920 more
]


def _images(name, count=3):
    return RNG.uniform(0, 1, (count, *SHAPE.get(name, (24, 32, 1)))).astype("float32")


def _output(model, images):
    """What predict gives, without a graph to be built first."""
    return np.asarray(model(images, training=False))


def _small(name, **options):
    return models.build(
        name,
        image_shape=SHAPE.get(name, (24, 32, 1)),
        width=0.1,
        seed=options.pop("seed", 1),
        **options,
    )


@pytest.mark.parametrize(
    ("name", "options", "part", "count", "trainable"), PUBLISHED, ids=lambda value: str(value)[:24]
)
def test_published_counts(name, options, part, count, trainable):
    model = models.build(name, **options)
    model = models.encoder(model) if part == "encoder" else model
    assert count is None or model.count_params() == count
    if trainable:
        weights = model.trainable_weights
        if part == "model and discriminator":
            weights = weights + vqgan.discriminator(model.input_shape[1:]).trainable_weights
        assert sum(int(np.prod(weight.shape)) for weight in weights) == trainable


def test_published_counts_are_the_shared_table(ixi_sample):
    """The table lies beside the real heads; every row of a model that we have is checked above."""
    path = ixi_sample.parent / "published" / "parameters.csv"
    if not path.exists():
        pytest.skip("published/parameters.csv is not at hand")
    with open(path, newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["name"] in models.NAMES]
    theirs = {}
    for row in rows:
        options = "" if "block" in row["options"] else row["options"].replace(" ", "")
        theirs[row["name"], options, row["part"]] = int(row["published_params"])
    ours = {}
    for name, options, part, count, trainable in PUBLISHED:
        if "from_layer" in options:
            continue
        words = ",".join(f"{key}={value}" for key, value in options.items() if key != "block")
        unused = 1920 * (options.get("latent_dim", -1) + 1)  # the dense layer that we leave out
        ours[name, words, part] = count or trainable + unused
    assert ours == theirs


def test_every_model_is_in_the_counts():
    assert {row[0] for row in PUBLISHED} == set(models.NAMES)


@pytest.mark.parametrize("name", models.NAMES)
def test_output_has_the_shape_and_the_range_of_the_input(name):
    images = _images(name)
    model = _small(name)
    output = _output(model, images)
    assert output.shape == images.shape and 0 <= output.min() and output.max() <= 1


@pytest.mark.parametrize("name", ["vae", "skip_connection_cae"])
def test_seed_decides_the_weights(name):
    images = _images(name)
    output = _output(_small(name), images)
    again, other = _small(name), _small(name, seed=2)
    np.testing.assert_array_equal(_output(again, images), output)
    assert not np.allclose(_output(other, images), output)


def test_seed_touches_no_other_randomness():
    import random

    random.seed(5), np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5), np.random.seed(5)
    _small("skip_connection_cae")
    assert (random.random(), np.random.random()) == expected


def test_what_is_refused():
    with pytest.raises(ValueError, match="residual_unet"):
        models.build("unet")
    with pytest.raises(ValueError, match="divisible by 32.*64x64"):
        models.build("vae", image_shape=(70, 70))
    with pytest.raises(ValueError, match="no option blok; it has block, l2"):
        models.build("shallow_residual", blok="original")
    with pytest.raises(ValueError, match="original or full_pre"):
        _small("shallow_residual", block="pre")
    with pytest.raises(ValueError, match="width"):
        models.build("vae", width=0)
    with pytest.raises(ValueError, match="height, width, channels"):
        models.build("vae", image_shape=(64,))


@pytest.mark.parametrize(
    "name", ["skip_connection_cae", "shallow_residual", "myronenko_cae", "residual_unet"]
)
def test_l2_is_on_encoder_kernels_and_the_last_conv_only(name):
    model = _small(name, l2=True)
    for layer in model.layers:
        regularizer = getattr(layer, "kernel_regularizer", None)
        if isinstance(layer, keras.layers.Conv2DTranspose):
            assert regularizer is None
        elif isinstance(layer, keras.layers.Conv2D):
            np.testing.assert_allclose(regularizer.l2, 1e-5)
            assert layer.bias_regularizer is None
    kernels = [
        layer.kernel
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
        and not isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    expected = 1e-5 * sum(float(np.sum(np.square(kernel))) for kernel in kernels)
    model(_images(name))
    np.testing.assert_allclose(float(sum(model.losses)), expected, rtol=1e-4)
    assert not _small(name).losses


def test_blocks_differ_and_so_do_their_counts():
    original, full_pre = (
        models.build("shallow_residual", block=block) for block in ("original", "full_pre")
    )
    assert (
        original.count_params() == 460993
    )  # 64 + 64 + 128 filters normalised twice, not 32 + 64 ...
    assert full_pre.count_params() - original.count_params() == 4 * (
        (32 + 64 + 64) - (64 + 64 + 128)
    )


def test_norm_momentum_reaches_every_layer():
    model = _small("vae", norm_momentum=0.9)
    norms = [
        layer
        for layer in registry.all_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(norms) == 9 and {layer.momentum for layer in norms} == {0.9}


NEW_PROCESS = """
import sys, numpy as np
from brainlib import models
for name in sys.argv[2:]:
    model = models.load(f"{sys.argv[1]}/{name}.keras")
    images = np.load(f"{sys.argv[1]}/{name}.npy")
    np.save(f"{sys.argv[1]}/{name}-output.npy", np.asarray(model(images, training=False)))
    assert models.encoder(model) is not None
    if name == "vae":
        assert model.encoder.name == "encoder" and model.decoder.name == "decoder"
"""


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("vae",), id="quick"),
        pytest.param(
            tuple(name for name in models.NAMES if name != "vae"),
            id="others",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_trained_and_saved_model_says_the_same_in_a_new_process(tmp_path, names):
    """A step at 64x64 moves the weights; what it leaves loads elsewhere, no code in the file."""
    images, expected = RNG.random((4, 64, 64, 1), dtype="float32"), {}
    for name in names:
        model = models.build(name, image_shape=(64, 64), width=0.1, seed=1)
        before = [np.array(weight) for weight in model.trainable_variables]
        recipe = "vqgan" if models.is_vqgan(model) else "000"
        history = training.fit(
            model,
            images,
            images,
            recipe=recipe,
            loss="l1" if models.is_vqgan(model) else "mse",
            epochs=1,
            batch_size=4,
            seed=1,
            show=None,
        )
        assert np.isfinite(history.loss).all() and any(
            np.abs(weight - old).max() > 0 for weight, old in zip(model.trainable_variables, before)
        )
        model.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", images)
        expected[name] = _output(model, images)
    subprocess.run(
        [sys.executable, "-c", NEW_PROCESS, str(tmp_path), *names], check=True, timeout=300
    )
    for name, output in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}-output.npy"), output, atol=1e-6)


def test_vae_uad_has_the_seeds_grid_and_size():
    model = models.build("vae_uad", latent_dim=32, width=0.25)
    assert model.encoder.get_layer("lrelu_squeeze").output.shape[1:3] == (12, 10)
    assert [
        model.decoder.get_layer(f"up_{number}_cut").output.shape[1:3] for number in (1, 2, 3)
    ] == [(23, 19), (47, 39), (95, 79)]
    for shape in ((64, 64), (63, 50), (98, 33)):
        small = models.build("vae_uad", latent_dim=4, width=0.1, image_shape=shape)
        assert small.output_shape == (None, *shape, 1)


def test_resnet50_takes_three_channels_of_a_grey_image_and_any_layer():
    images = RNG.random((2, 64, 32, 1), dtype="float32")
    model = models.build(
        "resnet50_short",
        image_shape=(64, 32),
        width=0.05,
        channels=3,
        from_layer="conv3_block4_out",
        freeze_until="conv2_block3_out",
        seed=1,
    )
    assert _output(model, images).shape == images.shape and model.get_layer("latent").output.shape[
        1:3
    ] == (8, 4)
    frozen = [layer.name for layer in model.layers if layer.weights and not layer.trainable]
    assert "conv2_block3_3_conv" in frozen and not any(name.startswith("conv3") for name in frozen)
    with pytest.raises(ValueError, match="from_layer: expected a layer of ResNet50"):
        models.build("resnet50_short", image_shape=(64, 32), width=0.05, from_layer="conv9")
    with pytest.raises(ValueError, match="pool1_pad leaves 34x18, not the picture's sides halved"):
        models.build("resnet50_short", image_shape=(64, 32), width=0.05, from_layer="pool1_pad")
    with pytest.raises(ValueError, match="width of 1 only"):
        models.build("resnet50", image_shape=(64, 32), width=0.05, weights="imagenet")
    with pytest.raises(FileNotFoundError, match="Download it"):
        models.build("resnet50", image_shape=(64, 32), weights="nowhere.h5")


def test_resnet50_with_weights_of_a_local_file(tmp_path):
    """A file as Keras has it; on one channel the network answers as on three times the same one."""
    keras.utils.set_random_seed(0)
    source = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(32, 32, 3))
    source.save_weights(tmp_path / "notop.weights.h5")
    images = RNG.random((2, 32, 32, 1), dtype="float32")
    wanted = np.asarray(source(np.repeat(images, 3, axis=-1), training=False))
    for channels in (1, 3):
        model = models.build(
            "resnet50",
            image_shape=(32, 32),
            channels=channels,
            weights=tmp_path / "notop.weights.h5",
        )
        np.testing.assert_allclose(
            _output(models.encoder(model), images), wanted, rtol=1e-3, atol=1e-4
        )
    (tmp_path / "wrong.weights.h5").write_bytes(b"no weights")
    with pytest.raises(OSError):
        models.build("resnet50", image_shape=(32, 32), weights=tmp_path / "wrong.weights.h5")


def test_extra_blocks():
    small, more = (
        models.build("resnet_small", image_shape=(32, 48), width=0.1, extra_blocks=count)
        for count in (0, 2)
    )
    assert (
        sum(isinstance(layer, keras.layers.Add) for layer in more.layers)
        == sum(isinstance(layer, keras.layers.Add) for layer in small.layers) + 2
    )


def test_outputs_of_any_number_of_images_come_from_one_graph():
    traced = []

    class Counted(keras.layers.Layer):
        def call(self, x):
            traced.append(1)
            return 2 * x

    inputs = keras.Input((5, 4, 1))
    model = keras.Model(
        inputs, {"double": Counted()(inputs), "more": keras.layers.Dropout(0.5)(inputs)}
    )
    traced.clear()
    for count, batch_size in ((7, 3), (2, 64), (64, 64), (1, 1), (0, 4)):
        images = np.random.default_rng(count).random((count, 5, 4, 1))
        found = outputs_of(model, images, batch_size=batch_size)
        np.testing.assert_allclose(found["double"], 2 * images, rtol=1e-6)
        np.testing.assert_allclose(found["more"], images, rtol=1e-6)  # not in training mode
    assert len(traced) == 1
