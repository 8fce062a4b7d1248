"""Where heads come from: from one or several sources to one table, one row per person.

A source is the synthetic cohort, IXI, its sample, or a folder. What its files mean is in `layouts`
and `heads_csv`, who the people are in `participants`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from brainlib import downloads, files
from brainlib.heads import participants
from brainlib.heads.heads_csv import read_heads_csv
from brainlib.heads.layouts import COLUMNS, HEADS_CSV, read_layout
from brainlib.heads.names import IXI_NAME, MODALITIES
from brainlib.heads.participants import read_ixi_table  # noqa: F401 (datasets.read_ixi_table)
from brainlib.heads.problems import problem


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
) -> pd.DataFrame:
    """The subjects of one or several sources.

    Args:
        data: "phantom", "ixi-sample", "ixi", a folder, or a CSV with the columns image and lesion
            (see `heads_csv`); several with commas or as a list.
        data_dir: where downloads and the synthetic cohort lie; `data/` of the project when absent.
        seed: of the synthetic cohort.
        healthy: synthetic heads without a lesion.
        tumour: synthetic heads with a tumour.
        stroke: synthetic heads with a stroke.
        size: of the synthetic heads, see `phantom.cohort`.
        jobs: processes that make them.
        modality: t1, t2, flair or t1ce: which files of a BIDS, BraTS or IXI-like folder are heads.

    Returns:
        table with the columns of `COLUMNS`, one row per subject; `attrs["problems"]`: what was left
        out, mended or guessed, a list of dicts (subject, fault, detail).

    Raises:
        ValueError: an unknown modality, or a heads.csv that cannot be used.
        FileNotFoundError: a folder without heads.
    """
    if modality not in MODALITIES:
        raise ValueError(f"modality: expected one of {', '.join(MODALITIES)}, got {modality!r}.")
    data_dir = Path(data_dir or files.PROJECT / "data")
    counts = {"healthy": healthy, "tumour": tumour, "stroke": stroke}
    parts, problems, names = [], [], set()
    for source in _distinct_sources(data):
        if source == "phantom":
            part, found = _synthetic_heads(data_dir, counts, seed, size, jobs)
        else:
            part, found = _real_heads(source, data_dir, modality)
        part["cohort"] = _unused_name(part.cohort.iloc[0], names)
        names.add(part.cohort.iloc[0])
        parts.append(part)
        problems += found
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    in_several = table.subject.duplicated(keep=False) & (table.cohort.nunique() > 1)
    table.loc[in_several, "subject"] = table.cohort[in_several] + "-" + table.subject[in_several]
    table.attrs["problems"] = problems
    return table


def _distinct_sources(data: str | Sequence[str]) -> list[str]:
    """The sources of --data; a folder that is named twice, in any spelling, is one."""
    sources = data.split(",") if isinstance(data, str) else data
    return list({Path(source.strip()).resolve(): source.strip() for source in sources}.values())


def _unused_name(name: str, names: set[str]) -> str:
    """The name, or it with a number: folders of the same name are two cohorts all the same."""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain([name], numbered) if free not in names)


def _real_heads(source: str, data_dir: Path, modality: str) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of IXI, its sample, or a folder; IXI's own are T1."""
    if source == "ixi-sample":
        local = os.environ.get("BRAINLIB_IXI_SAMPLE")
        folder = Path(local or downloads.ixi_sample(data_dir / "ixi-sample"))
        return _heads_of_folder(folder, "ixi-sample", "t1")
    if source == "ixi":
        return _heads_of_folder(downloads.ixi(data_dir / "ixi"), "ixi", "t1")
    return _heads_of_folder(Path(source), Path(source).name, modality)


def _heads_of_folder(
    folder: Path, cohort_name: str, modality: str
) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of a local folder or CSV, one row per subject, with demographics."""
    if folder.is_file() and folder.suffix == ".csv":
        return read_heads_csv(folder, folder.stem)
    if (folder / HEADS_CSV).is_file():
        return read_heads_csv(folder / HEADS_CSV, cohort_name)
    heads, problems = read_layout(folder, cohort_name, modality)
    table, left_out = _one_head_per_subject(heads)
    table, faults = participants.add_demographics(table, folder)
    return table, problems + left_out + faults


def _one_head_per_subject(heads: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems): the first head of each subject; who is ill in one scan is ill in all."""
    left_out = [
        problem("several scans", f"left out: {head.path}", subject=head.subject)
        for head in heads[heads.subject.duplicated()].itertuples()
    ]
    ill = heads[heads.group != "healthy"].drop_duplicates("subject").set_index("subject").group
    heads = heads.assign(group=heads.subject.map(ill).fillna("healthy"))
    return heads.drop_duplicates("subject").sort_values("path", ignore_index=True), left_out


def _synthetic_heads(
    data_dir: Path, counts: dict[str, int], seed: int, size: str, jobs: int
) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems) of the synthetic cohort, which is made where it is not there yet."""
    from brainlib.heads import phantom  # here, not above: only it needs nilearn and its templates

    folder = phantom.cohort(
        data_dir / f"phantom-{size}-{seed}", seed=seed, size=size, jobs=jobs, **counts
    )
    table, problems = _heads_of_folder(folder, "phantom", "t1")
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
