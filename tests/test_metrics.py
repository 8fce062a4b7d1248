"""Metrics against closed forms and TensorFlow's own SSIM."""

import numpy as np
import pytest
import tensorflow as tf

from brainlib import metrics

RNG = np.random.default_rng(0)
TARGET = RNG.uniform(0, 1, (3, 17, 23, 1))
OUTPUT = np.clip(TARGET + RNG.normal(0, 0.1, TARGET.shape), 0, 1)


def test_closed_forms():
    zeros = np.zeros((2, 13, 11, 1))
    np.testing.assert_allclose(metrics.mse(zeros, zeros + 0.1), [0.01, 0.01])
    np.testing.assert_allclose(metrics.psnr(zeros, zeros + 0.1, data_range=1.0), 20.0)
    np.testing.assert_allclose(metrics.psnr(zeros, zeros + 0.1, data_range=10.0), 40.0)
    c1 = 0.01**2  # flat images: only the luminance term is left
    expected = (2 * 0.2 * 0.5 + c1) / (0.2**2 + 0.5**2 + c1)
    np.testing.assert_allclose(
        metrics.ssim(zeros + 0.2, zeros + 0.5, data_range=1.0), expected, rtol=1e-9
    )
    np.testing.assert_allclose(
        metrics.dssim(zeros + 0.2, zeros + 0.5, data_range=1.0), (1 - expected) / 2, rtol=1e-9
    )


def test_equal_images():
    measured = metrics.measure(TARGET, TARGET)
    assert np.isinf(measured["psnr"]).all()
    np.testing.assert_allclose(measured["ssim"], 1)
    assert (measured["mse"] == 0).all() and measured["dssim"].shape == (3,)


@pytest.mark.parametrize("data_range", [1.0, 2.0])
def test_ssim_is_tensorflows(data_range):
    expected = tf.image.ssim(tf.constant(TARGET), tf.constant(OUTPUT), max_val=data_range).numpy()
    np.testing.assert_allclose(
        metrics.ssim(TARGET, OUTPUT, data_range=data_range), expected, atol=1e-5
    )


def test_ssim_looks_at_whole_windows_only():
    """A change in a corner pixel is seen by one window alone: the border is no place of its own."""
    changed = TARGET.copy()
    changed[:, 0, 0] += 0.5
    measured = metrics.ssim(TARGET[:1, :11, :11], changed[:1, :11, :11], data_range=1.0)
    assert 0.999 < measured[0] < 1  # the corner has a weight of 1e-5 in its only window


def test_images_stay_as_they_were_and_bad_shapes_are_refused():
    before = TARGET.copy()
    metrics.measure(TARGET, OUTPUT)
    np.testing.assert_array_equal(TARGET, before)
    with pytest.raises(ValueError, match="one shape"):
        metrics.mse(TARGET, OUTPUT[:, :-1])
    with pytest.raises(ValueError, match=r"\(B, H, W, 1\)"):
        metrics.mse(TARGET[..., 0], OUTPUT[..., 0])
    with pytest.raises(ValueError, match="11x11"):
        metrics.ssim(TARGET[:, :9], OUTPUT[:, :9], data_range=1.0)


def test_a_mask_leaves_out_all_else():
    mask = np.zeros(TARGET.shape, bool)
    mask[:2, 6:11, 7:15] = True
    spoilt = OUTPUT.copy()
    spoilt[:, :, -1] = 1 - spoilt[:, :, -1]  # far from the mask: no window around it sees this
    measured = metrics.measure(TARGET, OUTPUT, mask=mask)
    for name, values in metrics.measure(TARGET, spoilt, mask=mask).items():
        np.testing.assert_allclose(values[:2], measured[name][:2], rtol=1e-12)
    expected = np.mean((TARGET - OUTPUT)[:2, 6:11, 7:15] ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(measured["mse"][:2], expected)
    assert all(np.isnan(values[2]) for values in measured.values())  # no brain, no number


def test_a_mask_of_everything_changes_nothing_and_another_shape_is_refused():
    everything = np.ones(TARGET.shape, bool)
    with_mask = metrics.measure(TARGET, OUTPUT, mask=everything)
    for name, values in metrics.measure(TARGET, OUTPUT).items():
        np.testing.assert_allclose(values, with_mask[name], rtol=1e-12)
    with pytest.raises(ValueError, match="mask: expected shape"):
        metrics.mse(TARGET, OUTPUT, mask=everything[:, :-1])
