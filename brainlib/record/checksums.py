"""Checksums of files and folders, remembered by size and time so that large files are read once."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable
from pathlib import Path

from brainlib import files

DATA_SUFFIXES = (".nii", ".nii.gz", ".xls", ".xlsx", ".csv", ".tsv", ".json")
HEADS_CSV = "heads.csv"  # may name files anywhere
TABLES_OF_PEOPLE = (  # in the folder of the heads or in the one above it; the first there is read
    "IXI.xls",
    "IXI.xlsx",
    "IXI.csv",
    "participants.tsv",
    "participants.csv",
    "participants.xlsx",
    "subjects.csv",
    "subjects.tsv",
    "demographics.csv",
)
SEPARATORS = ",;\t"  # of the cells of a table, and of several files in one cell


def of_data(path: Path) -> str:
    """One line for a folder of heads, or for a CSV that names them.

    It follows all that the heads are read from: NIfTI files and tables of the folder, the tables
    of people above it, and the files anywhere that heads.csv names.
    """
    if path.is_file():
        return in_one_line([path, *named_in(path)], path.parent)
    data = [part for part in _files_in(path) if part.name.lower().endswith(DATA_SUFFIXES)]
    above = [path.parent / name for name in TABLES_OF_PEOPLE]
    return in_one_line([*data, *filter(Path.is_file, above), *named_in(path / HEADS_CSV)], path)


def of_path(path: Path) -> str:
    """One line for a file, or for a folder with all that is in it."""
    return in_one_line([path] if path.is_file() else _files_in(path), path)


def in_one_line(paths: Iterable[Path], base: Path) -> str:
    """How many files, and one checksum over their contents and their names.

    Names are relative to `base`, so that a folder may move as a whole.
    """
    cache_path = files.DATA / ".checksums.json"
    known = _remembered(cache_path)
    cache, sums = dict(known), []
    for path in sorted(set(paths)):
        sums.append((os.path.relpath(path, base), _checksum(path, cache)))
    if cache != known:
        with contextlib.suppress(OSError):  # a read-only clone only loses the speed
            files.write_json(cache_path, cache)
    return f"{len(sums)} file{'' if len(sums) == 1 else 's'}, checksum {files.digest(sums)}"


def named_in(table: Path) -> list[Path]:
    """The files that the cells of a table name, relative to its folder or absolute."""
    try:
        text = table.read_text("utf-8-sig", errors="replace")
    except OSError:
        return []
    found = set()
    for separator in SEPARATORS:  # which one it is need not be known: what is a file counts
        for row in csv.reader(io.StringIO(text.replace("\0", "")), delimiter=separator):
            found.update(part.strip() for cell in row for part in cell.split(";"))
    return [table.parent / name for name in found if name and _is_file(table.parent / name)]


def _files_in(folder: Path) -> list[Path]:
    """All files in a folder and below it, hidden ones apart."""
    found = []
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and _is_file(path):
            found.append(path)
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no permission; a text that is no path
        return False


def _checksum(path: Path, cache: dict[str, str]) -> str:
    """A file's SHA-256, from the cache where size and time are those of last time."""
    try:
        state = path.stat()
        key = f"{path}|{state.st_size}|{state.st_mtime_ns}"
        if key not in cache:
            cache[key] = files.sha256(path)
        return cache[key]
    except OSError as error:  # the notebook that reads it will name it, and go on without it
        return f"cannot be read ({error.strerror})"


def _remembered(cache_path: Path) -> dict[str, str]:
    try:
        known = json.loads(cache_path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
