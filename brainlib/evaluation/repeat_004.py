"""`python -m brainlib.evaluation.repeat_004`: table 5.3 of thesis 004 with its released networks.

    python -m brainlib.evaluation.repeat_004 --data ixi --out outputs/table_5_3
    python -m brainlib.evaluation.repeat_004 --data ixi-sample --out outputs/table_5_3   # a try-out

The slices are made as the thesis made them: sagittal, more than 4.58 % brain by DeepBrain, 128x128,
each slice scaled to its own minimum and maximum. Ten of the table's twelve networks were released,
the two of Myronenko were not.

Which 47 people the thesis tested stands in its author's repository, in a pickle, which is never
opened here. `--people FILE` takes their names, one per line; without it 47 people are drawn as the
thesis drew them (by sex, ethnic group and age), and most of those took part in its training. So
without that file, and on any other data, no row claims to repeat a number.

Tolerance: 1 dB of PSNR, and a quarter of MSE and DSSIM. The thesis stored slices as 8-bit PNG
files and resized them by another program, which changes about as much.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainlib import files, metrics, models, slices
from brainlib.evaluation import stats
from brainlib.heads import cohort as cohorts
from brainlib.heads import reading
from brainlib.models.released_weights import FOLDER, URL, released_files
from brainlib.record import NOTEBOOKS
from brainlib.slices import corruptions, splits

if TYPE_CHECKING:  # brainlib imports TensorFlow without its greeting, if it is the first
    import keras

PEOPLE, SIZE, PLANE = 47, 128, "sagittal"
LIKE_IXI = 400  # healthy people from which a cohort is large enough to draw the thesis's split
TOLERANCE_DB, TOLERANCE_SHARE = 1.0, 0.25
METRICS = ("mse", "dssim", "psnr")
INPUTS = {"clean": "none", "damaged": "seed004_code"}
REFUSALS = (OSError, ValueError)

Load = Callable[[dict], "keras.Model"]


def published_table() -> pd.DataFrame:
    """Table 5.3 as published: model, loss, l2 (bool), mse, dssim, psnr (dB)."""
    table = pd.read_csv(NOTEBOOKS / "published" / "reconstruction_residual_2020.csv")
    trained = table[table.augmentation == "yes"]
    return trained.assign(l2=trained.l2 == "yes")[["model", "loss", "l2", *METRICS]]


def records_of_table() -> list[dict]:
    """The released files of table 5.3, in its order, with the published `mse`, `dssim`, `psnr`."""
    released = [record for record in released_files() if record["augmentation"]]
    found = []
    for row in published_table().itertuples(index=False):
        wanted = (row.model.removesuffix("_full_pre"), row.loss, row.l2)
        for record in released:
            if (record["model"], record["loss"], record["l2"]) == wanted:
                found.append({**record, **{name: getattr(row, name) for name in METRICS}})
    return found


def test_people(cohort: pd.DataFrame, names: Sequence[str] = (), *, seed: int = 0) -> pd.DataFrame:
    """The rows of the people to test.

    Args:
        cohort: of `datasets.cohort`.
        names: people asked for; otherwise 47 drawn as in the thesis where the cohort is as large
            as IXI, else everybody healthy.
        seed: random seed of the draw.

    Raises:
        ValueError: a name is nobody's.
    """
    healthy = cohort[cohort.group == "healthy"]
    if names:
        missing = sorted(set(names) - set(healthy.subject))
        if missing:
            raise ValueError(
                f"people: {len(missing)} of {len(names)} names are not in the data, the first is "
                f"{missing[0]}. Names are those of the column subject, such as IXI002."
            )
        return healthy[healthy.subject.isin(names)]
    if healthy.subject.nunique() < LIKE_IXI:
        return healthy
    divided = splits.split(healthy, preset="004", seed=seed)
    return divided[divided.split == "test"].head(PEOPLE)


def slices_of_people(people: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """(subject, slices (n, 128, 128, 1) as the thesis made them), head by head."""
    for person in people.itertuples():
        volume, mask = reading.read_with_mask(person)
        numbers = slices.slices_with_brain(mask, PLANE)
        options = {"plane": PLANE, "size": SIZE, "scaling": "slice"}
        yield person.subject, slices.prepare(volume, mask, numbers, **options)["image"]


def measure(
    people: pd.DataFrame, load: Load, *, every: int = 1, seed: int = 0
) -> tuple[pd.DataFrame, list[dict]]:
    """Every released network on every person's slices, clean and damaged.

    Args:
        people: of `test_people`.
        load: a record of `released_files` -> its network.
        every: only each so-many-th slice.
        seed: random seed of the damage.

    Returns:
        (one row per person, input and network: `subject`, `input`, `network` (its place in the
        table), `slices`, and sums over slices of mse, dssim, psnr; the records).
    """
    records = records_of_table()
    networks = [load(record) for record in records]  # first: weights that are not there are said
    rows = []
    for subject, pictures in slices_of_people(people):
        some = pictures[::every]
        for name, preset in INPUTS.items():
            inputs = corruptions.corrupt(some, preset, seed=seed)
            for place, network in enumerate(networks):
                found = metrics.measure(some, models.reconstruct(network, inputs))
                means = {metric: found[metric].mean() for metric in METRICS}
                known = {"subject": subject, "input": name, "network": place}
                rows.append({**known, "slices": len(some), **means})
    return pd.DataFrame(rows), records


def repeated_table(
    by_person: pd.DataFrame, records: Sequence[dict], *, same_people: bool
) -> pd.DataFrame:
    """Published and repeated numbers side by side.

    Args:
        by_person: of `measure`.
        records: of `measure`.
        same_people: whether these are the thesis's own test people.

    Returns:
        One row per network: model, loss, l2; for each metric the published value, and ours on clean
        and on damaged slices (means over slices, as the thesis has them); for PSNR the 95 %
        interval over people; people, slices; and `repeats`: "yes" or "no" by the tolerance on
        clean slices for the thesis's own people, else "other people".
    """
    rows = []
    for place, record in enumerate(records):
        known = {name: record[name] for name in ("model", "loss", "l2")}
        row = {**known, **{f"{metric}_published": record[metric] for metric in METRICS}}
        for name in INPUTS:
            of_input = (by_person.input == name) & (by_person.network == place)
            part = by_person[of_input]
            for metric in METRICS:
                row[f"{metric}_{name}"] = np.average(part[metric], weights=part.slices)
            interval = stats.bootstrap_interval(part.psnr, part.subject)
            row |= {f"psnr_{name}_low": interval.low, f"psnr_{name}_high": interval.high}
        row |= {"people": len(part), "slices": int(part.slices.sum())}
        row["repeats"] = _verdict(row) if same_people else "other people"
        rows.append(row)
    return pd.DataFrame(rows)


def _verdict(row: dict) -> str:
    """Whether all three numbers on clean slices are within the tolerance."""
    near = abs(row["psnr_clean"] - row["psnr_published"]) <= TOLERANCE_DB
    for metric in ("mse", "dssim"):
        apart = abs(row[f"{metric}_clean"] / row[f"{metric}_published"] - 1)
        near = near and apart <= TOLERANCE_SHARE
    return "yes" if near else "no"


# --------------------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 2 where nothing could be done."""
    options = _parser().parse_args(arguments)
    try:
        table = _repeat(options)
    except REFUSALS as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    path = Path(options.out) / "table_5_3.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_csv(path, table)
    shown = ["model", "loss", "l2", "psnr_published", "psnr_clean", "psnr_damaged", "repeats"]
    print(table[shown].to_string(index=False, float_format="{:.1f}".format))
    print(
        f"{path}: {table.people.iloc[0]} people, {table.slices.iloc[0]} slices. Tolerance: "
        f"{TOLERANCE_DB:g} dB of PSNR, {TOLERANCE_SHARE:.0%} of MSE and DSSIM, on clean slices."
    )
    return 0


