"""One network trained in every round, and with several random seeds."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import pandas as pd

from brainlib.evaluation.studies.split_slices import Round, SplitSlices
from brainlib.record import Run

TrainOne = Callable[..., tuple[keras.Model, pd.DataFrame]]  # see `train_each_round`


@dataclass(frozen=True)
class Trained:
    """What `train_each_round` gives.

    Attributes:
        models: (name of the round, random seed) -> model, the run's own random seed first.
        history: one row per epoch, with the columns `round` and `random_seed`.
        folders: (name of the round, random seed) -> folder of the model.
    """

    models: dict[tuple[str, int], keras.Model]
    history: pd.DataFrame
    folders: dict[tuple[str, int], Path]

    @property
    def first(self) -> keras.Model:
        """The model of the first round and of the run's own random seed: the one shown."""
        return next(iter(self.models.values()))

    @property
    def first_history(self) -> pd.DataFrame:
        """The epochs of `first`."""
        name, random_seed = next(iter(self.models))
        mine = (self.history["round"] == name) & (self.history.random_seed == random_seed)
        return self.history[mine]


def unique_random_seeds(run: Run, random_seeds: Sequence[int]) -> list[int]:
    """The run's own random seed, then the others; each once."""
    return list(dict.fromkeys([run.parameters["seed"], *random_seeds]))


def train_each_round(
    run: Run,
    slices: SplitSlices,
    name: str,
    train_one: TrainOne,
    random_seeds: Sequence[int] = (),
    *,
    rounds: Collection[Round] | None = None,
    of_round: Mapping[str, Mapping] | None = None,
    augment: float = 0.0,
    least_steps: int = 0,
    **batches: object,
) -> Trained:
    """Trains a network once in every round and with every random seed, or loads what is there.

    Args:
        run: its folder `models/<name>/<round>` (and `seed<n>` below it) gets each model.
        slices: of `open_slices`.
        name: of the folder.
        train_one: (training slices, validation slices, folder, random seed) -> (model, history).
        random_seeds: beside the run's own.
        rounds: those of `slices` when absent.
        of_round: {name of a round: further options of `train_one` in it}, such as a network that
            was trained on that round's people.
        augment, least_steps: of the training slices alone.
        **batches: of both: batch_size, corruption, ...
    """
    models, histories, folders = {}, [], {}
    for random_seed in unique_random_seeds(run, random_seeds):
        for one_round in rounds or slices.rounds:
            train = slices.batches(
                one_round.train,
                least_steps=least_steps,
                seed=random_seed,
                augment=augment,
                **batches,
            )
            validation = slices.batches(one_round.validation, seed=random_seed, **batches)
            print(
                f"{name}, {one_round.name}, random seed {random_seed}: "
                f"{len(slices.of(one_round.train))} slices of {len(one_round.train)} people, "
                f"{len(validation)} for validation"
            )
            folder = _folder(run, name, one_round, random_seed)
            options = (of_round or {}).get(one_round.name, {})
            model, history = train_one(train, validation, folder, random_seed, **options)
            key = (one_round.name, random_seed)
            models[key], folders[key] = model, folder
            histories.append(history.assign(round=one_round.name, random_seed=random_seed))
    return Trained(models, pd.concat(histories, ignore_index=True), folders)


def _folder(run: Run, name: str, one_round: Round, random_seed: int) -> Path:
    """Of the run's own random seed directly below the round: earlier runs are found again."""
    own = run.parameters["seed"] == random_seed
    below = () if own else (f"seed{random_seed}",)
    return run.path("models", name, one_round.name, *below)


def histories(trained: Mapping[str, Trained], label: str = "model") -> pd.DataFrame:
    """The epochs of several networks in one table, told apart by the column `label`."""
    parts = [one.history.assign(**{label: name}) for name, one in trained.items()]
    return pd.concat(parts, ignore_index=True)
