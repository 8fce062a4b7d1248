"""How a model's error grows with a damage, and where in the head it is large."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from brainlib.evaluation import stats
from brainlib.evaluation.studies.model_comparison import ModelComparison
from brainlib.slices.corruptions import Preset

CLEAN = Preset()
UNITS = {  # of each damage's strength
    "dropout": "share of pixels",
    "noise": "standard deviation",
    "rician": "standard deviation",
    "square": "side as a share of the picture's",
    "blur": "sigma in pixels",
    "bias": "standard deviation of the log field",
    "ghost": "share of the signal",
}


def severities(damage: str) -> dict[float, Preset]:
    """{strength: preset} of one damage alone, from none (0) to strong.

    Args:
        damage: one of `UNITS`.

    Raises:
        ValueError: there is no such damage.
    """
    if damage not in UNITS:
        raise ValueError(f"damage: expected one of {', '.join(UNITS)}, got {damage!r}.")
    strengths, preset_of = {
        "dropout": ((0.02, 0.05, 0.1, 0.2), lambda value: Preset(dropout=(value, value))),
        "noise": ((0.02, 0.04, 0.08, 0.16), lambda value: Preset(noise_sigma=(value, value))),
        "rician": ((0.02, 0.04, 0.08, 0.16), lambda value: Preset(rician_sigma=(value, value))),
        "square": ((0.1, 0.2, 0.3, 0.4), _blanked),
        "blur": ((0.6, 1.0, 1.5, 2.5), _blurred),
        "bias": ((0.1, 0.2, 0.3, 0.4), lambda value: Preset(bias=(value, value))),
        "ghost": ((0.05, 0.1, 0.2, 0.3), lambda value: Preset(ghost=(value, value))),
    }[damage]
    return {0.0: CLEAN} | {value: preset_of(value) for value in strengths}


def _blanked(side: float) -> Preset:
    return Preset(square_probability=1.0, square_side=(side, side))


def _blurred(sigma: float) -> Preset:
    return Preset(blur_probability=1.0, blur_sigma=(sigma, sigma))


def severity_curves(
    comparison: ModelComparison,
    damages: Sequence[str],
    only: Collection[str],
    *,
    slices_per_person: int,
    metric: str = "dssim",
) -> pd.DataFrame:
    """A metric of some models over the strength of each damage, on test people.

    Args:
        comparison: whose models and slices.
        damages: of `UNITS`.
        only: names of models.
        slices_per_person: at most, evenly spread.
        metric: of `metrics.measure`.

    Returns:
        One row per damage, strength and model: `damage`, `unit`, `strength`, `model`, `mean` over
        people with its 95 % interval `low`, `high`, and `people`.
    """
    inputs, meaning = {"0": CLEAN}, {}
    for damage in damages:
        for strength, preset in severities(damage).items():
            name = f"{damage} {strength:g}" if strength else "0"
            inputs[name] = preset
            meaning[damage, strength] = name
    scores = comparison.quality(inputs, slices_per_person=slices_per_person, only=only)
    rows = []
    for (damage, strength), name in meaning.items():
        part = scores[scores.corruption == name]
        known = {"damage": damage, "unit": UNITS[damage], "strength": strength}
        rows += [{**known, **row} for row in _over_people(part, metric, comparison.seed)]
    return pd.DataFrame(rows)


def _over_people(scores: pd.DataFrame, metric: str, seed: int) -> list[dict]:
    """Mean and interval over people of each model."""
    rows = []
    for model, part in scores.groupby("model", sort=False):
        found = stats.bootstrap_interval(part[metric], part.subject, n=1000, seed=seed)
        limits = {"mean": found.mean, "low": found.low, "high": found.high}
        rows.append({"model": model, **limits, "people": found.subjects})
    return rows


def error_by_position(
    scores: pd.DataFrame,
    corruption: str,
    only: Collection[str],
    *,
    metric: str = "dssim",
    bins: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """A metric along the head: slices of equal parts of the axis, each person's mean in each.

    Args:
        scores: of `ModelComparison.quality`.
        corruption: one of its inputs.
        only: names of models.
        metric: one of its columns.
        bins: parts between the first and the last slice.
        seed: of the bootstrap over people.

    Returns:
        One row per part and model: `position` (the part's middle, 0 to 1 along the head), `model`,
        `mean` over people with its 95 % interval `low`, `high`, and `people`.
    """
    part = scores[(scores.corruption == corruption) & scores.model.isin(only)]
    edges = np.linspace(part.position.min(), part.position.max(), bins + 1)
    place = np.clip(np.searchsorted(edges, part.position, side="right") - 1, 0, bins - 1)
    rows = []
    for number, of_bin in part.groupby(place):
        middle = (edges[number] + edges[number + 1]) / 2
        rows += [{"position": middle, **row} for row in _over_people(of_bin, metric, seed)]
    return pd.DataFrame(rows)


def largest_loss(curves: pd.DataFrame, model: str, rival: str) -> Mapping[str, object]:
    """Where a model is furthest behind a rival, of all damages and strengths above 0.

    Args:
        curves: of `severity_curves`, of an error.
        model: name of the model.
        rival: name of another one, such as "input".

    Returns:
        {"damage", "strength", "behind"}: the error of the model minus that of the rival there.
    """
    damaged = curves[curves.strength > 0].set_index(["damage", "strength", "model"])["mean"]
    behind = damaged.xs(model, level="model") - damaged.xs(rival, level="model")
    damage, strength = behind.idxmax()
    return {"damage": damage, "strength": strength, "behind": float(behind.max())}
