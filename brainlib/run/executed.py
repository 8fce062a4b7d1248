"""Executed notebooks as JSON: did all cells run, and a banner on top where they did not."""

import json
import re
import secrets
from pathlib import Path
from typing import Any

from brainlib import files
from brainlib.run.provenance import source

CHATTER = re.compile(  # of TensorFlow's compiled parts at its start
    r"WARNING: All log messages before absl"
    r"|[IW]\d{4} \S+ +\d+ \S+\.cc:\d+\]"
    r"|E\d{4} .*failed call to cuInit"
)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours
LONGEST_LINE, LAST_LINES = 200, 12
PAPERMILL_ERROR = "papermill-error-cell-tag"
INJECTED = "injected-parameters"  # papermill's tag
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Unfinished(Exception):
    """The notebook is not done.

    Attributes:
        kind: one or two words, such as "timed out".
        message: lines of the error.
        cell: number among the code cells, or None.
        first_line: of that cell.
    """

    def __init__(self, kind: str, message: str, *, cell: int | None = None, first_line: str = ""):
        super().__init__(message)
        self.kind, self.message, self.cell, self.first_line = kind, message, cell, first_line

    @property
    def place(self) -> str:
        """Where it stopped, in words."""
        return f"in cell {self.cell}" if self.cell else "before its first cell"

    def as_dict(self) -> dict[str, Any]:
        """For run.json."""
        names = ("kind", "cell", "first_line", "message")
        return {name: getattr(self, name) for name in names}


def code_cells(notebook: dict) -> list[dict]:
    """The code cells that hold something: those that run."""
    cells = notebook["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code" and source(cell).strip()]


def first_line(cell: dict) -> str:
    """The first line of a cell that says something, shortened."""
    lines = [line.strip() for line in source(cell).splitlines() if line.strip()]
    return (lines or [""])[0][:80]


def read(path: Path) -> dict:
    """An executed notebook."""
    return json.loads(path.read_text(encoding="utf-8"))


def check_cells(notebook: dict) -> None:
    """Raises Unfinished unless every code cell ran, without an error.

    papermill also returns cleanly after `sys.exit(0)`.
    """
    for number, cell in enumerate(code_cells(notebook), 1):
        here = {"cell": number, "first_line": first_line(cell)}
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                kind = "stopped itself" if output["ename"] == "SystemExit" else "error"
                raise Unfinished(kind, _last_lines(output), **here)
        if cell["execution_count"] is None:
            raise Unfinished("did not run", "the cell did not run", **here)


def find_error(path: Path) -> Unfinished | None:
    """The error in a cell of a notebook that was executed in part."""
    try:
        check_cells(_without_papermills_cells(read(path)))
    except Unfinished as problem:
        return None if problem.kind == "did not run" else problem
    except (OSError, ValueError):
        return None
    return None


def _last_lines(output: dict) -> str:
    name, value = output["ename"], output["evalue"]
    text = ESCAPES.sub("", "\n".join(output["traceback"]) or f"{name}: {value}")
    if name == "SystemExit":
        text = f"the cell called sys.exit({value}), which ends a notebook before its end"
    return "\n".join(line[:LONGEST_LINE] for line in text.splitlines()[-LAST_LINES:])


def _without_papermills_cells(notebook: dict) -> dict:
    """Drops papermill's own error cells: ours say more."""
    cells = notebook["cells"]
    notebook["cells"] = [
        cell for cell in cells if PAPERMILL_ERROR not in cell["metadata"].get("tags", [])
    ]
    return notebook


def leave(notebook: dict, partial: Path, final: Path) -> None:
    """Gives an executed notebook its place, without temporary names and TensorFlow's chatter.

    The cell of parameters that papermill adds is collapsed: it repeats the one before.
    """
    for cell in code_cells(notebook):
        for output in cell["outputs"]:
            if output["output_type"] == "stream" and output["name"] == "stderr":
                lines = "".join(output["text"]).splitlines(keepends=True)
                output["text"] = "".join(line for line in lines if not CHATTER.match(line))
        cell["outputs"] = [
            output
            for output in cell["outputs"]
            if output["output_type"] != "stream" or output["text"]
        ]
        if INJECTED in cell["metadata"].get("tags", []):
            cell["metadata"]["jupyter"] = {"source_hidden": True}
    names = {"input_path": final.name, "output_path": final.name}
    notebook["metadata"].setdefault("papermill", {}).update(names)
    notebook["metadata"]["kernelspec"] = dict(KERNEL)
    files.write_text(final, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    partial.unlink(missing_ok=True)


def leave_unfinished(partial: Path, final: Path, problem: Unfinished) -> None:
    """Gives what was executed its place, with a banner on top: where and why it stopped."""
    try:
        notebook = _without_papermills_cells(read(partial))
    except (OSError, ValueError):
        notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    cell = f", `{problem.first_line}`" if problem.first_line else ""
    banner = {
        "cell_type": "markdown",
        "id": secrets.token_hex(4),
        "metadata": {"tags": ["not-finished"]},
        "source": (
            "<div style='border: 2px solid #b00; padding: 0.5em'>"
            f"<b>This run did not finish: {problem.kind}.</b></div>\n\n"
            f"It stopped {problem.place}{cell}.\n\n```\n{problem.message}\n```"
        ),
    }
    notebook["cells"].insert(0, banner)
    leave(notebook, partial, final)
