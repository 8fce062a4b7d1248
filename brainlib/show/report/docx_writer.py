"""The report as DOCX, for those who go on writing in it: styles, contents, captions, links."""

import io
from collections.abc import Iterator
from pathlib import Path

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.table import CT_Row
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table as WordTable
from docx.table import _Cell as WordCell
from docx.text.paragraph import Paragraph as WordParagraph

from brainlib.show.report import inline
from brainlib.show.report.document import (
    Block,
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
from brainlib.show.report.pdf_writer import WHOLE_ROWS, width_mm, widths_mm
from brainlib.show.report.pictures import in_pixels

QUIET = RGBColor(0x55, 0x55, 0x55)
VERDICTS = {
    "shown": RGBColor(0x00, 0x70, 0x4F),
    "not shown": RGBColor(0xB3, 0x47, 0x00),
    "too few to decide": QUIET,
}
DEEPEST_IN_CONTENTS = 2
PAGE_MM, MARGIN_MM = (210, 297), 24
AUTHOR = "For the author. "
CONTENTS = 'TOC \\o "1-2" \\h \\z \\u'  # Word's names of fields
LISTS = {Figure: 'TOC \\h \\z \\c "Figure"', Table: 'TOC \\h \\z \\c "Table"'}
WORD_LETTERS, CELL_SIDE = 0.9, 57  # its letters are wider than typst's; twentieths of a point
AFTER = {"Contents entry": 2, "Table words": 1}  # points


def write_docx(document: Document, path: Path, *, marked: bool = False) -> Path:
    """Writes the report as DOCX.

    Args:
        document: the report.
        path: of the file.
        marked: whether generated text is marked by colour.

    Returns:
        the path.
    """
    writer = _Writer(document, marked)
    writer.title_page()
    for section in document.front:
        writer.section(section, 1)
    writer.contents()
    for section in document.body:
        writer.section(section, 1)
    writer.bibliography()
    for section in document.appendix:
        writer.section(section, 1)
    writer.word.save(str(path))
    return path


class _Writer:
    """Writes the parts of one document into Word's."""

    def __init__(self, document: Document, marked: bool) -> None:
        self.document, self.marked = document, marked
        self.word = docx.Document()
        self.bookmarks = 0
        _page_and_styles(self.word)
        # Found once, for Word's own search is slow.
        self.styles = {style.name: style for style in self.word.styles}
        self.cell_style = self.styles["Table words"].style_id
        self.word.core_properties.title = document.title
        self.word.core_properties.author = dict(document.facts).get("Author", "")

    def title_page(self) -> None:
        """Title, facts, and what a reader must know before all else."""
        self.word.add_paragraph(self.document.title, style=self.styles["Title"])
        for name, value in self.document.facts:
            line = self.word.add_paragraph()
            line.add_run(f"{name}: ").font.color.rgb = QUIET
            line.add_run(value)
        for warning in self.document.warnings:
            self.paragraph(Paragraph(warning, "warning"))
        self._page_break()

    def contents(self) -> None:
        """Contents and lists of figures and tables: each line a link, all of them fields."""
        heading = self.word.add_paragraph("Contents", style=self.styles["Contents heading"])
        heading.paragraph_format.page_break_before = True
        lines = []
        for section, level in _outline((*self.document.body, *self.document.appendix), 1):
            words = f"{_number(self.document, section)} {section.heading}".strip()
            lines.append(self._entry(words, label(section), level))
        _field_around(lines, CONTENTS)
        self._list_of(Figure, "List of figures")
        self._list_of(Table, "List of tables")

    def _list_of(self, kind: type, heading: str) -> None:
        """The list of all figures or of all tables."""
        self.word.add_paragraph(heading, style=self.styles["Contents heading"])
        lines = []
        for block in blocks(self.document):
            if isinstance(block, kind):
                caption = inline.plain(block.caption.split(". ")[0], self.document.labels)
                words = f"{self.document.labels[label(block)]}. {caption}"
                lines.append(self._entry(words, label(block), 1))
        _field_around(lines, LISTS[kind])

    def section(self, section: Section, level: int) -> None:
        """A section with all that stands in it."""
        words = f"{_number(self.document, section)} {section.heading}".strip()
        heading = self.word.add_heading("", level=min(level, 4))
        heading.paragraph_format.page_break_before = level == 1 and section.numbered
        self._bookmark(heading, label(section), words)
        for block in section.blocks:
            self.block(block)
        for inner in section.sections:
            self.section(inner, level + 1)

    def block(self, block: Block) -> None:
        """A block."""
        writers = {
            Paragraph: self.paragraph,
            Items: self._items,
            Listing: self._listing,
            Finding: self._finding,
            Figure: self._figure,
            Table: self._table,
        }
        writers[type(block)](block)

    def paragraph(self, block: Paragraph) -> None:
        """A text; places for the author and warnings are framed by a style of their own."""
        styles = {"author": "For the author", "warning": "Warning"}
        line = self.word.add_paragraph(style=self.styles[styles.get(block.kind, "Normal")])
        if block.kind == "author":
            line.add_run(AUTHOR).bold = True
        colour = RGBColor(0x8A, 0x2D, 0x6B) if self.marked and block.kind == "generated" else None
        self._write(line, block.text, colour=colour)

    def bibliography(self) -> None:
        """The works, each with the bookmark that citations point to; nothing without works."""
        if not self.document.references:
            return
        heading = self.word.add_heading("Bibliography", level=1)
        heading.paragraph_format.page_break_before = True
        for place, work in enumerate(self.document.references, 1):
            line = self.word.add_paragraph(style=self.styles["Normal"])
            line.paragraph_format.left_indent = Mm(9)
            line.paragraph_format.first_line_indent = Mm(-9)
            self._bookmark(line, f"@{work.key}", f"[{place}]")
            line.add_run(f"\t{work.text}")

    def _items(self, block: Items) -> None:
        style = "List Number" if block.numbered else "List Bullet"
        for text in block.texts:
            self._write(self.word.add_paragraph(style=self.styles[style]), text)

    def _listing(self, block: Listing) -> None:
        run = self.word.add_paragraph(style=self.styles["Normal"]).add_run(block.text)
        run.font.name, run.font.size = "DejaVu Sans Mono", Pt(8.5)

    def _finding(self, block: Finding) -> None:
        line = self.word.add_paragraph(style=self.styles["Finding"])
        self._write(line, f"**{block.claim}.** ")
        verdict = line.add_run(block.verdict)
        verdict.bold, verdict.font.size = True, Pt(9)
        verdict.font.color.rgb = VERDICTS.get(block.verdict.split(",")[0], QUIET)
        line.add_run().add_break()
        self._write(line, block.words)
        if block.evidence in self.document.labels:
            self._write(line, f" [{block.evidence}]", size=8.5, colour=QUIET)

    def _figure(self, block: Figure) -> None:
        line = self.word.add_paragraph()
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.paragraph_format.keep_with_next = True
        picture = line.add_run().add_picture(
            io.BytesIO(in_pixels(block.path).data), width=Mm(width_mm(block.path))
        )
        picture._inline.docPr.set("descr", inline.plain(block.caption, self.document.labels))
        self._caption(block, block.credit)

    def _table(self, block: Table) -> None:
        caption = self._caption(block)
        caption.paragraph_format.keep_with_next = True
        widths, size = widths_mm(block)
        size *= WORD_LETTERS
        table = self.word.add_table(rows=len(block.rows) + 1, cols=len(block.columns))
        lines = [_cells_of(row, table) for row in table._tbl.tr_lst]
        for cell, column in zip(lines[0], block.columns):
            self._cell(cell, column.heading, size, bold=True, right=column.numeric)
        _repeat_header(table)
        for line, row in zip(lines[1:], block.rows):
            for cell, words, column in zip(line, row, block.columns):
                self._cell(cell, words.text, size, bold=words.bold, right=column.numeric)
        _lay_out(table, widths)
        _rules(table)
        note = self.word.add_paragraph(style=self.styles["Table note"])
        self._write(note, block.note)

    def _cell(self, cell: WordCell, text: str, size: float, *, bold: bool, right: bool) -> None:
        line = cell.paragraphs[0]
        line._p.style = self.cell_style  # at once: Word's own setter searches all styles
        if right:
            line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        self._write(line, text, size=size, bold=bold)

    def _caption(self, block: Figure | Table, credit: str = "") -> WordParagraph:
        line = self.word.add_paragraph(style=self.styles["Caption"])
        kind, number = self.document.labels[label(block)].split()
        self._bookmark(line, label(block), f"{kind} ", bold=True, counted=number)
        line.add_run(".").bold = True
        self._write(line, f" {block.caption}")
        if credit:
            line.add_run(f" {credit}.").font.color.rgb = QUIET
        return line

    def _write(
        self,
        line: WordParagraph,
        text: str,
        *,
        size: float | None = None,
        bold: bool = False,
        colour: RGBColor | None = None,
    ) -> None:
        """A text into a paragraph, its references as links within the file."""
        before = " " if text.startswith(" ") else ""
        after = " " if text.endswith(" ") else ""
        pieces = [
            inline.Piece(before),
            *inline.pieces(text, self.document.labels),
            inline.Piece(after),
        ]
        for piece in pieces:
            if not piece.text:
                continue
            if piece.kind in ("reference", "citation"):
                run = _link(line, piece.text, _bookmark_name(piece.target))
            else:
                run = line.add_run(piece.text)
            run.bold = True if bold or piece.kind == "strong" else None
            run.italic = True if piece.kind == "emphasis" else None
            if piece.kind == "code":
                run.font.name = "DejaVu Sans Mono"
            if size:
                run.font.size = Pt(size)
            if colour is not None:
                run.font.color.rgb = colour

    def _entry(self, words: str, target: str, level: int) -> WordParagraph:
        line = self.word.add_paragraph(style=self.styles["Contents entry"])
        line.paragraph_format.left_indent = Mm(6 * (level - 1))
        _link(line, words, _bookmark_name(target))
        return line

    def _bookmark(
        self,
        line: WordParagraph,
        mark: str,
        words: str,
        *,
        bold: bool = False,
        counted: str = "",
    ) -> None:
        """Words with a bookmark around them, and a number that Word counts on."""
        self.bookmarks += 1
        start, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
        start.set(qn("w:id"), str(self.bookmarks))
        start.set(qn("w:name"), _bookmark_name(mark))
        end.set(qn("w:id"), str(self.bookmarks))
        line._p.append(start)
        run = line.add_run(words)
        run.bold = True if bold else None
        if counted:
            _counter(line, words.strip(), counted)
        line._p.append(end)

    def _page_break(self) -> None:
        self.word.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _outline(sections: tuple[Section, ...], level: int) -> Iterator[tuple[Section, int]]:
    for section in sections:
        yield section, level
        if level < DEEPEST_IN_CONTENTS:
            yield from _outline(section.sections, level + 1)


def _number(document: Document, section: Section) -> str:
    name = document.labels[label(section)]
    return name.removeprefix("Section ") if section.numbered else ""


def _bookmark_name(mark: str) -> str:
    """A label as Word takes it: letters, digits, underscores, at most 40 of them."""
    letters = "".join(letter if letter.isalnum() else "_" for letter in mark)
    if len(letters) <= 38:
        return f"b_{letters}"
    return (
        f"b_{letters[:28]}_{sum(ord(one) * place for place, one in enumerate(letters, 1)) % 10**8}"
    )


def _link(line: WordParagraph, words: str, bookmark: str) -> docx.text.run.Run:
    """Words that lead to a bookmark of the file."""
    link = OxmlElement("w:hyperlink")
    link.set(qn("w:anchor"), bookmark)
    run = line.add_run(words)
    line._p.remove(run._r)
    link.append(run._r)
    line._p.append(link)
    return run


def _repeat_header(table: WordTable) -> None:
    """The first row stands again on each page; no row is cut by a page."""
    properties = table.rows[0]._tr.get_or_add_trPr()
    header = OxmlElement("w:tblHeader")
    header.set(qn("w:val"), "true")
    properties.append(header)


def _cells_of(row: CT_Row, table: WordTable) -> list[WordCell]:
    return [WordCell(cell, table) for cell in row.tc_lst]


def _lay_out(table: WordTable, widths: list[float]) -> None:
    """Columns as wide as their words; no row is cut by a page, and a small table stands whole."""
    table.autofit = False
    rows = table._tbl.tr_lst  # Word's own rows and cells are slow to find
    for column, width in zip(table._tbl.tblGrid.gridCol_lst, widths):
        column.w = Mm(width)
    for place, row in enumerate(rows, 1):
        row.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        for cell, width in zip(row.tc_lst, widths):
            cell.width = Mm(width)
            if place < len(rows) <= WHOLE_ROWS:
                cell.p_lst[0].get_or_add_pPr().get_or_add_keepNext()


def _counter(line: WordParagraph, kind: str, number: str) -> None:
    """A number that Word counts on: Figure 1, Figure 2."""
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), f" SEQ {kind} \\* ARABIC ")
    run = line.add_run(number)
    run.bold = True
    line._p.remove(run._r)
    field.append(run._r)
    line._p.append(field)


