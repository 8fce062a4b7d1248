"""The inspector's pictures: one figure of a finished report, and what looking into a network gave."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker

from brainlib.show import plots

PROBES = ("brains", "noise", "shuffled patches", "photographs")


def report_figure(report, *, pictures=2, width=13.0):
    """One figure of an inspected model: what goes in and comes out, grey values, latent, layers, and every finding.

    Args:
        report: of `inspector.inspect`.
        pictures: of each probe.
        width: inches.

    Returns:
        the figure.
    """
    height = 6.3 + 0.23 * len(report.findings)
    figure = plt.figure(
        figsize=(width, height), layout="none"
    )  # fitting two dozen axes by constraints takes seconds
    grid = figure.add_gridspec(
        4,
        4,
        height_ratios=[1.25, 1.25, 2.1, 0.23 * len(report.findings) + 0.4],
        left=0.05,
        right=0.985,
        top=0.925,
        bottom=0.02,
        hspace=0.38,
        wspace=0.34,
    )
    _pictures(figure, grid, report, pictures)
    axes = [figure.add_subplot(grid[2, column]) for column in range(4)]
    for draw, ax in zip((_grey_values, _lost, _latent, _layers), axes):
        draw(report, ax)
    _findings(report, figure.add_subplot(grid[3, :]))
    count = len(report.flagged())
    figure.suptitle(
        f"{report.name} ({report.kind}): {count} fault{'' if count == 1 else 's'} flagged"
        if count
        else f"{report.name} ({report.kind}): nothing flagged",
        color=plots.VERMILION if count else "black",
    )
    return figure


def _pictures(figure, grid, report, pictures):
    window = (
        float(report.arrays["inputs"]["brains"].min()),
        float(report.arrays["inputs"]["brains"].max()),
    )
    for column, name in enumerate(PROBES):
        inner = grid[0:2, column].subgridspec(2, pictures, wspace=0.02, hspace=0.02)
        inputs, outputs = report.arrays["inputs"][name], report.arrays["outputs"][name]
        for place, index in enumerate(np.linspace(0, len(inputs) - 1, pictures).astype(int)):
            for row, shown in enumerate((inputs, outputs)):
                ax = figure.add_subplot(inner[row, place])
                plots.brain(shown[index][..., 0], ax=ax, window=window)
                if place == 0:
                    ax.set_ylabel(("in", "out")[row], fontsize=8)
                if row == 0 and place == 0:
                    ax.set_title(name, fontsize=10, loc="left")


def _grey_values(report, ax):
    targets, outputs = report.arrays["targets"].ravel(), report.arrays["outputs"]["brains"].ravel()
    if not np.isfinite(outputs).all():
        return _empty(ax, "outputs that are no numbers")
    bins = np.linspace(min(targets.min(), outputs.min()), max(targets.max(), outputs.max()), 50)
    ax.hist(targets, bins=bins, color=plots.BLUE, alpha=0.55, label="targets")
    ax.hist(outputs, bins=bins, histtype="step", color=plots.ORANGE, linewidth=1.6, label="outputs")
    ax.set(yscale="log", xlabel="grey value", ylabel="pixels", title="range")
    ax.legend(frameon=False, fontsize=8)


def _lost(report, ax):
    if "variance_lost" not in report.arrays:
        return _empty(ax, "not asked")
    for place, name in enumerate(PROBES):
        values = 100 * np.maximum(report.arrays["variance_lost"][name], 1e-4)
        ax.plot(
            np.full(len(values), place) + np.linspace(-0.2, 0.2, len(values)),
            values,
            ".",
            color=plots.BLUE if place == 0 else plots.ORANGE,
            markersize=4,
        )
        ax.plot([place - 0.3, place + 0.3], [np.median(values)] * 2, color="black", linewidth=1.5)
    ax.axhline(25, color="0.6", linewidth=0.8, linestyle="--")
    ax.axhline(100, color="0.6", linewidth=0.8)
    ax.set_xticks(range(len(PROBES)), PROBES, rotation=20, ha="right", fontsize=8)
    ax.set(yscale="log", ylabel="variance lost (%)", title="does it copy?")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    ax.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    ax.yaxis.set_minor_formatter(ticker.NullFormatter())


def _latent(report, ax):
    if "kl" in report.arrays:
        values = np.sort(report.arrays["kl"])[::-1]
        ax.bar(np.arange(len(values)), values, width=1.0, color=plots.BLUE)
        ax.set(
            xlabel="unit, sorted",
            ylabel="KL (nats an image)",
            title=f"posterior: {values.sum():.3g} nats",
        )
    elif "shares" in report.arrays:
        values = np.sort(report.arrays["shares"])[::-1]
        ax.bar(np.arange(len(values)), 100 * values, width=1.0, color=plots.BLUE)
        ax.axhline(100 / len(values), color="0.6", linewidth=0.8, linestyle="--")
        ax.set(xlabel="code, sorted", ylabel="% of places", title="codebook")
    else:
        _empty(ax, "neither posterior nor codebook")


def _layers(report, ax):
    found = report.arrays.get("dead") or {}
    if not found:
        return _empty(ax, "no ReLU")
    shares = [100 * dead / of for dead, of in found.values()]
    ax.bar(np.arange(len(shares)), shares, color=plots.PURPLE)
    ax.axhline(75, color="0.6", linewidth=0.8, linestyle="--")
    ax.set(
        xlabel="ReLU layer, from the input",
        ylabel="% of channels",
        ylim=(0, 100),
        title="dead units",
    )


def _empty(ax, words):
    ax.text(
        0.5, 0.5, words, ha="center", va="center", color="0.5", transform=ax.transAxes, fontsize=9
    )
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _findings(report, ax):
    ax.axis("off")
    count = len(report.findings)
    for row, finding in enumerate(report.findings):
        height, colour = 1 - (row + 0.7) / count, plots.VERMILION if finding.flagged else "black"
        value = (
            "cannot be told" if np.isnan(finding.value) else f"{finding.value:.3g} {finding.unit}"
        )
        for place, words, weight in (
            (
                0.0,
                ("FAULT  " if finding.flagged else "") + finding.name,
                "bold" if finding.flagged else "normal",
            ),
            (0.21, value, "normal"),
            (0.37, f"expected {finding.expected}", "normal"),
            (0.53, _short(finding.why), "normal"),
        ):
            ax.text(
                place,
                height,
                words,
                color=colour,
                weight=weight,
                fontsize=7.5,
                transform=ax.transAxes,
            )


def _short(words, most=105):
    return words if len(words) <= most else words[: most - 4].rsplit(" ", 1)[0] + " ..."


def filters_figure(filters, *, columns=16, size=0.55):
    """Filters (count, h, w, channels) as pictures, the first channel, blue below and red above 0, one scale for all."""
    largest = float(np.abs(filters).max()) or 1.0
    columns = min(columns, len(filters))
    rows = -(-len(filters) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns + 0.6, size * rows + 0.3), squeeze=False
    )
    for index, ax in enumerate(axes.flat):
        ax.axis("off")
        if index < len(filters):
            shown = ax.imshow(filters[index, ..., 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
    figure.colorbar(shown, ax=axes, fraction=0.02, label="weight")
    return figure


def maps_figure(maps, *, channels=None, columns=8, size=1.25):
    """Feature maps (h, w, C) of one image, each with its own grey scale; the title is the channel's number."""
    channels = list(range(min(maps.shape[-1], 2 * columns))) if channels is None else list(channels)
    columns = min(columns, len(channels))
    rows = -(-len(channels) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.15) * rows), squeeze=False
    )
    for index, ax in enumerate(axes.flat):
        ax.axis("off")
        if index < len(channels):
            ax.imshow(maps[..., channels[index]], cmap="gray")
            ax.set_title(str(channels[index]), fontsize=7, pad=2)
    return figure


def occlusion_figure(images, maps, *, size=1.9):
    """Images in the first row, each kind of map under them, stretched over the image. images: (N, H, W, 1)."""
    figure, axes = plt.subplots(
        1 + len(maps),
        len(images),
        figsize=(size * len(images) + 0.8, size * (1 + len(maps))),
        squeeze=False,
    )
    height, width = images.shape[1:3]
    for ax, image in zip(axes[0], images):
        plots.brain(image, ax=ax)
    for row, (name, values) in zip(axes[1:], maps.items()):
        low, high = min(0.0, float(values.min())), float(values.max()) or 1.0
        for ax, one in zip(row, values):
            shown = ax.imshow(
                one,
                cmap="magma",
                vmin=low,
                vmax=high,
                extent=(0, width, height, 0),
                interpolation="nearest",
            )
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=8)
        figure.colorbar(shown, ax=list(row), fraction=0.02)
    return figure
