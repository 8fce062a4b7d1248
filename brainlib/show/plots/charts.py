"""Charts of numbers: training, intervals, people, rate and distortion.

Each function draws on the axes that it gets and returns them; those whose name says `panels` or
that take no axes return a figure. None shows or saves. Tables are pandas', one row per point.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from brainlib.record.columns import column_in_words
from brainlib.show.plots.look import (
    BLUE,
    COLOURS,
    GREEN,
    ORANGE,
    PURPLE,
    REFERENCE_LINE,
    SETS,
    VERMILION,
    decimal_ticks,
    legend_beside,
    marker_of,
    message,
    panels,
    plain_number,
    shared_legend,
    shortened,
    ticks_apart,
    wrapped,
)

NOT_STATED = "not stated"

# ------------------------------------------------------------------------------------- training


def curves(
    history: pd.DataFrame,
    *,
    ax: Axes,
    columns: Sequence[str] = ("loss", "val_loss"),
    log: bool = True,
    label: str = "",
    ylabel: str = "loss",
) -> Axes:
    """Training curves by epoch: training solid, validation dashed; one line for each training.

    Args:
        history: columns `epoch`, those named, and, where there are several trainings, `round`
            or `random_seed`.
        ax: axes to draw on.
        columns: what is drawn; a name that starts with "val_" is of the validation set.
        log: a logarithmic axis, where all values are above 0.
        label: in front of "training" and "validation" in the legend.
        ylabel: what the numbers are, with their unit.
    """
    values = []
    for column in columns:
        if column in history:
            _training_lines(history, column, ax, label)
            values.append(history[column])
    ax.set(xlabel="epoch", ylabel=ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    _logarithmic_where_possible(ax, values, log)
    legend_beside(ax)
    return ax


def _training_lines(history: pd.DataFrame, column: str, ax: Axes, label: str) -> None:
    """One line of a column for each training in a history; the first of them has the label."""
    of_validation = column.startswith("val_")
    words = f"{label} {'validation' if of_validation else 'training'}".strip()
    for number, (_, one_training) in enumerate(_trainings(history)):
        ax.plot(
            one_training["epoch"],
            one_training[column],
            linestyle="--" if of_validation else "-",
            color=ORANGE if of_validation else BLUE,
            label=words if number == 0 else None,
        )


def _trainings(history: pd.DataFrame) -> list[tuple[object, pd.DataFrame]]:
    """The trainings in a history: of each round and random seed."""
    keys = [name for name in ("round", "random_seed") if name in history]
    return list(history.groupby(keys, sort=False, dropna=False)) if keys else [("", history)]


def _logarithmic_where_possible(ax: Axes, values: Sequence[pd.Series], log: bool) -> None:
    if log and values and min(float(column.min()) for column in values) > 0:
        ax.set_yscale("log")
        decimal_ticks(ax)


def loss_panels(
    history: pd.DataFrame,
    *,
    by: str = "model",
    columns: Sequence[str] = ("loss", "val_loss"),
    log: bool = True,
    ylabel: str = "loss",
    sharey: bool = True,
) -> Figure:
    """Training curves of several models, one panel each; training solid, validation dashed.

    Args:
        history: as for `curves`, with a column that names the model.
        by: that column.
        columns: what is drawn.
        log: logarithmic axes, where all values are above 0.
        ylabel: what the numbers are, with their unit.
        sharey: whether all panels have one axis: not for losses of different kinds.
    """
    groups = list(history.groupby(by, sort=False))
    figure, axes = panels(len(groups), sharey=sharey)
    for ax, (name, part) in zip(axes, groups):
        curves(part, ax=ax, columns=columns, log=log, ylabel=ylabel)
        ax.set_title(str(name))
        ax.get_legend().remove()
    shared_legend(figure, axes[0])
    return figure


VAE_PANELS = (  # of `vae_panels`: column, what it is
    ("loss", "distortion + rate"),
    ("kl", "rate (nats per picture)"),
    ("active_units", "active units"),
)


def vae_panels(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Loss, rate and active units by epoch: one row of panels for each VAE.

    Args:
        histories: {name: of a VAE's training}.
    """
    figure, axes = panels(len(VAE_PANELS) * len(histories), columns=len(VAE_PANELS), height=2.8)
    places = iter(axes)
    for name, history in histories.items():
        for column, words in VAE_PANELS:
            ax = next(places)
            curves(history, ax=ax, columns=(column, f"val_{column}"), log=False, ylabel=words)
            ax.set_title(name)
            ax.get_legend().remove()
            if column != "loss":
                ax.set_ylim(bottom=0)
    shared_legend(figure, axes[0])
    return figure


