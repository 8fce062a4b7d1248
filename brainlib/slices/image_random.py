"""Random numbers of images: what an image gets depends on (seed, epoch, index) alone.

Not on the batch that it is in, nor on what was drawn before. So a training can be taken up at any
epoch, and evaluation sees the very pixels that training would. All of it runs inside of tf.data.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Fields of random numbers are cut out of two fixed pools at places that (seed, epoch, index)
# decide: fresh numbers for every pixel took longer than everything else together. A pool is a
# megapixel and a field begins at any of 32,768 places of it, so it hardly ever comes back.
POOL = 2**20
STRIDE = 32


def keys(
    seed: int | tf.Tensor, epoch: int | tf.Tensor, indices: np.ndarray | tf.Tensor
) -> tf.Tensor:
    """Keys of images: what their random numbers are made from.

    Args:
        seed: whole number.
        epoch: whole number.
        indices: (B,) numbers of the images in their array.

    Returns:
        (B, 2) int64 tensor.
    """
    indices = tf.cast(indices, tf.int64)
    first = tf.cast(seed, tf.int64) * 2**20 + tf.cast(epoch, tf.int64)
    return tf.stack([tf.fill(tf.shape(indices), first), indices], axis=1)


def uniform(image_keys: tf.Tensor, count: int, stream: int) -> tf.Tensor:
    """Numbers of each image, uniform in [0, 1): (B, count) float32.

    Args:
        image_keys: (B, 2) of `keys`.
        count: numbers per image.
        stream: other streams of the same image are independent.
    """
    return tf.cast(_hash(image_keys, count, stream) // 2**7, tf.float32) / 2.0**24


def normal_fields(image_keys: tf.Tensor, stream: int, sides: Sequence[int]) -> tf.Tensor:
    """A field of N(0, 1) of each image: (B, H, W, 1). sides: (H, W), known beforehand."""
    return _fields(True, image_keys, stream, sides)


def uniform_fields(image_keys: tf.Tensor, stream: int, sides: Sequence[int]) -> tf.Tensor:
    """A field of each image, uniform in [0, 1): (B, H, W, 1). sides: (H, W), known beforehand."""
    return _fields(False, image_keys, stream, sides)


def _fields(normal: bool, image_keys: tf.Tensor, stream: int, sides: Sequence[int]) -> tf.Tensor:
    pixels = sides[0] * sides[1]
    rows = -(-pixels // STRIDE)  # ceiling of the division
    first = tf.cast(_hash(image_keys, 1, stream) % (POOL // STRIDE), tf.int32)  # (B, 1)
    fields = tf.gather(_pool(normal, rows), first + tf.range(rows)[None])  # (B, rows, STRIDE)
    fields = tf.reshape(fields, [-1, rows * STRIDE])[:, :pixels]
    return tf.reshape(fields, [-1, *sides, 1])


@functools.cache
def _pool(normal: bool, more: int) -> tf.Tensor:
    """2^20 numbers in rows of STRIDE, and the first `more` rows again behind the last.

    They are N(0, 1), or uniform in [0, 1). A tensor outside of any graph: as a constant inside, its
    4 MB were copied whenever an iterator began.
    """
    rng = np.random.default_rng(20201 + normal)
    draw = rng.standard_normal if normal else rng.random
    numbers = draw(POOL, dtype="float32")
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(np.resize(numbers, (POOL // STRIDE + more, STRIDE)))  # repeats them


def _hash(image_keys: tf.Tensor, count: int, stream: int) -> tf.Tensor:
    """Whole numbers that look random, uniform in [0, 2^31): (B, 2) -> (B, count) int64.

    The finaliser of SplitMix64 (Steele, Lea and Flood, 2014). The parts of a key are mixed in one
    after the other, so that no two keys add up to the same.
    """
    numbers = tf.range(count, dtype=tf.int64) + stream * 1000 + 1
    golden = tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    first = tf.constant(0xBF58476D1CE4E5B9, tf.uint64)
    second = tf.constant(0x94D049BB133111EB, tf.uint64)
    x = tf.zeros((), tf.uint64)
    for part in (image_keys[:, :1], image_keys[:, 1:], numbers[None]):
        x = x + (tf.cast(part, tf.uint64) + tf.constant(1, tf.uint64)) * golden
        x = _xor_shifted(x, 30) * first
        x = _xor_shifted(x, 27) * second
        x = _xor_shifted(x, 31)
    return tf.cast(tf.bitwise.right_shift(x, tf.constant(33, tf.uint64)), tf.int64)


def _xor_shifted(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(bits, tf.uint64)))
