"""Losses, one number an image. `build(name)` gives them to compile()."""

import math

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("brainlib")
class DSSIM(keras.losses.Loss):
    """(1 - SSIM) / 2 with an 11x11 Gaussian window of sigma 1.5, data range 1 (seed 004, section 5.4.5.1).

    SSIM is averaged where the window lies wholly inside the picture, as `metrics.dssim` does.
    """

    def call(self, y_true, y_pred):
        return (1 - tf.image.ssim(tf.cast(y_true, tf.float32), tf.cast(y_pred, tf.float32), 1.0)) / 2


@keras.saving.register_keras_serializable("brainlib")
class DSSIMContrib(keras.losses.Loss):
    """(1 - SSIM) / 2 over 3x3 uniform patches that do not overlap, as keras-contrib had it (seed 003 trained with it)."""

    def call(self, y_true, y_pred):
        target, output = (self._patches(picture) for picture in (y_true, y_pred))
        mean_t, mean_o = ops.mean(target, axis=-1), ops.mean(output, axis=-1)
        covariance = ops.mean(target * output, axis=-1) - mean_t * mean_o
        c1, c2 = 0.01**2, 0.03**2
        ssim = (2 * mean_t * mean_o + c1) * (2 * covariance + c2) / (
            (mean_t**2 + mean_o**2 + c1) * (ops.var(target, axis=-1) + ops.var(output, axis=-1) + c2))
        return ops.mean((1 - ssim) / 2, axis=(1, 2))

    @staticmethod
    def _patches(picture):
        """(B, H, W, 1) -> (B, H // 3, W // 3, 9)."""
        return ops.image.extract_patches(ops.cast(picture, "float32"), 3, strides=3, padding="valid")


@keras.saving.register_keras_serializable("brainlib")
class GaussianNLL(keras.losses.Loss):
    """Negative log-likelihood of a Gaussian with one variance for all pixels, in nats an image.

    Args:
        variance: its variance; None takes the optimal one, the batch's mean squared error (Rybkin et al. 2021, sigma-VAE):
            its gradient is that of D/2 * log(MSE), so that neither term of the ELBO has to be weighed by hand.
    """

    def __init__(self, variance=None, name="gaussian_nll", **kwargs):
        super().__init__(name=name, **kwargs)
        self.variance = variance

    def call(self, y_true, y_pred):
        squares = ops.square(ops.cast(y_true, "float32") - ops.cast(y_pred, "float32"))
        pixels = math.prod(y_pred.shape[1:])
        variance = ops.maximum(ops.stop_gradient(ops.mean(squares)), 1e-6) if self.variance is None else self.variance
        return 0.5 * (ops.sum(squares, axis=(1, 2, 3)) / variance + pixels * ops.log(2 * math.pi * variance))

    def get_config(self):
        return {**super().get_config(), "variance": self.variance}


@keras.saving.register_keras_serializable("brainlib")
class ScaledMSE(keras.losses.Loss):
    """scale * mean squared error over pixels: with 1000 it is seed 000's loss, beside the sum of its KL terms.

    On 128x128 pixels that is a Gaussian of variance 128^2 / 2000 = 8.19, or beta of about 8 at unit variance.
    """

    def __init__(self, scale=1000.0, name="scaled_mse", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * ops.mean(ops.square(ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")), axis=(1, 2, 3))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


LOSSES = {
    "mse": keras.losses.MeanSquaredError,
    "l1": keras.losses.MeanAbsoluteError,
    "dssim": DSSIM,
    "dssim_contrib": DSSIMContrib,
    "optimal_sigma": GaussianNLL,
    "seed000": ScaledMSE,
}


def build(name):
    """A loss by name, for compile()."""
    if name not in LOSSES:
        raise ValueError(f"loss: expected one of {', '.join(LOSSES)}, got {name!r}.")
    return LOSSES[name]()
