"""The appendix: what the main text leaves out, chapter by chapter, and all parameters."""

import json
import re
from collections.abc import Iterator
from typing import Any

from brainlib.record import NOTEBOOKS
from brainlib.show.chapters import heading
from brainlib.show.findings import chapters_in_words
from brainlib.show.report import shown
from brainlib.show.report.document import Cell, Column, Paragraph, Section, Table, cells
from brainlib.show.report.saved import Saved

ROWS, LONG = 12, 60  # longer tables are named, not printed
COMMENT = re.compile(r"^(\w+) = .*?  # (.*)$")
PARAMETERS = "The parameters of each chapter, as this run set them."
ALL_TABLES = (
    "The run folder holds every table whole, as CSV. What is printed in this report lies there as "
    "LaTeX, too, in `report/tables_latex/`."
)
UNNAMED = (
    "What the text leaves out. Sex, age and size stand beside nobody's name unless "
    "`--with-participants` asks for them."
)


def appendix(saved: Saved) -> tuple[Section, ...]:
    """Further figures and tables of each chapter, then the parameters."""
    sections = [_further(saved, notebook) for notebook in saved.results]
    sections = [section for section in sections if section.blocks]
    further = Section(
        "further", "Further figures and tables", (Paragraph(UNNAMED),), tuple(sections)
    )
    tables = tuple(_parameters(saved, notebook) for notebook in saved.results)
    words = Paragraph(PARAMETERS)
    return (
        further,
        Section("parameters", "Parameters", (words, *tables)),
        Section("all-tables", "All tables of the run", (Paragraph(ALL_TABLES), _all_tables(saved))),
    )


def _further(saved: Saved, notebook: str) -> Section:
    words = chapters_in_words().get(notebook)
    key = f"further-{notebook}"
    if words is None:
        return Section(key, notebook, ())
    figures = shown.other_names(
        saved, notebook, "figures", [*words["figures"], *words.get("methods", [])]
    )
    tables = shown.other_names(saved, notebook, "tables", words["tables"])
    lengths = {entry["name"]: entry.get("rows", 0) for entry in saved.results[notebook]["tables"]}
    tables = [name for name in tables if lengths[name] <= LONG and "published" not in name]
    pictures = shown.figures(saved, notebook, figures)
    made = shown.tables(saved, notebook, tables, rows=ROWS)
    return Section(key, heading(notebook).title, (*pictures, *made))


def _all_tables(saved: Saved) -> Table:
    rows = []
    for result in saved.results.values():
        for entry in result["tables"]:
            path = next(iter(entry["files"]))
            rows.append(cells(f"`{path}`", entry.get("rows", ""), entry["caption"]))
    columns = (Column("File"), Column("Rows", True), Column("What it says"))
    return Table("tables/all", "Every table of the run.", columns, tuple(rows))


def _parameters(saved: Saved, notebook: str) -> Table:
    parameters = saved.results[notebook]["parameters"]
    comments = dict(_comments(notebook))
    rows = [
        (Cell(f"`{name}`"), Cell(_value(value)), Cell(comments.get(name, "")))
        for name, value in parameters.items()
    ]
    columns = (Column("Parameter"), Column("Value"), Column("Meaning"))
    return Table(f"parameters/{notebook}", f"Parameters of {notebook}.", columns, tuple(rows))


def _comments(notebook: str) -> Iterator[tuple[str, str]]:
    """(parameter, its comment) of a notebook; none where it is not there."""
    path = NOTEBOOKS / f"{notebook}.ipynb"
    if not path.exists():
        return
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            for line in "".join(cell["source"]).splitlines():
                match = COMMENT.match(line)
                if match:
                    yield match[1], match[2]
            return


def _value(value: Any) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value)
