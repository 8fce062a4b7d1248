"""The whole report of a run, from what it saved: front, chapters, bibliography, appendix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from brainlib.show.report import bibliography, discussion, front, methods, results
from brainlib.show.report.acronyms import acronyms
from brainlib.show.report.appendix import appendix
from brainlib.show.report.document import (
    Block,
    Cell,
    Document,
    Figure,
    Finding,
    Items,
    Paragraph,
    Section,
    Table,
    blocks,
    labels,
    walk,
)
from brainlib.show.report.introduction import introduction
from brainlib.show.report.model_cards import model_cards
from brainlib.show.report.people import data_chapter
from brainlib.show.report.readers_words import section_for_readers
from brainlib.show.report.reproducibility import reproducibility_chapter
from brainlib.show.report.saved import Saved

TITLE = "Autoencoders on brain MRI"
SYNTHETIC = (
    "Made with synthetic heads. It shows how the methods work; no number in it says anything "
    "about patients."
)


@dataclass(frozen=True)
class TitlePage:
    """What stands on the title page besides what the run knows.

    Attributes:
        title: of the report.
        author: who hands it in; empty leaves a marked place.
        place: where.
    """

    title: str = TITLE
    author: str = ""
    place: str = ""


def whole_report(saved: Saved, page: TitlePage, partial: Sequence[str] = ()) -> Document:
    """The document that the writers turn into HTML, PDF and DOCX.

    Args:
        saved: what the run saved.
        page: title, author and place.
        partial: names of chapters whose results are missing, beyond those that run.json knows.
    """
    document = Document(
        title=page.title,
        facts=_facts(saved, page),
        warnings=tuple(_warnings(saved, partial)),
        front=(front.findings_page(saved), front.abstract(saved), front.resumen(saved)),
        body=(
            introduction(),
            data_chapter(saved),
            methods.methods_chapter(saved),
            results.results_chapter(saved),
            *_with_blocks(discussion.published_chapter(saved)),
            discussion.discussion_chapter(saved),
            discussion.limits_chapter(saved),
            model_cards(saved),
            reproducibility_chapter(saved),
        ),
        appendix=appendix(saved),
    )
    document = in_readers_words(document)
    document = replace(document, front=(*document.front, acronyms(texts_of(document))))
    return with_labels(document)


def in_readers_words(document: Document) -> Document:
    """The document without names of the code where a reader sees text."""
    return replace(
        document,
        front=tuple(map(section_for_readers, document.front)),
        body=tuple(map(section_for_readers, document.body)),
        appendix=tuple(map(section_for_readers, document.appendix)),
    )


def _with_blocks(section: Section) -> tuple[Section, ...]:
    """The section, or none where it holds nothing."""
    return (section,) if section.blocks or section.sections else ()


def with_labels(document: Document) -> Document:
    """The document with its references numbered and all labels known."""
    references = bibliography.references(texts_of(document))
    numbers = labels(document)
    numbers |= {f"@{one.key}": str(place) for place, one in enumerate(references, 1)}
    return replace(document, references=references, labels=numbers)


def texts_of(document: Document) -> Iterator[str]:
    """Every text of a document, in the order in which it is read."""
    yield from (section.heading for section in walk((*document.front, *document.body)))
    for block in blocks(document):
        yield from _texts(block)


def _texts(block: Block) -> list[str]:
    if isinstance(block, Paragraph):
        return [block.text]
    if isinstance(block, Items):
        return list(block.texts)
    if isinstance(block, Finding):
        return [block.claim, block.words]
    if isinstance(block, Figure):
        return [block.caption]
    if isinstance(block, Table):
        cells: list[Cell] = sum((list(row) for row in block.rows), [])
        headings = [column.heading for column in block.columns]
        return [block.caption, *headings, *(cell.text for cell in cells), block.note]
    return []


def _facts(saved: Saved, page: TitlePage) -> tuple[tuple[str, str], ...]:
    """The lines of the title page."""
    record = saved.record
    date = str(record.get("started") or "").split("T")[0]
    profile = record.get("profile", "")
    facts = [
        ("Author", page.author or "(name of the author)"),
        ("Place", page.place),
        ("Date of the run", date),
        ("Data", saved.source),
        ("People", str(saved.people or "")),
        ("Profile", profile),
        ("Run folder", saved.folder.name),
        ("Version", str(record.get("git") or "")[:12]),
    ]
    return tuple((name, value) for name, value in facts if value)


def _warnings(saved: Saved, partial: Sequence[str]) -> Iterator[str]:
    """What a reader must know before all else."""
    missing = list(dict.fromkeys([*partial, *saved.missing()]))
    if missing:
        yield f"This report is partial. Missing: {', '.join(missing)}."
    for name, why in saved.stopped().items():
        yield f"{name} did not finish: {why}."
    if saved.synthetic:
        yield SYNTHETIC