def _field_around(lines: list[WordParagraph], instruction: str) -> None:
    """Makes paragraphs the result of a field, which Word renews on request."""
    if not lines:
        return
    begin, code, separate = _field_mark("begin"), OxmlElement("w:r"), _field_mark("separate")
    words = OxmlElement("w:instrText")
    words.set(qn("xml:space"), "preserve")
    words.text = f" {instruction} "
    code.append(words)
    first = lines[0]._p
    place = 0 if first.pPr is None else 1
    for offset, element in enumerate((begin, code, separate)):
        first.insert(place + offset, element)
    lines[-1]._p.append(_field_mark("end"))


def _field_mark(kind: str) -> OxmlElement:
    run, mark = OxmlElement("w:r"), OxmlElement("w:fldChar")
    mark.set(qn("w:fldCharType"), kind)
    run.append(mark)
    return run


def _rules(table: WordTable) -> None:
    """Lines above, below the header and below the table, thin ones between rows."""
    borders = OxmlElement("w:tblBorders")
    for side, size in (("top", "10"), ("bottom", "10"), ("insideH", "4")):
        line = OxmlElement(f"w:{side}")
        line.set(qn("w:val"), "single")
        line.set(qn("w:sz"), size)
        line.set(qn("w:color"), "000000" if side != "insideH" else "BBBBBB")
        borders.append(line)
    table._tbl.tblPr.append(borders)
    sides = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        space = OxmlElement(f"w:{side}")
        space.set(qn("w:w"), str(CELL_SIDE))
        space.set(qn("w:type"), "dxa")
        sides.append(space)
    table._tbl.tblPr.append(sides)


