"""What sweeps have found: a chapter shows the rows of a thesis's table once a sweep made them."""

from pathlib import Path

import pandas as pd

from brainlib.record import Run


def sweep_points(run: Run, name: str, *, folder: Path | str = "") -> pd.DataFrame:
    """The points of the newest run of a sweep, one row each; without rows where there is none.

    Args:
        run: of the chapter; sweeps lie beside its folder.
        name: of the sweep, such as "004_corrupted".
        folder: another folder that holds sweeps' folders.

    Returns:
        `points.csv` of the sweep's folder, and `sweep`, the name of that folder.
    """
    place = sweeps_folder(run, folder)
    tables = sorted(place.glob(f"sweep-{name}-*/points.csv"), key=lambda path: path.stat().st_mtime)
    if not tables:
        return pd.DataFrame()
    return pd.read_csv(tables[-1]).assign(sweep=tables[-1].parent.name)


def sweeps_folder(run: Run, folder: Path | str = "") -> Path:
    """The folder that holds sweeps' folders: the one that is named, else that of the run folder."""
    return Path(folder) if folder else run.path("tables").resolve().parents[1]


def how_to_sweep(points: pd.DataFrame, *names: str) -> str:
    """Which sweep the rows are from, or what makes them, as a sentence."""
    if len(points):
        done = int((points.status == "finished").sum())
        sweeps = ", ".join(f"`{name}`" for name in sorted(set(points.sweep)))
        return f"{done} of {len(points)} points of {sweeps}."
    commands = " and ".join(f"`./run_all.sh --sweep {name}`" for name in names)
    return (
        f"No such sweep was made beside this run. {commands} makes it; then run this chapter again."
    )