def lines(
    table: pd.DataFrame,
    *,
    ax: Axes,
    columns: Mapping[str, str],
    x: str = "epoch",
    ylabel: str = "",
    log: bool = False,
    marker: str = "",
) -> Axes:
    """Several columns of one table as lines; the same of the validation set dashed.

    Args:
        table: one row per point.
        ax: axes to draw on.
        columns: {column: label}; a column "val_<column>" is drawn dashed in the same colour.
        x: column of the horizontal axis.
        ylabel: what the numbers are.
        log: a logarithmic axis, where all values are above 0.
        marker: of all points, such as "."; each line has its own when empty.
    """
    for (column, label), colour in zip(columns.items(), COLOURS):
        shape = {"marker": marker or marker_of(colour), "markersize": 3.5}
        ax.plot(table[x], table[column], color=colour, label=label, **shape)
        if f"val_{column}" in table:
            ax.plot(table[x], table[f"val_{column}"], "--", color=colour)
    ax.set(xlabel=x.replace("_", " "), ylabel=ylabel)
    _logarithmic_where_possible(ax, [table[column] for column in columns], log)
    legend_beside(ax)
    return ax


# ------------------------------------------------------------------------------------- people


def count_bars(values: Sequence, *, ax: Axes, label: str = "", count: str = "people") -> Axes:
    """How often each value occurs, as bars with their numbers, the most frequent on top.

    Args:
        values: one for each person, such as a column of the cohort; "" and NaN are not stated.
        ax: axes to draw on.
        label: what the values are, such as "site".
        count: what is counted.
    """
    values = pd.Series(list(values), dtype=object).replace("", np.nan).fillna(NOT_STATED)
    counts = values.astype(str).value_counts()
    if counts.empty:
        return message(ax, f"no {count}")
    bars = ax.barh(np.arange(len(counts))[::-1], counts, color=BLUE)
    ax.bar_label(bars, padding=2, fontsize=8)
    ax.set_yticks(
        np.arange(len(counts))[::-1], wrapped(map(shortened, counts.index), 22), fontsize=8
    )
    ax.set(xlabel=count, ylabel=label, xlim=(0, 1.12 * counts.max()))
    ax.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    return ax


