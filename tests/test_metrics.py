"""Metrics by closed forms and against TensorFlow's own SSIM."""

import numpy as np
import pytest

from brainlib import metrics

RANDOM = np.random.default_rng(0)


def test_closed_forms():
    zeros = np.zeros((2, 13, 17, 1))
    np.testing.assert_allclose(metrics.psnr(zeros, zeros + 0.1, data_range=1.0), 20.0)
    np.testing.assert_allclose(metrics.mse(zeros, zeros + 0.5), 0.25)
    np.testing.assert_allclose(metrics.ssim(zeros, zeros, data_range=1.0), 1)
    constant = (0.01**2) / (0.5**2 + 0.01**2)              # SSIM of two flat images: only the luminance term
    np.testing.assert_allclose(metrics.ssim(zeros, zeros + 0.5, data_range=1.0), constant, rtol=1e-9)
    assert np.isinf(metrics.psnr(zeros, zeros, data_range=1.0)).all()


def test_one_number_an_image_and_no_mixing():
    target, output = RANDOM.random((3, 15, 12, 1)), RANDOM.random((3, 15, 12, 1))
    together = metrics.measure(target, output)
    for name, values in together.items():
        alone = [metrics.measure(target[i:i + 1], output[i:i + 1])[name][0] for i in range(3)]
        np.testing.assert_allclose(values, alone)
    np.testing.assert_allclose(together["dssim"], (1 - together["ssim"]) / 2)


def test_ssim_is_tensorflows():
    import tensorflow as tf

    target = RANDOM.random((2, 31, 23, 1)).astype("float32")
    output = np.clip(target + RANDOM.normal(0, 0.1, target.shape), 0, 1).astype("float32")
    np.testing.assert_allclose(metrics.ssim(target, output, data_range=1.0), tf.image.ssim(target, output, 1.0), atol=1e-5)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        metrics.mse(np.zeros((2, 5, 6, 1)), np.zeros((2, 6, 5, 1)))
