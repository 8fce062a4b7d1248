"""heads.csv: a table that names the heads and lesions of a folder of any layout."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from brainlib.heads import participants
from brainlib.heads.layouts import rows_of
from brainlib.heads.names import split_paths, stem
from brainlib.heads.tables import read_table, with_plain_columns

OPEN = "?"  # a group that only the user can say


def read_heads_csv(path: Path, cohort: str) -> tuple[pd.DataFrame, list[dict]]:
    """The heads that a CSV names, one row per head, in the CSV's order.

    Its columns: image, a NIfTI file, relative to the CSV's folder or absolute; lesion, "" where
    there is none, several files with ";"; where given also subject, visit, group, site, brain, sex,
    age. A subject may have several rows, one per visit.

    Returns:
        (table, problems).

    Raises:
        ValueError: a column is absent, no row, a visit several times, or a group that the draft
            left open.
        FileNotFoundError: a file that it names is not there.
    """
    given = with_plain_columns(read_table(path, known=("image",)))
    if not {"image", "lesion"} <= set(given) or not len(given):
        missing = [name for name in ("image", "lesion") if name not in given]
        raise ValueError(
            f"{path}: expected the columns image and lesion and one row a head, "
            f"got {len(given)} rows{' without ' + ' and '.join(missing) if missing else ''}."
        )
    files = {}
    for column in ("image", "lesion", "brain"):
        if column in given:
            files[column] = [_beside(path, names) for names in given[column]]
    _refuse_missing(path, files)
    table = rows_of(files["image"], cohort).assign(
        lesion_path=files["lesion"],
        brain_path=files.get("brain", ""),
        group=["lesion" if lesions else "healthy" for lesions in files["lesion"]],
    )
    if "subject" in given:
        table["subject"] = given["subject"]
    else:
        table["subject"] = [stem(Path(image)) for image in files["image"]]
    for column in {"visit", "group", "site", "sex"} & set(given):
        stated = given[column].str.strip()
        table[column] = stated.where(stated != "", table[column])
    _refuse_open_groups(path, table)
    table["group"] = table.group.str.lower()
    table["sex"] = participants.sexes(table.sex)
    problems = []
    if "age" in given:
        table["age"], problems = participants.ages(given["age"], table.subject)
    repeated = table.subject[table.duplicated(["subject", "visit"])]
    if len(repeated):
        raise ValueError(
            f"{path}: expected one row a subject and visit, got {repeated.iloc[0]!r} several "
            "times. "
            "Give a column subject, and a column visit where people came several times."
        )
    table["group"] = _group_of_people(table)
    return table, problems


def _refuse_open_groups(path: Path, table: pd.DataFrame) -> None:
    """Raises ValueError where a group is still the draft's question mark."""
    still_open = table.subject[table.group == OPEN]
    if len(still_open):
        raise ValueError(
            f"{path}: expected a group for every head, got {OPEN!r} for {len(still_open)}, such as "
            f"{still_open.iloc[0]}. Write healthy, or what they have, into the column group."
        )


def _group_of_people(table: pd.DataFrame) -> pd.Series:
    """The groups; who is ill in one visit is ill in all."""
    ill = table[table.group != "healthy"].drop_duplicates("subject").set_index("subject").group
    return table.subject.map(ill).fillna("healthy")


def _beside(path: Path, names: str) -> str:
    """Paths of files that are named relative to the CSV, joined by ";" as they were."""
    return ";".join(split_paths(names, path.parent))


def _refuse_missing(path: Path, files: dict[str, list[str]]) -> None:
    """Raises FileNotFoundError where files that the CSV names are not there."""
    missing = []
    for column in files.values():
        for joined in column:
            missing += [part for part in split_paths(joined) if not Path(part).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{path}: expected the files that it names, {len(missing)} missing, "
            f"the first {missing[0]}. Paths are relative to the CSV."
        )
