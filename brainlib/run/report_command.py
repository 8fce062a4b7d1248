"""`./run_all.sh --report`: the report again, from what a run folder holds; nothing is computed."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from brainlib.record import NotRunYet
from brainlib.run.command import check_data, check_folder, display_path
from brainlib.run.refused import Refused, closest
from brainlib.show import findings, report

MOST_COMPARED = 6  # columns beside the claim that a page holds


def run(options: argparse.Namespace) -> int:
    """Writes the report of a run folder, or one over several; returns the exit code.

    Raises:
        Refused: an unknown form, or a folder without results.
    """
    forms = _forms(options.report)
    began = time.monotonic()
    words = {"author": options.author or "", "place": options.place or ""}
    words["title"] = options.title or report.TITLE
    folders = _compared(options.compare) or [_folder(options)]
    try:
        if len(folders) > 1:
            paths = report.compare(folders, forms=forms, **words)
        else:
            words["with_participants"] = options.with_participants
            # Beside the run's own report, whose checksum the run keeps.
            into = folders[0] / "report"
            paths = report.build(folders[0], forms=forms, into=into, **words)
            print("\n".join(findings.in_lines(folders[0])))
    except NotRunYet as error:
        raise Refused(str(error)) from None
    for path in paths:
        print(f"report: {display_path(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    print(f"written in {time.monotonic() - began:.0f} s")
    return 0


def _compared(names: Sequence[str]) -> list[Path]:
    """The run folders to compare; of a sweep those of its points."""
    folders = []
    for name in names:
        points = sorted(path.parent for path in Path(name).resolve().glob("points/*/results"))
        folders += points or [Path(name).resolve()]
    if len(folders) > MOST_COMPARED:
        wanted = f"expected at most {MOST_COMPARED} runs, found {len(folders)}"
        raise Refused(f"--compare: {wanted}. Name single points of the sweep: DIR/points/NAME.")
    return folders


def _folder(options: argparse.Namespace) -> Path:
    return check_folder(options.out, options.profile, check_data(options.data))


def _forms(text: str) -> list[str]:
    """The forms named after --report."""
    forms = [word.strip() for word in text.split(",")]
    for form in forms:
        if form not in report.FORMS:
            known = ", ".join(report.FORMS)
            raise Refused(
                f"--report {text}: expected some of {known}.{closest(form, report.FORMS)}"
            )
    return forms
