"""Figures of the workbook. Functions draw on axes or return a figure; they neither show nor save.

Brain pictures have a fixed grey window (0 to 1 unless said otherwise), orientation letters and, where the spacing is
known, a scale bar. Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from brainlib.slices import EDGES

BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442")
SETS = {"train": BLUE, "validation": ORANGE, "test": GREEN}


def style():
    """The workbook's matplotlib settings; called once by each notebook."""
    sns.set_theme(style="ticks", context="notebook", palette=[BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY])
    plt.rcParams.update({"figure.constrained_layout.use": True, "axes.spines.top": False, "axes.spines.right": False,
                         "axes.titlesize": 11, "figure.dpi": 90, "image.cmap": "gray", "pdf.fonttype": 42})


def brain(picture, *, ax, plane="", mask=None, title="", window=(0, 1), spacing_mm=None, letters=True, colour=SKY):
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
    ax.imshow(picture, cmap="gray", vmin=window[0], vmax=window[1], aspect=rows / columns, interpolation="nearest")
    if mask is not None and np.any(mask):
        ax.contour(np.asarray(mask, dtype=float).squeeze(), [0.5], colors=colour, linewidths=1.0)
    if plane and letters:
        _letters(ax, plane)
    if spacing_mm is not None:
        height, width = picture.shape
        ax.plot([0.06 * width, 0.06 * width + 50 / columns], [0.96 * height] * 2, color="white", linewidth=2)
        ax.text(0.06 * width + 25 / columns, 0.945 * height, "50 mm", color="white", ha="center", va="bottom", fontsize=6)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title:
        ax.set_title(title, fontsize=9)
    return ax


def _letters(ax, plane):
    left, right, top, bottom = EDGES[plane]
    for x, y, letter in ((0.03, 0.5, left), (0.97, 0.5, right), (0.5, 0.97, top), (0.5, 0.03, bottom)):
        ax.text(x, y, letter, transform=ax.transAxes, color=YELLOW, fontsize=8, weight="bold",
                ha={0.03: "left", 0.97: "right"}.get(x, "center"), va={0.97: "top", 0.03: "bottom"}.get(y, "center"))


def montage(pictures, *, plane="", titles=(), masks=None, columns=8, frames=(), size=1.25, window=(0, 1), spacing_mm=None):
    """Many slices in a grid.

    Args:
        pictures: (N, H, W) or (N, H, W, 1).
        titles: N short texts, or none.
        masks: (N, H, W) bool, outlined, or None.
        frames: N tuples of colours (innermost first), drawn as frames around the picture; () for none.
        size: inches a picture.

    Returns:
        the figure.
    """
    count = len(pictures)
    columns = min(columns, max(count, 1))
    rows = max(1, -(-count // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(size * columns, (size + 0.18 * bool(len(titles))) * rows), squeeze=False)
    for index, ax in enumerate(axes.flat):
        if index >= count:
            ax.axis("off")
            continue
        brain(pictures[index], ax=ax, plane=plane, mask=None if masks is None else masks[index], window=window,
              spacing_mm=None, letters=index == 0)
        if spacing_mm is not None:
            ax.set_aspect(spacing_mm[0] / spacing_mm[1])
        if len(titles):
            ax.set_title(titles[index], fontsize=7, pad=2)
        for depth, colour in enumerate(frames[index] if len(frames) else ()):
            inset = 0.035 * (1 + 2 * depth)
            ax.add_patch(plt.Rectangle((inset / 2, inset / 2), 1 - inset, 1 - inset, transform=ax.transAxes, fill=False,
                                       edgecolor=colour, linewidth=2.2))
    return figure


def comparison(rows, *, plane="", titles=None, window=(0, 1), error_window=0.25, size=1.5):
    """Rows of pictures under each other, one subject or slice a column.

    Args:
        rows: dict of row name -> (N, H, W, 1); a name that starts with "error" is drawn as a signed map (blue: output
            darker than the target, red: brighter) with one colour bar.
        titles: N column titles.

    Returns:
        the figure.
    """
    count = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), count, figsize=(size * count + 0.9, size * len(rows) + 0.3), squeeze=False)
    for number, (row, (name, pictures)) in enumerate(zip(axes, rows.items())):
        for column, ax in enumerate(row):
            if name.startswith("error"):
                shown = ax.imshow(np.squeeze(pictures[column]), cmap="RdBu_r", vmin=-error_window, vmax=error_window)
                ax.set(xticks=[], yticks=[])
            else:
                brain(pictures[column], ax=ax, plane=plane, window=window, letters=number == column == 0)
        row[0].set_ylabel(name, fontsize=8)
        if name.startswith("error"):
            figure.colorbar(shown, ax=list(row), fraction=0.02, label="output - target")
    for ax, title in zip(axes[0], titles or []):
        ax.set_title(title, fontsize=8)
    return figure


def histogram(values, *, ax, limits=(), label="", unit="", bins=60, colour=BLUE):
    """A histogram with named vertical limits: {name: value} or pairs."""
    ax.hist(np.asarray(values, dtype=float), bins=bins, color=colour, alpha=0.75)
    for (name, value), limit_colour in zip(dict(limits).items(), (VERMILION, PURPLE, GREEN, ORANGE)):
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
            ax.plot(history["epoch"], history[column], linestyle="--" if dashed else "-", color=ORANGE if dashed else BLUE,
                    label=f"{label} {column}".strip())
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if log else "linear")
    ax.legend(fontsize=8, frameon=False)
    return ax


def shares(table, *, ax, attribute):
    """Share of each level of one attribute by set, from `splits.balance`."""
    rows = table[table["attribute"] == attribute]
    positions = np.arange(len(rows))
    for offset, (name, colour) in zip((-0.27, 0, 0.27), SETS.items()):
        ax.bar(positions + offset, 100 * rows[f"{name}_share"], width=0.25, color=colour, label=name)
    ax.set_xticks(positions, rows["level"], rotation=20, ha="right", fontsize=8)
    ax.set(ylabel="subjects (%)", title=attribute.replace("_", " "))
    return ax


def intervals(table, *, ax, value, low, high, label, colour=BLUE, unit=""):
    """Points with intervals, one a row of the table, the first on top."""
    places = np.arange(len(table))[::-1]
    centre = table[value].to_numpy(float)
    ax.errorbar(centre, places, xerr=[centre - table[low].to_numpy(float), table[high].to_numpy(float) - centre], fmt="o",
                color=colour, capsize=3)
    ax.set_yticks(places, table[label])
    ax.set(xlabel=f"{value}{f' ({unit})' if unit else ''}", ylim=(-0.7, len(table) - 0.3))
    ax.grid(axis="x", alpha=0.3)
    return ax
