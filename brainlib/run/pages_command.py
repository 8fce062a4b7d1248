"""`./run_all.sh --pages`: a run as pages for the web; nothing is computed again."""

import argparse
import sys
import time
from pathlib import Path

from brainlib import record
from brainlib.record import NotRunYet
from brainlib.run import batch, start_page, working_copies
from brainlib.run.command import check_data, check_folder, display_path
from brainlib.run.refused import Refused
from brainlib.run.start_page import NotExecuted
from brainlib.show import site

LOCK = ".lock-pages"


def run(options: argparse.Namespace) -> int:
    """Writes the pages of a run; returns the exit code.

    Raises:
        Refused: names of notebooks, or a folder without results.
    """
    if options.notebooks:
        raise Refused(f"--pages {' '.join(options.notebooks)}: expected no notebook: it takes all.")
    folder = check_folder(options.out, options.profile, check_data(options.data))
    began = time.monotonic()
    try:
        made = _build(folder, options.with_participants)
    except NotRunYet as error:
        raise Refused(str(error)) from None
    except NotExecuted as error:
        print(f"run_all.sh: the start page could not be made: {error}", file=sys.stderr)
        return batch.EXIT_CODES["failed"]
    for words in made.warnings:
        print(words.replace("`", ""))
    index = display_path(made.folder / "index.html")
    print(f"pages: {index} ({made.pages} pages, {made.megabytes:.1f} MB)")
    print(f"written in {time.monotonic() - began:.0f} s")
    return 0


def _build(folder: Path, with_participants: bool) -> site.Site:
    """Writes the pages while nobody else writes them.

    Raises:
        NotRunYet: there is no run in the folder.
        NotExecuted: the start page could not be made.
        Refused: somebody writes pages of this run just now.
    """
    if not record.read_state(folder).exists:
        raise NotRunYet(f"{display_path(folder)} has no results yet. Make them: ./run_all.sh")
    with record.lock(folder, LOCK) as held:
        if not held:
            raise Refused(f"{display_path(folder)}: its pages are being written. Wait for the end.")
        first = start_page.executed(working_copies.start_page(folder), record.NOTEBOOKS)
        return site.build(folder, first, with_participants=with_participants)
