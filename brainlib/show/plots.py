"""Figures of the workbook. Functions draw on axes or return a figure; they neither show nor save.

Brain pictures have a fixed grey window (0 to 1 unless said otherwise), orientation letters and, where the spacing is
known, a scale bar. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from brainlib.slices.planes import EDGES

BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
)
SETS = {"train": BLUE, "validation": ORANGE, "test": GREEN}


def style():
    """The workbook's matplotlib settings; called once by each notebook."""
    sns.set_theme(
        style="ticks", context="notebook", palette=[BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY]
    )
    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "figure.dpi": 90,
            "image.cmap": "gray",
            "pdf.fonttype": 42,
        }
    )


def brain(
    picture,
    *,
    ax,
    plane="",
    mask=None,
    title="",
    window=(0, 1),
    spacing_mm=None,
    letters=True,
    colour=SKY,
):
    """One upright slice.

    Args:
        picture: (H, W) or (H, W, 1).
        ax: axes to draw on.
        plane: for the orientation letters; "" leaves them out.
        mask: optional bool (H, W): outlined.
        window: grey values shown as black and white.
        spacing_mm: (row, column) spacing in mm, for the aspect and a scale bar of 50 mm.
    """
    picture = np.asarray(picture, dtype=float).squeeze()
    rows, columns = spacing_mm or (1, 1)
    ax.imshow(
        picture,
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        aspect=rows / columns,
        interpolation="nearest",
    )
    if mask is not None and np.any(mask):
        ax.contour(np.asarray(mask, dtype=float).squeeze(), [0.5], colors=colour, linewidths=1.0)
    if plane and letters:
        _letters(ax, plane)
    if spacing_mm is not None:
        height, width = picture.shape
        ax.plot(
            [0.06 * width, 0.06 * width + 50 / columns],
            [0.96 * height] * 2,
            color="white",
            linewidth=2,
        )
        ax.text(
            0.06 * width + 25 / columns,
            0.945 * height,
            "50 mm",
            color="white",
            ha="center",
            va="bottom",
            fontsize=6,
        )
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, fontsize=9)
    return ax


def _letters(ax, plane, corner=(0, 1), shape=(-1, 1), transform=None):
    """Orientation letters inside of the axes, or inside of the picture that begins at a corner of its data."""
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


class _Sheet:
    """Pictures of one size in rows and columns of one axes: an axes for each takes matplotlib several times as long.

    Coordinates are pixels of the pictures; `size` is the inches from one to the next, `above` the inches over each row.
    """

    def __init__(self, rows, columns, shape, *, size, spacing_mm=None, above=0.0, right=0.0):
        (self.height, self.width), tall = (
            shape,
            (spacing_mm[0] / spacing_mm[1] if spacing_mm else 1.0),
        )
        inch = 1.04 * max(self.width, self.height * tall) / size  # pixels across
        self.gap, self.above = 0.04 * self.width, (above * inch + 0.04 * self.width) / tall
        x, y = columns * (self.width + self.gap), rows * (self.height + self.above)
        self.figure, self.ax = plt.subplots(figsize=(x / inch + right, y * tall / inch))
        self.ax.set(xlim=(-self.gap, x), ylim=(y, 0), aspect=tall)
        self.ax.axis("off")

    def corner(self, row, column):
        """Left and upper edge of a picture."""
        return column * (self.width + self.gap), (row + 1) * self.above + row * self.height

    def picture(
        self,
        row,
        column,
        picture,
        *,
        mask=None,
        title="",
        frames=(),
        plane="",
        colour=SKY,
        **options,
    ):
        """Draws a picture with its outline, title, frames and letters; returns the image. `options`: of `imshow`."""
        x, y = self.corner(row, column)
        shown = self.ax.imshow(
            np.asarray(picture, float).reshape(self.height, self.width),
            interpolation="nearest",
            extent=(x, x + self.width, y + self.height, y),
            aspect=self.ax.get_aspect(),
            **options,
        )
        if mask is not None and np.any(mask):
            self.ax.contour(
                x + 0.5 + np.arange(self.width),
                y + 0.5 + np.arange(self.height),
                np.asarray(mask, float).reshape(self.height, self.width),
                [0.5],
                colors=colour,
                linewidths=1.0,
            )
        if title:
            self.ax.text(
                x + self.width / 2,
                y - 0.02 * self.height,
                title,
                fontsize=7,
                ha="center",
                va="bottom",
            )
        if plane:
            _letters(self.ax, plane, (x, y), (self.height, self.width), self.ax.transData)
        for depth, edge in enumerate(frames):
            inset = 0.0175 * (1 + 2 * depth)
            self.ax.add_patch(
                plt.Rectangle(
                    (x + inset * self.width, y + inset * self.height),
                    (1 - 2 * inset) * self.width,
                    (1 - 2 * inset) * self.height,
                    fill=False,
                    edgecolor=edge,
                    linewidth=2.2,
                )
            )
        return shown


