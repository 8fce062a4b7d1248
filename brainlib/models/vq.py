"""VQ-VAEs of theses 000 (figure 3.11) and 002 (figure 4.3); from images to codes and back."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from brainlib.models.building import scaled_filters, upsample_to
from brainlib.models.layers.vq import VectorQuantizer, bits_an_image
from brainlib.models.outputs import outputs_of
from brainlib.models.tensors import Shape, Tensor

FILTERS_000 = (32, 32, 64, 64, 64, 64)  # thesis 000, figure 3.11
FILTERS_002 = (32, 64, 128)  # thesis 002, figure 4.3
BOTTLENECK_002 = 32  # filters inside a residual block
SMALLEST_002 = 19  # side that leaves at least one code
SLOPE_000 = 0.3  # of LeakyReLU
CODES_AT_ONCE = 256  # images whose distances to the codebook fit into memory easily


@keras.saving.register_keras_serializable("brainlib")
class VQVAE(keras.Model):
    """A functional model with layers `encoder`, `quantizer` and `decoder`.

    Compile it with any loss of images. The quantiser adds its own losses, so plain `compile` and
    `fit` train it.
    """

    @property
    def encoder(self) -> keras.Model:
        """Images (B, H, W, C) -> vectors (B, h, w, D), before the codebook."""
        return self.get_layer("encoder")

    @property
    def quantizer(self) -> VectorQuantizer:
        """Vectors (B, h, w, D) -> the nearest code vectors (B, h, w, D)."""
        return self.get_layer("quantizer")

    @property
    def decoder(self) -> keras.Model:
        """Code vectors (B, h, w, D) -> images (B, H, W, C)."""
        return self.get_layer("decoder")

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the code map."""
        return tuple(self.encoder.output_shape[1:3])


def assemble_vqvae(
    encoder: keras.Model,
    decoder: keras.Model,
    quantizer: VectorQuantizer,
    *,
    name: str,
    kind: type[VQVAE] = VQVAE,
) -> VQVAE:
    """A `VQVAE`, or a class of its kind, of its three parts."""
    inputs = keras.Input(encoder.input_shape[1:])
    outputs = decoder(quantizer(encoder(inputs)))
    return kind(inputs, outputs, name=name)


def vqvae(
    image_shape: Shape,
    width: float,
    *,
    codebook_size: int = 128,
    code_dim: int = 16,
    depth: int = 6,
    codebook: str = "gradient",
    commitment: float = 0.25,
    kmeans_start: bool = True,
    restart_after: int = 20,
    loss_weight: float = 1.0,
    seed: int | None = None,
) -> VQVAE:
    """The VQ-VAE of thesis 000 (figure 3.11): 4x4 convs of stride 2, each with BN and LeakyReLU.

    A 1x1 conv leads to the codes; the decoder mirrors the encoder. Six layers leave a map of 2x2
    codes of a 128x128 picture: 28 bits.

    Args:
        image_shape: (H, W, C), sides divisible by 2**depth.
        width: factor on the filters; codes stay.
        codebook_size: number of codes.
        code_dim: length of a code.
        depth: layers of stride 2, 1 to 6; fewer leave a larger map.
        codebook: see `VectorQuantizer`, as for the following ones.
        commitment: weight of the pull on the encoder.
        kmeans_start: the thesis's own is False.
        restart_after: the thesis's own is 0.
        loss_weight: factor on the quantiser's losses.
        seed: of the codebook's start and restarts.
    """
    _check_depth(image_shape, depth)
    filters = [scaled_filters(count, width) for count in FILTERS_000[:depth]]
    encoder = _encoder_000(image_shape, filters, code_dim)
    decoder = _decoder_000(encoder.output_shape[1:], filters, image_shape[-1])
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
    return assemble_vqvae(encoder, decoder, quantizer, name="vqvae")


