"""Pictures without a network: closed forms of the mean picture and of PCA."""

import numpy as np
import pytest

from brainlib import studies

RNG = np.random.default_rng(0)


def test_pca_rebuilds_what_lies_in_its_plane():
    directions = RNG.normal(0, 0.02, (2, 9 * 7))
    flat = 0.5 + RNG.normal(0, 1, (30, 2)) @ directions
    pictures = flat.reshape(30, 9, 7, 1)
    code = studies.linear_code(pictures, 2)
    assert code.name == "PCA 2" and code.numbers == 2
    np.testing.assert_allclose(code.rebuild(pictures), pictures, atol=1e-5)
    mean = np.broadcast_to(pictures.mean(axis=0), pictures.shape)
    np.testing.assert_allclose(code.mean_picture(pictures), mean, atol=1e-6)
    drawn = code.draw(4000, seed=1).reshape(4000, -1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(flat.T), atol=2e-4)
    np.testing.assert_array_equal(code.draw(3, seed=[1, 2]), code.draw(3, seed=[1, 2]))


def test_a_code_has_fewer_numbers_than_pictures():
    assert studies.linear_code(RNG.random((5, 4, 6, 1)), 64).numbers == 4


def test_baselines_are_measured_on_test_people_and_know_training_people_alone(ten_people):
    table = studies.baseline_quality(ten_people, 3)
    assert table.model.tolist() == ["mean picture", "PCA 3"]
    assert table.subject.tolist() == ["j", "j"] and table["round"].tolist() == ["fold0"] * 2
    target = ten_people.images[36:40]
    mean = ten_people.images[:32].mean(axis=0)
    assert table.mse[0] == pytest.approx(((target - mean) ** 2).mean(), rel=1e-4)
