"""HTML pages that need no network: one template for the report, the quality page and sweeps."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from brainlib import record

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
MARKDOWN = MarkdownIt("commonmark", {"html": False})


def with_emphasis(text: str) -> Markup:
    """A sentence as HTML: what notebooks write as `code` or *words* looks so here, too."""
    return Markup(MARKDOWN.renderInline(str(text)))


TEMPLATES.filters["inline"] = with_emphasis


def render(
    *,
    title: str,
    sections: Sequence[dict[str, Any]],
    opening: Sequence[str] = (),
    banners: Sequence[tuple[str, str]] = (),
    footer: Sequence[str] = (),
) -> str:
    """A page.

    Args:
        title: of the page.
        sections: made by `section`.
        opening: paragraphs under the title.
        banners: pairs of a kind ("bad" or "") and a text.
        footer: lines at the end.
    """
    page = TEMPLATES.get_template("page.html.j2")
    return page.render(
        title=title, sections=sections, opening=opening, banners=banners, footer=footer
    )


def section(
    name: str,
    heading: str,
    *,
    paragraphs: Sequence[str] = (),
    findings: Sequence[dict[str, str]] = (),
    facts: Sequence[tuple[str, str]] = (),
    figures: Sequence[dict[str, Any]] = (),
    tables: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """A section of a page.

    Args:
        name: of its anchor.
        heading: its heading.
        paragraphs: texts under the heading.
        findings: each with `claim`, `verdict` and `words`.
        facts: pairs of a name and a value.
        figures: each with `source` (a data URL), `caption` and, where it has one, `number`.
        tables: each made by `table`; one with a `caption` folds, `open` shows it unfolded.
    """
    return {
        "id": name,
        "heading": heading,
        "paragraphs": paragraphs,
        "findings": findings,
        "facts": facts,
        "figures": figures,
        "tables": tables,
    }


def data_url(picture: bytes, kind: str = "png") -> str:
    """A picture as the address that holds it, so that a page needs no other file."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def table(
    frame: "pd.DataFrame",
    *,
    links: Sequence[str] = (),
    with_participants: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A table of a section, worded as notebooks word it.

    Args:
        frame: the table.
        links: to the notebook of each row, as a last column.
        with_participants: whether sex, age and size stand beside people's names.
        **more: `caption`, `number`, `open`, and `more`: a line under the table.
    """
    texts = record.readable(frame, with_participants=with_participants)
    columns, rows = list(texts), texts.to_numpy().tolist()
    if links:
        columns.append("notebook")
        rows = [[*row, {"text": "notebook", "link": link}] for row, link in zip(rows, links)]
    return {"columns": columns, "rows": rows, **more}
