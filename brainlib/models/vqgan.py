"""The VQGAN of thesis 002 (section 4.2): a generator with codes inside, and its discriminator."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from brainlib.models.building import scaled_filters
from brainlib.models.layers.vq import VectorQuantizer
from brainlib.models.layers.vqgan import (
    downsample,
    enlarge,
    group_norm,
    non_local_block,
    residual_block,
    swish,
    upsample,
)
from brainlib.models.tensors import Shape
from brainlib.models.vq import VQVAE, assemble_vqvae

ENCODER = (128, 128, 256, 256, 512)  # filters at each size, four times halved
DECODER = (512, 256, 256, 128, 128)  # four times doubled
ENLARGING_KERNELS = (5, 5, 5, 4)  # of the transposed convs at the end: 80x64 -> 95x79
DISCRIMINATOR = ((64, 2), (128, 2), (256, 2), (512, 1))  # filters and stride, table 4.2
SMALLEST = 24  # side that leaves the discriminator one answer


@keras.saving.register_keras_serializable("brainlib")
class VQGAN(VQVAE):
    """A VQ-VAE that is trained against a discriminator (`training.adversarial`).

    Saved, it is the generator alone.
    """

    @property
    def last_kernel(self) -> keras.Variable:
        """Weights of the decoder's last convolution, where equation 3.14 compares gradients."""
        return self.decoder.get_layer("output").kernel


def vqgan_uad(
    image_shape: Shape,
    width: float,
    *,
    codebook_size: int = 128,
    code_dim: int = 128,
    codebook: str = "gradient",
    commitment: float = 0.25,
    kmeans_start: bool = True,
    restart_after: int = 20,
    loss_weight: float = 1.0,
    depth: int = 4,
    encoder_blocks: int = 2,
    decoder_blocks: int = 3,
    seed: int | None = None,
) -> VQGAN:
    """The VQGAN of thesis 002 (figure 4.4): 95x79 -> 47x39 -> 23x19 -> 11x9 -> 5x4 codes, and back.

    The way back leads by 80x64 to exactly 95x79. Together with the discriminator it has 73,445,826
    trainable weights with 128 codes of 128 numbers and 73,462,210 with 256: exactly the published
    counts. The text leaves some numbers open; what adds up is the public PyTorch VQGAN that its
    words describe (Esser et al. 2021):

    - filters 128 128 256 256 512 down and 512 256 256 128 128 up;
    - two residual blocks per size in the encoder and three in the decoder;
    - non-local blocks at 5x4 only, 1x1 convs before and behind the codes;
    - transposed convs that keep 128 filters;
    - one norm of 512 channels less than there (the text names none at the end of the encoder, so
      that one);
    - biases everywhere but before the discriminator's batch norm.

    The stride 2 that the text gives the 1x1 conv before the codes is left out: 5x4 codes would be
    3x2.

    Args:
        image_shape: (H, W, C), sides of 24 or more.
        width: factor on the filters; codes stay.
        codebook_size: number of codes; the thesis tried 64, 128 and 256.
        code_dim: length of a code; the thesis tried 64, 128 and 256.
        codebook: see `VectorQuantizer`, as for the following ones.
        commitment: weight of the pull on the encoder.
        kmeans_start: the thesis's own is False.
        restart_after: the thesis's own is 0.
        loss_weight: factor on the quantiser's losses.
        depth: times that the encoder halves a slice, 1 to 4; 3 leave small pictures about as many
            codes as `vqvae_uad` does.
        encoder_blocks: residual blocks at each size; fewer make a step cheaper where a narrow
            `width` no longer does.
        decoder_blocks: residual blocks at each size of the decoder.
        seed: of the codebook's start and restarts.
    """
    _check_sides("vqgan_uad", image_shape)
    if not 1 <= depth < len(ENCODER):
        raise ValueError(f"depth: expected 1 to {len(ENCODER) - 1}, got {depth}.")
    # Of five sizes the first, and those nearest to the codes.
    down = [scaled_filters(count, width) for count in (ENCODER[0], *ENCODER[-depth:])]
    up = [scaled_filters(count, width) for count in DECODER[: depth + 1]]
    encoder = _encoder(image_shape, down, code_dim, encoder_blocks)
    decoder = _decoder(encoder.output_shape[1:], image_shape, up, code_dim, decoder_blocks)
    quantizer = VectorQuantizer(
        codebook_size,
        codebook=codebook,
        commitment=commitment,
        kmeans_start=kmeans_start,
        restart_after=restart_after,
        loss_weight=loss_weight,
        seed=seed,
        name="quantizer",
    )
    return assemble_vqvae(encoder, decoder, quantizer, name="vqgan_uad", kind=VQGAN)


