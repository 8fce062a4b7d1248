"""The VQGAN of seed 002 (section 4.2, figure 4.4): a generator with codes inside, and the discriminator of table 4.2."""

import keras
import numpy as np
from keras import layers

from brainlib.models.layers.vq import VectorQuantizer
from brainlib.models.layers.vqgan import double, grow, halve, non_local, norm, residual, swish
from brainlib.models.residual import filters_of
from brainlib.models.vq import VQVAE, assemble

REGISTERED = keras.saving.register_keras_serializable("brainlib")
ENCODER = (128, 128, 256, 256, 512)  # filters at each size, four times halved
DECODER = (512, 256, 256, 128, 128)  # four times doubled
GROWING = (5, 5, 5, 4)  # kernels of the transposed convs behind: 80x64 -> 95x79
DISCRIMINATOR = (64, 128, 256, 512)
SMALLEST = 24  # side that leaves the discriminator one answer


@REGISTERED
class VQGAN(VQVAE):
    """A VQ-VAE that is trained against a discriminator (see `adversarial`); saved, it is the generator alone."""

    @property
    def last_kernel(self):
        """Weights of the decoder's last convolution, where equation 3.14 compares gradients."""
        return self.decoder.get_layer("output").kernel


def vqgan_uad(
    image_shape,
    width,
    *,
    codebook_size=128,
    code_dim=128,
    codebook="gradient",
    commitment=0.25,
    kmeans_start=True,
    restart_after=20,
    loss_weight=1.0,
    depth=4,
    encoder_blocks=2,
    decoder_blocks=3,
    seed=None,
):
    """Seed 002's VQGAN: 95x79 -> 47x39 -> 23x19 -> 11x9 -> 5x4 codes, and back by 80x64 to exactly 95x79.

    Together with the discriminator it has 73,445,826 trainable weights with 128 codes of 128 numbers and 73,462,210
    with 256: exactly the published counts. The text leaves some numbers open; what adds up is the public PyTorch
    VQGAN that its words describe (Esser et al. 2021): filters 128 128 256 256 512 down and 512 256 256 128 128 up,
    two residual blocks a size in the encoder and three in the decoder, non-local blocks at 5x4 only, 1x1 convs before
    and behind the codes, transposed convs that keep 128 filters, one norm of 512 channels less than there (the text
    names none at the end of the encoder, so that one), biases everywhere but before the discriminator's batch norm.
    The stride 2 that the text gives the 1x1 conv before the codes is left out: 5x4 codes would be 3x2.

    Args:
        image_shape: (H, W, C), sides of 24 or more.
        width: factor on the filters; codes stay.
        codebook_size, code_dim: number and length of the codes; the seed tried 64, 128 and 256 of each.
        codebook, commitment, kmeans_start, restart_after, loss_weight, seed: see `VectorQuantizer`. The seed's own are
            kmeans_start=False and restart_after=0.
        depth: times that the encoder halves a slice, 1 to 4; 3 leave small pictures about as many codes as `vqvae_uad` does.
        encoder_blocks, decoder_blocks: residual blocks at each size; fewer make a step cheaper where a narrow `width` no
            longer does.
    """
    if min(image_shape[:2]) < SMALLEST:
        raise ValueError(
            f"vqgan_uad: expected sides of {SMALLEST} or more, got {image_shape[0]}x{image_shape[1]}."
        )
    if not 1 <= depth < len(ENCODER):
        raise ValueError(f"depth: expected 1 to {len(ENCODER) - 1}, got {depth}.")
    sizes = [
        0,
        *range(len(ENCODER) - depth, len(ENCODER)),
    ]  # of five sizes those nearest to the codes
    encoder = _encoder(
        image_shape, [filters_of(ENCODER[size], width) for size in sizes], code_dim, encoder_blocks
    )
    filters = [filters_of(count, width) for count in DECODER[: depth + 1]]
    decoder = _decoder(encoder.output_shape[1:], image_shape, filters, code_dim, decoder_blocks)
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
    return assemble(encoder, decoder, quantizer, name="vqgan_uad", kind=VQGAN)


