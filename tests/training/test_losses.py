"""Losses against scikit-image, SciPy and NumPy on unequal sides."""

import keras
import numpy as np
import pytest
from skimage.util import view_as_blocks

from brainlib import metrics
from brainlib.training import losses

RNG = np.random.default_rng(0)
TARGET = RNG.uniform(0, 1, (4, 19, 26, 1)).astype("float32")
OUTPUT = np.clip(TARGET + RNG.normal(0, 0.15, TARGET.shape), 0, 1).astype("float32")


def test_mse_and_l1():
    np.testing.assert_allclose(
        float(losses.get("mse")(TARGET, OUTPUT)), np.mean((TARGET - OUTPUT) ** 2), rtol=1e-5
    )
    np.testing.assert_allclose(
        float(losses.get("l1")(TARGET, OUTPUT)), np.abs(TARGET - OUTPUT).mean(), rtol=1e-5
    )


def test_log_mse_is_psnr_but_for_scale_and_sign():
    errors = losses.get("log_mse").call(TARGET, OUTPUT)
    mse = 10 ** (-metrics.psnr(TARGET, OUTPUT, data_range=1.0) / 10)
    np.testing.assert_allclose(errors, np.log(mse + 1e-4), rtol=1e-4)
    perfect = losses.get("log_mse")(TARGET, TARGET)  # no picture is worth everything
    np.testing.assert_allclose(float(perfect), np.log(1e-4), rtol=1e-5)


def test_dssim_is_the_metric():
    expected = metrics.dssim(TARGET, OUTPUT, data_range=1.0)
    np.testing.assert_allclose(losses.DSSIM().call(TARGET, OUTPUT), expected, atol=1e-5)
    np.testing.assert_allclose(float(losses.DSSIM()(TARGET, OUTPUT)), expected.mean(), atol=1e-5)
    assert abs(float(losses.DSSIM()(TARGET, TARGET))) < 1e-6
    flat = np.full((2, 12, 15, 1), 0.3, "float32")
    np.testing.assert_allclose(
        losses.DSSIM().call(flat, flat + 0.2),
        metrics.dssim(flat, flat + 0.2, data_range=1.0),
        atol=1e-5,
    )


def _contrib(target, output):
    """keras-contrib's definition patch by patch: 3x3, no overlap, population variances."""
    rows, columns = target.shape[0] // 3 * 3, target.shape[1] // 3 * 3
    true, out = (
        view_as_blocks(
            np.ascontiguousarray(image[:rows, :columns, 0]).astype("float64"), (3, 3)
        ).reshape(-1, 9)
        for image in (target, output)
    )
    covariance = np.array([np.cov(a, b, bias=True)[0, 1] for a, b in zip(true, out)])
    ssim = (2 * true.mean(1) * out.mean(1) + 1e-4) * (2 * covariance + 9e-4)
    ssim /= (true.mean(1) ** 2 + out.mean(1) ** 2 + 1e-4) * (true.var(1) + out.var(1) + 9e-4)
    return np.mean((1 - ssim) / 2)


def test_dssim_contrib_patch_by_patch():
    expected = [_contrib(target, output) for target, output in zip(TARGET, OUTPUT)]
    np.testing.assert_allclose(losses.DSSIMContrib().call(TARGET, OUTPUT), expected, atol=1e-5)
    changed = OUTPUT.copy()
    changed[:, 18:] = 0  # the 19th row fills no patch
    np.testing.assert_allclose(losses.DSSIMContrib().call(TARGET, changed), expected, atol=1e-5)


@pytest.mark.parametrize("name", losses.NAMES)
def test_names_gradients_and_configurations(name):
    import tensorflow as tf

    loss, output = losses.get(name), tf.Variable(OUTPUT)
    with tf.GradientTape() as tape:
        value = loss(TARGET, output)
    gradient = tape.gradient(value, output).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient).sum() > 0
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss) and losses.get(loss) is loss


def test_refuses_unknown_names_and_small_images():
    with pytest.raises(ValueError, match="dssim_contrib"):
        losses.get("ssim")
    with pytest.raises(ValueError, match="11x11"):
        losses.DSSIM()(TARGET[:, :10], OUTPUT[:, :10])
