"""Autoencoders of theses 003 and 004: residual blocks, skip connections, both.

Builders take the input shape, the width factor and their own options, and return a functional
Keras model. Layers are made in the order of the theses' own code, which is the order of the arrays
in their files of weights. The layer called "latent" is the bottleneck; layers called "skip_..."
carry features past it.
"""

import keras
from keras import layers, regularizers

from brainlib.models.building import scaled_filters
from brainlib.models.tensors import Shape, Tensor

L2 = 1e-5  # thesis 004: encoder kernels and the last conv only
BLOCKS = ("original", "full_pre")  # kinds of residual blocks: methods of `Blocks`


class Blocks:
    """The theses' building blocks at one width and one regularisation.

    Args:
        width: factor on the numbers of filters.
        l2: True for 1e-5, or the factor; False for none.
        bias: of the convolutions.
        doubled_norm: one more batch norm before each inner one.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        l2: bool | float = False,
        bias: bool = True,
        doubled_norm: bool = False,
    ):
        self.width = width
        self.bias = bias
        self.doubled_norm = doubled_norm
        self.regularizer = None
        if l2:
            self.regularizer = regularizers.L2(L2 if l2 is True else float(l2))

    def conv(
        self, x: Tensor, filters: int, *, kernel: int = 3, stride: int = 1, name: str | None = None
    ) -> Tensor:
        """(B, h, w, C) -> (B, h / stride, w / stride, filters * width)."""
        return layers.Conv2D(
            scaled_filters(filters, self.width),
            kernel,
            strides=stride,
            padding="same",
            name=name,
            use_bias=self.bias,
            kernel_regularizer=self.regularizer,
        )(x)

    def norm_relu(self, x: Tensor) -> Tensor:
        """BN, ReLU."""
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x)

    def inner_norm_relu(self, x: Tensor) -> Tensor:
        """BN and ReLU within a residual block; with `doubled_norm` one more BN before them."""
        if self.doubled_norm:
            x = layers.BatchNormalization()(x)
        return self.norm_relu(x)

    def full_pre(
        self, x: Tensor, filters: int, *, stride: int = 1, project: str | None = None
    ) -> Tensor:
        """BN ReLU conv BN ReLU conv, plus the shortcut (He et al. 2016: full pre-activation).

        project: a 1x1 conv on the shortcut that is made "first" or "last" of all, or None.
        """
        shortcut = x
        if project == "first":
            shortcut = self.conv(x, filters, kernel=1, stride=stride)
        y = self.inner_norm_relu(x)
        y = self.conv(y, filters, stride=stride)
        y = self.inner_norm_relu(y)
        y = self.conv(y, filters)
        if project == "last":
            shortcut = self.conv(x, filters, kernel=1, stride=stride)
        return layers.Add()([shortcut, y])

    def original(
        self,
        x: Tensor,
        filters: int,
        *,
        stride: int = 1,
        project: str | None = None,
        norm_shortcut: bool = False,
    ) -> Tensor:
        """Conv BN ReLU conv BN, plus the shortcut, ReLU (He et al. 2015).

        project: "last" for a 1x1 conv on the shortcut, or None; norm_shortcut: with a BN after it.
        """
        y = self.conv(x, filters, stride=stride)
        y = self.inner_norm_relu(y)
        y = self.conv(y, filters)
        y = layers.BatchNormalization()(y)
        shortcut = x
        if project == "last":
            shortcut = self.conv(x, filters, kernel=1, stride=stride)
            if norm_shortcut:
                shortcut = layers.BatchNormalization()(shortcut)
        return layers.ReLU()(layers.Add()([shortcut, y]))

    def transposed_conv_norm(self, x: Tensor, filters: int) -> Tensor:
        """Transposed 3x3 conv of stride 2, BN. (B, h, w, C) -> (B, 2h, 2w, filters * width)."""
        x = layers.Conv2DTranspose(
            scaled_filters(filters, self.width), 3, strides=2, padding="same", use_bias=self.bias
        )(x)
        return layers.BatchNormalization()(x)

    def upsample(self, x: Tensor, filters: int) -> Tensor:
        """Transposed 3x3 conv of stride 2, BN, ReLU."""
        x = self.transposed_conv_norm(x, filters)
        return layers.ReLU()(x)

    def output(self, x: Tensor, channels: int) -> Tensor:
        """3x3 conv and sigmoid: images (B, H, W, channels) in [0, 1]."""
        return layers.Conv2D(
            channels,
            3,
            padding="same",
            activation="sigmoid",
            use_bias=self.bias,
            name="output",
            kernel_regularizer=self.regularizer,
        )(x)


def _latent(x: Tensor) -> Tensor:
    return layers.Identity(name="latent")(x)


def _skip(x: Tensor, number: int) -> Tensor:
    return layers.Identity(name=f"skip_{number}")(x)


# -------------------------------------------------------------------------------------- thesis 004


def _shallow_encoder(x: Tensor, blocks: Blocks, block: str) -> tuple[Tensor, Tensor, Tensor]:
    """The shallow residual encoder. -> (first conv, second block, third block)."""
    if block not in BLOCKS:
        raise ValueError(f"block: expected original or full_pre, got {block!r}.")
    residual_block = getattr(blocks, block)
    first = blocks.conv(x, 32, stride=2, name="first")  # (B, H/2, W/2, 32)
    y = residual_block(first, 64, stride=2, project="last")  # (B, H/4, W/4, 64)
    second = residual_block(y, 64)  # (B, H/4, W/4, 64)
    third = residual_block(second, 128, stride=2, project="last")  # (B, H/8, W/8, 128)
    return first, second, third


def shallow_residual(
    image_shape: Shape,
    width: float,
    *,
    block: str = "full_pre",
    l2: bool | float = False,
    doubled_norm: bool = False,
) -> keras.Model:
    """The shallow residual autoencoder of thesis 004, section 5.4.4.1.

    Args:
        image_shape: (H, W, C), sides divisible by 8.
        width: factor on the filters.
        block: "original" or "full_pre".
        l2: True for 1e-5, or the factor.
        doubled_norm: one more batch norm before each inner one, as two of the author's released
            files have it.
    """
    blocks = Blocks(width=width, l2=l2, doubled_norm=doubled_norm)
    inputs = keras.Input(image_shape)
    _, _, x = _shallow_encoder(inputs, blocks, block)
    x = _latent(x)  # (B, H/8, W/8, 128)
    x = blocks.upsample(x, 64)
    x = blocks.upsample(x, 32)
    x = blocks.upsample(x, 16)  # (B, H, W, 16)
    x = blocks.output(x, image_shape[-1])
    return keras.Model(inputs, x, name="shallow_residual")


def residual_unet(
    image_shape: Shape, width: float, *, block: str = "full_pre", l2: bool | float = False
) -> keras.Model:
    """The shallow residual autoencoder with two concatenated skips: thesis 004, section 5.4.4.4.

    The arguments are those of `shallow_residual`.
    """
    blocks = Blocks(width=width, l2=l2)
    inputs = keras.Input(image_shape)
    first, second, x = _shallow_encoder(inputs, blocks, block)
    x = _latent(x)  # (B, H/8, W/8, 128)
    x = blocks.upsample(x, 64)
    x = layers.Concatenate()([x, _skip(second, 1)])  # (B, H/4, W/4, 64 + 64)
    x = blocks.upsample(x, 32)
    x = layers.Concatenate()([x, _skip(first, 2)])  # (B, H/2, W/2, 32 + 32)
    x = blocks.upsample(x, 16)
    x = blocks.output(x, image_shape[-1])
    return keras.Model(inputs, x, name="residual_unet")


def skip_connection_cae(
    image_shape: Shape, width: float, *, l2: bool | float = False
) -> keras.Model:
    """The autoencoder of thesis 004, section 5.4.4.3: skips add batch-norm outputs before the ReLU.

    image_shape: sides divisible by 8; l2: True for 1e-5, or the factor.
    """
    blocks = Blocks(width=width, l2=l2)
    inputs = keras.Input(image_shape)
    x = inputs
    normed = []
    for filters in (32, 64, 128):
        x = blocks.conv(x, filters, stride=2)
        x = layers.BatchNormalization()(x)
        normed.append(x)
        x = layers.ReLU()(x)
    x = _latent(x)  # (B, H/8, W/8, 128)
    x = blocks.transposed_conv_norm(x, 64)
    x = layers.Add()([x, _skip(normed[1], 1)])  # (B, H/4, W/4, 64)
    x = layers.ReLU()(x)
    x = blocks.transposed_conv_norm(x, 32)
    x = layers.Add()([x, _skip(normed[0], 2)])  # (B, H/2, W/2, 32)
    x = layers.ReLU()(x)
    x = blocks.upsample(x, 16)
    x = blocks.output(x, image_shape[-1])
    return keras.Model(inputs, x, name="skip_connection_cae")


def myronenko_cae(
    image_shape: Shape, width: float, *, l2: bool | float = False, dropout: float = 0.1
) -> keras.Model:
    """Myronenko's encoder, one level shorter: thesis 004, section 5.4.4.2.

    image_shape: sides divisible by 8; l2: True for 1e-5, or the factor; dropout: share of whole
    feature maps.
    """
    blocks = Blocks(width=width, l2=l2)
    inputs = keras.Input(image_shape)
    x = layers.SpatialDropout2D(dropout)(blocks.conv(inputs, 32))
    for filters, repeats in ((32, 1), (64, 2), (128, 2)):
        for _ in range(repeats):
            x = blocks.full_pre(x, filters, project="first")
        x = blocks.conv(x, filters, stride=2)
    x = _latent(x)  # (B, H/8, W/8, 128)
    x = blocks.upsample(x, 64)
    x = blocks.upsample(x, 32)
    x = blocks.upsample(x, 16)
    x = blocks.output(x, image_shape[-1])
    return keras.Model(inputs, x, name="myronenko_cae")


# -------------------------------------------------------------------------------------- thesis 003

# Filters and stride of each residual block: table 4.1, section 4.1.2, and what `extra_blocks` adds.
SMALL = ((64, 2), (64, 1), (128, 2), (256, 2))
BIG = ((64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1), (256, 1))
EXTRA = (256, 1)


def _resnet(
    image_shape: Shape,
    width: float,
    residual_blocks: tuple[tuple[int, int], ...],
    name: str,
    l2: bool | float,
) -> keras.Model:
    blocks = Blocks(width=width, l2=l2, bias=False)
    inputs = keras.Input(image_shape)
    x = blocks.conv(inputs, 32, stride=2)  # no batch norm, no activation
    for filters, stride in residual_blocks:
        project = "last" if stride == 2 else None
        x = blocks.original(x, filters, stride=stride, project=project, norm_shortcut=True)
    x = _latent(x)  # (B, H/16, W/16, 256)
    for filters in (256, 128, 64, 32):
        x = blocks.upsample(x, filters)
    x = blocks.output(x, image_shape[-1])
    return keras.Model(inputs, x, name=name)


def resnet_small(
    image_shape: Shape, width: float, *, extra_blocks: int = 0, l2: bool | float = False
) -> keras.Model:
    """The small residual autoencoder of thesis 003, table 4.1.

    image_shape: sides divisible by 16; extra_blocks: more of the last kind, which the thesis wishes
    for; l2: True for 1e-5, or the factor (the thesis has none).
    """
    return _resnet(image_shape, width, SMALL + (EXTRA,) * extra_blocks, "resnet_small", l2)


def resnet_big(
    image_shape: Shape, width: float, *, extra_blocks: int = 0, l2: bool | float = False
) -> keras.Model:
    """The big one of thesis 003, section 4.1.2: eight residual blocks, the same decoder.

    The arguments are those of `resnet_small`.
    """
    return _resnet(image_shape, width, BIG + (EXTRA,) * extra_blocks, "resnet_big", l2)
