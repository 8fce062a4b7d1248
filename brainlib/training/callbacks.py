"""Callbacks of `training.fit`; those that remember something give it to a checkpoint with `state` and take it back with `restore`."""

import math
import time

import keras
import numpy as np
import pandas as pd

from brainlib import files, models


class Progress(keras.callbacks.Callback):
    """Prints `epoch 3/40  loss 0.0123  val_loss 0.0150  2.1 s/epoch  1:14 left`, about once a second at most.

    The first and the last epoch are always printed.
    """

    def __init__(self, *, every_seconds=1.0, show=print):
        super().__init__()
        self.every_seconds, self.show = every_seconds, show

    def on_train_begin(self, logs=None):
        self.began, self.printed, self.pending, self.first = time.monotonic(), -math.inf, None, None

    def on_epoch_end(self, epoch, logs=None):
        now, epochs = time.monotonic(), self.params["epochs"]
        if self.first is None:
            self.first, seconds = epoch, now - self.began
            self.began = now  # the first epoch also builds the graph: it is no measure
        else:
            seconds = (now - self.began) / (epoch - self.first)
        left = int(round(seconds * (epochs - epoch - 1)))
        numbers = "".join(
            f"  {name} {logs[name]:.4g}" for name in ("loss", "val_loss") if name in logs
        )
        self.pending = (
            f"epoch {epoch + 1}/{epochs}{numbers}  {seconds:{'.2g' if seconds < 10 else '.0f'}} s/epoch  "
            f"{left // 60}:{left % 60:02d} left"
        )
        if now - self.printed >= self.every_seconds or epoch == self.first or epoch + 1 == epochs:
            self._print(now)

    def on_train_end(self, logs=None):
        if self.pending:  # stopped early: the last epoch is still to be shown
            self._print(time.monotonic())

    def _print(self, now):
        self.show(self.pending, flush=True)
        self.printed, self.pending = now, None


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest `val_loss` from epoch `start` on; puts them back at the end."""

    def __init__(self, *, start=0):
        super().__init__()
        self.start = start

    def on_train_begin(self, logs=None):
        self.lowest, self.epoch, self.weights = math.inf, None, None

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= self.start and logs["val_loss"] < self.lowest:
            self.lowest, self.epoch, self.weights = (
                logs["val_loss"],
                epoch,
                self.model.get_weights(),
            )

    def on_train_end(self, logs=None):
        if self.weights is not None:
            self.model.set_weights(self.weights)

    def state(self):
        weights = {
            f"weight{number}": np.asarray(weight)
            for number, weight in enumerate(self.weights or ())
        }
        return {"lowest": self.lowest, "epoch": self.epoch, **weights}

    def restore(self, state):
        self.lowest, self.epoch = state["lowest"], state["epoch"]
        count = sum(name.startswith("weight") for name in state)
        self.weights = [state[f"weight{number}"] for number in range(count)] or None


class Plateau(keras.callbacks.ReduceLROnPlateau):
    """Keras's own, which looks away until epoch `start`."""

    def __init__(self, *, start=0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= self.start:
            super().on_epoch_end(epoch, logs)


class BetaWarmUp(keras.callbacks.Callback):
    """Raises beta of the layer `kl` evenly from near 0 to its value within `epochs` epochs."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_train_begin(self, logs=None):
        self.layer = self.model.get_layer("kl")

    def on_epoch_begin(self, epoch, logs=None):
        self.layer.beta.assign(self.layer.initial_beta * min(1.0, (epoch + 1) / (self.epochs + 1)))


class History(keras.callbacks.Callback):
    """A row an epoch: epoch (from 1), Keras's numbers, learning rate, beta, seconds; written whole after each epoch."""

    def __init__(self, path=None):
        super().__init__()
        self.path, self.rows = path, []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        row = {
            "epoch": epoch + 1,
            **{name: float(value) for name, value in logs.items()},
            "learning_rate": _number(self.model.optimizer.learning_rate),
        }
        if models.is_vae(self.model):
            row |= {
                "beta": _number(self.model.get_layer("kl").beta),
                "sigma": self.model.likelihood.sigma(),
            }
            row |= _rate_and_bound(
                row, math.prod(self.model.input_shape[1:]), self.model.likelihood.kind
            )
        self.rows.append(row | {"seconds": time.monotonic() - self.began})
        if self.path:
            files.write_csv(self.path, self.table())

    def table(self):
        return pd.DataFrame(self.rows)

    def state(self):
        return {"rows": self.rows}

    def restore(self, state):
        self.rows = list(state["rows"])


def _number(variable):
    """Of a Keras variable, on several devices as well."""
    return float(keras.ops.convert_to_numpy(variable))


def _rate_and_bound(row, pixels, likelihood):
    """kl_bits an image and elbo (nats a pixel, with beta = 1) of training and validation; the seed's loss has no ELBO."""
    found = {}
    for part in ("", "val_"):
        if f"{part}kl" in row:
            found[f"{part}kl_bits"] = row[f"{part}kl"] / math.log(2)
            if likelihood != "seed":
                found[f"{part}elbo"] = -(row[f"{part}distortion"] + row[f"{part}kl"]) / pixels
    return found
