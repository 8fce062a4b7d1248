"""How alike the sets of a split are, in numbers and in words."""

from __future__ import annotations

import pandas as pd

from brainlib.slices.leakage import SETS
from brainlib.slices.strata import ATTRIBUTES, NO_DEMOGRAPHICS, strata


def balance(table: pd.DataFrame) -> pd.DataFrame:
    """Each level of each attribute by set, over healthy subjects with demographics.

    Args:
        table: of `split`.

    Returns:
        One row per level: `attribute`, `level`, the counts `train`, `validation`, `test`, the
        shares `train_share`, ..., `all_share`, and `difference`, the largest distance of a set's
        share from the share among all.
    """
    layers = _healthy_layers(table)
    stated = layers[layers.stratum != NO_DEMOGRAPHICS]
    rows = []
    for attribute in _attributes_in(layers):
        counts = _counts_by_set(stated[attribute], stated["split"])
        rows += [_row(attribute, level, counts.loc[level], counts.sum()) for level in counts.index]
    counts = _counts_by_set(layers.stratum == NO_DEMOGRAPHICS, layers["split"])
    if True in counts.index:
        rows.append(_row("demographics", "none", counts.loc[True], counts.sum()))
    return pd.DataFrame(rows)


def what_sets_lack(table: pd.DataFrame) -> list[str]:
    """Sets that lack a level of an attribute which other sets have, one line each, in words.

    Such as "validation: 2 subjects, none male or aged [0,25)". No line: every set has all levels.
    """
    layers = _healthy_layers(table)
    stated = layers[layers.stratum != NO_DEMOGRAPHICS]
    lacking = {name: [] for name in SETS}
    for attribute in _attributes_in(stated):
        counts = _counts_by_set(stated[attribute], stated["split"])
        for name in SETS:
            levels = counts.index[counts[name] == 0]
            lacking[name] += [_level_in_words(attribute, level) for level in levels]
    sizes = layers["split"].value_counts().reindex(list(SETS), fill_value=0)
    lines = []
    for name, levels in lacking.items():
        if levels:
            subjects = "1 subject" if sizes[name] == 1 else f"{sizes[name]} subjects"
            lines.append(f"{name}: {subjects}, none {' or '.join(levels)}")
    return lines


def _level_in_words(attribute: str, level: str) -> str:
    if attribute in ("cohort", "site"):
        return f"of {attribute} {level or 'not stated'}"
    if attribute == "ethnic":
        return f"of ethnic group {level}"
    return f"aged {level}" if attribute == "age_group" else level or f"of unknown {attribute}"


def _healthy_layers(table: pd.DataFrame) -> pd.DataFrame:
    """The strata's table with the sets, and the sites where they are known, of healthy subjects."""
    layers, _ = strata(table)
    by_subject = table.assign(subject=table["subject"].astype(str))
    by_subject = by_subject.drop_duplicates("subject").set_index("subject")
    layers["split"] = layers.subject.map(by_subject["split"])
    if "site" in table:
        layers["site"] = layers.subject.map(by_subject["site"]).fillna("")
    return layers[layers.group == "healthy"]


def _attributes_in(layers: pd.DataFrame) -> list[str]:
    """The attributes that anybody has."""
    return [name for name in (*ATTRIBUTES, "site") if name in layers and set(layers[name]) != {""}]


def _counts_by_set(levels: pd.Series, sets: pd.Series) -> pd.DataFrame:
    """Subjects of each level (rows) in each set (columns)."""
    return pd.crosstab(levels, sets).reindex(columns=list(SETS), fill_value=0)


def _row(attribute: str, level: str, counts: pd.Series, totals: pd.Series) -> dict:
    """One level of an attribute: counts, shares, and how far a set is from all of them."""
    shares = {f"{name}_share": counts[name] / max(totals[name], 1) for name in SETS}
    overall = counts.sum() / max(totals.sum(), 1)
    distances = [abs(shares[f"{name}_share"] - overall) for name in SETS if totals[name]]
    return {
        "attribute": attribute,
        "level": level or "not stated",
        **{name: int(counts[name]) for name in SETS},
        **shares,
        "all_share": overall,
        "difference": max(distances),
    }