def _check_sides(network: str, image_shape: Shape) -> None:
    if min(image_shape[:2]) < SMALLEST:
        raise ValueError(
            f"{network}: expected sides of {SMALLEST} or more, "
            f"got {image_shape[0]}x{image_shape[1]}."
        )


def _encoder(image_shape: Shape, filters: Sequence[int], code_dim: int, blocks: int) -> keras.Model:
    """Image (B, H, W, C) -> vectors (B, h, w, D); non-local blocks at the size of the codes."""
    inputs = keras.Input(image_shape, name="image")
    smallest = len(filters) - 1
    x = layers.Conv2D(filters[0], 3, padding="same", name="conv")(inputs)
    for size, count in enumerate(filters):
        if size > 0:
            x = downsample(x, f"down_{size}")
        for block in range(1, blocks + 1):
            x = residual_block(x, count, f"size_{size}_block_{block}")
            if size == smallest:
                x = non_local_block(x, f"size_{size}_far_{block}")
    x = residual_block(x, filters[-1], "middle_1")
    x = non_local_block(x, "middle_far")
    x = residual_block(x, filters[-1], "middle_2")
    x = layers.Conv2D(code_dim, 3, padding="same", name="narrow")(x)
    x = layers.Conv2D(code_dim, 1, name="to_codes")(x)
    return keras.Model(inputs, x, name="encoder")


def _decoder(
    grid: Shape, image_shape: Shape, filters: Sequence[int], code_dim: int, blocks: int
) -> keras.Model:
    """Code vectors (B, h, w, D) -> image (B, H, W, C)."""
    vectors = keras.Input(grid, name="vectors")
    x = layers.Conv2D(code_dim, 1, name="from_codes")(vectors)
    x = layers.Conv2D(filters[0], 3, padding="same", name="widen")(x)
    x = residual_block(x, filters[0], "middle_1")
    x = non_local_block(x, "middle_far")
    x = residual_block(x, filters[0], "middle_2")
    for size, count in enumerate(filters):
        for block in range(1, blocks + 1):
            x = residual_block(x, count, f"size_{size}_block_{block}")
            if size < 2:  # both at the size of the codes
                x = non_local_block(x, f"size_{size}_far_{block}")
        if size > 0:
            x = upsample(x, f"up_{size}")
    for number, kernel in enumerate(ENLARGING_KERNELS, start=1):
        if x.shape[1:3] != tuple(image_shape[:2]):  # sides that 16 divides are there already
            x = enlarge(x, image_shape[:2], kernel, f"grow_{number}")
    x = swish(group_norm(x, "last"), "last")
    outputs = layers.Conv2D(
        image_shape[-1], 3, padding="same", activation="sigmoid", name="output"
    )(x)
    return keras.Model(vectors, outputs, name="decoder")


def discriminator(
    image_shape: Shape,
    *,
    width: float = 1.0,
    norm_momentum: float = 0.99,
    seed: int | None = None,
) -> keras.Model:
    """The discriminator of thesis 002, table 4.2: one answer (a logit) per patch of the image.

    4x4 convs of padding 1, three of stride 2 and two of stride 1. 2,763,585 trainable weights at
    width 1, with 64, 128, 256 and 512 filters (the table names none).

    Args:
        image_shape: (H, W, C), sides of 24 or more.
        width: factor on the filters.
        norm_momentum: of batch norm's running means, which only the discriminator's own evaluation
            would use.
        seed: of the weights, N(0, 0.02) as patch discriminators have them (Isola et al. 2017).
    """
    _check_sides("discriminator", image_shape)
    initializers = _normal_initializers(len(DISCRIMINATOR) + 1, seed)
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, (published, stride) in enumerate(DISCRIMINATOR):
        x = layers.ZeroPadding2D(1, name=f"pad_{number}")(x)
        x = layers.Conv2D(
            scaled_filters(published, width),
            4,
            strides=stride,
            use_bias=number == 0,
            kernel_initializer=initializers[number],
            name=f"conv_{number}",
        )(x)
        if number > 0:
            x = layers.BatchNormalization(momentum=norm_momentum, name=f"bn_{number}")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"lrelu_{number}")(x)
    x = layers.ZeroPadding2D(1, name="pad_last")(x)
    answers = layers.Conv2D(1, 4, kernel_initializer=initializers[-1], name="answers")(x)
    return keras.Model(inputs, answers, name="discriminator")


def _normal_initializers(count: int, seed: int | None) -> list[keras.initializers.Initializer]:
    seeds = [None] * count
    if seed is not None:
        seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    return [keras.initializers.RandomNormal(0.0, 0.02, seed=number) for number in seeds]
