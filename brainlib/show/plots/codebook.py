"""What a codebook does, drawn: code maps, how often codes are chosen, how many are in use."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.decomposition import PCA

from brainlib.show.plots.look import (
    BLUE,
    COLOURS,
    ORANGE,
    REFERENCE_LINE,
    SKY,
    legend_beside,
    panels,
    wrapped,
)
from brainlib.show.plots.pictures import Scale, comparison


def code_ranks(codebook: np.ndarray) -> np.ndarray:
    """Ranks of codes along the first principal direction of their vectors.

    Codes of like vectors get like ranks, and so like colours. (K, D) -> (K,).
    """
    direction = PCA(1).fit(codebook).components_[0]
    ranks = np.empty(len(codebook), int)
    ranks[np.argsort(codebook @ direction)] = np.arange(len(codebook))
    return ranks


def code_map(codes: np.ndarray, *, ax: Axes, codebook_size: int, title: str = "") -> Axes:
    """One code map (h, w), a colour for each code; give `code_ranks(codebook)[codes]`."""
    ax.imshow(codes, cmap="viridis", vmin=0, vmax=codebook_size - 1, interpolation="nearest")
    ax.set(xticks=[], yticks=[], facecolor="0.92")  # grey where a code is NaN: not known
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title, fontsize=9)  # as above a picture
    return ax


def code_maps(
    pictures: np.ndarray,
    codes: np.ndarray,
    *,
    codebook_size: int,
    plane: str = "",
    titles: tuple | list | None = None,
    size: float = 1.5,
) -> Figure:
    """Pictures, and under each its code map.

    Args:
        pictures: (N, H, W, 1).
        codes: (N, h, w); with ranks (`code_ranks(codebook)[codes]`) like codes look alike.
        codebook_size: number of codes.
        plane: of the orientation letters; "" for none.
        titles: N column titles.
        size: inches of a picture.
    """
    rows = {"slice": pictures, "its codes": codes}
    scales = {"its codes": Scale("viridis", 0, codebook_size - 1, "code, by likeness")}
    return comparison(rows, plane=plane, titles=titles, scales=scales, size=size)


def code_frequencies(counts: np.ndarray, on_brain: np.ndarray, *, ax: Axes) -> Axes:
    """How often each code is chosen, the most frequent first; the brain's part is dark.

    Args:
        counts: (K,) places at which each code was chosen.
        on_brain: (K,) those of them on the brain.
        ax: axes to draw on.
    """
    order = np.argsort(-counts)
    numbers = np.arange(len(counts))
    share, brain_share = (100 * places[order] / counts.sum() for places in (counts, on_brain))
    ax.bar(numbers, share, color=SKY, width=1.0, label="elsewhere")
    ax.bar(numbers, brain_share, color=BLUE, width=1.0, label="on the brain")
    ax.set(xlabel="code, by frequency", ylabel="share of places (%)")
    legend_beside(ax)
    return ax


def code_vectors(
    codebook: np.ndarray, counts: np.ndarray, on_brain: np.ndarray, *, ax: Axes
) -> Axes:
    """Code vectors (K, D) in the plane of their first two principal directions.

    The area of a dot is the code's frequency, its colour the share of its places on the brain.
    """
    flat = PCA(2).fit_transform(codebook)
    area = 8 + 600 * counts / counts.sum()
    colour = on_brain / np.maximum(counts, 1)
    dots = ax.scatter(*flat.T, s=area, c=colour, cmap="viridis", vmin=0, vmax=1, alpha=0.8)
    bar = ax.figure.colorbar(dots, ax=ax)
    bar.set_label("share of its places on the brain", fontsize=9)
    ax.set(xlabel="first principal direction", ylabel="second", xticks=[], yticks=[])
    return ax


def codes_in_use(use: pd.DataFrame, *, ax: Axes, colour: str = BLUE, label: str = "") -> Axes:
    """Share of the codebook in use by epoch; everywhere solid, on the brain dashed.

    Args:
        use: of `training_codes.CodebookWatch`: `epoch`, `region`, `in_use`.
        ax: axes to draw on.
        colour: of the lines.
        label: in front of the region's name in the legend.
    """
    return _by_region(use, "in_use", 100, ax, colour, label, "codes in use (%)", 103)


def perplexity(
    use: pd.DataFrame, *, ax: Axes, codebook_size: int, colour: str = BLUE, label: str = ""
) -> Axes:
    """Perplexity of the codes by epoch: as many equally frequent ones would say as much.

    Args:
        use: of `training_codes.CodebookWatch`: `epoch`, `region`, `perplexity`.
        ax: axes to draw on.
        codebook_size: the most that it can be.
        colour: of the lines.
        label: in front of the region's name in the legend.
    """
    ylabel = f"perplexity (of {codebook_size})"
    return _by_region(use, "perplexity", 1, ax, colour, label, ylabel, codebook_size)


def _by_region(use, column, factor, ax, colour, label, ylabel, top) -> Axes:
    for region, style in (("everywhere", "-"), ("brain", "--")):
        part = use[use["region"] == region]
        if len(part):
            words = f"{label} {region}".strip()
            ax.plot(part["epoch"], factor * part[column], style, color=colour, label=words)
    ax.set(xlabel="epoch", ylabel=ylabel, ylim=(0, top))
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend_beside(ax)
    return ax


def codebook_curves(
    uses: Mapping[str, pd.DataFrame], *, codebook_size: int, region: str = "everywhere"
) -> Figure:
    """Codes in use and perplexity by epoch, one line for each way to train a codebook.

    Args:
        uses: {way: table of `training_codes.CodebookWatch`}.
        codebook_size: number of codes; a dotted line marks three tenths of it.
        region: "everywhere" or "brain".
    """
    figure, axes = panels(2)
    for (way, use), colour in zip(uses.items(), COLOURS):
        part = use[use["region"] == region]
        axes[0].plot(part["epoch"], 100 * part["in_use"], color=colour)
        axes[1].plot(part["epoch"], part["perplexity"], color=colour, label=way)
    axes[1].axhline(0.3 * codebook_size, **REFERENCE_LINE)
    axes[0].set(xlabel="epoch", ylabel="codes in use (%)", ylim=(0, 103))
    axes[1].set(xlabel="epoch", ylabel=f"perplexity (of {codebook_size})", ylim=(0, codebook_size))
    for ax in axes:
        ax.xaxis.get_major_locator().set_params(integer=True)
    legend_beside(axes[1])
    return figure


def page_of_patches(
    page: np.ndarray, patches: np.ndarray, *, ax: Axes, title: str = "", gap: int = 1
) -> Axes:
    """A page, each code drawn as the middle of its patch: what a reader of the codebook knows.

    Args:
        page: (h, w) codes.
        patches: (K, P, Q) what each code stands for; the place itself is the middle half of each
            side, the rest is its surroundings.
        ax: axes to draw on.
        title: above the picture.
        gap: pixels between the patches.
    """
    height, width = patches.shape[1:]
    middles = patches[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    tall, wide = np.array(middles.shape[1:]) + gap
    canvas = np.full((page.shape[0] * tall - gap, page.shape[1] * wide - gap), np.nan)
    for (row, column), code in np.ndenumerate(page):
        top, left = row * tall, column * wide
        canvas[top : top + tall - gap, left : left + wide - gap] = middles[code]
    ax.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[], facecolor="white")  # between the patches
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=9)
    return ax


def sway_map(moved: np.ndarray, place: tuple[int, int], *, ax: Axes, title: str = "") -> Axes:
    """How much each code of a page sways the guess at one place, which has an orange frame.

    Args:
        moved: (h, w) shares of probability, see `studies.sway_on_place`.
        place: (row, column); it and all places after it are grey: they cannot be seen.
        ax: axes to draw on.
        title: above the picture.
    """
    seen = np.arange(moved.size).reshape(moved.shape) < place[0] * moved.shape[1] + place[1]
    most = 100 * moved.max() or 1.0
    drawn = ax.imshow(np.where(seen, 100 * moved, np.nan), cmap="magma", vmin=0, vmax=most)
    row, column = place
    frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2.5)
    ax.add_patch(frame)
    ax.set(xticks=[], yticks=[], facecolor="0.85")
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=9)
    ax.figure.colorbar(drawn, ax=ax, fraction=0.05, pad=0.03).set_label("% moved", fontsize=8)
    return ax


def likely_codes(
    patches: np.ndarray,
    chances: Mapping[str, np.ndarray],
    *,
    actual: int,
    count: int = 10,
    size: float = 0.75,
) -> Figure:
    """The codes that each guess holds for the likeliest at one place: bars over their patches.

    Args:
        patches: (K, P, Q) what each code stands for.
        chances: {guess: (K,) probabilities}, one row each; bars of all rows have one scale.
        actual: the code that stands at the place: orange, and once more at the right of each row.
        count: codes in a row.
        size: inches of a patch.
    """
    most = max(float(np.max(chance)) for chance in chances.values())
    rows, wide, tall = len(chances), count + 1.4, 2.4  # in patches
    figure, (ax,) = panels(1, width=size * (wide + 1), height=size * (tall * rows + 0.5))
    for number, (guess, chance) in enumerate(chances.items()):
        codes = np.argsort(-np.asarray(chance), kind="stable")[:count]
        places = [*enumerate(codes), (count + 0.4, actual)]
        for x, code in places:
            colour = ORANGE if code == actual else BLUE
            _draw_likely(ax, (x, tall * number), patches[code], chance[code], most, colour)
        label = wrapped([guess], 12)[0]
        ax.text(-0.15, tall * number + 1.5, label, ha="right", va="center", fontsize=8)
    ax.text(count + 0.86, -0.3, "stands there", ha="center", fontsize=8, color=ORANGE)
    ax.set(xlim=(-1, wide), ylim=(tall * rows, -0.5), aspect="equal")
    ax.axis("off")
    return figure


def _draw_likely(ax, corner, patch, chance, most, colour):
    """A bar with its per cent, over a patch. corner: (x, y) of its upper left, in patches."""
    x, y = corner
    height = 1.0 * chance / most
    ax.add_patch(Rectangle((x + 0.15, y + 1.2 - height), 0.62, height, color=colour))
    words = f"{100 * chance:.1f} %"
    ax.text(x + 0.46, y + 1.17 - height, words, ha="center", va="bottom", fontsize=7)
    extent = (x, x + 0.92, y + 2.17, y + 1.25)
    ax.imshow(patch, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")
    if colour == ORANGE:
        frame = {"fill": False, "edgecolor": colour, "linewidth": 2}
        ax.add_patch(Rectangle((x, y + 1.25), 0.92, 0.92, **frame))
