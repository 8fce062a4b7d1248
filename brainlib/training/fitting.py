"""Training of the networks of `models`: by a recipe, on slices, once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from brainlib import files, models
from brainlib.slices.pipeline import Slices
from brainlib.training import adversarial, losses, optimizers, supervised
from brainlib.training.callbacks import BestWeights, BetaWarmUp, Plateau, vae_columns
from brainlib.training.devices import hardware, versions
from brainlib.training.finished import Finished
from brainlib.training.perceptual import Maps
from brainlib.training.recipes import Recipe
from brainlib.training.recipes import recipe as recipe_of
from brainlib.training.trainer import Batches, Log, read_history, save_model, train_model

MODEL = "model.keras"


def fit(
    model: keras.Model,
    train: Slices | np.ndarray | Path | str,
    validation: Slices | np.ndarray | Path | str,
    *,
    recipe: str | Recipe = "004",
    seed: int = 0,
    maps: Maps | None = None,
    heads: supervised.HeadTargets | None = None,
    folder: Path | str | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """Trains a model and leaves it with the weights of its best epoch by validation loss.

    A training that was killed goes on from its last checkpoint in `folder` when it is called again
    with the same arguments, and ends where an unbroken one ends.

    Args:
        model: of `models.build`.
        train: `pipelines.Slices`, or what they are made of: a path of a `.npy` or an array
            (N, H, W, 1). Slices keep their own batch size and corruption.
        validation: the same; the validation slices are corrupted by the same preset.
        recipe: name in `RECIPES` or a `Recipe`.
        seed: of order and corruption.
        maps: for the perceptual loss of a VQGAN, which has none without; of no other model.
        heads: answers that a VAE learns beside its pictures, from Slices with such labels; the
            heads are saved beside the model (`supervised.load_heads`).
        folder: gets `history.csv` after each epoch, a checkpoint, TensorBoard's logs in `logs/`
            and `model.keras` at the end; nothing is written when absent.
        **settings: constants of the `Recipe` to be changed, such as epochs=50 or loss="dssim", and
            what is logged, see `Log`: show, metrics, callbacks, tensorboard, checkpoint_seconds.

    Returns:
        The history, one row per epoch.

    Raises:
        ValueError: an argument is not as expected, or images and model have not one shape.
    """
    plan, log = _plan_and_log(recipe, settings)
    train, validation = _slices(train, validation, plan, seed)
    _check(model, train, validation)
    trainee, answering = _trainee(model, plan, maps=maps, heads=heads, seed=seed)
    steps = plan.steps_an_epoch(train.steps)
    compile_model(trainee, plan, log.metrics, steps_an_epoch=steps)

    def save(folder):
        # Of a VQGAN without its discriminator, of a VAE without its heads.
        save_model(model, folder / MODEL)
        if heads:
            supervised.save_heads(answering, heads, folder)

    return train_model(
        trainee,
        Batches(
            lambda epoch: train.stream(start_step=epoch * steps),
            steps,
            validation.epoch(again=True),
            validation.steps,
        ),
        epochs=plan.epochs,
        callbacks=callbacks_of(trainee, plan),
        columns=vae_columns if models.is_vae(trainee) else None,
        folder=Path(folder) if folder else None,
        key=[
            asdict(plan),
            seed,
            train.digest(),
            validation.digest(),
            [str(metric) for metric in log.metrics],
            maps.name if maps else "",
            asdict(heads) if heads else "",
        ],
        save=save,
        log=log,
    )


def load_or_fit(
    name: str,
    train: Slices | np.ndarray | Path | str,
    validation: Slices | np.ndarray | Path | str,
    *,
    folder: Path | str,
    recipe: str | Recipe = "004",
    seed: int = 0,
    options: dict[str, Any] | None = None,
    precision: str = "float32",
    devices: Sequence[str] = (),
    show: Callable[..., None] | None = print,
    **fit_options: Any,
) -> tuple[keras.Model, pd.DataFrame]:
    """Trains a model, or loads it when the folder holds a finished one of the same key.

    The key is made of the model's name and options, the recipe with its changes, the content of
    the slices, the seed and the versions of Keras, TensorFlow, NumPy and brainlib.

    Args:
        name: of the model, see `models.build`.
        train: slices, as for `fit`.
        validation: slices, as for `fit`.
        folder: of this model alone.
        recipe: name in `RECIPES` or a `Recipe`.
        seed: of the weights, of order and corruption.
        options: of `models.build`, such as {"width": 0.5, "l2": True}; the image shape is the
            slices'.
        precision: see `hardware`.
        devices: see `hardware`.
        show: prints progress and where the model came from; `None` keeps silent.
        **fit_options: maps, heads and the settings of `fit`.

    Returns:
        (model, history).
    """
    if not isinstance(name, str):
        raise ValueError(
            "load_or_fit builds the model itself: expected its name, see models.NAMES, got "
            f"{type(name).__name__}. A model of your own goes to training.fit."
        )
    maps, heads = fit_options.pop("maps", None), fit_options.pop("heads", None)
    plan, log = _plan_and_log(recipe, fit_options)
    train, validation = _slices(train, validation, plan, seed)
    options = {"image_shape": tuple(train.image_shape), **(options or {})}
    facts = {
        "model": name,
        "options": options,
        "recipe": asdict(plan),
        "seed": seed,
        "train": train.digest(),
        "validation": validation.digest(),
        "precision": precision,
        "devices": list(devices),
        "metrics": [str(metric) for metric in log.metrics],
        "versions": versions(),
        "perceptual": maps.name if maps else "",
        **({"heads": asdict(heads)} if heads else {}),
    }
    key, finished = files.digest(facts), Finished(Path(folder), MODEL)
    if finished.record(key):
        return _loaded(name, finished, show)
    finished.begin()
    with hardware(precision=precision, devices=devices):
        model = models.build(name, seed=seed, **options)
        history = fit(
            model,
            train,
            validation,
            recipe=recipe,
            folder=folder,
            seed=seed,
            maps=maps,
            heads=heads,
            show=show,
            **fit_options,
        )
    finished.finish(key, seconds=history.seconds.sum(), epochs=len(history), **facts)
    return model, history


def _loaded(name, finished, show):
    model, history = models.load(finished.path), read_history(finished.folder)
    if show:
        show(
            f"{name}: loaded what was trained before, {len(history)} epochs, best validation loss "
            f"{history.val_loss.min():.4g} ({finished.path})"
        )
    return model, history


# ------------------------------------------------------------------------- what a recipe comes to


def _plan_and_log(recipe, settings):
    """The recipe with its changes, and what is logged: (`Recipe`, `Log`)."""
    names = {field.name for field in fields(Log)}
    logged = {name: value for name, value in settings.items() if name in names}
    changes = {name: value for name, value in settings.items() if name not in names}
    return recipe_of(recipe, **changes), Log(**logged)


def _slices(train, validation, plan, seed):
    """Slices keep what they were given; arrays and paths take the recipe's options."""
    options = {"batch_size": plan.batch_size, "corruption": plan.corruption}
    if not isinstance(train, Slices):
        train = Slices(train, seed=seed, **options)
    if not isinstance(validation, Slices):
        validation = Slices(validation, seed=seed + 1, shuffle=False, **options)
    return train, validation.with_options(shuffle=False)


