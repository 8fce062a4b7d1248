"""The VAE that thesis 002 finds anomalies with (section 4.2): axial slices of 95x79, or others."""

import math
from collections.abc import Sequence

import keras
from keras import layers

from brainlib.models.building import scaled_filters, upsample_to
from brainlib.models.tensors import Shape, Tensor
from brainlib.models.vae import VAE, assemble_vae, posterior

FILTERS = (32, 64, 128)  # thesis 002, figure 4.2
SQUEEZED = 16  # feature maps before the dense layers
SLOPE = 0.01  # of LeakyReLU: PyTorch's, in which the thesis was written


def vae_uad(
    image_shape: Shape,
    width: float,
    *,
    latent_dim: int = 128,
    likelihood: str = "optimal_sigma",
    beta: float = 1.0,
    free_nats: float = 0.0,
    log_var_bias: float = 0.0,
    seed: int | None = None,
) -> VAE:
    """The VAE of thesis 002 (figure 4.2): 95x79 -> 12x10 -> latent -> 95x79.

    Three 5x5 convs of stride 2, a 1x1 conv to 16 maps, dense layers; the decoder mirrors them. The
    dense layer that the published count contains and nothing uses is left out: 1,298,593 trainable
    weights at latent size 64 and 1,667,361 at 128.

    Args:
        image_shape: (H, W, C), any sides.
        width: factor on the filters; the latent stays.
        latent_dim: numbers of the latent; the thesis tried 32, 64, 128 and 256.
        likelihood: as for `vae.vae`, and so are `beta`, `free_nats`, `log_var_bias` and `seed`.
        beta: factor of the KL divergence.
        free_nats: nats of each latent dimension that cost nothing.
        log_var_bias: initial bias of log_var.
        seed: of the sampling.
    """
    encoder, grid = _encoder(image_shape, width, latent_dim, log_var_bias, seed)
    decoder = _decoder(grid, image_shape, width, latent_dim)
    return assemble_vae(
        encoder, decoder, likelihood=likelihood, beta=beta, free_nats=free_nats, name="vae_uad"
    )


def _encoder(
    image_shape: Shape, width: float, latent_dim: int, log_var_bias: float, seed: int | None
) -> tuple[keras.Model, Shape]:
    """The encoder and the shape (h, w, C) of its last feature maps."""
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, published in enumerate(FILTERS, start=1):
        filters = scaled_filters(published, width)
        x = layers.Conv2D(filters, 5, strides=2, padding="same", name=f"conv_{number}")(x)
        x = _norm_and_activation(x, str(number))
    x = layers.Conv2D(scaled_filters(SQUEEZED, width), 1, use_bias=False, name="squeeze")(x)
    x = _norm_and_activation(x, "squeeze")
    outputs = posterior(x, latent_dim, log_var_bias=log_var_bias, seed=seed)
    return keras.Model(inputs, outputs, name="encoder"), x.shape[1:]


def _decoder(grid: Shape, image_shape: Shape, width: float, latent_dim: int) -> keras.Model:
    inputs = keras.Input((latent_dim,), name="latent")
    x = layers.Dense(math.prod(grid), name="dense")(inputs)
    x = layers.Reshape(grid, name="grid")(x)  # (B, h, w, C)
    x = layers.Conv2D(scaled_filters(FILTERS[-1], width), 1, use_bias=False, name="widen")(x)
    steps = zip(FILTERS[::-1], upsampled_sides(image_shape[:2]))
    for number, (published, sides) in enumerate(steps, start=1):
        x = upsample_to(x, scaled_filters(published, width), sides, name=f"up_{number}")
        x = _norm_and_activation(x, str(number))
    outputs = layers.Conv2D(image_shape[-1], 1, activation="sigmoid", name="output")(x)
    return keras.Model(inputs, outputs, name="decoder")


def _norm_and_activation(x: Tensor, name: str) -> Tensor:
    x = layers.BatchNormalization(name=f"bn_{name}")(x)
    return layers.LeakyReLU(negative_slope=SLOPE, name=f"lrelu_{name}")(x)


def upsampled_sides(sides: Sequence[int], steps: int = 3) -> list[tuple[int, int]]:
    """Sides (H, W) after each doubling, the last exactly `sides`.

    95x79 by way of 23x19 and 47x39: the paddings 2, 1, 1 of thesis 002.
    """
    way = [tuple(sides)]
    for _ in range(steps - 1):
        rows, columns = way[0]
        way.insert(0, (rows // 2, columns // 2))
    return way
