"""Drawn pictures, judged: how near to real slices of people that nothing was trained on."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib.evaluation import features
from brainlib.evaluation.studies.split_slices import SplitSlices

MEASURES = ("frechet", "precision", "recall", "ms_ssim_of_pairs", "rmse_to_nearest_training_slice")
MOST_PICTURES = 3000  # training slices that are held in memory


def judge_of(
    slices: SplitSlices,
    folder: Path,
    *,
    epochs: int,
    least_steps: int,
    seed: int,
    pictures: int | None = None,
) -> features.Judge:
    """Trains (or loads) the feature network on the first round's training slices, and the judge.

    The judge compares with slices of the first round's test and validation people, and its floor
    is how far real training slices are from those.

    Args:
        slices: of `open_slices`.
        folder: of the feature network.
        epochs, least_steps, seed: of its training.
        pictures: on each side of a distance, at most; as many as there are when absent.
    """
    known = thinned(slices, slices.first.train)
    place = (known.slice / known.slices).to_numpy()
    space = features.train(
        slices.pictures(known),
        known.subject.to_numpy(),
        place,
        folder,
        epochs=epochs,
        least_steps=least_steps,
        seed=seed,
    )
    others = slices.of([*slices.first.test, *slices.first.validation])
    most = {} if pictures is None else {"pictures": pictures}
    return features.Judge(
        space,
        slices.pictures(others),
        slices.pictures(known),
        known.subject.to_numpy(),
        seed=seed,
        **most,
    )


def thinned(slices: SplitSlices, people: Iterable[str]) -> pd.DataFrame:
    """Every so-many-th slice of these people, so that at most about 3,000 are in memory."""
    table = slices.of(list(people))
    return table.iloc[:: max(1, len(table) // MOST_PICTURES)]


def judge_draws(
    judge: features.Judge,
    draw: Callable[[Sequence[int]], np.ndarray],
    *,
    random_seed: int,
    repeats: int,
    **about: object,
) -> pd.DataFrame:
    """Several draws of pictures, each judged: one row per draw.

    Args:
        judge: of `judge_of`.
        draw: random seed (a list of numbers) -> pictures (judge.n, H, W, 1).
        random_seed: of the network that draws.
        repeats: number of draws.
        **about: further columns.
    """
    rows = []
    for repeat in range(repeats):
        found = judge(draw([random_seed, repeat]))
        rows.append({**about, "random_seed": random_seed, "repeat": repeat, **found})
    return pd.DataFrame(rows)


def summary_of_draws(draws: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation over draws and random seeds, one row per value of `by`.

    Columns: `by`, each of `MEASURES` and its `_std`, draws.
    """
    groups = draws.groupby(list(by), sort=False, dropna=False)
    summary = groups[list(MEASURES)].agg(["mean", "std"])
    summary.columns = [f"{name}_std" if part == "std" else name for name, part in summary.columns]
    return summary.reset_index().assign(draws=groups.size().to_numpy())
