"""The same network and steps on more and more people: does the error on new people fall?"""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from brainlib import metrics, models
from brainlib.evaluation import stats
from brainlib.evaluation.studies.rounds import Trained, TrainOne
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.record import Run
from brainlib.slices import corruptions


def learning_curve(
    run: Run,
    slices: SplitSlices,
    train_one: TrainOne,
    trained: Trained,
    counts: Sequence[int],
    *,
    corruption: str,
    batch_size: int,
    least_steps: int,
) -> pd.DataFrame:
    """Trains with few people, then with more, each time with the same number of steps.

    Each random seed draws its own people. The training with everybody is the one that is there.

    Args:
        run: its folder `models/learning_curve/<people>` gets each model.
        slices: of `open_slices`; the first round is taken.
        train_one: as of `train_each_round`.
        trained: the same network, trained with everybody; its random seeds are repeated.
        counts: numbers of people; everybody comes on top.
        corruption, batch_size, least_steps: of the batches, as for `trained`.

    Returns:
        One row per number of people, input ("clean" and the corruption), random seed and test
        slice: `training_subjects`, `steps_an_epoch`, `input`, `random_seed`, `row`,
        `subject`, `dssim`, `psnr` (dB) and `sharpness` (mean gradient over the clean slice's).
    """
    first = slices.first
    shared = {"corruption": corruption, "batch_size": batch_size}
    steps = slices.batches(first.train, least_steps=least_steps, **shared).steps
    test = slices.of(first.test)
    target = slices.pictures(test)
    corrupted = corruptions.corrupt(
        target, corruption, seed=run.parameters["seed"], indices=test.row.to_numpy()
    )
    random_seeds = [number for place, number in trained.models if place == first.name]
    rows = []
    for count in _numbers_of_people(counts, len(first.train)):
        for random_seed in random_seeds:
            if count == len(first.train):
                network = trained.models[first.name, random_seed]
            else:
                network = _trained_on_few(run, slices, train_one, count, random_seed, steps, shared)
            known = {"training_subjects": count, "steps_an_epoch": steps}
            for kind, inputs in (("clean", target), (corruption, corrupted)):
                found = _errors_by_slice(network, inputs, target, test)
                rows.append(found.assign(**known, input=kind, random_seed=random_seed))
    return pd.concat(rows, ignore_index=True)


def _numbers_of_people(counts: Sequence[int], everybody: int) -> list[int]:
    return sorted({min(count, everybody) for count in [*counts, everybody]})


def _trained_on_few(
    run: Run,
    slices: SplitSlices,
    train_one: TrainOne,
    count: int,
    random_seed: int,
    steps: int,
    shared: dict,
) -> keras.Model:
    """A training with `count` people of the first round, whom the random seed draws."""
    few = np.random.default_rng(random_seed).permutation(slices.first.train)[:count]
    train = slices.batches(few, least_steps=steps, seed=random_seed, **shared)
    validation = slices.batches(slices.first.validation, seed=random_seed, **shared)
    below = () if random_seed == run.parameters["seed"] else (f"seed{random_seed}",)
    folder = run.path("models", "learning_curve", count, *below)
    return train_one(train, validation, folder, random_seed)[0]


def _errors_by_slice(
    network: keras.Model, inputs: np.ndarray, target: np.ndarray, table: pd.DataFrame
) -> pd.DataFrame:
    output = models.reconstruct(network, inputs)
    edges = gradient_length(target)
    return (
        table[["row", "subject"]]
        .reset_index(drop=True)
        .assign(
            dssim=metrics.dssim(target, output, data_range=1.0),
            psnr=metrics.psnr(target, output, data_range=1.0),
            sharpness=gradient_length(output) / np.where(edges > 0, edges, np.nan),
        )
    )


def gradient_length(pictures: np.ndarray) -> np.ndarray:
    """Mean length of the gradient of each picture: (N, H, W, 1) -> (N,), grey values per pixel."""
    down = np.diff(pictures[..., 0], axis=1)[:, :, :-1]
    right = np.diff(pictures[..., 0], axis=2)[:, :-1]
    return np.hypot(down, right).mean(axis=(1, 2))


def learning_curve_table(
    curve: pd.DataFrame, *, value: str = "dssim", seed: int = 0
) -> pd.DataFrame:
    """A test measure with its 95 % interval over people, one row per number of people and input.

    Args:
        curve: of `learning_curve`.
        value: the measure: "dssim", "psnr" or "sharpness".
        seed: of the bootstrap over people.

    Returns:
        `training_subjects`, `steps_an_epoch`, `input`, the measure (mean of random seeds), `low`,
        `high`, `test_subjects`, `random_seeds`, and `sd_of_random_seeds`, how far trainings of one
        point are apart (NaN for a single one).
    """
    rows = []
    known = ["training_subjects", "steps_an_epoch", "input"]
    for values, part in curve.groupby(known, sort=False):
        by_slice = part.groupby(["subject", "row"])[value].mean().reset_index()
        interval = stats.bootstrap_interval(by_slice[value], by_slice.subject, seed=seed)
        of_random_seeds = part.groupby("random_seed")[value].mean()
        rows.append(
            {
                **dict(zip(known, values)),
                value: interval.mean,
                "low": interval.low,
                "high": interval.high,
                "test_subjects": interval.subjects,
                "random_seeds": len(of_random_seeds),
                "sd_of_random_seeds": of_random_seeds.std(ddof=1),
            }
        )
    return pd.DataFrame(rows)
