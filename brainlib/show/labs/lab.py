"""What every lab is: controls, a picture that follows them, and a still where nobody can move it.

A lab is a pure function from the state of its controls to a `View`. `Lab` calls it at every move
and exchanges the picture in place. Headless, or without a kernel, the same function gives a still.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import ipywidgets
import numpy as np

from brainlib import record
from brainlib.show import pages
from brainlib.show.labs.canvas import png_bytes
from brainlib.show.labs.picture import Picture
from brainlib.show.labs.tasks import Task, TaskPanel

CONTROLS_PX = 300  # beside pictures of 530: what JupyterLab leaves of 1280 pixels is 848
STYLE = {"description_width": "88px"}

# A still stands before the lab and hides where the lab is alive; a dead lab hides itself.
STILL_HTML = """<style>
.jp-OutputArea-child:has(.brain-lab-still):has(+ .jp-OutputArea-child .brain-lab) {{display: none}}
.jp-OutputArea-child:has(.brain-lab-still) + .jp-OutputArea-child:not(:has(.brain-lab))
{{display: none}}
</style><figure class="brain-lab-still" style="margin: 0">
<img src="{source}" alt="{alt}" width="{width}">
<figcaption>{words}</figcaption></figure>"""
HEADLESS = (
    "A still of this lab, at the state in which it opens. In JupyterLab its controls stand beside "
    "the picture: {controls}."
)


@dataclass(frozen=True)
class View:
    """What a lab shows in one state.

    Attributes:
        picture: uint8 (h, w, 3), of one size in all states.
        alt: the same in words.
        numbers: HTML that stands beside the picture, such as a table.
    """

    picture: np.ndarray
    alt: str
    numbers: str = ""


def side_by_side(
    left: Sequence[ipywidgets.Widget],
    column: Sequence[ipywidgets.Widget],
    *,
    note: str,
    width: int,
) -> ipywidgets.Widget:
    """A lab as one widget: the picture at the left, everything that moves at the right.

    Args:
        left: the picture, and what stands below it.
        column: controls.
        note: words below all at the left.
        width: of the left side in pixels.
    """
    words = ipywidgets.HTML(f'<div class="brain-lab-words">{escape(note)}</div>')
    at_left = ipywidgets.Layout(width=f"{width}px", flex="none")
    for control in column:
        control.layout.width = f"{CONTROLS_PX - 4}px"
    at_right = ipywidgets.Layout(width=f"{CONTROLS_PX}px", margin="0 0 0 10px", flex="none")
    sides = [ipywidgets.VBox([*left, words], layout=at_left)]
    box = ipywidgets.HBox([*sides, ipywidgets.VBox(list(column), layout=at_right)])
    box.add_class("brain-lab")
    return box


class Lab:
    """Controls beside a picture that follows them.

    Attributes:
        controls: {name: ipywidget with a `value`}; `draw` gets the values by these names.
        picture: of the current state; its `place` is handed to `draw` where `steering` is given.
        tasks: the panel of things to try; None without any.
        box: the whole as one widget.
    """

    def __init__(
        self,
        draw: Callable[..., View],
        controls: Mapping[str, ipywidgets.Widget],
        *,
        tasks: Sequence[Task] = (),
        buttons: Sequence[ipywidgets.Widget] = (),
        steering: str = "",
        place: tuple[float, float] = (0.5, 0.5),
        stride: tuple[float, float] = (0.02, 0.02),
        note: str = "",
        only_with: Mapping[str, tuple[str, Sequence]] | None = None,
    ) -> None:
        """Draws the first picture.

        Args:
            draw: (values of the controls by name, and place=(x, y) with `steering`) -> `View`.
            controls: in the order in which they stand.
            tasks: things to try.
            buttons: widgets below the controls that `draw` does not ask.
            steering: what clicking into the picture and the arrow keys do.
            place: where the picture is clicked at first, as shares of width and height.
            stride: shares that an arrow key moves.
            note: words under the picture: whose data, which network from where.
            only_with: {control: (another one, its values with which the control does something)};
                with others it is not there.
        """
        self.controls, self.note = dict(controls), note
        self._draw, self._held = draw, False
        self.picture = Picture(steering=steering, place=list(place), stride=list(stride))
        self._numbers = ipywidgets.HTML()
        self.tasks = TaskPanel(tasks, self.set) if tasks else None
        for control in self.controls.values():
            control.observe(self.redraw, "value")
        if steering:
            self.picture.observe(self.redraw, "place")
        self.redraw()
        self.box = self._arranged(buttons)
        self._only_with = dict(only_with or {})
        for other in {other for other, _ in self._only_with.values()}:
            self.controls[other].observe(self._hide_idle, "value")
        self._hide_idle()

    def view(self) -> View:
        """What the current state shows."""
        values = {name: control.value for name, control in self.controls.items()}
        if self.picture.steering:
            values["place"] = tuple(self.picture.place)
        return self._draw(**values)

    def redraw(self, *_: object) -> None:
        """Shows the current state."""
        if self._held:
            return
        view = self.view()
        height, width, _ = view.picture.shape
        with self.picture.hold_sync():
            self.picture.width, self.picture.height = width, height
            self.picture.alt = view.alt
            self.picture.value = png_bytes(view.picture)
        self._numbers.value = f'<div class="brain-lab-words" role="status">{view.numbers}</div>'

    def _hide_idle(self, _: object = None) -> None:
        """A control that does nothing in this state is not there."""
        for name, (other, values) in self._only_with.items():
            does_something = self.controls[other].value in values
            self.controls[name].layout.display = None if does_something else "none"

    @contextlib.contextmanager
    def one_move(self) -> Iterator[None]:
        """Several controls are moved, one picture is drawn."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.redraw()

    def set(self, values: Mapping[str, Any]) -> None:
        """Moves controls; `place` moves the picture's own."""
        with self.one_move():
            for name, value in values.items():
                if name == "place":
                    self.picture.place = list(value)
                else:
                    self.controls[name].value = value

    def _arranged(self, buttons: Sequence[ipywidgets.Widget]) -> ipywidgets.Widget:
        """The picture with its numbers at the left, everything that moves at the right."""
        column = [*self.controls.values(), *buttons]
        if self.tasks:
            column.append(self.tasks.box)
        left = [self.picture, self._numbers]
        return side_by_side(left, column, note=self.note, width=self.picture.width)

    # ---- where nobody can move it

    @property
    def still(self) -> Still:
        """The picture of the current state."""
        names = [control.description for control in self.controls.values()]
        return Still(self.picture.value, self.picture.alt, self.picture.width, self.note, names)

    def _ipython_display_(self) -> None:
        """Shows the lab; a still where run_all.sh executes the notebook."""
        from IPython.display import HTML, display

        if record.headless():
            show_still(self)
            return
        display(HTML(self.still.html()))
        display(self.box)


