"""Corruptions: identity at zero strength, measured strengths, determinism, one definition in and out of tf.data."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from brainlib import corruptions

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (64, 48, 56, 1)).astype("float32")


def only(**strengths):
    return corruptions.Preset(**strengths)


def run(chosen, images=IMAGES, seed=(3, 0)):
    strengths = corruptions.draw(chosen, len(images), images.shape[1:3], seed)
    return corruptions.apply(tf.constant(images), strengths, chosen, seed).numpy(), strengths


def test_none_and_zero_strength_are_the_identity():
    np.testing.assert_array_equal(corruptions.corrupt(IMAGES, "none", seed=1), IMAGES)
    np.testing.assert_array_equal(run(only(squares=1))[0], IMAGES)


@pytest.mark.parametrize("name", [name for name in corruptions.PRESETS if name != "none"])
def test_presets_are_deterministic_stay_in_range_and_leave_the_input(name):
    before = IMAGES.copy()
    first = corruptions.corrupt(IMAGES, name, seed=5)
    np.testing.assert_array_equal(first, corruptions.corrupt(IMAGES, name, seed=5))
    assert np.abs(first - corruptions.corrupt(IMAGES, name, seed=6)).max() > 0 or name == "blur"
    assert first.shape == IMAGES.shape and first.dtype == np.float32 and 0 <= first.min() and first.max() <= 1
    assert np.abs(first - IMAGES).mean() > 1e-3
    np.testing.assert_array_equal(IMAGES, before)


def test_measured_strengths():
    dropped, _ = run(only(dropout=(0.1, 0.1)))
    assert (dropped == 0).mean() == pytest.approx(0.1, abs=0.005)
    np.testing.assert_array_equal(dropped[dropped > 0], IMAGES[dropped > 0])
    noisy, _ = run(only(noise=(0.03, 0.03)))
    assert (noisy - IMAGES).std() == pytest.approx(0.03, rel=0.02) and abs((noisy - IMAGES).mean()) < 5e-4
    coarse, _ = run(only(coarse=(0.2, 0.2), coarse_chance=1.0))
    blocks = coarse[:, ::2, ::2] == 0
    assert blocks.mean() == pytest.approx(0.2, abs=0.02)
    np.testing.assert_array_equal(blocks, coarse[:, 1::2, 1::2] == 0)


def test_rescaled_survivors_keep_the_mean():
    rescaled, strengths = run(only(dropout=(0.2, 0.2), rescale=True), images=IMAGES * 0.5)
    assert rescaled.mean() == pytest.approx((IMAGES * 0.5).mean(), rel=0.01)


def test_squares_are_black_and_of_the_drawn_size():
    blanked, strengths = run(only(squares=1, square_chance=1.0, square_side=(40, 40)))
    area = (blanked == 0).sum(axis=(1, 2, 3))
    side = 40 * 48 / 128
    assert set(area) <= {int(side) ** 2, (int(side) + 1) ** 2, int(side) * (int(side) + 1)}
    rows = [np.argwhere(image[..., 0] == 0).mean(axis=0) for image in blanked]
    assert np.std(rows, axis=0).min() > 5                  # anywhere in the picture
    diagonal, strengths = run(only(squares=1, square_chance=1.0, diagonal=True))
    np.testing.assert_allclose(strengths["left"], strengths["top"] * 56 / 48, rtol=1e-5)
    assert 0.1 < (run(only(squares=1, square_chance=0.2))[0] == 0).any(axis=(1, 2, 3)).mean() < 0.35


def test_blur_is_scipys():
    blurred, _ = run(only(blur_chance=1.0, blur_sigma=0.6))
    expected = np.stack([ndimage.gaussian_filter(image[..., 0], 0.6, mode="reflect", radius=2) for image in IMAGES])
    np.testing.assert_allclose(blurred[..., 0], expected, atol=1e-5)


def test_the_pipeline_and_numpy_give_the_same_pixels():
    dataset = tf.data.Dataset.from_tensors(IMAGES).map(lambda batch: corruptions.corrupt_batch(batch, "seed004", (5, 0)))
    np.testing.assert_allclose(next(iter(dataset)), corruptions.corrupt(IMAGES, "seed004", seed=5), atol=1e-6)


def test_minmax_fills_the_range_and_unknown_names_are_refused():
    stretched = corruptions.corrupt(IMAGES, "seed004_code", seed=1)
    np.testing.assert_allclose(stretched.max(axis=(1, 2, 3)), 1)
    np.testing.assert_allclose(stretched.min(axis=(1, 2, 3)), 0)
    with pytest.raises(ValueError, match="seed004"):
        corruptions.corrupt(IMAGES, "seed04", seed=1)
