"""The report as PDF, set by typst with the fonts that it carries."""

import io
import math
import tempfile
from pathlib import Path

import pikepdf
import typst

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
    label,
)
from brainlib.show.report.pictures import for_paper, size_of

STYLE = Path(__file__).with_name("report.typ")
TEXT_WIDTH_MM, TEXT_HEIGHT_MM = 162, 205  # of a page, a caption's lines left out
NATIVE_DPI = 150  # of the saved figures
PRINT_SCALE = 0.72  # figures are drawn for a screen, with letters of 11 points
LETTER_PT, SMALLEST_PT = 8.6, 6.4
LETTER_MM, CELL_MM = 1.68, 2.6  # of a table: a letter, and the space beside a cell's words
CAPITAL = 1.4  # of a small letter's width, as in PHANTOM001
WIDEST_WORDS, HEADER_LINES, BOLD = 26, 3, 1.2
WHOLE_ROWS = 14  # a table of so many rows at most stands on one page
WRAPS = {"emphasis": ("#emph[", "];"), "strong": ("#strong[", "];")}


def write_pdf(document: Document, path: Path, *, marked: bool = False) -> Path:
    """Writes the report as PDF.

    Args:
        document: the report.
        path: of the PDF.
        marked: whether generated text is marked at its side.

    Returns:
        the path.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = as_typst(document, place, marked=marked)
        (place / "report.typ").write_text(STYLE.read_text(encoding="utf-8"), encoding="utf-8")
        (place / "main.typ").write_text(source, encoding="utf-8")
        made = typst.compile(place / "main.typ", root=place, ignore_system_fonts=True)
    return write_small(made, path)


def write_small(made: bytes, path: Path) -> Path:
    """Writes a PDF with its objects packed: the tags that a screen reader needs are a third."""
    with pikepdf.open(io.BytesIO(made)) as whole:
        packed = pikepdf.ObjectStreamMode.generate
        whole.save(path, object_stream_mode=packed, deterministic_id=True)
    return path


def as_typst(document: Document, pictures: Path, *, marked: bool = False) -> str:
    """The report in typst's language; its pictures are written into a folder."""
    writer = TypstWriter(document, pictures, marked)
    facts = "".join(
        f"({typst_string(name)}, {typst_string(value)}), " for name, value in document.facts
    )
    warnings = "".join(f"[{writer.line(text)}], " for text in document.warnings)
    parts = [
        '#import "report.typ": *',
        f"#show: report.with(title: {typst_string(document.title)}, facts: ({facts}),"
        f" warnings: ({warnings}))",
        "#show: figures-style",
        "#[\n#show: front-style",
        *(writer.section(one, 1, outlined=False) for one in document.front),
        "#pagebreak()\n#outline(title: [Contents], depth: 2)",
        "#in-list.update(true)",
        "#pagebreak()\n#outline(title: [List of figures], "
        "target: figure.where(kind: image).before(<appendix>))",
        "#outline(title: [List of tables], target: figure.where(kind: table).before(<appendix>))",
        "#in-list.update(false)\n]",
        "#show: body-style",
        *(writer.section(one, 1) for one in document.body),
        writer.bibliography(),
        "#metadata(none) <appendix>\n#show: appendix-style",
        *(writer.section(one, 1) for one in document.appendix),
    ]
    return "\n\n".join(parts)


