"""Building blocks of the VQGAN (Esser et al. 2021; thesis 002, section 4.2).

Group norm with swish, residual and non-local blocks, and steps between sizes.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers, ops

from brainlib.models.tensors import Tensor

GROUPS = 32  # of 128 channels and more, as Esser et al. 2021 have them
SMALLEST_GROUP = 4  # channels
EPSILON = 1e-6


def number_of_groups(channels: int) -> int:
    """Number of groups of a norm: the largest divisor of the channels that leaves 4 or more each.

    At most 32, which 128 channels and more have, as published. Groups of one channel, which 32
    groups of 32 channels would be, would take from every channel of a narrow network how bright
    it is.
    """
    count = max(1, min(GROUPS, channels // SMALLEST_GROUP))
    while channels % count != 0:
        count -= 1
    return count


def group_norm(x: Tensor, name: str) -> Tensor:
    """Group norm over the channels of (B, h, w, C)."""
    groups = number_of_groups(x.shape[-1])
    return layers.GroupNormalization(groups, epsilon=EPSILON, name=f"{name}_norm")(x)


def swish(x: Tensor, name: str) -> Tensor:
    """The activation x * sigmoid(x)."""
    return layers.Activation("silu", name=f"{name}_swish")(x)


def residual_block(x: Tensor, filters: int, name: str) -> Tensor:
    """Norm, swish, 3x3 conv, norm, swish, 3x3 conv, add.

    A 1x1 conv brings the input to other filters. (B, h, w, C) -> (B, h, w, filters).
    """
    y = x
    for half in (f"{name}_1", f"{name}_2"):
        y = group_norm(y, half)
        y = swish(y, half)
        y = layers.Conv2D(filters, 3, padding="same", name=f"{half}_conv")(y)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, name=f"{name}_shortcut")(x)
    return layers.Add(name=f"{name}_add")([x, y])


@keras.saving.register_keras_serializable("brainlib")
class Attention(layers.Layer):
    """Every place takes values from all places: softmax(query key^T / sqrt(C)) value.

    Inputs are (query, key, value), each (B, h, w, C); so is the output. No weights of its own.
    """

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        shape = ops.shape(inputs[0])
        query, key, value = (self._flat(part) for part in inputs)  # each (B, h*w, C)
        similarity = ops.matmul(query, ops.transpose(key, (0, 2, 1)))  # (B, h*w, h*w)
        weights = ops.softmax(similarity / math.sqrt(query.shape[-1]), axis=-1)
        return ops.reshape(ops.matmul(weights, value), shape)  # (B, h, w, C)

    @staticmethod
    def _flat(x: Tensor) -> Tensor:
        return ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))  # (B, h*w, C)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return input_shape[0]


def non_local_block(x: Tensor, name: str) -> Tensor:
    """Norm, three 1x1 convs, attention, a 1x1 conv, add (Wang et al. 2018). Keeps the shape."""
    channels = x.shape[-1]
    y = group_norm(x, name)
    query = layers.Conv2D(channels, 1, name=f"{name}_query")(y)
    key = layers.Conv2D(channels, 1, name=f"{name}_key")(y)
    value = layers.Conv2D(channels, 1, name=f"{name}_value")(y)
    y = Attention(name=f"{name}_attention")([query, key, value])
    y = layers.Conv2D(channels, 1, name=f"{name}_out")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def downsample(x: Tensor, name: str) -> Tensor:
    """A 3x3 conv of stride 2 behind a row and a column of zeros.

    A side of n becomes n // 2, of odd n as well. (B, h, w, C) -> (B, h // 2, w // 2, C).
    """
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.Conv2D(x.shape[-1], 3, strides=2, name=f"{name}_conv")(x)


def upsample(x: Tensor, name: str) -> Tensor:
    """Every pixel four times, then a 3x3 conv. (B, h, w, C) -> (B, 2h, 2w, C)."""
    x = layers.UpSampling2D(2, name=f"{name}_twice")(x)
    return layers.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}_conv")(x)


def enlarge(x: Tensor, sides: Sequence[int], kernel: int, name: str) -> Tensor:
    """A transposed conv of stride 1, which adds kernel - 1 rows and columns.

    What goes beyond `sides` (H, W) is cut off. Four of them, of kernels 5, 5, 5 and 4, bring 80x64
    to exactly 95x79, and nothing is cut.
    """
    x = layers.Conv2DTranspose(x.shape[-1], kernel, name=name)(x)
    over = [max(0, present - wanted) for present, wanted in zip(x.shape[1:3], sides)]
    if not any(over):
        return x
    cuts = [(count // 2, count - count // 2) for count in over]
    return layers.Cropping2D(cuts, name=f"{name}_cut")(x)
