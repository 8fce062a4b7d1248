"""Thesis 003's chapter: residual networks without skips, by loss, on clean and damaged slices."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd

from brainlib import metrics, models, training
from brainlib.evaluation import stats
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.models.registry import TABLE
from brainlib.slices import corruptions
from brainlib.slices.splits import SETS

PUBLISHED_PEOPLE = {"train": (447, 26820), "validation": (86, 5160), "test": (48, 2880)}
PUBLISHED_WEIGHTS = {  # table 4.3, and 5.1 for the short one
    "resnet_small": 2_263_232,
    "resnet_big": 6_104_256,
    "resnet50": 34_589_600,
    "resnet50_short": 11_331_488,
}
PUBLISHED_ROWS = {"resnet50_short": "resnet50_short_add13"}  # names of its own in the table
DAMAGES = {  # section 5.2: zeroed areas, blur, and 10 % of the pixels dropped
    "zeroed area": corruptions.Preset(square_probability=1, square_side=(0.2, 0.2)),
    "blur": corruptions.Preset(blur_probability=1, blur_sigma=(1.5, 1.5)),
    "10 % dropout": corruptions.PRESETS["seed003_test"],
}
MEASURES = ("psnr", "ssim")


def recipe_003(name: str, loss: str, wanted: str = "own") -> str:
    """The recipe of one of the thesis's networks (its tables 5.1 to 5.3), or another one.

    Args:
        name: of the network.
        loss: "mse" or one that begins with "dssim".
        wanted: "own" for the thesis's, else a name of `training.RECIPES`.
    """
    if wanted != "own":
        return wanted
    if name == "resnet_big" and loss.startswith("dssim"):
        return "003-big-dssim"
    own = f"003-{name}"
    return own if own in training.RECIPES else "003"


def image_counts(slices: SplitSlices) -> pd.DataFrame:
    """People and slices of each set of the first round, beside thesis 003's table 3.1."""
    rows = []
    for name in SETS:
        people = getattr(slices.first, name)
        published_people, published_images = PUBLISHED_PEOPLE[name]
        rows.append(
            {
                "set": name,
                "people": len(people),
                "slices": len(slices.of(people)),
                "published_people": published_people,
                "published_slices": published_images,
            }
        )
    return pd.DataFrame(rows)


def encoder_sizes(networks: Mapping[str, keras.Model]) -> pd.DataFrame:
    """What each network's encoder makes of a slice: thesis 003's tables 4.2 and 4.3.

    Args:
        networks: {name: model}.

    Returns:
        One row per network: model, input, encoder_output, up_sampling_blocks (how often the
        decoder doubles the sides), parameters, published_parameters (at width 1).
    """
    rows = []
    for name, network in networks.items():
        about = models.describe(network)
        halved = round(np.log2(about["input_shape"][0] / about["latent_shape"][0]))
        rows.append(
            {
                "model": name,
                "input": models.shape_words(about["input_shape"]),
                "encoder_output": models.shape_words(about["latent_shape"]),
                "up_sampling_blocks": halved,
                "parameters": about["parameters"],
                "published_parameters": PUBLISHED_WEIGHTS.get(name, np.nan),
            }
        )
    return pd.DataFrame(rows)


def trained_sides(name: str, image_shape: Sequence[int]) -> bool:
    """Whether a network can take slices of these sides: it halves them so many times."""
    return all(side % TABLE[name].stride == 0 for side in image_shape[:2])


def best_losses(
    trained: Mapping[tuple[str, str], Trained], published: pd.DataFrame
) -> pd.DataFrame:
    """The lowest validation loss of each training and its epoch: tables 5.1 to 5.3.

    Args:
        trained: {(network, loss): `Trained`}.
        published: `reconstruction_resnet_2020.csv`.

    Returns:
        One row per training: model, loss, random_seed, best_val_loss, epoch ("3/6"),
        published_val_loss, published_epoch.
    """
    rows = []
    for (name, loss), several in trained.items():
        theirs = _published(published, name, loss)
        for (_, random_seed), history in several.history.groupby(["round", "random_seed"]):
            best = history.loc[history.val_loss.idxmin()]
            rows.append(
                {
                    "model": name,
                    "loss": loss,
                    "random_seed": random_seed,
                    "best_val_loss": best.val_loss,
                    "epoch": f"{best.epoch:.0f}/{history.epoch.max():.0f}",
                    "published_val_loss": theirs.get("val_loss", np.nan),
                    "published_epoch": theirs.get("best_epoch", np.nan),
                }
            )
    return pd.DataFrame(rows)


