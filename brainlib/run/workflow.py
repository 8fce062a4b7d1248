"""Snakemake as ./run_all.sh calls it: the command, its plan, its reasons in plain words."""

import os
import re
import subprocess
import sys
from pathlib import Path

from brainlib import record as runs


class PlanError(Exception):
    """Snakemake could not say what to run."""


def words(folder, config, results, forced, *more, cores):
    """The command line that makes results in a run folder.

    Args:
        folder: run folder.
        config: JSON file with the jobs (see notebooks/Snakefile).
        results: files that are wanted, relative to the folder.
        forced: notebooks that run even if Snakemake finds nothing changed.
        *more: further options.
        cores: how many cores the jobs share.
    """
    return [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(runs.NOTEBOOKS / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(config),
        "--cores",
        str(cores),
        "--scheduler",
        "greedy",
        "--keep-going",
        "--nocolor",
        "--rerun-incomplete",
        "--nolock",  # the lock is ours: it also notices a run that was killed
        "--max-checksum-file-size",
        "1000000000",  # a touched but unchanged result re-runs nothing
        "--profile",
        "none",
        "--workflow-profile",
        "none",  # profiles/ holds ours, not Snakemake's
        *(["--forcerun", *forced] if forced else []),
        *more,
        "--",
        *results,
    ]


def environment():
    """Environment of Snakemake and of what it starts: brainlib is importable, no settings of the person's own interfere."""
    values = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
    values["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(runs.PROJECT), values.get("PYTHONPATH", "")])
    )
    return values


def plan(command):
    """Runs a dry run; dict of notebook -> Snakemake's reason. Raises PlanError with its words where it fails."""
    answer = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()
    )
    if answer.returncode:
        raise PlanError(f"Snakemake could not plan the run:\n{answer.stdout[-3000:]}")
    return dict(
        re.findall(
            r"^(?:local)?rule (\S+):\n(?:    .*\n)*?    reason: (.*)$", answer.stdout, re.MULTILINE
        )
    )


def in_words(reason):
    """Snakemake's reason for a notebook that has a result, in words for a person."""
    said = []
    for part in reason.split("; "):
        head, _, rest = part.partition(": ")
        names = [Path(path).stem for path in rest.split(", ")]
        if head == "Incomplete output files":
            said.append("it was interrupted last time")
        elif head == "Input files updated by another job":
            said.append(f"{', '.join(names)} run{'s' if len(names) == 1 else ''} again")
        elif head == "Updated input files":
            said.append(f"the result of {', '.join(names)} changed")
        elif head.startswith("Set of input files"):
            said.append("it needs other notebooks than before")
        elif head.startswith("Code has changed"):
            said.append("its rule in notebooks/Snakefile changed")
        elif head != "Missing output files":
            said.append(head[:1].lower() + head[1:])
    return "; ".join(said) or "what it needs runs again"
