"""The report as a tree that no form knows: sections of paragraphs, findings, figures and tables.

The chapters make it from what a run saved; the writers turn it into HTML, PDF and DOCX. Texts are
Markdown within a line (`code`, *words*), with `[fig:04_vae/loss]`, `[tab:04_vae/quality]` and
`[sec:limits]` for what stands elsewhere in the report, and `[@kingma2014]` for a cited work.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NAMES = {"fig": "Figure", "tab": "Table", "sec": "Section"}


@dataclass(frozen=True)
class Paragraph:
    """A text.

    Attributes:
        text: Markdown within a line.
        kind: "" for a plain text; "generated" for sentences that the run filled in; "author" for
            a place where a person has to write; "warning" for what must not be overlooked.
    """

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Items:
    """A list of texts, numbered where their order counts."""

    texts: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Listing:
    """Lines as a terminal shows them, such as a command."""

    text: str


@dataclass(frozen=True)
class Finding:
    """A claim that was put to the test.

    Attributes:
        claim: the sentence that was to be shown.
        verdict: "shown", "not shown" or "too few to decide".
        words: effect, interval and number of people.
        evidence: label of the section that has its tables and figures; "" for the one it is in.
    """

    claim: str
    verdict: str
    words: str
    evidence: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture with its caption.

    Attributes:
        key: of references, "04_vae/loss".
        path: of the PNG file.
        caption: what is to be seen.
        credit: whose data it shows.
    """

    key: str
    path: Path
    caption: str
    credit: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and whether numbers stand in it."""

    heading: str
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a table; the best of its column is `bold` where that is decided."""

    text: str
    bold: bool = False


def cells(*texts: object) -> tuple[Cell, ...]:
    """A row of plain cells."""
    return tuple(Cell(str(text)) for text in texts)


@dataclass(frozen=True)
class Table:
    """A table for people; the whole one is a CSV file.

    Attributes:
        key: of references, "04_vae/quality".
        caption: what it says.
        columns: at most seven.
        rows: a cell for each column.
        note: what stands below it: the same in all rows, left-out columns, abbreviations.
        csv: path of the whole table, relative to the run folder.
    """

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    csv: str = ""


Block = Paragraph | Items | Listing | Finding | Figure | Table


@dataclass(frozen=True)
class Section:
    """A section: blocks, then sections inside it.

    Attributes:
        key: of references and of its address in the page.
        heading: its heading.
        blocks: what stands in it, in order.
        sections: its own sections.
        numbered: whether it has a number (an abstract has none).
        language: of its texts, as "en" or "es".
    """

    key: str
    heading: str
    blocks: tuple[Block, ...] = ()
    sections: tuple["Section", ...] = ()
    numbered: bool = True
    language: str = "en"


@dataclass(frozen=True)
class Reference:
    """A work that the report cites: its key and the entry of the bibliography."""

    key: str
    text: str


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: of the report.
        facts: lines of the title page: (name, value), such as ("Author", "A. Person").
        warnings: what a reader must know before all else.
        front: abstract, findings and the like, before the contents.
        body: numbered sections.
        appendix: sections after the bibliography.
        references: the works cited, in the order of their first citation.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    front: tuple[Section, ...] = ()
    body: tuple[Section, ...] = ()
    appendix: tuple[Section, ...] = ()
    references: tuple[Reference, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


def walk(sections: tuple[Section, ...]) -> Iterator[Section]:
    """The sections and all inside them, in the order in which they are read."""
    for section in sections:
        yield section
        yield from walk(section.sections)


def blocks(document: Document) -> Iterator[Block]:
    """Every block of a report, in the order in which they are read."""
    for section in walk((*document.front, *document.body, *document.appendix)):
        yield from section.blocks


def number_of(document: Document, block: Figure | Table) -> str:
    """The name of a figure or table with its number, such as "Figure 3"."""
    return document.labels[label(block)]


def label(block: Block | Section) -> str:
    """What references call a figure, a table or a section: "fig:04_vae/loss"."""
    kinds = {Figure: "fig", Table: "tab", Section: "sec"}
    return f"{kinds[type(block)]}:{block.key}"


def labels(document: Document) -> dict[str, str]:
    """The number of every section, figure and table: {"fig:04_vae/loss": "Figure 3"}."""
    numbers = _section_numbers(document.body, "")
    numbers |= _section_numbers(document.appendix, "", letters=True)
    numbers |= {label(one): one.heading for one in walk(document.front)}
    counts = {Figure: 0, Table: 0}
    for block in blocks(document):
        if type(block) in counts:
            counts[type(block)] += 1
            name = NAMES[label(block).split(":")[0]]
            numbers[label(block)] = f"{name} {counts[type(block)]}"
    return numbers


def _section_numbers(
    sections: tuple[Section, ...], before: str, *, letters: bool = False
) -> dict[str, str]:
    """{"sec:limits": "Section 6.1"}; an appendix counts in letters."""
    numbers, count = {}, 0
    for section in sections:
        if not section.numbered:
            numbers[label(section)] = section.heading
            continue
        count += 1
        number = f"{before}{chr(64 + count) if letters else count}"
        numbers[label(section)] = f"{'Appendix' if letters else 'Section'} {number}"
        numbers |= _section_numbers(section.sections, f"{number}.")
    return numbers
