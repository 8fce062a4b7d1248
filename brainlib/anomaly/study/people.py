"""Whose heads are in a study of anomaly detection? Opened once, in one way, for every section.

Thesis 002, section 4.1.1: healthy people train, lesion cohorts are split into validation and test.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainlib import files
from brainlib.anomaly.preparation import Prepared
from brainlib.anomaly.study.heads import prepare_heads, split_by_lesion_mask
from brainlib.anomaly.study.networks import (
    network_shape,
    pixel_mm,
    post_processing_for,
    store_slices,
    voxel_ml,
)
from brainlib.evaluation.studies import Round, read_rounds
from brainlib.record import Run
from brainlib.slices.pipeline import Slices

PARTS = ("train", "validation", "test")
MASKS, PREPARED = (files.DATA / name for name in ("masks", "prepared"))  # caches


@dataclass(frozen=True)
class StudyHeads:
    """The heads of a study, as the networks see them.

    Attributes:
        people: one row per head that takes part and could be prepared: subject, group, site, path,
            lesion_path, split, ...
        prepared: {subject: `Prepared`}.
        faults: {subject: why it was left out}.
        rounds: who of the healthy trains, validates and tests.
        preparation: options of `preparation.prepare`.
        post: options of `scores.post_process`.
        mask_method: where the brain masks come from.
        folder: of the stored slices.
        every: every so-many-th slice trains.
    """

    people: pd.DataFrame
    prepared: Mapping[str, Prepared]
    faults: Mapping[str, str]
    rounds: tuple[Round, ...]
    preparation: Mapping
    post: Mapping
    mask_method: str
    folder: Path
    every: int = 1
    _stored: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def first(self) -> Round:
        """The round that everything but the false alarms is judged in."""
        return self.rounds[0]

    @property
    def size(self) -> tuple[int, int, int]:
        """(slices, rows, columns) of a prepared head."""
        return self.preparation["size"]

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel, in mm."""
        return pixel_mm(self.size)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, in ml."""
        return voxel_ml(self.size)

    def healthy(self, part: str, one_round: Round | None = None) -> pd.DataFrame:
        """Healthy people of a part ("train", ...) of a round, else of the first."""
        names = getattr(one_round or self.first, part)
        return self.people[self.people.subject.isin(names)]

    def lesions(self, part: str) -> pd.DataFrame:
        """Ill heads of a part whose lesion is drawn: the ones to judge by slice and by pixel."""
        masked, _ = split_by_lesion_mask(self.people, self.prepared)
        return masked[masked.split == part]

    def unmasked(self, part: str) -> pd.DataFrame:
        """Ill heads of a part of whose lesion there is no mask at the network's size."""
        _, unmasked = split_by_lesion_mask(self.people, self.prepared)
        return unmasked[unmasked.split == part]

    def without_lesion_at_size(self) -> list[str]:
        """Names of ill heads that have a lesion mask of which nothing is left at this size."""
        _, unmasked = split_by_lesion_mask(self.people, self.prepared)
        return list(unmasked[unmasked.lesion_path != ""].subject)

    def batches(
        self,
        one_round: Round,
        name: str,
        options: Mapping | None = None,
        *,
        batch_size: int = 16,
        seed: int = 0,
    ) -> tuple[Slices, Slices]:
        """Slices of a round's healthy people as a network takes them: (training, validation).

        Args:
            one_round: whose training and validation people.
            name: of the network, which says how large its slices are.
            options: of the network.
            batch_size: slices in a step.
            seed: random seed of the order.
        """
        shape = network_shape(name, self.size, options)
        path = self._file_of_slices(one_round, shape)
        subjects = {part: self._prepared_of(one_round, part) for part in PARTS[:2]}
        if path not in self._stored:
            chosen = {name: self.prepared[name] for part in subjects.values() for name in part}
            self._stored[path] = store_slices(chosen, path, shape=shape)
        rows = self._stored[path]
        wanted = rows["slice"] % self.every == 0
        train, validation = (
            np.flatnonzero(np.isin(rows["subject"], subjects[part]) & wanted) for part in PARTS[:2]
        )
        shared = {"batch_size": batch_size, "seed": seed}
        return Slices(path, indices=train, **shared), Slices(path, indices=validation, **shared)

    def training_slices(
        self, one_round: Round, name: str, options: Mapping | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A round's training slices as a network takes them: (images, subjects, places).

        Places are shares of the box's height.
        """
        train, _ = self.batches(one_round, name, options)
        shape = network_shape(name, self.size, options)
        rows = self._stored[self._file_of_slices(one_round, shape)]
        chosen = train.indices
        return train.images(), rows["subject"][chosen], rows["slice"][chosen] / self.size[0]

    def _file_of_slices(self, one_round, shape):
        return self.folder / f"anomaly_{one_round.name}_{shape[0]}x{shape[1]}.npy"

    def _prepared_of(self, one_round, part):
        return [subject for subject in getattr(one_round, part) if subject in self.prepared]

    # -------------------------------------------------------------------------------- in words

    def counts(self) -> pd.DataFrame:
        """How many heads of each group train, validate and test in the first round."""
        rows = [{"group": "healthy", **{part: len(self.healthy(part)) for part in PARTS}}]
        ill = self.people[self.people.group != "healthy"]
        for group, part in ill.groupby("group", sort=False):
            numbers = {name: int((part.split == name).sum()) for name in PARTS}
            rows.append({"group": group, **numbers})
        return pd.DataFrame(rows)

    def preparation_notes(self) -> pd.DataFrame:
        """What did not fit, head by head: subject, note."""
        rows = [
            {"subject": name, "note": note}
            for name, head in self.prepared.items()
            for note in head.notes
        ]
        return pd.DataFrame(rows, columns=["subject", "note"])

    def left_out(self) -> pd.DataFrame:
        """Heads that could not be prepared: subject, fault."""
        rows = [{"subject": name, "fault": fault} for name, fault in self.faults.items()]
        return pd.DataFrame(rows, columns=["subject", "fault"])


def open_heads(
    run: Run,
    *,
    size: Sequence[int],
    masks: str = "as_in_02",
    median: int = 0,
    every: int = 1,
    **preparation: Any,
) -> StudyHeads:
    """The people of 03_split, their heads brought to the networks' slices.

    Sets the run's line about the data. What was prepared before is read.

    Args:
        run: of the notebook.
        size: (slices, rows, columns) of a prepared head.
        masks: "as_in_02", "deepbrain" or "given".
        median: side of the median filter of the post-processing, in pixels; 0: the thesis's 9 mm.
        every: every so-many-th slice trains.
        **preparation: voxel_mm, smoothing, n4, see `preparation.prepare`.

    Raises:
        NotRunYet: 03_split has no result in the run folder.
        ValueError: no head can be used.
    """
    rounds, people = read_rounds(run), run.read("03_split", "split")
    run.describe_data(people)
    if masks == "as_in_02":
        masks = run.needs("02_slice_selection")["parameters"]["mask"]
    preparation = {"size": tuple(size), **preparation}
    people = people[_takes_part(people, rounds)].reset_index(drop=True)
    drawn, _ = split_by_lesion_mask(people)
    prepared, faults = prepare_heads(
        people,
        cache=PREPARED,
        masks=MASKS,
        mask_method=masks,
        full=set(drawn[drawn.split == "validation"].subject),
        say=_silent,  # a table of the notebook names them
        **preparation,
    )
    return StudyHeads(
        people=people[people.subject.isin(prepared)].reset_index(drop=True),
        prepared=prepared,
        faults=faults,
        rounds=rounds,
        preparation=preparation,
        post=post_processing_for(size) | ({"median": median} if median else {}),
        mask_method=masks,
        folder=run.path("slices", "anomaly").parent,
        every=every,
    )


def _silent(words: str) -> None:
    """Says nothing."""


def _takes_part(people: pd.DataFrame, rounds: Collection[Round]) -> pd.Series:
    """Whether a person is ill or in one of the rounds."""
    in_rounds = set()
    for one_round in rounds:
        in_rounds |= {*one_round.train, *one_round.validation, *one_round.test}
    return people.subject.isin(in_rounds) | (people.group != "healthy")
