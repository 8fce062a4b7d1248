"""Slices of scanners that nobody trained on: what differs from scanner to scanner, drawn at random.

A network that saw one scanner alone takes what is new to it for a fault: a head without its skull,
or cut off by the field of view, was filled up outside. On 26 heads of other scanners clean slices
came back at 31 dB from a training of 5,000 steps of 32 slices without cut heads, and at 45 dB from
one with them at 8,000 steps of 64 (one training each, which also differ in their length). Input
and target change alike; `augmentation` bends the head, `corruptions` do what is to be undone.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from brainlib.slices import image_random
from brainlib.slices.corruptions.applying import add_rician_noise, blur, multiply_bias_field

STREAM = 13  # of random numbers: none that `corruptions` or `augmentation` uses
NUMBERS = 48  # random numbers of an image
# How often each change happens, at a strength of 1, and how strong it is then.
STRIPPED = 0.25  # the skull is gone
STRIPPED_BLUR = (0.5, 2.5)  # pixels: how smooth the brain's outline is
FIELD_OF_VIEW = 0.25  # rows or columns outside of the field of view are black
FIELD_OF_VIEW_SHARE = 0.30  # of a side, at most, cut from each border
DEFACED = 0.15  # a plane cuts the face, or another part, away
SHARPENED = (0.40, 1.2)  # chance, largest gain of the details
SMOOTHED = (0.15, 0.8)  # chance, largest sigma in pixels
DETAIL_SIGMA = 0.8  # pixels: what sharpening calls a detail
FIELD = (0.50, 0.35)  # chance, largest standard deviation of the receive field's logarithm
SATURATED = (0.50, 0.55)  # chance, lowest grey value that becomes white
GAMMA = 0.45  # logarithm of the exponent of grey values
CURVE = (0.30, 0.15)  # chance, largest bend of the grey scale in its middle
INVERTED = 0.05  # dark tissue bright and bright tissue dark, as in T2
NOISY = (0.20, 0.02)  # chance, largest Rician sigma: scanners have noise that is no fault


def vary_batch(
    images: tf.Tensor,
    brains: tf.Tensor,
    indices: np.ndarray | tf.Tensor,
    *,
    strength: float,
    seed: int,
    epoch: int | tf.Tensor = 0,
) -> tf.Tensor:
    """Changes a batch inside tf.data as another scanner might have.

    Args:
        images: (B, H, W, 1) in [0, 1] of known sides.
        brains: (B, H, W) bool, the brain masks.
        indices: (B,) numbers of the images in their array.
        strength: factor on how often each change happens; 0 leaves the images as they are.
        seed: with epoch and indices it decides what happens, as in `corruptions`.
        epoch: whole number.

    Returns:
        (B, H, W, 1), each image scaled to [0, 1].
    """
    if not strength:
        return images
    image_keys = image_random.keys(seed, epoch, indices)
    uniform = image_random.uniform(image_keys, NUMBERS, STREAM)  # (B, NUMBERS)
    draws = _Draws(uniform, strength)
    seen = seen_pixels(brains, draws)
    images = _change_sharpness(images, draws)
    field = draws.value(FIELD[0], 0.0, FIELD[1])
    images = multiply_bias_field(images, field, 2 * draws.next(5) - 1)
    images = _to_unit_range(tf.where(seen, images, 0.0))
    images = _change_contrast(images, draws)
    noise = draws.value(NOISY[0], 0.0, NOISY[1])
    noise_keys = image_keys + tf.constant([[0, 2**40]], tf.int64)  # not the corruption's noise
    images = tf.where(seen, add_rician_noise(images, noise, noise_keys), images)
    return tf.ensure_shape(_to_unit_range(images), images.shape)


class _Draws:
    """Hands out an image's random numbers one after the other: a place decides what it is for."""

    def __init__(self, uniform: tf.Tensor, strength: float):
        self._uniform, self._strength, self._place = uniform, strength, 0

    def next(self, count: int = 1) -> tf.Tensor:
        """(B, count) numbers in [0, 1)."""
        taken = self._uniform[:, self._place : self._place + count]
        self._place += count
        return taken

    def happens(self, chance: float) -> tf.Tensor:
        """(B,) bool."""
        return self.next()[:, 0] < chance * self._strength

    def between(self, low: float, high: float) -> tf.Tensor:
        """(B,) numbers in [low, high)."""
        return low + (high - low) * self.next()[:, 0]

    def value(self, chance: float, low: float, high: float) -> tf.Tensor:
        """(B,) numbers in [low, high) where it happens, and 0 where it does not."""
        happens = self.happens(chance)
        return tf.where(happens, self.between(low, high), 0.0)


