"""Widgets: a pure `render(state) -> figure` each, plus controls. Headless, the same call gives a still."""

import functools
import io

import ipywidgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brainlib import slices
from brainlib.heads import volumes
from brainlib.show import plots


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
    plots.brain(
        stack[number],
        ax=figure.subplots(),
        plane=plane,
        window=(window[0] * top, max(window[1], window[0] + 0.01) * top),
        mask=None if mask is None else slices.pictures(mask, plane)[number],
        spacing_mm=slices.pixel_mm(volume.voxel_mm, plane),
        title=f"{title}  {plane} slice {number} of {len(stack)}".strip(),
    )
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
    window = ipywidgets.FloatRangeSlider(
        description="window", min=0, max=1.5, step=0.02, value=(0, 1), readout_format=".2f"
    )
    picture = ipywidgets.Image(format="png", width=460)

    def draw(*_):
        picture.value = png(
            render_slice(
                load(subject.value),
                plane=plane.value,
                number=number.value,
                window=window.value,
                title=subject.value,
            )
        )

    def resize(*_):  # another head or plane: another number of slices
        count = load(subject.value).array.shape[volumes.PLANES[plane.value]]
        number.unobserve(draw, "value")
        number.max = count - 1
        number.value = count // 2
        number.observe(draw, "value")
        draw()

    for control, action in ((subject, resize), (plane, resize), (number, draw), (window, draw)):
        control.observe(action, "value")
    resize()
    return ipywidgets.VBox(
        [ipywidgets.HBox([subject, plane]), ipywidgets.HBox([number, window]), picture]
    )


def render_latent(decode, latent, *, plane="", title=""):
    """The image of one latent as a figure. decode: latents (1, D) -> (1, H, W, 1)."""
    figure = Figure(figsize=(4.0, 4.2), dpi=90, layout="constrained")
    plots.brain(np.asarray(decode(latent[None]))[0], ax=figure.subplots(), plane=plane, title=title)
    return figure


def latent_sampler(decode, density, *, plane="", note="", directions=6, seed=0, headless=False):
    """Plays with the latent: a slider a principal direction, a random draw by seed, its temperature.

    The image is that of the draw (temperature 0: the mean of all) plus the steps of the sliders, in standard deviations.

    Args:
        decode: latents (B, D) -> images (B, H, W, 1), see `generation.fast_decoder`.
        density: of `generation.fit_latent`.
        plane: for the orientation letters; note: words under the title, such as "synthetic".
        headless: True returns a still picture in place of controls.
    """
    count = min(directions, density.pca.n_components_)

    def latent(scores, temperature, number):
        centre = density.pca.mean_
        drawn = density.sample(1, seed=number, temperature=1.0)[0]
        return (centre + temperature * (drawn - centre) + density.at([scores])[0] - centre).astype(
            "float32"
        )

    if headless:
        return still(
            render_latent(
                decode,
                latent([0] * count, 0.7, seed),
                plane=plane,
                title=f"seed {seed}, temperature 0.7 {note}",
            )
        )
    wide = {"description_width": "6.5em"}  # "temperature" is cut off otherwise
    sliders = [
        ipywidgets.FloatSlider(
            description=f"direction {number + 1}",
            min=-3,
            max=3,
            step=0.1,
            value=0,
            style=wide,
            readout_format="+.1f",
        )
        for number in range(count)
    ]
    temperature = ipywidgets.FloatSlider(
        description="temperature", min=0, max=1.5, step=0.05, value=0.7, style=wide
    )
    number = ipywidgets.IntText(description="seed", value=seed, style=wide)
    reset = ipywidgets.Button(description="sliders to 0")
    picture = ipywidgets.Image(format="png", width=380)

    def draw(*_):
        picture.value = png(
            render_latent(
                decode,
                latent([slider.value for slider in sliders], temperature.value, number.value),
                plane=plane,
                title=f"seed {number.value}, temperature {temperature.value:.2f} {note}",
            )
        )

    def to_zero(_):
        for slider in sliders:
            slider.value = 0

    reset.on_click(to_zero)
    for control in (*sliders, temperature, number):
        control.observe(draw, "value")
    draw()
    return ipywidgets.HBox([ipywidgets.VBox([number, temperature, *sliders, reset]), picture])


def still(figure):
    """A figure as a picture that a notebook shows without a running kernel."""
    from IPython.display import Image

    return Image(png(figure))
