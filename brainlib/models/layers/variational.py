"""Layers that Keras does not have: sampling of a latent, the KL divergence, the likelihood's scale."""

import contextlib
import math

import keras
from keras import ops

REGISTERED = keras.saving.register_keras_serializable("brainlib")
LOG_VAR_LIMITS = (-20.0, 20.0)  # exp(20) still fits a float32 many times over


@REGISTERED
class Sampling(keras.layers.Layer):
    """Draws from N(mean, exp(log_var)) in training and within `drawing`; passes the mean otherwise.

    Inputs are (mean, log_var), each (B, D); the output is (B, D). `seed` makes the draws repeatable; the state of the
    generator belongs to the layer.
    """

    def __init__(self, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._drawing = 0  # how many want it: replicas take turns

    @contextlib.contextmanager
    def drawing(self):
        """Inside of it the layer draws outside of training, too; a function that is traced inside goes on to."""
        self._drawing += 1
        try:
            yield
        finally:
            self._drawing -= 1

    def call(self, inputs, training=False):
        mean, log_var = inputs
        if not (training or self._drawing):
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * ops.clip(log_var, *LOG_VAR_LIMITS)) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def kl_by_dimension(mean, log_var):
    """KL(N(mean, exp(log_var)) || N(0, 1)) in nats of each latent dimension. (B, D), (B, D) -> (B, D)."""
    mean, log_var = (
        ops.cast(mean, "float32"),
        ops.clip(ops.cast(log_var, "float32"), *LOG_VAR_LIMITS),
    )
    return 0.5 * (ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)


@REGISTERED
class KLDivergence(keras.layers.Layer):
    """Adds beta * KL(N(mean, exp(log_var)) || N(0, 1)) to the loss, in nats an image; passes its inputs on.

    `beta` is a weight that is not trained, so that a callback can warm it up. Tracked as metrics: `kl` (nats an image,
    before beta) and `active_units`, the number of latent dimensions that carry more than 0.01 nats on average.

    Args:
        beta: factor of the divergence.
        free_nats: nats of each latent dimension, averaged over the batch, that cost nothing ("free bits").
    """

    def __init__(self, *, beta=1.0, free_nats=0.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_beta, self.free_nats = beta, free_nats
        self.beta = self.add_weight(
            name="beta", shape=(), trainable=False, initializer=keras.initializers.Constant(beta)
        )
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.active_tracker = keras.metrics.Mean(name="active_units")

    def call(self, inputs):
        by_dimension = ops.mean(kl_by_dimension(*inputs), axis=0)  # (D,), averaged over the batch
        self.add_loss(self.beta * ops.sum(ops.maximum(by_dimension, self.free_nats)))
        self.kl_tracker.update_state(ops.sum(by_dimension))
        self.active_tracker.update_state(ops.sum(ops.cast(by_dimension > 0.01, "float32")))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "beta": self.initial_beta, "free_nats": self.free_nats}


@REGISTERED
class Likelihood(keras.layers.Layer):
    """What the error of an output costs; passes the output on.

    `loss(target, output, training=...)` is a VAE's distortion in nats an image:

    - "optimal_sigma": minus the log-likelihood of a Gaussian whose variance is the mean squared error, the optimal
      one (Rybkin et al. 2021). In training it is the batch's own; its running mean, which the layer stores, serves
      outside of training.
    - "learned_sigma": the same with one sigma learned by gradient.
    - "seed": 1000 * mean squared error, as seed 000 has it. No likelihood's logarithm but for a constant: added to a
      KL in nats it is a Gaussian of variance (pixels / 2000), 8.19 at 128x128.

    Tracked as metrics: `distortion` (nats an image, or the seed's units) and `mse`.

    Args:
        kind: one of the three.
        momentum: of the running mean of the squared error.
        minimum: smallest sigma, image units.
    """

    KINDS = ("optimal_sigma", "learned_sigma", "seed")

    def __init__(self, kind="optimal_sigma", *, momentum=0.9, minimum=1e-3, **kwargs):
        super().__init__(**kwargs)
        if kind not in self.KINDS:
            raise ValueError(f"likelihood: expected one of {', '.join(self.KINDS)}, got {kind!r}.")
        self.kind, self.momentum, self.minimum = kind, momentum, minimum
        learned = kind == "learned_sigma"
        self.log_sigma = self.add_weight(
            name="log_sigma", shape=(), trainable=learned, initializer="zeros"
        )
        self.steps = self.add_weight(name="steps", shape=(), trainable=False, initializer="zeros")
        self.distortion_tracker = keras.metrics.Mean(name="distortion")
        self.mse_tracker = keras.metrics.Mean(name="mse")

    def call(self, inputs):
        return inputs

    def sigma(self):
        """Standard deviation of the likelihood, image units; NaN for the seed's loss, which names none."""
        if self.kind == "seed":
            return math.nan
        return max(float(ops.exp(self.log_sigma)), self.minimum)

    def loss(self, target, output, training=False):
        """Distortion of each image in nats. target, output: (B, H, W, 1) -> (B,)."""
        target, output = ops.cast(target, "float32"), ops.cast(output, "float32")
        error = ops.mean(ops.square(target - output), axis=(1, 2, 3))  # (B,)
        distortion = self._distortion(error, math.prod(output.shape[1:]), training)
        self.mse_tracker.update_state(error)
        self.distortion_tracker.update_state(distortion)
        return distortion

    def _distortion(self, error, pixels, training):
        if self.kind == "seed":
            return 1000.0 * error
        log_sigma = ops.maximum(self.log_sigma, math.log(self.minimum))
        if self.kind == "optimal_sigma" and training:
            optimal = 0.5 * ops.log(
                ops.maximum(ops.mean(ops.stop_gradient(error)), self.minimum**2)
            )
            self._remember(optimal)
            log_sigma = optimal
        return pixels * (
            log_sigma + 0.5 * math.log(2 * math.pi) + 0.5 * error * ops.exp(-2.0 * log_sigma)
        )

    def _remember(self, log_sigma):
        momentum = ops.minimum(
            self.momentum, self.steps / (self.steps + 1.0)
        )  # the first batches count equally
        self.log_sigma.assign(momentum * self.log_sigma + (1.0 - momentum) * log_sigma)
        self.steps.assign_add(1.0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "momentum": self.momentum,
            "minimum": self.minimum,
        }
