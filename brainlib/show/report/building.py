"""From a run folder to the files of its report."""

from collections.abc import Sequence
from functools import partial as partial_of
from pathlib import Path

from brainlib import files
from brainlib.show.report import (
    comparison,
    docx_writer,
    html_writer,
    pdf_writer,
    slides,
    table_files,
)
from brainlib.show.report.document import Document
from brainlib.show.report.saved import read_run
from brainlib.show.report.whole import TITLE, TitlePage, whole_report

FORMS = ("html", "pdf", "docx", "slides", "poster")
FILES = {"slides": "slides.pdf", "poster": "poster.pdf"}
LATEX_FOLDER = "report/tables_latex"


def build(
    folder: Path | str,
    *,
    forms: Sequence[str] = ("html",),
    title: str = TITLE,
    author: str = "",
    place: str = "",
    partial: Sequence[str] = (),
    marked: bool = False,
    with_participants: bool = False,
    into: Path | str | None = None,
) -> list[Path]:
    """Writes the report of a run, `report.html` and its like, into the run folder.

    No network, no GPU and no model is needed. Every table is written as LaTeX, too.

    Args:
        folder: the run folder.
        forms: those of `FORMS` that are wanted.
        title: of the report.
        author: who hands it in; "" leaves a marked place.
        place: where.
        partial: names of notebooks whose results are missing; the report says so before all else.
        marked: whether text that the run filled in is marked as such.
        with_participants: whether tables say sex, age and size of people by name.
        into: folder for the report; the run folder itself when None.

    Returns:
        the paths of the report, in the order of `forms`.
    """
    folder, made = Path(folder), Path(into or folder)
    unknown = [form for form in forms if form not in FORMS]
    if unknown:
        raise ValueError(f"forms: expected some of {', '.join(FORMS)}, got {', '.join(unknown)}.")
    saved = read_run(folder, with_participants=with_participants)
    document = whole_report(saved, TitlePage(title, author, place), partial)
    table_files.write_latex_tables(document, folder / LATEX_FOLDER)
    return [_write(document, made / _file_of(form), form, marked) for form in forms]


def compare(
    folders: Sequence[Path | str],
    *,
    forms: Sequence[str] = ("html",),
    title: str = TITLE,
    author: str = "",
    place: str = "",
) -> list[Path]:
    """Writes one report over several runs into a folder beside the first; returns its paths.

    Args:
        folders: run folders, two or more.
        forms, title, author, place: as of `build`.
    """
    runs = [read_run(folder) for folder in folders]
    names = "-".join(run.folder.name for run in runs)
    made = Path(folders[0]).resolve().parent / f"comparison-{names}"
    document = comparison.compared(runs, TitlePage(title, author, place), made / "pictures")
    return [_write(document, made / _file_of(form), form, False) for form in forms]


def _file_of(form: str) -> str:
    return FILES.get(form, f"report.{form}")


def _write(document: Document, path: Path, form: str, marked: bool) -> Path:
    """Writes one form of the report, whole or not at all."""
    if form == "html":
        files.write_text(path, html_writer.as_html(document, marked=marked))
        return path
    writers = {
        "pdf": partial_of(pdf_writer.write_pdf, marked=marked),
        "docx": partial_of(docx_writer.write_docx, marked=marked),
        "slides": slides.write_slides,
        "poster": slides.write_poster,
    }
    with files.whole_file(path) as temporary:
        writers[form](document, Path(temporary))
    return path
