"""Tables of people as programs and people save them: any separator, encoding, title or heading."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from brainlib import record

# Columns that say who a row is of, in small letters; the first that is there.
PEOPLE_COLUMNS = ("participant_id", "subject", "subject_id", "mrid", "ixi_id", "patient_id", "id")
SEPARATORS = "\t;,|"
MOST_TITLE_ROWS = 20  # rows above the line of column names: titles, dates
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # how such a file begins
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # likewise, .xlsx and .xls
ADVICE = "Save it again from a spreadsheet."


class NoTable(ValueError):
    """Why something is no table, in words that tell nothing of what stands in it."""


def read_table(path: Path, *, known: Collection[str] = PEOPLE_COLUMNS) -> pd.DataFrame:
    """A table of Excel or of text: every cell a text, "" where it is empty.

    Titles above the line of column names are left out, and so are empty lines. A heading of two
    lines, as merged cells leave it, becomes one. Of columns of one name the first is kept.

    Args:
        path: of the table.
        known: names, in small letters; the line of column names holds one of them. Where no line
            does, it is the first.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no table. The message names the file, and quotes no cell of it.
    """
    try:
        rows = _rows_of_text(path, known) if _is_text(path) else _rows_of_excel(path)
        return _table(rows, known)
    except (OSError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # every reader has its own; calamine's panics are no Exception
        found = str(error) if isinstance(error, NoTable) else "a damaged file or another kind"
        raise ValueError(
            f"{path}: expected a table with a line of column names, got {found}. {ADVICE}"
        ) from error


def with_plain_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with small letters as names of columns; of `Age` and `age` the first."""
    table = table.set_axis([str(column).strip().lower() for column in table], axis=1)
    return table.loc[:, ~table.columns.duplicated()]


def column_of_people(table: pd.DataFrame) -> str:
    """The column that says who a row is of, names in small letters; "" if there is none."""
    return next((column for column in PEOPLE_COLUMNS if column in table), "")


# ---- files to rows of cells


def _is_text(path: Path) -> bool:
    with open(path, "rb") as handle:
        return path.suffix.lower() in (".csv", ".tsv") and handle.read(4) not in EXCEL


def _rows_of_excel(path: Path) -> list[list[str]]:
    with record.native_chatter_off():  # a panic of calamine prints lines of Rust
        cells = pd.read_excel(path, engine="calamine", header=None, dtype=str)
    return cells.fillna("").values.tolist()


def _rows_of_text(path: Path, known: Collection[str]) -> list[list[str]]:
    text = _decoded(path.read_bytes()).replace("\0", "")
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    lines = [line for line in text.splitlines() if line.strip()]
    separator = _separator(lines[: MOST_TITLE_ROWS + 1], known)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _decoded(content: bytes) -> str:
    """Text of UTF-8 or UTF-16; else of Windows in Western Europe."""
    if content.startswith(UTF_16):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _separator(lines: list[str], known: Collection[str]) -> str:
    """What separates the cells: it sets a known name apart, or is frequent in the first line."""
    for line in lines:
        for separator in SEPARATORS:
            cells = [cell.strip(" \"'").lower() for cell in line.split(separator)]
            if len(cells) > 1 and not set(cells).isdisjoint(known):
                return separator
    return max(SEPARATORS, key=lines[0].count) if lines else ","


# ---- rows of cells to a table


def _table(rows: list[list[str]], known: Collection[str]) -> pd.DataFrame:
    rows = [list(map(str.strip, row)) for row in rows]
    rows = [row for row in rows if len(row) > 1 or any(row)]
    if not any(map(any, rows)):
        raise NoTable("an empty file")
    names, below = _heading(rows, known)
    longest = max((_used_cells(row) for row in below), default=0)
    if longest > len(names):
        raise NoTable(f"a row of {longest} cells under {len(names)} names")
    cells = [(row + [""] * len(names))[: len(names)] for row in below]
    table = pd.DataFrame(cells, columns=names, dtype=object)
    return table.loc[:, (table.columns != "") & ~table.columns.duplicated()]


def _used_cells(row: list[str]) -> int:
    """Cells of a row without the empty ones at its end."""
    return max((place for place, cell in enumerate(row, 1) if cell), default=0)


def _heading(rows: list[list[str]], known: Collection[str]) -> tuple[list[str], list[list[str]]]:
    """(names of the columns, rows below them)."""
    first = rows[: MOST_TITLE_ROWS + 1]
    places = [place for place, row in enumerate(first) if _known_places(row, known)]
    place = places[0] if places else 0
    upper, below = rows[place], rows[place + 1 :]
    if not below or not _is_second_heading(upper, below[0], known):
        return upper[: _used_cells(upper)], below
    width = max(_used_cells(upper), _used_cells(below[0]))
    upper, lower = ((row + [""] * width)[:width] for row in (upper, below[0]))
    return [under or over for over, under in zip(upper, lower)], below[1:]


def _known_places(row: list[str], known: Collection[str]) -> list[int]:
    return [place for place, cell in enumerate(row) if cell.lower() in known]


def _is_second_heading(upper: list[str], lower: list[str], known: Collection[str]) -> bool:
    """Whether a row names what stands below merged cells: nothing below the id, words elsewhere."""
    named = _known_places(upper, known)
    padded = upper + [""] * len(lower)
    fills_a_gap = any(cell and not padded[place] for place, cell in enumerate(lower))
    no_person = not any(lower[place : place + 1] != [""] for place in named) and bool(named)
    return fills_a_gap and no_person and not any(cell.isdigit() for cell in lower)
