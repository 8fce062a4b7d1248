"""Training by recipe: the seeds' constants as presets, logs that are whole, models that are loaded rather than trained twice."""

import contextlib
import functools
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import brainlib
from brainlib import files, models
from brainlib.slices.pipeline import Slices
from brainlib.training import adversarial, checkpoints, losses, supervised
from brainlib.training.callbacks import BestWeights, BetaWarmUp, History, Plateau, Progress

MODEL, HISTORY, RECORD = "model.keras", "history.csv", "fit.json"
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
CHECKPOINT, LOGS = "checkpoint.npz", "logs"


@dataclass(frozen=True)
class Recipe:
    """How a seed trained.

    Attributes:
        optimizer: "rmsprop" or "adam", Keras's defaults but for the learning rate.
        plateau_factor: the learning rate is multiplied by it on a plateau; 0 leaves it alone.
        plateau_patience: epochs without improvement.
        plateau_min_delta: what counts as improvement, by loss ("" for any other loss).
        stop_patience: epochs without improvement before training stops; 0 never stops early.
        adversarial_start: epochs before a VQGAN's discriminator is let in.
        adversarial_weight: factor on the adaptive weight of equation 3.14; Esser et al. have 0.8.
        perceptual_weight: of the perceptual loss beside `loss`.
        discriminator_rate: its learning rate as a share of the generator's.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 100
    loss: str = "mse"
    corruption: str = "none"
    plateau_factor: float = 0.0
    plateau_patience: int = 0
    plateau_min_delta: dict = field(default_factory=lambda: {"": 0.0})
    plateau_min_rate: float = 0.0
    stop_patience: int = 0
    stop_min_delta: dict = field(default_factory=lambda: {"": 0.0})
    beta_warm_up: int = 0
    adversarial_start: int = 0
    adversarial_weight: float = 1.0
    perceptual_weight: float = 1.0
    discriminator_rate: float = 1.0


_SEED_003 = Recipe(
    optimizer="rmsprop",
    loss="dssim_contrib",
    corruption="seed003",
    plateau_factor=math.sqrt(0.1),
    plateau_patience=2,
    plateau_min_rate=0.5e-6,
    plateau_min_delta={"": 1e-4},
)  # 1e-4: Keras's default
_SEED_000 = Recipe(learning_rate=5e-4, batch_size=64, epochs=500)

# Seed 004's smallest learning rate and seed 000's optimisers and rates are in their authors' code only.
RECIPES = {
    "004": Recipe(
        optimizer="rmsprop",
        corruption="seed004",
        plateau_factor=0.2,
        plateau_patience=4,
        plateau_min_delta={"": 1e-7, "dssim": 2e-5},
        plateau_min_rate=1e-7,
        stop_patience=20,
        stop_min_delta={"": 2e-7, "dssim": 5e-5},
    ),
    "003": _SEED_003,
    "003-big-dssim": replace(_SEED_003, batch_size=24),
    "003-resnet50": replace(_SEED_003, optimizer="adam", batch_size=8),
    "003-resnet50_short": replace(_SEED_003, batch_size=16),
    "002": Recipe(learning_rate=1e-4, batch_size=16, epochs=1200),
    "vqgan": Recipe(
        learning_rate=5e-4,
        batch_size=16,
        epochs=100,
        loss="l1",
        adversarial_start=30,
        adversarial_weight=0.8,
    ),
    "000": _SEED_000,
    "000-vqvae": replace(_SEED_000, learning_rate=1e-3),
    "vae": Recipe(
        learning_rate=1e-3,
        batch_size=32,
        epochs=100,
        plateau_factor=0.5,
        plateau_patience=5,
        stop_patience=15,
        beta_warm_up=10,
    ),
}


def recipe(name, **changes):
    """The recipe of a name (a `Recipe` is taken as it is), with some of its constants changed."""
    if not isinstance(name, Recipe):
        if name not in RECIPES:
            raise ValueError(
                f"recipe: expected one of {', '.join(RECIPES)} or a Recipe, got {name!r}."
            )
        name = RECIPES[name]
    changes = {key: value for key, value in changes.items() if value is not None}
    unknown = sorted(set(changes) - set(asdict(name)))
    if unknown:
        raise ValueError(f"a recipe has no {', '.join(unknown)}; it has {', '.join(asdict(name))}.")
    return replace(name, **changes)


def kept(history, start=0):
    """The row of the epoch whose weights a training left its model with: the lowest validation loss after `start` epochs.

    start: epochs of beta's warm-up, or before a discriminator was let in; losses before and after are not the same.
    """
    later = history[history.epoch > min(start, history.epoch.max() - 1)]
    return later.loc[later.val_loss.idxmin()]


# ------------------------------------------------------------------------------------------------ training


def fit(
    model,
    train,
    validation,
    *,
    recipe="004",
    epochs=None,
    folder=None,
    seed=0,
    loss=None,
    corruption=None,
    batch_size=None,
    learning_rate=None,
    beta_warm_up=None,
    metrics=(),
    callbacks=(),
    show=print,
    checkpoint_seconds=20.0,
    tensorboard=True,
    maps=None,
    heads=None,
):
    """Trains a model and leaves it with the weights of its best epoch by validation loss.

    A training that was killed goes on from its last checkpoint in `folder` when it is called again with the same
    arguments, and ends where an unbroken one ends.

    Args:
        model: of `models.build`.
        train, validation: `pipelines.Slices`, or what they are made of: a path of a `.npy` or an array (N, H, W, 1).
            Slices keep their own batch size and corruption; the validation slices are corrupted by the same preset.
        recipe: name in `RECIPES` or a `Recipe`.
        epochs, loss, corruption, batch_size, learning_rate, beta_warm_up: instead of the recipe's.
        folder: gets `history.csv` after each epoch, a checkpoint, TensorBoard's logs in `logs/` and `model.keras` at
            the end; nothing is written when absent.
        seed: of order and corruption.
        metrics: names of `losses`, or Keras metrics, to be logged.
        callbacks: further Keras callbacks.
        show: prints a progress line; `None` keeps silent.
        checkpoint_seconds: at least that long between two checkpoints.
        tensorboard: whether `logs/` is written.
        maps: `perceptual.Maps` for the perceptual loss of a VQGAN, which has none without; of no other model.
        heads: `supervised.Meaning` of the answers that a VAE learns beside its pictures, from Slices with such labels; the
            heads are saved beside the model (`supervised.load`).

    Returns:
        The history, a pandas table with one row an epoch.
    """
    plan = _plan(
        recipe,
        epochs=epochs,
        loss=loss,
        corruption=corruption,
        batch_size=batch_size,
        learning_rate=learning_rate,
        beta_warm_up=beta_warm_up,
    )
    train, validation = _slices(train, validation, plan, seed)
    _same_shape(model, train, validation)
    generator = model
    if models.is_vq(model) and tf.distribute.get_strategy().num_replicas_in_sync > 1:
        raise ValueError(
            f"{model.name} trains on one device: each of several would move a codebook of its own. Give one name in `devices`, or none."
        )
    if models.is_vqgan(generator):
        model = adversarial.trainee(generator, plan, maps=maps, seed=seed)
    if heads:
        answering = supervised.network(
            math.prod(generator.get_layer("kl").input[0].shape[1:]), heads, seed=seed
        )
        model = supervised.trainee(generator, answering, heads)
    _compile(model, plan, metrics)
    folder = Path(folder) if folder else None
    history = History(folder / HISTORY if folder else None)
    kept = [history, *_callbacks(model, plan)]
    progress = [Progress(show=show)] if show else []
    logs = (
        [keras.callbacks.TensorBoard(folder / LOGS, write_graph=False)]
        if folder and tensorboard
        else []
    )
    own, start, epochs = [*kept, *progress, *logs], 0, plan.epochs
    if folder:
        key = files.digest(
            checkpoints.fingerprint(model),
            asdict(plan),
            seed,
            train.digest(),
            validation.digest(),
            [str(name) for name in metrics],
            maps.name if maps else "",
            asdict(heads) if heads else "",
        )
        checkpoint = checkpoints.Checkpoint(
            folder / CHECKPOINT, key, kept, every_seconds=checkpoint_seconds
        )
        start = checkpoint.load()
        epochs = start if checkpoint.stopped else epochs
        if start and show:
            show(f"goes on after epoch {start} of {plan.epochs} ({folder / CHECKPOINT})")
        own.append(checkpoint)
    model.fit(
        train.stream(start),
        steps_per_epoch=train.steps,
        initial_epoch=start,
        epochs=epochs,
        validation_data=validation.epoch(again=True),
        validation_steps=validation.steps,
        callbacks=[*own, *callbacks],
        shuffle=False,
        verbose=0,
    )
    if folder:
        save(
            generator, folder / MODEL
        )  # of a VQGAN without its discriminator, of a VAE without its heads
        if heads:
            supervised.save(answering, heads, folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return history.table()


def _plan(name, **changes):
    plan = recipe(name, **changes)
    if not 1 <= plan.epochs:
        raise ValueError(f"epochs: expected at least 1, got {plan.epochs}.")
    return plan


def _slices(train, validation, plan, seed):
    """Slices keep what they were given; arrays and paths take the recipe's batch size and corruption."""
    options = {"batch_size": plan.batch_size, "corruption": plan.corruption, "seed": seed}
    if not isinstance(train, Slices):
        train = Slices(train, **options)
    if not isinstance(validation, Slices):
        validation = Slices(validation, **{**options, "seed": seed + 1}, shuffle=False)
    return train, validation.with_options(shuffle=False)