def montage(
    pictures,
    *,
    plane="",
    titles=(),
    masks=None,
    columns=8,
    frames=(),
    size=1.25,
    window=(0, 1),
    spacing_mm=None,
):
    """Many slices in a grid.

    Args:
        pictures: (N, H, W) or (N, H, W, 1).
        plane: of the orientation letters on the first picture; "" for none.
        titles: N short texts, or none.
        masks: (N, H, W) bool, outlined, or None.
        columns: pictures a row.
        frames: N tuples of colours (outermost first), drawn as frames inside the picture; () for none.
        size: inches a picture.
        window: grey values shown as black and white.
        spacing_mm: (row, column) spacing in mm, for the aspect.

    Returns:
        the figure.
    """
    count = len(pictures)
    columns = min(columns, max(count, 1))
    sheet = _Sheet(
        max(1, -(-count // columns)),
        columns,
        np.shape(pictures)[1:3],
        size=size,
        spacing_mm=spacing_mm,
        above=0.03 + 0.12 * max(str(title).count("\n") + 1 for title in titles)
        if len(titles)
        else 0.0,
    )
    for index, picture in enumerate(pictures):
        sheet.picture(
            *divmod(index, columns),
            picture,
            mask=None if masks is None else masks[index],
            title=titles[index] if len(titles) else "",
            frames=frames[index] if len(frames) else (),
            plane="" if index else plane,
            cmap="gray",
            vmin=window[0],
            vmax=window[1],
        )
    return sheet.figure


def comparison(rows, *, plane="", titles=None, window=(0, 1), error_window=0.25, size=1.5):
    """Rows of pictures under each other, one subject or slice a column.

    Args:
        rows: dict of row name -> (N, H, W, 1); a name that starts with "error" is drawn as a signed map (blue: output
            darker than the target, red: brighter) with one colour bar.
        plane: of the orientation letters on the first picture; "" for none.
        titles: N column titles.
        window: grey values shown as black and white.
        error_window: the largest error in the colours.
        size: inches a picture.

    Returns:
        the figure.
    """
    first = next(iter(rows.values()))
    sheet = _Sheet(len(rows), len(first), np.shape(first)[1:3], size=size, right=0.9)
    for number, (name, pictures) in enumerate(rows.items()):
        signed = name.startswith("error")
        colours = (
            {"cmap": "RdBu_r", "vmin": -error_window, "vmax": error_window}
            if signed
            else {"cmap": "gray", "vmin": window[0], "vmax": window[1]}
        )
        for column, picture in enumerate(pictures):
            shown = sheet.picture(
                number,
                column,
                picture,
                plane=plane if number == column == 0 and not signed else "",
                **colours,
            )
        x, y = sheet.corner(number, 0)
        sheet.ax.text(
            x - 2 * sheet.gap,
            y + sheet.height / 2,
            name,
            fontsize=8,
            rotation=90,
            ha="right",
            va="center",
        )
        if signed:
            end, bottom = sheet.ax.get_xlim()[1] + sheet.gap, sheet.ax.get_ylim()[0]
            place = sheet.ax.inset_axes(
                [
                    1.005,
                    1 - (y + sheet.height) / bottom,
                    0.06 * sheet.width / end,
                    sheet.height / bottom,
                ]
            )
            sheet.figure.colorbar(shown, cax=place).set_label("output - target", fontsize=8)
            place.tick_params(labelsize=7)
    for column, title in enumerate((titles or [])[: len(first)]):
        x, y = sheet.corner(0, column)
        sheet.ax.text(
            x + sheet.width / 2,
            y - 0.03 * sheet.height,
            title,
            fontsize=8,
            ha="center",
            va="bottom",
        )
    return sheet.figure


def histogram(values, *, ax, limits=(), label="", unit="", bins=60, colour=BLUE):
    """A histogram with named vertical limits: {name: value} or pairs."""
    ax.hist(np.asarray(values, dtype=float), bins=bins, color=colour, alpha=0.75)
    for (name, value), limit_colour in zip(
        dict(limits).items(), (VERMILION, PURPLE, GREEN, ORANGE)
    ):
        ax.axvline(value, color=limit_colour, linewidth=1.8, label=f"{name}: {value:,.4g}")
    if limits:
        ax.legend(fontsize=8, frameon=False)
    ax.set(xlabel=f"{label}{f' ({unit})' if unit else ''}", ylabel="count")
    return ax


def curves(history, *, ax, columns=("loss", "val_loss"), log=True, label=""):
    """Training curves from a table with a column `epoch`; validation is dashed."""
    for column in columns:
        if column in history:
            dashed = column.startswith("val_")
            ax.plot(
                history["epoch"],
                history[column],
                linestyle="--" if dashed else "-",
                color=ORANGE if dashed else BLUE,
                label=f"{label} {column}".strip(),
            )
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log else "linear")
    ax.legend(fontsize=8, frameon=False)
    return ax


def shares(table, *, ax, attribute):
    """Share of each level of one attribute by set, from `splits.balance`."""
    rows = table[table["attribute"] == attribute]
    positions = np.arange(len(rows))
    for offset, (name, colour) in zip((-0.27, 0, 0.27), SETS.items()):
        ax.bar(
            positions + offset, 100 * rows[f"{name}_share"], width=0.25, color=colour, label=name
        )
    ax.set_xticks(positions, rows["level"], rotation=20, ha="right", fontsize=8)
    ax.set(ylabel="subjects (%)", title=attribute.replace("_", " "))
    return ax


def intervals(table, *, ax, value, low, high, label, colour=BLUE, unit=""):
    """Points with intervals, one a row of the table, the first on top."""
    places = np.arange(len(table))[::-1]
    centre = table[value].to_numpy(float)
    ax.errorbar(
        centre,
        places,
        xerr=[centre - table[low].to_numpy(float), table[high].to_numpy(float) - centre],
        fmt="o",
        color=colour,
        capsize=3,
    )
    ax.set_yticks(places, table[label])
    ax.set(xlabel=f"{value}{f' ({unit})' if unit else ''}", ylim=(-0.7, len(table) - 0.3))
    ax.grid(axis="x", alpha=0.3)
    return ax
