"""How the workbook's figures look: colours, settings, ticks with decimals, legends beside the data.

Colours are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import textwrap
from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW = "#56B4E9", "#CC79A7", "#F0E442"
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "0.45")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # on paper without colour, these tell lines apart
SETS = {"train": BLUE, "validation": ORANGE, "test": GREEN}
# Labels come from data: a site that is called `$x^{$` is no formula. For all text that is drawn.
plt.rcParams["text.parse_math"] = False
REFERENCE_LINE = {"color": "0.5", "linewidth": 1, "linestyle": ":"}


def style() -> None:
    """The workbook's matplotlib settings; called once by each notebook."""
    palette = [BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY]
    sns.set_theme(style="ticks", context="notebook", palette=palette)
    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.formatter.limits": (-4, 6),  # 0.0003 and 250000 rather than powers of ten
            "axes.formatter.useoffset": False,
            "legend.frameon": False,
            "legend.fontsize": 8,
            "legend.title_fontsize": 8,
            "figure.dpi": 90,
            "image.cmap": "gray",
            "pdf.fonttype": 42,
        }
    )


def panels(
    count: int, *, columns: int = 4, width: float = 4.2, height: float = 3.2, **options: object
) -> tuple[Figure, np.ndarray]:
    """A figure with so many axes, in rows of at most `columns`.

    Args:
        count: number of axes.
        columns: most axes side by side.
        width: inches of one axes.
        height: inches of one axes.
        **options: of `plt.subplots`, such as `sharey=True`.

    Returns:
        (figure, axes (count,)).
    """
    columns = min(count, columns)
    rows = -(-count // columns)
    size = (width * columns, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    for ax in axes.flat[count:]:
        ax.axis("off")
    return figure, axes.flat[:count]


def marker_of(colour: str) -> str:
    """The marker that goes with a colour, so that a grey print tells the lines apart."""
    return MARKERS[COLOURS.index(colour)] if colour in COLOURS else "."


def legend_beside(ax: Axes, **options: object) -> None:
    """A legend at the right of the axes, where it covers nothing; none without labels."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            frameon=False,
            fontsize=8,
            **options,
        )


def shared_legend(figure: Figure, ax: Axes) -> None:
    """One legend for all axes of a figure, at its right, with the labels of one of them."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)


def decimal_ticks(ax: Axes, axis: str = "y") -> None:
    """Writes the ticks of a logarithmic axis as decimals, as many as the range has room for."""
    chosen = ax.yaxis if axis == "y" else ax.xaxis
    low, high = ax.get_ylim() if axis == "y" else ax.get_xlim()
    decades = np.log10(high / low) if low > 0 else np.inf
    if decades < 0.6:
        locator = ticker.MaxNLocator(4)
    elif decades < 2.5:
        locator = ticker.LogLocator(subs=(1, 2, 5))
    else:
        locator = ticker.LogLocator(numticks=7)
    chosen.set_major_locator(locator)
    chosen.set_major_formatter(ticker.FuncFormatter(lambda value, _: plain_number(value)))
    chosen.set_minor_formatter(ticker.NullFormatter())


def plain_number(value: float) -> str:
    """A number for a reader: 0.05, 3.2, 1,250; no power of ten where a decimal fits."""
    if not np.isfinite(value):
        return str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if value != 0 and abs(value) < 1e-6:
        return f"{value:.1e}"
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


def wrapped(names: Iterable[object], width: int = 12) -> list[str]:
    """Names broken into lines, so that they do not touch their neighbours."""
    return [textwrap.fill(str(name), width, break_long_words=False) for name in names]


def shortened(name: object, most: int = 32) -> str:
    """A name of the data on one line, cut where it is so long that it would push the axes away."""
    words = " ".join(str(name).split())
    return words if len(words) <= most else f"{words[: most - 3]}..."


def ticks_apart(values: Sequence[float], share: float = 0.1) -> list[float]:
    """Those of the values that lie at least this share of the whole range from each other."""
    values = sorted(set(values))
    gap = share * (values[-1] - values[0])
    apart = values[-1:]
    for value in reversed(values[:-1]):  # the largest is named in any case
        if apart[0] - value >= gap:
            apart.insert(0, value)
    return apart


def message(ax: Axes, words: str) -> Axes:
    """Axes that say in words why nothing is drawn."""
    ax.text(0.5, 0.5, words, ha="center", va="center", color="0.4", transform=ax.transAxes)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax
