"""Steps per second of `fit` with corruption, over those of the bare compiled step."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from synthetic import REPEATS, pictures

from brainlib import models, training
from brainlib.slices.pipeline import Slices
from brainlib.training import fitting

STEPS = 10


class EpochTimes(keras.callbacks.Callback):
    """Seconds of each epoch, from its first batch to its last."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)


def fit_against_step(name: str, batch_size: int, folder: Path) -> list[float]:
    """Ratios of `fit` with thesis 004's corruptions to the bare step on one batch in memory."""
    path = folder / f"{name}.npy"
    np.save(path, pictures(STEPS * batch_size))
    model = models.build(name, seed=0)
    fitting.compile_model(model, training.recipe("vae" if name == "vae" else "004"), ())
    train = Slices(path, batch_size=batch_size, corruption="seed004", seed=0)
    batch = tf.data.Dataset.from_tensors(next(iter(train.epoch()))).cache().repeat()
    model.make_train_function()
    times, ratios = EpochTimes(), []
    options = {"steps_per_epoch": STEPS, "epochs": 2, "shuffle": False, "verbose": 0}
    for repeat in range(REPEATS):
        # On both sides of the other, so that a machine that slows down wins nobody.
        bare = bare_seconds(model, batch, STEPS // 2)
        model.fit(train.stream(repeat), callbacks=[times], **options)
        bare += bare_seconds(model, batch, STEPS - STEPS // 2)
        ratios.append(bare / times.seconds[-1])
    return ratios


def bare_seconds(model: keras.Model, batch: tf.data.Dataset, steps: int) -> float:
    """Seconds of so many compiled steps on an endless stream of one batch."""
    iterator = iter(batch)
    model.train_function(iterator)
    began = time.perf_counter()
    for _ in range(steps):
        float(model.train_function(iterator)["loss"])  # Keras's fit reads each step's numbers, too
    return time.perf_counter() - began
