"""Networks beside each other: validation curves, tests between all pairs, bars of measures."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from brainlib.show.plots.look import COLOURS, SKY, decimal_ticks, legend_beside, panels, wrapped

SMALLEST = -6  # exponent of p that is drawn darkest


def validation_curves(
    history: pd.DataFrame, *, by: str = "model", panel: str = "trained_with"
) -> Figure:
    """The validation loss of several networks in one panel for each loss.

    Thesis 003's figures 5.2 to 5.5, thesis 004's figures 5.18 and 5.21.

    Args:
        history: one row per epoch with `epoch`, `val_loss`, `random_seed` and the two columns.
        by: column that tells the lines apart.
        panel: column of the losses, which have scales of their own.
    """
    losses = list(history[panel].unique())
    figure, axes = panels(len(losses), width=6.2, height=3.6)
    names = list(history[by].unique())
    for ax, loss in zip(axes, losses):
        part = history[history[panel] == loss]
        for (name, _), line in part.groupby([by, "random_seed"], sort=False):
            colour = COLOURS[names.index(name) % len(COLOURS)]
            label = name if name not in ax.get_legend_handles_labels()[1] else None
            ax.plot(line.epoch, line.val_loss, color=colour, label=label, marker=".", markersize=3)
        ax.set(xlabel="epoch", ylabel=f"validation loss ({loss})")
        if (part.val_loss > 0).any():  # a logarithm of errors is negative
            ax.set_yscale("log")
            decimal_ticks(ax)
        legend_beside(ax)
    return figure


def p_value_maps(tables: Mapping[str, pd.DataFrame], *, level: float = 0.05) -> Figure:
    """Paired tests between all pairs of networks as heat maps (thesis 004, figure 5.24).

    Args:
        tables: {title: square table of p, NaN on its diagonal}.
        level: pairs below it are framed.
    """
    count = len(next(iter(tables.values())))
    side = 0.75 * count + 2.2
    figure, axes = plt.subplots(
        1, len(tables), figsize=(side * len(tables), side - 0.6), squeeze=False
    )
    for ax, (title, table) in zip(axes[0], tables.items()):
        drawn = _draw_p_values(table, ax, level)
        ax.set_xticks(range(count), wrapped(table.columns, 14), rotation=90, fontsize=7)
        ax.set_yticks(range(count), wrapped(table.index, 14), fontsize=7)
        ax.set_title(title, fontsize=9)
    bar = figure.colorbar(drawn, ax=list(axes[0]), fraction=0.03, ticks=[SMALLEST, -4, -2, 0])
    bar.ax.set_yticklabels(["1e-6 or less", "1e-4", "0.01", "1"], fontsize=7)
    return figure


def _draw_p_values(table: pd.DataFrame, ax: Axes, level: float) -> AxesImage:
    """One heat map: the colour is the exponent of p, and p stands in its box."""
    values = table.to_numpy(float)
    exponents = np.log10(np.maximum(values, 10.0**SMALLEST))
    drawn = ax.imshow(exponents, cmap="magma", vmin=SMALLEST, vmax=0)
    for (row, column), p in np.ndenumerate(values):
        if np.isnan(p):
            continue
        words = "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0")
        colour = "white" if exponents[row, column] < -2.5 else "black"
        ax.text(column, row, words, ha="center", va="center", fontsize=7, color=colour)
        if p < level:
            corner = column - 0.46, row - 0.46
            ax.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, color=SKY))
    return drawn


def metric_bars(table: pd.DataFrame, *, names: pd.Series, columns: Sequence[str]) -> Figure:
    """Bars of several measures, one panel each (thesis 004, figures 5.19 and 5.25).

    Args:
        table: one row per network.
        names: of the rows.
        columns: the measures, those without any number are left out.
    """
    columns = [name for name in columns if table[name].notna().any()]
    height = 0.28 * len(table) + 1.1
    figure, axes = plt.subplots(
        1, len(columns), figsize=(2.7 * len(columns) + 1.6, height), sharey=True, squeeze=False
    )
    places = np.arange(len(table))[::-1]
    for number, (ax, column) in enumerate(zip(axes[0], columns)):
        ax.barh(places, table[column], color=COLOURS[number % len(COLOURS)])
        ax.set_xlabel(column.replace("_", " "), fontsize=8)
        ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.tick_params(axis="x", labelsize=7)
    axes[0, 0].set_yticks(places, list(names), fontsize=7)
    return figure
