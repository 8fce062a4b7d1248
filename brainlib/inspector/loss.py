"""What a model's loss says about a pixel: how it weighs an error against a nat of its posterior.

A loss a * (mean squared error) + b * KL is, but for a constant and a factor, the negative ELBO of
a Gaussian likelihood of variance pixels * b / (2 a). At unit variance the same number is beta.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from brainlib.inspector import training_step
from brainlib.inspector.latents import posterior


@dataclass(frozen=True)
class LossWeights:
    """How a loss weighs its two terms, and from where that is known.

    Attributes:
        error: factor of the mean squared error over pixels.
        kl: factor of the KL, nats per image.
        source: where both come from, in words.
    """

    error: float
    kl: float
    source: str

    def variance(self, pixels: int) -> float:
        """Variance of the Gaussian likelihood with which this loss is an ELBO.

        Infinite where an error costs nothing.
        """
        return pixels * self.kl / (2 * self.error) if self.error > 0 else math.inf


def loss_weights(
    model: keras.Model,
    batches: Mapping[str, np.ndarray],
    *,
    given: tuple[float, float] | None = None,
) -> LossWeights | None:
    """How a VAE's loss weighs error and KL, or None where nobody can know.

    Args:
        model: a VAE, or a class that trains one.
        batches: {name: images (N, H, W, C)} of different kinds (`probes.probes`): they separate
            the two terms.
        given: (factor of the mean squared error, factor of the KL), believed when there.
    """
    if given is not None:
        return LossWeights(float(given[0]), float(given[1]), "as given")
    if _is_overridden(model, "train_step"):
        factors = training_step.loss_factors(model, batches)
        return LossWeights(*factors, "its training step") if factors else None
    compiled = getattr(model, "compiled", False)
    has_loss = compiled and getattr(model, "_compile_loss", None) is not None
    if _is_overridden(model, "compute_loss") or has_loss:
        return _from_compute_loss(model, batches)
    return None


def _is_overridden(model: keras.Model, name: str) -> bool:
    return getattr(type(model), name) is not getattr(keras.Model, name)


def _from_compute_loss(model: keras.Model, batches: Mapping[str, np.ndarray]) -> LossWeights | None:
    """From `compute_loss` in inference: the error from its curvature, the KL from its penalties."""
    error = _error_factor(model, np.asarray(batches["brains"], "float32"))
    penalties, rates = [], []
    for pictures in batches.values():
        found = posterior(model, pictures)
        if found is None:
            return None
        model(np.asarray(pictures, "float32"), training=False)
        penalties.append(float(sum(model.losses)))
        rates.append(float(found.kl().sum(axis=1).mean()))
    slope = float(np.polyfit(rates, penalties, 1)[0]) if np.ptp(rates) > 1e-6 else math.nan
    return LossWeights(error, slope, "its loss") if math.isfinite(slope) and slope > 0 else None


def _error_factor(model: keras.Model, images: np.ndarray) -> float:
    """What the loss costs per mean squared error, at errors of the model's own size."""
    outputs = np.asarray(model(images, training=False))
    step = max(0.01, float(np.sqrt(np.mean((outputs - images) ** 2))))
    coin = np.random.default_rng(0).random(images.shape) < 0.5
    signs = np.where(coin, -1.0, 1.0).astype("float32")
    costs = []
    for shift in (-step, 0.0, step):
        shifted = outputs + shift * signs
        cost = model.compute_loss(x=images, y=images, y_pred=shifted, training=False)
        costs.append(float(cost))
    # Both signs: what is linear in the change cancels, the curvature stays.
    return (costs[0] + costs[2] - 2 * costs[1]) / (2 * step**2)
