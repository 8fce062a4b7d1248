"""Snakemake as ./run_all.sh calls it: the command, its plan, its reasons in plain words."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from brainlib import files, record
from brainlib.run import environment

PLUGINS = Path(__file__).parent / "plugins"  # on the path: Snakemake finds loggers by name
PLANNED = "@@snakemake "  # begins the lines of our logger about jobs
SINCE = "has changed since last execution"


class PlanError(Exception):
    """Snakemake could not say what to run."""


def command(
    folder: Path, config: Path, results: Sequence[str], forced: Iterable[str], cores: int
) -> list[str]:
    """The command line that makes results in a run folder.

    Args:
        folder: run folder.
        config: JSON file with the jobs (see notebooks/Snakefile).
        results: files that are wanted, relative to the folder.
        forced: notebooks that run even if Snakemake finds nothing changed.
        cores: how many cores the jobs share.
    """
    words = [sys.executable, "-m", "snakemake"]
    words += ["--snakefile", str(record.NOTEBOOKS / "Snakefile"), "--directory", str(folder)]
    words += ["--configfile", str(config), "--cores", str(cores), "--scheduler", "greedy"]
    words += ["--keep-going", "--nocolor", "--rerun-incomplete"]
    # Not Snakemake's lock: after a kill it stays until a person removes it, and it knows nothing of
    # notebooks that still run, of run.json, or of notebooks opened by hand. Ours is `record.lock`.
    words += ["--nolock"]
    # A touched but unchanged result runs nothing again.
    words += ["--max-checksum-file-size", "1000000000"]
    # profiles/ holds ours, not Snakemake's.
    words += ["--profile", "none", "--workflow-profile", "none"]
    words += ["--forcerun", *forced] if forced else []
    return [*words, "--", *results]


def environment_in(folder: Path) -> dict[str, str]:
    """Environment of Snakemake and what it starts: no settings of the person's own.

    folder: of the run; what belongs into data/ or HOME goes there where these cannot be written.
    """
    values = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
    paths = [str(record.PROJECT), str(PLUGINS), values.get("PYTHONPATH", "")]
    values["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    data = files.DATA if environment.is_writable(files.DATA) else folder / "data"
    own = {"BRAINLIB_DATA": str(data), **environment.of_person()}
    return values | own | environment.of_folders([data / ".home", folder / ".home"])


def plan(words: Sequence[str], variables: dict[str, str]) -> dict[str, str]:
    """Notebook -> Snakemake's reason to run it, from a dry run. Raises PlanError."""
    place = words.index("--")
    answer = subprocess.run(
        [*words[:place], "--dry-run", "--logger", "brainlib", *words[place:]],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=variables,
    )
    if answer.returncode:
        raise PlanError(f"Snakemake could not plan the run:\n{answer.stdout[-3000:]}")
    lines = [line for line in answer.stdout.splitlines() if line.startswith(PLANNED)]
    jobs = [json.loads(line.removeprefix(PLANNED)) for line in lines]
    return {job["rule"]: job["reason"] for job in jobs}


def in_words(reason: str) -> str:
    """Snakemake's reason for a notebook that has a result, in words for a person."""
    parts = [_part_in_words(part) for part in reason.split("; ")]
    return "; ".join(filter(None, parts)) or "what it needs runs again"


def _part_in_words(part: str) -> str:
    head, _, files = part.partition(": ")
    names = [Path(path).stem for path in files.split(", ")]
    words = {
        "Missing output files": "",
        "Incomplete output files": "it was interrupted last time",
        "Input files updated by another job": f"{', '.join(names)} run again",
        "Updated input files": f"the result of {', '.join(names)} changed",
        f"Set of input files {SINCE}": "it needs other notebooks than before",
        f"Code {SINCE}": "its rule in notebooks/Snakefile changed",
    }
    if head == "Input files updated by another job" and len(names) == 1:
        return f"{names[0]} runs again"
    return words.get(head, head[:1].lower() + head[1:])
