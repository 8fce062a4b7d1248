"""One change at a time in how slices are prepared, and what it does to a restoration."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import pandas as pd
from skimage.transform import AffineTransform, warp

from brainlib import metrics, models, slices
from brainlib.evaluation import stats
from brainlib.evaluation.studies.rounds import TrainOne
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.heads import reading
from brainlib.record import Run
from brainlib.slices import corruptions
from brainlib.slices.pipeline import Slices

AS_STORED = "as in 02"
MOVED = "shear_shift_rotation"  # of training slices: thesis 000 tried it and rejected it
NOISY = "noise"  # added to the inputs of the training slices: a wish of thesis 000
PREPARATIONS = {  # what changes against chapter 02: options of `slices.prepare`
    AS_STORED: {},
    "brain_only": {"brain_only": True},
    "centre": {"centre": True},
    "slice_scaling": {"scaling": "slice"},
    "brain_scaling": {"scaling": "brain"},
    MOVED: {},
    NOISY: {},
}
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """Slices of one preparation, each array (n, H, W, 1) in [0, 1].

    Attributes:
        train, validation, test: slices of the people of the first round.
        people: (n,) whose the test slices are.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    people: np.ndarray


@dataclass(frozen=True)
class Restored:
    """Test slices of one preparation: clean, corrupted and restored, each (n, H, W, 1).

    Where nothing was corrupted, `corrupted` is the mean picture of the training slices: a
    reconstruction gains against that.

    Attributes:
        target, corrupted, output: the slices.
        people: (n,) whose they are.
    """

    target: np.ndarray
    corrupted: np.ndarray
    output: np.ndarray
    people: np.ndarray

    @cached_property
    def by_slice(self) -> pd.DataFrame:
        """DSSIM of each slice `before` and `after` the restoration."""
        before, after = (
            metrics.dssim(self.target, pictures, data_range=1.0)
            for pictures in (self.corrupted, self.output)
        )
        return pd.DataFrame({"before": before, "after": after})

    @property
    def gains(self) -> pd.Series:
        """1 - DSSIM after / DSSIM before, of each person: of their means over slices.

        So a slice that was hardly corrupted weighs little. 1: mended, 0: nothing gained, below 0:
        made worse.
        """
        means = self.by_slice.groupby(self.people).mean()
        return 1 - means.after / means.before

    def example(self) -> np.ndarray:
        """The middle slice: clean, corrupted, restored (3, H, W, 1)."""
        middle = len(self.output) // 2
        return np.stack([self.target[middle], self.corrupted[middle], self.output[middle]])


def prepare_again(
    run: Run, split_slices: SplitSlices, names: Sequence[str], *, slices_per_person: int
) -> dict[str, Prepared]:
    """The same slices of the first round's people, prepared as in 02 and in other ways.

    Args:
        run: of the chapter; its random seed moves the slices of `MOVED`.
        split_slices: of `open_slices`.
        names: of `PREPARATIONS`.
        slices_per_person: at most, evenly spread.

    Raises:
        ValueError: there is no such preparation.
    """
    unknown = sorted(set(names) - set(PREPARATIONS))
    if unknown:
        raise ValueError(
            f"ablations: expected some of {', '.join(list(PREPARATIONS)[1:])}, "
            f"got {', '.join(unknown)}."
        )
    names = list(dict.fromkeys([AS_STORED, *names]))
    stacks = {name: {} for name in names}
    people = None
    for part in PARTS:
        table = _spread(split_slices.of(getattr(split_slices.first, part)), slices_per_person)
        for name, pictures in _prepared_heads(run, split_slices, table, names).items():
            stacks[name][part] = pictures
        people = table.subject.to_numpy()  # of the last part: the test
    if MOVED in stacks:
        stacks[MOVED]["train"] = moved(stacks[MOVED]["train"], seed=run.parameters["seed"])
    return {name: Prepared(**parts, people=people) for name, parts in stacks.items()}


def _spread(table: pd.DataFrame, slices_per_person: int) -> pd.DataFrame:
    """Every so-many-th slice of each person, so that there are at most so many."""
    heads = table.groupby("subject")
    step = np.ceil(heads.slice.transform("size") / slices_per_person)
    return table[heads.cumcount() % step == 0]


