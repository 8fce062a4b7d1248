"""What a run saved, as the report reads it: results, tables, figures and run.json."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from brainlib import files
from brainlib.record import paths
from brainlib.show import chapters
from brainlib.show.findings import Found, found_in

NOT_DONE = ("failed", "interrupted", "not run", "running")
OWN = "10_report"


@dataclass(frozen=True)
class Saved:
    """A run folder.

    Attributes:
        folder: where it lies.
        results: what each chapter handed on, by its notebook.
        record: run.json; empty where the notebooks ran by hand.
        with_participants: whether sex, age and the like stand beside people's names.
    """

    folder: Path
    results: dict[str, dict[str, Any]]
    record: dict[str, Any] = field(default_factory=dict)
    with_participants: bool = False

    @property
    def source(self) -> str:
        """The line about the data, of the first chapter that has one."""
        notes = [one["data_note"] for one in self.results.values() if one.get("data_note")]
        return notes[0] if notes else ""

    @property
    def synthetic(self) -> bool:
        """Whether some of the heads are synthetic."""
        return "ynthetic" in self.source

    @property
    def from_ixi(self) -> bool:
        """Whether some of the heads are IXI's."""
        return "brain-development.org" in self.source

    @property
    def people(self) -> int | None:
        """How many people the cohort has."""
        return self.results.get("01_explore", {}).get("notes", {}).get("subjects")

    @property
    def findings(self) -> list[Found]:
        """Every finding, in the order of the chapters."""
        return found_in(self.results.values())

    def note(self, notebook: str, key: str) -> Any:
        """A summary value of a chapter; None where it has none."""
        return self.results.get(notebook, {}).get("notes", {}).get(key)

    def parameter(self, notebook: str, name: str) -> Any:
        """A parameter of a chapter; None where it has none."""
        return self.results.get(notebook, {}).get("parameters", {}).get(name)

    def table(self, notebook: str, name: str) -> pd.DataFrame | None:
        """A table of a chapter as it was saved; None where there is none, or one without rows."""
        for entry in self.results.get(notebook, {}).get("tables", []):
            if entry["name"] == name and entry.get("rows", 1):
                return read_table(self.folder / next(iter(entry["files"])))
        return None

    def missing(self) -> list[str]:
        """Names of the chapters that the run was to have and that have no result."""
        entries = self.record.get("notebooks", {})
        undone = [name for name, entry in entries.items() if entry.get("status") in NOT_DONE]
        return [name for name in undone if name not in self.results and name != OWN]

    def stopped(self) -> dict[str, str]:
        """Chapters that failed or were interrupted, and the first line of why."""
        why = {}
        for name, entry in self.record.get("notebooks", {}).items():
            if entry.get("status") in ("failed", "interrupted") and name != OWN:
                error = entry.get("error", {})
                why[name] = str(error.get("first_line") or error.get("message") or entry["status"])
        return why


def read_run(folder: Path | str, *, with_participants: bool = False) -> Saved:
    """Reads a run folder.

    Raises:
        NotRunYet: no chapter has a result.
    """
    folder = Path(folder)
    results, folders = {}, [folder, files.PROJECT]
    for result in chapters.read_results(folder):
        folders += paths.data_folders(result.get("parameters", {}).get("data", ""))
        results[result["notebook"]] = paths.plain(result, folders)
    return Saved(folder, results, _record(folder, folders), with_participants)


def read_table(path: Path) -> pd.DataFrame:
    """A saved table: only an empty cell is missing, a text such as "none" is a text."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _record(folder: Path, folders: list[Path]) -> dict[str, Any]:
    """run.json of a folder, without the machine's paths; empty where there is none to read."""
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return paths.plain(content, folders) if isinstance(content, dict) else {}
