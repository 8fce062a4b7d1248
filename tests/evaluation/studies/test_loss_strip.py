"""What a loss of 30 means: noise of exactly that loss, the others in their place."""

import numpy as np
import pytest

from brainlib import studies

PICTURE = np.random.default_rng(0).random((20, 24, 1)).astype("float32")


def test_noise_has_exactly_the_loss_and_the_strip_is_sorted():
    others = {"brighter": PICTURE + 0.2, "the same": PICTURE.copy()}
    table, pictures = studies.loss_strip(PICTURE, others, losses=(30, 100))
    assert table.name.tolist() == [
        "the slice",
        "the same",
        "noise of sd 0.17",  # thesis 000's loss of 30: a mean squared error of 0.03
        "brighter",
        "noise of sd 0.32",
    ]
    np.testing.assert_allclose(table.loss, [0, 0, 30, 40, 100], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table.noise_sd[2] ** 2, 0.03, rtol=1e-4)
    np.testing.assert_array_equal(pictures[0], PICTURE)
    assert pictures.shape == (5, 20, 24, 1)


def test_two_pictures_of_one_loss_are_told_apart_by_structure():
    shift = np.sqrt(0.01)
    table, _ = studies.loss_strip(PICTURE, {"brighter": PICTURE + shift}, losses=(10,))
    by_name = table.set_index("name")
    assert by_name.loss["brighter"] == pytest.approx(by_name.loss["noise of sd 0.10"], rel=1e-3)
    assert by_name.dssim["brighter"] < by_name.dssim["noise of sd 0.10"]


def test_the_nearest_slice_is_found():
    known = np.stack([PICTURE + offset for offset in (0.3, -0.05, 0.1)])
    np.testing.assert_array_equal(studies.nearest_slice(PICTURE, known), known[1])
