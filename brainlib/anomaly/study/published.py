"""Thesis 002's tables 5.1 to 5.4 with ours below, in its units: not to be ranked."""

import numpy as np
import pandas as pd

TABLES = {"sample": "5.1", "slice": "5.2", "pixel": "5.3"}
MEDIANS_TABLE = "5.4"
DICES = ("dice_total", "dice_subject", "dice_subject_std")


def beside_published(
    published: pd.DataFrame,
    levels: pd.DataFrame,
    operating: pd.DataFrame,
    *,
    data_source: str,
    setting: str,
    median: int | None = None,
) -> pd.DataFrame:
    """The thesis's tables with rows of ours below each: the same columns in per cent.

    Args:
        published: `notebooks/published/anomaly_2022.csv`.
        levels: rows of `areas_by_level` with columns detector and group; may be empty.
        operating: rows of `operating_points` with a column detector; may be empty.
        data_source: of ours.
        setting: of ours.
        median: side of ours in pixels; with it our Dice stands below table 5.4, too, which compares
            medians.
    """
    theirs = published.assign(
        data_source="BraTS 2019, ATLAS; trained on IXI and MixedNormals (published)",
        setting="95x79, width 1, 1200 epochs",
    ).rename(columns={"dataset": "lesions"})
    theirs["table"] = theirs["table"].astype(str)
    ours = []
    for row in levels.to_dict("records"):
        ours += _our_rows(row, operating, median)
    tables = theirs
    if ours:
        ours = pd.DataFrame(ours).assign(data_source=data_source, setting=setting)
        tables = pd.concat([theirs, ours], ignore_index=True)
    return tables.sort_values("table", kind="stable").reset_index(drop=True)


def _our_rows(row, operating, median):
    """Ours for one row of `levels`: below its own table, and by pixel below table 5.4."""
    point = _operating_point(row, operating) if row["level"] == "pixel" else {}
    dices = {name: 100 * point.get(name, np.nan) for name in DICES}
    about = {"level": row["level"], "lesions": row["group"], "model": row["detector"]}
    areas = {name: 100 * row[name] for name in ("auroc", "auprc", "prevalence")}
    rows = [{"table": TABLES[row["level"]], **about, **areas, **dices}]
    if point and median is not None:
        rows.append({"table": MEDIANS_TABLE, **about, "median_filter": median, **dices})
    return rows


def _operating_point(row, operating):
    """The detector's row at the threshold of a group's own lesions, else the first; {} for none."""
    points = [
        point
        for point in operating.to_dict("records")
        if (point["detector"], point["group"]) == (row["detector"], row["group"])
    ]
    own = [point for point in points if point["threshold_from"] == "own lesions"]
    return next(iter([*own, *points]), {})