def ages_by_sex(people: pd.DataFrame, *, ax: Axes, years: int = 5) -> Axes:
    """Histogram of ages, one colour for each sex, stacked.

    Args:
        people: columns `age` (years, NaN where unknown) and `sex` ("" or NaN where unknown).
        ax: axes to draw on.
        years: width of a bar.
    """
    known = people[people["age"].notna()]
    if known.empty:
        return message(ax, "no ages are known")
    sexes = known["sex"].replace("", np.nan).fillna(NOT_STATED)
    named = [name for name in ("male", "female") if (sexes == name).any()]
    named += sorted(set(sexes) - {"male", "female"})
    edges = np.arange(known["age"].min() // years * years, known["age"].max() + years + 1, years)
    ages = [known["age"][sexes == name].to_numpy(float) for name in named]
    labels = [f"{name} ({len(some)})" for name, some in zip(named, ages)]
    ax.hist(ages, bins=edges, stacked=True, label=labels, color=COLOURS[: len(named)], rwidth=0.94)
    ax.set(xlabel="age (years)", ylabel="people")
    ax.yaxis.get_major_locator().set_params(integer=True)
    legend_beside(ax)
    return ax


def shares(table: pd.DataFrame, *, ax: Axes, attribute: str) -> Axes:
    """Share of each level of one attribute in each set, the first level on top.

    Args:
        table: of `splits.balance`.
        ax: axes to draw on.
        attribute: such as "sex".
    """
    rows = table[table["attribute"] == attribute]
    places = np.arange(len(rows))[::-1]
    for offset, (name, colour) in zip((0.27, 0, -0.27), SETS.items()):
        lengths = 100 * rows[f"{name}_share"]
        ax.barh(places + offset, lengths, height=0.25, color=colour, label=name)
    ax.set_yticks(places, wrapped(map(shortened, rows["level"]), 16), fontsize=8)
    ax.set(xlabel="people (%)", title=column_in_words(attribute).label)
    return ax


def stratification(balance: pd.DataFrame, *, attributes: Sequence[str] = ()) -> Figure:
    """Shares by attribute in training, validation and test, one panel for each attribute.

    Args:
        balance: of `splits.balance`.
        attributes: which; all but the strata themselves ("demographics") when empty.
    """
    known = [name for name in balance["attribute"].unique() if name != "demographics"]
    attributes = list(attributes) or known
    figure, axes = panels(len(attributes), width=3.1, height=3.4)
    for ax, attribute in zip(axes, attributes):
        shares(balance, ax=ax, attribute=attribute)
    shared_legend(figure, axes[0])
    return figure


# ------------------------------------------------------------------------------------- intervals


def intervals(
    table: pd.DataFrame,
    *,
    ax: Axes,
    value: str,
    low: str,
    high: str,
    label: str,
    colour: str = BLUE,
    unit: str = "",
    reference: float | None = None,
) -> Axes:
    """Points with intervals, one for each row of the table, the first on top.

    Args:
        table: one row per point, such as per model.
        ax: axes to draw on.
        value: column of the point.
        low: column of the interval's lower limit; NaN draws none.
        high: column of the upper limit.
        label: column of the rows' names.
        colour: of the points.
        unit: behind the value's name on the axis.
        reference: a value that is marked by a dotted line, such as 1 for a ratio.
    """
    places = np.arange(len(table))[::-1]
    errors = _interval_lengths(table, value, low, high)
    ax.errorbar(table[value], places, xerr=errors, fmt="o", color=colour, capsize=3)
    _name_rows(ax, table[label], value, unit)
    if reference is not None:
        ax.axvline(reference, **REFERENCE_LINE)
    return ax


def interval_bars(
    table: pd.DataFrame,
    *,
    ax: Axes,
    value: str,
    low: str,
    high: str,
    label: str,
    colour: str = BLUE,
    unit: str = "",
) -> Axes:
    """As `intervals`, with bars from 0: for numbers whose 0 means nothing at all."""
    places = np.arange(len(table))[::-1]
    errors = _interval_lengths(table, value, low, high)
    ax.barh(places, table[value], xerr=errors, color=colour, ecolor="0.2", capsize=3, height=0.7)
    _name_rows(ax, table[label], value, unit)
    return ax


def _interval_lengths(table: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """(2, N) lengths below and above the values, as `errorbar` wants them; unknown ones 0."""
    centre = table[value].to_numpy(float)
    below = centre - table[low].to_numpy(float)
    above = table[high].to_numpy(float) - centre
    return np.maximum(np.nan_to_num([below, above]), 0)


def _name_rows(ax: Axes, names: pd.Series, value: str, unit: str) -> None:
    places = np.arange(len(names))[::-1]
    ax.set_yticks(places, wrapped(names, 26), fontsize=8)
    label = f"{value} ({unit})" if unit else value
    ax.set(xlabel=label, ylim=(-0.7, len(names) - 0.3))
    ax.xaxis.get_major_locator().set_params(nbins=5)
    ax.grid(axis="x", alpha=0.3)


def interval_panels(
    table: pd.DataFrame,
    *,
    by: str,
    value: str = "mean",
    low: str = "low",
    high: str = "high",
    label: str = "model",
    xlabel: str = "",
    title: str = "",
) -> Figure:
    """Points with intervals of the same models under several conditions, one panel each.

    Args:
        table: one row per model and condition.
        by: column of the condition, such as "corruption".
        value: column of the point.
        low: column of the interval's lower limit.
        high: column of the upper limit.
        label: column of the models' names; all panels have them in the order of first mention.
        xlabel: what the numbers are; the value's name when empty.
        title: in front of each condition's name.
    """
    names = table[label].unique()
    groups = list(table.groupby(by, sort=False))
    height = 0.42 * len(names) + 1.2
    figure, axes = panels(len(groups), height=height, sharey=True)
    for ax, (condition, part) in zip(axes, groups):
        ordered = part.set_index(label).reindex(names).reset_index()
        intervals(ordered, ax=ax, value=value, low=low, high=high, label=label)
        ax.set(xlabel=xlabel or value, title=f"{title} {condition}".strip())
    return figure


def learning_curve(
    table: pd.DataFrame,
    *,
    ax: Axes,
    x: str,
    value: str,
    low: str = "low",
    high: str = "high",
    by: str = "",
    xlabel: str = "people in training",
    ylabel: str = "",
) -> Axes:
    """A measure over the number of people trained on, with its intervals.

    Args:
        table: one row per point.
        ax: axes to draw on.
        x: column of the numbers of people.
        value: column of the measure.
        low: column of the interval's lower limit.
        high: column of the upper limit.
        by: column with one line for each of its values, such as the input; "" for a single line.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis; the value's name when empty.
    """
    groups = list(table.groupby(by, sort=False)) if by else [(None, table)]
    for (name, part), colour in zip(groups, COLOURS):
        part = part.sort_values(x)
        errors = _interval_lengths(part, value, low, high)
        label = None if name is None else str(name)
        style = {"marker": "o", "capsize": 3, "color": colour, "label": label}
        ax.errorbar(part[x], part[value], yerr=errors, **style)
    top = 1.1 * np.nanmax(table[[value, high]].to_numpy(float))
    ax.set(xlabel=xlabel, ylabel=ylabel or value, xticks=ticks_apart(table[x]), ylim=(0, top))
    legend_beside(ax)
    return ax


def paired_lines(
    table: pd.DataFrame, *, ax: Axes, x: str, y: str, pair: str, ylabel: str = ""
) -> Axes:
    """Two conditions side by side, a line for each pair of measurements.

    Args:
        table: one row per measurement.
        ax: axes to draw on.
        x: column of the condition; conditions stand in the order of first mention.
        y: column of the measure.
        pair: column that says which measurements belong together, such as the random draw.
        ylabel: of the vertical axis; the measure's name when empty.
    """
    conditions = list(table[x].unique())
    for _, measured in table.groupby(pair):
        values = measured.set_index(x)[y].reindex(conditions)
        ax.plot(range(len(conditions)), values, marker="o", color=BLUE, alpha=0.6)
    ax.set_xticks(range(len(conditions)), wrapped(conditions, 14))
    ax.set(ylabel=ylabel or y, ylim=(0, None), xlim=(-0.3, len(conditions) - 0.7))
    return ax


# ------------------------------------------------------------------------------------- numbers


def histogram(
    values: ArrayLike,
    *,
    ax: Axes,
    limits: Mapping[str, float] | None = None,
    label: str = "",
    unit: str = "",
    bins: int = 60,
    colour: str = BLUE,
) -> Axes:
    """A histogram with named vertical limits.

    Args:
        values: numbers of any shape.
        ax: axes to draw on.
        limits: {name: value}, each a vertical line.
        label: what the numbers are.
        unit: of the numbers.
        bins: number of bars.
        colour: of the bars.
    """
    ax.hist(np.ravel(np.asarray(values, dtype=float)), bins=bins, color=colour, alpha=0.75)
    named = dict(limits or {}).items()
    for (name, value), line_colour in zip(named, (VERMILION, PURPLE, GREEN, ORANGE)):
        words = f"{name}: {plain_number(value)}"
        ax.axvline(value, color=line_colour, linewidth=1.8, label=words)
    ax.set(xlabel=f"{label} ({unit})" if unit else label, ylabel="count")
    ax.xaxis.get_major_locator().set_params(nbins=5)
    legend_beside(ax)
    return ax


def distributions(
    values: Mapping[str, ArrayLike],
    *,
    ax: Axes,
    span: tuple[float, float] | None = None,
    bins: int = 50,
    label: str = "grey value",
    share_of: str = "voxels",
) -> Axes:
    """Several sets of numbers as outlines of histograms, each with area 1.

    Args:
        values: {name: numbers of any shape}. A name before " | " is drawn in one colour and
            named once, such as "Guys | IXI012" and "Guys | IXI013" for two heads of one site.
        ax: axes to draw on.
        span: (lowest, highest) number; that of all numbers when absent.
        bins: number of steps.
        label: what the numbers are.
        share_of: what is counted.
    """
    arrays = {name: np.ravel(np.asarray(numbers, float)) for name, numbers in values.items()}
    if span is None:
        span = (min(map(np.min, arrays.values())), max(map(np.max, arrays.values())))
    families = list(dict.fromkeys(name.split(" | ")[0] for name in arrays))
    named = set()
    for name, numbers in arrays.items():
        family = name.split(" | ")[0]
        counts, edges = np.histogram(numbers, bins=bins, range=span)
        middles = (edges[1:] + edges[:-1]) / 2
        colour = COLOURS[families.index(family) % len(COLOURS)]
        words = None if family in named else shortened(family)
        ax.plot(middles, counts / max(counts.sum(), 1), color=colour, label=words, alpha=0.8)
        named.add(family)
    ax.set(xlabel=label, ylabel=f"share of {share_of}")
    legend_beside(ax)
    return ax


# ------------------------------------------------------------------------------------- rate


def rate_distortion(
    table: pd.DataFrame,
    *,
    ax: Axes,
    rate: str,
    distortion: str,
    label: str,
    by: str = "",
    xlabel: str = "rate (bits per picture)",
    ylabel: str = "PSNR (dB)",
    joined: bool = True,
) -> Axes:
    """What bits buy: one point with its name for each model or setting.

    Args:
        table: one row per model.
        ax: axes to draw on.
        rate: column of the horizontal axis, on a logarithmic scale.
        distortion: column of the vertical axis.
        label: column of the names beside the points.
        by: column of families, one colour and line each, such as VAE and VQ-VAE; "" for one.
        xlabel: of the horizontal axis.
        ylabel: of the vertical axis.
        joined: whether a thin line joins the points of a family.
    """
    groups = list(table.groupby(by, sort=False)) if by else [(None, table)]
    for (name, part), colour in zip(groups, COLOURS):
        part = part.sort_values(rate)
        if joined:
            ax.plot(part[rate], part[distortion], color=colour, alpha=0.3, zorder=1)
        words = None if name is None else str(name)
        ax.scatter(part[rate], part[distortion], color=colour, label=words, zorder=2)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    ax.margins(x=0.25, y=0.2)
    decimal_ticks(ax, "x")
    _label_points(ax, table[rate], table[distortion], table[label])
    legend_beside(ax)
    return ax


def labelled_points(
    table: pd.DataFrame,
    *,
    ax: Axes,
    x: str,
    y: str,
    label: str,
    xlabel: str = "",
    ylabel: str = "",
    reference: float | None = None,
) -> Axes:
    """One point with its name for each row, such as minutes of training against PSNR.

    Args:
        table: one row per point.
        ax: axes to draw on.
        x: column of the horizontal axis.
        y: column of the vertical axis.
        label: column of the names beside the points.
        xlabel: of the horizontal axis; the column's name when empty.
        ylabel: of the vertical axis; the column's name when empty.
        reference: a height that is marked by a dotted line.
    """
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(table))]
    ax.scatter(table[x], table[y], s=60, color=colours)
    if reference is not None:
        ax.axhline(reference, **REFERENCE_LINE)
    ax.margins(x=0.25, y=0.2)
    ax.set(xlabel=xlabel or x, ylabel=ylabel or y)
    if table[x].min() >= 0:
        ax.set_xlim(left=0)
    _label_points(ax, table[x], table[y], table[label])
    return ax


