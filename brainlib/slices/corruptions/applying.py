"""Corruptions of pixels, one function each: they do to a batch what `drawing` decided.

Images are (B, H, W, 1) float32 in [0, 1] throughout, and strengths (B,); a strength of 0 leaves an
image as it is.
"""

from __future__ import annotations

import functools

import tensorflow as tf

from brainlib.slices.corruptions.presets import Limits, Preset, preset
from brainlib.slices.image_random import normal_fields, uniform_fields

# Independent streams of random numbers of one image; 0 is that of the parameters.
DROPOUT, NOISE, IMAGINARY = 1, 2, 3


def apply(
    images: tf.Tensor,
    parameters: dict[str, tf.Tensor],
    image_keys: tf.Tensor,
    *,
    name: str | Preset,
) -> tf.Tensor:
    """Does to each image what `draw` decided.

    Args:
        images: (B, H, W, 1) float32 in [0, 1].
        parameters: of `draw`; all zero leaves the images as they are.
        image_keys: (B, 2) of `image_random.keys`: of the dropped pixels and of the noise.
        name: a preset's name, or a `Preset`.

    Returns:
        (B, H, W, 1) float32 in [0, 1].
    """
    chosen, sigma = preset(name), parameters["blur_sigma"]
    start = blur_at_first(images, sigma, chosen)
    corrupted = apply_without_blur(start, parameters, image_keys, chosen)
    return blur_and_limit(images, corrupted, sigma, chosen)


def blur_at_first(images: tf.Tensor, blur_sigma: tf.Tensor, chosen: Preset) -> tf.Tensor:
    """The images blurred where the preset blurs before all else; else as they are."""
    return blur(images, blur_sigma, chosen.blur_sigma) if chosen.blur_first else images


def apply_without_blur(
    images: tf.Tensor, parameters: dict[str, tf.Tensor], image_keys: tf.Tensor, chosen: Preset
) -> tf.Tensor:
    """All but the blur: what is done pixel by pixel, which XLA makes one loop of."""
    corrupted = images
    if chosen.bias[1] > 0:
        corrupted = multiply_bias_field(corrupted, parameters["bias"], parameters["bias_shape"])
    if chosen.ghost[1] > 0:
        corrupted = add_ghost(corrupted, parameters["ghost"])
    if chosen.rician_sigma[1] > 0:
        corrupted = add_rician_noise(corrupted, parameters["rician_sigma"], image_keys)
    if chosen.dropout[1] > 0:
        corrupted = drop_pixels(corrupted, parameters["dropout"], image_keys, chosen)
    if chosen.noise_sigma[1] > 0:
        corrupted = add_noise(corrupted, parameters["noise_sigma"], image_keys)
    if chosen.square_side[1] > 0:
        corrupted = blank_squares(corrupted, parameters["squares"][:, : chosen.squares])
    return corrupted


def blur_and_limit(
    images: tf.Tensor, corrupted: tf.Tensor, blur_sigma: tf.Tensor, chosen: Preset
) -> tf.Tensor:
    """The blur that comes last, and images brought back to [0, 1]; `images` are the clean ones."""
    if chosen.blur_sigma[1] > 0 and not chosen.blur_first:
        corrupted = blur(corrupted, blur_sigma, chosen.blur_sigma)
    if chosen.rescale:
        return rescale_changed(images, corrupted)
    return tf.clip_by_value(corrupted, 0.0, 1.0)


# ---- magnetic resonance's own


