"""The variational autoencoder of thesis 000, with its likelihood stated."""

import contextlib
import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from brainlib.models.building import scaled_filters
from brainlib.models.layers.variational import KLDivergence, Likelihood, Sampling
from brainlib.models.tensors import Shape, Tensor

FILTERS = (16, 32, 64, 256, 1024)  # thesis 000, figure 3.8
LATENT_DIM = 1024
SLOPE = 0.3  # of LeakyReLU: Keras's own, in which the thesis was written


@keras.saving.register_keras_serializable("brainlib")
class VAE(keras.Model):
    """A functional model with layers `encoder`, `kl`, `decoder` and `likelihood`.

    Compile it without a loss: its loss is the distortion of `layers.Likelihood` plus beta * KL,
    nats per image. Training and `evaluate` decode a draw from the posterior, so that with beta = 1
    both are bounds (Kingma and Welling 2014, equation 10); `predict` and a call decode its mean.
    At the mean the distortion is too small: by about half a nat for each active latent dimension.
    """

    @property
    def encoder(self) -> keras.Model:
        """Images (B, H, W, 1) -> [mean, log_var, sample], each (B, D)."""
        return self.get_layer("encoder")

    @property
    def decoder(self) -> keras.Model:
        """Latents (B, D) -> images (B, H, W, 1)."""
        return self.get_layer("decoder")

    @property
    def likelihood(self) -> Likelihood:
        """What the error of a reconstruction costs."""
        return self.get_layer("likelihood")

    def test_step(self, data: Any) -> dict:
        """Evaluates a batch with latents that are drawn, as in training."""
        with contextlib.ExitStack() as stack:
            for layer in self.encoder.layers:
                if isinstance(layer, Sampling):
                    stack.enter_context(layer.drawing())
            return super().test_step(data)

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Distortion plus beta * KL in nats per image, averaged over the batch.

        y, y_pred: (B, H, W, 1); sample_weight: (B,) or what reshapes to it.
        """
        distortion = self.likelihood.loss(y, y_pred, training=training)  # (B,)
        if sample_weight is not None:
            distortion = distortion * ops.reshape(sample_weight, (-1,))  # (B,)
        total = ops.mean(distortion) + sum(self.losses)
        # Keras adds the losses of several devices up, each on its part of the batch.
        return total / tf.distribute.get_strategy().num_replicas_in_sync


@keras.saving.register_keras_serializable("brainlib")
class KeepFirst(layers.Layer):
    """Returns the first of its inputs; the others stay part of the model."""

    def call(self, inputs: list[Tensor]) -> Tensor:
        return inputs[0]

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        return input_shape[0]


def vae(
    image_shape: Shape,
    width: float,
    *,
    latent_dim: int | None = None,
    likelihood: str = "optimal_sigma",
    beta: float = 1.0,
    free_nats: float = 0.0,
    log_var_bias: float = 0.0,
    seed: int | None = None,
) -> VAE:
    """The VAE of thesis 000 (figure 3.8): five 4x4 convs of stride 2, each with BN and LeakyReLU.

    The decoder mirrors the encoder.

    Args:
        image_shape: (H, W, C), sides divisible by 32.
        width: factor on the filters and on the latent.
        latent_dim: numbers of the latent; 1024 * width when absent.
        likelihood: "optimal_sigma", "learned_sigma" or "seed", see `layers.Likelihood`.
        beta: factor of the KL divergence.
        free_nats: nats of each latent dimension that cost nothing, see `layers.KLDivergence`.
        log_var_bias: initial bias of log_var; below 0 the posterior begins narrower than the prior.
        seed: of the sampling.
    """
    latent_dim = latent_dim or scaled_filters(LATENT_DIM, width)
    grid = (image_shape[0] // 32, image_shape[1] // 32, scaled_filters(FILTERS[-1], width))
    encoder = _encoder(image_shape, width, latent_dim, log_var_bias, seed)
    decoder = _decoder(grid, width, latent_dim, image_shape[-1])
    return assemble_vae(
        encoder, decoder, likelihood=likelihood, beta=beta, free_nats=free_nats, name="vae"
    )


def assemble_vae(
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    likelihood: str,
    beta: float,
    free_nats: float,
    name: str,
) -> VAE:
    """A `VAE` of an encoder (image -> mean, log_var, sample) and a decoder (latent -> image)."""
    inputs = keras.Input(encoder.input_shape[1:])
    mean, log_var, sample = encoder(inputs)
    mean, log_var = KLDivergence(beta=beta, free_nats=free_nats, name="kl")([mean, log_var])
    outputs = Likelihood(likelihood, name="likelihood")(decoder(sample))
    # Nobody needs what the KL layer passes on; as inputs of the last layer they keep it in the
    # model.
    outputs = KeepFirst(name="reconstruction")([outputs, mean, log_var])
    return VAE(inputs, outputs, name=name)


def posterior(
    features: Tensor, latent_dim: int, *, log_var_bias: float, seed: int | None
) -> list[Tensor]:
    """[mean, log_var, sample] of a Gaussian posterior, each (B, D), from features (B, h, w, C)."""
    x = layers.Flatten(name="flatten")(features)  # (B, h*w*C)
    mean = layers.Dense(latent_dim, name="mean")(x)
    bias = keras.initializers.Constant(log_var_bias)
    log_var = layers.Dense(latent_dim, name="log_var", bias_initializer=bias)(x)
    sample = Sampling(seed=seed, name="sampling")([mean, log_var])
    return [mean, log_var, sample]


def _encoder(
    image_shape: Shape, width: float, latent_dim: int, log_var_bias: float, seed: int | None
) -> keras.Model:
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, published in enumerate(FILTERS, start=1):
        filters = scaled_filters(published, width)
        x = layers.Conv2D(filters, 4, strides=2, padding="same", name=f"conv_{number}")(x)
        x = layers.BatchNormalization(name=f"bn_{number}")(x)
        x = layers.LeakyReLU(negative_slope=SLOPE, name=f"lrelu_{number}")(x)
    outputs = posterior(x, latent_dim, log_var_bias=log_var_bias, seed=seed)
    return keras.Model(inputs, outputs, name="encoder")


def _decoder(grid: Shape, width: float, latent_dim: int, channels: int) -> keras.Model:
    inputs = keras.Input((latent_dim,), name="latent")
    x = layers.Dense(math.prod(grid), name="dense")(inputs)
    x = layers.Reshape(grid, name="grid")(x)  # (B, H/32, W/32, C)
    for number, published in enumerate(FILTERS[-2::-1], start=1):
        filters = scaled_filters(published, width)
        x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", name=f"up_{number}")(x)
        x = layers.BatchNormalization(name=f"bn_{number}")(x)
        x = layers.LeakyReLU(negative_slope=SLOPE, name=f"lrelu_{number}")(x)
    outputs = layers.Conv2DTranspose(
        channels, 4, strides=2, padding="same", activation="sigmoid", name="output"
    )(x)
    return keras.Model(inputs, outputs, name="decoder")
