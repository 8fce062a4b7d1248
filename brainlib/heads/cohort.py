"""Where heads come from: from one or several sources to one table, one row per head.

A source is the synthetic cohort, IXI, its sample, or a folder. Which files are heads is in
`layouts` and `heads_csv`, who they are of in `identity`, who is ill in `groups`, how old and of
which sex the people are in `participants`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from brainlib import downloads, files
from brainlib.heads import groups, participants
from brainlib.heads.heads_csv import read_heads_csv
from brainlib.heads.identity import PUBLIC_ID, order_of_visit
from brainlib.heads.layouts import COLUMNS, HEADS_CSV, read_layout
from brainlib.heads.names import IXI_NAME, MODALITIES
from brainlib.heads.participants import read_ixi_table  # noqa: F401 (datasets.read_ixi_table)
from brainlib.heads.problems import problem

T1_SOURCES = ("phantom", "ixi-sample", "ixi-hh", "ixi")


def cohort(
    data: str | Sequence[str],
    *,
    data_dir: Path | str | None = None,
    seed: int = 0,
    healthy: int = 40,
    tumour: int = 12,
    stroke: int = 12,
    size: str = "half",
    jobs: int = 2,
    modality: str = "t1",
    ask: bool = True,
) -> pd.DataFrame:
    """The heads of one or several sources: one per person and visit.

    Args:
        data: "phantom", "ixi-sample", "ixi-hh", "ixi", a folder, or a CSV with the columns image
            and lesion (see `heads_csv`); several with commas or as a list.
        data_dir: where downloads and the synthetic cohort lie; `data/` of the project when absent.
        seed: of the synthetic cohort.
        healthy: synthetic heads without a lesion.
        tumour: synthetic heads with a tumour.
        stroke: synthetic heads with a stroke.
        size: of the synthetic heads, see `phantom.cohort`.
        jobs: processes that make them.
        modality: t1, t2, flair or t1ce: which files of a BIDS, BraTS or IXI-like folder are heads.
        ask: whether people of whom nothing says if they are ill are asked about; else their group
            is "", for uses that need none.

    Returns:
        table with the columns of `COLUMNS`, one row per head. `subject` is the person, the same in
        all visits; `visit` is "" where a person has one. `attrs["problems"]`: what was left out,
        mended or guessed, a list of dicts (subject, fault, detail).

    Raises:
        ValueError: an unknown modality, a heads.csv that cannot be used, or a question that only
            the user can answer: whether people are healthy in a folder that holds patients.
        FileNotFoundError: a folder without heads.
    """
    if modality not in MODALITIES:
        raise ValueError(f"modality: expected one of {', '.join(MODALITIES)}, got {modality!r}.")
    data_dir = Path(data_dir or files.DATA)
    counts = {"healthy": healthy, "tumour": tumour, "stroke": stroke}
    parts, problems, names = [], [], set()
    for source in _distinct_sources(data):
        if modality != "t1" and source in T1_SOURCES:
            raise ValueError(
                f"modality {modality}: the heads of {source} are T1. Name a folder of yours that "
                f"holds {modality} heads (BIDS, BraTS or IXI's names), or leave the modality at t1."
            )
        if source == "phantom":
            part, found = _synthetic_heads(data_dir, counts, seed, size, jobs)
        else:
            part, found = _real_heads(source, data_dir, modality, ask)
        part["cohort"] = _unused_name(part.cohort.iloc[0], names)
        names.add(part.cohort.iloc[0])
        parts.append(part)
        problems += found
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    table, found = _people_of_several_sources(table)
    table.attrs["problems"] = problems + found
    return table


def _people_of_several_sources(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems): who is the same person in two sources, and who only has the same name.

    The name of a public set is one person's everywhere, and one file is one head's: those count in
    the first source alone. Of other names nothing is known; each gets its source's name before it.
    """
    if table.cohort.nunique() < 2:
        return table, []
    public = table.subject.str.extract(f"({PUBLIC_ID.pattern})", flags=PUBLIC_ID.flags)[0]
    same_file = table.path.map(os.path.realpath)
    person = public.str.upper().fillna(same_file)
    first = table.cohort.groupby(person).transform("first")
    again = table[table.cohort != first]
    problems = [
        problem(
            "in two sources",
            f"left out: {Path(head.path).name} of {head.cohort}",
            subject=head.subject,
        )
        for head in again.itertuples()
    ]
    table = table[table.cohort == first].reset_index(drop=True)
    in_several = table.groupby("subject").cohort.transform("nunique") > 1
    table.loc[in_several, "subject"] = table.cohort[in_several] + "-" + table.subject[in_several]
    return table, problems


