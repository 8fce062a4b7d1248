"""Every table of the report as LaTeX, for those who write in it."""

from pathlib import Path

from brainlib import files
from brainlib.show.report import inline
from brainlib.show.report.document import Document, Table, blocks

LETTERS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "±": r"$\pm$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def write_latex_tables(document: Document, folder: Path) -> list[Path]:
    """Writes a .tex file for each table; each needs the package booktabs. Returns their paths."""
    paths = []
    for block in blocks(document):
        if isinstance(block, Table):
            path = folder / f"{block.key.replace('/', '_')}.tex"
            files.write_text(path, as_latex(block, document))
            paths.append(path)
    return paths


def as_latex(table: Table, document: Document) -> str:
    """A table in LaTeX, with caption and label."""
    sides = "".join("r" if column.numeric else "l" for column in table.columns)
    header = " & ".join(_words(column.heading, document) for column in table.columns)
    lines = [r"\begin{table}", r"  \centering", rf"  \caption{{{_words(table.caption, document)}}}"]
    lines += [rf"  \label{{tab:{table.key}}}", rf"  \begin{{tabular}}{{{sides}}}", r"    \toprule"]
    lines += [rf"    {header} \\", r"    \midrule"]
    for row in table.rows:
        cells = [_cell(cell.text, cell.bold, document) for cell in row]
        lines.append(rf"    {' & '.join(cells)} \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def _cell(text: str, bold: bool, document: Document) -> str:
    words = _words(text, document)
    return rf"\textbf{{{words}}}" if bold else words


def _words(text: str, document: Document) -> str:
    plain = inline.plain(text, document.labels)
    return "".join(LETTERS.get(letter, letter) for letter in plain)
