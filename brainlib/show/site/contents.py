"""Which pages a site has, in their order: the chapters, the report, the pages of the workbook."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from brainlib import files, record
from brainlib.record import Chapter, RunState
from brainlib.show import start
from brainlib.show.report import html_writer
from brainlib.show.report.saved import Saved
from brainlib.show.report.whole import TITLE, TitlePage, whole_report
from brainlib.show.site import notebooks, texts
from brainlib.show.site.images import Images

CHAPTERS, RUN, WORKBOOK = GROUPS = ("Chapters", "This run", "The workbook")
MARKDOWN_LINK = re.compile(r"\]\(([^):#]+\.md)")
STOPPED = {
    "failed": "failed",
    "interrupted": "were stopped",
    "running": "were still running",
    record.NOT_RUN: "were not run",
}


@dataclass(eq=False)
class Page:
    """A page before it is written.

    Attributes:
        address: its file.
        short: its name in the list of pages.
        group: of the list.
        kind: "notebook", "text" or "whole" (a page that brings its own head).
        body: its content as HTML.
        sources: files whose links lead here.
        places: folders in which its own links may begin.
        mark: beside its name in the list, such as "failed".
        warnings: what stands above it.
    """

    address: str
    short: str
    group: str
    kind: str
    body: str
    sources: tuple[Path, ...]
    places: tuple[Path, ...]
    mark: str = ""
    warnings: tuple[str, ...] = ()
    headings: list[tuple[str, str]] = field(default_factory=list)
    title: str = ""


def all_pages(saved: Saved, state: RunState, first: NotebookNode, images: Images) -> list[Page]:
    """The pages of a run, in the order in which they are read.

    Args:
        saved: what the run handed on.
        state: how far it is.
        first: the start page, executed for this run.
        images: stores the pictures of the report.
    """
    chapters = [_chapter(one, state) for one in state.chapters]
    found = [_start_page(first, tuple(warnings(state)))]
    found += [page for page in chapters if page]
    found += [_report(saved, images), *_quality(state.folder)]
    return found + [_text(path) for path in _markdown_files()]


def warnings(state: RunState) -> Iterator[str]:
    """What a reader must know of chapters that are not there."""
    for status, words in STOPPED.items():
        names = state.named(status)
        if names:
            yield f"Chapters of the run `{state.folder.name}` that {words}: {', '.join(names)}."


def _start_page(first: NotebookNode, warned: tuple[str, ...]) -> Page:
    return Page(
        address="index.html",
        short="Start",
        group=CHAPTERS,
        kind="notebook",
        body=notebooks.as_html(first),
        sources=(record.NOTEBOOKS / "00_start.ipynb",),
        places=(record.NOTEBOOKS,),
        warnings=warned,
    )


def _chapter(chapter: Chapter, state: RunState) -> Page | None:
    """A chapter as the run executed it; as it stands in the workbook where the run has none."""
    name = chapter.name
    own = record.NOTEBOOKS / f"{name}.ipynb"
    made = state.folder / "notebooks" / own.name
    path = made if made.exists() else own
    if not path.exists():
        return None
    number, heading = start.title_of(name)
    return Page(
        address=f"{name}.html",
        short=f"{number} {heading.split(':')[0]}",
        group=CHAPTERS,
        kind="notebook",
        body=notebooks.as_html(nbformat.read(path, 4)),
        sources=(made, own),
        places=(own.parent, made.parent),
        mark="" if chapter.status == record.DONE else chapter.status,
        warnings=() if path == made else (_not_done(number, state),),
    )


def _not_done(number: str, state: RunState) -> str:
    command = state.go_on.replace("run_all.sh", f"run_all.sh {number}")
    return f"This run has not done this chapter. It does with `{command}`."


def _report(saved: Saved, images: Images) -> Page:
    """The report; its pictures are those of the chapters."""
    folder = saved.folder
    document = whole_report(saved, _title_page(folder), [])
    return Page(
        address="report.html",
        short="Report",
        group=RUN,
        kind="whole",
        body=html_writer.as_html(document, source=lambda path: images.of_file(path).address),
        sources=(folder / "report.html", folder / "report" / "report.html"),
        places=(folder,),
    )


def _title_page(folder: Path) -> TitlePage:
    """Title, author and place as chapter 10 had them."""
    try:
        text = (folder / "results" / "10_report.json").read_text(encoding="utf-8")
        asked = json.loads(text)["parameters"]
    except (OSError, ValueError, KeyError):
        asked = {}
    return TitlePage(asked.get("title") or TITLE, asked.get("author", ""), asked.get("place", ""))


def _quality(folder: Path) -> Iterator[Page]:
    """The quality page of the heads, where a chapter made one."""
    path = folder / "quality.html"
    if path.exists():
        yield Page(
            address=path.name,
            short="Quality of heads",
            group=RUN,
            kind="whole",
            body=path.read_text(encoding="utf-8"),
            sources=(path,),
            places=(folder,),
        )


def _text(path: Path) -> Page:
    """A Markdown file of the workbook."""
    text = path.read_text(encoding="utf-8")
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    is_readme = path.parent == files.PROJECT
    return Page(
        address=f"{_name_of(path)}.html",
        short=heading[1] if heading and not is_readme else path.stem,
        group=WORKBOOK,
        kind="text",
        body=texts.as_html(text),
        sources=(path,),
        places=(path.parent,),
    )


def _markdown_files() -> list[Path]:
    """The glossary, README, and all that these lead to."""
    waiting = [record.NOTEBOOKS / "glossary.md", files.PROJECT / "README.md"]
    found = []
    while waiting:
        path = waiting.pop(0).resolve()
        if path in found or not path.is_file():
            continue
        found.append(path)
        links = MARKDOWN_LINK.findall(path.read_text(encoding="utf-8"))
        waiting += [path.parent / link for link in links]
    return found


def _name_of(path: Path) -> str:
    """The name of a Markdown file's page: that of its folder, where it is called README."""
    inside = path.stem == "README" and path.parent != files.PROJECT
    return path.parent.name if inside else path.stem.lower()