def multiply_bias_field(images: tf.Tensor, strength: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """A coil's receive field: exp of a polynomial of second degree, of that standard deviation.

    Args:
        images: (B, H, W, 1).
        strength: (B,) standard deviation of the field's logarithm.
        shape: (B, 5) coefficients of the polynomial.
    """
    sides = tf.shape(images)[1:3]
    rows = tf.linspace(-1.0, 1.0, sides[0])[:, None]  # (H, 1)
    columns = tf.linspace(-1.0, 1.0, sides[1])[None, :]  # (1, W)
    terms = [
        rows + 0 * columns,
        columns + 0 * rows,
        rows * columns,
        rows**2 - 1 / 3 + 0 * columns,
        columns**2 - 1 / 3 + 0 * rows,
    ]
    field = tf.einsum("bk,khw->bhw", shape, tf.stack(terms))
    spread = tf.math.reduce_std(field, axis=(1, 2), keepdims=True)
    logarithm = strength[:, None, None] * tf.math.divide_no_nan(field, spread)
    return images * tf.exp(logarithm)[..., None]


def add_ghost(images: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Motion's ghost: a share (B,) of the signal half a field of view away along the rows."""
    share = share[:, None, None, None]
    shifted = tf.roll(images, tf.shape(images)[1] // 2, axis=1)
    return (1 - share) * images + share * shifted


def add_rician_noise(images: tf.Tensor, sigma: tf.Tensor, image_keys: tf.Tensor) -> tf.Tensor:
    """Rician noise, as magnitude images have it. sigma: (B,) image units, of both channels."""
    sigma = sigma[:, None, None, None]
    real = sigma * normal_fields(image_keys, NOISE, images.shape[1:3])
    imaginary = sigma * normal_fields(image_keys, IMAGINARY, images.shape[1:3])
    magnitude = tf.sqrt(tf.square(images + real) + tf.square(imaginary))
    return tf.where(sigma > 0, magnitude, images)


# ---- the theses'


def drop_pixels(
    images: tf.Tensor, share: tf.Tensor, image_keys: tf.Tensor, chosen: Preset
) -> tf.Tensor:
    """Sets a share (B,) of the pixels to 0, in blocks of `chosen.dropout_block` pixels a side."""
    (height, width), block = images.shape[1:3], chosen.dropout_block
    blocks = [-(-height // block), -(-width // block)]  # ceiling of the division
    field = uniform_fields(image_keys, DROPOUT, blocks)
    if block > 1:
        field = tf.repeat(tf.repeat(field, block, axis=1), block, axis=2)[:, :height, :width]
    share = share[:, None, None, None]
    survivors = images / (1 - share) if chosen.rescale_survivors else images
    return tf.where(field < share, 0.0, survivors)


def add_noise(images: tf.Tensor, sigma: tf.Tensor, image_keys: tf.Tensor) -> tf.Tensor:
    """Gaussian noise. sigma: (B,) image units."""
    noise = normal_fields(image_keys, NOISE, images.shape[1:3])
    return images + sigma[:, None, None, None] * noise


def blank_squares(images: tf.Tensor, squares: tf.Tensor) -> tf.Tensor:
    """Sets squares to 0. squares: (B, one or two, 4) top, left, bottom, right in pixels."""
    rows = tf.range(tf.shape(images)[1], dtype=tf.float32)[None]  # (1, H)
    columns = tf.range(tf.shape(images)[2], dtype=tf.float32)[None]  # (1, W)
    inside = []
    # One by one: a reduction over the two takes five times as long.
    for square in tf.unstack(squares, axis=1):
        top, left, bottom, right = tf.split(square, 4, axis=1)  # each (B, 1)
        in_rows = (rows >= top) & (rows < bottom)
        in_columns = (columns >= left) & (columns < right)
        inside.append(in_rows[:, :, None, None] & in_columns[:, None, :, None])  # (B, H, W, 1)
    return tf.where(functools.reduce(tf.logical_or, inside), 0.0, images)


def blur(images: tf.Tensor, sigma: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Gaussian blur with an own sigma for each image, borders mirrored.

    Args:
        images: (B, H, W, 1).
        sigma: (B,) in pixels; images of 0 are not touched.
        limits: what sigma can be: one matrix serves all images where both are the same.
    """
    height, width = images.shape[1:3]
    places = tf.where(sigma > 0)  # (b, 1)
    pictures = tf.gather_nd(images, places)[..., 0]  # (b, H, W)
    if limits[0] == limits[1]:
        by_rows = _fixed_blur_matrix(limits[0], height)
        by_columns = _fixed_blur_matrix(limits[0], width)
    else:
        own_sigma = tf.gather_nd(sigma, places)  # (b,)
        by_rows = _blur_matrix(own_sigma, height)
        by_columns = _blur_matrix(own_sigma, width)
    pictures = tf.matmul(by_rows @ pictures, by_columns, transpose_b=True)
    return tf.tensor_scatter_nd_update(images, places, pictures[..., None])


@functools.cache
def _fixed_blur_matrix(sigma: float, side: int) -> tf.Tensor:
    """(1, side, side): made once and outside of any graph where all images have the same sigma."""
    with tf.init_scope(), tf.device("CPU:0"):
        return _blur_matrix(tf.constant([sigma], tf.float32), side)


def _blur_matrix(sigma: tf.Tensor, side: int) -> tf.Tensor:
    """Matrices (b, side, side) that blur along one axis, the border's mirror image included.

    Each row sums to 1. sigma: (b,) in pixels.
    """
    place = tf.range(side, dtype=tf.float32)
    here, there, last = place[:, None], place[None, :], tf.cast(2 * side - 1, tf.float32)
    sigma = sigma[:, None, None]
    weights = 0
    for distance in (here - there, here + there + 1, last - here - there):
        weights += tf.exp(-0.5 * (distance / sigma) ** 2)
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def rescale_changed(images: tf.Tensor, corrupted: tf.Tensor) -> tf.Tensor:
    """Min-max scaling of the images that were changed at all."""
    changed = tf.reduce_any(corrupted != images, axis=(1, 2, 3), keepdims=True)
    low = tf.reduce_min(corrupted, axis=(1, 2, 3), keepdims=True)
    high = tf.reduce_max(corrupted, axis=(1, 2, 3), keepdims=True)
    return tf.where(changed, tf.math.divide_no_nan(corrupted - low, high - low), images)
