"""Classical filters in every round, their strengths chosen on that round's validation people."""

from collections.abc import Mapping

import pandas as pd

from brainlib.evaluation import filters
from brainlib.evaluation.filters import Filter
from brainlib.evaluation.studies.split_slices import Round, SplitSlices
from brainlib.slices import corruptions

SLICES = 48  # of the validation people, that strengths are chosen on

Filters = Mapping[str, Mapping[str, Filter]]  # {name of a round: {name: filter}}


def chosen_filters(
    slices: SplitSlices, corruption: str | corruptions.Preset, *, seed: int = 0
) -> Filters:
    """Every filter of `brainlib.evaluation.filters` as it restores validation people best.

    A filter gets what a network gets: it is chosen for the corruption that networks are trained
    on, without the test people.

    Args:
        slices: of `open_slices`.
        corruption: preset of the validation slices.
        seed: random seed of the corruption.
    """
    found = {}
    for one_round in slices.rounds:
        clean, damaged = _of_validation(slices, one_round, corruption, seed)
        found[one_round.name] = filters.choose(clean, damaged)
    return found


def strengths_tried(
    slices: SplitSlices, corruption: str | corruptions.Preset, *, seed: int = 0
) -> pd.DataFrame:
    """What `chosen_filters` chose from in the first round.

    Returns:
        One row per filter and settings: `filter`, `settings`, `mse` on validation slices, and
        whether they were `chosen`.
    """
    clean, damaged = _of_validation(slices, slices.first, corruption, seed)
    table = filters.tried(clean, damaged).drop(columns="with_settings")
    smallest = table.groupby("filter").mse.transform("min")
    return table.assign(chosen=table.mse == smallest)


def _of_validation(slices, one_round: Round, corruption, seed):
    """Clean and damaged slices of a round's validation people, evenly spread."""
    table = slices.spread(one_round.validation, SLICES)
    clean = slices.pictures(table)
    numbers = table.row.to_numpy()
    return clean, corruptions.corrupt(clean, corruption, seed=seed, indices=numbers)


def best_filter(by_person: pd.DataFrame, *, corruption: str, metric: str = "dssim") -> str:
    """The name of the classical filter with the smallest mean error over people.

    Args:
        by_person: of `restored_people`.
        corruption: one of its column `input`.
        metric: an error, such as "dssim" or "mse".
    """
    part = by_person[by_person.model.isin(filters.NAMES) & (by_person["input"] == corruption)]
    return part.groupby("model")[metric].mean().idxmin()