def _check(model, *parts):
    for part in parts:
        if tuple(model.input_shape[1:]) != tuple(part.image_shape):
            raise ValueError(
                f"{model.name} takes images of {model.input_shape[1:]}, the slices are "
                f"{part.image_shape}. Build it with image_shape={part.image_shape}."
            )
    if models.is_vq(model) and tf.distribute.get_strategy().num_replicas_in_sync > 1:
        raise ValueError(
            f"{model.name} trains on one device: each of several would move a codebook of its "
            "own. Give one name in `devices`, or none."
        )


def _trainee(model, plan, *, maps, heads, seed):
    """(the model with all that trains with it, the heads or None)."""
    if models.is_vqgan(model):
        return adversarial.with_discriminator(model, plan, maps=maps, seed=seed), None
    if not heads:
        return model, None
    latent = math.prod(model.get_layer("kl").input[0].shape[1:])
    answering = supervised.heads_network(latent, heads, seed=seed)
    return supervised.with_heads(model, answering, heads), answering


def compile_model(
    model: keras.Model,
    plan: Recipe,
    metrics: Sequence[str | keras.metrics.Metric] = (),
    *,
    steps_an_epoch: int = 1,
) -> None:
    """Compiles a model as its recipe says.

    Args:
        model: to be trained.
        plan: for its optimiser, learning rate and loss.
        metrics: names in `losses.NAMES`, or Keras metrics.
        steps_an_epoch: how long a cosine is, and how many steps TensorFlow does at a time.
    """
    # Graph mode: XLA (jit_compile=True) is 1.7 to 2.6 times slower for conv nets on a CPU.
    model.compile(
        optimizer=optimizers.of(plan, steps=plan.epochs * steps_an_epoch),
        jit_compile=False,
        loss=None if models.is_vae(model) else losses.get(plan.loss),
        metrics=[losses.metric(name) for name in metrics],
        steps_per_execution=optimizers.steps_at_a_time(steps_an_epoch),
    )
    # Otherwise Keras traces the training step twice.
    model.optimizer.build(model.trainable_variables)


def callbacks_of(model: keras.Model, plan: Recipe) -> list[keras.callbacks.Callback]:
    """The callbacks that steer a training as its recipe says."""
    chosen, start = [], 0
    if isinstance(model, adversarial.Adversarial):
        start = plan.adversarial_start if plan.adversarial_start < plan.epochs else 0
        chosen.append(
            adversarial.AdversarialStart(
                plan.adversarial_start, discriminator_rate=plan.discriminator_rate
            )
        )
    elif models.is_vae(model):
        start = plan.beta_warm_up
    chosen.append(BestWeights(start=min(start, plan.epochs - 1)))
    if models.is_vae(model) and plan.beta_warm_up:
        chosen.append(BetaWarmUp(plan.beta_warm_up))
    if plan.plateau_factor:
        chosen.append(
            Plateau(
                start=start,
                monitor="val_loss",
                mode="min",
                factor=plan.plateau_factor,
                patience=plan.plateau_patience,
                min_delta=plan.min_delta(plan.plateau_min_delta),
                min_lr=plan.plateau_min_rate,
            )
        )
    if plan.stop_patience:
        chosen.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss",
                mode="min",
                patience=plan.stop_patience,
                min_delta=plan.min_delta(plan.stop_min_delta),
                start_from_epoch=start,
            )
        )
    return chosen
