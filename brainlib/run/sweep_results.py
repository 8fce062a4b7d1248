"""What a sweep found: one row per point, mean and spread over random seeds, a page with both."""

from pathlib import Path
from typing import Any

import pandas as pd

from brainlib import files
from brainlib.run.command import display_path
from brainlib.run.sweeps import OVER, Point, Sweep
from brainlib.show import pages

POINTS, SUMMARY, PAGE = "points.csv", "summary.csv", "sweep.html"
LAST = ["status", "minutes", "folder", "data_source"]


def write(
    sweep: Sweep, folder: Path, entries: dict[str, dict[str, Any]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gathers the points that are done, writes the tables and the page, and says where they are.

    Args:
        sweep: the sweep.
        folder: of the sweep.
        entries: of run.json, by the name of the point.

    Returns:
        (table of points, table of means and spreads).
    """
    table = gather(sweep, folder, entries)
    summary = summarise(table, sweep)
    files.write_csv(folder / POINTS, table)
    files.write_csv(folder / SUMMARY, summary)
    files.write_text(folder / PAGE, page(sweep, table, summary))
    done = (table.status == "finished").sum()
    paths = ", ".join(display_path(folder / name) for name in (SUMMARY, POINTS, PAGE))
    print(f"{done} of {len(sweep.points)} points: {paths}")
    return table, summary


def swept(sweep: Sweep) -> list[str]:
    """Columns of what the file says about the points, in its order."""
    return list(dict.fromkeys(name for point in sweep.points for name in point.columns()))


def gather(sweep: Sweep, folder: Path, entries: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """One row per point (more where its table has more): file, the point's table, how it went."""
    known, rows = swept(sweep), []
    for point in sweep.points:
        found, how = _of_point(sweep, point, folder, entries.get(point.name, {}))
        for row in found:
            new = {name: value for name, value in row.items() if name not in known}
            rows.append({**point.columns(), **new, **how})
    table = pd.DataFrame(rows)
    for name in known:
        if table[name].map(lambda value: isinstance(value, (list, dict))).any():
            table[name] = table[name].map(str)  # as they are written in the file
    last = [name for name in LAST if name in table]
    measured = [name for name in table if name not in known and name not in last]
    return table[[*known, *measured, *last]]


def _of_point(
    sweep: Sweep, point: Point, folder: Path, entry: dict[str, Any]
) -> tuple[list[dict], dict[str, Any]]:
    """The rows of a point's table, and how it went."""
    place = Path("points") / point.name
    how = {
        "status": entry.get("status", "not run"),
        "folder": place.as_posix(),
        "minutes": round(entry["seconds"] / 60, 2) if entry.get("seconds") else None,
    }
    path = folder / place / "tables" / sweep.notebook / f"{sweep.results}.csv"
    if how["status"] != "finished":
        return [{}], how
    if not path.exists():
        return [{}], how | {"status": f"no table {sweep.results}"}
    return pd.read_csv(path).to_dict("records"), how


def summarise(table: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Mean, standard deviation and n over random seeds of every number, by the other columns.

    The standard deviation has n - 1 in its denominator; it is empty for n = 1.
    """
    done = table[table.status == "finished"]
    known = [name for name in swept(sweep) if name != OVER]
    measured = [name for name in done if name not in (*known, OVER, *LAST)]
    numbers = [name for name in measured if pd.api.types.is_numeric_dtype(done[name])]
    by = [*known, *(name for name in measured if name not in numbers)]
    rows = [_summary(key, group, by, numbers) for key, group in _groups(done, by)]
    return pd.DataFrame(rows, columns=None if rows else [*by, "n", "data_source"])


def _groups(done: pd.DataFrame, by: list[str]) -> list[tuple[tuple, pd.DataFrame]]:
    if by:
        return list(done.groupby(by, sort=False, dropna=False))
    return [((), done)] if len(done) else []


def _summary(key: tuple, group: pd.DataFrame, by: list[str], numbers: list[str]) -> dict:
    row = {**dict(zip(by, key)), "n": len(group)}
    for name in numbers:
        row[f"{name}_mean"] = group[name].mean()
        row[f"{name}_sd"] = group[name].std(ddof=1)
    return row | {"data_source": "; ".join(_sources(group))}


def _sources(table: pd.DataFrame) -> list[str]:
    return sorted(set(table["data_source"].dropna())) if "data_source" in table else []


def page(sweep: Sweep, table: pd.DataFrame, summary: pd.DataFrame) -> str:
    """The page: title and source, what failed, mean and spread, every point with its notebook."""
    banners = [("", source) for source in ["; ".join(_sources(table))] if source]
    bad = table[table.status != "finished"]
    if len(bad):
        words = [_in_words(row, sweep) for _, row in bad.iterrows()]
        missing = f"{len(bad)} of {len(table)} points are missing: {'; '.join(words)}"
        banners.append(("bad", missing))
    means = pages.table(_joined(summary))
    points = pages.table(
        table.drop(columns=["data_source", "folder"], errors="ignore"),
        links=[f"{folder}/notebooks/{sweep.notebook}.ipynb" for folder in table.folder],
    )
    heading = "Mean and standard deviation over random seeds"
    return pages.render(
        title=sweep.title,
        banners=banners,
        opening=[text for text in (sweep.source, sweep.note) if text],
        sections=[
            pages.section("summary", heading, tables=[means]),
            pages.section("points", "Points", tables=[points]),
        ],
    )


def _in_words(row: pd.Series, sweep: Sweep) -> str:
    values = ", ".join(f"{name}={row[name]}" for name in swept(sweep))
    return f"{values} ({row['status']})"


def _joined(summary: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation in one column, `7 +- 2.8`."""
    joined = summary.drop(columns=["data_source"], errors="ignore").copy()
    for column in summary:
        name = column.removesuffix("_mean")
        if name != column and f"{name}_sd" in summary:
            pairs = zip(joined.pop(column), joined.pop(f"{name}_sd"))
            joined[name] = [_mean_and_spread(mean, spread) for mean, spread in pairs]
    return joined


def _mean_and_spread(mean: float, spread: float) -> str:
    if pd.isna(mean):
        return ""
    return f"{mean:.4g}" + (f" \u00b1 {spread:.2g}" if spread > 0 else "")
