"""What is a slice that a VAE finds more likely? Descent of its negative ELBO from the slice.

Thesis 002 has restoration among related work (section 3.4); the method is that of Chen et al.
(2020) and You et al. (2019).
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from brainlib import models
from brainlib.models.layers.variational import kl_by_dimension

BATCH = 32  # slices that are restored together
SIGMA_UNNAMED = 0.1  # the likelihood's, where a model names none: thesis 000's loss


def require_vae(model: keras.Model, method: str) -> None:
    """Refuses models that have no posterior and no likelihood, with a ValueError."""
    if not models.is_vae(model):
        raise ValueError(
            f"method {method!r} asks a posterior and a likelihood: expected a VAE, got "
            f"{model.name}. Take a residual, dssim or a baseline."
        )


def likelihood_sigma(model: keras.Model) -> float:
    """The likelihood's standard deviation, in grey values."""
    sigma = model.likelihood.sigma() if hasattr(model, "likelihood") else np.nan
    return sigma if np.isfinite(sigma) else SIGMA_UNNAMED


def elbo_parts(model: keras.Model, images: tf.Tensor, sigma: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Both parts of the negative ELBO at the posterior mean; the distortion's constant is left out.

    Args:
        model: a VAE.
        images: (B, H, W, 1) in [0, 1].
        sigma: the likelihood's standard deviation, in grey values.

    Returns:
        (KL, distortion), each (B,) in nats.
    """
    mean, log_var, _ = model.get_layer("encoder")(images, training=False)
    output = model.get_layer("decoder")(mean, training=False)
    kl = tf.reduce_sum(kl_by_dimension(mean, log_var), axis=-1)
    return kl, tf.reduce_sum(tf.square(images - output), axis=(1, 2, 3)) / (2 * sigma**2)


def restore_by_descent(
    model: keras.Model,
    slices: np.ndarray,
    *,
    steps: int = 60,
    rate: float = 0.01,
    total_variation: float = 5.0,
) -> np.ndarray:
    """Slices moved down the negative ELBO plus the total variation of the change.

    Where the change stays small, so does its total variation; a lesion is a patch that pays for its
    border once and may then change as a whole.

    Args:
        model: a VAE.
        slices: (N, H, W, 1) of the model's input, in [0, 1].
        steps: of Adam; 0 returns the slices.
        rate: of Adam, in grey values.
        total_variation: weight of the total variation of (restored - slices), nats per grey value.

    Returns:
        restored slices (N, H, W, 1), clipped to [0, 1].
    """
    require_vae(model, "restoration")
    if not steps or not len(slices):
        return np.array(slices, np.float32)
    gradient = _loss_gradient(model, total_variation)
    batch = min(BATCH, len(slices))
    restored = []
    for start in range(0, len(slices), BATCH):
        part = np.asarray(slices[start : start + BATCH], np.float32)
        filler = part[:1].repeat(batch - len(part), axis=0)  # one shape, one graph
        images = tf.constant(np.concatenate([part, filler]))
        restored.append(_adam(gradient, images, steps, rate).numpy()[: len(part)])
    return np.concatenate(restored)


def _adam(gradient: Callable, images, steps, rate):
    """Adam on the pixels, clipped to [0, 1] after each step. images: (B, H, W, 1).

    As Kingma and Ba (2015) wrote it: keras.optimizers.Adam rounds otherwise and puts its epsilon
    elsewhere, which moves restored pixels by up to 0.04 grey values.
    """
    moved, first, second = images, tf.zeros_like(images), tf.zeros_like(images)
    for number in range(1, steps + 1):
        slope = gradient(moved, images)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * tf.square(slope)
        mean, variance = first / (1 - 0.9**number), second / (1 - 0.999**number)
        moved -= rate * mean / (tf.sqrt(variance) + 1e-8)
        moved = tf.clip_by_value(moved, 0.0, 1.0)
    return moved


def _loss_gradient(model, weight):
    """Function (moved, images) -> gradient of the loss with regard to `moved`, as a graph."""
    sigma = likelihood_sigma(model)  # outside of the graph: it is a number, no tensor

    @tf.function
    def gradient(moved, images):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            variation = tf.reduce_sum(_smooth_variation(moved - images))
            loss = tf.reduce_sum(sum(elbo_parts(model, moved, sigma))) + weight * variation
        return tape.gradient(loss, moved)

    return gradient


def _smooth_variation(change, softness=1e-3):
    """Total variation of (B, H, W, 1) -> (B,).

    It is rounded at 0, so that its gradient is small there: a start that is no change.
    """
    down = tf.pad(change[:, 1:] - change[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = tf.pad(change[:, :, 1:] - change[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    length = tf.sqrt(tf.square(down) + tf.square(right) + softness**2)
    return tf.reduce_sum(length - softness, axis=(1, 2, 3))
