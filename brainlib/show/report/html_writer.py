"""The report as one HTML file that needs no network: contents, light, dark and print styles."""

from collections.abc import Callable, Iterable
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from brainlib.show import pages
from brainlib.show.report import inline
from brainlib.show.report.document import (
    Document,
    Figure,
    Finding,
    Items,
    Listing,
    Paragraph,
    Section,
    Table,
    blocks,
    label,
)
from brainlib.show.report.pictures import in_pixels

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
TAGS = {"code": "code", "emphasis": "em", "strong": "strong"}
KINDS = {
    Paragraph: "paragraph",
    Items: "items",
    Listing: "listing",
    Finding: "finding",
    Figure: "figure",
    Table: "table",
}


def as_html(
    document: Document, *, marked: bool = False, source: Callable[[Path], str] | None = None
) -> str:
    """The report as HTML.

    Args:
        document: the report.
        marked: whether generated text is marked at its side.
        source: gives the address of a figure's file; without it the page holds its pictures.
    """
    template = TEMPLATES.get_template("report.html.j2")
    words = Words(document, source or _held)
    return template.render(document=document, words=words, marked=marked)


class Words:
    """What the template asks of a document: texts as HTML, numbers and addresses."""

    def __init__(self, document: Document, source_of: Callable[[Path], str]) -> None:
        self.document, self.source_of = document, source_of

    def inline(self, text: str) -> Markup:
        """A line as HTML, its references as links."""
        return Markup("").join(_piece(one) for one in inline.pieces(text, self.document.labels))

    def number(self, block: Section | Figure | Table) -> str:
        """Its number: "Figure 3", and "2.1" for a section."""
        name = self.document.labels[label(block)]
        return name.removeprefix("Section ") if isinstance(block, Section) else name

    def anchor(self, block: Section | Figure | Table) -> str:
        """The address of a section, a figure or a table in the page."""
        return anchor(label(block))

    def anchor_of_work(self, key: str) -> str:
        """The address of an entry of the bibliography."""
        return anchor(f"@{key}")

    def kind(self, block: object) -> str:
        """What the template calls a block."""
        return KINDS[type(block)]

    def evidence(self, found: Finding) -> Markup | str:
        """A link to the section that has a finding's tables and figures; "" without one."""
        return self.inline(f"[{found.evidence}]") if found.evidence in self.document.labels else ""

    def source(self, figure: Figure) -> str:
        """The address of a figure's picture."""
        return self.source_of(figure.path)

    def blocks_of(self, kind: str) -> Iterable[Figure | Table]:
        """Every figure or every table, for the lists of them."""
        return [one for one in blocks(self.document) if KINDS[type(one)] == kind]

    def verdict_class(self, verdict: str) -> str:
        """The class of a verdict in the style sheet."""
        return verdict.split(",")[0].replace(" ", "-")


def _held(path: Path) -> str:
    """A figure's picture as an address that holds it."""
    return pages.data_url(*in_pixels(path))


def anchor(mark: str) -> str:
    """A label as an address in the page: letters, digits and dashes."""
    return "".join(letter if letter.isalnum() else "-" for letter in mark.lstrip("@"))


def _piece(piece: inline.Piece) -> Markup:
    if piece.kind in ("reference", "citation"):
        return Markup('<a href="#{}">{}</a>').format(anchor(piece.target), piece.text)
    tag = TAGS.get(piece.kind)
    return Markup(f"<{tag}>{{}}</{tag}>").format(piece.text) if tag else escape(piece.text)
