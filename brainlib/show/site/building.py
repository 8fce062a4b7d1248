"""From a run folder to the folder of its pages, which is whole or not there."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from brainlib import files, record
from brainlib.record import paths
from brainlib.show.report.saved import Saved, read_run
from brainlib.show.site import contents, writing
from brainlib.show.site.images import Images

FOLDER = "pages"  # of a run
UNFINISHED = ".pages-"  # begins the name of a folder that is being written


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes:
        folder: of the pages.
        pages: how many.
        megabytes: of all files.
        warnings: which chapters are missing, in words.
    """

    folder: Path
    pages: int
    megabytes: float
    warnings: tuple[str, ...]


def build(folder: Path | str, first: NotebookNode, *, with_participants: bool = False) -> Site:
    """Writes the pages of a run into its folder `pages`, all of them or none.

    Args:
        folder: of the run.
        first: the start page, executed for this run.
        with_participants: whether tables say sex, age and size of people by name.

    Raises:
        NotRunYet: no chapter has a result.
    """
    folder = Path(folder)
    saved = read_run(folder, with_participants=with_participants)
    state = record.read_state(folder)
    data = paths.data_folders(state.record.get("data", ""))
    with _whole_folder(folder / FOLDER) as place:
        images = Images(place)
        made = contents.all_pages(saved, state, first, images)
        known = [*data, folder, files.PROJECT]
        writing.write(made, place, images, folders=known, footer=_footer(saved))
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return Site(folder / FOLDER, len(made), size / 1e6, tuple(contents.warnings(state)))


def _footer(saved: Saved) -> str:
    """Data, run, profile and day, in a line."""
    run = saved.record
    parts = [saved.source, f"run {saved.folder.name}"]
    parts += [f"profile {run['profile']}"] if run.get("profile") else []
    parts += [str(run["started"]).split("T")[0]] if run.get("started") else []
    return " · ".join(filter(None, parts))


@contextlib.contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Yields a new folder that takes the place of another at the end; on an error it is gone."""
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=UNFINISHED))
    old = temporary.with_name(f"{temporary.name}-old")
    made = temporary / FOLDER
    try:
        made.mkdir()  # with the usual permissions, which mkdtemp does not give
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
    finally:
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)
