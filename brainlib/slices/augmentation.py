"""Slices of people who do not exist: small affine changes of head and contrast, for cohorts of a few subjects.

Input and target change alike, other than by `corruptions`, whose target stays as it was. Seed 000 (table 3.1) declined
shear, shifts and rotation, because they would lead to distorted samples; with a handful of people a network otherwise
learns them by heart, and what is lost in samples is for notebook 04 to measure.
"""

import tensorflow as tf

from brainlib.slices import corruptions

STREAM = 11  # of random numbers: none that `corruptions` uses
# What a strength of 1 allows, either way: about the spread of healthy adult heads, and of how they lie in a scanner.
ZOOM, TURN, SHEAR, SHIFT, GAMMA = (
    0.10,
    0.10,
    0.08,
    0.05,
    0.25,
)  # factor, radians, tangent, share of a side, exponent


def draw(image_keys, *, strength):
    """Parameters of each image. image_keys: (B, 2) of `corruptions.keys` -> dict of (B,) tensors, 0 for no change."""
    uniform = 2.0 * corruptions._uniform(image_keys, 7, STREAM) - 1.0  # (B, 7) in [-1, 1)
    limits = {
        "zoom_rows": ZOOM,
        "zoom_columns": ZOOM,
        "turn": TURN,
        "shear": SHEAR,
        "shift_rows": SHIFT,
        "shift_columns": SHIFT,
        "gamma": GAMMA,
    }
    return {
        name: strength * limit * uniform[:, place]
        for place, (name, limit) in enumerate(limits.items())
    }


def matrices(parameters, sides):
    """(B, 2, 3) matrices from a pixel (column, row, 1) of the changed image to that of the given one; sides: (H, W)."""
    height, width = (float(side) for side in sides)
    cosine, sine = tf.cos(parameters["turn"]), tf.sin(parameters["turn"])
    across, down = 1.0 + parameters["zoom_columns"], 1.0 + parameters["zoom_rows"]
    first = [across * cosine, across * (parameters["shear"] * cosine - sine)]
    second = [down * sine, down * (parameters["shear"] * sine + cosine)]
    middle = (width - 1) / 2, (height - 1) / 2
    offsets = [
        middle[place]
        + shift
        - row[0] * middle[0]
        - row[1] * middle[1]  # the middle stays, but for the shift
        for place, (row, shift) in enumerate(
            (
                (first, width * parameters["shift_columns"]),
                (second, height * parameters["shift_rows"]),
            )
        )
    ]
    return tf.stack(
        [tf.stack([*first, offsets[0]], axis=-1), tf.stack([*second, offsets[1]], axis=-1)], axis=1
    )


def change_batch(images, indices, *, strength, seed, epoch=0):
    """Changes a batch inside tf.data. images: (B, H, W, 1) in [0, 1] of known sides, indices: (B,) -> the same shape and range.

    Args:
        strength: factor on the limits above; 0 leaves the images as they are.
        seed, epoch: with the indices they decide what happens, as in `corruptions`.
    """
    if not strength:
        return images
    sides = images.shape[1:3]
    parameters = draw(corruptions.keys(seed, epoch, indices), strength=strength)
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
