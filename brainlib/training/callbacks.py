"""Callbacks of the trainer.

Those that remember something give it to a checkpoint with `state` and take it back with `restore`.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from brainlib import files


class Progress(keras.callbacks.Callback):
    """Prints `epoch 3/40  loss 0.0123  val_loss 0.0150  2.1 s/epoch  1:14 left`.

    It prints once a second at most, and always the first and the last epoch.

    Args:
        every_seconds: at least that long between two lines.
        show: such as `print`.
        title: before each line, such as "prior".
    """

    def __init__(
        self,
        *,
        every_seconds: float = 1.0,
        show: Callable[..., None] = print,
        title: str = "",
    ):
        super().__init__()
        self.every_seconds, self.show = every_seconds, show
        self.title = f"{title}: " if title else ""

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.began, self.printed = time.monotonic(), -math.inf
        self.pending, self.first = None, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        now, epochs = time.monotonic(), self.params["epochs"]
        if self.first is None:
            self.first, seconds = epoch, now - self.began
            self.began = now  # the first epoch also builds the graph: it is no measure
        else:
            seconds = (now - self.began) / (epoch - self.first)
        self.pending = self.title + _line(epoch, epochs, logs, seconds)
        if now - self.printed >= self.every_seconds or epoch == self.first or epoch + 1 == epochs:
            self._print(now)

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.pending:  # stopped early: the last epoch is still to be shown
            self._print(time.monotonic())

    def _print(self, now):
        self.show(self.pending, flush=True)
        self.printed, self.pending = now, None


def _line(epoch, epochs, logs, seconds):
    losses = [name for name in ("loss", "val_loss") if name in logs]
    numbers = "".join(f"  {name} {logs[name]:.4g}" for name in losses)
    digits = ".2g" if seconds < 10 else ".0f"
    minutes, rest = divmod(int(round(seconds * (epochs - epoch - 1))), 60)
    speed = f"{seconds:{digits}} s/epoch  {minutes}:{rest:02d} left"
    return f"epoch {epoch + 1}/{epochs}{numbers}  {speed}"


class BestWeights(keras.callbacks.Callback):
    """Puts back, at the end, the weights of the epoch with the lowest `val_loss`.

    Args:
        start: epochs (from 0) before it do not count.
    """

    def __init__(self, *, start: int = 0):
        super().__init__()
        self.start = start

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.lowest, self.epoch, self.weights = math.inf, None, None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch >= self.start and logs["val_loss"] < self.lowest:
            self.lowest, self.epoch = logs["val_loss"], epoch
            self.weights = self.model.get_weights()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.weights is not None:
            self.model.set_weights(self.weights)

    def state(self) -> dict:
        """What a checkpoint keeps."""
        weights = {
            f"weight{number}": np.asarray(weight)
            for number, weight in enumerate(self.weights or ())
        }
        return {"lowest": self.lowest, "epoch": self.epoch, **weights}

    def restore(self, state: dict) -> None:
        """Takes back what a checkpoint kept."""
        self.lowest, self.epoch = state["lowest"], state["epoch"]
        count = sum(name.startswith("weight") for name in state)
        self.weights = [state[f"weight{number}"] for number in range(count)] or None


class Plateau(keras.callbacks.ReduceLROnPlateau):
    """Keras's own, which looks away until epoch `start`."""

    def __init__(self, *, start: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.start = start

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch >= self.start:
            super().on_epoch_end(epoch, logs)


class BetaWarmUp(keras.callbacks.Callback):
    """Raises beta of the layer `kl` evenly from near 0 to its value within `epochs` epochs."""

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.layer = self.model.get_layer("kl")

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.layer.beta.assign(self.layer.initial_beta * min(1.0, (epoch + 1) / (self.epochs + 1)))


class EventLog(keras.callbacks.Callback):
    """TensorBoard's logs: the numbers of each epoch, in `train/` and `validation/`.

    As Keras's callback of TensorBoard, whose files carry the machine's name; these carry the epoch
    that they begin with.

    Args:
        folder: of the logs.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self.folder, self.writers = folder, {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        for name, number in (logs or {}).items():
            part = "validation" if name.startswith("val_") else "train"
            value = {"tag": f"epoch_{name.removeprefix('val_')}", "simple_value": float(number)}
            summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(**value)])
            self._write(part, epoch, summary=summary)
        for writer in self.writers.values():
            writer.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        for writer in self.writers.values():
            writer.close()
        self.writers = {}

    def _write(self, part, epoch, **content):
        if part not in self.writers:
            (self.folder / part).mkdir(parents=True, exist_ok=True)
            path = self.folder / part / f"events.out.tfevents.{epoch:06d}"
            self.writers[part] = tf.io.TFRecordWriter(str(path))
            self._write(part, epoch, file_version="brain.Event:2")
        event = tf.compat.v1.Event(wall_time=time.time(), step=epoch, **content)
        self.writers[part].write(event.SerializeToString())


class History(keras.callbacks.Callback):
    """One row per epoch, written whole after each epoch.

    The columns: epoch (from 1), step (steps done in all), Keras's numbers, learning_rate, further
    ones, seconds.

    Args:
        path: of the CSV; nothing is written when absent.
        columns: function from the model and an epoch's row to further columns, {name: number}.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        columns: Callable[[keras.Model, dict], dict] | None = None,
    ):
        super().__init__()
        self.path, self.columns, self.rows = path, columns, []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        row = {
            "epoch": epoch + 1,
            "step": (epoch + 1) * self.params["steps"],
            **{name: float(value) for name, value in logs.items()},
            "learning_rate": _number(self.model.optimizer.learning_rate),
        }
        if self.columns:
            row |= self.columns(self.model, row)
        self.rows.append(row | {"seconds": time.monotonic() - self.began})
        if self.path:
            files.write_csv(self.path, self.table())

    def table(self) -> pd.DataFrame:
        """The rows so far."""
        return pd.DataFrame(self.rows)

    def state(self) -> dict:
        """What a checkpoint keeps."""
        return {"rows": self.rows}

    def restore(self, state: dict) -> None:
        """Takes back what a checkpoint kept."""
        self.rows = list(state["rows"])


def _number(variable):
    """Of a Keras variable, on several devices as well."""
    return float(keras.ops.convert_to_numpy(variable))


def vae_columns(model: keras.Model, row: dict) -> dict[str, float]:
    """Columns of a VAE's history, of training and (with `val_`) of validation.

    beta; sigma, the assumed standard deviation of a pixel; kl_bits, bits per image; elbo, nats per
    pixel with beta = 1, which the loss of thesis 000 (likelihood "seed") does not have.
    """
    likelihood, pixels = model.likelihood, math.prod(model.input_shape[1:])
    found = {"beta": _number(model.get_layer("kl").beta), "sigma": likelihood.sigma()}
    for part in ("", "val_"):
        if f"{part}kl" in row:
            found[f"{part}kl_bits"] = row[f"{part}kl"] / math.log(2)
            if likelihood.kind != "seed":
                found[f"{part}elbo"] = -(row[f"{part}distortion"] + row[f"{part}kl"]) / pixels
    return found
