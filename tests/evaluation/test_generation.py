"""Samples and interpolations of a small VAE that was not trained.

What matters is where the latents come from.
"""

import numpy as np
import pytest

from brainlib import models
from brainlib.evaluation import generation

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def vae():
    return models.build("vae", image_shape=(32, 64), width=0.05, latent_dim=6, seed=1)


def test_prior_samples(vae):
    images = generation.sample_prior(vae, 5, seed=2)
    assert images.shape == (5, 32, 64, 1) and 0 <= images.min() and images.max() <= 1
    np.testing.assert_array_equal(generation.sample_prior(vae, 5, seed=2), images)
    assert not np.allclose(generation.sample_prior(vae, 5, seed=3), images)
    cold = generation.sample_prior(vae, 5, seed=2, temperature=0)
    np.testing.assert_allclose(
        cold, np.repeat(generation.decode(vae, np.zeros((1, 6))), 5, axis=0), atol=1e-6
    )


def test_numbers_drawn_alone_keep_their_values_and_lose_their_company(vae, monkeypatch):
    monkeypatch.setattr(generation, "decode", lambda model, codes: np.asarray(codes))
    means = np.repeat(np.arange(40.0)[:, None], 6, axis=1)  # all six numbers of a code are equal
    codes = generation.sample_alone(vae, means, 4000, seed=1)
    assert codes.shape == (4000, 6) and set(codes.ravel()) == set(range(40))
    np.testing.assert_allclose(codes.mean(axis=0), 19.5, atol=1)
    together = np.corrcoef(codes.T)[np.triu_indices(6, 1)]
    assert np.abs(together).max() < 0.1
    np.testing.assert_array_equal(generation.sample_alone(vae, means, 4000, seed=1), codes)


def test_interpolation_ends_at_the_reconstructions(vae):
    pair = RNG.uniform(0, 1, (2, 32, 64, 1)).astype("float32")
    way = generation.interpolate(vae, *pair, steps=5)
    assert way.shape == (5, 32, 64, 1)
    np.testing.assert_allclose(way[[0, -1]], models.reconstruct(vae, pair), atol=1e-5)
    middle = models.latent_of(vae, pair).mean(0, keepdims=True)
    np.testing.assert_allclose(way[2], generation.decode(vae, middle)[0], atol=1e-5)


@pytest.fixture
def known_latents(monkeypatch):
    """Makes every posterior mean a draw from two Gaussians in a plane of a 6-D latent."""
    sides = RNG.integers(0, 2, 600)
    plane = np.where(sides[:, None] == 1, [3.0, 1.0], [-3.0, 0.0]) + RNG.normal(
        0, [0.5, 0.2], (600, 2)
    )
    latents = (plane @ np.eye(2, 6) + 0.7).astype("float32")
    monkeypatch.setattr(models, "latent_of", lambda model, images: latents[: len(images)])
    return latents


def test_fitted_density_is_the_latents(vae, known_latents):
    density = generation.fit_latent(vae, np.zeros((600, 1)), variance=0.9999)
    drawn = density.sample(4000, seed=1)
    assert density.mixture.n_components == 2 and density.pca.n_components_ == 2
    np.testing.assert_allclose(drawn.mean(0), known_latents.mean(0), atol=0.2)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(known_latents.T), atol=0.5)
    assert abs(drawn[:, 0] - 0.7).min() > 0.5  # nothing between the two
    np.testing.assert_array_equal(density.sample(4000, seed=1), drawn)
    cold = density.sample(100, seed=1, temperature=0)
    assert len(np.unique(cold.round(3), axis=0)) == 2
    assert generation.sample_fitted(vae, density, 3, seed=0).shape == (3, 32, 64, 1)


def test_few_images_give_a_modest_density(vae, known_latents):
    density = generation.fit_latent(vae, np.zeros((8, 1)))
    assert density.pca.n_components_ <= 2 and density.mixture.n_components <= 2
    assert np.isfinite(density.sample(5, seed=0)).all()
    with pytest.raises(ValueError, match="at least 2"):
        generation.fit_latent(vae, np.zeros((1, 1)))


def test_walks_and_sliders_go_along_the_principal_directions(vae, known_latents):
    density = generation.fit_latent(vae, np.zeros((600, 1)), variance=0.9999)
    np.testing.assert_allclose(density.at([[0, 0, 0, 0]])[0], known_latents.mean(0), atol=1e-5)
    step = density.at([[2, 0]])[0] - density.at([[0, 0]])[0]
    covariance = np.cov(known_latents.T)
    assert np.linalg.norm(step) == pytest.approx(
        2 * np.sqrt(np.linalg.eigvalsh(covariance)[-1]), rel=1e-3
    )
    assert generation.walk(vae, density, 1, steps=5).shape == (5, 32, 64, 1)
    with pytest.raises(ValueError, match="direction: expected 0 to 1"):
        generation.walk(vae, density, 2)


def test_covariate_effect_is_the_linear_model():
    from sklearn.linear_model import LinearRegression

    age, sex = RNG.uniform(20, 80, 30), RNG.integers(0, 2, 30)
    means = np.outer(age, [0.1, 0.0]) + np.outer(sex, [0, 2.0]) + RNG.normal(0, 0.1, (30, 2))
    age[4] = np.nan
    intercept, slopes, number = generation.covariate_effect(means, {"age": age, "sex": sex})
    known = np.isfinite(age)
    wanted = LinearRegression().fit(np.column_stack([age, sex])[known], means[known])
    assert number == 29
    np.testing.assert_allclose(intercept, wanted.intercept_)
    np.testing.assert_allclose([slopes["age"], slopes["sex"]], wanted.coef_.T)
    with pytest.raises(ValueError, match="at least 4 subjects"):
        generation.covariate_effect(means[:3], {"age": age[:3], "sex": sex[:3]})


def test_the_fast_decoder_paints_what_decode_paints(vae):
    np.testing.assert_allclose(
        generation.fast_decoder(vae)(np.zeros((1, 6))),
        generation.decode(vae, np.zeros((1, 6))),
        atol=1e-5,
    )
