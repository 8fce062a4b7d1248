"""Compares all tables of two run folders: `python tests/compare_runs.py outputs/a outputs/b`.

Two versions of the workbook, run with the same random seed and --threads, should hold the same
numbers. Columns and rows are met by name, so that a table may gain some; times are left out.
Exit code 1 where numbers differ or tables are missing.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

TIMES = ("seconds", "minutes", "ms_", "milliseconds", "_ms")  # in the names of columns


def numbers_of(path: Path) -> pd.DataFrame:
    """A table without what depends on the clock or on the folder."""
    table = pd.read_csv(path, keep_default_na=False)
    for name in list(table):
        timed = any(word in str(name) for word in TIMES)
        if timed or str(name).endswith("path") or name == "data_source":
            del table[name]
    return table


def difference(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """In words, how a table differs from the one before; "" where it does not."""
    missing = [name for name in before if name not in after]
    said = [f"columns gone: {', '.join(missing)}"] if missing else []
    names = [name for name in before if name in after]
    before, after = met_by_words(before[names], after[names])
    if len(before) != len(after):
        said.append(f"{len(before)} rows, now {len(after)}")
        return "; ".join(said)
    for name in names:
        said += _column(name, before[name], after[name])
    return "; ".join(said)


def met_by_words(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both that have the same words, in one order; further rows of `after` go.

    Where words do not tell the rows apart, both tables come back as they are.
    """
    words = [name for name in before if _is_text(before[name])]
    if not words or before.empty or after.empty:
        return before, after
    old, new = (_keys(table, words) for table in (before, after))
    places = {key: place for place, key in enumerate(new)}
    unclear = len(set(old)) < len(old) or len(places) < len(new) or not set(old) <= set(places)
    if unclear:
        return before, after
    return before, after.iloc[[places[key] for key in old]].reset_index(drop=True)


def _keys(table: pd.DataFrame, words: list[str]) -> list[str]:
    """The words of each row in one text; `seed 004` was how a thesis was named."""
    rows = table[words].astype(str).to_numpy()
    return ["|".join(row).replace("seed 00", "thesis 00") for row in rows]


def _is_text(column: pd.Series) -> bool:
    """Whether no value of a column is a number."""
    return pd.to_numeric(column, errors="coerce").isna().all()


def _column(name: str, before: pd.Series, after: pd.Series) -> list[str]:
    old = pd.to_numeric(before, errors="coerce").to_numpy(dtype=float)
    new = pd.to_numeric(after, errors="coerce").to_numpy(dtype=float)
    texts = np.isnan(old) & np.isnan(new)
    changed = (before.astype(str).to_numpy() != after.astype(str).to_numpy()) & texts
    if changed.any():
        first = int(np.argmax(changed))
        return [f"{name}: {before[first]!r} is now {after[first]!r}"]
    known = ~np.isnan(old) & ~np.isnan(new)
    lost = np.isnan(old) != np.isnan(new)
    if lost.any():
        return [f"{name}: {int(lost.sum())} values appeared or went"]
    scale = np.maximum(np.abs(old[known]), 1e-12)
    relative = np.abs(new[known] - old[known]) / scale
    if known.any() and relative.max() > 1e-6:
        return [f"{name}: up to {relative.max():.1e} (relative)"]
    return []


def main(before: Path, after: Path) -> int:
    """Prints a line per table that differs, and a summary; returns the exit code."""
    names = sorted(path.relative_to(before) for path in before.glob("tables/*/*.csv"))
    gone, differing = [], 0
    for name in names:
        if not (after / name).exists():
            gone.append(str(name))
            continue
        said = difference(numbers_of(before / name), numbers_of(after / name))
        if said:
            differing += 1
            print(f"{name}: {said}")
    new = [
        path
        for path in after.glob("tables/*/*.csv")
        if not (before / path.relative_to(after)).exists()
    ]
    print(f"{len(names)} tables: {len(names) - len(gone) - differing} the same, {differing} differ")
    print(f"gone: {', '.join(gone) or 'none'}; new: {len(new)}")
    return int(bool(gone or differing))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
