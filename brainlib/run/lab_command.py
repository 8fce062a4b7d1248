"""`./run_all.sh --lab`: JupyterLab on this machine, at the start page or at a chapter of a run."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from brainlib import files
from brainlib.run import batch, catalogue, workflow, working_copies
from brainlib.run.catalogue import START
from brainlib.run.command import check_data, check_folder, display_path
from brainlib.run.refused import Refused
from brainlib.show import start

QUIET = (
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--log-level=ERROR",  # the address is told whatever the level
)
SETTINGS = Path(__file__).with_name("jupyter")  # nobody is asked for news: no network is needed


def run(options: argparse.Namespace, stop: batch.Stop) -> int:
    """Opens JupyterLab and waits until it ends; returns the exit code.

    Raises:
        Refused: an unknown notebook, or options that cannot be meant.
    """
    name = _notebook(options.notebooks)
    folder = check_folder(options.out, options.profile, check_data(options.data))
    served = _served(folder)
    changed = working_copies.write_copies(options, folder)
    for one in changed:
        copy = display_path(folder / working_copies.FOLDER / f"{one}.ipynb")
        print(f"{copy} has changes of yours and stays as it is. Delete it for a fresh one.")
    path = (served / working_copies.FOLDER / f"{name}.ipynb").relative_to(files.PROJECT)
    print(f"JupyterLab opens {path}, a working copy. Ctrl-C ends it.", flush=True)
    return _serve(path, folder, stop)


def _notebook(names: list[str]) -> str:
    """The name of the notebook that is to be opened."""
    if len(names) > 1:
        raise Refused(f"--lab {' '.join(names)}: expected one notebook.")
    return catalogue.resolve(names or [START], working_copies.openable())[0]


def _served(folder: Path) -> Path:
    """The run folder below the project, which is all that JupyterLab shows.

    A run that lies elsewhere gets a link in outputs/.
    """
    folder.mkdir(parents=True, exist_ok=True)
    served = start.as_served(folder)
    if served.is_relative_to(files.PROJECT):
        return served
    outputs = files.PROJECT / "outputs"
    names = files.unique_file_names([*(one.name for one in outputs.iterdir()), folder.name])
    link = outputs / names[-1]
    link.symlink_to(folder, target_is_directory=True)
    print(f"{display_path(link)} is a link to {folder}, so that JupyterLab can show it.")
    return link


def command(path: Path) -> list[str]:
    """The command that serves the project and opens a notebook, relative to it."""
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={files.PROJECT}"]
    words += [f"--LabApp.default_url=/lab/tree/{path.as_posix()}", *QUIET]
    return words + (["--allow-root"] if os.geteuid() == 0 else [])


def _serve(path: Path, folder: Path, stop: batch.Stop) -> int:
    """Runs JupyterLab until it is shut down or stopped."""
    variables = workflow.environment_in(folder)
    settings = [str(SETTINGS), variables.get("JUPYTER_CONFIG_PATH", "")]
    variables["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))
    process = subprocess.Popen(
        command(path),
        env=variables,
        cwd=files.PROJECT,
        stdin=subprocess.DEVNULL,  # else it asks whether it may stop
        start_new_session=True,
    )
    stop.first = signal.SIGTERM  # at an interrupt, Jupyter may be in a call that ignores it
    stop.process = process
    code = process.wait()
    if stop.signals:
        print("JupyterLab has ended.")
        return batch.EXIT_CODES["interrupted"]
    return batch.EXIT_CODES["failed"] if code else 0
