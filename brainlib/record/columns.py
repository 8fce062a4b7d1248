"""What the columns of tables are called for people: label, unit, digits, and which way is better.

`columns.csv` beside this file is the one list; notebooks and the report read it. A column that is
not in it keeps its own name, its underscores as spaces.
"""

import csv
import functools
from pathlib import Path
from typing import NamedTuple

ARROWS = {"higher": "↑", "lower": "↓", "": ""}


class ColumnInWords(NamedTuple):
    """A column as people read it.

    Attributes:
        label: its heading.
        unit: of its numbers, "" for none.
        decimals: of its numbers; None where they are chosen by their size.
        better: "higher", "lower", or "" where neither is.
    """

    label: str
    unit: str = ""
    decimals: int | None = None
    better: str = ""

    @property
    def heading(self) -> str:
        """Label, unit and the direction that is better: "PSNR (dB) ↑"."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.label}{unit} {ARROWS[self.better]}".strip()


@functools.cache
def known_columns() -> dict[str, ColumnInWords]:
    """Every column of `columns.csv` by its name in tables."""
    path = Path(__file__).with_name("columns.csv")
    with open(path, encoding="utf-8", newline="") as file:
        return {row["name"]: _in_words(row) for row in csv.DictReader(file)}


def _in_words(row: dict[str, str]) -> ColumnInWords:
    decimals = int(row["digits"]) if row["digits"] else None
    return ColumnInWords(row["label"], row["unit"], decimals, row["better"])


def column_in_words(name: object) -> ColumnInWords:
    """A column as people read it; an unknown one by its own name."""
    text = str(name)
    if text in known_columns():
        return known_columns()[text]
    spaced = text.replace("_", " ")
    return ColumnInWords(spaced[:1].upper() + spaced[1:])


def column_heading(name: object) -> str:
    """The heading of a column: "PSNR (dB) ↑"."""
    return column_in_words(name).heading


def measure_heading(name: object) -> str:
    """The heading of a measure with its better side; every other column by its own name.

    Notebooks speak of their columns by name, so only what a name cannot say is added there.
    """
    known = known_columns().get(str(name))
    return known.heading if known and known.better else str(name).replace("_", " ")