def _page_and_styles(word: docx.document.Document) -> None:
    """A4, the text's style, and styles for what Word has none for."""
    page = word.sections[0]
    page.page_width, page.page_height = Mm(PAGE_MM[0]), Mm(PAGE_MM[1])
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Mm(MARGIN_MM)
    footer = page.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    footer.add_run()
    _field_around([footer], "PAGE")
    normal = word.styles["Normal"]
    normal.font.name, normal.font.size = "Georgia", Pt(10.5)
    normal.paragraph_format.space_after = Pt(6)
    for name, size in (("For the author", 10.5), ("Warning", 10.5), ("Finding", 10.5)):
        _framed(word.styles.add_style(name, 1), normal, size)
    own = (("Contents entry", 10), ("Contents heading", 15), ("Table note", 8.5))
    for name, size in (*own, ("Table words", 8.5)):
        style = word.styles.add_style(name, 1)
        style.base_style, style.font.size = normal, Pt(size)
        style.paragraph_format.space_after = Pt(AFTER.get(name, 8))
    for name in ("Finding", "Caption"):
        word.styles[name].paragraph_format.keep_together = True
    word.styles["Caption"].font.size = Pt(9)
    word.styles["Caption"].font.bold = False
    word.styles["Caption"].font.color.rgb = RGBColor(0, 0, 0)


def _framed(style: docx.styles.style.ParagraphStyle, normal: object, size: float) -> None:
    """A paragraph with a line at its left."""
    style.base_style, style.font.size = normal, Pt(size)
    style.paragraph_format.left_indent = Mm(3)
    borders = OxmlElement("w:pBdr")
    line = OxmlElement("w:left")
    dashed = style.name == "For the author"
    line.set(qn("w:val"), "dashed" if dashed else "single")
    line.set(qn("w:sz"), "18")
    line.set(qn("w:space"), "6")
    line.set(qn("w:color"), "E69F00" if style.name == "Warning" else "777777")
    borders.append(line)
    style.element.get_or_add_pPr().append(borders)