def _check_depth(image_shape: Shape, depth: int) -> None:
    if not 1 <= depth <= len(FILTERS_000):
        raise ValueError(f"depth: expected 1 to {len(FILTERS_000)}, got {depth}.")
    if image_shape[0] % 2**depth or image_shape[1] % 2**depth:
        raise ValueError(
            f"vqvae of depth {depth} halves the image {depth} times, so both sides must be "
            f"divisible by {2**depth}; got {image_shape[0]}x{image_shape[1]}. "
            "Take a smaller depth or other sides."
        )


def _encoder_000(image_shape: Shape, filters: Sequence[int], code_dim: int) -> keras.Model:
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, count in enumerate(filters):
        x = layers.Conv2D(count, 4, strides=2, padding="same", name=f"conv_{number}")(x)
        x = _norm_and_activation(x, number)
    x = layers.Conv2D(code_dim, 1, name="to_codes")(x)
    return keras.Model(inputs, x, name="encoder")


def _decoder_000(grid: Shape, filters: Sequence[int], channels: int) -> keras.Model:
    vectors = keras.Input(grid, name="vectors")
    x = vectors
    for number, count in enumerate(filters[-2::-1]):
        x = layers.Conv2DTranspose(count, 4, strides=2, padding="same", name=f"up_{number}")(x)
        x = _norm_and_activation(x, number)
    outputs = layers.Conv2DTranspose(
        channels, 4, strides=2, padding="same", activation="sigmoid", name="output"
    )(x)
    return keras.Model(vectors, outputs, name="decoder")


def _norm_and_activation(x: Tensor, number: int) -> Tensor:
    x = layers.BatchNormalization(name=f"bn_{number}")(x)
    return layers.LeakyReLU(negative_slope=SLOPE_000, name=f"lrelu_{number}")(x)


def vqvae_uad(
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
    seed: int | None = None,
) -> VQVAE:
    """The VQ-VAE of thesis 002 (figure 4.3): 95x79 -> 47x39 -> 23x19 -> 11x9 codes, and back.

    Three 5x5 convs of stride 2 and padding 1 and two residual blocks on either side of the codes;
    1,005,825 trainable weights with 128 codes of 128 numbers, 1,022,209 with 256.

    Args:
        image_shape: (H, W, C), sides of 19 or more.
        width: factor on the filters; codes stay.
        codebook_size: number of codes; the thesis tried 32 to 256.
        code_dim: length of a code; the thesis tried 32 to 256.
        codebook: see `VectorQuantizer`, as for the following ones.
        commitment: weight of the pull on the encoder.
        kmeans_start: the thesis's own is False.
        restart_after: the thesis's own is 0.
        loss_weight: factor on the quantiser's losses.
        seed: of the codebook's start and restarts.
    """
    if min(image_shape[:2]) < SMALLEST_002:
        raise ValueError(
            f"vqvae_uad: expected sides of {SMALLEST_002} or more, "
            f"got {image_shape[0]}x{image_shape[1]}."
        )
    encoder, sides = _encoder_002(image_shape, width, code_dim)
    decoder = _decoder_002(encoder.output_shape[1:], sides, width, image_shape[-1])
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
    return assemble_vqvae(encoder, decoder, quantizer, name="vqvae_uad")