@dataclass(frozen=True)
class Still:
    """A lab where nobody can move it.

    Attributes:
        png: the picture.
        alt: what it shows, in words.
        width: on the screen, in pixels.
        note: whose data, which network.
        controls: what could be moved in JupyterLab.
    """

    png: bytes
    alt: str
    width: int
    note: str
    controls: Sequence[str]

    def words(self) -> str:
        """What stands under it where run_all.sh executed the notebook."""
        names = ", ".join(name for name in self.controls if name)
        return f"{HEADLESS.format(controls=names)} {self.note}".strip()

    def html(self) -> str:
        """The still that shows itself where the notebook is opened without a kernel."""
        return STILL_HTML.format(
            source=pages.data_url(self.png),
            alt=escape(self.alt, quote=True),
            width=self.width,
            words=escape(f"Run this cell to move it. {self.note}"),
        )


class Words:
    """What stands in place of a lab whose model is missing."""

    def __init__(self, words: str) -> None:
        self.words = words

    def _repr_markdown_(self) -> str:
        return self.words


class HasStill(Protocol):
    """What `show_still` asks of a lab."""

    still: Still


def show_still(lab: HasStill | Words) -> None:
    """Shows a lab as a picture with words under it, or the words that get its model."""
    from IPython.display import Image, Markdown, display

    if isinstance(lab, Words):
        display(Markdown(lab.words))
        return
    still = lab.still
    display(Image(data=still.png, format="png", width=still.width, alt=still.alt))
    display(Markdown(still.words()))


def slider(
    words: str, low: float, high: float, step: float, value: float = 0.0, **more: Any
) -> ipywidgets.FloatSlider:
    """A slider as every lab has them: it follows while it is dragged."""
    return ipywidgets.FloatSlider(
        description=words, min=low, max=high, step=step, value=value, style=STYLE, **more
    )


def slice_options(titles: Sequence[str]) -> list[tuple[str, int]]:
    """Slices to choose from by number. titles: "person slice", as `SplitSlices.titles` says."""
    named = [", slice ".join(title.rsplit(" ", 1)) for title in titles]
    return [(name, number) for number, name in enumerate(named)]


def chooser(words: str, options: Sequence, value: Any = None) -> ipywidgets.Dropdown:
    """A list to choose from."""
    options = list(options)
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    chosen = first if value is None else value
    return ipywidgets.Dropdown(description=words, options=options, value=chosen, style=STYLE)
