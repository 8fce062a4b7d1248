"""Corruptions: identity at zero strength, published limits, SciPy's blur, any batch the same."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from brainlib.slices import corruptions, image_random
from brainlib.slices.corruptions import PRESETS, Preset, applying, corrupt

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0.2, 0.8, (40, 32, 48, 1)).astype("float32")
FLAT = np.full((400, 32, 48, 1), 0.5, "float32")


def _draw(name, count=4000, shape=(128, 160)):
    draw = tf.function(lambda image_keys: corruptions.draw(name, image_keys, shape))
    return {
        key: value.numpy() for key, value in draw(corruptions.keys(1, 0, np.arange(count))).items()
    }


@pytest.mark.parametrize("name", PRESETS)
def test_zero_strength_is_the_identity(name):
    np.testing.assert_array_equal(corrupt(IMAGES, name, seed=1, strength=0), IMAGES)
    image_keys = corruptions.keys(1, 0, np.arange(40))
    nothing = {
        "dropout": tf.zeros(40),
        "noise_sigma": tf.zeros(40),
        "blur_sigma": tf.zeros(40),
        "squares": tf.zeros((40, 2, 4)),
        "bias": tf.zeros(40),
        "bias_shape": tf.ones((40, 5)),
        "ghost": tf.zeros(40),
        "rician_sigma": tf.zeros(40),
    }
    unchanged = corruptions.apply(tf.constant(IMAGES), nothing, image_keys, name=name)
    np.testing.assert_array_equal(unchanged.numpy(), IMAGES)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "none"])
def test_same_pixels_whatever_the_batch(name):
    before = IMAGES.copy()
    whole = corrupt(IMAGES, name, seed=5)
    order = RNG.permutation(40)[:7]
    np.testing.assert_allclose(
        corrupt(IMAGES[order], name, seed=5, indices=order), whole[order], rtol=0, atol=3e-7
    )
    np.testing.assert_array_equal(IMAGES, before)
    assert whole.dtype == np.float32 and 0 <= whole.min() and whole.max() <= 1
    assert not np.array_equal(corrupt(IMAGES, name, seed=6), whole)
    assert not np.array_equal(corrupt(IMAGES, name, seed=5, epoch=1), whole)


def test_seed_004_as_written():
    drawn = _draw("seed004")
    assert 0 <= drawn["dropout"].min() < 0.001 and 0.049 < drawn["dropout"].max() < 0.05
    assert 0 <= drawn["noise_sigma"].min() < 0.001 and 0.039 < drawn["noise_sigma"].max() < 0.04
    np.testing.assert_allclose(np.unique(drawn["blur_sigma"]), [0.0, 0.6], rtol=1e-6)
    assert abs((drawn["blur_sigma"] > 0).mean() - 0.1) < 0.02
    top, left, bottom, right = drawn["squares"].transpose(2, 0, 1)  # each (N, 2)
    side = bottom - top
    assert (side == right - left).all() and (side[:, 1] == 0).all()  # one square, never a second
    there = side[:, 0] > 0
    assert abs(there.mean() - 0.2) < 0.02
    assert side[there].max() == 40 and side[there, 0].min() == 10
    assert top[there, 0].min() == 0 and bottom[there, 0].max() == 128  # wholly inside, everywhere
    assert left[there, 0].min() == 0 and right[there, 0].max() == 160


def test_seed_004_code_differs_as_its_author_wrote_it():
    drawn = _draw("seed004_code", shape=(128, 128))
    assert 0.039 < drawn["dropout"].max() < 0.04
    top, left, _, _ = drawn["squares"][:, 0].T
    np.testing.assert_array_equal(top, left)  # on the diagonal
    dropped = corrupt(
        FLAT[:1],
        replace(
            PRESETS["seed004_code"],
            noise_sigma=(0, 0),
            square_probability=0.0,
            blur_probability=0.0,
            dropout=(0.04, 0.04),
            rescale=False,
        ),
        seed=0,
    )
    np.testing.assert_allclose(
        np.unique(dropped), [0, 0.5 / 0.96], rtol=1e-6
    )  # survivors are scaled up
    rescaled = corrupt(IMAGES, "seed004_code", seed=0)
    np.testing.assert_allclose(rescaled.min(axis=(1, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(rescaled.max(axis=(1, 2, 3)), 1, atol=1e-6)


def test_seed_003_takes_none_one_or_two_of_squares_and_dropout():
    drawn = _draw("seed003")
    squares = drawn["squares"][:, :, 2] > drawn["squares"][:, :, 0]
    np.testing.assert_array_equal(squares[:, 0], squares[:, 1])  # two cut-outs or none
    with_squares, with_dropout = squares[:, 0], drawn["dropout"] > 0
    for case, expected in (((0, 0), 1 / 3), ((1, 0), 1 / 6), ((0, 1), 1 / 6), ((1, 1), 1 / 3)):
        assert abs(((with_squares == case[0]) & (with_dropout == case[1])).mean() - expected) < 0.03
    assert abs((drawn["blur_sigma"] > 0).mean() - 0.5) < 0.03


def test_seed_003_cuts_holes_into_the_blurred_image():
    """Its section 4.3.1: GaussianBlur, then CutOut and CoarseDropout: edges of holes are sharp."""
    flat = corrupt(FLAT, "seed003", seed=0)  # blur leaves an even picture as it is
    assert ((flat == 0) | (abs(flat - 0.5) < 1e-6)).all()
    last = corrupt(FLAT, replace(PRESETS["seed003"], blur_first=False), seed=0)
    np.testing.assert_array_equal(((last == 0) | (abs(last - 0.5) < 1e-6)).all(), False)
    np.testing.assert_array_equal(last[flat == 0].min(), 0)  # the same holes, their edges blurred
    blurred = ndimage.gaussian_filter(IMAGES[:1], (0, 2, 2, 0), mode="reflect", truncate=8)
    sharp = Preset(blur_probability=1.0, blur_sigma=(2, 2), blur_first=True, dropout=(0.3, 0.3))
    dropped = corrupt(IMAGES[:1], sharp, seed=1)
    np.testing.assert_allclose(dropped[dropped > 0], blurred[dropped > 0], atol=1e-5)


def test_dropout_share_and_blocks():
    dropped = corrupt(FLAT, "seed003_test", seed=2) == 0
    assert abs(dropped.mean() - 0.1) < 0.002
    blocks = corrupt(FLAT, Preset(dropout=(0.2, 0.2), dropout_block=2), seed=2)[..., 0]
    np.testing.assert_array_equal(blocks[:, ::2, ::2], blocks[:, 1::2, 1::2])
    assert abs((blocks == 0).mean() - 0.2) < 0.01
    odd = corrupt(FLAT[:3, :31, :47], Preset(dropout=(0.2, 0.2), dropout_block=2), seed=2)
    assert odd.shape == (3, 31, 47, 1)


def test_noise_has_the_sigma_it_says_and_differs_between_images():
    noise = corrupt(FLAT, Preset(noise_sigma=(0.03, 0.03)), seed=3) - 0.5
    np.testing.assert_allclose(noise.std(), 0.03, rtol=0.01)
    np.testing.assert_allclose(noise.mean(), 0, atol=1e-4)
    first, second = noise[0].ravel(), noise[1].ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


@pytest.mark.parametrize("sigma", [0.6, 2.5])
def test_blur_is_scipys(sigma):
    blurred = corrupt(IMAGES, Preset(blur_probability=1.0, blur_sigma=(sigma, sigma)), seed=4)
    expected = ndimage.gaussian_filter(IMAGES, (0, sigma, sigma, 0), mode="reflect", truncate=8)
    np.testing.assert_allclose(blurred, expected, atol=1e-5)


def test_blanked_square_is_black_and_the_rest_untouched():
    preset = Preset(square_probability=1.0, square_side=(0.25, 0.25))
    blanked = corrupt(FLAT[:50], preset, seed=5)
    np.testing.assert_array_equal(
        (blanked == 0).sum(axis=(1, 2, 3)), 8 * 8
    )  # a quarter of the shorter side
    np.testing.assert_array_equal(np.unique(blanked), [0, 0.5])


def test_strength_scales_and_unknown_names_are_refused():
    half = corruptions.scaled("seed004", 0.5)
    assert (
        half.dropout == (0, 0.025)
        and half.noise_sigma == (0, 0.02)
        and half.square_probability == 0.1
    )
    assert corruptions.scaled("seed004", 1) == PRESETS["seed004"]
    with pytest.raises(ValueError, match="seed004_code"):
        corrupt(IMAGES, "seed005", seed=0)
    with pytest.raises(ValueError, match=r"\(N, H, W, 1\)"):
        corrupt(IMAGES[0], "seed004", seed=0)


def test_drawn_numbers_are_uniform_and_independent():
    """The hash against what a good generator gives: moments, correlations of neighbours, seeds."""
    from scipy import stats

    numbers = np.concatenate(
        [
            image_random.uniform(corruptions.keys(seed, epoch, np.arange(500)), 8, 0).numpy()
            for seed in (0, 1)
            for epoch in (0, 1, 2)
        ]
    )
    assert (
        stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
        and len(np.unique(numbers)) > 0.995 * numbers.size
    )
    correlations = np.corrcoef(
        np.concatenate([numbers.T, np.roll(numbers, 1, axis=0).T, np.roll(numbers, 500, axis=0).T])
    )
    assert abs(correlations - np.eye(24)).max() < 0.08


def test_fields_differ_between_images_epochs_and_streams():
    image_keys = image_random.keys(0, 0, np.arange(60))
    fields = image_random.normal_fields(image_keys, applying.NOISE, (40, 50))
    fields = fields.numpy().reshape(60, -1)
    correlations = np.corrcoef(fields)
    assert abs(correlations - np.eye(60)).max() < 0.15 and abs(fields.std() - 1) < 0.02
    image_keys = image_random.keys(0, 0, np.arange(2))
    large = image_random.uniform_fields(image_keys, applying.DROPOUT, (1100, 1000)).numpy()
    assert large.shape == (2, 1100, 1000, 1) and abs(large.mean() - 0.5) < 0.01


def test_mr_corruptions():
    """Rician noise has Rayleigh's mean, bias fields are smooth, ghosts half a field away."""
    black = np.zeros((40, 48, 64, 1), "float32")
    noisy = corrupt(black, corruptions.Preset(rician_sigma=(0.05, 0.05)), seed=1)
    assert noisy.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.02)
    white = np.full((40, 48, 64, 1), 0.5, "float32")
    field = corrupt(white, corruptions.Preset(bias=(0.1, 0.1)), seed=1) / 0.5
    np.testing.assert_allclose(np.log(field).std(axis=(1, 2, 3)), 0.1, rtol=1e-3)
    assert abs(np.diff(field, axis=1)).max() < 0.05
    image = np.zeros((1, 48, 64, 1), "float32")
    image[0, 10, 20] = 1
    ghosted = corrupt(image, corruptions.Preset(ghost=(0.25, 0.25)), seed=1)
    assert ghosted[0, 10, 20, 0] == pytest.approx(0.75) and ghosted[0, 34, 20, 0] == pytest.approx(
        0.25
    )


def test_context_masks_two_patches_of_every_image():
    patched = corrupt(np.ones((40, 64, 64, 1), "float32"), "context", seed=2)
    share = (patched == 0).mean(axis=(1, 2, 3))
    assert (share > 0.008).all() and share.max() < 0.19
