"""Layers of a VAE: sampling of a latent, the KL divergence, what the likelihood costs."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from brainlib.models.tensors import Tensor

LOG_VAR_LIMITS = (-20.0, 20.0)  # exp(20) still fits a float32 many times over
ACTIVE_NATS = 0.01  # a latent dimension that carries more is active (Burda et al. 2016)


@keras.saving.register_keras_serializable("brainlib")
class Sampling(keras.layers.Layer):
    """Draws from N(mean, exp(log_var)) in training and within `drawing`; else passes the mean.

    Inputs are (mean, log_var), each (B, D); the output is (B, D).

    Args:
        seed: makes the draws repeatable; the state of the generator belongs to the layer.
        **kwargs: of every Keras layer.
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._drawing = 0  # how many want it: replicas take turns

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside of it the layer draws outside of training, too.

        A function that is traced inside goes on to.
        """
        self._drawing += 1
        try:
            yield
        finally:
            self._drawing -= 1

    def call(self, inputs: Sequence[Tensor], training: bool = False) -> Tensor:
        mean, log_var = inputs
        if not (training or self._drawing):
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * ops.clip(log_var, *LOG_VAR_LIMITS)) * noise

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return input_shape[0]

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": self.seed}


def kl_by_dimension(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, 1)) in nats of each latent dimension.

    (B, D), (B, D) -> (B, D); Kingma and Welling 2014, appendix B.
    """
    mean = ops.cast(mean, "float32")
    log_var = ops.clip(ops.cast(log_var, "float32"), *LOG_VAR_LIMITS)
    return 0.5 * (ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)


@keras.saving.register_keras_serializable("brainlib")
class KLDivergence(keras.layers.Layer):
    """Adds beta * KL(N(mean, exp(log_var)) || N(0, 1)) to the loss, in nats per image.

    Inputs are (mean, log_var), each (B, D); they are passed on. `beta` is a weight that is not
    trained, so that a callback can warm it up. Tracked as metrics: `kl` (nats per image, before
    beta) and `active_units`, the number of latent dimensions that carry more than 0.01 nats on
    average.

    Args:
        beta: factor of the divergence.
        free_nats: nats of each latent dimension, averaged over the batch, that cost nothing
            ("free bits", Kingma et al. 2016).
        **kwargs: of every Keras layer.
    """

    def __init__(self, *, beta: float = 1.0, free_nats: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.initial_beta = beta
        self.free_nats = free_nats
        self.beta = self.add_weight(
            name="beta", shape=(), trainable=False, initializer=keras.initializers.Constant(beta)
        )
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.active_tracker = keras.metrics.Mean(name="active_units")

    def call(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        by_dimension = ops.mean(kl_by_dimension(*inputs), axis=0)  # (D,), averaged over the batch
        self.add_loss(self.beta * ops.sum(ops.maximum(by_dimension, self.free_nats)))
        self.kl_tracker.update_state(ops.sum(by_dimension))
        active = ops.cast(by_dimension > ACTIVE_NATS, "float32")
        self.active_tracker.update_state(ops.sum(active))
        return inputs

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> Sequence[tuple]:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "beta": self.initial_beta, "free_nats": self.free_nats}


@keras.saving.register_keras_serializable("brainlib")
class Likelihood(keras.layers.Layer):
    """What the error of an output costs; passes the output on.

    `loss(target, output, training=...)` is a VAE's distortion in nats per image:

    - "optimal_sigma": minus the log-likelihood of a Gaussian whose variance is the mean squared
      error, the optimal one (Rybkin et al. 2021). In training it is the batch's own; its running
      mean, which the layer stores, serves outside of training.
    - "learned_sigma": the same with one sigma learned by gradient.
    - "seed": 1000 * mean squared error, as thesis 000 has it. No likelihood's logarithm but for a
      constant: added to a KL in nats it is a Gaussian of variance (pixels / 2000), 8.19 at 128x128.

    Tracked as metrics: `distortion` (nats per image, or the thesis's units) and `mse`.

    Args:
        kind: one of the three.
        momentum: of the running mean of the squared error.
        minimum: smallest sigma, image units.
        **kwargs: of every Keras layer.
    """

    KINDS = ("optimal_sigma", "learned_sigma", "seed")

    def __init__(
        self,
        kind: str = "optimal_sigma",
        *,
        momentum: float = 0.9,
        minimum: float = 1e-3,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if kind not in self.KINDS:
            raise ValueError(f"likelihood: expected one of {', '.join(self.KINDS)}, got {kind!r}.")
        self.kind = kind
        self.momentum = momentum
        self.minimum = minimum
        self.log_sigma = self.add_weight(
            name="log_sigma", shape=(), trainable=kind == "learned_sigma", initializer="zeros"
        )
        self.steps = self.add_weight(name="steps", shape=(), trainable=False, initializer="zeros")
        self.distortion_tracker = keras.metrics.Mean(name="distortion")
        self.mse_tracker = keras.metrics.Mean(name="mse")

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def sigma(self) -> float:
        """Standard deviation of the likelihood, image units; NaN for "seed", which names none."""
        if self.kind == "seed":
            return math.nan
        return max(float(ops.exp(self.log_sigma)), self.minimum)

    def loss(self, target: Tensor, output: Tensor, training: bool = False) -> Tensor:
        """Distortion of each image in nats. target, output: (B, H, W, 1) -> (B,)."""
        target = ops.cast(target, "float32")
        output = ops.cast(output, "float32")
        error = ops.mean(ops.square(target - output), axis=(1, 2, 3))  # (B,)
        distortion = self._distortion(error, math.prod(output.shape[1:]), training)
        self.mse_tracker.update_state(error)
        self.distortion_tracker.update_state(distortion)
        return distortion

    def _distortion(self, error: Tensor, pixels: int, training: bool) -> Tensor:
        """Distortion (B,) of images of so many pixels from their mean squared errors (B,)."""
        if self.kind == "seed":
            return 1000.0 * error
        log_sigma = ops.maximum(self.log_sigma, math.log(self.minimum))
        if self.kind == "optimal_sigma" and training:
            log_sigma = self._optimal_log_sigma(error)
            self._update_running_mean(log_sigma)
        # Minus the logarithm of N(target; output, sigma^2), per pixel.
        return pixels * (
            log_sigma + 0.5 * math.log(2 * math.pi) + 0.5 * error * ops.exp(-2.0 * log_sigma)
        )

    def _optimal_log_sigma(self, error: Tensor) -> Tensor:
        variance = ops.mean(ops.stop_gradient(error))
        return 0.5 * ops.log(ops.maximum(variance, self.minimum**2))

    def _update_running_mean(self, log_sigma: Tensor) -> None:
        # The first batches count equally.
        momentum = ops.minimum(self.momentum, self.steps / (self.steps + 1.0))
        self.log_sigma.assign(momentum * self.log_sigma + (1.0 - momentum) * log_sigma)
        self.steps.assign_add(1.0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "kind": self.kind,
            "momentum": self.momentum,
            "minimum": self.minimum,
        }
