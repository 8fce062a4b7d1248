"""An executed notebook as HTML: texts, code that can be hidden, figures and tables."""

import html
import re
from pathlib import Path

from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from brainlib.show.site import texts

TEMPLATES = Path(__file__).parent
PLAIN = re.compile(r'<span class="(?:n|nn|o|p|w)">([^<]*)</span>')  # words without a colour
SIDE = re.compile(r' style="text-align: (left|right)"')
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]


class Exporter(HTMLExporter):
    """nbconvert's exporter with our texts; widgets, which need a kernel, give way to stills."""

    def __init__(self) -> None:
        super().__init__(
            template_name="notebook",
            extra_template_basedirs=[str(TEMPLATES)],
            exclude_input_prompt=True,
            exclude_output_prompt=True,
            exclude_anchor_links=True,
        )
        self.renderer = texts.Renderer()

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """A text, its formulas as MathML."""
        return texts.as_html(source, self.renderer)


def as_html(notebook: NotebookNode) -> str:
    """The cells of a notebook as HTML, without a head."""
    notebook.metadata.pop("widgets", None)  # the state of controls that nothing moves here
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                _choose(output)
    body, _ = Exporter().from_notebook_node(notebook)
    return SIDE.sub(r' class="\1"', PLAIN.sub(r"\1", body))


def _choose(output: NotebookNode) -> None:
    """Leaves of an output the one form that a page shows; pictures get their size and words."""
    data = output.data
    picture = next((kind for kind in ("image/png", "image/jpeg") if kind in data), None)
    if picture and "text/html" not in data:
        about = output.get("metadata", {}).get(picture, {})
        words = html.escape(str(about.get("alt", "")))
        width = f' style="width: {int(about["width"])}px"' if about.get("width") else ""
        source = f"data:{picture};base64,{''.join(data[picture].split())}"
        data = {"text/html": f'<img src="{source}" alt="{words}"{width}>'}
    kept = [kind for kind in SHOWN if kind in data][:1]
    output.data = NotebookNode({kind: data[kind] for kind in kept})
