"""What does a VAE itself say about a pixel? Gradients of its ELBO, reconstruction probability.

Thesis 002's VAE (section 4.2.1) is scored by its residual only; these are An and Cho (2015) and
Zimmerer et al. (2019).
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from brainlib.anomaly.restoration.elbo import BATCH, elbo_parts, likelihood_sigma
from brainlib.models.outputs import outputs_of


def kl_gradient(model: keras.Model, stack: np.ndarray) -> np.ndarray:
    """|d KL / d pixel| of slices: (N, H, W, 1) -> the same shape, nats per grey value."""
    return _gradient(model, stack, lambda kl, distortion: kl)


def elbo_gradient(model: keras.Model, stack: np.ndarray) -> np.ndarray:
    """|d ELBO / d pixel| of slices: (N, H, W, 1) -> the same shape, nats per grey value."""
    return _gradient(model, stack, lambda kl, distortion: kl + distortion)


def _gradient(model, stack, loss: Callable):
    """|d loss / d pixel|; `loss` makes (B,) of (KL, distortion)."""
    maps, sigma = [], likelihood_sigma(model)
    for start in range(0, len(stack), BATCH):
        images = tf.constant(stack[start : start + BATCH])
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(loss(*elbo_parts(model, images, sigma)))
        maps.append(np.abs(tape.gradient(total, images).numpy()))
    return np.concatenate(maps)


def reconstruction_improbability(
    model: keras.Model, stack: np.ndarray, *, samples: int = 8, seed: int = 0
) -> np.ndarray:
    """Minus the logarithm of An and Cho's reconstruction probability, but for a constant.

    Args:
        model: a VAE.
        stack: (N, H, W, 1) in [0, 1].
        samples: draws of the posterior.
        seed: of the draws.

    Returns:
        float32 (N, H, W, 1): squared error over twice the likelihood's variance, mean over draws.
    """
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    encoded = outputs_of(encoder, stack, batch_size=BATCH)
    mean, log_var, _ = (np.asarray(part, np.float32) for part in encoded)  # (N, latent)
    total = np.zeros(stack.shape, np.float32)
    for draw in range(samples):
        noise = np.random.default_rng(seed + draw).standard_normal(mean.shape).astype(np.float32)
        latents = mean + np.exp(log_var / 2) * noise
        total += np.square(stack - outputs_of(decoder, latents, batch_size=BATCH))
    return (total / samples / (2 * likelihood_sigma(model) ** 2)).astype(np.float32)


def kl_and_distortion(model: keras.Model, stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both parts of the negative ELBO of slices, each (N,) in nats. stack: (N, H, W, 1)."""
    sigma = likelihood_sigma(model)
    kls, distortions = [], []
    for start in range(0, len(stack), BATCH):
        kl, distortion = elbo_parts(model, tf.constant(stack[start : start + BATCH]), sigma)
        kls.append(np.asarray(kl))
        distortions.append(np.asarray(distortion))
    return np.concatenate(kls), np.concatenate(distortions)
