"""Models: the published counts, shapes, options, and what is left of a model in a new process."""

import csv
import subprocess
import sys

import keras
import numpy as np
import pytest

from brainlib import models

RNG = np.random.default_rng(0)
SHAPE = {"vae": (32, 64, 1), "resnet_small": (32, 48, 1), "resnet_big": (32, 48, 1)}     # else (24, 32, 1)

# Published by the seeds or by their authors' weights: name, options, which part, all weights, trainable weights.
PUBLISHED = [
    ("vae", {}, "encoder", 38061104, 38058320),
    ("resnet_small", {}, "model", 2263232, None),
    ("resnet_big", {}, "model", 6104256, None),
    ("skip_connection_cae", {}, "model", 191041, 190369),
    ("shallow_residual", {"block": "full_pre"}, "model", 460609, 459553),
    ("residual_unet", {}, "model", 483649, 482593),
    ("myronenko_cae", {}, "model", 991041, 989345),
]


def _images(name, count=3):
    return RNG.uniform(0, 1, (count, *SHAPE.get(name, (24, 32, 1)))).astype("float32")


def _output(model, images):
    """What predict gives, without a graph to be built first."""
    return np.asarray(model(images, training=False))


def _small(name, **options):
    return models.build(name, image_shape=SHAPE.get(name, (24, 32, 1)), width=0.1, seed=options.pop("seed", 1), **options)


@pytest.mark.parametrize(("name", "options", "part", "count", "trainable"), PUBLISHED, ids=lambda value: str(value)[:24])
def test_published_counts(name, options, part, count, trainable):
    model = models.build(name, **options)
    model = models.encoder(model) if part == "encoder" else model
    assert model.count_params() == count
    if trainable:
        assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == trainable


def test_published_counts_are_the_shared_table(ixi_sample):
    """The table lies beside the real heads; every row of a model that we have is checked above."""
    path = ixi_sample.parent / "published" / "parameters.csv"
    if not path.exists():
        pytest.skip("published/parameters.csv is not at hand")
    with open(path, newline="") as handle:
        table = {(row["name"], row["part"]): int(row["published_params"]) for row in csv.DictReader(handle)
                 if row["name"] in models.NAMES}
    assert table == {(name, part): count for name, _, part, count, _ in PUBLISHED}


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


@pytest.mark.parametrize("name", ["skip_connection_cae", "shallow_residual", "myronenko_cae", "residual_unet"])
def test_l2_is_on_encoder_kernels_and_the_last_conv_only(name):
    model = _small(name, l2=True)
    for layer in model.layers:
        regularizer = getattr(layer, "kernel_regularizer", None)
        if isinstance(layer, keras.layers.Conv2DTranspose):
            assert regularizer is None
        elif isinstance(layer, keras.layers.Conv2D):
            np.testing.assert_allclose(regularizer.l2, 1e-5)
            assert layer.bias_regularizer is None
    kernels = [layer.kernel for layer in model.layers
               if isinstance(layer, keras.layers.Conv2D) and not isinstance(layer, keras.layers.Conv2DTranspose)]
    expected = 1e-5 * sum(float(np.sum(np.square(kernel))) for kernel in kernels)
    model(_images(name))
    np.testing.assert_allclose(float(sum(model.losses)), expected, rtol=1e-4)
    assert not _small(name).losses


def test_blocks_differ_and_so_do_their_counts():
    original, full_pre = (models.build("shallow_residual", block=block) for block in ("original", "full_pre"))
    assert original.count_params() == 460993             # 64 + 64 + 128 filters normalised twice, not 32 + 64 ...
    assert full_pre.count_params() - original.count_params() == 4 * ((32 + 64 + 64) - (64 + 64 + 128))


@pytest.mark.parametrize(("name", "latent", "skipped", "could_copy"), [
    ("vae", 1024, 0, False), ("shallow_residual", 16 * 16 * 128, 0, True),
    ("residual_unet", 16 * 16 * 128, 32 * 32 * 64 + 64 * 64 * 32, True), ("resnet_small", 16 * 16 * 256, 0, True),
])
def test_describe_tells_who_could_copy(name, latent, skipped, could_copy):
    told = models.describe(models.build(name))
    assert (told["latent"], told["skipped"], told["could_copy"]) == (latent, skipped, could_copy)
    assert told["latent_per_pixel"] == (latent + skipped) / told["pixels"]


@pytest.mark.parametrize("name", ["vae", "shallow_residual"])
def test_encoder_then_decoder_is_the_model(name):
    model, images = _small(name), _images(name)
    latents = models.latent_of(model, images)
    np.testing.assert_allclose(models.decoder(model).predict(latents, verbose=0), models.reconstruct(model, images),
                               atol=1e-5)


def test_skips_leave_no_decoder():
    with pytest.raises(ValueError, match="skip_1, skip_2 pass the latent by"):
        models.decoder(_small("residual_unet"))


def test_reconstruction_by_mean_or_by_draw():
    model, images = _small("vae", log_var_bias=-1.0), _images("vae")
    mean = models.reconstruct(model, images)
    np.testing.assert_array_equal(models.reconstruct(model, images), mean)
    drawn = models.reconstruct(model, images, sample=True, seed=1)
    np.testing.assert_array_equal(models.reconstruct(model, images, sample=True, seed=1), drawn)
    assert np.abs(drawn - mean).max() > 1e-3
    assert not np.allclose(np.asarray(model(images, training=True)), mean, atol=1e-3)
    with pytest.raises(ValueError, match="no posterior"):
        models.reconstruct(_small("shallow_residual"), _images("shallow_residual"), sample=True)


def test_norm_momentum_reaches_every_layer():
    model = _small("vae", norm_momentum=0.9)
    norms = [layer for layer in models._flat(model) if isinstance(layer, keras.layers.BatchNormalization)]
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


@pytest.mark.parametrize("names", [
    pytest.param(("vae", "residual_unet"), id="quick"),
    pytest.param(tuple(name for name in models.NAMES if name not in ("vae", "residual_unet")), id="others",
                 marks=pytest.mark.slow),
])
def test_saved_models_say_the_same_in_a_new_process(tmp_path, names):
    expected = {}
    for name in names:
        images, model = _images(name), _small(name)
        model(images, training=True)                     # moves the running means away from where they begin
        model.save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}.npy", images)
        expected[name] = _output(model, images)
    subprocess.run([sys.executable, "-c", NEW_PROCESS, str(tmp_path), *names], check=True, timeout=300)
    for name, output in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}-output.npy"), output, atol=1e-6)
