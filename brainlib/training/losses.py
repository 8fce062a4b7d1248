"""Losses of reconstructions: one number per image.

Targets and outputs are (B, H, W, C) in [0, 1].
"""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from brainlib.metrics import SSIM_SIGMA, SSIM_WINDOW

REGISTERED = keras.saving.register_keras_serializable("brainlib")


@REGISTERED
class DSSIM(keras.losses.Loss):
    """(1 - SSIM) / 2 with an 11x11 Gaussian window of sigma 1.5, k1 0.01, k2 0.03, data range 1.

    Averaged over the places where the whole window lies in the image; `metrics.dssim` gives the
    same number.
    """

    def __init__(self, name: str = "dssim", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        if min(y_pred.shape[1:3]) < SSIM_WINDOW:
            raise ValueError(
                f"DSSIM needs images of {SSIM_WINDOW}x{SSIM_WINDOW} pixels or more, "
                f"got {y_pred.shape[1]}x{y_pred.shape[2]}. Use mse or dssim_contrib."
            )
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        similarity = tf.image.ssim(
            y_true, y_pred, max_val=1.0, filter_size=SSIM_WINDOW, filter_sigma=SSIM_SIGMA
        )
        return (1.0 - similarity) / 2.0


@REGISTERED
class DSSIMContrib(keras.losses.Loss):
    """The DSSIM of keras-contrib 0.0.2, which thesis 003 trained with.

    It is taken over uniform 3x3 patches that do not overlap. Rows and
    columns that fill no patch (the 256th of 256) count for nothing.
    """

    def __init__(self, name: str = "dssim_contrib", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        c1, c2 = 0.01**2, 0.03**2
        true = self._patches(y_true)  # (B, h, w, 9 C)
        output = self._patches(y_pred)
        mean_true, mean_output = ops.mean(true, axis=-1), ops.mean(output, axis=-1)
        covariance = ops.mean(true * output, axis=-1) - mean_true * mean_output
        similarity = (2 * mean_true * mean_output + c1) * (2 * covariance + c2)
        similarity /= ops.square(mean_true) + ops.square(mean_output) + c1
        similarity /= ops.var(true, axis=-1) + ops.var(output, axis=-1) + c2
        return ops.mean((1.0 - similarity) / 2.0, axis=(1, 2))

    @staticmethod
    def _patches(images):
        return ops.image.extract_patches(ops.cast(images, "float32"), 3, strides=3, padding="valid")


@REGISTERED
class LogMSE(keras.losses.Loss):
    """Logarithm of each image's mean squared error: -0.23 times its PSNR in dB.

    The MSE is ruled by the pictures that are hardest; here halving the error of any picture counts
    alike. Errors far below `floor` count as that (1e-4: 40 dB), so that no clean picture can be
    worth everything.
    """

    floor = 1e-4

    def __init__(self, name: str = "log_mse", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        difference = ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")
        return ops.log(ops.mean(ops.square(difference), axis=(1, 2, 3)) + self.floor)


NAMES = ("mse", "log_mse", "l1", "dssim", "dssim_contrib")


def get(name: str | keras.losses.Loss) -> keras.losses.Loss:
    """The loss of a name; a Keras loss is returned as it is."""
    if isinstance(name, keras.losses.Loss):
        return name
    makers = {
        "mse": lambda: keras.losses.MeanSquaredError(name="mse"),
        "log_mse": LogMSE,
        "l1": lambda: keras.losses.MeanAbsoluteError(name="l1"),
        "dssim": DSSIM,
        "dssim_contrib": DSSIMContrib,
    }
    if name not in makers:
        raise ValueError(f"loss: expected one of {', '.join(NAMES)} or a Keras loss, got {name!r}.")
    return makers[name]()


def metric(name: str | keras.metrics.Metric) -> keras.metrics.Metric:
    """The loss of a name as a metric that is logged; a Keras metric is returned as it is."""
    if name in NAMES:
        return keras.metrics.MeanMetricWrapper(get(name).call, name=name)
    return name
