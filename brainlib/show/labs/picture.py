"""The picture of a lab as a widget: bytes exchanged in place, words for those who cannot see it."""

from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent
REACH = (HERE / "reach.js").read_text(encoding="utf-8")


def _script(name: str) -> str:
    """A widget's script; what all share stands before it, because it cannot import it."""
    return f"{REACH}\n{(HERE / name).read_text(encoding='utf-8')}"


class Picture(anywidget.AnyWidget):
    """A picture of fixed size in JupyterLab.

    ipywidgets' own Image has neither words in its place nor a place to click.

    Attributes:
        value: PNG.
        alt: what it shows, in words.
        width: of the picture on the screen, in pixels.
        height: the same.
        place: (x, y) that was clicked or reached by arrow keys, as shares of width and height.
        stride: (x, y) that an arrow key moves, as shares.
        steering: words on what clicking and the arrow keys do; "": nothing.
    """

    _esm = _script("picture.js")
    _css = HERE / "lab.css"
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int(600).tag(sync=True)
    height = traitlets.Int(400).tag(sync=True)
    place = traitlets.List(traitlets.Float(), [0.5, 0.5]).tag(sync=True)
    stride = traitlets.List(traitlets.Float(), [0.02, 0.02]).tag(sync=True)
    steering = traitlets.Unicode().tag(sync=True)


class GraphicsCheck(anywidget.AnyWidget):
    """Says whether the browser can draw in 3-D, and describes what another widget draws there.

    Attributes:
        graphics: "" before a browser has answered; "webgl2" or "none".
        alt: what the canvas of the same lab shows, in words.
    """

    _esm = _script("graphics.js")
    _css = HERE / "lab.css"
    graphics = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
