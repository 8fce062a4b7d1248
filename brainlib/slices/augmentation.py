"""Slices of people who do not exist: small affine changes of head and contrast.

They help where people are few. Input and target change alike, other than by `corruptions`, whose
target stays as it was. Thesis 000 (table 3.1) declined shear, shifts and rotation, because they
would lead to distorted samples; with a handful of people a network otherwise learns them by heart,
and what is lost in samples is for notebook 04 to measure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from brainlib.slices import image_random

STREAM = 11  # of random numbers: none that `corruptions` uses
# What a strength of 1 allows, either way: about the spread of healthy adult heads, and of how they
# lie in a scanner.
ZOOM = 0.10  # factor
TURN = 0.10  # radians
SHEAR = 0.08  # tangent
SHIFT = 0.05  # share of a side
GAMMA = 0.25  # logarithm of the exponent of grey values
# In this order: a parameter's place decides which random number it gets.
LIMITS = {
    "zoom_rows": ZOOM,
    "zoom_columns": ZOOM,
    "turn": TURN,
    "shear": SHEAR,
    "shift_rows": SHIFT,
    "shift_columns": SHIFT,
    "gamma": GAMMA,
}


def draw(image_keys: tf.Tensor, *, strength: float) -> dict[str, tf.Tensor]:
    """Decides how each image changes: the names of `LIMITS` -> (B,) tensors, 0 for no change.

    Args:
        image_keys: (B, 2) of `image_random.keys`.
        strength: factor on the limits.
    """
    uniform = 2.0 * image_random.uniform(image_keys, len(LIMITS), STREAM) - 1.0  # (B, 7), [-1, 1)
    return {
        name: strength * limit * uniform[:, place]
        for place, (name, limit) in enumerate(LIMITS.items())
    }


def matrices(parameters: dict[str, tf.Tensor], sides: Sequence[int]) -> tf.Tensor:
    """(B, 2, 3) matrices from a pixel (column, row, 1) of the changed image to the given one's.

    Args:
        parameters: of `draw`.
        sides: (H, W) in pixels.
    """
    height, width = (float(side) for side in sides)
    cosine, sine = tf.cos(parameters["turn"]), tf.sin(parameters["turn"])
    across, down = 1.0 + parameters["zoom_columns"], 1.0 + parameters["zoom_rows"]
    column = [across * cosine, across * (parameters["shear"] * cosine - sine)]
    row = [down * sine, down * (parameters["shear"] * sine + cosine)]
    middle = (width - 1) / 2, (height - 1) / 2
    # The middle stays where it is, but for the shift.
    column_shift = middle[0] + width * parameters["shift_columns"]
    column_shift = column_shift - column[0] * middle[0] - column[1] * middle[1]
    row_shift = middle[1] + height * parameters["shift_rows"]
    row_shift = row_shift - row[0] * middle[0] - row[1] * middle[1]
    rows = [tf.stack([*column, column_shift], axis=-1), tf.stack([*row, row_shift], axis=-1)]
    return tf.stack(rows, axis=1)


def change_batch(
    images: tf.Tensor,
    indices: np.ndarray | tf.Tensor,
    *,
    strength: float,
    seed: int,
    epoch: int | tf.Tensor = 0,
) -> tf.Tensor:
    """Changes a batch inside tf.data.

    Args:
        images: (B, H, W, 1) in [0, 1] of known sides.
        indices: (B,) numbers of the images in their array.
        strength: factor on the limits above; 0 leaves the images as they are.
        seed: with epoch and indices it decides what happens, as in `corruptions`.
        epoch: whole number.

    Returns:
        images of the same shape and range.
    """
    if not strength:
        return images
    sides = images.shape[1:3]
    parameters = draw(image_random.keys(seed, epoch, indices), strength=strength)
    flat = tf.reshape(matrices(parameters, sides), [-1, 6])
    transforms = tf.concat([flat, tf.zeros_like(flat[:, :2])], axis=1)  # affine: the last two are 0
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.constant(list(sides), tf.int32),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    gamma = tf.exp(parameters["gamma"])[:, None, None, None]
    return tf.ensure_shape(tf.clip_by_value(changed, 0.0, 1.0) ** gamma, images.shape)
