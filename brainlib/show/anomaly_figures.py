"""Figures of anomaly maps: what was seen, rebuilt, suspected, called and true; curves; the audit.

`detections` is thesis 002's figures 5.1 and 5.2, `errors_by_latent` its appendix and section 6.2.
"""

import textwrap
from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from brainlib.anomaly import ScoreCounter
from brainlib.show import plots

TRUTH, CALLED = plots.ORANGE, plots.SKY  # outlines: of the truth, of what was called lesion
COLOURS = (plots.BLUE, plots.VERMILION, plots.GREEN, plots.PURPLE, plots.SKY, "0.45", "0.7")
NETWORKS_002 = ("vae_uad", "vqvae_uad", "vqgan_uad")  # in thesis 002's order
DETECTION_COLUMNS = ("original", "healthy version", "score", "called lesion", "truth")


# ---------------------------------------------------------------------------------------- slices


def hits(image: np.ndarray, call: np.ndarray, lesion: np.ndarray, *, ax: Axes) -> Axes:
    """A slice with the pixels that were called rightly, called wrongly, and missed, in colours.

    Args:
        image: (H, W) in [0, 1].
        call: bool (H, W), what was called lesion.
        lesion: bool (H, W).
        ax: axes to draw on.
    """
    for name, pixels, colour in _draw_hits(image, call, lesion, ax):
        ax.plot([], [], "s", color=colour, label=f"{name}: {pixels}")
    plots.legend_beside(ax)
    return ax


def _draw_hits(image, call, lesion, ax):
    """The kinds of pixels in colours; (name, pixels, colour) of each."""
    kinds = {
        "lesion, called (tp)": (call & lesion, plots.GREEN),
        "called, no lesion (fp)": (call & ~lesion, plots.VERMILION),
        "lesion, missed (fn)": (lesion & ~call, plots.SKY),
    }
    plots.brain(image, ax=ax, plane="axial")
    for pixels, colour in kinds.values():
        layer = np.zeros((*image.shape, 4))
        layer[pixels] = to_rgba(colour)
        ax.imshow(layer, interpolation="nearest")
    return [(name, int(pixels.sum()), colour) for name, (pixels, colour) in kinds.items()]


def calls(
    image: np.ndarray, called: Mapping[str, np.ndarray], lesion: np.ndarray, *, size: float = 3.0
) -> Figure:
    """The same slice with several calls side by side, in the colours of `hits`.

    Args:
        image: (H, W) in [0, 1].
        called: {title: bool (H, W)}.
        lesion: bool (H, W).
        size: inches of a panel.
    """
    figure, axes = plots.panels(len(called), width=size, height=1.2 * size)
    for ax, (title, call) in zip(axes, called.items()):
        kinds = _draw_hits(image, call, lesion, ax)
        ax.set_title(title, fontsize=9)
    for name, _, colour in kinds:
        axes[0].plot([], [], "s", color=colour, label=name)
    plots.shared_legend(figure, axes[0])
    return figure


def signed_residual(residual: np.ndarray, *, ax: Axes, lesion: np.ndarray, title: str = "") -> Axes:
    """Slice minus reconstruction in signed colours: blue where the slice is darker.

    Args:
        residual: (H, W).
        ax: axes to draw on.
        lesion: bool (H, W), outlined in black.
        title: above the picture.
    """
    most = float(np.abs(residual).max()) or 1.0
    drawn = ax.imshow(residual, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=9)
    ax.spines[:].set_visible(False)
    if np.any(lesion):
        ax.contour(lesion.astype(float), [0.5], colors="black", linewidths=1.0)
    bar = ax.figure.colorbar(drawn, ax=ax, fraction=0.05, pad=0.03, ticks=[-most, 0, most])
    bar.ax.set_yticklabels([f"{-most:.2f}\ndarker", "0", f"{most:.2f}\nbrighter"], fontsize=8)
    return ax


def score_histogram(
    score: np.ndarray, lesion: np.ndarray, brain: np.ndarray, threshold: float, *, ax: Axes
) -> Axes:
    """How the scores of the lesion and of the rest of the brain are spread, and a threshold.

    Args:
        score: (H, W).
        lesion: bool (H, W).
        brain: bool (H, W).
        threshold: from it on pixels are called: that part of the axis is shaded.
        ax: axes to draw on.
    """
    edges = np.linspace(*np.quantile(score[brain], [0, 1]), 26)
    kinds = {"rest of the brain": (brain & ~lesion, "0.55"), "lesion": (brain & lesion, TRUTH)}
    for name, (pixels, colour) in kinds.items():
        shares = np.full(pixels.sum(), 100 / max(1, pixels.sum()))
        label = f"{name} ({pixels.sum()} pixels)"
        ax.hist(score[pixels], edges, weights=shares, color=colour, alpha=0.65, label=label)
    ax.axvspan(threshold, max(edges[-1], threshold), color=CALLED, alpha=0.2, label="called")
    ax.axvline(threshold, color="0.2", linewidth=1.5)
    ax.set(xlabel="score of a pixel", ylabel="share of its kind (%)", xlim=edges[[0, -1]])
    plots.legend_beside(ax)
    return ax


