"""Changed slices: geometry against scikit-image, repeatable, input and target alike."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.transform import AffineTransform, warp

from brainlib.slices import augmentation, corruptions
from brainlib.slices.pipeline import Slices


def _smooth(count=6, sides=(40, 28), seed=0):
    rows, columns = np.mgrid[: sides[0], : sides[1]]
    phase = np.random.default_rng(seed).uniform(0, 6, (count, 1, 1))
    return (0.5 + 0.25 * np.sin(rows / 5 + phase) + 0.25 * np.cos(columns / 4 + phase))[
        ..., None
    ].astype("float32")


def test_geometry_and_contrast_are_those_of_scikit_image():
    images, indices = _smooth(), np.arange(6)
    found = augmentation.change_batch(
        tf.constant(images), indices, strength=1.0, seed=3, epoch=2
    ).numpy()
    parameters = {
        name: value.numpy()
        for name, value in augmentation.draw(corruptions.keys(3, 2, indices), strength=1.0).items()
    }
    middle = np.array([(28 - 1) / 2, (40 - 1) / 2])
    for number, image in enumerate(images[..., 0]):
        one = {name: float(value[number]) for name, value in parameters.items()}
        turned = np.array(
            [
                [np.cos(one["turn"]), -np.sin(one["turn"])],
                [np.sin(one["turn"]), np.cos(one["turn"])],
            ]
        )
        linear = (
            np.diag([1 + one["zoom_columns"], 1 + one["zoom_rows"]])
            @ turned
            @ np.array([[1, one["shear"]], [0, 1]])
        )
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = (
            middle - linear @ middle + [28 * one["shift_columns"], 40 * one["shift_rows"]]
        )
        wanted = np.clip(warp(image, AffineTransform(matrix), order=1, cval=0.0), 0, 1) ** np.exp(
            one["gamma"]
        )
        # At the rim scikit-image and TensorFlow fade to 0 over another half pixel.
        seen = warp(np.ones_like(image), AffineTransform(matrix), order=1, cval=0.0) == 1
        np.testing.assert_allclose(found[number, ..., 0][seen], wanted[seen], atol=2e-3)
        assert seen.mean() > 0.6 and np.abs(wanted - image)[seen].max() > 0.05


def test_no_strength_no_change_and_limits_hold():
    images = tf.constant(_smooth())
    assert augmentation.change_batch(images, np.arange(6), strength=0, seed=0) is images
    many = augmentation.draw(corruptions.keys(0, 0, np.arange(4000)), strength=0.5)
    for name, limit in (
        ("turn", augmentation.TURN),
        ("zoom_rows", augmentation.ZOOM),
        ("gamma", augmentation.GAMMA),
    ):
        values = many[name].numpy()
        assert np.abs(values).max() <= limit / 2 and values.std() == pytest.approx(
            limit / 2 / np.sqrt(3), rel=0.05
        )
        assert abs(values.mean()) < limit / 40


def test_slices_change_input_and_target_alike_and_anew_each_epoch(tmp_path):
    path = tmp_path / "slices.npy"
    np.save(path, _smooth(9))
    plain, changed = (
        Slices(path, batch_size=4, seed=1),
        Slices(path, batch_size=4, seed=1, augment=1.0),
    )
    assert plain.digest() != changed.digest() != changed.with_options(augment=0.5).digest()
    assert plain.digest() == changed.with_options(augment=0.0).digest()
    epochs = []
    for number in (0, 0, 1):
        batches = zip(*changed.epoch(number).as_numpy_iterator())
        epochs.append([np.concatenate(parts) for parts in batches])
    np.testing.assert_array_equal(
        epochs[0][0], epochs[0][1]
    )  # nothing corrupts: input and target are one
    np.testing.assert_array_equal(epochs[0][0], epochs[1][0])
    assert np.abs(np.sort(epochs[0][0], axis=None) - np.sort(epochs[2][0], axis=None)).max() > 0.01
    assert (
        epochs[0][0].shape == (9, 40, 28, 1) and 0 <= epochs[0][0].min() <= epochs[0][0].max() <= 1
    )
    corrupted = changed.with_options(corruption="seed004")
    inputs, targets = (
        np.concatenate(parts) for parts in zip(*corrupted.epoch(0).as_numpy_iterator())
    )
    np.testing.assert_array_equal(targets, epochs[0][0])
    assert np.abs(inputs - targets).max() > 0.01


def test_a_wrong_strength_is_refused():
    with pytest.raises(ValueError, match="augment: expected 0"):
        Slices(_smooth(), augment=-1)