class TypstWriter:
    """Turns the parts of one document into typst's language."""

    def __init__(self, document: Document, pictures: Path, marked: bool) -> None:
        self.document, self.pictures, self.marked = document, pictures, marked

    def section(self, section: Section, level: int, *, outlined: bool = True) -> str:
        """A section with all that stands in it."""
        options = f"level: {level}"
        if not section.numbered:
            options += ", numbering: none"
        if not outlined:
            options += ", outlined: false"
        parts = [
            f"#heading({options})[{plain(section.heading)}] #label({typst_string(_key(section))})"
        ]
        parts += [self.block(block) for block in section.blocks]
        parts += [self.section(one, level + 1, outlined=outlined) for one in section.sections]
        text = "\n\n".join(parts)
        if section.language != "en":
            return f'#[\n#set text(lang: "{section.language}")\n{text}\n]'
        return text

    def block(self, block: Block) -> str:
        """A block."""
        writers = {
            Paragraph: self._paragraph,
            Items: self._items,
            Listing: self._listing,
            Finding: self._finding,
            Figure: self._figure,
            Table: self._table,
        }
        return writers[type(block)](block)

    def line(self, text: str) -> str:
        """A line of text, its references as links."""
        return "".join(_piece(one) for one in inline.pieces(text, self.document.labels))

    def picture(self, figure: Figure) -> str:
        """Puts a figure's picture beside the source and returns the file's name."""
        data, kind = for_paper(figure.path)
        name = f"picture-{len(list(self.pictures.glob('picture-*')))}.{kind}"
        (self.pictures / name).write_bytes(data)
        return name

    def bibliography(self) -> str:
        """The list of works, each with the label that citations point to; nothing without works."""
        if not self.document.references:
            return ""
        rows = []
        for place, work in enumerate(self.document.references, 1):
            mark = f"#label({typst_string('@' + work.key)})"
            rows.append(f"[\\[{place}\\] #metadata(none) {mark}], [{plain(work.text)}],")
        grid = "#grid(columns: (9mm, 1fr), row-gutter: 2.6mm, " + "\n".join(rows) + ")"
        return (
            f"#heading(level: 1, numbering: none)[Bibliography]\n#set par(justify: false)\n{grid}"
        )

    def _paragraph(self, block: Paragraph) -> str:
        text = self.line(block.text)
        if block.kind == "generated":
            return f"#generated({'true' if self.marked else 'false'})[{text}]"
        return f"#{block.kind}[{text}]" if block.kind else text

    def _items(self, block: Items) -> str:
        mark = "+" if block.numbered else "-"
        return "\n".join(f"{mark} {self.line(text)}" for text in block.texts)

    def _listing(self, block: Listing) -> str:
        return f"#listing(raw({typst_string(block.text)}))"

    def _finding(self, block: Finding) -> str:
        claim, words = self.line(block.claim), self.line(block.words)
        known = block.evidence in self.document.labels
        evidence = self.line(f"[{block.evidence}]") if known else ""
        return f"#finding([{claim}], {typst_string(block.verdict)}, [{words}], [{evidence}])"

    def _figure(self, block: Figure) -> str:
        name = self.picture(block)
        caption = self.line(block.caption)
        if block.credit:
            caption += f" #text(fill: quiet)[{plain(block.credit)}.]"
        picture = f'image("{name}", width: {width_mm(block.path):.0f}mm)'
        outlined = self.line(_short(block.caption))
        return _captioned(picture, caption, outlined, "image", _key(block))

    def _table(self, block: Table) -> str:
        header = "".join(f"[{self.line(column.heading)}], " for column in block.columns)
        rows = []
        for row in block.rows:
            cells = [self._cell(cell.text, cell.bold) for cell in row]
            rows.append("".join(f"[{cell}], " for cell in cells))
        numeric = "".join("true, " if column.numeric else "false, " for column in block.columns)
        widths, size = _widths(block)
        widths = ", ".join(widths)
        body = "\n".join(rows)
        table = f"people-table({size:.1f}pt, ({widths},), ({numeric}), ({header}), (\n{body}\n))"
        note = f"#text(size: 8.6pt, fill: quiet)[{self.line(block.note)}]" if block.note else ""
        caption, outlined = self.line(block.caption), self.line(_short(block.caption))
        made = _captioned(table, caption, outlined, "table", _key(block)) + "\n" + note
        return f"#whole[{made}]" if len(block.rows) <= WHOLE_ROWS else made

    def _cell(self, text: str, bold: bool) -> str:
        line = self.line(text)
        return f"#strong[{line}]" if bold else line


