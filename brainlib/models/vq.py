"""Vector-quantised autoencoders: seed 000's (figure 3.11) and seed 002's for 95x79 slices; codes in, codes out."""

import math

import keras
import numpy as np
from keras import layers

from brainlib.models.layers.vq import VectorQuantizer
from brainlib.models.outputs import outputs_of
from brainlib.models.residual import filters_of
from brainlib.models.uad import up

REGISTERED = keras.saving.register_keras_serializable("brainlib")
FILTERS_000 = (32, 32, 64, 64, 64, 64)  # seed 000, figure 3.11
FILTERS_002 = (32, 64, 128)  # seed 002, figure 4.3
BOTTLENECK = 32  # filters inside a residual block of seed 002


@REGISTERED
class VQVAE(keras.Model):
    """A functional model with layers `encoder`, `quantizer` and `decoder`; compile it with any loss of images.

    The quantiser adds its own losses, so plain `compile` and `fit` train it.
    """

    @property
    def encoder(self):
        """images (B, H, W, C) -> vectors (B, h, w, D), before the codebook."""
        return self.get_layer("encoder")

    @property
    def quantizer(self):
        return self.get_layer("quantizer")

    @property
    def decoder(self):
        """code vectors (B, h, w, D) -> images (B, H, W, C)."""
        return self.get_layer("decoder")

    @property
    def grid(self):
        """(h, w) of the code map."""
        return tuple(self.encoder.output_shape[1:3])


def assemble(encoder, decoder, quantizer, *, name, kind=VQVAE):
    """A `VQVAE` of its three parts."""
    inputs = keras.Input(encoder.input_shape[1:])
    return kind(inputs, decoder(quantizer(encoder(inputs))), name=name)


def vqvae(
    image_shape,
    width,
    *,
    codebook_size=128,
    code_dim=16,
    depth=6,
    codebook="gradient",
    commitment=0.25,
    kmeans_start=True,
    restart_after=20,
    loss_weight=1.0,
    seed=None,
):
    """Seed 000's VQ-VAE: 4x4 convs of stride 2, each BN and LeakyReLU, a 1x1 conv to the codes; the decoder mirrors them.

    Its six layers leave a map of 2x2 codes of a 128x128 picture: 28 bits.

    Args:
        image_shape: (H, W, C), sides divisible by 2**depth.
        width: factor on the filters; codes stay.
        codebook_size, code_dim: number and length of the codes.
        depth: layers of stride 2, 1 to 6; fewer leave a larger map.
        codebook, commitment, kmeans_start, restart_after, loss_weight, seed: see `VectorQuantizer`. The seed's own are
            kmeans_start=False and restart_after=0.
    """
    filters = [filters_of(count, width) for count in _filters_000(image_shape, depth)]
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, count in enumerate(filters):
        x = _normed(
            layers.Conv2D(count, 4, strides=2, padding="same", name=f"conv_{number}")(x), number
        )
    encoder = keras.Model(inputs, layers.Conv2D(code_dim, 1, name="to_codes")(x), name="encoder")
    vectors = keras.Input(encoder.output_shape[1:], name="vectors")
    x = vectors
    for number, count in enumerate(filters[-2::-1]):
        x = _normed(
            layers.Conv2DTranspose(count, 4, strides=2, padding="same", name=f"up_{number}")(x),
            number,
        )
    outputs = layers.Conv2DTranspose(
        image_shape[-1], 4, strides=2, padding="same", activation="sigmoid", name="output"
    )(x)
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
    return assemble(encoder, keras.Model(vectors, outputs, name="decoder"), quantizer, name="vqvae")


def _filters_000(image_shape, depth):
    if not 1 <= depth <= len(FILTERS_000):
        raise ValueError(f"depth: expected 1 to {len(FILTERS_000)}, got {depth}.")
    if image_shape[0] % 2**depth or image_shape[1] % 2**depth:
        raise ValueError(
            f"vqvae of depth {depth} halves the image {depth} times, so both sides must be divisible by "
            f"{2**depth}; got {image_shape[0]}x{image_shape[1]}. Take a smaller depth or other sides."
        )
    return FILTERS_000[:depth]


def _normed(x, number):
    x = layers.BatchNormalization(name=f"bn_{number}")(x)
    return layers.LeakyReLU(negative_slope=0.3, name=f"lrelu_{number}")(x)


