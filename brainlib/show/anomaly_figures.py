"""Figures of anomaly maps: what was seen, rebuilt, suspected, called and true; curves; the copying audit."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from brainlib.show import plots

TRUTH, CALLED = plots.ORANGE, plots.SKY  # outlines: of the truth, of what was called lesion
COLOURS = (plots.BLUE, plots.VERMILION, plots.GREEN, plots.PURPLE, plots.SKY, "0.45", "0.7")


def detections(rows, *, titles, plane="axial", size=1.45):
    """Slices as in seed 002's figures 5.1 and 5.2, one a row.

    Args:
        rows: list of dicts with image, output (None for the baselines), score, called (bool), lesion (bool), each (H, W), and
            limit, the threshold: the score is drawn up to twice of it.
        titles: one text a row.

    Returns:
        the figure: original with the lesion's outline, what it is compared with, score, what was called, truth.
    """
    columns = ("original", "healthy version", "score", "called lesion", "truth")
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(size * len(columns) + 0.9, 1.2 * size * len(rows) + 0.3),
        squeeze=False,
    )
    for place, (row, title, line) in enumerate(zip(rows, titles, axes)):
        plots.brain(
            row["image"], ax=line[0], plane=plane, mask=row["lesion"], colour=TRUTH, letters=True
        )
        if row["output"] is None:
            line[1].axis("off")
        else:
            plots.brain(row["output"], ax=line[1])
        shown = line[2].imshow(row["score"], cmap="inferno", vmin=0, vmax=2 * row["limit"])
        for ax in line[2:]:
            ax.set(xticks=[], yticks=[])
        plots.brain(row["image"], ax=line[3], mask=row["called"], colour=CALLED)
        plots.brain(np.asarray(row["lesion"], float), ax=line[4])
        line[0].set_ylabel(
            "\n".join(textwrap.fill(part, 22) for part in title.split("\n")), fontsize=7
        )
        if place == 0:
            for ax, name in zip(line, columns):
                ax.set_title(name, fontsize=9)
    bar = figure.colorbar(
        shown,
        ax=list(axes[:, 2]),
        fraction=0.08,
        pad=0.03,
        ticks=[0, rows[-1]["limit"], 2 * rows[-1]["limit"]],
    )
    bar.ax.set_yticklabels(["0", "threshold", "twice"], fontsize=7)
    return figure


def roc_and_precision(counters, *, axes):
    """ROC and precision-recall curves of {name: Counter}, with what chance gives. axes: two."""
    for (name, counter), colour in zip(counters.items(), COLOURS):
        points, found = counter.points(), counter.curves()
        dashed = "--" if name.startswith("intensity") else "-"
        axes[0].plot(
            np.append(0, points["false_alarms"]),
            np.append(0, points["recall"]),
            dashed,
            color=colour,
            label=f"{name}: {found.auroc:.3f}",
        )
        axes[1].plot(
            points["recall"],
            points["precision"],
            dashed,
            color=colour,
            label=f"{name}: {found.auprc:.3f}",
        )
    axes[0].plot([0, 1], [0, 1], ":", color="0.6", label="chance: 0.500")
    axes[1].axhline(
        found.prevalence, linestyle=":", color="0.6", label=f"prevalence: {found.prevalence:.3f}"
    )
    axes[0].set(
        xlabel="false alarms (share of healthy pixels)",
        ylabel="recall",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    axes[1].set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.01))
    for ax in axes:
        ax.legend(fontsize=7, frameon=False, title="area", title_fontsize=7)
    return axes


def copying_audit(table, *, axes):
    """How much of a planted lesion each model repeats, by contrast; one axes a radius. table: of `copying_audit`, with model."""
    for ax, (radius, part) in zip(axes, table.groupby("radius_px", sort=True)):
        for (name, rows), colour in zip(part.groupby("model", sort=False), COLOURS):
            rows = rows.sort_values("contrast")
            ax.plot(rows.contrast, rows.painted_back, "o-", color=colour, markersize=4, label=name)
            ax.fill_between(
                rows.contrast,
                rows.painted_back - rows["std"],
                rows.painted_back + rows["std"],
                color=colour,
                alpha=0.12,
                linewidth=0,
            )
        ax.axhline(1, linestyle=":", color="0.6")
        ax.axhline(0, linestyle=":", color="0.6")
        ax.set(xlabel="contrast of the planted lesion (grey)", title=f"radius {radius:g} pixels")
    axes[0].set_ylabel("share painted back\n(1: copied, 0: removed)")
    axes[0].set_ylim(min(-0.1, axes[0].get_ylim()[0]), max(1.1, axes[0].get_ylim()[1]))
    axes[0].legend(fontsize=8, frameon=False)
    return axes


def pictures(named, *, plane, columns=5, size=1.9):
    """Named pictures in a grid. named: {name: (H, W)}. Returns the figure."""
    rows = -(-len(named) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, 1.3 * size * rows), squeeze=False
    )
    for ax in axes.flat[len(named) :]:
        ax.axis("off")
    for number, (ax, (name, picture)) in enumerate(zip(axes.flat, named.items())):
        plots.brain(picture, ax=ax, plane=plane, letters=number == 0)
        ax.set_title(name, fontsize=8)
    return figure


def cases(rows, *, plane="axial", size=1.5):
    """Cases as rows, what was made of them as columns. rows: {case: {column: (H, W)}}. Returns the figure."""
    columns = list(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(size * len(columns) + 0.3, 1.2 * size * len(rows) + 0.4),
        squeeze=False,
    )
    for line, (case, pictures_of) in zip(axes, rows.items()):
        for place, (ax, name) in enumerate(zip(line, columns)):
            plots.brain(pictures_of[name], ax=ax, plane=plane, letters=place == 0)
        line[0].set_ylabel(case, fontsize=8)
    for ax, name in zip(axes[0], columns):
        ax.set_title(textwrap.fill(name, 16), fontsize=8)
    return figure


def candidates(table, *, chosen):
    """Pixel AUPRC of every detector, one panel a group. table: columns detector, model, group, auprc, prevalence. Returns the figure."""
    groups, order = (
        list(table.groupby("group", sort=False)),
        list(table.drop_duplicates("detector").detector)[::-1],
    )
    colours = dict(zip(table.model.unique(), COLOURS))
    figure, axes = plt.subplots(
        1,
        len(groups),
        figsize=(2.2 + 2.9 * len(groups), 0.9 + 0.24 * len(order)),
        sharey=True,
        squeeze=False,
    )
    for ax, (group, part) in zip(axes[0], groups):
        for row in part.itertuples():
            ax.plot(
                row.auprc,
                order.index(row.detector),
                "o",
                markersize=7,
                color=colours[row.model],
                fillstyle="full" if row.detector in chosen else "none",
            )
        ax.axvline(part.prevalence.iloc[0], linestyle=":", color="0.5")
        ax.set(
            xlabel="AUPRC by pixel", xlim=(0, None), title=f"{group} (n = {part.subjects.iloc[0]})"
        )
        ax.grid(axis="x", alpha=0.3)
    axes[0, 0].set_yticks(range(len(order)), order, fontsize=8)
    return figure


def strips(table, *, ax, value, by="group"):
    """One dot a head, one strip a group. table: columns `value` and `by`."""
    for place, ((name, part), colour) in enumerate(zip(table.groupby(by, sort=False), COLOURS)):
        spread = np.random.default_rng(0).uniform(-0.14, 0.14, len(part))
        ax.plot(place + spread, part[value], "o", color=colour, alpha=0.75, markersize=5)
        ax.plot([place - 0.25, place + 0.25], [part[value].mean()] * 2, color="0.2", linewidth=1.5)
    names = [
        f"{textwrap.fill(str(name), 12)}\n(n = {len(part)})"
        for name, part in table.groupby(by, sort=False)
    ]
    ax.set_xticks(range(len(names)), names, fontsize=7)
    ax.set(xlim=(-0.5, len(names) - 0.5))
    return ax


def errors_by_latent(errors, copied, *, axes):
    """Errors in and outside of lesions, their ratio, and what is painted back, by size of the code. axes: three.

    errors: columns latent_dim, l2_inside, l2_outside, l2_ratio; copied: latent_dim, painted_back, std.
    """
    means = errors.groupby("latent_dim")[["l2_inside", "l2_outside", "l2_ratio"]].mean()
    places = np.arange(len(means))
    for column, colour, label in (
        ("l2_inside", COLOURS[1], "in lesions"),
        ("l2_outside", COLOURS[0], "in the rest of the brain"),
    ):
        if means[column].notna().any():
            axes[0].plot(places, means[column], "o-", color=colour, label=label)
    axes[0].legend(fontsize=8, frameon=False)
    axes[0].set(
        ylabel="mean squared error", ylim=(0, 1.15 * np.nanmax(means[["l2_inside", "l2_outside"]]))
    )
    if means.l2_ratio.notna().any():
        axes[1].plot(places, means.l2_ratio, "o-", color=COLOURS[2])
    else:
        axes[1].text(
            0.5,
            0.5,
            "no lesions in these data",
            ha="center",
            transform=axes[1].transAxes,
            fontsize=9,
        )
    axes[1].axhline(1, linestyle=":", color="0.6")
    axes[1].set(ylabel="error in lesions / outside")
    axes[2].errorbar(
        places, copied.painted_back, yerr=copied["std"], fmt="o-", color=COLOURS[3], capsize=3
    )
    axes[2].axhline(1, linestyle=":", color="0.6")
    axes[2].set(ylabel="planted lesion painted back")
    for ax in axes:
        ax.set_xticks(places, means.index)
        ax.set(xlabel="numbers in the code", xlim=(-0.4, len(means) - 0.6))
    return axes
