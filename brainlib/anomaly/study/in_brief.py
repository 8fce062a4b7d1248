"""Long tables of a study as a reader wants to see them: few rows, intervals as text.

The whole tables are what is written; these are shown.
"""

import numpy as np
import pandas as pd

from brainlib.anomaly.study.choice import Choice
from brainlib.anomaly.study.detectors import ALL
from brainlib.anomaly.study.thresholds import FALSE_ALARMS_5, ONE_FOR_ALL, OWN

AREAS, LEVELS = ("auroc", "auprc"), ("sample", "slice", "pixel")


def all_lesions(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of all kinds of lesions together, or of the only kind that there is."""
    if not len(table):
        return table
    group = ALL if (table.group == ALL).any() else table.group.iloc[0]
    return table[table.group == group]


def levels_in_brief(levels: pd.DataFrame) -> pd.DataFrame:
    """Areas with their intervals as text, all lesions together.

    Returns:
        table of level, detector, auroc, auprc, prevalence, cases; the level first.
    """
    if not len(levels):
        return levels
    rows = all_lesions(levels).sort_values("level", kind="stable", key=_place_of_level)
    texts = {area: rows.apply(_with_interval, axis=1, area=area) for area in AREAS}
    columns = ["level", "detector", *AREAS, "prevalence", "cases"]
    return rows.assign(**texts)[columns]


def _place_of_level(levels: pd.Series) -> pd.Series:
    return levels.map(LEVELS.index)


def _with_interval(row: pd.Series, area: str) -> str:
    low, high = row[f"{area}_low"], row[f"{area}_high"]
    interval = "" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return f"{row[area]:.3f}{interval}"


def ablation_in_brief(steps: pd.DataFrame) -> pd.DataFrame:
    """One row per step, each measure of each detector beside the other's."""
    if not len(steps):
        return steps
    wide = steps.pivot(
        index="step", columns="detector", values=["auprc", "lesions_found", "false_pieces"]
    )
    wide = wide.reindex(steps.step.unique())
    wide.columns = [f"{measure}: {detector}" for measure, detector in wide.columns]
    return wide.reset_index()


def operating_in_brief(operating: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The grey value and the best network at three thresholds, kind by kind."""
    if not len(operating):
        return operating
    names, sources = (choice.baseline.name, choice.best.name), (OWN, ONE_FOR_ALL, FALSE_ALARMS_5)
    rows = operating[operating.detector.isin(names) & operating.threshold_from.isin(sources)]
    return rows.sort_values(["group", "threshold_from"], kind="stable")


def lesions_in_brief(lesions: pd.DataFrame) -> pd.DataFrame:
    """One row per detector and threshold: found of each size, false pieces and volume per head."""
    if not len(lesions):
        return lesions
    rows = []
    for (detector, source), part in lesions.groupby(["detector", "threshold_from"], sort=False):
        sizes, false = part.iloc[:-1], part.iloc[-1]
        found = dict(
            zip(sizes["size"], sizes.found.astype(str) + " of " + sizes.lesions.astype(str))
        )
        row = {"detector": detector, "threshold_from": source, **found}
        row["false_pieces_per_head"] = false["per_head"]
        row["false_ml_per_head"] = false["ml_per_head"]
        rows.append(row)
    return pd.DataFrame(rows)
