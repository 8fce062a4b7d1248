"""Sampling, KL divergence and likelihood against NumPy and SciPy."""

import keras
import numpy as np
import pytest
from scipy import stats

from brainlib.models.layers.variational import KLDivergence, Likelihood, Sampling, kl_by_dimension

RNG = np.random.default_rng(0)


def test_sampling_draws_in_training_and_passes_the_mean_otherwise():
    mean = np.full((4000, 3), 2.0, "float32")
    log_var = np.tile(np.log([0.25, 1.0, 4.0]).astype("float32"), (4000, 1))
    layer = Sampling(seed=1)
    np.testing.assert_array_equal(layer([mean, log_var]), mean)
    drawn = np.asarray(layer([mean, log_var], training=True))
    np.testing.assert_allclose(drawn.mean(0), 2, atol=0.1)
    np.testing.assert_allclose(drawn.std(0), [0.5, 1, 2], rtol=0.05)
    assert not np.array_equal(drawn, layer([mean, log_var], training=True))
    np.testing.assert_array_equal(drawn, Sampling(seed=1)([mean, log_var], training=True))


def test_kl_closed_form_and_monte_carlo():
    mean, log_var = np.array([[0.0, 1.0, -0.5]]), np.array([[0.0, 0.0, np.log(0.25)]])
    kl = np.asarray(kl_by_dimension(mean, log_var))
    np.testing.assert_allclose(kl[0, :2], [0, 0.5], atol=1e-6)
    z = RNG.normal(-0.5, 0.5, 400_000)
    estimate = np.mean(stats.norm.logpdf(z, -0.5, 0.5) - stats.norm.logpdf(z))
    np.testing.assert_allclose(kl[0, 2], estimate, rtol=0.02)
    assert np.isfinite(np.asarray(kl_by_dimension(mean, log_var + 1e6))).all()


def test_kl_layer_adds_beta_times_kl_and_passes_its_inputs_on():
    mean, log_var = (
        RNG.normal(size=(5, 3)).astype("float32"),
        RNG.normal(size=(5, 3)).astype("float32"),
    )
    mean[:, 2], log_var[:, 2] = 0, 0  # a unit that carries nothing
    expected = np.asarray(kl_by_dimension(mean, log_var)).sum(1).mean()
    layer = KLDivergence(beta=2.0)
    passed = layer([mean, log_var])
    np.testing.assert_array_equal(passed[0], mean)
    np.testing.assert_allclose(float(layer.losses[0]), 2 * expected, rtol=1e-5)
    np.testing.assert_allclose(float(layer.kl_tracker.result()), expected, rtol=1e-5)
    assert float(layer.active_tracker.result()) == 2
    layer.beta.assign(0.5)
    layer([mean, log_var])
    np.testing.assert_allclose(float(layer.losses[0]), 0.5 * expected, rtol=1e-5)


def test_free_nats_cost_nothing():
    mean, log_var = np.array([[0.1, 2.0]], "float32"), np.zeros((1, 2), "float32")
    layer = KLDivergence(free_nats=0.5)
    layer([mean, log_var])  # 0.005 and 2 nats
    np.testing.assert_allclose(float(layer.losses[0]), 0.5 + 2.0, rtol=1e-5)


def _images():
    target = RNG.uniform(0, 1, (6, 5, 7, 1)).astype("float32")
    return target, np.clip(target + RNG.normal(0, 0.1, target.shape), 0, 1).astype("float32")


def test_optimal_sigma_is_scipys_likelihood_at_the_batchs_own_error():
    target, output = _images()
    layer = Likelihood("optimal_sigma")
    distortion = np.asarray(layer.loss(target, output, training=True))
    sigma = np.sqrt(np.mean((target - output) ** 2))
    expected = -stats.norm.logpdf(target, output, sigma).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(distortion, expected, rtol=1e-4)
    np.testing.assert_allclose(
        layer.sigma(), sigma, rtol=1e-5
    )  # the first batch is remembered as it is
    np.testing.assert_allclose(layer.loss(target, output), expected, rtol=1e-4)
    for other in (0.8, 1.25):  # and no other sigma does better
        assert -stats.norm.logpdf(target, output, sigma * other).sum() > distortion.sum()


def test_evaluation_uses_the_stored_sigma_and_leaves_it_alone():
    target, output = _images()
    layer = Likelihood("optimal_sigma")
    layer.loss(target, output, training=True)
    sigma = layer.sigma()
    far = np.asarray(layer.loss(target, 1 - output))
    expected = -stats.norm.logpdf(target, 1 - output, sigma).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(far, expected, rtol=1e-4)
    assert layer.sigma() == sigma


def test_sigma_has_a_floor():
    target, _ = _images()
    layer = Likelihood("optimal_sigma", minimum=0.01)
    assert np.isfinite(np.asarray(layer.loss(target, target, training=True))).all()
    np.testing.assert_allclose(layer.sigma(), 0.01, rtol=1e-5)


def test_the_seeds_loss_is_a_gaussian_of_variance_8_at_128():
    target, output = _images()
    np.testing.assert_allclose(
        Likelihood("seed").loss(target, output),
        1000 * ((target - output) ** 2).mean((1, 2, 3)),
        rtol=1e-5,
    )
    variance = 128 * 128 / 2000  # 8.19, as design and text have it
    error = ((target - output) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(
        Likelihood("seed").loss(target, output) * 35 / (128 * 128),
        error / (2 * variance),
        rtol=1e-5,
    )


def test_learned_sigma_is_a_weight_that_is_trained():
    assert len(Likelihood("learned_sigma").trainable_weights) == 1
    assert not Likelihood("optimal_sigma").trainable_weights
    with pytest.raises(ValueError, match="optimal_sigma"):
        Likelihood("gauss")


@pytest.mark.parametrize(
    "layer", [Sampling(seed=3), KLDivergence(beta=0.3, free_nats=0.1), Likelihood("seed")]
)
def test_configurations_come_back(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()
