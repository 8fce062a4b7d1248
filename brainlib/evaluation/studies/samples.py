"""Drawn pictures, judged: how near to real slices of people that nothing was trained on."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy import stats

from brainlib import models
from brainlib.evaluation import features, generation
from brainlib.evaluation.studies.baselines import LinearCode
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices

MEASURES = ("frechet", "precision", "recall", "ms_ssim_of_pairs", "rmse_to_nearest_training_slice")
FEWEST_DRAWS = 5  # of one network, for a verdict
ALONE = "each number alone"  # a way to draw


def judge_of(
    slices: SplitSlices,
    folder: Path,
    *,
    epochs: int,
    steps_an_epoch: int,
    seed: int,
    pictures: int | None = None,
) -> features.Judge:
    """Trains (or loads) the feature network on the first round's training slices, and the judge.

    The judge compares with slices of the first round's test and validation people, and its floor
    is how far real training slices are from those.

    Args:
        slices: of `open_slices`.
        folder: of the feature network.
        epochs, steps_an_epoch, seed: of its training.
        pictures: on each side of a distance, at most; as many as there are when absent.
    """
    known = slices.thinned(slices.first.train)
    place = (known.slice / known.slices).to_numpy()
    space = features.train(
        slices.pictures(known),
        known.subject.to_numpy(),
        place,
        folder,
        epochs=epochs,
        steps_an_epoch=steps_an_epoch,
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


def judge_floor(
    judge: features.Judge, *, random_seed: int, repeats: int, **about: object
) -> pd.DataFrame:
    """Real training slices, judged as draws are: nothing that learned from them can do better.

    One row per random half of the training people, in the columns of `judge_draws`.

    Args:
        judge: of `judge_of`.
        random_seed: of the halves.
        repeats: number of halves.
        **about: further columns.
    """
    rows = []
    for repeat in range(repeats):
        found = judge.floor([random_seed, repeat])
        rows.append({**about, "random_seed": random_seed, "repeat": repeat, **found})
    return pd.DataFrame(rows)


def judge_references(
    judge: features.Judge,
    linear: LinearCode,
    *,
    random_seed: int,
    repeats: int,
) -> pd.DataFrame:
    """What stands first in a table of draws: the floor, and draws of a Gaussian over PCA's numbers.

    Args:
        judge: of `judge_of`.
        linear: of `round_code`, of the judge's round.
        random_seed: of halves and draws.
        repeats: draws; halves of the training people are 5 at least.

    Returns:
        One row per half or draw, in the columns of `judge_vaes`.
    """

    def from_numbers(numbers):
        return linear.draw(judge.n, seed=numbers)

    floor = judge_floor(
        judge,
        random_seed=random_seed,
        repeats=max(5, repeats),
        likelihood="floor: real slices",
        codes_from="training people",
    )
    draws = judge_draws(
        judge,
        from_numbers,
        random_seed=random_seed,
        repeats=repeats,
        likelihood=linear.name,
        codes_from="Gaussian",
    )
    return pd.concat([floor, draws], ignore_index=True)


def nearer(
    draws: pd.DataFrame, others: pd.DataFrame, *, a: str, b: str, measure: str = "frechet"
) -> dict[str, object]:
    """The verdict on the claim that draws are nearer to real slices than others, for `run.finding`.

    One number counts per training where there are three random seeds or more, otherwise one per
    draw, and fewer than 5 draws show nothing. The interval is Welch's, 95 %, of the difference of
    the two means.

    Args:
        draws, others: rows of `judge_draws`.
        a, b: their names.
        measure: a distance: smaller is nearer.
    """
    first, second = _units(draws, measure), _units(others, measure)
    difference = float(first.mean() - second.mean())
    low, high = _welch(first, second)
    verdict = "shown" if high < 0 else "not shown"
    if not low > 0 and _too_few(draws, others):
        verdict = "too few to decide"
    interval = "" if math.isnan(low) else f" [{low:.3g}, {high:.3g}]"
    words = (
        f"distance {first.mean():.4g} ({a}) against {second.mean():.4g} ({b}), difference "
        f"{difference:.3g}{interval}; {_how_many(draws)}."
    )
    return {"verdict": verdict, "words": words, "difference": difference, "low": low, "high": high}


def _too_few(*sides: pd.DataFrame) -> bool:
    """Whether a side has fewer than 5 draws, and fewer than 3 trainings."""
    return any(len(side) < FEWEST_DRAWS and side.random_seed.nunique() < 3 for side in sides)


def _units(draws: pd.DataFrame, measure: str) -> np.ndarray:
    """What counts as one observation: a training, or a draw where there are few trainings."""
    if draws.random_seed.nunique() > 2:
        return draws.groupby("random_seed")[measure].mean().to_numpy()
    return draws[measure].to_numpy()


def _welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Limits of the 95 % interval of the difference of two means; NaN without a spread."""
    fewest, spread = min(len(first), len(second)), np.ptp(first) + np.ptp(second)
    if fewest < 2 or spread == 0:
        return math.nan, math.nan
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    return float(interval.low), float(interval.high)


def _how_many(draws: pd.DataFrame) -> str:
    trainings = draws.random_seed.nunique()
    if trainings > 2:
        return f"interval over {trainings} trainings"
    words = "one training" if trainings == 1 else f"{trainings} trainings"
    return f"interval over {len(draws)} draws of {words}, another training may differ"


def judge_vaes(
    judge: features.Judge,
    trained: Mapping[str, Trained],
    round_name: str,
    known: np.ndarray,
    *,
    repeats: int,
) -> pd.DataFrame:
    """Draws of several VAEs: from N(0, 1), from a fitted density, and each number on its own.

    Args:
        judge: of `judge_of`.
        trained: likelihood -> `Trained`; its models of one round draw, of every random seed.
        round_name: of that round.
        known: (N, H, W, 1) training slices; their codes are what a density is fitted to, and what
            single numbers are taken from.
        repeats: draws of each model.

    Returns:
        One row per draw: `likelihood`, `codes_from`, `random_seed`, `repeat` and the measures.
    """
    parts = []
    for likelihood, several in trained.items():
        for (name, random_seed), vae in several.models.items():
            if name != round_name:
                continue
            for codes_from, draw in _ways_to_draw(vae, judge.n, known, random_seed).items():
                about = {"likelihood": likelihood, "codes_from": codes_from}
                draws = judge_draws(judge, draw, random_seed=random_seed, repeats=repeats, **about)
                parts.append(draws)
    return pd.concat(parts, ignore_index=True)


def _ways_to_draw(
    vae: keras.Model, count: int, known: np.ndarray, random_seed: int
) -> dict[str, Callable[[Sequence[int]], np.ndarray]]:
    density = generation.fit_latent(vae, known, seed=random_seed)
    means = models.latent_of(vae, known)

    def from_prior(numbers):
        return generation.sample_prior(vae, count, seed=[*numbers, 1])

    def from_density(numbers):
        return generation.sample_fitted(vae, density, count, seed=[*numbers, 1])

    def number_by_number(numbers):
        return generation.sample_alone(vae, means, count, seed=[*numbers, 1])

    return {"N(0, 1)": from_prior, ALONE: number_by_number, "fitted density": from_density}
