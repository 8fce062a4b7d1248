"""VQ-VAEs: sizes of their maps, codes in and out, training, a new process."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from brainlib import models, training
from brainlib.models import vq as models_vq

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 1, (6, 32, 64, 1)).astype("float32")


def _small(name, **options):
    return models.build(
        name,
        image_shape=IMAGES.shape[1:],
        width=0.1,
        seed=1,
        codebook_size=16,
        code_dim=4,
        **({"depth": 3} if name == "vqvae" else {}),
        **options,
    )


def test_seed_000_has_28_bits_and_seed_002_its_paddings():
    model = models.build("vqvae", width=0.1)
    assert (
        model.grid == (2, 2)
        and models.describe(model)["bits"] == 28
        and models.describe(model)["latent"] == 4
    )
    assert model.decoder.input_shape == (None, 2, 2, 16)
    model = models.build("vqvae_uad", width=0.1)
    assert model.grid == (11, 9) and model.output_shape == (None, 95, 79, 1)
    assert [
        model.decoder.get_layer(f"up_{number}_cut").output.shape[1:3] for number in (1, 2, 3)
    ] == [(23, 19), (47, 39), (95, 79)]
    assert not any(
        sum(map(sum, model.decoder.get_layer(f"up_{number}_cut").cropping)) != 4
        for number in (1, 2, 3)
    )  # padding 1
    for shape in ((19, 20), (63, 50), (64, 64), (98, 33)):
        assert models.build("vqvae_uad", image_shape=shape, width=0.05).output_shape == (
            None,
            *shape,
            1,
        )


@pytest.mark.parametrize("size", [32, 256])
def test_sizes_of_the_codebook(size):
    model = models.build(
        "vqvae_uad", width=0.1, codebook_size=size, code_dim=size, codebook="average"
    )
    assert model.quantizer.codebook.shape == (size, size) and not model.quantizer.trainable_weights


def test_what_is_refused():
    with pytest.raises(ValueError, match="divisible by 64"):
        models.build("vqvae", image_shape=(96, 64))
    with pytest.raises(ValueError, match="depth"):
        models.build("vqvae", depth=7)
    with pytest.raises(ValueError, match="19 or more"):
        models.build("vqvae_uad", image_shape=(64, 18))
    with pytest.raises(ValueError, match=r"expected \(N, 4, 8\) of 0 to 15"):
        models_vq.decode_codes(_small("vqvae"), np.full((1, 4, 8), 16))


@pytest.mark.parametrize("name", ["vqvae", "vqvae_uad"])
def test_codes_and_back_are_the_reconstruction(name):
    model = _small(name)
    model(IMAGES, training=True)  # k-means: codes that differ
    codes = models_vq.codes_of(model, IMAGES)
    assert codes.shape == (6, *model.grid) and len(np.unique(codes)) > 1
    np.testing.assert_allclose(
        models_vq.decode_codes(model, codes), models.reconstruct(model, IMAGES), atol=1e-5
    )
    np.testing.assert_allclose(
        models.decoder(model).predict(models.latent_of(model, IMAGES), verbose=0),
        models.reconstruct(model, IMAGES),
        atol=1e-5,
    )
    changed = models_vq.code_pictures(model, codes, (1, 2), code=int(codes[0, 1, 2]))
    np.testing.assert_allclose(changed[0], 0, atol=1e-6)


NEW_PROCESS = """
import sys, numpy as np
from brainlib import models, models_vq
for name in sys.argv[2:]:
    model = models.load(f"{sys.argv[1]}/{name}.keras")
    images = np.load(f"{sys.argv[1]}/images.npy")
    np.save(f"{sys.argv[1]}/{name}-codes.npy", models_vq.codes_of(model, images))
    np.save(f"{sys.argv[1]}/{name}-output.npy", models.reconstruct(model, images))
"""


def test_saved_models_say_the_same_in_a_new_process(tmp_path):
    expected = {}
    np.save(tmp_path / "images.npy", IMAGES)
    for name, codebook in (("vqvae", "average"), ("vqvae_uad", "gradient")):
        model = _small(name, codebook=codebook)
        model(IMAGES, training=True)
        model.save(tmp_path / f"{name}.keras")
        expected[name] = models_vq.codes_of(model, IMAGES), models.reconstruct(model, IMAGES)
    subprocess.run(
        [sys.executable, "-c", NEW_PROCESS, str(tmp_path), *expected], check=True, timeout=300
    )
    for name, (codes, output) in expected.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}-codes.npy"), codes)
        np.testing.assert_allclose(np.load(tmp_path / f"{name}-output.npy"), output, atol=1e-6)


@pytest.mark.parametrize("codebook", [pytest.param("gradient", marks=pytest.mark.slow), "average"])
def test_a_training_learns_and_goes_on_where_it_was_killed(tmp_path, codebook):
    """Squares of two greys: unbroken, and killed after the second of four epochs."""
    images = np.full((16, 64, 64, 1), 0.1, "float32")
    for number in range(16):
        images[number, 8 * (number % 4) :, 16 * (number // 4) :] = 0.8

    class Killed(Exception):
        pass

    def fit(folder, epochs=4, kill=None):
        def end(epoch, logs):
            if epoch == kill:
                raise Killed

        model = models.build(
            "vqvae",
            image_shape=(64, 64),
            width=0.2,
            depth=3,
            codebook_size=8,
            code_dim=4,
            codebook=codebook,
            restart_after=2,
            seed=1,
            norm_momentum=0.9,
        )
        history = training.fit(
            model,
            images,
            images,
            recipe="000-vqvae",
            batch_size=8,
            epochs=epochs,
            folder=folder,
            show=None,
            checkpoint_seconds=0,
            tensorboard=False,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=end)],
        )
        return model, history

    whole, history = fit(tmp_path / "whole")
    assert (
        np.isfinite(history[["loss", "val_loss", "perplexity"]]).all(axis=None)
        and history.loss.iloc[-1] < history.loss.iloc[0]
    )
    with pytest.raises(Killed):
        fit(tmp_path / "killed", kill=1)
    again, resumed = fit(tmp_path / "killed")
    np.testing.assert_allclose(resumed.loss, history.loss, rtol=1e-4)
    np.testing.assert_allclose(
        again.quantizer.codebook.numpy(), whole.quantizer.codebook.numpy(), atol=1e-4
    )