def _same_shape(model, *parts):
    for part in parts:
        if tuple(model.input_shape[1:]) != tuple(part.image_shape):
            raise ValueError(
                f"{model.name} takes images of {model.input_shape[1:]}, the slices are "
                f"{part.image_shape}. Build it with image_shape={part.image_shape}."
            )


def _compile(model, plan, metrics):
    optimizers = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}
    if plan.optimizer not in optimizers:
        raise ValueError(
            f"optimizer: expected one of {', '.join(optimizers)}, got {plan.optimizer!r}."
        )
    # Graph mode: XLA (jit_compile=True) is 1.7 to 2.6 times slower for conv nets on a CPU.
    own_loss = models.is_vae(model)
    model.compile(
        optimizer=optimizers[plan.optimizer](plan.learning_rate),
        jit_compile=False,
        loss=None if own_loss else losses.get(plan.loss),
        metrics=[
            keras.metrics.MeanMetricWrapper(losses.get(name).call, name=name)
            if name in losses.NAMES
            else name
            for name in metrics
        ],
    )
    model.optimizer.build(
        model.trainable_variables
    )  # otherwise Keras traces the training step twice


def _callbacks(model, plan):
    vae = models.is_vae(model)
    start = plan.beta_warm_up if vae else 0
    if isinstance(model, adversarial.Adversarial):
        start = plan.adversarial_start if plan.adversarial_start < plan.epochs else 0
    chosen = [BestWeights(start=min(start, plan.epochs - 1))]
    if isinstance(model, adversarial.Adversarial):
        chosen.insert(
            0,
            adversarial.AdversarialStart(
                plan.adversarial_start, discriminator_rate=plan.discriminator_rate
            ),
        )
    if vae and plan.beta_warm_up:
        chosen.append(BetaWarmUp(plan.beta_warm_up))
    if plan.plateau_factor:
        chosen.append(
            Plateau(
                start=start,
                monitor="val_loss",
                mode="min",
                factor=plan.plateau_factor,
                patience=plan.plateau_patience,
                min_delta=_by_loss(plan.plateau_min_delta, plan),
                min_lr=plan.plateau_min_rate,
            )
        )
    if plan.stop_patience:
        chosen.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss",
                mode="min",
                patience=plan.stop_patience,
                min_delta=_by_loss(plan.stop_min_delta, plan),
                start_from_epoch=start,
            )
        )
    return chosen


