"""Widgets: a pure `render_...(state) -> figure` each, plus controls.

Headless, the same call gives a still.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brainlib import slices
from brainlib.heads import volumes
from brainlib.show import plots

if TYPE_CHECKING:
    from pathlib import Path

    from IPython.display import Image


def png(figure: Figure) -> bytes:
    """A figure as PNG, without pyplot, so that nothing is shown twice."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def still(figure: Figure) -> Image:
    """A figure as a picture that a notebook shows without a running kernel."""
    from IPython.display import Image

    return Image(png(figure))


# ------------------------------------------------------------------------------------- slices


def render_slice(
    volume: volumes.Volume,
    *,
    plane: str = "sagittal",
    number: int | None = None,
    window: tuple[float, float] = (0.0, 1.0),
    mask: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """One slice of a head as a figure.

    Args:
        volume: a `volumes.Volume`.
        plane: "sagittal", "coronal" or "axial".
        number: slice number; None for the middle one.
        window: black and white as shares of the head's 99.5th percentile.
        mask: optional bool array of the volume's shape, outlined.
        title: in front of the plane's name.
    """
    stack = slices.pictures(volume.array, plane)
    number = len(stack) // 2 if number is None else int(np.clip(number, 0, len(stack) - 1))
    top = float(np.percentile(volume.array[::2, ::2, ::2], 99.5))
    low, high = window
    figure = Figure(figsize=(4.6, 4.8), dpi=100, layout="constrained")
    plots.brain(
        stack[number],
        ax=figure.subplots(),
        plane=plane,
        window=(low * top, max(high, low + 0.01) * top),
        mask=None if mask is None else slices.pictures(mask, plane)[number],
        spacing_mm=slices.pixel_mm(volume.voxel_mm, plane),
        title=f"{title}  {plane} slice {number} of {len(stack)}".strip(),
    )
    return figure


def slice_browser(
    paths: Mapping[str, Path | str], *, headless: bool = False
) -> ipywidgets.VBox | Image:
    """Browses slices of several heads.

    Args:
        paths: {name of the head: path of its NIfTI file}.
        headless: True returns a still of the first head in place of controls.
    """
    if headless:
        first = next(iter(paths))
        return still(render_slice(volumes.load(paths[first]), title=first))
    return _SliceBrowser(paths).box()


class _SliceBrowser:
    """The controls of `slice_browser` and the picture that follows them."""

    def __init__(self, paths: Mapping[str, Path | str]):
        self.load = functools.lru_cache(maxsize=3)(lambda name: volumes.load(paths[name]))
        self.subject = ipywidgets.Dropdown(options=list(paths), description="subject")
        self.plane = ipywidgets.ToggleButtons(
            options=list(volumes.PLANES), style={"button_width": "80px"}
        )
        self.number = ipywidgets.IntSlider(
            description="slice", min=0, max=1, continuous_update=True
        )
        self.window = ipywidgets.FloatRangeSlider(
            description="window", min=0, max=1.5, step=0.02, value=(0, 1), readout_format=".2f"
        )
        self.picture = ipywidgets.Image(format="png", width=460)
        self.refusal = ipywidgets.Label()  # of a head that cannot be read
        for control in (self.subject, self.plane):
            control.observe(self.resize, "value")
        for control in (self.number, self.window):
            control.observe(self.draw, "value")
        self.resize()

    def draw(self, *_) -> None:
        """Draws the slice that the controls say."""
        figure = render_slice(
            self.load(self.subject.value),
            plane=self.plane.value,
            number=self.number.value,
            window=self.window.value,
            title=self.subject.value,
        )
        self.picture.value = png(figure)

    def resize(self, *_) -> None:
        """Follows another head or plane, which has another number of slices."""
        try:
            volume = self.load(self.subject.value)
        except (OSError, ValueError) as error:
            self.refusal.value, self.picture.value = str(error), b""
            return
        self.refusal.value = ""
        count = volume.array.shape[volumes.PLANES[self.plane.value]]
        self.number.unobserve(self.draw, "value")
        self.number.max = count - 1
        self.number.value = count // 2
        self.number.observe(self.draw, "value")
        self.draw()

    def box(self) -> ipywidgets.VBox:
        """All controls above the picture."""
        upper = ipywidgets.HBox([self.subject, self.plane])
        lower = ipywidgets.HBox([self.number, self.window])
        return ipywidgets.VBox([upper, lower, self.refusal, self.picture])