def _distinct_sources(data: str | Sequence[str]) -> list[str]:
    """The sources of --data; a folder that is named twice, in any spelling, is one."""
    sources = data.split(",") if isinstance(data, str) else data
    return list({Path(source.strip()).resolve(): source.strip() for source in sources}.values())


def _unused_name(name: str, names: set[str]) -> str:
    """The name, or it with a number: folders of the same name are two cohorts all the same."""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain([name], numbered) if free not in names)


def _real_heads(
    source: str, data_dir: Path, modality: str, ask: bool
) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of IXI, its sample, or a folder; IXI's own are T1."""
    if source == "ixi-sample":
        local = os.environ.get("BRAINLIB_IXI_SAMPLE")
        folder = Path(local or downloads.ixi_sample(data_dir / "ixi-sample"))
        return _heads_of_folder(folder, "ixi-sample", "t1", ask)
    if source == "ixi-hh":
        local = os.environ.get("BRAINLIB_IXI_HH")
        folder = Path(local or downloads.ixi_hh(data_dir / "ixi-hh"))
        return _heads_of_folder(folder, "ixi-hh", "t1", ask)
    if source == "ixi":
        return _heads_of_folder(downloads.ixi(data_dir / "ixi"), "ixi", "t1", ask)
    return _heads_of_folder(Path(source), Path(source).name, modality, ask)


def _heads_of_folder(
    folder: Path, cohort_name: str, modality: str, ask: bool
) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of a local folder or CSV, one row per head, with demographics.

    Raises:
        ValueError: what only the user can say, as one question.
    """
    if folder.is_file() and folder.suffix == ".csv":
        return read_heads_csv(folder, folder.stem)
    if (folder / HEADS_CSV).is_file():
        return read_heads_csv(folder / HEADS_CSV, cohort_name)
    table, problems = guessed_heads(folder, cohort_name, modality)
    asked = groups.question(table, problems, folder)
    if asked and ask:
        raise ValueError(asked)
    return table, problems


def guessed_heads(folder: Path, cohort_name: str, modality: str) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of a folder as its names and tables tell it; group "" where they do not."""
    table, problems = read_layout(folder, cohort_name, modality)
    table, doubts = groups.with_groups(table, folder)
    several = table.groupby("subject").visit.transform("nunique") > 1
    table["visit"] = table.visit.where(several, "")
    order = [
        (row.subject, order_of_visit(row.visit), row.path, row.Index) for row in table.itertuples()
    ]
    table = table.loc[[place for *_, place in sorted(order)]].reset_index(drop=True)
    table, faults = participants.add_demographics(table, folder)
    return table, problems + faults + doubts


def _synthetic_heads(
    data_dir: Path, counts: dict[str, int], seed: int, size: str, jobs: int
) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of the synthetic cohort, which is made where it is not there yet."""
    from brainlib.heads import phantom  # here, not above: only it needs nilearn and its templates

    folder = phantom.cohort(
        data_dir / f"phantom-{size}-{seed}", seed=seed, size=size, jobs=jobs, **counts
    )
    table, problems = guessed_heads(folder, "phantom", "t1")
    known = pd.read_csv(folder / "subjects.csv", dtype={"subject": str})
    group_of = known.drop_duplicates("subject").set_index("subject").group
    table = table.assign(synthetic=True, group=table.subject.map(group_of))
    for column in ("lesion", "twin"):
        paths = {
            IXI_NAME.match(path.name)[1]: str(path) for path in (folder / column).glob("*.nii.gz")
        }
        table[f"{column}_path"] = table.subject.map(paths).fillna("")
    wanted = [part.head(counts.get(group, 0)) for group, part in table.groupby("group", sort=False)]
    return pd.concat(wanted).sort_values("subject").reset_index(drop=True), problems
