"""The slices of 02 and the people of 03, opened in one way by every later chapter."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib import slices
from brainlib.record import NotRunYet, Run
from brainlib.slices.pipeline import Slices

MOST_PICTURES = 3000  # slices that are held in memory at a time


@dataclass(frozen=True)
class Round:
    """One division of the people: who trains, who validates, who tests.

    With fewer than 20 people there are several (folds), so that everybody tests once; otherwise
    there is one. `note` says how it was made.
    """

    name: str
    note: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class SplitSlices:
    """Slices, who they are of, and the rounds.

    Attributes:
        path: of the stored pictures; training maps them into memory.
        index: one row per slice: `row` (its place among the pictures), `subject`, `slice`,
            `slices` (of that head) and what 02 measured.
        people: one row per person: `subject`, `group`, `site`, `age`, `sex`, ...
        rounds: the first is the one that pictures are shown of.
        plane: of the slices.
    """

    path: Path
    index: pd.DataFrame
    people: pd.DataFrame
    rounds: tuple[Round, ...]
    plane: str

    @cached_property
    def images(self) -> np.ndarray:
        """All pictures (N, H, W, 1) in [0, 1], mapped from the disk."""
        return slices.read(self.path)

    @cached_property
    def brains(self) -> np.ndarray:
        """Brain masks of all pictures, bool (N, H, W, 1), mapped from the disk."""
        return slices.read(self.path.with_name("brains.npy"))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, 1)."""
        return tuple(self.images.shape[1:])

    @property
    def first(self) -> Round:
        """The round that pictures are shown of."""
        return self.rounds[0]

    def of(self, people: Collection[str]) -> pd.DataFrame:
        """The rows of `index` that show these people, in the order of the pictures."""
        return self.index[self.index.subject.isin(people)]

    def rows(self, people: Collection[str]) -> np.ndarray:
        """Places of these people's pictures among `images`."""
        return self.of(people).row.to_numpy()

    def spread(self, people: Collection[str], count: int) -> pd.DataFrame:
        """`count` of these people's slices (fewer where there are fewer), evenly spread."""
        table = self.of(people)
        chosen = np.linspace(0, len(table) - 1, min(count, len(table))).astype(int)
        return table.iloc[chosen]

    def thinned(self, people: Collection[str]) -> pd.DataFrame:
        """Every so-many-th slice of these people, so that about 3,000 at most are in memory."""
        table = self.of(people)
        return table.iloc[:: max(1, len(table) // MOST_PICTURES)]

    def pictures(self, table: pd.DataFrame) -> np.ndarray:
        """The pictures of some rows of `index`: (n, H, W, 1)."""
        return np.asarray(self.images[table.row.to_numpy()])

    def brain_pictures(self, table: pd.DataFrame) -> np.ndarray:
        """The brain masks of some rows of `index`: bool (n, H, W, 1)."""
        return np.asarray(self.brains[table.row.to_numpy()], bool)

    def titles(self, table: pd.DataFrame) -> list[str]:
        """'person slice' for some rows of `index`: what stands above their pictures."""
        return [f"{row.subject} {row.slice}" for row in table.itertuples()]

    def batches(
        self, people: Collection[str], *, least_steps: int = 0, **options: object
    ) -> Slices:
        """These people's slices as `fit` takes them.

        Args:
            people: whose.
            least_steps: steps of an epoch at least; few slices pass through several times.
            **options: of `pipelines.Slices`: batch_size, seed, corruption, augment, ...
        """
        if options.get("scanners"):
            options["brains"] = self.path.with_name("brains.npy")
        return Slices(self.path, indices=self.rows(people), **options).at_least(least_steps)


def open_slices(run: Run) -> SplitSlices:
    """What 02_slice_selection and 03_split left in the run folder; sets the run's data line.

    Raises:
        NotRunYet: they have no result there.
    """
    run.needs("03_split")
    people = run.read("03_split", "split")
    path = run.folder / "slices" / "images.npy"
    if not path.exists():
        raise NotRunYet(
            f"{path} is gone, which 02_slice_selection made. Run it once more: "
            "./run_all.sh 02 --force"
        )
    run.describe_data(people[people.group == "healthy"])
    rounds = read_rounds(run)
    print(f"{run.source_note} | {rounds[0].note}")
    return SplitSlices(
        path=path,
        index=run.read("03_split", "index"),
        people=people,
        rounds=rounds,
        plane=run.needs("02_slice_selection")["notes"]["plane"],
    )


def read_rounds(run: Run) -> tuple[Round, ...]:
    """The rounds that 03_split left in the run folder.

    Raises:
        NotRunYet: it has no result there.
    """
    run.needs("03_split")
    text = (run.folder / "tables" / "03_split" / "rounds.json").read_text(encoding="utf-8")
    rounds = []
    for entry in json.loads(text):
        parts = {part: tuple(entry[part]) for part in ("train", "validation", "test")}
        rounds.append(Round(entry["name"], entry.get("note", ""), **parts))
    return tuple(rounds)