def joint_histories(
    of_003: Mapping[tuple[str, str], Trained], of_004: Mapping[str, Trained], loss: str
) -> pd.DataFrame:
    """The epochs of thesis 003's networks, and of others that were trained with one of its losses.

    Args:
        of_003: {(network, loss): `Trained`}.
        of_004: {network: `Trained`}, all trained with `loss`.
        loss: of the latter.

    Returns:
        One row per epoch with `model` and `trained_with`, the loss; without rows for no network.
    """
    everyone = dict(of_003)
    if loss in {of_loss for _, of_loss in of_003}:
        everyone |= {(name, loss): one for name, one in of_004.items()}
    parts = []
    for (name, of_loss), several in everyone.items():
        first = several.history["round"] == several.history["round"].iloc[0]
        parts.append(several.history[first].assign(model=name, trained_with=of_loss))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _published(published: pd.DataFrame, name: str, loss: str) -> Mapping:
    """The thesis's row of a network and a loss; {} where it has none."""
    known = published.model == PUBLISHED_ROWS.get(name, name)
    family = "dssim" if loss.startswith("dssim") else "mse"  # ours is its logarithm
    rows = published[known & (published.loss == family)]
    return rows.iloc[0].to_dict() if len(rows) else {}


def spread_over_slices(
    trained: Mapping[tuple[str, str], Trained], slices: SplitSlices, published: pd.DataFrame
) -> pd.DataFrame:
    """PSNR and SSIM of rebuilt clean test slices with their spread: tables 5.4 to 5.7.

    The thesis's mean, standard deviation, smallest and largest are over slices; `low` and `high`
    are the 95 % interval of the mean over people.

    Args:
        trained: {(network, loss): `Trained`}.
        slices: of `open_slices`; the first round's test people are rebuilt.
        published: `reconstruction_resnet_2020.csv`.

    Returns:
        One row per measure and network: measure, model, loss, mean, std, min, max, low, high,
        slices, people, published_mean, published_std.
    """
    table = slices.thinned(slices.first.test)
    target = slices.pictures(table)
    rows = []
    for (name, loss), several in trained.items():
        output = models.reconstruct(several.first, target)
        found = metrics.measure(target, output)
        theirs = _published(published, name, loss)
        for measure in MEASURES:
            values = np.asarray(found[measure])
            interval = stats.bootstrap_interval(values, table.subject)
            rows.append(
                {
                    "measure": measure,
                    "model": name,
                    "loss": loss,
                    "mean": values.mean(),
                    "std": values.std(ddof=1),
                    "min": values.min(),
                    "max": values.max(),
                    "low": interval.low,
                    "high": interval.high,
                    "slices": len(values),
                    "people": interval.subjects,
                    "published_mean": theirs.get(f"{measure}_mean", np.nan),
                    "published_std": theirs.get(f"{measure}_std", np.nan),
                }
            )
    return pd.DataFrame(rows).sort_values("measure", kind="stable", ignore_index=True)


def filled_holes(
    networks: Mapping[str, keras.Model], slices: SplitSlices, *, seed: int
) -> pd.DataFrame:
    """How well each network fills a zeroed area, and what it makes of the rest (section 5.2).

    Args:
        networks: {name: model}.
        slices: of `open_slices`; every test person of the first round counts once.
        seed: of the places of the holes.

    Returns:
        One row per network, doing nothing first: model, error_inside and error_outside (root of
        the mean squared error, mean over people), people.
    """
    table = slices.thinned(slices.first.test)
    target = slices.pictures(table)
    places = table.row.to_numpy()
    zeroed = corruptions.corrupt(target, DAMAGES["zeroed area"], seed=seed, indices=places)
    hole = zeroed != target
    outputs = {"doing nothing": zeroed}
    outputs |= {name: models.reconstruct(one, zeroed) for name, one in networks.items()}
    rows = []
    for name, output in outputs.items():
        squared = (output - target) ** 2
        errors = {"error_inside": _mean_where(squared, hole)}
        errors["error_outside"] = _mean_where(squared, ~hole)
        by_person = pd.DataFrame(errors).groupby(table.subject.to_numpy()).mean() ** 0.5
        rows.append({"model": name, **by_person.mean(), "people": len(by_person)})
    return pd.DataFrame(rows)


def _mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean of each picture's values where the mask is True, (N,); NaN where it nowhere is."""
    flat = (len(values), -1)
    with np.errstate(invalid="ignore"):
        return np.where(mask, values, 0).reshape(flat).sum(axis=1) / mask.reshape(flat).sum(axis=1)