def _label_points(ax: Axes, xs: Sequence, ys: Sequence, names: Sequence) -> None:
    """Writes names beside points, each on the side where it meets no other name and no point."""
    points = ax.transData.transform(np.column_stack([xs, ys]).astype(float))
    pixel = ax.figure.dpi / 72  # pixels of a typographic point
    taken = [
        Bbox.from_bounds(x - 4 * pixel, y - 4 * pixel, 8 * pixel, 8 * pixel) for x, y in points
    ]
    for (x, y), name in zip(points, names):
        size = (4.6 * pixel * len(str(name)), 10 * pixel)  # about, of letters of 8 points
        places = []
        for right, up in ((1, -1), (1, 1), (-1, 1), (-1, -1), (1, -2.4), (1, 2.4), (-1, -2.4)):
            left = x + 6 * pixel if right > 0 else x - 6 * pixel - size[0]
            low = y + (up - 0.5) * 10 * pixel
            hits = sum(Bbox.from_bounds(left, low, *size).overlaps(box) for box in taken)
            places.append((hits, right, up, Bbox.from_bounds(left, low, *size)))
        _, right, up, box = min(places, key=lambda place: place[0])
        taken.append(box)
        ax.annotate(
            str(name),
            ax.transData.inverted().transform((x, y)),
            textcoords="offset points",
            xytext=(6 * right, 10 * up),
            ha="left" if right > 0 else "right",
            va="center",
            fontsize=8,
        )


