"""Building blocks of the VQGAN: group norm with swish, residual and non-local blocks, halving, doubling, growing."""

import math

import keras
from keras import layers, ops

REGISTERED = keras.saving.register_keras_serializable("brainlib")
GROUPS, SMALLEST_GROUP = 32, 4  # of 128 channels: 32 groups of 4, as Esser et al. 2021 have them
EPSILON = 1e-6


def groups_of(channels):
    """Number of groups of a norm: the largest divisor of the channels, at most 32, that leaves 4 channels a group or more.

    128 channels and more have 32 groups, as published. Groups of one channel, which 32 groups of 32 channels would be,
    would take from every channel of a narrow network how bright it is.
    """
    return next(
        count
        for count in range(max(1, min(GROUPS, channels // SMALLEST_GROUP)), 0, -1)
        if channels % count == 0
    )


def norm(x, name):
    """Group norm over the channels of (B, h, w, C)."""
    return layers.GroupNormalization(groups_of(x.shape[-1]), epsilon=EPSILON, name=f"{name}_norm")(
        x
    )


def swish(x, name):
    """x * sigmoid(x)."""
    return layers.Activation("silu", name=f"{name}_swish")(x)


def residual(x, filters, name):
    """Norm, swish, 3x3 conv, norm, swish, 3x3 conv, add; a 1x1 conv brings the input to other filters."""
    inner = x
    for number in (1, 2):
        inner = swish(norm(inner, f"{name}_{number}"), f"{name}_{number}")
        inner = layers.Conv2D(filters, 3, padding="same", name=f"{name}_{number}_conv")(inner)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, name=f"{name}_shortcut")(x)
    return layers.Add(name=f"{name}_add")([x, inner])


@REGISTERED
class Attention(layers.Layer):
    """Every place takes values from all places: softmax(query key^T / sqrt(C)) value.

    Inputs are (query, key, value), each (B, h, w, C); so is the output. No weights of its own.
    """

    def call(self, inputs):
        shape = ops.shape(inputs[0])
        query, key, value = (
            ops.reshape(part, (-1, part.shape[1] * part.shape[2], part.shape[3])) for part in inputs
        )
        alike = ops.matmul(query, ops.transpose(key, (0, 2, 1)))  # (B, h*w, h*w)
        share = ops.softmax(alike / math.sqrt(query.shape[-1]), axis=-1)
        return ops.reshape(ops.matmul(share, value), shape)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def non_local(x, name):
    """Norm, three 1x1 convs, attention, a 1x1 conv, add."""
    channels, inner = x.shape[-1], norm(x, name)
    parts = [
        layers.Conv2D(channels, 1, name=f"{name}_{part}")(inner)
        for part in ("query", "key", "value")
    ]
    inner = layers.Conv2D(channels, 1, name=f"{name}_out")(
        Attention(name=f"{name}_attention")(parts)
    )
    return layers.Add(name=f"{name}_add")([x, inner])


def halve(x, name):
    """A 3x3 conv of stride 2 behind a row and a column of zeros: a side of n becomes n // 2, of odd n as well."""
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.Conv2D(x.shape[-1], 3, strides=2, name=f"{name}_conv")(x)


def double(x, name):
    """Every pixel four times, then a 3x3 conv."""
    x = layers.UpSampling2D(2, name=f"{name}_twice")(x)
    return layers.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}_conv")(x)


def grow(x, sides, kernel, name):
    """A transposed conv of stride 1, which adds kernel - 1 rows and columns; what goes beyond `sides` is cut off.

    Four of them, of kernels 5, 5, 5 and 4, bring 80x64 to exactly 95x79, and nothing is cut.
    """
    x = layers.Conv2DTranspose(x.shape[-1], kernel, name=name)(x)
    over = [max(0, present - wanted) for present, wanted in zip(x.shape[1:3], sides)]
    return (
        layers.Cropping2D([(part // 2, part - part // 2) for part in over], name=f"{name}_cut")(x)
        if any(over)
        else x
    )
