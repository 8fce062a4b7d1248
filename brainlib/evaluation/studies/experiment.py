"""One training, one row: what 11_experiment needs, and the sweeps that run it many times."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import keras
import numpy as np
import pandas as pd

from brainlib import metrics, models, training
from brainlib.evaluation.studies.split_slices import Round, SplitSlices

PLATEAUS = {  # what becomes of the learning rate when the validation loss no longer falls
    "recipe": {},
    "off": {"plateau_factor": 0.0},
    "gentle": {"plateau_factor": 0.5, "plateau_patience": 5},
    "harsh": {"plateau_factor": 0.1**0.5, "plateau_patience": 2},
}
OF_VQGANS = ("adversarial", "perceptual", "discriminator")  # how their constants begin
METRICS_OF_ROW = ("mse", "dssim", "psnr")
HIGHEST_PSNR = 100.0  # dB; of an unchanged picture it would be infinite


def round_for(slices: SplitSlices, fold: int, *, train_subjects: int = 0) -> Round:
    """One round, with all of its training people or a few, who are the same for every seed.

    Args:
        slices: of `open_slices`.
        fold: number of the round, from 0.
        train_subjects: people to train on; all for 0.

    Raises:
        ValueError: there is no such round, or it has fewer people.
    """
    if not 0 <= fold < len(slices.rounds):
        last = len(slices.rounds) - 1
        raise ValueError(f"fold: expected 0 to {last}, the rounds of 03_split, got {fold}.")
    chosen = slices.rounds[fold]
    if not train_subjects:
        return chosen
    if train_subjects > len(chosen.train):
        raise ValueError(
            f"train_subjects: expected at most {len(chosen.train)}, those of {chosen.name}, "
            f"got {train_subjects}."
        )
    some = np.random.default_rng(0).permutation(chosen.train)[:train_subjects]
    return replace(chosen, train=tuple(sorted(map(str, some))))


def recipe_of(
    name: str, *, plateau: str = "recipe", early_stop: bool = True, **changes: object
) -> training.Recipe:
    """A thesis's recipe with one thing or another changed.

    Args:
        name: of `training.RECIPES`.
        plateau: a name of `PLATEAUS`.
        early_stop: False trains to the last epoch, whatever the recipe does.
        **changes: constants of the recipe; 0, None and "recipe" leave the recipe's own.
    """
    given = {key: value for key, value in changes.items() if value not in (0, None, "recipe")}
    plan = training.recipe(name, **given)
    stop = {} if early_stop else {"stop_patience": 0}
    return replace(plan, **PLATEAUS[plateau], **stop)


def recipe_table(plan: training.Recipe, name: str) -> pd.DataFrame:
    """The constants of a training beside those of the recipe that it began from.

    Args:
        plan: of `recipe_of`.
        name: of the recipe.

    Returns:
        One row per constant that is changed or in use: `constant`, `value`, `recipe`, `changed`.
    """
    own = asdict(training.recipe(name))
    rows = []
    for constant, value in asdict(plan).items():
        changed = value != own[constant]
        if changed or (own[constant] and not constant.startswith(OF_VQGANS)):
            words = {"value": _in_words(value), "recipe": _in_words(own[constant])}
            rows.append({"constant": constant, **words, "changed": changed})
    return pd.DataFrame(rows)


def _in_words(value: object) -> str:
    """A constant for a reader; of some there is one value by loss."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{loss}: {number}" if loss else f"{number}" for loss, number in value.items())


def best_epoch_of(network: keras.Model, history: pd.DataFrame, plan: training.Recipe) -> pd.Series:
    """The epoch whose weights the network has: the lowest validation loss after any warm-up."""
    warm_up = plan.beta_warm_up if models.is_vae(network) else 0
    return training.best_epoch(history, warm_up)


def means_by_person(
    target: np.ndarray, pictures: Mapping[str, np.ndarray], people: pd.Series
) -> pd.DataFrame:
    """One row per kind of picture and person: how far that person's pictures are from the target.

    Args:
        target: (N, H, W, 1) clean pictures.
        pictures: {kind: (N, H, W, 1)}, such as "corrupted_input".
        people: (N,) whose.

    Returns:
        `pictures` (the kind), `subject`, mse, dssim, psnr (dB, 100 at most).
    """
    rows = []
    for kind, some in pictures.items():
        table = pd.DataFrame(metrics.measure(target, some))[list(METRICS_OF_ROW)]
        table["psnr"] = np.minimum(table.psnr, HIGHEST_PSNR)
        means = table.assign(subject=np.asarray(people)).groupby("subject").mean().reset_index()
        rows.append(means.assign(pictures=kind))
    found = pd.concat(rows, ignore_index=True)
    return found[["pictures", "subject", *METRICS_OF_ROW]]


def experiment_row(
    network: keras.Model,
    history: pd.DataFrame,
    best: pd.Series,
    by_person: pd.DataFrame,
    *,
    train_pictures: int,
) -> pd.DataFrame:
    """The one row that a sweep gathers: sizes, training, and means over test people.

    Args:
        network: trained.
        history: one row per epoch.
        best: of `best_epoch_of`.
        by_person: of `means_by_person`.
        train_pictures: number of pictures that it was trained on.
    """
    sizes = models.describe(network)
    row = {
        "parameters": sizes["parameters"],
        "latent_per_pixel": round(sizes["latent_per_pixel"], 4),
        "val_loss": best.val_loss,
        "best_epoch": int(best.epoch),
        "epochs_run": len(history),
        "seconds_an_epoch": round(float(history.seconds.median()), 3),
        "train_pictures": train_pictures,
        "test_subjects": by_person.subject.nunique(),
    }
    for kind, part in by_person.groupby("pictures", sort=False):
        for metric in METRICS_OF_ROW:
            row[f"{metric}_{kind}"] = float(part[metric].mean())
    return pd.DataFrame([row])