def _repeat(options: argparse.Namespace) -> pd.DataFrame:
    named = []
    if options.people:
        lines = Path(options.people).read_text(encoding="utf-8").splitlines()
        named = [line.strip() for line in lines if line.strip()]

    def load(record: dict) -> keras.Model:
        how = {name: record[name] for name in ("loss", "l2", "augmentation")}
        places = {"folder": options.weights, "url": options.url}
        return models.released(record["model"], **how, **places)

    cohort = cohorts.cohort(options.data, ask=False)
    people = test_people(cohort, named, seed=options.seed)
    by_person, records = measure(people, load, every=options.every, seed=options.seed)
    return repeated_table(by_person, records, same_people=bool(named))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m brainlib.evaluation.repeat_004",
        description="Repeats table 5.3 of thesis 004 with its released networks.",
    )
    parser.add_argument("--data", default="ixi", help="ixi (4.5 GB), ixi-sample or a folder")
    parser.add_argument("--out", required=True, help="folder for table_5_3.csv")
    parser.add_argument("--people", help="file with the thesis's test people, one name per line")
    parser.add_argument("--every", type=int, default=1, help="only each so-many-th slice")
    parser.add_argument("--seed", type=int, default=0, help="random seed of draw and damage")
    parser.add_argument("--weights", default=FOLDER, help="folder that keeps the weights")
    parser.add_argument("--url", default=URL, help="where the author's repository is read from")
    return parser


if __name__ == "__main__":
    sys.exit(main())
