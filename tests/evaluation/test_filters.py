"""Classical filters on pictures whose right answer is known."""

import numpy as np
import pytest

from brainlib.evaluation import filters
from brainlib.evaluation.filters import biharmonic, blanked, in_turn, median, nl_means

SLOPE = np.linspace(0.3, 0.7, 31)[None, None, :, None] + np.zeros((2, 27, 31, 1), "float32")
SLOPE = SLOPE.astype("float32")


def with_square(pictures, top=9, left=11, side=7):
    spoilt = pictures.copy()
    spoilt[:, top : top + side, left : left + side] = 0
    return spoilt


@pytest.mark.parametrize("name", filters.NAMES)
def test_a_filter_takes_a_batch_and_leaves_a_smooth_picture_as_it_is(name):
    function, several = filters.TRIED[name]
    for settings in several:
        before = SLOPE.copy()
        after = filters.Filter(name, function, settings)(before)
        assert after.shape == SLOPE.shape and after.dtype == np.float32
        np.testing.assert_array_equal(before, SLOPE)  # the input is not changed
        np.testing.assert_allclose(after, SLOPE, atol=0.03)


def test_the_median_removes_a_single_pixel_of_its_own_picture_alone():
    spoilt = SLOPE.copy()
    spoilt[0, 5, 6] = 0
    np.testing.assert_allclose(median(spoilt)[:, 2:-2, 2:-2], SLOPE[:, 2:-2, 2:-2], atol=0.02)


@pytest.mark.parametrize("side", [4, 5, 8])
@pytest.mark.parametrize("blank", [8, 9, 12])
def test_a_blanked_square_is_found_exactly(side, blank):
    expected = np.zeros(SLOPE.shape, bool)
    expected[:, 9 : 9 + blank, 11 : 11 + blank] = True
    found = blanked(with_square(SLOPE, side=blank), side=side)
    np.testing.assert_array_equal(found, expected)


def test_small_holes_backgrounds_and_bright_patches_are_no_blanked_squares():
    assert not blanked(with_square(SLOPE, side=4), side=5).any()
    assert not blanked(with_square(SLOPE, top=0), side=5).any()  # touches the border
    assert not blanked(1 - with_square(SLOPE), side=5).any()


def test_biharmonic_filling_continues_a_slope_through_a_square():
    np.testing.assert_allclose(biharmonic(with_square(SLOPE), side=5), SLOPE, atol=1e-3)
    assert np.abs(median(with_square(SLOPE)) - SLOPE).max() > 0.3


def test_non_local_means_lowers_noise_and_strength_0_changes_nothing():
    noisy = SLOPE + np.random.default_rng(0).normal(0, 0.03, SLOPE.shape).astype("float32")
    assert np.var(nl_means(noisy, strength=0.06) - SLOPE) < 0.5 * np.var(noisy - SLOPE)
    np.testing.assert_array_equal(nl_means(noisy, strength=0), noisy)


def test_in_turn_mends_dropped_pixels_and_a_square_and_nothing_else():
    spoilt = with_square(SLOPE)
    spoilt[:, ::6, ::5] = 0
    mended = in_turn(spoilt, outlier=0.2, strength=0.0, side=5)
    np.testing.assert_allclose(mended, SLOPE, atol=0.05)
    bright = SLOPE.copy()
    bright[:, 20, 20] = 1  # a vessel is bright, a dropped pixel is dark
    np.testing.assert_array_equal(in_turn(bright, strength=0.0), bright)


def test_strengths_are_those_with_the_smallest_error():
    dropped = SLOPE.copy()
    dropped[:, ::4, ::4] = 0
    table = filters.tried(SLOPE, dropped)
    chosen = filters.choose(SLOPE, dropped)
    assert tuple(chosen) == filters.NAMES
    for name, one in chosen.items():
        error = np.mean((one(dropped) - SLOPE) ** 2)
        assert error == pytest.approx(table.mse[table["filter"] == name].min())
    assert chosen["median"].in_words in ("size 3", "size 5")
    with pytest.raises(ValueError, match="the same pictures"):
        filters.choose(SLOPE, dropped[:1])