def line_panels(
    table: pd.DataFrame,
    *,
    x: str,
    panel: str = "",
    value: str = "mean",
    by: str = "model",
    xlabel: str = "",
    ylabel: str = "",
    baselines: Sequence[str] = (),
) -> Figure:
    """The same models as lines in several panels, the simple ones gray and dashed.

    Args:
        table: one row per panel, model and point; bands are drawn between `low` and `high`.
        x: column of the horizontal axis.
        panel: column with one panel for each of its values; "" for a single panel.
        value: column of the points.
        by: column of the models.
        xlabel: of the horizontal axes: a text, or a column of `table` that says it per panel.
        ylabel: of the vertical axes.
        baselines: models that need no network.
    """
    groups = list(table.groupby(panel, sort=False)) if panel else [("", table)]
    figure, axes = panels(len(groups), height=2.9, width=3.4 if panel else 5.6)
    names = list(table[by].unique())
    for ax, (title, part) in zip(axes, groups):
        colours = iter(COLOURS)
        dashes = iter(["--", ":", "-."])
        for name in names:
            line = part[part[by] == name].sort_values(x)
            simple = name in baselines
            colour = "0.4" if simple else next(colours)
            style = {"color": colour, "linestyle": next(dashes) if simple else "-"}
            shape = {"marker": marker_of(colour), "markersize": 4}
            ax.plot(line[x], line[value], label=str(name), **shape, **style)
            ax.fill_between(line[x], line["low"], line["high"], color=colour, alpha=0.12, lw=0)
        words = part[xlabel].iloc[0] if xlabel in part else xlabel
        ax.set(xlabel=words, ylabel=ylabel or value, title=title, ylim=(0, None))
    shared_legend(figure, axes[0])
    return figure
