"""The variational autoencoder of seed 000, with its likelihood stated."""

import contextlib
import math

import keras
import tensorflow as tf
from keras import layers, ops

from brainlib.models.layers.variational import KLDivergence, Likelihood, Sampling
from brainlib.models.residual import filters_of

REGISTERED = keras.saving.register_keras_serializable("brainlib")
FILTERS = (16, 32, 64, 256, 1024)  # seed 000, figure 3.8


@REGISTERED
class VAE(keras.Model):
    """A functional model with layers `encoder`, `kl`, `decoder` and `likelihood`; compile it without a loss.

    Its loss is the distortion of `layers.Likelihood` plus beta * KL, nats an image. Training and `evaluate` decode a draw
    from the posterior, so that with beta = 1 both are bounds (Kingma and Welling, equation 10); `predict` and a call decode
    its mean. At the mean the distortion is too small: by about half a nat for each active latent dimension.
    """

    @property
    def encoder(self):
        """images (B, H, W, 1) -> [mean, log_var, sample], each (B, D)."""
        return self.get_layer("encoder")

    @property
    def decoder(self):
        """latents (B, D) -> images (B, H, W, 1)."""
        return self.get_layer("decoder")

    @property
    def likelihood(self):
        return self.get_layer("likelihood")

    def test_step(self, data):
        with contextlib.ExitStack() as stack:
            for layer in self.encoder.layers:
                if isinstance(layer, Sampling):
                    stack.enter_context(layer.drawing())
            return super().test_step(data)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        distortion = self.likelihood.loss(y, y_pred, training=training)
        if sample_weight is not None:
            distortion = distortion * ops.reshape(sample_weight, (-1,))
        # Keras adds the losses of several devices up, each on its part of the batch.
        return (
            ops.mean(distortion) + sum(self.losses)
        ) / tf.distribute.get_strategy().num_replicas_in_sync


def vae(
    image_shape,
    width,
    *,
    latent_dim=None,
    likelihood="optimal_sigma",
    beta=1.0,
    free_nats=0.0,
    log_var_bias=0.0,
    seed=None,
):
    """Seed 000's VAE: five 4x4 convs of stride 2, each BN and LeakyReLU; the decoder mirrors them.

    Args:
        image_shape: (H, W, C), sides divisible by 32.
        width: factor on the filters and on the latent.
        latent_dim: numbers of the latent; 1024 * width when absent.
        likelihood: "optimal_sigma", "learned_sigma" or "seed", see `layers.Likelihood`.
        beta, free_nats: see `layers.KLDivergence`.
        log_var_bias: initial bias of log_var; below 0 the posterior begins narrower than the prior.
        seed: of the sampling.
    """
    latent_dim = latent_dim or filters_of(1024, width)
    grid = (image_shape[0] // 32, image_shape[1] // 32, filters_of(FILTERS[-1], width))
    encoder = _encoder(image_shape, width, latent_dim, log_var_bias, seed)
    decoder = _decoder(grid, width, latent_dim, image_shape[-1])
    return assemble(
        encoder, decoder, likelihood=likelihood, beta=beta, free_nats=free_nats, name="vae"
    )


def assemble(encoder, decoder, *, likelihood, beta, free_nats, name):
    """A `VAE` of an encoder (image -> mean, log_var, sample) and a decoder (latent -> image)."""
    inputs = keras.Input(encoder.input_shape[1:])
    mean, log_var, sample = encoder(inputs)
    mean, log_var = KLDivergence(beta=beta, free_nats=free_nats, name="kl")([mean, log_var])
    outputs = Likelihood(likelihood, name="likelihood")(decoder(sample))
    # Nobody needs what the KL layer passes on; as inputs of the last layer they keep it in the model.
    outputs = KeepFirst(name="reconstruction")([outputs, mean, log_var])
    return VAE(inputs, outputs, name=name)


@REGISTERED
class KeepFirst(layers.Layer):
    """Returns the first of its inputs; the others stay part of the model."""

    def call(self, inputs):
        return inputs[0]

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def _encoder(image_shape, width, latent_dim, log_var_bias, seed):
    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for number, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(
            filters_of(filters, width), 4, strides=2, padding="same", name=f"conv_{number}"
        )(x)
        x = layers.BatchNormalization(name=f"bn_{number}")(x)
        x = layers.LeakyReLU(negative_slope=0.3, name=f"lrelu_{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    mean = layers.Dense(latent_dim, name="mean")(x)
    log_var = layers.Dense(
        latent_dim, name="log_var", bias_initializer=keras.initializers.Constant(log_var_bias)
    )(x)
    sample = Sampling(seed=seed, name="sampling")([mean, log_var])
    return keras.Model(inputs, [mean, log_var, sample], name="encoder")


def _decoder(grid, width, latent_dim, channels):
    inputs = keras.Input((latent_dim,), name="latent")
    x = layers.Reshape(grid, name="grid")(layers.Dense(math.prod(grid), name="dense")(inputs))
    for number, filters in enumerate(FILTERS[-2::-1], start=1):
        x = layers.Conv2DTranspose(
            filters_of(filters, width), 4, strides=2, padding="same", name=f"up_{number}"
        )(x)
        x = layers.BatchNormalization(name=f"bn_{number}")(x)
        x = layers.LeakyReLU(negative_slope=0.3, name=f"lrelu_{number}")(x)
    outputs = layers.Conv2DTranspose(
        channels, 4, strides=2, padding="same", activation="sigmoid", name="output"
    )(x)
    return keras.Model(inputs, outputs, name="decoder")
