"""Codes that a prior finds unlikely: what they cost, what replaces them, the maps made of it."""

import numpy as np
import pytest

from brainlib import anomaly, models
from brainlib.anomaly import restoration
from brainlib.models import vq as models_vq
from brainlib.training import code_prior

SHAPE = (48, 40)


@pytest.fixture(scope="module")
def network():
    return models.build(
        "vqvae_uad",
        image_shape=SHAPE,
        width=0.125,
        codebook_size=6,
        code_dim=4,
        kmeans_start=False,
        seed=0,
    )


@pytest.fixture(scope="module")
def prior(network):
    """Knows one map by heart: every code but the usual one of a place is a surprise."""
    maps = np.tile(np.arange(20).reshape(network.grid) % 6, (64, 1, 1)).astype("int32")
    built = code_prior.build_prior(network.grid, 6, width=16, layers=2, dropout=0.0, seed=0)
    code_prior.fit(
        built, maps, maps[:8], epochs=30, learning_rate=2e-2, batch_size=16, patience=0, show=None
    )
    return built, maps[0]


@pytest.fixture
def speaking(network, prior, monkeypatch):
    """The network's encoder says the known map but for one place."""
    codes = np.tile(prior[1], (3, 1, 1))
    codes[1, 2, 3] = (codes[1, 2, 3] + 3) % 6
    monkeypatch.setattr(
        models_vq, "codes_of", lambda model, images, **options: codes[: len(images)]
    )
    return codes


def test_surprise_is_where_the_odd_code_is(network, prior, speaking):
    slices = np.zeros((3, *SHAPE, 1), np.float32)
    maps = anomaly.score(network, slices, method="prior_surprise", prior=prior[0])
    assert maps.shape == slices.shape and maps.min() >= 0
    assert maps[0].max() < 1 and maps[1].max() > 3
    row, column = np.unravel_index(maps[1, ..., 0].argmax(), SHAPE)
    assert (
        row // (SHAPE[0] / 5) == 2 and column // (SHAPE[1] / 4) == 3
    )  # a map of 5 x 4 codes over the slice


def test_only_the_odd_code_is_drawn_anew(network, prior, speaking):
    slices = np.random.default_rng(0).random((3, *SHAPE, 1)).astype(np.float32)
    threshold = restoration.surprise_threshold(network, slices[:1], prior=prior[0], quantile=1.0)
    restored = anomaly.restore_codes(
        network, slices, prior=prior[0], threshold_bits=threshold + 1, restorations=2
    )
    assert restored.shape == (2, 3, *SHAPE, 1)
    usual = models_vq.decode_codes(network, np.tile(prior[1], (3, 1, 1)))
    np.testing.assert_allclose(restored[0], usual, atol=1e-6)  # the odd one is mended, too
    negative = anomaly.score(
        network,
        slices,
        method="prior_restoration_negative",
        prior=prior[0],
        threshold_bits=threshold + 1,
        restorations=2,
    )
    np.testing.assert_allclose(negative, np.maximum(usual - slices, 0), atol=1e-5)
    both = anomaly.score(
        network,
        slices,
        method="prior_restoration",
        prior=prior[0],
        threshold_bits=threshold + 1,
        restorations=2,
    )
    positive = anomaly.score(
        network,
        slices,
        method="prior_restoration_positive",
        prior=prior[0],
        threshold_bits=threshold + 1,
        restorations=2,
    )
    np.testing.assert_allclose(both, negative + positive, atol=1e-6)


def test_what_does_not_fit_is_refused(network, prior):
    slices = np.zeros((1, *SHAPE, 1), np.float32)
    with pytest.raises(ValueError, match="needs the prior"):
        anomaly.score(network, slices, method="prior_surprise")
    other = models.build(
        "vqvae_uad", image_shape=SHAPE, width=0.125, codebook_size=8, code_dim=4, seed=0
    )
    with pytest.raises(ValueError, match="another model"):
        anomaly.score(other, slices, method="prior_surprise", prior=prior[0])
    with pytest.raises(ValueError, match="codebook"):
        anomaly.score(
            models.build("vae_uad", image_shape=SHAPE, width=0.125, latent_dim=2),
            slices,
            method="prior_restoration",
            prior=prior[0],
        )
