"""What a model's loss says about a pixel: how it weighs an error against a nat of its posterior.

A loss a * (mean squared error) + b * KL is, but for a constant and a factor, the negative ELBO of a Gaussian likelihood
of variance pixels * b / (2 a). At unit variance the same number is beta.
"""

import contextlib
import math
from dataclasses import dataclass

import keras
import numpy as np

from brainlib.inspector import parts


@dataclass(frozen=True)
class Weights:
    """Factors of the mean squared error (over pixels) and of the KL (nats an image), and where they come from."""

    error: float
    kl: float
    source: str

    def variance(self, pixels):
        """Variance of the Gaussian likelihood with which this loss is an ELBO; infinite where an error costs nothing."""
        return pixels * self.kl / (2 * self.error) if self.error > 0 else math.inf


def weights_of(model, batches, *, given=None):
    """How a VAE's loss weighs error and KL, or None where nobody can tell.

    Args:
        batches: images by name, of different kinds (`inspector_probes.probes`): they separate the two terms.
        given: (factor of the mean squared error, factor of the KL), believed when there.
    """
    if given is not None:
        return Weights(float(given[0]), float(given[1]), "as given")
    if _is_overridden(model, "train_step"):
        return _from_training_steps(model, batches)
    if (
        _is_overridden(model, "compute_loss")
        or getattr(model, "compiled", False)
        and getattr(model, "_compile_loss", None) is not None
    ):
        return _from_loss(model, batches)
    return None


def _is_overridden(model, name):
    return getattr(type(model), name) is not getattr(keras.Model, name)


def kl_of(cloud):
    """KL(N(mean, exp(log_var)) || N(0, 1)) of each image and dimension in nats. -> (N, D)."""
    log_var = np.clip(cloud.log_var.astype(float), -60, 60)
    return 0.5 * (cloud.mean.astype(float) ** 2 + np.exp(log_var) - 1.0 - log_var)


def _from_loss(model, batches):
    """From `compute_loss` in inference: what an error of the model's own size costs, and how the losses follow the KL."""
    images = np.asarray(batches["brains"], "float32")
    outputs, step = np.asarray(model(images, training=False)), 0.0
    step = max(0.01, float(np.sqrt(np.mean((outputs - images) ** 2))))
    # Both signs: what is linear in the change cancels, the curvature stays.
    signs = np.where(np.random.default_rng(0).random(images.shape) < 0.5, -1.0, 1.0).astype(
        "float32"
    )
    costs = [
        float(
            model.compute_loss(x=images, y=images, y_pred=outputs + shift * signs, training=False)
        )
        for shift in (-step, 0.0, step)
    ]
    error = (costs[0] + costs[2] - 2 * costs[1]) / (2 * step**2)
    penalties, rates = [], []
    for pictures in batches.values():
        cloud = parts.posterior(model, pictures)
        if cloud is None:
            return None
        model(np.asarray(pictures, "float32"), training=False)
        penalties.append(float(sum(model.losses)))
        rates.append(float(kl_of(cloud).sum(axis=1).mean()))
    slope = float(np.polyfit(rates, penalties, 1)[0]) if np.ptp(rates) > 1e-6 else math.nan
    return Weights(error, slope, "its loss") if math.isfinite(slope) and slope > 0 else None


def _from_training_steps(model, batches, *, tolerance=0.05):
    """From a training step of its own: run on several batches with an optimiser that does nothing, everything put back.

    The loss of each is fitted by a * error + b * KL + c, with the error and the KL seen while the step ran.
    """
    encoder, decoder = parts.part(model, "encoder"), parts.part(model, "decoder")
    if encoder is None or decoder is None or len(encoder.outputs) < 2:
        return None
    rows = []
    with _untouched(model):
        for pictures in batches.values():
            batch = np.asarray(pictures, "float32")
            seen = _step(model, encoder, decoder, batch)
            if seen is None:
                return None
            rows.append(seen)
    losses, errors, rates = np.array(rows, float).T
    design = np.column_stack([errors, rates, np.ones(len(rows))])
    scale = np.maximum(np.abs(design).max(axis=0), 1e-12)
    found = np.linalg.lstsq(design / scale, losses, rcond=None)[0] / scale
    missed = np.abs(design @ found - losses).max()
    # Four batches and three unknowns: a loss of another form does not fit.
    if missed > tolerance * np.ptp(losses) or found[0] <= 0 or found[1] <= 0:
        return None
    return Weights(float(found[0]), float(found[1]), "its training step")


def _step(model, encoder, decoder, batch):
    """(loss, mean squared error, KL) of one training step, or None where the step gives no loss."""
    seen = {}
    ends = [tensor._keras_history.operation for tensor in (*encoder.outputs, *decoder.outputs)]
    for metric in model.metrics:
        metric.reset_state()  # a step may give running means: of this batch alone, then
    with parts.watched(
        list(dict.fromkeys(ends)), lambda layer, _, outputs: seen.__setitem__(id(layer), outputs)
    ):
        logs = model.train_step((batch, batch))
    loss = logs.get("loss", logs.get("total_loss"))
    if loss is None or any(id(layer) not in seen for layer in ends):
        return None
    mean, spread = parts.mean_and_spread(encoder)
    made = [parts.array(seen[id(layer)]) for layer in ends]
    factor = 2.0 if parts.HALF.search(ends[spread].name.lower()) else 1.0
    cloud = parts.Posterior(
        made[mean].reshape(len(batch), -1), factor * made[spread].reshape(len(batch), -1)
    )
    return (
        float(loss),
        float(np.mean((made[-1] - batch) ** 2)),
        float(kl_of(cloud).sum(axis=1).mean()),
    )


class _Idle:
    """An optimiser that changes nothing."""

    iterations = learning_rate = 0

    def apply_gradients(self, *args, **kwargs):
        pass

    apply = minimize = apply_gradients

    def scale_loss(self, loss):
        return loss


@contextlib.contextmanager
def _untouched(model):
    """Puts weights, running means, metrics and the optimiser back."""
    variables = [*model.variables, *model.metrics_variables]
    values, optimizer = (
        [parts.array(variable) for variable in variables],
        model.__dict__.get("optimizer"),
    )
    object.__setattr__(model, "optimizer", _Idle())
    try:
        yield
    finally:
        object.__setattr__(model, "optimizer", optimizer)
        for variable, value in zip(variables, values):
            variable.assign(value)
