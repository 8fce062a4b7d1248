"""What differs from scanner to scanner: which pixels are left, how grey values change."""

import numpy as np
import pytest
import tensorflow as tf

from brainlib.slices import corruptions, scanners
from brainlib.slices.pipeline import Slices

SIDES = (40, 56)


@pytest.fixture(scope="module")
def heads():
    """(images (64, 40, 56, 1), brains (64, 40, 56)): a bright skull around a grey brain."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in SIDES), indexing="ij")
    radius = np.hypot(rows, columns)
    brain = radius < 0.6
    image = np.where(brain, 0.5 + 0.1 * np.sin(20 * columns), 0.0) + (
        (radius > 0.7) & (radius < 0.8)
    )
    images = np.repeat(image[None, ..., None], 64, axis=0).astype("float32")
    return images, np.repeat(brain[None], 64, axis=0)


def varied(heads, strength=1.0, seed=3, epoch=0, indices=None):
    images, brains = heads
    indices = np.arange(len(images)) if indices is None else indices
    changed = scanners.vary_batch(
        tf.constant(images), tf.constant(brains), indices, strength=strength, seed=seed, epoch=epoch
    )
    return changed.numpy()


def test_a_strength_of_zero_is_the_identity(heads):
    np.testing.assert_array_equal(varied(heads, strength=0.0), heads[0])


def test_every_image_is_scaled_to_its_own_range_and_nothing_is_missing(heads):
    changed = varied(heads)
    assert changed.shape == heads[0].shape
    assert np.isfinite(changed).all()
    np.testing.assert_allclose(changed.min(axis=(1, 2, 3)), 0.0, atol=1e-6)
    np.testing.assert_allclose(changed.max(axis=(1, 2, 3)), 1.0, atol=1e-6)


def test_what_happens_depends_on_seed_epoch_and_index_alone(heads):
    whole = varied(heads)
    images, brains = heads
    part = varied((images[7:10], brains[7:10]), indices=np.array([7, 8, 9]))
    np.testing.assert_allclose(part, whole[7:10], atol=1e-5)
    assert np.abs(varied(heads, epoch=1) - whole).max() > 0.1
    assert np.abs(varied(heads, seed=4) - whole).max() > 0.1


def test_some_heads_lose_their_skull_and_some_a_part_of_the_field_of_view(heads):
    images, brains = heads
    changed = varied(heads)
    skull = (images[0, ..., 0] == 1) & ~brains[0]
    left = (changed[..., 0] > 0.02)[:, skull].mean(axis=1)  # share of the skull that is still there
    assert 0.1 < (left < 0.02).mean() < 0.4  # stripped: a quarter is meant
    assert 0.1 < ((left > 0.02) & (left < 0.98)).mean() < 0.6  # cut off
    assert (left > 0.98).mean() > 0.25  # whole


def test_a_pixel_outside_of_what_was_measured_is_black_in_input_and_target(heads):
    draws = scanners._Draws(tf.random.stateless_uniform((64, scanners.NUMBERS), (1, 2)), 1.0)
    seen = scanners.seen_pixels(tf.constant(heads[1]), draws).numpy()
    assert seen.shape == (64, *SIDES, 1)
    share = seen.mean(axis=(1, 2, 3))
    assert share.max() == 1.0
    assert share.min() < 0.5


def test_the_grey_scale_stays_in_order_where_it_is_not_inverted(heads):
    ramp = np.tile(np.linspace(0, 1, SIDES[1], dtype="float32"), (64, SIDES[0], 1))[..., None]
    draws = scanners._Draws(tf.random.stateless_uniform((64, scanners.NUMBERS), (5, 6)), 1.0)
    changed = scanners._change_contrast(tf.constant(ramp), draws).numpy()[:, 0, :, 0]
    rising = (np.diff(changed, axis=1) >= -1e-6).all(axis=1)
    assert 0.85 < rising.mean()
    assert changed.min() >= 0
    assert changed.max() <= 1.01


def test_batches_of_other_scanners_keep_input_and_target_together(heads):
    images, brains = heads
    train = Slices(images, brains=brains, scanners=1.0, batch_size=16, seed=2)
    inputs, targets = next(iter(train.epoch()))
    np.testing.assert_array_equal(inputs, targets)
    assert np.abs(np.asarray(targets) - images[:16]).max() > 0.1
    assert train.digest() != Slices(images, batch_size=16, seed=2).digest()


def test_masks_are_needed(heads):
    with pytest.raises(ValueError, match="expected brain masks of the 64 slices, got none"):
        Slices(heads[0], scanners=1.0)


def test_the_restorers_damage_leaves_a_quarter_of_the_slices_alone(heads):
    damaged = corruptions.corrupt(heads[0], "restorer", seed=1)
    whole = (damaged == heads[0]).all(axis=(1, 2, 3))
    assert 0.1 < whole.mean() < 0.4