def seen_pixels(brains: tf.Tensor, draws: _Draws) -> tf.Tensor:
    """Which pixels this scanner or its tools left: (B, H, W, 1) bool.

    Args:
        brains: (B, H, W) bool.
        draws: random numbers of the images.
    """
    stripped = _expand(draws.happens(STRIPPED))
    outline = blur(
        tf.cast(brains, tf.float32)[..., None], draws.between(*STRIPPED_BLUR), STRIPPED_BLUR
    )
    inside = outline > _expand(draws.between(0.15, 0.6))
    return (inside | ~stripped) & _field_of_view(brains.shape[1:3], draws)


def _field_of_view(sides: tuple[int, int], draws: _Draws) -> tf.Tensor:
    """(B, H, W, 1): the rows and columns that were measured, and the side of a plane that stays."""
    rows, columns = (tf.range(side, dtype=tf.float32)[None] for side in sides)
    narrow = draws.happens(FIELD_OF_VIEW)[:, None]
    in_rows = _between_borders(rows, sides[0], narrow, draws, chance=0.7)
    in_columns = _between_borders(columns, sides[1], narrow, draws, chance=0.3)
    box = in_rows[:, :, None] & in_columns[:, None, :]
    angle = draws.between(0.0, 2 * math.pi)[:, None, None]
    distance = draws.between(0.15, 0.5)[:, None, None] * min(sides)
    down, across = rows[:, :, None] - sides[0] / 2, columns[:, None, :] - sides[1] / 2
    half_plane = down * tf.cos(angle) + across * tf.sin(angle) < distance
    whole = ~draws.happens(DEFACED)[:, None, None]
    return (box & (half_plane | whole))[..., None]


def _between_borders(
    places: tf.Tensor, side: int, narrow: tf.Tensor, draws: _Draws, *, chance: float
) -> tf.Tensor:
    """(B, side) bool: where an axis was measured; each border is cut with a chance."""
    measured = tf.ones_like(narrow)
    for from_end in (False, True):
        cut = draws.between(0.0, FIELD_OF_VIEW_SHARE)[:, None] * side
        happens = narrow & (draws.next() < chance)
        inside = places < side - cut if from_end else places >= cut
        measured = measured & (inside | ~happens)
    return measured


def _change_sharpness(images: tf.Tensor, draws: _Draws) -> tf.Tensor:
    """Unsharp masking, and a blur: scanners and their resampling differ in sharpness."""
    gain = _expand(draws.value(SHARPENED[0], 0.0, SHARPENED[1]))
    details = images - blur(
        images, tf.fill(tf.shape(images)[:1], DETAIL_SIGMA), (DETAIL_SIGMA, DETAIL_SIGMA)
    )
    images = tf.maximum(images + gain * details, 0.0)
    return blur(images, draws.value(SMOOTHED[0], 0.3, SMOOTHED[1]), (0.3, SMOOTHED[1]))


def _change_contrast(images: tf.Tensor, draws: _Draws) -> tf.Tensor:
    """White point, exponent, a bend of the grey scale, and now and then the inverse. In [0, 1]."""
    saturated = draws.happens(SATURATED[0])
    white = tf.where(saturated, draws.between(SATURATED[1], 1.0), 1.0)
    images = tf.clip_by_value(images / _expand(white), 0.0, 1.0)
    images = images ** _expand(tf.exp(draws.between(-GAMMA, GAMMA)))
    bend = draws.value(CURVE[0], -CURVE[1], CURVE[1])
    images = tf.clip_by_value(images + _expand(bend) * tf.sin(2 * math.pi * images), 0.0, 1.0)
    inverted = _expand(draws.happens(INVERTED)) & (images > 0.08)  # air stays dark
    return tf.where(inverted, 1.08 - images, images)


def _to_unit_range(images: tf.Tensor) -> tf.Tensor:
    """Each image from 0 to 1; one of a single value is black."""
    low = tf.reduce_min(images, axis=(1, 2, 3), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2, 3), keepdims=True)
    return tf.math.divide_no_nan(images - low, high - low)


def _expand(values: tf.Tensor) -> tf.Tensor:
    """(B,) -> (B, 1, 1, 1)."""
    return values[:, None, None, None]