def _encoder_002(
    image_shape: Shape, width: float, code_dim: int
) -> tuple[keras.Model, list[tuple[int, int]]]:
    """The encoder, and the sides (H, W) before each of its convs of stride 2."""
    inputs = keras.Input(image_shape, name="image")
    sides = []
    x = inputs
    for number, published in enumerate(FILTERS_002, start=1):
        sides.append(x.shape[1:3])
        x = layers.ZeroPadding2D(1, name=f"pad_{number}")(x)
        x = layers.Conv2D(scaled_filters(published, width), 5, strides=2, name=f"conv_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(x)
    widest = scaled_filters(FILTERS_002[-1], width)
    x = layers.Conv2D(widest, 3, padding="same", name="conv_4")(x)
    x = _residual_stack(x, widest, width)
    x = layers.Conv2D(code_dim, 1, name="to_codes")(x)
    return keras.Model(inputs, x, name="encoder"), sides


def _decoder_002(
    grid: Shape, sides: Sequence[tuple[int, int]], width: float, channels: int
) -> keras.Model:
    """The decoder, back through the encoder's `sides`."""
    narrow, middle, widest = (scaled_filters(count, width) for count in FILTERS_002)
    vectors = keras.Input(grid, name="vectors")
    x = layers.Conv2D(widest, 1, name="from_codes")(vectors)
    x = _residual_stack(x, widest, width)
    x = upsample_to(x, middle, sides[2], name="up_1")
    x = layers.ReLU(name="relu_1")(x)
    x = upsample_to(x, narrow, sides[1], name="up_2")
    x = layers.ReLU(name="relu_2")(x)
    x = upsample_to(x, channels, sides[0], name="up_3")
    x = layers.Activation("sigmoid", name="output")(x)
    return keras.Model(vectors, x, name="decoder")


def _residual_stack(x: Tensor, filters: int, width: float) -> Tensor:
    """Two blocks ReLU, 3x3 conv, ReLU, 3x3 conv, add; a ReLU ends the stack.

    No biases, as the published count says.
    """
    bottleneck = scaled_filters(BOTTLENECK_002, width)
    for block in ("block_1", "block_2"):
        y = layers.ReLU(name=f"{block}_relu_1")(x)
        y = layers.Conv2D(bottleneck, 3, padding="same", use_bias=False, name=f"{block}_conv_1")(y)
        y = layers.ReLU(name=f"{block}_relu_2")(y)
        y = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{block}_conv_2")(y)
        x = layers.Add(name=f"{block}_add")([x, y])
    return layers.ReLU(name="blocks_relu")(x)


# ------------------------------------------------------------------------------------------ codes


def codes_of(model: VQVAE, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Code maps of images. (N, H, W, C) -> (N, h, w) int32.

    Raises:
        ValueError: the model has no codebook, or the images are of another shape.
    """
    if not hasattr(model, "quantizer"):
        raise ValueError(
            f"{model.name}: expected a model with a codebook (vqvae, vqvae_uad, vqgan_uad), "
            "this has none."
        )
    if np.shape(images)[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"{model.name} takes images of {('N', *model.input_shape[1:])}, got {np.shape(images)}."
        )
    vectors = outputs_of(model.encoder, images, batch_size=batch_size)  # (N, h, w, D)
    parts = np.array_split(vectors, max(1, len(vectors) // CODES_AT_ONCE))
    return np.concatenate([np.asarray(model.quantizer.codes(part)) for part in parts])


def decode_codes(model: VQVAE, codes: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Images of code maps. (N, h, w) whole numbers -> (N, H, W, C) float32.

    Raises:
        ValueError: maps of another shape, or codes that the codebook does not have.
    """
    codes = np.asarray(codes)
    size = model.quantizer.codebook_size
    in_codebook = not codes.size or 0 <= codes.min() <= codes.max() < size
    if codes.shape[1:] != model.grid or not in_codebook:
        found = f" of {codes.min()} to {codes.max()}" if codes.size else ""
        raise ValueError(
            f"codes: expected (N, {model.grid[0]}, {model.grid[1]}) of 0 to {size - 1}, "
            f"got shape {codes.shape}{found}."
        )
    vectors = np.asarray(model.quantizer.codebook)[codes]  # (N, h, w, D)
    return outputs_of(model.decoder, vectors, batch_size=batch_size).astype("float32")


def code_pictures(
    model: VQVAE, codes: np.ndarray, place: tuple[int, int], *, code: int
) -> np.ndarray:
    """What one code paints: pictures of code maps with `code` at a place, minus those without.

    Args:
        model: with a codebook.
        codes: (N, h, w) code maps.
        place: (row, column) of the map.
        code: that is set there.

    Returns:
        (N, H, W, C): picture with the code there minus the picture as it was.
    """
    changed = np.array(codes)
    changed[:, place[0], place[1]] = code
    return decode_codes(model, changed) - decode_codes(model, codes)


def latent_numbers(model: VQVAE) -> tuple[int, float]:
    """What carries an image: (places of the code map, bits)."""
    return math.prod(model.grid), bits_an_image(model.quantizer.codebook_size, model.grid)
