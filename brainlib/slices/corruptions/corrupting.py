"""Drawing and applying in one call: inside of tf.data, and from NumPy to NumPy."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from brainlib.slices import image_random
from brainlib.slices.corruptions.applying import (
    apply,
    apply_without_blur,
    blur_and_limit,
    blur_at_first,
)
from brainlib.slices.corruptions.drawing import draw
from brainlib.slices.corruptions.presets import PRESETS, Preset, preset, scaled

BATCH = 64  # images that `corrupt` hands to TensorFlow at once
EVERYTHING = Preset(  # what `corrupt_exactly` may be asked for; its own numbers are never drawn
    dropout=(0, 1),
    noise_sigma=(0, 1),
    square_side=(0, 1),
    blur_sigma=(0, 1),
    bias=(0, 1),
    rician_sigma=(0, 1),
)


def corrupt_batch(
    images: tf.Tensor,
    indices: tf.Tensor,
    *,
    name: str | Preset,
    seed: int | tf.Tensor,
    epoch: int | tf.Tensor = 0,
) -> tf.Tensor:
    """Corrupts a batch inside tf.data.

    Args:
        images: (B, H, W, 1) tensor in [0, 1] of known sides.
        indices: (B,) numbers of the images in their array.
        name: a preset's name, or a `Preset`.
        seed: whole number.
        epoch: whole number.

    Returns:
        (B, H, W, 1) tensor in [0, 1].
    """
    chosen = preset(name)
    if chosen == PRESETS["none"]:
        return images
    seed, epoch = tf.convert_to_tensor(seed, tf.int64), tf.cast(epoch, tf.int64)
    indices = tf.cast(indices, tf.int64)
    start = images
    if chosen.blur_first:
        sigma = _drawn_blur(indices, seed, epoch, sides=tuple(images.shape[1:3]), chosen=chosen)
        start = blur_at_first(images, sigma, chosen)
    corrupted, sigma = _drawn_and_applied(start, indices, seed, epoch, chosen=chosen)
    return blur_and_limit(images, corrupted, sigma, chosen)


# XLA makes one loop over the pixels of it, not a dozen: less than half of the time.
@functools.partial(tf.function, jit_compile=True)
def _drawn_and_applied(images, indices, seed, epoch, *, chosen):
    image_keys = image_random.keys(seed, epoch, indices)
    parameters = draw(chosen, image_keys, images.shape[1:3])
    corrupted = apply_without_blur(images, parameters, image_keys, chosen)
    return corrupted, parameters["blur_sigma"]


@functools.partial(tf.function, jit_compile=True)
def _drawn_blur(indices, seed, epoch, *, sides, chosen):
    """The blur's sigma of each image. The blur gathers and scatters: nothing for XLA."""
    image_keys = image_random.keys(seed, epoch, indices)
    return draw(chosen, image_keys, sides)["blur_sigma"]


def corrupt(
    images: np.ndarray,
    name: str | Preset,
    *,
    seed: int,
    epoch: int = 0,
    indices: np.ndarray | None = None,
    strength: float = 1.0,
) -> np.ndarray:
    """Corrupts images: the same pixels as in training with the same seed, epoch and indices.

    Args:
        images: (N, H, W, 1) in [0, 1]; left as they are.
        name: a preset's name, or a `Preset`.
        seed: whole number.
        epoch: whole number; evaluation uses 0.
        indices: (N,) numbers of the images in their array; 0, 1, 2... when absent.
        strength: factor on the preset, see `scaled`.

    Returns:
        (N, H, W, 1) float32 in [0, 1].
    """
    images = np.asarray(images, dtype="float32")
    if images.ndim != 4:
        raise ValueError(
            f"expected images of shape (N, H, W, 1), got {images.shape}. Add the missing axes."
        )
    indices = np.arange(len(images)) if indices is None else np.asarray(indices)
    chosen = scaled(name, strength) if strength != 1 else preset(name)
    parts = []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        corrupted = _corrupt_in_graph(
            tf.constant(images[part]),
            tf.constant(indices[part], tf.int64),
            sides=images.shape[1:3],
            name=chosen,
            seed=tf.constant(seed, tf.int64),
            epoch=tf.constant(epoch, tf.int64),
        )
        parts.append(corrupted.numpy())
    return np.concatenate(parts) if parts else images.copy()


def corrupt_exactly(
    images: np.ndarray,
    *,
    seed: int,
    dropout: float = 0.0,
    noise_sigma: float = 0.0,
    blur_sigma: float = 0.0,
    bias: float = 0.0,
    rician_sigma: float = 0.0,
    square: tuple[float, float, float, float] = (0, 0, 0, 0),
) -> np.ndarray:
    """Corrupts images by strengths that are given, not drawn: what a slider is set to.

    Args:
        images: (N, H, W, 1) in [0, 1]; left as they are.
        seed: of which pixels drop out, of the noise and of the shape of the bias field.
        dropout: share of the pixels set to 0.
        noise_sigma: standard deviation of Gaussian noise, image units.
        blur_sigma: of a Gaussian blur, pixels.
        bias: standard deviation of the logarithm of a smooth receive field.
        rician_sigma: standard deviation of the noise in both channels, image units.
        square: top, left, bottom, right of a blanked rectangle, pixels.

    Returns:
        (N, H, W, 1) float32 in [0, 1].
    """
    images = tf.constant(np.asarray(images, dtype="float32"))
    strengths = {
        "dropout": dropout,
        "noise_sigma": noise_sigma,
        "blur_sigma": blur_sigma,
        "bias": bias,
        "rician_sigma": rician_sigma,
    }
    given = {name: tf.constant(value, tf.float32) for name, value in strengths.items()}
    corners = tf.constant(square, tf.float32)
    seed = tf.constant(seed, tf.int64)
    return _exactly(images, given, corners, seed, sides=tuple(images.shape[1:3])).numpy()


@functools.partial(tf.function, reduce_retracing=True)
def _exactly(images, strengths, square, seed, *, sides):
    images = tf.ensure_shape(images, (None, *sides, 1))
    count = tf.shape(images)[0]
    image_keys = image_random.keys(seed, 0, tf.range(count))
    parameters = draw(EVERYTHING, image_keys, sides)  # for the shape of the field
    for name, value in strengths.items():
        parameters[name] = tf.fill([count], value)
    parameters["squares"] = tf.tile(square[None, None], [count, 1, 1])
    return apply(images, parameters, image_keys, name=EVERYTHING)


@functools.partial(tf.function, reduce_retracing=True)  # as in tf.data, and many times faster
def _corrupt_in_graph(images, indices, *, sides, **options):
    """Sides stand apart from the images: tracing again may forget those of the images."""
    return corrupt_batch(tf.ensure_shape(images, (None, *sides, 1)), indices, **options)
