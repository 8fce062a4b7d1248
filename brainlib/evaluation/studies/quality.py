"""How well networks rebuild or restore people whom they have never seen: a person counts once."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from brainlib import metrics, models
from brainlib.evaluation.stats import bootstrap_interval
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.slices import corruptions

METRICS = ("mse", "dssim", "ssim", "psnr")


def measured(
    target: np.ndarray, output: np.ndarray, subjects: Collection[str], **about: object
) -> pd.DataFrame:
    """One row per picture: its metrics, whose it is, and what else is known of it.

    Args:
        target, output: (N, H, W, 1) in [0, 1].
        subjects: (N,) whose pictures they are.
        **about: further columns.
    """
    table = pd.DataFrame(metrics.measure(target, output))
    return table.assign(subject=np.asarray(subjects), **about)


def quality_by_person(
    trained: Mapping[str, Trained],
    slices: SplitSlices,
    *,
    corruption: str = "none",
    label: str = "model",
) -> pd.DataFrame:
    """One row per network, round, random seed and test person: the means over that person's slices.

    Every model sees the test people of its own round alone. Columns: `label`, round, random_seed,
    subject, mse, dssim, ssim, psnr (dB).

    Args:
        trained: name -> `Trained`.
        slices: of `open_slices`.
        corruption: preset by which the inputs are corrupted; the target is always clean.
        label: what the column of names is called.
    """
    rounds = {one.name: one for one in slices.rounds}
    rows = []
    for name, several in trained.items():
        for (round_name, random_seed), model in several.models.items():
            table = slices.of(rounds[round_name].test)
            target = slices.pictures(table)
            inputs = corruptions.corrupt(
                target, corruption, seed=random_seed, indices=table.row.to_numpy()
            )
            output = models.reconstruct(model, inputs)
            each = measured(target, output, table.subject).groupby("subject").mean().reset_index()
            known = {label: name, "round": round_name, "random_seed": random_seed}
            rows.append(each.assign(**known))
    return pd.concat(rows, ignore_index=True)


def mean_over_people(table: pd.DataFrame, by: str, metric: str, *, seed: int = 0) -> pd.DataFrame:
    """Mean of a metric over people with its 95 % interval, one row per value of the column `by`.

    Random seeds and rounds are meaned for each person first: they are no further people.
    Columns: `by`, mean, low, high, sd (over people), smallest, largest, people.
    """
    rows = []
    for name, part in table.groupby(by, sort=False):
        people = part.groupby("subject")[metric].mean()
        interval = bootstrap_interval(people.to_numpy(), people.index.to_numpy(), seed=seed)
        rows.append(
            {
                by: name,
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "sd": people.std(ddof=1),
                "smallest": people.min(),
                "largest": people.max(),
                "people": len(people),
            }
        )
    return pd.DataFrame(rows)
