"""What the rules of selection do to the same slices, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from brainlib.slices.selection import MIN_BRAIN_FRACTION, RULES, threshold

COLUMN_OF_RULE = {  # what a rule with a limit looks at
    "nonzero_count": "nonzero_px",
    "nonzero_mean": "nonzero_mean",
    "brain": "brain_px",
}


def has_brain(table: pd.DataFrame) -> pd.Series:
    """True for slices with more brain than 4.58 % of the picture (thesis 004's limit)."""
    return table.brain_px > MIN_BRAIN_FRACTION * table.picture_px


def count_kept(
    table: pd.DataFrame, kept: Mapping[str, pd.DataFrame], subjects: Sequence[str]
) -> pd.DataFrame:
    """How many slices each rule keeps, and how many of them it should not have kept.

    Args:
        table: one row per slice of all heads.
        kept: {rule: rows of the table that it keeps}.
        subjects: all heads, those of which nothing is kept among them.

    Returns:
        one row per rule: method, kept, kept_percent, per_head_mean, per_head_smallest,
        per_head_largest, kept_without_brain, discarded_with_brain (by `has_brain`).
    """
    brain = has_brain(table)
    rows = []
    for name, rows_kept in kept.items():
        inside = table.index.isin(rows_kept.index)
        per_head = kept_per_head(rows_kept, subjects)
        rows.append(
            {
                "method": name,
                "kept": int(inside.sum()),
                "kept_percent": 100 * inside.mean(),
                "per_head_mean": per_head.mean(),
                "per_head_smallest": int(per_head.min()),
                "per_head_largest": int(per_head.max()),
                "kept_without_brain": int((inside & ~brain).sum()),
                "discarded_with_brain": int((~inside & brain).sum()),
            }
        )
    return pd.DataFrame(rows)


def kept_per_head(kept: pd.DataFrame, subjects: Sequence[str]) -> pd.Series:
    """How many slices of each head a rule keeps: subject -> count."""
    return kept.groupby("volume").size().reindex(list(subjects), fill_value=0)


def limits_of_rules(
    table: pd.DataFrame, columns: Sequence[str] = ("nonzero_px", "nonzero_mean")
) -> pd.DataFrame:
    """The lower limit that each rule of thesis 004 sets on some columns, and what it discards.

    Returns:
        one row per column and rule: column, rule, limit, discarded, discarded_percent.
    """
    rows = []
    for column in columns:
        for rule in RULES:
            limit = threshold(table[column], rule)
            below = table[column] < limit
            rows.append(
                {
                    "column": column,
                    "rule": rule,
                    "limit": limit,
                    "discarded": int(below.sum()),
                    "discarded_percent": 100 * below.mean(),
                }
            )
    return pd.DataFrame(rows)
