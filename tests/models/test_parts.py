"""Parts of a network: encoder, decoder, latents, reconstructions."""

import numpy as np
import pytest

from brainlib import models

RNG = np.random.default_rng(0)
SHAPES = {"vae": (32, 64, 1), "shallow_residual": (24, 32, 1), "residual_unet": (24, 32, 1)}


def _small(name, **options):
    return models.build(name, image_shape=SHAPES[name], width=0.1, seed=1, **options)


def _images(name, count=3):
    return RNG.uniform(0, 1, (count, *SHAPES[name])).astype("float32")


@pytest.mark.parametrize("name", ["vae", "shallow_residual"])
def test_encoder_then_decoder_is_the_model(name):
    model, images = _small(name), _images(name)
    latents = models.latent_of(model, images)
    np.testing.assert_allclose(
        models.decoder(model).predict(latents, verbose=0),
        models.reconstruct(model, images),
        atol=1e-5,
    )


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
