"""A draft of heads.csv: what was guessed of a folder, to be mended by hand.

`python -m brainlib.heads.draft FOLDER` writes it into the folder. A group that nothing states is
`?`: replace each by healthy, or by what the person has. Delete rows of heads that you do not want,
and give the same subject to all visits of a person. The column remark says which heads cannot be
used as they are, and why; nothing reads it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from brainlib import files
from brainlib.heads import reading
from brainlib.heads.cohort import guessed_heads
from brainlib.heads.heads_csv import OPEN
from brainlib.heads.layouts import HEADS_CSV
from brainlib.heads.names import MODALITIES, split_paths
from brainlib.heads.problems import UNCLAIMED


def draft(folder: Path | str, *, modality: str = "t1", out: Path | str | None = None) -> Path:
    """Writes a draft of heads.csv; returns its path.

    Args:
        folder: of heads.
        modality: t1, t2, flair or t1ce.
        out: the file; heads.csv in the folder when absent.

    Raises:
        FileExistsError: it is there already.
        FileNotFoundError: a folder without heads.
    """
    folder = Path(folder)
    out = Path(out) if out else folder / HEADS_CSV
    if out.exists():
        raise FileExistsError(f"{out}: is there already. Edit it, or delete it for a new draft.")
    table, problems = guessed_heads(folder, folder.name, modality)
    files.write_csv(out, _draft_table(table, problems, out.parent))
    return out


def _draft_table(table: pd.DataFrame, problems: list[dict], beside: Path) -> pd.DataFrame:
    """The columns of heads.csv, paths relative to it, `?` for groups that nothing states."""
    doubtful = any(each["fault"] in UNCLAIMED for each in problems)
    is_open = (table.group == "") | (doubtful & (table.group == "healthy"))
    columns = {
        "subject": table.subject,
        "visit": table.visit,
        "image": [_relative(path, beside) for path in table.path],
        "lesion": [_relative(path, beside) for path in table.lesion_path],
        "group": table.group.mask(is_open, OPEN),
        "site": table.site,
        "brain": [_relative(path, beside) for path in table.brain_path],
        "sex": table.sex,
        "age": table.age.round(1),
        "remark": [_remark(row) for row in table.itertuples()],
    }
    return pd.DataFrame(columns)


def _remark(row: Any) -> str:
    """Why a head cannot be used as it is; "" where it can."""
    try:
        volume = reading.read_head(row.path)
        reading.read_lesion(row.lesion_path, volume)
    except (OSError, ValueError) as error:
        files.raise_if_no_room(error)
        return " ".join(str(error).split())
    return ""


def _relative(paths: str, beside: Path) -> str:
    """Paths joined by ";", relative to a folder where they lie in it, absolute elsewhere."""
    found = []
    for path in split_paths(paths):
        inside = Path(path).resolve()
        if inside.is_relative_to(beside.resolve()):
            inside = inside.relative_to(beside.resolve())
        found.append(inside.as_posix())
    return ";".join(found)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m brainlib.heads.draft", description=__doc__)
    parser.add_argument("folder", help="of heads")
    parser.add_argument("--modality", default="t1", choices=MODALITIES)
    parser.add_argument("--out", help="the file; heads.csv in the folder when absent")
    options = parser.parse_args(arguments)
    try:
        path = draft(options.folder, modality=options.modality, out=options.out)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    written = pd.read_csv(path, dtype=str)
    open_groups, unusable = (written.group == OPEN).sum(), written.remark.dropna()
    print(f"{path}: written. {open_groups} groups are '{OPEN}': fill them in, check the rest.")
    if len(unusable):
        print(f"{len(unusable)} heads cannot be used, see the column remark: {unusable.iloc[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
