"""Maps of slices: closed forms, a VAE's gradients against finite differences, restoration."""

import keras
import numpy as np
import pytest

from brainlib import anomaly, models
from brainlib.anomaly import scores

SLICES = np.random.default_rng(0).uniform(0.1, 0.9, (3, 20, 17, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def vae():
    model = models.build("vae_uad", image_shape=(20, 17), width=0.125, latent_dim=4, seed=0)
    model.likelihood.log_sigma.assign(np.log(0.2))
    return model


def constant(value, shape=(20, 17, 1)):
    """A model whose output is `value` everywhere."""
    inputs = keras.Input(shape)
    return keras.Model(
        inputs, keras.layers.Lambda(lambda x: 0 * x + value)(inputs), name="constant"
    )


def test_residuals_are_what_their_names_say():
    difference = SLICES - 0.5
    expected = {
        "absolute": abs(difference),
        "squared": difference**2,
        "positive": difference.clip(0),
        "negative": (-difference).clip(0),
    }
    for method, maps in expected.items():
        np.testing.assert_allclose(
            anomaly.score(constant(0.5), SLICES, method=method), maps, atol=1e-6
        )
    np.testing.assert_array_equal(anomaly.score(None, SLICES, method="intensity_bright"), SLICES)
    np.testing.assert_allclose(anomaly.score(None, SLICES, method="intensity_dark"), 1 - SLICES)
    assert anomaly.score(constant(0.5), SLICES[0, ..., 0]).shape == (20, 17)


def test_dssim_is_zero_where_nothing_differs():
    output = SLICES.copy()
    assert np.abs(anomaly.residual(SLICES, output, "dssim")).max() < 1e-6
    output[0, 2, 3] += 0.5
    maps = anomaly.residual(SLICES, output, "dssim")
    assert (
        maps[0, 2, 3] > 0.01
        and maps[0, 15, 15] == pytest.approx(0, abs=1e-6)
        and not maps[1:].round(6).any()
    )


def test_unknown_methods_and_models_are_refused(vae):
    with pytest.raises(ValueError, match="absolute"):
        anomaly.score(vae, SLICES, method="fancy")
    with pytest.raises(ValueError, match="needs a model"):
        anomaly.score(None, SLICES)
    with pytest.raises(ValueError, match="expected a VAE"):
        anomaly.score(constant(0.5), SLICES, method="kl")
    with pytest.raises(ValueError, match="16x16"):
        anomaly.score(constant(0.5, (16, 16, 1)), SLICES)


def test_slices_smaller_than_the_model_are_padded_and_cut_back():
    model = models.build("skip_connection_cae", image_shape=(24, 24), width=0.125, seed=0)
    maps = anomaly.score(model, SLICES)
    padded = np.pad(SLICES, [(0, 0), (0, 4), (0, 7), (0, 0)])
    np.testing.assert_allclose(
        maps, abs(padded - models.reconstruct(model, padded))[:, :20, :17], atol=1e-6
    )


@pytest.mark.parametrize("method", ["kl", "elbo_gradient"])
def test_gradients_are_those_of_finite_differences(vae, method):
    maps = anomaly.score(vae, SLICES, method=method)
    step = 2e-2
    for row, column in ((5, 6), (11, 3), (14, 12)):
        ends = []
        for sign in (-1, 1):
            moved = SLICES.astype(np.float64).copy()
            moved[:, row, column] += sign * step
            ends.append(anomaly.slice_score(vae, moved, method=method).astype(np.float64))
        np.testing.assert_allclose(
            maps[:, row, column, 0], abs(ends[1] - ends[0]) / (2 * step), rtol=0.05, atol=2e-3
        )


def test_reconstruction_probability_is_the_expected_squared_error(vae):
    maps = anomaly.score(vae, SLICES, method="reconstruction_probability", samples=3, seed=5)
    draws = [
        (SLICES - models.reconstruct(vae, SLICES, sample=True, seed=5 + draw)) ** 2
        for draw in range(3)
    ]
    np.testing.assert_allclose(maps, np.mean(draws, axis=0) / (2 * 0.2**2), rtol=1e-4)


def test_restoration_descends_and_a_strong_variation_term_forbids_patches(vae):
    def bound(images):
        return anomaly.slice_score(vae, images, method="elbo_gradient")

    free = anomaly.restore_by_descent(vae, SLICES, steps=30, total_variation=0.0)
    bounded = anomaly.restore_by_descent(vae, SLICES, steps=30, total_variation=1e4)
    assert (bound(free) < 0.8 * bound(SLICES)).all()
    assert np.abs(bounded - SLICES).mean() < np.abs(free - SLICES).mean()

    def roughness(images):
        return np.abs(np.diff(images - SLICES, axis=1)).mean()

    assert roughness(bounded) < 0.7 * roughness(free)
    np.testing.assert_array_equal(anomaly.restore_by_descent(vae, SLICES, steps=0), SLICES)
    np.testing.assert_allclose(
        anomaly.score(vae, SLICES, method="restoration", steps=30, total_variation=0.0),
        abs(free - SLICES),
        atol=1e-5,
    )


def test_slice_score_is_the_mean_over_the_mask(vae):
    maps = anomaly.score(vae, SLICES)
    mask = np.zeros(SLICES.shape, bool)
    mask[:, 4:9, 2:6] = True
    np.testing.assert_allclose(
        anomaly.slice_score(vae, SLICES, method="absolute", mask=mask),
        maps[:, 4:9, 2:6].mean(axis=(1, 2, 3)),
        rtol=1e-5,
    )
    assert (anomaly.slice_score(vae, SLICES, method="kl") > 0).all()


# ---- post-processing


def test_every_step_can_be_switched_off():
    score = np.random.default_rng(1).random((2, 30, 25)).astype(np.float32)
    brain = np.zeros(score.shape, bool)
    brain[:, 5:25, 4:20] = True
    same = anomaly.post_process(score, None, mask=False, median=0, min_pixels=0)
    np.testing.assert_array_equal(same, score)
    masked = anomaly.post_process(score, brain, erode_px=2, median=0, min_pixels=0)
    inside = np.zeros(score.shape, bool)
    inside[:, 7:23, 6:18] = True
    np.testing.assert_array_equal(masked, score * inside)
    smooth = anomaly.post_process(score, None, mask=False, median=5, min_pixels=0)
    assert smooth[1, 10, 12] == np.median(score[1, 8:13, 10:15])
    assert anomaly.post_process(score[..., None], brain[..., None]).shape == (2, 30, 25, 1)
    with pytest.raises(ValueError, match="brain mask of shape"):
        anomaly.post_process(score, brain[:, :-1])


def test_small_components_go_in_each_slice_by_itself():
    score = np.zeros((2, 12, 12), np.float32)
    score[0, 1:4, 1:3] = 1  # 6 pixels, and 3 more right behind them in the next slice
    score[1, 1:4, 1] = 1
    score[0, 6:9, 6:8] = score[0, 9, 8] = 1  # 6 pixels and one at the corner: 7
    kept = anomaly.post_process(score, None, mask=False, median=0, min_pixels=7)
    assert kept.sum() == 7 and kept[0, 6:10, 6:9].sum() == 7
    assert (
        anomaly.detect(score, 0.5).sum() == 7
        and anomaly.detect(score, 0.5, min_pixels=0).sum() == 16
    )
    assert scores.without_small(score > 0, 3).sum() == 16
