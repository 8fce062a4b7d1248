"""Figures of anomaly maps: what was seen, rebuilt, suspected, called and true; curves; the copying audit."""

import matplotlib.pyplot as plt
import numpy as np

from brainlib import plots

TRUTH, CALLED = plots.ORANGE, plots.SKY                  # outlines: of the truth, of what was called lesion
COLOURS = (plots.BLUE, plots.VERMILION, plots.GREEN, plots.PURPLE, plots.SKY, "0.45", "0.7")


def detections(rows, *, titles, score_window, plane="axial", size=1.45):
    """Slices as in seed 002's figures 5.1 and 5.2, one a row.

    Args:
        rows: list of dicts with image, output (None for the baselines), score, called (bool), lesion (bool), each (H, W).
        titles: one text a row.
        score_window: the score that is drawn as the brightest.

    Returns:
        the figure: original with the lesion's outline, reconstruction, score, what was called, truth.
    """
    columns = ("original", "reconstruction", "score", "called lesion", "truth")
    figure, axes = plt.subplots(len(rows), len(columns), figsize=(size * len(columns) + 0.9, 1.2 * size * len(rows) + 0.3), squeeze=False)
    for place, (row, title, line) in enumerate(zip(rows, titles, axes)):
        plots.brain(row["image"], ax=line[0], plane=plane, mask=row["lesion"], colour=TRUTH, letters=True)
        if row["output"] is None:
            line[1].axis("off")
        else:
            plots.brain(row["output"], ax=line[1])
        shown = line[2].imshow(row["score"], cmap="inferno", vmin=0, vmax=score_window)
        for ax in line[2:]:
            ax.set(xticks=[], yticks=[])
        plots.brain(row["image"], ax=line[3], mask=row["called"], colour=CALLED)
        plots.brain(np.asarray(row["lesion"], float), ax=line[4])
        line[0].set_ylabel(title, fontsize=7)
        if place == 0:
            for ax, name in zip(line, columns):
                ax.set_title(name, fontsize=9)
    figure.colorbar(shown, ax=list(axes[:, 2]), fraction=0.08, pad=0.03, label="score")
    return figure


def roc_and_precision(counters, *, axes):
    """ROC and precision-recall curves of {name: Counter}, with what chance gives. axes: two."""
    for (name, counter), colour in zip(counters.items(), COLOURS):
        points, found = counter.points(), counter.curves()
        dashed = "--" if name.startswith("intensity") else "-"
        axes[0].plot(np.append(0, points["false_alarms"]), np.append(0, points["recall"]), dashed, color=colour, label=f"{name}: {found.auroc:.3f}")
        axes[1].plot(points["recall"], points["precision"], dashed, color=colour, label=f"{name}: {found.auprc:.3f}")
    axes[0].plot([0, 1], [0, 1], ":", color="0.6", label="chance: 0.500")
    axes[1].axhline(found.prevalence, linestyle=":", color="0.6", label=f"prevalence: {found.prevalence:.3f}")
    axes[0].set(xlabel="false alarms (share of healthy pixels)", ylabel="recall", xlim=(0, 1), ylim=(0, 1.01))
    axes[1].set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.01))
    for ax in axes:
        ax.legend(fontsize=7, frameon=False, title="area", title_fontsize=7)
    return axes


def dose_response(table, *, axes):
    """How much of a planted lesion each model repeats, by contrast; one axes a radius. table: of `dose_response`, with model."""
    for ax, (radius, part) in zip(axes, table.groupby("radius_px", sort=True)):
        for (name, rows), colour in zip(part.groupby("model", sort=False), COLOURS):
            rows = rows.sort_values("contrast")
            ax.plot(rows.contrast, rows.painted_back, "o-", color=colour, markersize=4, label=name)
            ax.fill_between(rows.contrast, rows.painted_back - rows["std"], rows.painted_back + rows["std"], color=colour, alpha=0.12, linewidth=0)
        ax.axhline(1, linestyle=":", color="0.6")
        ax.axhline(0, linestyle=":", color="0.6")
        ax.set(xlabel="contrast of the planted lesion (grey)", title=f"radius {radius:g} pixels")
    axes[0].set_ylabel("share painted back\n(1: copied, 0: removed)")
    axes[0].legend(fontsize=8, frameon=False)
    return axes
