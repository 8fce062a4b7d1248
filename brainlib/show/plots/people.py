"""Who is in which set: one column per person, one row per round."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from brainlib.show.plots.look import SETS, shortened


def sets_of_people(table: pd.DataFrame) -> Figure:
    """A coloured cell for each person and round: trains, validates or tests.

    Args:
        table: of `stratification.set_of_people`: `subject`, `label`, and a column for each round.
            Neighbours with the same label share one name below the cells.
    """
    rounds = [name for name in table if name not in ("subject", "label")]
    codes = table[rounds].apply(lambda column: column.map(list(SETS).index)).to_numpy().T
    width = min(10.0, 2.5 + 0.36 * len(table))
    figure, ax = plt.subplots(figsize=(width, 1.9 + 0.34 * len(rounds)))
    cells = {"cmap": ListedColormap(list(SETS.values())), "vmin": 0, "vmax": len(SETS) - 1}
    ax.pcolormesh(codes, edgecolors="white", linewidth=1.5 if len(table) <= 60 else 0.3, **cells)
    ax.set_yticks(np.arange(len(rounds)) + 0.5, rounds, fontsize=8)
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    _name_groups(table.label.to_numpy(), ax)
    patches = [Patch(color=colour, label=name) for name, colour in SETS.items()]
    figure.legend(handles=patches, loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _name_groups(labels: np.ndarray, ax: plt.Axes) -> None:
    """One name below each stretch of equal labels, and a line between two stretches."""
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    ends = np.r_[starts[1:], len(labels)]
    for start in starts[1:]:
        if len(starts) < len(labels):
            ax.axvline(start, color="black", linewidth=1)
    names = [shortened(label) for label in labels[starts]]
    ax.set_xticks((starts + ends) / 2, names, rotation=90, fontsize=8)
