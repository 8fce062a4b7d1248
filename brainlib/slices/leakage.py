"""Leakage: a subject in two sets, or a lesion subject in training, stops everything."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

SETS = ("train", "validation", "test")


class LeakageError(ValueError):
    """A subject is in more than one set, or a lesion subject in training."""


def check(table: pd.DataFrame) -> None:
    """Stops if a subject is in two sets, or a lesion subject in training.

    Args:
        table: subjects, volumes or slices, with columns `subject` and `split` (and `group` where
            known).

    Raises:
        LeakageError: names the subjects.
        ValueError: a column is absent, or a row has no set of `SETS`.
    """
    missing = {"subject", "split"} - set(table.columns)
    if missing:
        raise ValueError(
            f"expected columns subject and split, missing: {', '.join(sorted(missing))}"
        )
    unknown = sorted(set(map(str, table["split"])) - set(SETS))  # None and NaN too, by their names
    if unknown:
        raise ValueError(
            f"expected a set of {', '.join(SETS)} in every row, got {', '.join(unknown)}"
        )
    pairs = table[["subject", "split"]].drop_duplicates()
    doubled = pairs[pairs.duplicated("subject", keep=False)].sort_values(["subject", "split"])
    if len(doubled):
        sets = doubled.groupby("subject")["split"].agg(" and ".join)
        named = _first_names(f"{subject} ({names})" for subject, names in sets.items())
        raise LeakageError(
            f"{len(sets)} subjects are in more than one set: {named}. "
            "Divide subjects, never volumes or slices."
        )
    if "group" in table:
        ill = table[(table["split"] == "train") & ~is_healthy(table)]
        if len(ill):
            named = _first_names(sorted_subjects(ill))
            raise LeakageError(f"lesion subjects are in training: {named}")


def is_healthy(table: pd.DataFrame) -> pd.Series:
    """Of each row, whether nothing says that it is of a lesion subject."""
    return table["group"].isna() | table["group"].isin(["healthy", ""])


def sorted_subjects(table: pd.DataFrame) -> list[str]:
    """The subjects of a table, each once."""
    return sorted(table["subject"].astype(str).unique())


def _first_names(names: Iterable[str], most: int = 10) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
