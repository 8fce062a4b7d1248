"""Strata: groups of subjects who are alike in cohort, sex, ethnic group and age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

ATTRIBUTES = ("cohort", "sex", "ethnic", "age_group")
DROP_ORDER = ("age_group", "ethnic", "sex", "cohort")  # what a rare stratum gives up first
AGE_GROUPS = ("[0,25)", "[25,65)", "[65,inf)")  # years
AGE_EDGES = (0, 25, 65, np.inf)
NO_DEMOGRAPHICS = "no demographics"


def one_row_per_subject(participants: pd.DataFrame) -> pd.DataFrame:
    """Subjects with what strata need, sorted by subject; what is missing becomes "" or NaN.

    Returns:
        table of subject, cohort, group, sex, ethnic (words) and age (years). Of several rows of a
        subject the best known one.

    Raises:
        ValueError: no column subject, no row, or a subject in two cohorts or groups.
    """
    if "subject" not in participants or not len(participants):
        raise ValueError(
            "expected a table of participants with a column 'subject', got "
            f"{len(participants)} rows with columns {list(participants.columns)}"
        )
    table = pd.DataFrame({"subject": participants["subject"].astype(str)})
    for column, default in {"cohort": "", "group": "healthy", "sex": "", "ethnic": ""}.items():
        table[column] = _words(participants, column, default)
    table["age"] = np.nan
    if "age" in participants:
        table["age"] = pd.to_numeric(participants["age"].astype(object), errors="coerce")
    for column in ("cohort", "group"):
        _refuse_subjects_in_two(table, column)
    known_first = ["subject", "sex", "ethnic", "age"]  # "" sorts last when descending, NaN always
    table = table.sort_values(known_first, ascending=[True, False, False, True])
    return table.drop_duplicates("subject").reset_index(drop=True)


def _words(participants: pd.DataFrame, column: str, default: str) -> pd.Series:
    """A column as words, the default where there is none."""
    if column not in participants:
        return pd.Series(default, participants.index)
    values = participants[column].astype(object)  # categories take no new value
    return values.fillna(default).replace("", default).astype(str)


def _refuse_subjects_in_two(table: pd.DataFrame, column: str) -> None:
    """Raises ValueError where a subject has several values of a column."""
    values = table.groupby("subject")[column].agg(lambda values: sorted(set(values)))
    several = values[values.str.len() > 1]
    if len(several):
        raise ValueError(
            f"expected each subject in one {column}, but {several.index[0]} is in "
            f"{' and '.join(several.iloc[0])} ({len(several)} such). "
            "Give them different names."
        )


def age_group(age: pd.Series) -> pd.Series:
    """The group of `AGE_GROUPS` of ages in years; "" where the age is missing."""
    groups = pd.cut(age, list(AGE_EDGES), right=False, labels=list(AGE_GROUPS))
    return groups.astype(object).fillna("")


def strata(
    participants: pd.DataFrame, *, minimum: int = 10, attributes: Sequence[str] = ATTRIBUTES
) -> tuple[pd.DataFrame, list[str]]:
    """Strata of cohort x sex x ethnic group x age group, the rare ones merged.

    An unstated ethnic group counts as `other`, as in thesis 004. A stratum of fewer than `minimum`
    subjects gives up attributes in the order of `DROP_ORDER` until it, together with others that
    did the same, is large enough. An attribute that nobody has is not used.

    Args:
        participants: table as for `one_row_per_subject`.
        minimum: subjects.
        attributes: those of `ATTRIBUTES` that count.

    Returns:
        (table, merged): one row per subject with the attributes and `stratum`; what was merged, in
        words.
    """
    table = one_row_per_subject(participants)
    table["age_group"] = age_group(table.age)
    table["ethnic"] = np.where(table.ethnic == "white", "white", "other")
    lacks = _without_demographics(table, attributes)
    levels = table[list(ATTRIBUTES)].copy()
    levels[[name for name in ATTRIBUTES if name not in attributes]] = "any"
    merged = []
    for attribute in DROP_ORDER:
        label = levels.agg(" | ".join, axis=1)
        rare = label.map(label[~lacks].value_counts()).lt(minimum) & ~lacks
        rare &= levels[attribute] != "any"
        if levels.loc[~lacks, attribute].nunique() > 1:
            merged += _merged_in_words(label[rare], attribute)
        levels.loc[rare, attribute] = "any"
    table["stratum"] = levels.agg(" | ".join, axis=1).mask(lacks, NO_DEMOGRAPHICS)
    return table, merged


def _merged_in_words(labels: pd.Series, attribute: str) -> list[str]:
    """Of each rare stratum: its name, its size and the attribute that it gives up."""
    lines = []
    for label, count in labels.value_counts().sort_index().items():
        name = ", ".join(part for part in label.split(" | ") if part) or "all"
        people = f"{count} subject{'' if count == 1 else 's'}"
        lines.append(f"{name} ({people}): {attribute.replace('_', ' ')} dropped")
    return lines


def _without_demographics(table: pd.DataFrame, attributes: Sequence[str]) -> pd.Series:
    """True for subjects that lack sex or age, where others of their cohort have them."""
    asked = [name for name in ("sex", "age_group") if name in attributes]
    lacks = pd.Series(False, table.index)
    for _, part in table.groupby("cohort"):
        missing = pd.DataFrame({name: part[name] == "" for name in asked}, index=part.index)
        used = missing.columns[~missing.all()]
        missing = missing[used].any(axis=1)
        lacks[part.index] = missing & ~missing.all()
    return lacks


def what_strata_hold(layers: pd.DataFrame) -> str:
    """How many strata there are and how large, in words. layers: the table of `strata`."""
    sizes = layers.stratum[layers.stratum != NO_DEMOGRAPHICS].value_counts()
    if len(sizes) == 1:
        return f"all {sizes.iloc[0]} subjects are one stratum: divided at random, not stratified"
    smallest, largest = sizes.min(), sizes.max()
    return f"stratified: {len(sizes)} strata of {smallest} to {largest} subjects"
