"""The anomaly models of seed 002 (section 4.2): axial slices of 95x79, any other sides too."""

import math

import keras
from keras import layers

from brainlib.models.layers.variational import Sampling
from brainlib.models.residual import filters_of
from brainlib.models.vae import assemble

FILTERS = (32, 64, 128)  # seed 002, figure 4.2
SQUEEZED = 16  # feature maps before the dense layers
SLOPE = 0.01  # of LeakyReLU: PyTorch's, in which the seed was written


def vae_uad(
    image_shape,
    width,
    *,
    latent_dim=128,
    likelihood="optimal_sigma",
    beta=1.0,
    free_nats=0.0,
    log_var_bias=0.0,
    seed=None,
):
    """Seed 002's VAE: three 5x5 convs of stride 2, a 1x1 conv to 16 maps, dense layers; 95x79 -> 12x10 -> 95x79.

    The dense layer that the published count contains and nothing uses is left out: 1,298,593 trainable weights at
    latent size 64 and 1,667,361 at 128.

    Args:
        image_shape: (H, W, C), any sides.
        width: factor on the filters; the latent stays.
        latent_dim: numbers of the latent; the seed tried 32, 64, 128 and 256.
        likelihood, beta, free_nats, log_var_bias, seed: as for `models_vae.vae`.
    """
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(
            filters_of(filters, width), 5, strides=2, padding="same", name=f"conv_{number}"
        )(x)
        x = _norm(x, number)
    squeezed = filters_of(SQUEEZED, width)
    x = _norm(layers.Conv2D(squeezed, 1, use_bias=False, name="squeeze")(x), "squeeze")
    grid = x.shape[1:]
    x = layers.Flatten(name="flatten")(x)
    mean = layers.Dense(latent_dim, name="mean")(x)
    log_var = layers.Dense(
        latent_dim, name="log_var", bias_initializer=keras.initializers.Constant(log_var_bias)
    )(x)
    sample = Sampling(seed=seed, name="sampling")([mean, log_var])
    encoder = keras.Model(inputs, [mean, log_var, sample], name="encoder")
    decoder = _decoder(grid, image_shape, width, latent_dim)
    return assemble(
        encoder, decoder, likelihood=likelihood, beta=beta, free_nats=free_nats, name="vae_uad"
    )


def _norm(x, name):
    x = layers.BatchNormalization(name=f"bn_{name}")(x)
    return layers.LeakyReLU(negative_slope=SLOPE, name=f"lrelu_{name}")(x)


def _decoder(grid, image_shape, width, latent_dim):
    inputs = keras.Input((latent_dim,), name="latent")
    x = layers.Reshape(grid, name="grid")(layers.Dense(math.prod(grid), name="dense")(inputs))
    x = layers.Conv2D(filters_of(FILTERS[-1], width), 1, use_bias=False, name="widen")(x)
    for number, (filters, sides) in enumerate(
        zip(FILTERS[::-1], sides_on_the_way(image_shape[:2])), start=1
    ):
        x = up(x, filters_of(filters, width), sides, name=f"up_{number}")
        x = _norm(x, number)
    outputs = layers.Conv2D(image_shape[-1], 1, activation="sigmoid", name="output")(x)
    return keras.Model(inputs, outputs, name="decoder")


def sides_on_the_way(sides, steps=3):
    """Sides after each doubling up to exactly `sides`: 95x79 by way of 23x19 and 47x39, the seed's paddings 2, 1, 1."""
    way = [tuple(sides)]
    for _ in range(steps - 1):
        way.insert(0, tuple(side // 2 for side in way[0]))
    return way


def up(x, filters, sides, *, name, kernel=5):
    """A transposed conv of stride 2 whose output is cut to `sides`, as PyTorch's padding does."""
    x = layers.Conv2DTranspose(filters, kernel, strides=2, padding="valid", name=name)(x)
    cuts = [
        (present - wanted - (present - wanted) // 2, (present - wanted) // 2)
        for present, wanted in zip(x.shape[1:3], sides)
    ]
    return layers.Cropping2D(cuts, name=f"{name}_cut")(x)
