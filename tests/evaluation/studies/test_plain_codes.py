"""Squares and their nearest codes: by closed forms, on pictures of unequal sides."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib import studies
from brainlib.evaluation.studies import PlainCodes, Round, SplitSlices


def test_joining_undoes_cutting():
    pictures = np.random.default_rng(0).random((2, 6, 9, 1)).astype("float32")
    squares = studies.cut(pictures, 3)
    assert squares.shape == (2, 2, 3, 9)
    np.testing.assert_array_equal(squares[1, 1, 2], pictures[1, 3:6, 6:9].ravel())
    np.testing.assert_array_equal(studies.join(squares), pictures)


def test_sides_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, got 6x8"):
        studies.cut(np.zeros((1, 6, 8, 1)), 4)


def test_each_square_becomes_the_nearest_code():
    plain = PlainCodes(np.array([[0.0] * 4, [1.0] * 4]), side=2)
    pictures = np.zeros((1, 2, 4, 1))
    pictures[0, :, 2:] = 0.6
    assert plain.codes(pictures).tolist() == [[[0, 1]]]
    np.testing.assert_array_equal(plain.rebuild(pictures)[0, :, :, 0], [[0, 0, 1, 1]] * 2)


@pytest.fixture
def slices(tmp_path):
    """Two people of 4 slices each, all of them made of the same two squares."""
    images = np.zeros((8, 12, 16, 1), "float32")
    images[:, :, 8:] = 0.5
    np.save(tmp_path / "images.npy", images)
    index = pd.DataFrame({"row": range(8), "subject": ["a"] * 4 + ["b"] * 4})
    rounds = (Round("fold0", "", ("a",), ("a",), ("b",)),)
    return SplitSlices(Path(tmp_path / "images.npy"), index, pd.DataFrame(), rounds, "axial")


def test_pictures_of_two_squares_are_rebuilt_from_two_codes(slices):
    plain = studies.plain_codes(slices, slices.first, side=4, codebook_size=2)
    assert sorted(plain.codebook.mean(axis=1).round(3).tolist()) == [0.0, 0.5]
    quality = studies.plain_quality(slices, side=4, codebook_size=2)
    assert quality.subject.tolist() == ["b"] and quality.mse.item() < 1e-9
    assert quality.model.tolist() == [studies.PLAIN_CODES]
