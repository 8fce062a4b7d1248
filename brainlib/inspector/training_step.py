"""What a training step of somebody else's costs: run on several batches, everything put back."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import keras
import numpy as np

from brainlib.inspector.latents import posterior_of
from brainlib.inspector.layer_access import Recorder, array, part, watched
from brainlib.inspector.networks import has_posterior, mean_and_spread


class Step(NamedTuple):
    """One training step: its loss, and the error and KL (nats per image) while it ran."""

    loss: float
    error: float
    kl: float


def loss_factors(
    model: keras.Model, batches: Mapping[str, np.ndarray], *, tolerance: float = 0.05
) -> tuple[float, float] | None:
    """Factors (a, b) of a loss a * (mean squared error) + b * KL + c, from its training step.

    The step runs once on each batch with an optimiser that does nothing; the three unknowns are
    fitted to the losses.

    Args:
        model: keeps an encoder of several outputs and a decoder.
        batches: {name: images (N, H, W, C)} of four different kinds.
        tolerance: largest misfit, as a share of the losses' range: a loss of another form is None.
    """
    encoder, decoder = part(model, "encoder"), part(model, "decoder")
    if decoder is None or not has_posterior(encoder):
        return None
    steps = []
    with _untouched(model):
        for pictures in batches.values():
            steps.append(_step(model, encoder, decoder, np.asarray(pictures, "float32")))
    if None in steps:
        return None
    losses, errors, rates = np.array(steps, float).T
    design = np.column_stack([errors, rates, np.ones(len(steps))])
    scale = np.maximum(np.abs(design).max(axis=0), 1e-12)
    factors = np.linalg.lstsq(design / scale, losses, rcond=None)[0] / scale
    misfit = np.abs(design @ factors - losses).max()
    # Four batches and three unknowns: a loss of another form does not fit.
    if misfit > tolerance * np.ptp(losses) or factors[0] <= 0 or factors[1] <= 0:
        return None
    return float(factors[0]), float(factors[1])


def _step(
    model: keras.Model, encoder: keras.Model, decoder: keras.Model, batch: np.ndarray
) -> Step | None:
    """One training step on a batch (N, H, W, C), or None where the step gives no loss."""
    outputs = (*encoder.outputs, *decoder.outputs)
    ends = [tensor._keras_history.operation for tensor in outputs]
    for metric in model.metrics:
        metric.reset_state()  # a step may give running means: of this batch alone, then
    recorder = Recorder()
    with watched(dict.fromkeys(ends), recorder):
        logs = model.train_step((batch, batch))
    loss = logs.get("loss", logs.get("total_loss"))
    if loss is None or any(id(layer) not in recorder.calls for layer in ends):
        return None
    made = [recorder.calls[id(layer)][-1] for layer in ends]
    mean, spread = mean_and_spread(encoder)
    found = posterior_of(made[mean], made[spread], ends[spread].name.lower())
    if found is None:
        return None
    error = float(np.mean((made[-1] - batch) ** 2))
    return Step(float(loss), error, float(found.kl().sum(axis=1).mean()))


class _Idle:
    """An optimiser that changes nothing."""

    iterations = learning_rate = 0

    def apply_gradients(self, *args, **kwargs):
        pass

    apply = minimize = apply_gradients

    def scale_loss(self, loss):
        return loss


@contextlib.contextmanager
def _untouched(model: keras.Model) -> Iterator[None]:
    """Puts weights, running means, metrics and the optimiser back."""
    variables = [*model.variables, *model.metrics_variables]
    values = [array(variable) for variable in variables]
    optimizer = model.__dict__.get("optimizer")
    object.__setattr__(model, "optimizer", _Idle())
    try:
        yield
    finally:
        object.__setattr__(model, "optimizer", optimizer)
        for variable, value in zip(variables, values):
            variable.assign(value)