def _encoder(image_shape, filters, code_dim, blocks):
    inputs = keras.Input(image_shape, name="image")
    x = layers.Conv2D(filters[0], 3, padding="same", name="conv")(inputs)
    for number, count in enumerate(filters):
        if number:
            x = halve(x, f"down_{number}")
        for part in range(1, blocks + 1):
            x = residual(x, count, f"size_{number}_block_{part}")
            if number == len(filters) - 1:
                x = non_local(x, f"size_{number}_far_{part}")
    x = residual(x, filters[-1], "middle_1")
    x = residual(non_local(x, "middle_far"), filters[-1], "middle_2")
    x = layers.Conv2D(code_dim, 3, padding="same", name="narrow")(x)
    return keras.Model(inputs, layers.Conv2D(code_dim, 1, name="to_codes")(x), name="encoder")


def _decoder(grid, image_shape, filters, code_dim, blocks):
    inputs = keras.Input(grid, name="vectors")
    x = layers.Conv2D(code_dim, 1, name="from_codes")(inputs)
    x = layers.Conv2D(filters[0], 3, padding="same", name="widen")(x)
    x = residual(x, filters[0], "middle_1")
    x = residual(non_local(x, "middle_far"), filters[0], "middle_2")
    for number, count in enumerate(filters):
        for part in range(1, blocks + 1):
            x = residual(x, count, f"size_{number}_block_{part}")
            if number < 2:  # both at the size of the codes
                x = non_local(x, f"size_{number}_far_{part}")
        if number:
            x = double(x, f"up_{number}")
    for number, kernel in enumerate(GROWING, start=1):
        if x.shape[1:3] != tuple(image_shape[:2]):  # sides that 16 divides are there already
            x = grow(x, image_shape[:2], kernel, f"grow_{number}")
    x = swish(norm(x, "last"), "last")
    outputs = layers.Conv2D(
        image_shape[-1], 3, padding="same", activation="sigmoid", name="output"
    )(x)
    return keras.Model(inputs, outputs, name="decoder")


def discriminator(image_shape, *, width=1.0, norm_momentum=0.99, seed=None):
    """Table 4.2: 4x4 convs of padding 1, three of stride 2 and two of stride 1; one answer (a logit) a patch.

    2,763,585 trainable weights at width 1, with 64, 128, 256 and 512 filters (the table names none).

    Args:
        image_shape: (H, W, C), sides of 24 or more.
        width: factor on the filters.
        norm_momentum: of batch norm's running means, which only the discriminator's own evaluation would use.
        seed: of the weights, N(0, 0.02) as patch discriminators have them (Isola et al. 2017).
    """
    if min(image_shape[:2]) < SMALLEST:
        raise ValueError(
            f"discriminator: expected sides of {SMALLEST} or more, got {image_shape[0]}x{image_shape[1]}."
        )
    seeds = [None] * 5 if seed is None else np.random.SeedSequence(seed).generate_state(5).tolist()
    start = [keras.initializers.RandomNormal(0.0, 0.02, seed=one) for one in seeds]
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, count in enumerate(DISCRIMINATOR):
        x = layers.ZeroPadding2D(1, name=f"pad_{number}")(x)
        x = layers.Conv2D(
            filters_of(count, width),
            4,
            strides=2 if number < 3 else 1,
            use_bias=number == 0,
            kernel_initializer=start[number],
            name=f"conv_{number}",
        )(x)
        if number:
            x = layers.BatchNormalization(momentum=norm_momentum, name=f"bn_{number}")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"lrelu_{number}")(x)
    x = layers.ZeroPadding2D(1, name="pad_last")(x)
    answers = layers.Conv2D(1, 4, kernel_initializer=start[-1], name="answers")(x)
    return keras.Model(inputs, answers, name="discriminator")
