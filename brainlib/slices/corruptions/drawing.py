"""What happens to each image: parameters drawn from what a preset allows."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from brainlib.slices import image_random
from brainlib.slices.corruptions.presets import Limits, Preset, preset

STREAM = 0  # of the parameters' random numbers; `applying` has those of the pixels
MAX_SQUARES = 2


def draw(
    name: str | Preset, image_keys: tf.Tensor, image_shape: Sequence[int]
) -> dict[str, tf.Tensor]:
    """Decides what happens to each image.

    Args:
        name: a preset's name, or a `Preset`.
        image_keys: (B, 2) of `image_random.keys`.
        image_shape: (H, W) in pixels.

    Returns:
        dict of tensors. (B,): "dropout" share of pixels, "noise_sigma" and "rician_sigma" in image
        units, "blur_sigma" in pixels (0: no blur), "bias" and "ghost" strengths. "squares" (B, 2,
        4): top, left, bottom, right in pixels (an empty one: none). "bias_shape" (B, 5):
        coefficients of the field's polynomial.
    """
    chosen = preset(name)
    # Which number decides what is part of the definition: another place makes other pixels.
    uniform = image_random.uniform(image_keys, 32, STREAM)  # (B, 32)
    with_squares, with_dropout = _squares_and_dropout(chosen, uniform[:, 0], uniform[:, 1])
    with_blur = uniform[:, 2] < chosen.blur_probability
    drawn = {
        "dropout": tf.where(with_dropout, _between(chosen.dropout, uniform[:, 3]), 0.0),
        "noise_sigma": _between(chosen.noise_sigma, uniform[:, 4]),
        "blur_sigma": tf.where(with_blur, _between(chosen.blur_sigma, uniform[:, 5]), 0.0),
        "squares": _square_corners(chosen, uniform[:, 6:12], with_squares, image_shape),
        "bias": _between(chosen.bias, uniform[:, 12]),
        "bias_shape": 2 * uniform[:, 13:18] - 1,
        "ghost": _between(chosen.ghost, uniform[:, 18]),
        "rician_sigma": _between(chosen.rician_sigma, uniform[:, 19]),
    }
    if chosen.clean_probability:
        damaged = uniform[:, 20] >= chosen.clean_probability
        drawn = {name: _where(damaged, values) for name, values in drawn.items()}
    return drawn


def _where(damaged: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Values (B, ...) of the images that are damaged, 0 for the others."""
    return values * tf.cast(tf.reshape(damaged, [-1] + [1] * (len(values.shape) - 1)), values.dtype)


def _between(limits: Limits, uniform: tf.Tensor) -> tf.Tensor:
    """Numbers in [0, 1) to numbers between two limits."""
    return limits[0] + (limits[1] - limits[0]) * uniform


def _squares_and_dropout(
    chosen: Preset, first: tf.Tensor, second: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """(whether squares are blanked, whether pixels drop out), of each image: (B,) bool each."""
    if not chosen.either:
        with_squares = first < chosen.square_probability
        return with_squares, tf.ones_like(with_squares)
    how_many = tf.floor(first * 3)  # 0, 1 or 2 of the two
    squares_alone = second < 0.5  # where it is one: a toss of a coin
    with_squares = (how_many == 2) | ((how_many == 1) & squares_alone)
    with_dropout = (how_many == 2) | ((how_many == 1) & ~squares_alone)
    return with_squares, with_dropout


def _square_corners(
    chosen: Preset, uniform: tf.Tensor, with_squares: tf.Tensor, image_shape: Sequence[int]
) -> tf.Tensor:
    """Top, left, bottom, right of the blanked squares in whole pixels: (B, 2, 4).

    Args:
        chosen: how large, how many and where they may be.
        uniform: (B, 6) in [0, 1).
        with_squares: (B,) whether an image has any.
        image_shape: (H, W) in pixels.
    """
    height, width = tf.unstack(tf.cast(image_shape, tf.float32))
    side, row, column = tf.unstack(tf.reshape(uniform, (-1, MAX_SQUARES, 3)), axis=-1)  # (B, 2)
    side = tf.round(_between(chosen.square_side, side) * tf.minimum(height, width))
    if chosen.square_place == "inside":
        top = tf.floor(row * (height - side + 1))
        left = tf.floor(column * (width - side + 1))
    else:
        column = row if chosen.square_place == "diagonal" else column
        top = tf.floor(row * height) - side // 2
        left = tf.floor(column * width) - side // 2
    allowed = tf.constant([[number < chosen.squares for number in range(MAX_SQUARES)]])
    side = tf.where(with_squares[:, None] & allowed, side, 0.0)
    return tf.stack([top, left, top + side, left + side], axis=-1)