def vqvae_uad(
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
    seed=None,
):
    """Seed 002's VQ-VAE: three 5x5 convs of stride 2 and padding 1, two residual blocks on either side of the codes.

    95x79 -> 47x39 -> 23x19 -> 11x9 codes and back by the same paddings; 1,005,825 trainable weights with 128 codes of
    128 numbers, 1,022,209 with 256.

    Args:
        image_shape: (H, W, C), sides of 19 or more.
        width: factor on the filters; codes stay.
        codebook_size, code_dim: number and length of the codes; the seed tried 32 to 256 of each.
        codebook, commitment, kmeans_start, restart_after, loss_weight, seed: see `VectorQuantizer`. The seed's own are
            kmeans_start=False and restart_after=0.
    """
    if min(image_shape[:2]) < 19:
        raise ValueError(
            f"vqvae_uad: expected sides of 19 or more, got {image_shape[0]}x{image_shape[1]}."
        )
    first, second, wide = (filters_of(count, width) for count in FILTERS_002)
    inputs, sides = keras.Input(image_shape, name="image"), []
    x = inputs
    for number, count in enumerate((first, second, wide), start=1):
        sides.insert(0, x.shape[1:3])
        x = layers.ZeroPadding2D(1, name=f"pad_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(
            layers.Conv2D(count, 5, strides=2, name=f"conv_{number}")(x)
        )
    x = layers.Conv2D(wide, 3, padding="same", name="conv_4")(x)
    x = _residual_stack(x, wide, width)
    encoder = keras.Model(inputs, layers.Conv2D(code_dim, 1, name="to_codes")(x), name="encoder")
    vectors = keras.Input(encoder.output_shape[1:], name="vectors")
    x = layers.Conv2D(wide, 1, name="from_codes")(vectors)
    x = _residual_stack(x, wide, width)
    for number, (count, wanted) in enumerate(zip((second, first, image_shape[-1]), sides), start=1):
        x = up(x, count, wanted, name=f"up_{number}")
        x = (
            layers.ReLU(name=f"relu_{number}")(x)
            if number < 3
            else layers.Activation("sigmoid", name="output")(x)
        )
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
    return assemble(encoder, keras.Model(vectors, x, name="decoder"), quantizer, name="vqvae_uad")


def _residual_stack(x, filters, width):
    """Two blocks ReLU, 3x3 conv, ReLU, 3x3 conv, add; no biases, as the published count says. A ReLU ends the stack."""
    for number in (1, 2):
        inner = layers.ReLU(name=f"block_{number}_relu_1")(x)
        inner = layers.Conv2D(
            filters_of(BOTTLENECK, width),
            3,
            padding="same",
            use_bias=False,
            name=f"block_{number}_conv_1",
        )(inner)
        inner = layers.ReLU(name=f"block_{number}_relu_2")(inner)
        inner = layers.Conv2D(
            filters, 3, padding="same", use_bias=False, name=f"block_{number}_conv_2"
        )(inner)
        x = layers.Add(name=f"block_{number}_add")([x, inner])
    return layers.ReLU(name="blocks_relu")(x)


# ------------------------------------------------------------------------------------------------ codes


def codes_of(model, images, *, batch_size=64):
    """Code maps of images. (N, H, W, C) -> (N, h, w) int32.

    Raises:
        ValueError: the model has no codebook, or the images are of another shape.
    """
    if not hasattr(model, "quantizer"):
        raise ValueError(
            f"{model.name}: expected a model with a codebook (vqvae, vqvae_uad, vqgan_uad), this has none."
        )
    if np.shape(images)[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"{model.name} takes images of {('N', *model.input_shape[1:])}, got {np.shape(images)}."
        )
    vectors = outputs_of(model.encoder, images, batch_size=batch_size)
    return np.concatenate(
        [
            np.asarray(model.quantizer.codes(part))
            for part in np.array_split(vectors, max(1, len(vectors) // 256))
        ]
    )


def decode_codes(model, codes, *, batch_size=64):
    """Images of code maps. (N, h, w) whole numbers -> (N, H, W, C) float32."""
    codes, size = np.asarray(codes), model.quantizer.codebook_size
    if codes.shape[1:] != model.grid or codes.size and not 0 <= codes.min() <= codes.max() < size:
        raise ValueError(
            f"codes: expected (N, {model.grid[0]}, {model.grid[1]}) of 0 to {size - 1}, got shape {codes.shape}"
            + (f" of {codes.min()} to {codes.max()}." if codes.size else ".")
        )
    vectors = np.asarray(model.quantizer.codebook)[codes]  # (N, h, w, D)
    return outputs_of(model.decoder, vectors, batch_size=batch_size).astype("float32")


def code_pictures(model, codes, places, *, code):
    """What one code paints: pictures of code maps with and without `code` at given places.

    Args:
        codes: (N, h, w) code maps.
        places: (row, column) of the map.

    Returns:
        (N, H, W, C): picture with the code there minus the picture as it was.
    """
    changed = np.array(codes)
    changed[:, places[0], places[1]] = code
    return decode_codes(model, changed) - decode_codes(model, codes)


def latent_numbers(model):
    """What carries an image: (places of the code map, bits)."""
    return math.prod(model.grid), math.prod(model.grid) * math.log2(model.quantizer.codebook_size)
