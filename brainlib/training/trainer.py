"""The one trainer: Keras's `fit` with a history, progress, a checkpoint and TensorBoard's logs.

Networks of slices (`fitting`), priors over codes (`code_prior`) and feature networks
(`brainlib.evaluation.features`) differ in their data and callbacks only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf

from brainlib import files
from brainlib.record import threads
from brainlib.training import checkpoints
from brainlib.training.callbacks import EventLog, History, Progress

HISTORY, CHECKPOINT, LOGS = "history.csv", "checkpoint.npz", "logs"


@dataclass(frozen=True)
class Batches:
    """What a training passes through.

    Attributes:
        stream: the batches from an epoch (from 0) on, at least to the last epoch: a function, so
            that a training can be taken up at any epoch.
        steps: batches in an epoch.
        validation: batches of one validation; endless ones with `validation_steps`; or None.
        validation_steps: batches in a validation.
    """

    stream: Callable[[int], tf.data.Dataset]
    steps: int
    validation: tf.data.Dataset | None = None
    validation_steps: int | None = None


@dataclass(frozen=True)
class Log:
    """What is told and written down of a training beside its result.

    Attributes:
        show: prints a line of progress, such as `print`; None keeps silent.
        title: before each line, such as "prior".
        metrics: names in `losses.NAMES`, or Keras metrics, to be logged.
        callbacks: further Keras callbacks; a checkpoint does not keep their state.
        tensorboard: whether TensorBoard's logs are written to `logs/` in the folder.
        checkpoint_seconds: at least that long between two checkpoints.
    """

    show: Callable[..., None] | None = print
    title: str = ""
    metrics: Sequence[str | keras.metrics.Metric] = ()
    callbacks: Sequence[keras.callbacks.Callback] = ()
    tensorboard: bool = True
    checkpoint_seconds: float = 20.0


def train_model(
    model: keras.Model,
    batches: Batches,
    *,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    columns: Callable[[keras.Model, dict], dict] | None = None,
    folder: Path | None = None,
    key: Sequence[Any] = (),
    save: Callable[[Path], None] | None = None,
    log: Log | None = None,
) -> pd.DataFrame:
    """Trains a compiled model.

    A training that was killed goes on from the last checkpoint in `folder` when the same one is
    begun again, and ends where an unbroken one ends.

    Args:
        model: compiled, its optimiser built.
        batches: to train and to validate with.
        epochs: at most.
        callbacks: those that steer the training; a checkpoint keeps their state.
        columns: further columns of the history, see `callbacks.History`.
        folder: gets `history.csv` after each epoch, a checkpoint and TensorBoard's logs; nothing
            is written when absent.
        key: JSON-like values that say, beside the model's own weights, what training this is.
        save: writes the result into the folder at the end; the checkpoint goes after it.
        log: what is told and written down.

    Returns:
        The history, one row per epoch.
    """
    log = log or Log()
    history = History(folder / HISTORY if folder else None, columns=columns)
    steering = [history, *callbacks]
    every = [*steering, *_watching(folder, log)]
    start, end = 0, epochs
    if folder:
        checkpoint = checkpoints.Checkpoint(
            folder / CHECKPOINT,
            files.digest(checkpoints.fingerprint(model), threads(), *key),
            steering,
            every_seconds=log.checkpoint_seconds,
        )
        every.append(checkpoint)
        start = checkpoint.load()
        end = start if checkpoint.stopped else epochs
        if start and log.show:
            log.show(f"goes on after epoch {start} of {epochs} ({folder / CHECKPOINT})")
    checked = batches.validation
    model.fit(
        without_tuning(batches.stream(start)),
        steps_per_epoch=batches.steps,
        initial_epoch=start,
        epochs=end,
        validation_data=None if checked is None else without_tuning(checked),
        validation_steps=batches.validation_steps,
        callbacks=[*every, *log.callbacks],
        shuffle=False,
        verbose=0,
    )
    if folder:
        if save:
            save(folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return history.table()


def without_tuning(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches from a dataset that does not tune itself.

    What makes batches here says itself how much it does at a time. And the tuner's thread sleeps
    longer and longer, up to a minute; in TensorFlow 2.21 an iterator that is let go of while that
    thread falls asleep waits until it wakes. Keras lets go of one after every validation (measured:
    1 to 27 seconds idle, every few epochs).
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def _watching(folder, log):
    """Callbacks that only watch."""
    progress = [Progress(show=log.show, title=log.title)] if log.show else []
    if folder and log.tensorboard:
        progress.append(EventLog(folder / LOGS))
    return progress


def save_model(model: keras.Model, path: Path | str, **options: Any) -> None:
    """Saves a model as `.keras`, whole or not at all. options: of Keras's `save`."""
    with files.whole_file(path) as temporary:
        model.save(temporary, **options)


def read_history(folder: Path) -> pd.DataFrame:
    """The history that a finished training left in its folder."""
    return pd.read_csv(folder / HISTORY, float_precision="round_trip")
