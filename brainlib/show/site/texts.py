"""Markdown as HTML, with formulas as MathML: browsers draw it themselves, nothing is fetched."""

import re
from typing import Any

from latex2mathml import converter
from markupsafe import escape
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


class Renderer(IPythonRenderer):
    """nbconvert's renderer with formulas drawn, and with GitHub's names of headings."""

    def __init__(self) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self._names: dict[str, int] = {}

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        """A heading, named so that links to it are those of GitHub."""
        name = anchor(text)
        count = self._names[name] = self._names.get(name, -1) + 1
        name = f"{name}-{count}" if count else name
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def block_math(self, body: str) -> str:
        """A formula on a line of its own."""
        return formula(body, display="block")

    def inline_math(self, body: str) -> str:
        """A formula within a line."""
        return formula(body)

    def latex_environment(self, name: str, body: str) -> str:
        """A formula such as an equation."""
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


def as_html(markdown: str, renderer: Renderer | None = None) -> str:
    """A text as HTML."""
    return MarkdownWithMath(renderer=renderer or Renderer()).render(markdown)


def formula(latex: str, display: str = "inline") -> str:
    """A formula as MathML; as it was written, where it cannot be read."""
    try:
        return converter.convert(latex.strip(), display=display)
    except Exception:  # whatever a formula of one's own holds
        return f"<code>{escape(latex)}</code>"


def anchor(heading: str) -> str:
    """The name that GitHub gives a heading: "Faces and people" is faces-and-people."""
    plain = re.sub(r"<[^>]+>", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
