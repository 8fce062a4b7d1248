"""What a sweep found: a row a point, mean and spread over random seeds, and a page with both."""

import html
from pathlib import Path

import pandas as pd

from brainlib import files
from brainlib.run.command import shown

OVER = "seed"  # the parameter that repeats a point rather than making another
POINTS, SUMMARY, PAGE = "points.csv", "summary.csv", "sweep.html"
LAST = ["status", "minutes", "folder", "data_source"]
STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1200px;padding:1.5em}
table{border-collapse:collapse;font-size:.82em;margin:.8em 0}td,th{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right}
div{overflow-x:auto}.bad{background:#fde4dc;border-left:6px solid #D55E00;padding:.6em 1em}.note{background:#fff4d6;border-left:6px solid #E69F00;padding:.6em 1em}"""


def write(sweep, folder, entries):
    """Gathers the points that are done, writes the tables and the page, and says where they are.

    Args:
        sweep: `sweeps.Sweep`.
        folder: of the sweep.
        entries: of run.json, by the name of the point.

    Returns:
        (table of points, table of means and spreads).
    """
    table = gather(sweep, folder, entries)
    summary = summarise(table, sweep)
    files.write_csv(Path(folder) / POINTS, table)
    files.write_csv(Path(folder) / SUMMARY, summary)
    files.write_text(Path(folder) / PAGE, page(sweep, table, summary))
    print(
        f"{(table.status == 'finished').sum()} of {len(sweep.points)} points: "
        + ", ".join(shown(Path(folder) / name) for name in (SUMMARY, POINTS, PAGE))
    )
    return table, summary


def parameters(sweep):
    """Columns of what the file says about the points, in its order."""
    return list(dict.fromkeys(name for point in sweep.points for name in point.columns()))


def gather(sweep, folder, entries):
    """A row a point (more where its table has more): what the file says, what the point's table says, how it went."""
    rows, known = [], parameters(sweep)
    for point in sweep.points:
        entry = entries.get(point.name, {})
        how = {
            "status": entry.get("status", "not run"),
            "folder": f"points/{point.name}",
            "minutes": round(entry["seconds"] / 60, 2) if entry.get("seconds") else None,
        }
        path = (
            Path(folder)
            / "points"
            / point.name
            / "tables"
            / sweep.notebook
            / f"{sweep.results}.csv"
        )
        found = [{}]
        if how["status"] == "finished":
            if not path.exists():
                how["status"] = f"no table {sweep.results}"
            else:
                found = pd.read_csv(path).to_dict("records")
        for row in found:
            rows.append(
                {
                    **point.columns(),
                    **{name: value for name, value in row.items() if name not in known},
                    **how,
                }
            )
    table = pd.DataFrame(rows)
    for name in known:
        if (
            table[name].map(lambda value: isinstance(value, (list, dict))).any()
        ):  # as they are written in the file
            table[name] = table[name].map(str)
    last = [name for name in LAST if name in table]
    return table[
        [*known, *(name for name in table if name not in known and name not in last), *last]
    ]


def summarise(table, sweep):
    """Mean, standard deviation (n - 1; empty for n = 1) and n over random seeds of every number, by the other parameters."""
    done = table[table.status == "finished"]
    known = [name for name in parameters(sweep) if name != OVER]
    words = [
        name
        for name in done
        if name not in (*known, OVER, *LAST) and not pd.api.types.is_numeric_dtype(done[name])
    ]
    numbers = [name for name in done if name not in (*known, OVER, *LAST, *words)]
    by = [*known, *words]
    groups = (
        list(done.groupby(by, sort=False, dropna=False))
        if by
        else [((), done)]
        if len(done)
        else []
    )
    rows = []
    for key, group in groups:
        row = {**dict(zip(by, key)), "n": len(group)}
        for name in numbers:
            row |= {f"{name}_mean": group[name].mean(), f"{name}_sd": group[name].std(ddof=1)}
        rows.append(
            row
            | {
                "data_source": "; ".join(
                    sorted(set(group.get("data_source", pd.Series(dtype=str)).dropna()))
                )
            }
        )
    return pd.DataFrame(rows, columns=None if rows else [*by, "n", "data_source"])


def page(sweep, table, summary):
    """The page: title and source, what failed, mean and spread, every point with its executed notebook."""
    sources = sorted(set(table["data_source"].dropna())) if "data_source" in table else []
    bad = table[table.status != "finished"]
    parts = [
        f"<h1>{html.escape(sweep.title)}</h1>",
        f"<p>{html.escape(text)}</p>" if (text := sweep.source) else "",
        f"<p>{html.escape(sweep.note)}</p>" if sweep.note else "",
        f"<p class='note'>{html.escape('; '.join(sources))}</p>" if sources else "",
    ]
    if len(bad):
        said = [
            ", ".join(f"{name}={row[name]}" for name in parameters(sweep)) + f" ({row['status']})"
            for _, row in bad.iterrows()
        ]
        parts += [
            f"<p class='bad'>{len(bad)} of {len(table)} points are missing: {html.escape('; '.join(said))}</p>"
        ]
    parts += [
        "<h2>Mean and standard deviation over random seeds</h2>",
        _html(_joined(summary)),
        "<h2>Points</h2>",
    ]
    linked = table.drop(columns=["data_source"], errors="ignore").assign(
        folder=[
            f"<a href='{folder}/notebooks/{sweep.notebook}.ipynb'>notebook</a>"
            for folder in table.folder
        ]
    )
    return "\n".join(
        [
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>",
            f"<title>{html.escape(sweep.title)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *parts,
            _html(linked, raw=("folder",)),
            "</body></html>\n",
        ]
    )


def _joined(summary):
    """'mean +- sd' in one column."""
    shown_table = summary.drop(columns=["data_source"], errors="ignore").copy()
    for name in [
        name.removesuffix("_mean")
        for name in summary
        if name.endswith("_mean") and f"{name.removesuffix('_mean')}_sd" in summary
    ]:
        pairs = zip(shown_table.pop(f"{name}_mean"), shown_table.pop(f"{name}_sd"))
        shown_table[name] = [
            f"{mean:.4g}" + (f" \u00b1 {sd:.2g}" if sd > 0 else "") if mean == mean else ""
            for mean, sd in pairs
        ]
    return shown_table


def _html(table, raw=()):
    shown_table = table.copy()
    for name in shown_table:
        if name not in raw:
            shown_table[name] = [
                html.escape(
                    ""
                    if value is None or value != value
                    else f"{value:.4g}"
                    if isinstance(value, float)
                    else str(value)
                )
                for value in shown_table[name]
            ]
    return "<div>" + shown_table.to_html(index=False, border=0, escape=False) + "</div>"