def detections(
    rows: Mapping[str, Mapping], *, plane: str = "axial", size: float = 1.45
) -> Figure | None:
    """Slices as in thesis 002's figures 5.1 and 5.2, one per row.

    Args:
        rows: {title: dict with image, output (None for the baselines), score, called (bool),
            lesion (bool), each (H, W), and limit, the threshold: the score is drawn up to twice of
            it, or up to its own maximum where the threshold calls every score}.
        plane: of the slices.
        size: of a slice, inches.

    Returns:
        the figure: original with the lesion's outline, what it is compared with, score, what was
        called, truth; None without rows.
    """
    if not rows:
        return None
    figure, axes = plt.subplots(
        len(rows),
        len(DETECTION_COLUMNS),
        figsize=(size * len(DETECTION_COLUMNS) + 0.9, 1.2 * size * len(rows) + 0.3),
        squeeze=False,
    )
    for (title, row), line in zip(rows.items(), axes):
        drawn_score = _draw_detection(row, line, plane)
        text = "\n".join(textwrap.fill(part, 22) for part in title.split("\n"))
        line[0].set_ylabel(text, fontsize=7)
    for ax, name in zip(axes[0], DETECTION_COLUMNS):
        ax.set_title(name, fontsize=9)
    bar = figure.colorbar(drawn_score, ax=list(axes[:, 2]), fraction=0.08, pad=0.03)
    most = drawn_score.norm.vmax
    names = ["0", "threshold", "twice"] if row["limit"] > 0 else ["0", "", "most"]
    bar.set_ticks([0, most / 2, most], labels=names, fontsize=7)
    return figure


def _draw_detection(row, axes, plane):
    """One row of `detections`; the drawn score, for the colour bar."""
    original, healthy, score, called, truth = axes
    plots.brain(
        row["image"], ax=original, plane=plane, mask=row["lesion"], colour=TRUTH, letters=True
    )
    if row["output"] is None:
        healthy.axis("off")
    else:
        plots.brain(row["output"], ax=healthy)
    drawn_score = _draw_score(row["score"], row["limit"], ax=score)
    for ax in (score, called, truth):
        ax.set(xticks=[], yticks=[])
    plots.brain(row["image"], ax=called, mask=row["called"], colour=CALLED)
    plots.brain(np.asarray(row["lesion"], float), ax=truth)
    return drawn_score


def _draw_score(score: np.ndarray, limit: float, *, ax: Axes) -> AxesImage:
    """A score up to twice its threshold; one that lies at or below 0 calls all, and it is said."""
    most = 2 * limit if 0 < limit < np.inf else max(float(np.max(score)), np.finfo(np.float32).tiny)
    if limit <= 0:
        ax.set_xlabel("threshold at 0: all called", fontsize=6, labelpad=2)
    return ax.imshow(score, cmap="inferno", vmin=0, vmax=most)


def pictures(
    named: Mapping[str, np.ndarray], *, plane: str, columns: int = 5, size: float = 1.9
) -> Figure:
    """Named pictures in a grid. named: {name: (H, W)}; size: of a picture, inches."""
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


def cases(
    rows: Mapping[str, Mapping[str, np.ndarray]], *, plane: str = "axial", size: float = 1.5
) -> Figure | None:
    """Cases as rows, what was made of them as columns; None without cases.

    rows: {case: {column: (H, W)}}; size: of a picture, inches.
    """
    if not rows:
        return None
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


# ---------------------------------------------------------------------------------------- scores


