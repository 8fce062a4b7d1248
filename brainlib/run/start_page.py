"""Executes the start page of a run, in a process of its own: `python -m ... NOTEBOOK FOLDER`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from brainlib import files, record
from brainlib.run import executor
from brainlib.run.catalogue import START
from brainlib.run.executed import ESCAPES

LONGEST_S = 120


class NotExecuted(RuntimeError):
    """The start page could not be executed: the last line of why."""


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The start page with its outputs; it takes seconds, and writes nothing into a run.

    Args:
        notebook: the start page, its parameters set.
        folder: in which it works: its links begin there.

    Raises:
        NotExecuted: a cell failed, or no kernel could be started.
    """
    with tempfile.TemporaryDirectory(prefix="nb-") as place:
        path = Path(place) / f"{START}.ipynb"
        files.write_text(path, nbformat.writes(notebook))
        answer = subprocess.run(
            [sys.executable, "-m", __name__, str(path), str(folder)],
            env={**os.environ, "JUPYTER_RUNTIME_DIR": place},
            cwd=record.PROJECT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if answer.returncode:
            said = ESCAPES.sub("", answer.stderr).strip().splitlines()
            raise NotExecuted(said[-1] if said else "no kernel")
        return nbformat.read(path, 4)


def main(path: str, folder: str) -> None:
    """Executes the notebook where it lies."""
    import nbclient

    notebook = nbformat.read(path, 4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=LONGEST_S,
        kernel_name="python3",
        kernel_manager_class=executor.kernel_manager(),
        resources={"metadata": {"path": folder}},
    )
    files.write_text(path, nbformat.writes(client.execute()))


if __name__ == "__main__":
    main(*sys.argv[1:])
