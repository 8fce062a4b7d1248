"""Pictures of heads: one slice, three planes, many in a grid, rows under each other.

They have a fixed gray window (0 to 1 unless said otherwise), orientation letters and, where the
spacing is known, a scale bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.transforms import Transform

from brainlib import slices
from brainlib.heads import volumes
from brainlib.show.plots.look import BLUE, SKY, YELLOW, wrapped
from brainlib.slices.planes import EDGES

if TYPE_CHECKING:
    from brainlib.heads.volumes import Volume


@dataclass(frozen=True)
class Scale:
    """How numbers become colours: a colour map between two limits.

    Attributes:
        cmap: name of matplotlib's colour map.
        low: number of the first colour.
        high: number of the last colour.
        label: words beside the colour bar; "" draws no bar.
    """

    cmap: str = "gray"
    low: float = 0.0
    high: float = 1.0
    label: str = ""

    def options(self) -> dict:
        """What `imshow` needs to know of it."""
        return {"cmap": self.cmap, "vmin": self.low, "vmax": self.high}


def brain(
    picture: np.ndarray,
    *,
    ax: Axes,
    plane: str = "",
    mask: np.ndarray | None = None,
    title: str = "",
    window: tuple[float, float] = (0, 1),
    spacing_mm: tuple[float, float] | None = None,
    letters: bool = True,
    colour: str = SKY,
) -> Axes:
    """One upright slice.

    Args:
        picture: (H, W) or (H, W, 1).
        ax: axes to draw on.
        plane: for the orientation letters; "" leaves them out.
        mask: optional bool (H, W): outlined.
        title: above the picture.
        window: grey values that are black and white.
        spacing_mm: (row, column) spacing in mm, for the aspect and a scale bar of 50 mm.
        letters: whether the orientation letters are drawn.
        colour: of the outline.
    """
    picture = np.asarray(picture, dtype=float).squeeze()
    row_mm, column_mm = spacing_mm or (1, 1)
    scale = Scale(low=window[0], high=window[1])
    ax.imshow(picture, aspect=row_mm / column_mm, interpolation="nearest", **scale.options())
    if mask is not None and np.any(mask):
        ax.contour(np.asarray(mask, dtype=float).squeeze(), [0.5], colors=colour, linewidths=1.0)
    if plane and letters:
        _letters(ax, plane)
    if spacing_mm is not None:
        _scale_bar(ax, picture.shape, column_mm)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title, fontsize=9)
    return ax


def _scale_bar(ax: Axes, shape: tuple[int, int], column_mm: float, length_mm: float = 50) -> None:
    """A white bar at the lower left of a picture (H, W), with its length above."""
    height, width = shape
    start, pixels = 0.06 * width, length_mm / column_mm
    ax.plot([start, start + pixels], [0.96 * height] * 2, color="white", linewidth=2)
    ax.text(
        start + pixels / 2,
        0.945 * height,
        f"{length_mm:g} mm",
        color="white",
        ha="center",
        va="bottom",
        fontsize=6,
    )


def _letters(
    ax: Axes,
    plane: str,
    corner: tuple[float, float] = (0, 1),
    shape: tuple[float, float] = (-1, 1),
    transform: Transform | None = None,
) -> None:
    """Orientation letters inside the axes, or inside the picture at a corner of its data."""
    left, right, top, bottom = EDGES[plane]
    for x, y, letter, ha, va in (
        (0.03, 0.5, left, "left", "center"),
        (0.97, 0.5, right, "right", "center"),
        (0.5, 0.03, top, "center", "top"),
        (0.5, 0.97, bottom, "center", "bottom"),
    ):
        ax.text(
            corner[0] + x * shape[1],
            corner[1] + y * shape[0],
            letter,
            color=YELLOW,
            fontsize=8,
            weight="bold",
            ha=ha,
            va=va,
            transform=transform or ax.transAxes,
        )


def planes(
    volume: Volume,
    *,
    mask: np.ndarray | None = None,
    title: str = "",
    size: float = 3.3,
) -> Figure:
    """The middle slice of a head in each of the three planes.

    Args:
        volume: of `volumes.load`.
        mask: optional bool array of the volume's shape, outlined.
        title: in front of each plane's name.
        size: inches of a picture.

    Returns:
        the figure; white is the head's 99.5th percentile.
    """
    figure, axes = plt.subplots(1, 3, figsize=(3 * size, 1.1 * size))
    window = (0, float(np.percentile(volume.array, 99.5)))
    for ax, plane in zip(axes, volumes.PLANES):
        stack = slices.pictures(volume.array, plane)
        number = len(stack) // 2
        brain(
            stack[number],
            ax=ax,
            plane=plane,
            mask=None if mask is None else slices.pictures(mask, plane)[number],
            window=window,
            spacing_mm=slices.pixel_mm(volume.voxel_mm, plane),
            title=f"{title} {plane}, slice {number} of {len(stack)}".strip(),
        )
    return figure


def with_histograms(
    named: Mapping[str, np.ndarray], *, plane: str = "", size: float = 3.3, bins: int = 80
) -> Figure:
    """Pictures side by side, the histogram of the grey values under each.

    Args:
        named: {title: (H, W) or (H, W, 1)}.
        plane: of the orientation letters; "" for none.
        size: inches of a picture.
        bins: of the histograms.
    """
    count = len(named)
    figure, axes = plt.subplots(
        2, count, figsize=(size * count, 1.8 * size), height_ratios=[3, 1.2], squeeze=False
    )
    for (top, bottom), (name, picture) in zip(axes.T, named.items()):
        brain(picture, ax=top, plane=plane, title=name)
        bottom.hist(np.ravel(picture), bins=bins, color=BLUE)
        bottom.set(yticks=[], xlabel="grey value")
    return figure


class _Sheet:
    """Pictures of one size in rows and columns of one axes.

    An axes for each picture would take matplotlib several times as long. Coordinates are pixels
    of the pictures; `size` is the inches from one to the next, `above` the inches over each row.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        shape: tuple[int, int],
        *,
        size: float,
        spacing_mm: tuple[float, float] | None = None,
        above: float = 0.0,
        right: float = 0.0,
    ):
        self.height, self.width = shape
        tall = spacing_mm[0] / spacing_mm[1] if spacing_mm else 1.0
        inch = 1.04 * max(self.width, self.height * tall) / size  # pixels across
        self.gap = 0.04 * self.width
        self.above = (above * inch + 0.04 * self.width) / tall
        x, y = columns * (self.width + self.gap), rows * (self.height + self.above)
        self.figure, self.ax = plt.subplots(figsize=(x / inch + right, y * tall / inch))
        self.ax.set(xlim=(-self.gap, x), ylim=(y, 0), aspect=tall)
        self.ax.axis("off")

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Left and upper edge of a picture."""
        return column * (self.width + self.gap), (row + 1) * self.above + row * self.height

    def picture(self, row: int, column: int, picture: np.ndarray, scale: Scale) -> AxesImage:
        """Draws numbers (h, w) or (h, w, 1), stretched over the place of a picture."""
        x, y = self.corner(row, column)
        numbers = np.asarray(picture, float)
        return self.ax.imshow(
            numbers[..., 0] if numbers.ndim == 3 else numbers,
            interpolation="nearest",
            extent=(x, x + self.width, y + self.height, y),
            aspect=self.ax.get_aspect(),
            **scale.options(),
        )

    def outline(self, row: int, column: int, mask: np.ndarray, colour: str = SKY) -> None:
        """Draws the edge of a mask (H, W) over a picture."""
        if not np.any(mask):
            return
        x, y = self.corner(row, column)
        self.ax.contour(
            x + 0.5 + np.arange(self.width),
            y + 0.5 + np.arange(self.height),
            np.asarray(mask, float).reshape(self.height, self.width),
            [0.5],
            colors=colour,
            linewidths=1.0,
        )

    def title(self, row: int, column: int, words: str, fontsize: float = 7) -> None:
        """Writes above a picture."""
        x, y = self.corner(row, column)
        self.ax.text(
            x + self.width / 2,
            y - 0.02 * self.height,
            words,
            fontsize=fontsize,
            ha="center",
            va="bottom",
        )

    def row_name(self, row: int, words: str) -> None:
        """Writes upright at the left of a row."""
        x, y = self.corner(row, 0)
        self.ax.text(
            x - 2 * self.gap,
            y + self.height / 2,
            words,
            fontsize=8,
            rotation=90,
            ha="right",
            va="center",
            multialignment="center",
        )

    def letters(self, row: int, column: int, plane: str) -> None:
        """Orientation letters inside a picture."""
        shape = (self.height, self.width)
        _letters(self.ax, plane, self.corner(row, column), shape, self.ax.transData)

    def frames(self, row: int, column: int, colours: Sequence[str]) -> None:
        """Frames inside a picture, the outermost first."""
        x, y = self.corner(row, column)
        for depth, colour in enumerate(colours):
            inset = 0.0175 * (1 + 2 * depth)
            frame = plt.Rectangle(
                (x + inset * self.width, y + inset * self.height),
                (1 - 2 * inset) * self.width,
                (1 - 2 * inset) * self.height,
                fill=False,
                edgecolor=colour,
                linewidth=2.2,
            )
            self.ax.add_patch(frame)

    def colour_bar(self, row: int, image: AxesImage, label: str) -> None:
        """A colour bar at the right of a row."""
        end = self.ax.get_xlim()[1] + self.gap
        bottom = self.ax.get_ylim()[0]
        lower = 1 - (self.corner(row, 0)[1] + self.height) / bottom
        place = [1.005, lower, 0.06 * self.width / end, self.height / bottom]
        bar = self.ax.inset_axes(place)
        self.figure.colorbar(image, cax=bar).set_label(label, fontsize=8)
        bar.tick_params(labelsize=7)


def montage(
    pictures: np.ndarray,
    *,
    plane: str = "",
    titles: Sequence[str] = (),
    masks: np.ndarray | None = None,
    columns: int = 8,
    frames: Sequence[Sequence[str]] = (),
    size: float = 1.25,
    window: tuple[float, float] = (0, 1),
    spacing_mm: tuple[float, float] | None = None,
) -> Figure:
    """Many slices in a grid.

    Args:
        pictures: (N, H, W) or (N, H, W, 1).
        plane: of the orientation letters on the first picture; "" for none.
        titles: N short texts, or none.
        masks: (N, H, W) bool, outlined, or None.
        columns: pictures in a row.
        frames: N tuples of colours (outermost first), drawn as frames inside the picture.
        size: inches of a picture.
        window: grey values that are black and white.
        spacing_mm: (row, column) spacing in mm, for the aspect.

    Returns:
        the figure.
    """
    columns = min(columns, max(len(pictures), 1))
    rows = max(1, -(-len(pictures) // columns))
    sheet = _Sheet(
        rows,
        columns,
        np.shape(pictures)[1:3],
        size=size,
        spacing_mm=spacing_mm,
        above=_title_inches(titles),
    )
    for index, picture in enumerate(pictures):
        place = divmod(index, columns)
        sheet.picture(*place, picture, Scale(low=window[0], high=window[1]))
        if masks is not None:
            sheet.outline(*place, masks[index])
        if len(titles):
            sheet.title(*place, titles[index])
        if len(frames):
            sheet.frames(*place, frames[index])
    if plane and len(pictures):
        sheet.letters(0, 0, plane)
    return sheet.figure


def _title_inches(titles: Sequence[str]) -> float:
    """Inches that titles take above their pictures."""
    if not len(titles):
        return 0.0
    lines = max(str(title).count("\n") + 1 for title in titles)
    return 0.03 + 0.12 * lines


def comparison(
    rows: Mapping[str, np.ndarray],
    *,
    plane: str = "",
    titles: Sequence[str] | None = None,
    window: tuple[float, float] = (0, 1),
    error_window: float = 0.25,
    scales: Mapping[str, Scale] | None = None,
    size: float = 1.5,
) -> Figure:
    """Rows of pictures under each other, with the names of the rows; one slice in each column.

    Args:
        rows: {name of the row: (N, H, W, 1)}. A name that starts with "error" or with
            "difference" is drawn as a signed map (blue: darker, red: brighter) with a colour bar.
        plane: of the orientation letters on the first picture; "" for none.
        titles: N column titles.
        window: grey values that are black and white.
        error_window: the largest error in the colours.
        scales: {name of the row: `Scale`} of rows that are no pictures, such as maps (N, h, w);
            they are stretched over the pictures' places.
        size: inches of a picture.

    Returns:
        the figure.
    """
    first = next(iter(rows.values()))
    sheet = _Sheet(len(rows), len(first), np.shape(first)[1:3], size=size, right=0.9)
    gray = Scale(low=window[0], high=window[1])
    for number, (name, pictures) in enumerate(rows.items()):
        usual = _signed(name, error_window) or gray
        scale = (scales or {}).get(name, usual)
        for column, picture in enumerate(pictures):
            image = sheet.picture(number, column, picture, scale)
        sheet.row_name(number, *wrapped([name], max(8, int(14 * size))))
        if scale.label:
            sheet.colour_bar(number, image, scale.label)
        if plane and number == 0 and scale is gray:
            sheet.letters(0, 0, plane)
    for column, title in enumerate((titles or [])[: len(first)]):
        sheet.title(0, column, title, fontsize=8)
    return sheet.figure


def _signed(name: str, most: float) -> Scale | None:
    """The colours of a row that shows what differs; None for a row of pictures."""
    for start, label in (("error", "output - target"), ("difference", "difference")):
        if name.startswith(start):
            return Scale("RdBu_r", -most, most, label)
    return None
