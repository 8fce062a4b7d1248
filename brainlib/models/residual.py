"""Autoencoders of seeds 003 and 004: residual blocks, skip connections, both.

Builders take the input shape, the width factor and their own options, and return a functional Keras model. Layers are
made in the order of the seeds' own code, which is the order of the arrays in their files of weights. The layer called
"latent" is the bottleneck; layers called "skip_..." carry features past it.
"""

import keras
from keras import layers, regularizers

L2 = 1e-5  # seed 004: encoder kernels and the last conv only


def filters_of(filters, width):
    """Number of filters at a width factor, at least 2."""
    return max(2, round(filters * width))


class Blocks:
    """The seeds' building blocks at one width and one regularisation."""

    def __init__(self, *, width=1.0, l2=False, bias=True, doubled_norm=False):
        self.width, self.bias, self.doubled_norm = width, bias, doubled_norm
        self.regularizer = regularizers.L2(L2 if l2 is True else float(l2)) if l2 else None

    def conv(self, x, filters, *, kernel=3, stride=1, name=None):
        return layers.Conv2D(
            filters_of(filters, self.width),
            kernel,
            strides=stride,
            padding="same",
            name=name,
            use_bias=self.bias,
            kernel_regularizer=self.regularizer,
        )(x)

    def norm_relu(self, x):
        return layers.ReLU()(layers.BatchNormalization()(x))

    def inner(self, x):
        """BN and ReLU within a residual block; with `doubled_norm` one more BN before them."""
        return self.norm_relu(layers.BatchNormalization()(x) if self.doubled_norm else x)

    def full_pre(self, x, filters, *, stride=1, project=None):
        """BN ReLU conv BN ReLU conv, plus the shortcut (He et al. 2016). project: "first", "last" or None."""
        shortcut = self.conv(x, filters, kernel=1, stride=stride) if project == "first" else x
        y = self.conv(self.inner(x), filters, stride=stride)
        y = self.conv(self.inner(y), filters)
        if project == "last":
            shortcut = self.conv(x, filters, kernel=1, stride=stride)
        return layers.Add()([shortcut, y])

    def original(self, x, filters, *, stride=1, project=None, norm_shortcut=False):
        """conv BN ReLU conv BN, plus the shortcut, ReLU (He et al. 2015)."""
        y = self.inner(self.conv(x, filters, stride=stride))
        y = layers.BatchNormalization()(self.conv(y, filters))
        if project == "last":
            x = self.conv(x, filters, kernel=1, stride=stride)
            x = layers.BatchNormalization()(x) if norm_shortcut else x
        return layers.ReLU()(layers.Add()([x, y]))

    def transposed(self, x, filters):
        """Transposed conv of stride 2, then BN."""
        x = layers.Conv2DTranspose(
            filters_of(filters, self.width), 3, strides=2, padding="same", use_bias=self.bias
        )(x)
        return layers.BatchNormalization()(x)

    def up(self, x, filters):
        return layers.ReLU()(self.transposed(x, filters))

    def output(self, x, channels):
        return layers.Conv2D(
            channels,
            3,
            padding="same",
            activation="sigmoid",
            use_bias=self.bias,
            name="output",
            kernel_regularizer=self.regularizer,
        )(x)


def _latent(x):
    return layers.Identity(name="latent")(x)


def _skip(x, number):
    return layers.Identity(name=f"skip_{number}")(x)


# ------------------------------------------------------------------------------------------------ seed 004


def _shallow_encoder(x, blocks, block):
    """The shallow residual encoder. -> (first conv, second block, third block)."""
    if block not in ("original", "full_pre"):
        raise ValueError(f"block: expected original or full_pre, got {block!r}.")
    residual = getattr(blocks, block)
    first = blocks.conv(x, 32, stride=2, name="first")  # (B, H/2, W/2, 32)
    y = residual(first, 64, stride=2, project="last")  # (B, H/4, W/4, 64)
    second = residual(y, 64)  # (B, H/4, W/4, 64)
    return first, second, residual(second, 128, stride=2, project="last")  # (B, H/8, W/8, 128)


