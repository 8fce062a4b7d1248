"""Widgets: a pure `render(state) -> figure` each, plus controls. Headless, the same call gives a still."""

import functools
import io

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brainlib import plots, slices, volumes


def png(figure):
    """A figure as PNG bytes, without pyplot (so that nothing is shown twice)."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def render_slice(volume, *, plane="sagittal", number=None, window=(0.0, 1.0), mask=None, title=""):
    """One slice of a head as a figure.

    Args:
        volume: a `volumes.Volume`.
        plane: "sagittal", "coronal" or "axial".
        number: slice number; None for the middle one.
        window: black and white as shares of the head's 99.5th percentile.
        mask: optional bool array of the volume's shape, outlined.
    """
    stack = slices.pictures(volume.array, plane)
    number = len(stack) // 2 if number is None else int(np.clip(number, 0, len(stack) - 1))
    top = float(np.percentile(volume.array[::2, ::2, ::2], 99.5))
    figure = Figure(figsize=(4.6, 4.8), dpi=100, layout="constrained")
    plots.brain(stack[number], ax=figure.subplots(), plane=plane, window=(window[0] * top, max(window[1], window[0] + 0.01) * top),
                mask=None if mask is None else slices.pictures(mask, plane)[number],
                spacing_mm=slices.pixel_mm(volume.voxel_mm, plane), title=f"{title}  {plane} slice {number} of {len(stack)}".strip())
    return figure


def slice_browser(paths, *, headless=False):
    """Browses slices of several heads.

    Args:
        paths: dict of name -> NIfTI path.
        headless: True returns a still figure of the first head in place of controls.

    Returns:
        an ipywidgets box, or a figure.
    """
    load = functools.lru_cache(maxsize=3)(lambda name: volumes.load(paths[name]))
    first = next(iter(paths))
    if headless:
        return still(render_slice(load(first), title=first))
    subject = ipywidgets.Dropdown(options=list(paths), description="subject")
    plane = ipywidgets.ToggleButtons(options=list(volumes.PLANES), style={"button_width": "80px"})
    number = ipywidgets.IntSlider(description="slice", min=0, max=1, continuous_update=True)
    window = ipywidgets.FloatRangeSlider(description="window", min=0, max=1.5, step=0.02, value=(0, 1), readout_format=".2f")
    picture = ipywidgets.Image(format="png", width=460)

    def draw(*_):
        picture.value = png(render_slice(load(subject.value), plane=plane.value, number=number.value, window=window.value,
                                         title=subject.value))

    def resize(*_):                                      # another head or plane: another number of slices
        count = load(subject.value).array.shape[volumes.PLANES[plane.value]]
        number.unobserve(draw, "value")
        number.max = count - 1
        number.value = count // 2
        number.observe(draw, "value")
        draw()

    for control, action in ((subject, resize), (plane, resize), (number, draw), (window, draw)):
        control.observe(action, "value")
    resize()
    return ipywidgets.VBox([ipywidgets.HBox([subject, plane]), ipywidgets.HBox([number, window]), picture])


def still(figure):
    """A figure as a picture that a notebook shows without a running kernel."""
    from IPython.display import Image

    return Image(png(figure))
