"""The prior over code maps, trained once; and all that one does with it.

`from brainlib import models_prior` is this module: networks come from `models.prior`, draws and
restorations from `models.prior_draw`.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from brainlib import files
from brainlib.models.prior import CodePrior, build_prior, condition_ranges, load_prior
from brainlib.models.prior_draw import (
    bits_a_code,
    draw,
    part_of,
    restore,
    sample,
    sample_independent,
    surprise,
    unigram_bits,
)
from brainlib.training import optimizers
from brainlib.training.callbacks import BestWeights
from brainlib.training.finished import Finished
from brainlib.training.trainer import Batches, Log, read_history, save_model, train_model

MODEL = "prior.keras"

__all__ = [
    "CodePrior",
    "bits_a_code",
    "build_prior",
    "condition_ranges",
    "draw",
    "fit",
    "load_or_fit",
    "load_prior",
    "restore",
    "sample",
    "sample_independent",
    "surprise",
    "unigram_bits",
]


def fit(
    prior: CodePrior,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    conditions: dict[str, Sequence] | None = None,
    validation_conditions: dict[str, Sequence] | None = None,
    epochs: int = 100,
    learning_rate: float = 2e-3,
    batch_size: int = 32,
    steps_an_epoch: int = 0,
    patience: int = 10,
    seed: int = 0,
    folder: Path | str | None = None,
    show: Callable[..., None] | None = print,
) -> pd.DataFrame:
    """Trains a prior and leaves it with the weights of its best epoch by validation.

    Args:
        prior: of `build_prior`.
        train: code maps (N, h, w).
        validation: code maps (M, h, w).
        conditions: {name: (N,) values}, see `build_prior`; None: nothing is known.
        validation_conditions: {name: (M,) values}.
        epochs: at most.
        learning_rate: of Adam; it falls to nothing along a cosine over `epochs`.
        batch_size: maps in a step; steps are always full.
        steps_an_epoch: however many maps there are; 0: a pass through them.
        patience: epochs without improvement before training stops; 0 never stops early.
        seed: of the order.
        folder: gets `history.csv`, a checkpoint from which a killed training goes on, and at the
            end `prior.keras`; nothing is written when absent.
        show: prints a line now and then; None keeps silent.

    Returns:
        The history, one row per epoch: loss and val_loss in nats per code, bits and val_bits in
        bits per code.

    Raises:
        ValueError: there are no maps, or others than the prior takes.
    """
    train, validation = prior.checked_maps(train), prior.checked_maps(validation)
    if not len(train) or not len(validation):
        raise ValueError(
            f"a prior needs maps to train and to validate, got {len(train)} and {len(validation)}."
        )
    steps = steps_an_epoch or max(1, len(train) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps * epochs)
    prior.compile(
        optimizers.FusedAdam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
        steps_per_execution=optimizers.steps_at_a_time(steps),
    )
    # Otherwise Keras traces the training step twice.
    prior.optimizer.build(prior.trainable_variables)
    given = prior.inputs_for(train, conditions)
    checked = prior.inputs_for(validation, validation_conditions)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=patience) if patience else None
    return train_model(
        prior,
        Batches(
            stream=_stream(given, train, steps=steps, batch_size=batch_size, seed=seed),
            steps=steps,
            validation=tf.data.Dataset.from_tensor_slices((checked, validation)).batch(256),
        ),
        epochs=epochs,
        callbacks=[BestWeights(), *([stop] if stop else [])],
        columns=_bits,
        folder=Path(folder) if folder else None,
        key=[_digest(given, train, checked, validation), epochs, learning_rate, steps, seed],
        save=lambda place: save_model(prior, place / MODEL, include_optimizer=False),
        log=Log(show=show, title="prior", tensorboard=False),
    )


def _stream(given, codes, *, steps, batch_size, seed):
    """Full batches only, without end, in a new order each epoch: a function of the first epoch.

    oneDNN of TensorFlow 2.21 fails on a batch that is smaller than the one before.
    """
    places = np.arange(max(steps * batch_size, len(codes))) % len(codes)
    whole = tf.data.Dataset.from_tensor_slices((part_of(given, places), codes[places]))
    whole = whole.shuffle(len(places), seed=seed, reshuffle_each_iteration=True)
    orders = whole.batch(batch_size, drop_remainder=True).repeat()

    def stream(start):
        # Each second order: Keras began the dataset twice per epoch in earlier versions, whose
        # numbers stay.
        batches = orders.enumerate().skip(2 * steps * start)
        batches = batches.filter(lambda number, _: number // steps % 2 == 0)
        return batches.map(lambda _, batch: batch)

    return stream


def _bits(prior, row):
    """Columns of the history: bits of what is nats."""
    losses = {name: value for name, value in row.items() if name in ("loss", "val_loss")}
    return {name.replace("loss", "bits"): nats / math.log(2) for name, nats in losses.items()}


def load_or_fit(
    train: np.ndarray,
    validation: np.ndarray,
    *,
    codebook_size: int,
    folder: Path | str,
    conditions: dict[str, Sequence] | None = None,
    validation_conditions: dict[str, Sequence] | None = None,
    ranges: dict[str, tuple] | None = None,
    width: int = 64,
    layers: int = 4,
    dropout: float = 0.1,
    seed: int = 0,
    show: Callable[..., None] | None = print,
    **fit_options: Any,
) -> tuple[CodePrior, pd.DataFrame]:
    """Trains a prior, or loads it when the folder holds one of the same codes and options.

    Args:
        train: code maps (N, h, w).
        validation: code maps (M, h, w).
        codebook_size: number of codes K.
        folder: of this prior alone.
        conditions: {name: (N,) values}, see `build_prior`; None: nothing is known.
        validation_conditions: {name: (M,) values}.
        ranges: `build_prior`'s conditions; `condition_ranges(conditions)` when absent.
        width: see `build_prior`.
        layers: see `build_prior`.
        dropout: see `build_prior`.
        seed: of weights and order.
        show: prints a line now and then; None keeps silent.
        **fit_options: of `fit`.

    Returns:
        (prior, history).
    """
    train, validation = np.asarray(train, "int32"), np.asarray(validation, "int32")
    ranges = condition_ranges(conditions or {}) if ranges is None else ranges
    built = {"width": width, "layers": layers, "dropout": dropout, "seed": seed}
    facts = {
        "codebook_size": codebook_size,
        **built,
        "ranges": list(ranges.items()),
        "content": _digest(conditions or {}, train, validation_conditions or {}, validation),
        "fit": fit_options,
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    key, finished = files.digest(facts), Finished(Path(folder), MODEL)
    if finished.record(key):
        return load_prior(finished.path), read_history(finished.folder)
    finished.begin()
    prior = build_prior(train.shape[1:], codebook_size, conditions=ranges, **built)
    history = fit(
        prior,
        train,
        validation,
        conditions=conditions,
        validation_conditions=validation_conditions,
        seed=seed,
        folder=folder,
        show=show,
        **fit_options,
    )
    finished.finish(key, epochs=len(history), **facts)
    return prior, history


def _digest(*parts):
    """16 hex digits of code maps and of what is known of them."""
    found = []
    for part in parts:
        named = part if isinstance(part, dict) else {"codes": part}
        found.append({name: _content(values) for name, values in named.items()})
    return files.digest(*found)


def _content(values):
    values = np.asarray(values)
    if values.dtype.kind in "iuf":
        content = np.ascontiguousarray(values)
        return [hashlib.sha256(content).hexdigest(), values.dtype.name, values.shape]
    return values.tolist()  # words, or numbers of which some are None