def _prepared_heads(
    run: Run, split_slices: SplitSlices, table: pd.DataFrame, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """{preparation: slices of `table`}; each head is read once."""
    as_in_02 = run.needs("02_slice_selection")["parameters"]
    common = {key: as_in_02[key] for key in ("scaling", "field_mm", "brain_only", "centre")}
    people = split_slices.people.set_index("subject")
    stacks = {name: [] for name in names}
    for subject, rows in table.groupby("subject", sort=False):
        head = people.loc[subject]
        volume, brain = reading.read_with_mask(head, method=as_in_02["mask"])
        for name in names:
            options = {**common, **PREPARATIONS[name]}
            prepared = slices.prepare(
                volume,
                brain,
                rows.slice.to_numpy(),
                plane=split_slices.plane,
                size=split_slices.image_shape[0],
                **options,
            )
            stacks[name].append(prepared["image"])
    return {name: np.concatenate(parts) for name, parts in stacks.items()}


def moved(pictures: np.ndarray, *, seed: int) -> np.ndarray:
    """Pictures (n, H, W, 1), each turned, sheared (0.1 rad each) and shifted (4 % of the side).

    The numbers are standard deviations of normal draws.
    """
    rng = np.random.default_rng(seed)
    changed = []
    for picture in pictures:
        move = AffineTransform(
            rotation=rng.normal(0, 0.1),
            shear=rng.normal(0, 0.1),
            translation=rng.normal(0, 0.04 * pictures.shape[1], 2),
        )
        changed.append(warp(picture[..., 0], move.inverse))
    return np.clip(np.stack(changed)[..., None], 0, 1).astype("float32")


def restore_each_preparation(
    run: Run,
    preparations: dict[str, Prepared],
    train_one: TrainOne,
    *,
    corruption: str,
    batch_size: int,
    steps: int,
) -> dict[str, Restored]:
    """Trains a network on each preparation, alike in all else, and restores its test slices.

    Args:
        run: gets `models/ablations/<preparation>` and `slices/ablation_<preparation>.npy`.
        preparations: of `prepare_again`.
        train_one: as of `train_each_round`.
        corruption, batch_size: of the batches.
        steps: of an epoch.
    """
    seed = run.parameters["seed"]
    restored = {}
    for name, parts in preparations.items():
        shared = {"batch_size": batch_size, "corruption": corruption, "seed": seed}
        network = _trained_on(run, "ablations", name, parts, train_one, steps, shared)
        corrupted = corruptions.corrupt(parts.test, corruption, seed=seed)
        output = models.reconstruct(network, corrupted)
        restored[name] = Restored(parts.test, corrupted, output, parts.people)
    return restored


def rebuild_each_preparation(
    run: Run,
    preparations: dict[str, Prepared],
    train_one: TrainOne,
    *,
    place: str,
    batch_size: int,
    steps: int,
) -> dict[str, Restored]:
    """Trains a network on each preparation, alike in all else, and rebuilds its clean test slices.

    `Restored.corrupted` is the mean picture of the preparation's training slices. With `NOISY` the
    network sees noisy inputs in training; its targets are clean.

    Args:
        run: gets `models/<place>/<preparation>` and `slices/<place>_<preparation>.npy`.
        preparations: of `prepare_again`.
        train_one: as of `train_each_round`.
        place: a name of this comparison.
        batch_size: of the batches.
        steps: of an epoch.
    """
    rebuilt = {}
    for name, parts in preparations.items():
        corruption = "noise" if name == NOISY else "none"
        shared = {"batch_size": batch_size, "corruption": corruption}
        shared["seed"] = run.parameters["seed"]
        network = _trained_on(run, place, name, parts, train_one, steps, shared)
        mean = np.broadcast_to(parts.train.mean(axis=0), parts.test.shape)
        output = models.reconstruct(network, parts.test)
        rebuilt[name] = Restored(parts.test, mean, output, parts.people)
    return rebuilt


def _trained_on(
    run: Run,
    place: str,
    name: str,
    parts: Prepared,
    train_one: TrainOne,
    steps: int,
    shared: dict[str, object],
) -> keras.Model:
    """A network that was trained on the slices of one preparation."""
    file_name = name.replace(" ", "_")
    stem = "ablation" if place == "ablations" else place
    stored = run.path("slices", f"{stem}_{file_name}.npy")
    count, others = len(parts.train), len(parts.validation)
    with slices.Writer(stored, (count + others, *parts.train.shape[1:])) as writer:
        writer.add(parts.train)
        writer.add(parts.validation)
    train = Slices(stored, indices=np.arange(count), **shared).at_least(steps)
    validation = Slices(stored, indices=np.arange(count, count + others), **shared)
    folder = run.path("models", place, file_name)
    return train_one(train, validation, folder, run.parameters["seed"])[0]


def preparation_table(restored: dict[str, Restored], *, seed: int = 0) -> pd.DataFrame:
    """Gains of each preparation and their differences to the first, paired over people.

    Args:
        restored: of `restore_each_preparation`.
        seed: of the bootstrap over people.

    Returns:
        One row per preparation: `preparation`, `dssim_input`, `dssim_restored`, `gain` with its
        95 % interval `low`, `high`, `gain_against_02` with `p_t` (paired over people),
        `test_subjects`, and `p_t_holm`, corrected for all rows.
    """
    reference = restored[AS_STORED].gains
    rows = []
    for name, pictures in restored.items():
        gains, errors = pictures.gains, pictures.by_slice
        interval = stats.bootstrap_interval(gains, gains.index, seed=seed)
        compared = stats.compare_pair(gains, reference, gains.index)
        rows.append(
            {
                "preparation": name,
                "dssim_input": errors.before.mean(),
                "dssim_restored": errors.after.mean(),
                "gain": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "gain_against_02": compared["difference"],
                "p_t": compared["p_t"],
                "test_subjects": interval.subjects,
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(p_t_holm=stats.holm(table.p_t))
