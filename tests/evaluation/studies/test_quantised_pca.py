"""PCA in so many bits: who gets the bits, the best levels, and what more bits bring."""

import numpy as np

from brainlib.evaluation.studies.baselines import linear_code
from brainlib.evaluation.studies.quantised_pca import bits_of_components, levels_of, quantise

RNG = np.random.default_rng(0)


def test_bits_go_where_the_error_is_largest():
    np.testing.assert_array_equal(bits_of_components(np.array([1.0, 1.0, 0.1]), 2), [1, 1, 0])
    np.testing.assert_array_equal(bits_of_components(np.array([100.0, 1.0]), 3), [3, 0])
    given = bits_of_components(np.array([64.0, 16.0, 4.0, 1.0]), 12)
    assert given.sum() == 12 and list(given) == sorted(given, reverse=True)


def test_the_levels_of_a_gaussian_are_lloyds():
    values = RNG.standard_normal(20000)
    np.testing.assert_allclose(levels_of(values, 1), [-0.7979, 0.7979], atol=0.02)
    np.testing.assert_allclose(levels_of(values, 2), [-1.510, -0.4528, 0.4528, 1.510], atol=0.05)


def test_levels_of_few_values_are_the_values():
    np.testing.assert_allclose(levels_of(np.array([0.0, 0.0, 1.0, 1.0]), 1), [0, 1])


def test_more_bits_rebuild_better_and_never_as_well_as_all_numbers():
    mixing = RNG.random((6, 7 * 9)) / 6
    pictures = (RNG.random((80, 6)) @ mixing).reshape(-1, 7, 9, 1).astype("float32")
    code = linear_code(pictures, 6)
    errors = []
    for bits in (4, 12, 30):
        rebuilt = quantise(code, pictures, bits).rebuild(pictures)
        assert rebuilt.shape == pictures.shape
        errors.append(np.mean((rebuilt - pictures) ** 2))
    assert errors[0] > errors[1] > errors[2] > np.mean((code.rebuild(pictures) - pictures) ** 2)


def test_few_components_leave_bits_over():
    """A code of two numbers cannot spend a hundred bits: it has 8 for each, and works."""
    given = bits_of_components(np.array([4.0, 1.0]), 100)
    np.testing.assert_array_equal(given, [8, 8])
