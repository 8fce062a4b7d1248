"""The last hand on a report: names of the code become words; one without words is set as code."""

import re
from collections.abc import Callable
from dataclasses import replace

from brainlib.record.names import in_words
from brainlib.show.report.document import (
    Block,
    Cell,
    Figure,
    Finding,
    Items,
    Paragraph,
    Section,
    Table,
)

NAMES_MATTER = ("parameters/", "tables/")  # tables that are about names of the code
MARK = re.compile(r"(`[^`]*`|\[(?:fig|tab|sec):[^\]]*\]|\[@[^\]]*\])")
# A name, or the name of a file with all that belongs to it: `IXI012-HH-1211-T1_ds.nii.gz`.
NAME = re.compile(r"(?<![\w/.:-])(?:[\w-]+/)*[A-Za-z][\w-]*_[\w-]*\w(?:\.\w+)*(?![\w/])")


def for_readers(text: str) -> str:
    """A text in people's words; a name that has none is set as code."""
    parts = MARK.split(in_words(text))
    return "".join(part if MARK.fullmatch(part) else NAME.sub(r"`\g<0>`", part) for part in parts)


def _sentence(text: str) -> str:
    """A text in people's words that begins as a sentence does."""
    words = for_readers(text)
    return words[:1].upper() + words[1:]


def section_for_readers(section: Section) -> Section:
    """A section with all that stands in it, in people's words."""
    return replace(
        section,
        heading=in_words(section.heading),
        blocks=tuple(_block(block) for block in section.blocks),
        sections=tuple(section_for_readers(one) for one in section.sections),
    )


def _block(block: Block) -> Block:
    writers: dict[type, Callable] = {
        Paragraph: lambda one: replace(one, text=for_readers(one.text)),
        Items: lambda one: replace(one, texts=tuple(map(for_readers, one.texts))),
        Finding: lambda one: replace(one, claim=_sentence(one.claim), words=for_readers(one.words)),
        Figure: lambda one: replace(one, caption=_sentence(one.caption)),
        Table: _table,
    }
    return writers.get(type(block), lambda one: one)(block)


def _table(table: Table) -> Table:
    if table.key.startswith(NAMES_MATTER):
        return table
    return replace(
        table,
        caption=_sentence(table.caption),
        columns=tuple(replace(one, heading=in_words(one.heading)) for one in table.columns),
        rows=tuple(_row(row) for row in table.rows),
        note=for_readers(table.note),
    )


def _row(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    return tuple(replace(cell, text=for_readers(cell.text)) for cell in row)
