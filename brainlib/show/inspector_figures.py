"""The inspector's pictures: a finished report, several beside each other, looks into a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter

from brainlib.show import plots

if TYPE_CHECKING:
    from brainlib.inspector.findings import Finding
    from brainlib.inspector.report import Report

PROBES = ("brains", "noise", "shuffled patches", "photographs")
THRESHOLD = {"color": "0.6", "linewidth": 0.8, "linestyle": "--"}
DECIMALS = FuncFormatter(lambda value, _: plots.plain_number(value))
NOT_ASKED, SOUND, FAULT = range(3)
SHADES = ListedColormap(["#F2F2F2", "#CFE8DF", plots.VERMILION])

# ------------------------------------------------------------------------------------- one report


def report_figure(report: Report, *, pictures: int = 2, width: float = 10.0) -> Figure:
    """One figure of an inspected model.

    What goes in and comes out, grey values, variance lost, latent, layers, and every finding.

    Args:
        report: of `inspector.inspect`.
        pictures: of each probe.
        width: inches.

    Returns:
        the figure.
    """
    height = 5.8 + 0.2 * len(report.findings)
    # Fitting two dozen axes by constraints takes seconds.
    figure = plt.figure(figsize=(width, height), layout="none")
    grid = _report_grid(figure, len(report.findings))
    _draw_pictures(figure, grid, report, pictures)
    panels = (_draw_grey_values, _draw_variance_lost, _draw_latent, _draw_dead_units)
    for column, draw in enumerate(panels):
        ax = figure.add_subplot(grid[2, column])
        draw(report, ax)
        _small_words(ax)
    _draw_findings(report, figure.add_subplot(grid[3, :]))
    colour = plots.VERMILION if report.flagged() else "black"
    figure.suptitle(f"{report.name} ({report.kind}): {_verdict(report)}", color=colour)
    return figure


def _small_words(ax: Axes) -> None:
    """Words of a size that leaves room for four panels side by side."""
    ax.tick_params(labelsize=7)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_size(9)


def _verdict(report: Report) -> str:
    count = len(report.flagged())
    if count == 0:
        return "nothing flagged"
    return "1 fault flagged" if count == 1 else f"{count} faults flagged"


def _report_grid(figure: Figure, findings: int) -> GridSpec:
    """Two rows of pictures, one of charts, one of words."""
    return figure.add_gridspec(
        4,
        4,
        height_ratios=[1.0, 1.0, 1.9, 0.2 * findings + 0.5],
        left=0.07,
        right=0.985,
        top=0.92,
        bottom=0.02,
        hspace=0.38,
        wspace=0.34,
    )


def _draw_pictures(figure: Figure, grid: GridSpec, report: Report, pictures: int) -> None:
    """Some pictures of each probe, as they go in and as they come out."""
    brains = report.arrays["inputs"]["brains"]
    window = (float(brains.min()), float(brains.max()))
    for column, name in enumerate(PROBES):
        inner = grid[0:2, column].subgridspec(2, pictures, wspace=0.02, hspace=0.02)
        inputs, outputs = report.arrays["inputs"][name], report.arrays["outputs"][name]
        chosen = np.linspace(0, len(inputs) - 1, pictures).astype(int)
        for row, (words, images) in enumerate((("in", inputs), ("out", outputs))):
            axes = [figure.add_subplot(inner[row, place]) for place in range(pictures)]
            for ax, index in zip(axes, chosen):
                plots.brain(images[index][..., 0], ax=ax, window=window)
            axes[0].set_ylabel(words, fontsize=8)
            if row == 0:
                axes[0].set_title(name, fontsize=10, loc="left")


def _draw_grey_values(report: Report, ax: Axes) -> None:
    targets, outputs = report.arrays["targets"].ravel(), report.arrays["outputs"]["brains"].ravel()
    if not np.isfinite(outputs).all():
        plots.message(ax, "outputs that are no numbers")
        return
    bins = np.linspace(min(targets.min(), outputs.min()), max(targets.max(), outputs.max()), 50)
    ax.hist(targets, bins=bins, color=plots.BLUE, alpha=0.55, label="targets")
    ax.hist(outputs, bins=bins, histtype="step", color=plots.ORANGE, linewidth=1.6, label="outputs")
    ax.set(yscale="log", xlabel="grey value", ylabel="pixels")
    plots.decimal_ticks(ax)
    above = {"loc": "lower left", "bbox_to_anchor": (-0.08, 0.98), "ncols": 2}
    ax.legend(frameon=False, fontsize=8, columnspacing=1, handlelength=1.2, **above)


def _draw_variance_lost(report: Report, ax: Axes) -> None:
    if "variance_lost" not in report.arrays:
        plots.message(ax, "not asked")
        return
    for place, name in enumerate(PROBES):
        values = 100 * np.maximum(report.arrays["variance_lost"][name], 1e-4)
        beside = place + np.linspace(-0.2, 0.2, len(values))
        colour = plots.BLUE if name == "brains" else plots.ORANGE
        ax.plot(beside, values, ".", color=colour, markersize=4)
        median = np.median(values)
        ax.plot([place - 0.3, place + 0.3], [median, median], color="black", linewidth=1.5)
    ax.axhline(25, **THRESHOLD)
    ax.axhline(100, color="0.6", linewidth=0.8)
    ax.set_xticks(range(len(PROBES)), PROBES, rotation=30, ha="right")
    ax.set(yscale="log", ylabel="variance lost (%)", title="does it copy?")
    plots.decimal_ticks(ax)


def _draw_latent(report: Report, ax: Axes) -> None:
    """KL by unit, or share of each code, sorted."""
    if "kl" in report.arrays:
        values = np.sort(report.arrays["kl"])[::-1]
        ax.bar(np.arange(len(values)), values, width=1.0, color=plots.BLUE)
        title = f"posterior: {values.sum():.3g} nats"
        ax.set(xlabel="unit, sorted", ylabel="KL (nats per image)", title=title)
    elif "shares" in report.arrays:
        values = np.sort(report.arrays["shares"])[::-1]
        ax.bar(np.arange(len(values)), 100 * values, width=1.0, color=plots.BLUE)
        ax.axhline(100 / len(values), **THRESHOLD)
        ax.set(xlabel="code, sorted", ylabel="% of places", title="codebook")
    else:
        plots.message(ax, "neither posterior\nnor codebook")


def _draw_dead_units(report: Report, ax: Axes) -> None:
    by_layer = report.arrays.get("dead") or {}
    if not by_layer:
        plots.message(ax, "no ReLU")
        return
    shares = [100 * dead / channels for dead, channels in by_layer.values()]
    ax.bar(np.arange(len(shares)), shares, color=plots.PURPLE)
    ax.axhline(75, **THRESHOLD)
    ax.set(xlabel="ReLU layer, from the input", ylabel="% of channels", title="dead units")
    ax.set(ylim=(0, 100))
    ax.xaxis.get_major_locator().set_params(integer=True)


def _draw_findings(report: Report, ax: Axes) -> None:
    """One line of words for each finding, faults in red."""
    ax.axis("off")
    for row, finding in enumerate(report.findings):
        height = 1 - (row + 1.7) / (len(report.findings) + 1)
        colour = plots.VERMILION if finding.flagged else "black"
        for place, words in zip((-0.05, 0.19, 0.36, 0.54), _finding_words(finding)):
            weight = "bold" if finding.flagged and place == 0 else "normal"
            style = {"color": colour, "weight": weight, "fontsize": 7.5}
            ax.text(place, height, words, transform=ax.transAxes, **style)


def _finding_words(finding: Finding) -> tuple[str, str, str, str]:
    """Name, value, what was expected, and why, as they stand in a line."""
    name = f"FAULT  {finding.name}" if finding.flagged else finding.name
    value = _shortened(f"{finding.value:.3g} {finding.unit}", 27)
    if np.isnan(finding.value):
        value = "cannot be told"
    expected = _shortened(f"expected {finding.expected}", 30)
    return name, value, expected, _shortened(finding.why)


def _shortened(words: str, most: int = 72) -> str:
    return words if len(words) <= most else words[: most - 4].rsplit(" ", 1)[0] + " ..."


# ------------------------------------------------------------------------------------- several


def overview(table: pd.DataFrame) -> Figure:
    """Findings as rows, models as columns: green is sound, red a fault, grey was not asked.

    Args:
        table: one row per model and finding: `Report.table` of each with a column `model`.
    """
    names, models = list(dict.fromkeys(table.name)), list(dict.fromkeys(table.model))
    values = table.pivot(index="name", columns="model", values="value").reindex(names)[models]
    flags = table.pivot(index="name", columns="model", values="flagged").reindex(names)[models]
    shades = np.where(flags.isna(), NOT_ASKED, np.where(flags == True, FAULT, SOUND))  # noqa: E712
    figure, ax = plt.subplots(figsize=(3.3 + 0.92 * len(models), 0.29 * len(names) + 1.0))
    ax.imshow(shades, cmap=SHADES, vmin=NOT_ASKED, vmax=FAULT, aspect="auto")
    for row, column in np.argwhere(shades != NOT_ASKED):
        value = values.iloc[row, column]
        words = "?" if np.isnan(value) else f"{value:.3g}"
        fault = shades[row, column] == FAULT
        style = {"color": "white", "weight": "bold"} if fault else {"color": "black"}
        ax.text(column, row, words, ha="center", va="center", fontsize=8.5, **style)
    ax.set_xticks(range(len(models)), models, fontsize=8.5, rotation=20, ha="right")
    ax.set_yticks(range(len(names)), _names_with_units(table), fontsize=8.5)
    ax.spines[:].set_visible(False)
    return figure


def _names_with_units(table: pd.DataFrame) -> list[str]:
    """Names of the findings, with their units where these are short."""
    first = table.drop_duplicates("name")
    words = []
    for name, unit in zip(first.name, first.unit):
        words.append(f"{name} ({unit})" if len(unit) < 26 else name)
    return words


# ------------------------------------------------------------------------------------- networks


def filters_figure(filters: np.ndarray, *, columns: int = 10, size: float = 0.8) -> Figure:
    """Filters as pictures, the first channel, blue below and red above 0, one scale for all.

    Args:
        filters: (count, h, w, channels).
        columns: pictures in a row.
        size: inches of a picture.
    """
    largest = float(np.abs(filters).max()) or 1.0
    figure, axes = plots.panels(
        len(filters), columns=columns, width=size + 0.6 / columns, height=size + 0.05
    )
    for ax, kernel in zip(axes, filters):
        ax.axis("off")
        image = ax.imshow(kernel[..., 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
    bar = figure.colorbar(image, ax=figure.axes, fraction=0.02, ticks=[-largest, 0, largest])
    bar.ax.set_yticklabels(map(plots.plain_number, (-largest, 0, largest)), fontsize=7)
    bar.set_label("weight", fontsize=8)
    return figure


def maps_figure(
    maps: np.ndarray,
    *,
    channels: Sequence[int] | None = None,
    columns: int = 8,
    size: float = 1.25,
) -> Figure:
    """Feature maps of one image, each with its own grey scale, under its channel's number.

    Args:
        maps: (h, w, C).
        channels: which; the first two rows of them when absent.
        columns: maps in a row.
        size: inches of a map.
    """
    count = min(maps.shape[-1], 2 * columns)
    channels = list(range(count) if channels is None else channels)
    figure, axes = plots.panels(len(channels), columns=columns, width=size, height=size + 0.15)
    for ax, channel in zip(axes, channels):
        ax.axis("off")
        ax.imshow(maps[..., channel], cmap="gray")
        ax.set_title(str(channel), fontsize=7, pad=2)
    return figure


def channel_worth(worth: np.ndarray, *, error: float, ax: Axes, title: str = "") -> Axes:
    """What each channel is worth: the error that its silence adds, the most valuable first.

    Args:
        worth: (channels,) mean squared error added, of `filters.switched_off`.
        error: mean squared error with all channels.
        ax: axes to draw on.
        title: such as the model and the layer.
    """
    percent = 100 * np.sort(worth)[::-1] / error
    ax.bar(np.arange(len(worth)), percent, width=1.0, color=plots.BLUE)
    ax.set(xlabel="channel, sorted", ylabel="error added (% of the error)", title=title)
    return ax


def channels_figure(table: pd.DataFrame) -> Figure:
    """`channel_worth` of several models, side by side.

    Args:
        table: one row per model and channel: `model`, `layer`, `error_gained` and `error`.
    """
    models = list(dict.fromkeys(table.model))
    figure, axes = plots.panels(len(models), columns=2, width=4.6, height=3.2)
    for ax, name in zip(axes, models):
        rows = table[table.model == name]
        title = f"{name}: {rows.layer.iloc[0]}"
        channel_worth(
            rows.error_gained.to_numpy(), error=float(rows.error.iloc[0]), ax=ax, title=title
        )
    return figure


def _scale_of_changes(values: np.ndarray) -> plots.Scale:
    """From black at 0, or, where there are gains and losses, from blue over white to red."""
    largest = float(np.abs(values).max()) or 1.0
    if values.min() < 0:
        return plots.Scale("RdBu_r", -largest, largest)
    return plots.Scale("magma", 0.0, largest)


def occlusion_figure(
    images: np.ndarray, maps: Mapping[str, np.ndarray], *, size: float = 1.9
) -> Figure:
    """Images in the first row, each kind of map under them, stretched over the images.

    Args:
        images: (N, H, W, 1).
        maps: {name: (N, rows, columns)}, of `filters.occlusion`.
        size: inches of a picture.
    """
    rows = 1 + len(maps)
    width = size * len(images) + 0.8
    figure, axes = plt.subplots(rows, len(images), figsize=(width, size * rows), squeeze=False)
    for ax, image in zip(axes[0], images):
        plots.brain(image, ax=ax)
    for row, (name, values) in zip(axes[1:], maps.items()):
        scale = _scale_of_changes(values)
        for ax, numbers in zip(row, values):
            extent = (0, images.shape[2], images.shape[1], 0)
            drawn = ax.imshow(numbers, extent=extent, interpolation="nearest", **scale.options())
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        row[0].set_ylabel(name, fontsize=8)
        bar = figure.colorbar(drawn, ax=list(row), fraction=0.02, format=DECIMALS)
        bar.ax.tick_params(labelsize=8)
    return figure