def _by_loss(deltas, plan):
    return deltas.get(plan.loss, deltas.get(plan.loss.partition("_")[0], deltas[""]))


def save(model, path):
    """Saves a model as `.keras`, whole or not at all."""
    with files.whole_file(path) as temporary:
        model.save(temporary)


# ------------------------------------------------------------------------------------------------ train once


@functools.cache  # a second strategy in one process talks into the first one
def _mirrored(devices):
    return tf.distribute.MirroredStrategy(list(devices))


@contextlib.contextmanager
def hardware(*, precision="float32", devices=()):
    """Inside of it models are built in a precision and for several devices; `fit` then trains them that way.

    Args:
        precision: "float32", "mixed_float16" (NVIDIA GPUs; Keras scales the loss) or "mixed_bfloat16" (also CPUs).
        devices: such as ("GPU:0", "GPU:1"): each gets its part of every batch (`tf.distribute.MirroredStrategy`);
            one device, TensorFlow's choice, when empty.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}.")
    present = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    absent = sorted(set(devices) - set(present))
    if absent:
        raise ValueError(
            f"devices: there is no {', '.join(absent)} here; there is {', '.join(present)}."
        )
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with _mirrored(tuple(devices)).scope() if devices else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_dtype_policy(policy)


def load_or_fit(
    name,
    train,
    validation,
    *,
    folder,
    recipe="004",
    seed=0,
    options=None,
    precision="float32",
    devices=(),
    show=print,
    **fit_options,
):
    """Trains a model, or loads it when the folder holds a finished one of the same key.

    The key is made of the model's name and options, the recipe with its changes, the content of the slices, the seed
    and the versions of Keras, TensorFlow, NumPy and brainlib.

    Args:
        name: of the model, see `models.build`.
        train, validation, recipe, seed, **fit_options: as for `fit`.
        folder: of this model alone.
        options: of `models.build`, such as {"width": 0.5, "l2": True}; the image shape is the slices'.
        precision, devices: see `hardware`.
        show: prints progress and where the model came from; `None` keeps silent.

    Returns:
        (model, history).
    """
    if not isinstance(name, str):
        raise ValueError(
            f"load_or_fit builds the model itself: expected its name, see models.NAMES, got {type(name).__name__}. A model of your own goes to training.fit."
        )
    changes = {
        key: fit_options.get(key)
        for key in ("epochs", "loss", "corruption", "batch_size", "learning_rate", "beta_warm_up")
    }
    plan = _plan(recipe, **changes)
    train, validation = _slices(train, validation, plan, seed)
    options = {"image_shape": tuple(train.image_shape), **(options or {})}
    record = {
        "model": name,
        "options": options,
        "recipe": asdict(plan),
        "seed": seed,
        "train": train.digest(),
        "validation": validation.digest(),
        "precision": precision,
        "devices": list(devices),
        "metrics": [str(name) for name in fit_options.get("metrics", ())],
        "versions": versions(),
        "perceptual": fit_options["maps"].name if fit_options.get("maps") else "",
        **({"heads": asdict(fit_options["heads"])} if fit_options.get("heads") else {}),
    }
    key, folder = files.digest(record), Path(folder)
    if _finished(folder, key):
        model, history = models.load(folder / MODEL), pd.read_csv(folder / HISTORY)
        if show:
            show(
                f"{name}: loaded what was trained before, {len(history)} epochs, best validation loss "
                f"{history.val_loss.min():.4g} ({folder / MODEL})"
            )
        return model, history
    (folder / RECORD).unlink(missing_ok=True)
    with hardware(precision=precision, devices=devices):
        model = models.build(name, seed=seed, **options)
        history = fit(
            model,
            train,
            validation,
            recipe=recipe,
            folder=folder,
            seed=seed,
            show=show,
            **fit_options,
        )
    files.write_json(
        folder / RECORD,
        {
            "key": key,
            "seconds": history.seconds.sum(),
            "epochs": len(history),
            "sha256": files.sha256(folder / MODEL),
            **record,
        },
    )
    return model, history


def _finished(folder, key):
    """Whether the folder holds a finished training of this key; the record is written last."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record["key"] == key and record["sha256"] == files.sha256(folder / MODEL)
    except (OSError, ValueError, KeyError):
        return False


def versions():
    """Versions that a trained model depends on."""
    return {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "brainlib": brainlib.__version__,
    }
