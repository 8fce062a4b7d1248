"""How far a run is: what became of each chapter, and the command that goes on. Writes nothing."""

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainlib import files
from brainlib.record import paths
from brainlib.record.notebooks import NOTEBOOKS, read_apart, read_table

USUAL = files.PROJECT / "outputs" / "quick-phantom"  # the run of ./run_all.sh without options
DONE, NOT_RUN = "done", "not run"


@dataclass(frozen=True)
class Chapter:
    """What became of a chapter in a run.

    Attributes:
        name: of its notebook.
        status: "done", "failed", "interrupted", "running" or "not run".
        seconds: how long it took; None where it is not done, or was run by hand.
        why: the first line of an error; "" where there is none.
        apart: whether it runs only when it is named.
    """

    name: str
    status: str = NOT_RUN
    seconds: float | None = None
    why: str = ""
    apart: bool = False


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes:
        folder: of the run, whether it is there or not.
        chapters: in the order in which they run, those apart at the end.
        record: run.json; empty where there is none.
    """

    folder: Path
    chapters: tuple[Chapter, ...]
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether anything was run into the folder."""
        return bool(self.record) or any(one.status != NOT_RUN for one in self.chapters)

    @property
    def status(self) -> str:
        """Of the run: "none", "running", "failed", "interrupted", "in part" or "finished"."""
        statuses = [one.status for one in self.chapters if not one.apart]
        if not self.exists:
            return "none"
        for worst in ("running", "failed", "interrupted"):
            if worst in statuses:
                return worst
        return "finished" if set(statuses) == {DONE} else "in part"

    def named(self, *statuses: str) -> list[str]:
        """Names of the chapters of a run that have one of the statuses."""
        return [one.name for one in self.chapters if one.status in statuses and not one.apart]

    @property
    def go_on(self) -> str:
        """The command that runs what is not done, with the options of this run."""
        return " ".join(["./run_all.sh", self.options]).strip()

    @property
    def options(self) -> str:
        """The options of the run as words of a command; "" for the usual run."""
        if "options" in self.record:
            return self.record["options"]
        words = []
        for name, usual in (("data", "phantom"), ("profile", "quick")):
            value = self.record.get(name, usual)
            words += [f"--{name}", value] if value != usual else []
        return shlex.join(words + self.out)

    @property
    def out(self) -> list[str]:
        """`--out FOLDER` as words of a command in the project's folder; none for the usual run."""
        return [] if self.folder == USUAL else ["--out", paths.from_project(self.folder)]


def read_state(folder: Path | str) -> RunState:
    """The state of a run folder; one that is not there is a run of which nothing was done."""
    folder = Path(folder).resolve()
    record = _read_json(folder / "run.json")
    entries = record.get("notebooks")
    entries = entries if isinstance(entries, dict) else {}
    snakefile = NOTEBOOKS / "Snakefile"
    apart = read_apart(snakefile)
    names = [name for name in read_table(snakefile) if name not in apart]
    chapters = [
        _chapter(name, entries.get(name, {}), folder, name in apart) for name in [*names, *apart]
    ]
    return RunState(folder, tuple(chapters), record)


def _chapter(name: str, entry: dict[str, Any], folder: Path, apart: bool) -> Chapter:
    status = entry.get("status", NOT_RUN)
    has_result = (folder / "results" / f"{name}.json").exists()
    if status == "finished" or (status == NOT_RUN and has_result):
        status = DONE if has_result else NOT_RUN
    error = entry.get("error") or {}
    why = str(error.get("message") or error.get("kind") or "").strip()
    seconds = entry.get("seconds") if status == DONE else None
    return Chapter(name, status, seconds, why.splitlines()[-1] if why else "", apart)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