def shallow_residual(image_shape, width, *, block="full_pre", l2=False, doubled_norm=False):
    """Seed 004, section 5.4.4.1.

    Args:
        image_shape, width: as for `models.build`.
        block: "original" or "full_pre".
        l2: True for 1e-5, or the factor.
        doubled_norm: one more batch norm before each inner one, as two of the author's released files have it.
    """
    blocks, inputs = Blocks(width=width, l2=l2, doubled_norm=doubled_norm), keras.Input(image_shape)
    x = _latent(_shallow_encoder(inputs, blocks, block)[-1])
    for filters in (64, 32, 16):
        x = blocks.up(x, filters)
    return keras.Model(inputs, blocks.output(x, image_shape[-1]), name="shallow_residual")


def residual_unet(image_shape, width, *, block="full_pre", l2=False):
    """Seed 004, section 5.4.4.4: the shallow residual one with two concatenated skips. l2: True for 1e-5."""
    blocks, inputs = Blocks(width=width, l2=l2), keras.Input(image_shape)
    first, second, x = _shallow_encoder(inputs, blocks, block)
    x = blocks.up(_latent(x), 64)
    x = layers.Concatenate()([x, _skip(second, 1)])
    x = blocks.up(x, 32)
    x = layers.Concatenate()([x, _skip(first, 2)])
    x = blocks.up(x, 16)
    return keras.Model(inputs, blocks.output(x, image_shape[-1]), name="residual_unet")


def skip_connection_cae(image_shape, width, *, l2=False):
    """Seed 004, section 5.4.4.3: skips add batch-norm outputs before the ReLU. l2: True for 1e-5, or the factor."""
    blocks, inputs = Blocks(width=width, l2=l2), keras.Input(image_shape)
    x, normed = inputs, []
    for filters in (32, 64, 128):
        normed.append(layers.BatchNormalization()(blocks.conv(x, filters, stride=2)))
        x = layers.ReLU()(normed[-1])
    x = _latent(x)  # (B, H/8, W/8, 128)
    for number, filters in enumerate((64, 32), start=1):
        x = layers.Add()([blocks.transposed(x, filters), _skip(normed[2 - number], number)])
        x = layers.ReLU()(x)
    x = blocks.up(x, 16)
    return keras.Model(inputs, blocks.output(x, image_shape[-1]), name="skip_connection_cae")


def myronenko_cae(image_shape, width, *, l2=False, dropout=0.1):
    """Seed 004, section 5.4.4.2: Myronenko's encoder, one level shorter. dropout: share of whole feature maps."""
    blocks, inputs = Blocks(width=width, l2=l2), keras.Input(image_shape)
    x = layers.SpatialDropout2D(dropout)(blocks.conv(inputs, 32))
    for filters, repeats in ((32, 1), (64, 2), (128, 2)):
        for _ in range(repeats):
            x = blocks.full_pre(x, filters, project="first")
        x = blocks.conv(x, filters, stride=2)
    x = _latent(x)  # (B, H/8, W/8, 128)
    for filters in (64, 32, 16):
        x = blocks.up(x, filters)
    return keras.Model(inputs, blocks.output(x, image_shape[-1]), name="myronenko_cae")


# ------------------------------------------------------------------------------------------------ seed 003

SMALL = (
    (64, 2),
    (64, 1),
    (128, 2),
    (256, 2),
)  # filters and stride of each residual block, table 4.1
BIG = ((64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1), (256, 1))


def _resnet(image_shape, width, encoder, name, l2):
    blocks, inputs = Blocks(width=width, l2=l2, bias=False), keras.Input(image_shape)
    x = blocks.conv(inputs, 32, stride=2)  # no batch norm, no activation
    for filters, stride in encoder:
        x = blocks.original(
            x, filters, stride=stride, project="last" if stride == 2 else None, norm_shortcut=True
        )
    x = _latent(x)  # (B, H/16, W/16, 256)
    for filters in (256, 128, 64, 32):
        x = blocks.up(x, filters)
    return keras.Model(inputs, blocks.output(x, image_shape[-1]), name=name)


def resnet_small(image_shape, width, *, extra_blocks=0, l2=False):
    """Seed 003, table 4.1. extra_blocks: more of the last kind, its wish; l2: True for 1e-5 (the seed has none)."""
    return _resnet(image_shape, width, SMALL + ((256, 1),) * extra_blocks, "resnet_small", l2)


def resnet_big(image_shape, width, *, extra_blocks=0, l2=False):
    """Seed 003, section 4.1.2: eight residual blocks, the same decoder; extra_blocks and l2 as for `resnet_small`."""
    return _resnet(image_shape, width, BIG + ((256, 1),) * extra_blocks, "resnet_big", l2)