def roc_and_precision(
    counters: Mapping[str, ScoreCounter], *, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """ROC and precision-recall curves, with what chance gives.

    Args:
        counters: {name: counted scores}; baselines, whose names begin with intensity, are dashed.
        axes: two, for ROC and for precision over recall.
    """
    roc, precision = axes
    for (name, counter), colour in zip(counters.items(), COLOURS):
        points, areas = counter.points(), counter.curves()
        style = {"linestyle": "--" if name.startswith("intensity") else "-", "color": colour}
        style |= {"marker": plots.marker_of(colour), "markersize": 3, "markevery": 0.12}
        false_alarms, recall = (
            np.append(0, points[column]) for column in ("false_alarms", "recall")
        )
        roc.plot(false_alarms, recall, label=f"{name}: {areas.auroc:.3f}", **style)
        precision.plot(
            points["recall"], points["precision"], label=f"{name}: {areas.auprc:.3f}", **style
        )
    roc.plot([0, 1], [0, 1], ":", color="0.6", label="chance: 0.500")
    prevalence = areas.prevalence
    precision.axhline(prevalence, linestyle=":", color="0.6", label=f"prevalence: {prevalence:.3f}")
    roc.set(xlabel="false alarms (share of healthy pixels)", ylabel="recall")
    precision.set(xlabel="recall", ylabel="precision")
    for ax in axes:
        ax.set(xlim=(0, 1), ylim=(0, 1.01))
        ax.legend(fontsize=7, frameon=False, title="area", title_fontsize=7)
    return axes


def curves_by_group(counters: Mapping[str, Mapping[str, ScoreCounter]]) -> Figure | None:
    """`roc_and_precision` of each kind of lesion, one row each; None without lesions.

    counters: {title of the row: {detector: counted scores}}.
    """
    if not counters:
        return None
    figure, axes = plt.subplots(len(counters), 2, figsize=(10, 3.7 * len(counters)), squeeze=False)
    for line, (title, of_group) in zip(axes, counters.items()):
        roc_and_precision(of_group, axes=line)
        for ax in line:
            ax.set_title(title)
    return figure


def candidates(table: pd.DataFrame, *, chosen: Collection[str]) -> Figure | None:
    """Pixel AUPRC of every detector, one panel per group; None without rows.

    Args:
        table: columns detector, model, group, auprc, prevalence, subjects.
        chosen: names of the detectors that are filled.
    """
    if not len(table):
        return None
    groups = list(table.groupby("group", sort=False))
    order = list(table.drop_duplicates("detector").detector)[::-1]
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
        title = f"{group} (n = {part.subjects.iloc[0]})"
        ax.axvline(part.prevalence.iloc[0], linestyle=":", color="0.5")
        ax.set(xlabel="AUPRC by pixel", xlim=(0, None), title=title)
        ax.grid(axis="x", alpha=0.3)
    axes[0, 0].set_yticks(range(len(order)), order, fontsize=8)
    return figure


def strips(table: pd.DataFrame, *, ax: Axes, value: str, by: str = "group") -> Axes:
    """One dot per head, one strip per group. table: columns `value` and `by`."""
    names = []
    for place, ((name, part), colour) in enumerate(zip(table.groupby(by, sort=False), COLOURS)):
        spread = np.random.default_rng(0).uniform(-0.14, 0.14, len(part))
        ax.plot(place + spread, part[value], "o", color=colour, alpha=0.75, markersize=5)
        ax.plot([place - 0.25, place + 0.25], [part[value].mean()] * 2, color="0.2", linewidth=1.5)
        names.append(f"{textwrap.fill(str(name), 12)}\n(n = {len(part)})")
    ax.set_xticks(range(len(names)), names, fontsize=7)
    ax.set(xlim=(-0.5, len(names) - 0.5))
    return ax


def head_scores(table: pd.DataFrame) -> Figure:
    """Scores of whole heads, one panel per detector. table: columns detector, group, score."""
    detectors = list(table.groupby("detector", sort=False))
    figure, axes = plots.panels(len(detectors), columns=2, width=4.9, height=3.1)
    for ax, (name, part) in zip(axes, detectors):
        strips(part.sort_values("group"), ax=ax, value="score")
        ax.set(title=name, ylabel="score of the head")
    return figure


# ----------------------------------------------------------------------------------------- audit


def copying_audit(table: pd.DataFrame) -> Figure:
    """How much of a planted lesion each model repeats, by contrast; one panel per radius.

    table: of `anomaly.copying_audit`, with model and radius_mm.
    """
    radii = list(table.groupby("radius_mm", sort=True))
    figure, axes = plots.panels(len(radii), width=4.4, height=3.3, sharey=True)
    for ax, (radius, part) in zip(axes, radii):
        for (name, rows), colour in zip(part.groupby("model", sort=False), COLOURS):
            _draw_dose_response(rows.sort_values("contrast"), ax, name, colour)
        ax.axhline(1, linestyle=":", color="0.6")
        ax.axhline(0, linestyle=":", color="0.6")
        ax.set(xlabel="contrast of the planted lesion (grey)", title=f"radius {radius:g} mm")
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(min(-0.1, low), max(1.1, high))
    axes[0].set_ylabel("share painted back\n(1: copied, 0: removed)")
    plots.shared_legend(figure, axes[0])
    return figure


def _draw_dose_response(rows, ax, name, colour):
    mean, std = rows.painted_back, rows["std"]
    shape = {"marker": plots.marker_of(colour), "markersize": 4}
    ax.plot(rows.contrast, mean, color=colour, label=name, **shape)
    ax.fill_between(rows.contrast, mean - std, mean + std, color=colour, alpha=0.12, linewidth=0)


def errors_by_latent(errors: pd.DataFrame, copied: pd.DataFrame) -> Figure | None:
    """Errors in and outside of lesions, their ratio, and what is painted back, by size of the code.

    Args:
        errors: columns latent_dim, l2_inside, l2_outside, l2_ratio; None is drawn without rows.
        copied: columns latent_dim, painted_back, std.
    """
    if not len(errors):
        return None
    figure, axes = plots.panels(3, width=4, height=3.2)
    means = errors.groupby("latent_dim")[["l2_inside", "l2_outside", "l2_ratio"]].mean()
    places = np.arange(len(means))
    _draw_errors(means, places, axes[0])
    _draw_error_ratio(means, places, axes[1])
    axes[2].errorbar(
        places, copied.painted_back, yerr=copied["std"], fmt="o-", color=COLOURS[3], capsize=3
    )
    axes[2].axhline(1, linestyle=":", color="0.6")
    axes[2].set(ylabel="planted lesion painted back")
    for ax in axes:
        ax.set_xticks(places, means.index)
        ax.set(xlabel="numbers in the code", xlim=(-0.4, len(means) - 0.6))
    return figure


def _draw_errors(means, places, ax):
    inside, outside = means.l2_inside, means.l2_outside
    if inside.notna().any():
        ax.plot(places, inside, "o-", color=COLOURS[1], label="in lesions")
    if outside.notna().any():
        ax.plot(places, outside, "o-", color=COLOURS[0], label="in the rest of the brain")
    ax.legend(fontsize=8, frameon=False)
    top = np.nanmax(means[["l2_inside", "l2_outside"]])
    ax.set(ylabel="mean squared error", ylim=(0, 1.15 * top))


def _draw_error_ratio(means, places, ax):
    if means.l2_ratio.notna().any():
        ax.plot(places, means.l2_ratio, "o-", color=COLOURS[2])
    else:
        text = "no lesions in these data"
        ax.text(0.5, 0.5, text, ha="center", transform=ax.transAxes, fontsize=9)
    ax.axhline(1, linestyle=":", color="0.6")
    ax.set(ylabel="error in lesions / outside")


def areas_by_code_size(table: pd.DataFrame, appendix: str) -> Figure | None:
    """Thesis 002's figures A.1 to A.3, B.1 to B.3 or C.1 to C.3: networks as columns.

    Args:
        table: of `study.areas_by_code_size`; None is drawn without rows.
        appendix: "A" (by sample), "B" (by slice) or "C" (by pixel).
    """
    part = table[table.appendix == appendix]
    if not len(part):
        return None
    names = [name for name in NETWORKS_002 if name in set(part.model)]
    measures = part.measure.unique()
    figure, axes = plt.subplots(
        len(measures),
        len(names),
        figsize=(3.4 * len(names) + 1.6, 2.5 * len(measures) + 0.4),
        sharey="row",
        squeeze=False,
    )
    colours = dict(zip(sorted(part.group.unique()), COLOURS))
    books = sorted(part.codebook_size.dropna().unique())
    styles = dict(zip(books, ("-", "--", "-.", ":")))
    for line, measure in zip(axes, measures):
        for ax, name in zip(line, names):
            rows = part[(part.measure == measure) & (part.model == name)]
            _draw_code_sizes(rows, ax, colours, styles)
        line[0].set_ylabel(f"{measure}, by {part.level.iloc[0]}")
    for ax, name in zip(axes[0], names):
        ax.set_title(name)
    for ax in axes[-1]:
        ax.set_xlabel("numbers in the code")
    for kind, colour in colours.items():
        axes[0, -1].plot([], [], "o", color=colour, label=kind)
    for book, style in styles.items():
        axes[0, -1].plot([], [], linestyle=style, color="0.3", label=f"{book:.0f} codes")
    plots.legend_beside(axes[0, -1])
    return figure


def _draw_code_sizes(rows: pd.DataFrame, ax: Axes, colours: Mapping, styles: Mapping) -> None:
    """A line per kind of lesion and codebook; bars: standard deviation over random seeds."""
    for (kind, book), line in rows.groupby(["group", "codebook_size"], dropna=False, sort=True):
        ax.errorbar(
            line.embedding_dim,
            line.value,
            yerr=line.sd.fillna(0),
            fmt="o",
            linestyle=styles.get(book, "-"),
            color=colours[kind],
            markersize=4,
            capsize=2,
        )
    ticks = sorted(rows.embedding_dim.unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