def width_mm(path: Path) -> float:
    """How wide a figure stands on the page: as it was drawn, or as the page allows."""
    width, height = size_of(path)
    native = width / NATIVE_DPI * 25.4
    return min(TEXT_WIDTH_MM, native * PRINT_SCALE, TEXT_HEIGHT_MM * width / height)


def _captioned(body: str, caption: str, outlined: str, kind: str, key: str) -> str:
    supplement = "Figure" if kind == "image" else "Table"
    return (
        f"#figure({body}, kind: {kind}, supplement: [{supplement}], "
        f"caption: long-or-short([{caption}], [{outlined}])) "
        f"#label({typst_string(key)})"
    )


def _short(caption: str) -> str:
    """The first sentence of a caption, for the lists."""
    return caption.split(". ")[0]


def _widths(table: Table) -> tuple[list[str], float]:
    """(widths of the columns as typst has them, size of the letters)."""
    widths, size = widths_mm(table)
    unit = "fr" if size < LETTER_PT else "mm"
    return [f"{width:.1f}{unit}" for width in widths], size


def widths_mm(table: Table) -> tuple[list[float], float]:
    """(widths of the columns, size of the letters): smaller letters where words need more room."""
    needed = [_letters(table, place) * LETTER_MM + CELL_MM for place in range(len(table.columns))]
    total = sum(needed)
    size = min(LETTER_PT, max(SMALLEST_PT, LETTER_PT * TEXT_WIDTH_MM / total))
    share = min(1.0, TEXT_WIDTH_MM / total)
    if share < 1:
        return [width * share for width in needed], size
    wishes = [_longest(table, place) * LETTER_MM + CELL_MM for place in range(len(needed))]
    wanting = [max(0.0, wish - width) for wish, width in zip(wishes, needed)]
    more = min(1.0, (TEXT_WIDTH_MM - total) / sum(wanting)) if sum(wanting) else 0.0
    return [width + more * wish for width, wish in zip(needed, wanting)], size


def _letters(table: Table, place: int) -> int:
    """How many letters of a line a column needs: whole numbers, words that may wrap."""
    column = table.columns[place]
    longest = _longest(table, place)
    words = max(map(_width, _words_of(table, place)), default=1)
    header = max(map(_width, column.heading.split()), default=1)
    header = max(header, -(-_width(column.heading) // HEADER_LINES))
    header = math.ceil(BOLD * header)
    return max(header, longest if column.numeric else max(words, min(longest, WIDEST_WORDS)))


def _width(words: str) -> int:
    """How many small letters are as wide as these words."""
    capitals = sum(letter.isupper() for letter in words)
    return math.ceil(len(words) + (CAPITAL - 1) * capitals)


def _longest(table: Table, place: int) -> int:
    return max([1, *(_width(row[place].text) for row in table.rows)])


def _words_of(table: Table, place: int) -> list[str]:
    return " ".join(row[place].text for row in table.rows).split()


def _key(block: Section | Figure | Table) -> str:
    return label(block)


def _piece(piece: inline.Piece) -> str:
    """A piece of a line. The semicolon ends a call: `.gz` or `(` behind it would belong to it."""
    if piece.kind in ("reference", "citation"):
        return f"#link(label({typst_string(piece.target)}))[{plain(piece.text)}];"
    if piece.kind == "code":
        return f"#raw({typst_string(piece.text)});"
    before, after = WRAPS.get(piece.kind, ("", ""))
    return f"{before}{plain(piece.text)}{after}"


def plain(text: str) -> str:
    """Words that typst prints as they are."""
    return "".join(
        f"\\{letter}" if letter in r"\#$*_`<>@~[]{}/=+-'" + '"' else letter for letter in text
    )


def typst_string(text: str) -> str:
    """A text as typst's string."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
