"""Which slices are kept: pictures with frames, brain by place in the head, rules side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainlib import slices
from brainlib.show.plots.look import BLUE, ORANGE, VERMILION, YELLOW, legend_beside
from brainlib.show.plots.pictures import montage

if TYPE_CHECKING:
    from brainlib.heads.volumes import Volume

COLUMNS, SIZE = 9, 1.15  # pictures in a row, inches of one: as wide as a notebook's page


def slices_across(
    volume: Volume,
    *,
    plane: str,
    numbers: Sequence[int] = (),
    frames: Sequence[Sequence[str]] = (),
    count: int = 18,
) -> Figure:
    """Slices of a head from one end to the other, with their numbers.

    Args:
        volume: of `volumes.load`.
        plane: of the slices.
        numbers: which slices; `count` of them, evenly spread, when empty.
        frames: one tuple of colours for each, the outermost first.
        count: see `numbers`.
    """
    stack = slices.pictures(volume.array, plane)
    numbers = list(numbers) or _spread(len(stack), count)
    return montage(
        stack[numbers],
        plane=plane,
        titles=[str(number) for number in numbers],
        frames=frames,
        columns=COLUMNS,
        size=SIZE,
        window=(0, float(np.percentile(volume.array, 99.5))),
        spacing_mm=slices.pixel_mm(volume.voxel_mm, plane),
    )


def framed_slices(
    volume: Volume,
    head: pd.DataFrame,
    kept: pd.DataFrame,
    *,
    column: str,
    plane: str,
    count: int = 17,
) -> Figure:
    """Slices of a head, framed where a rule discards them; the limit has two frames.

    Vermilion frames hold no brain, yellow ones do. The limit is the discarded slice that came
    nearest to being kept (thesis 004, figures 5.5 and 5.7); it is always among the pictures.

    Args:
        volume: of `volumes.load`.
        head: rows of the slice table of this head, one per slice, in order.
        kept: rows that the rule keeps, of this head or of all.
        column: what the rule looks at, such as "brain_px".
        plane: of the slices.
        count: so many pictures, evenly spread, and the limit.
    """
    discarded = head[~head.index.isin(kept.index)]
    limit = discarded[column].idxmax() if len(discarded) else None
    places = set(_spread(len(head), count))
    if limit is not None:
        places.add(head.index.get_loc(limit))
    frames = []
    for place in sorted(places):
        row = head.iloc[place]
        frames.append(_frame(row, is_kept=row.name in kept.index, is_limit=row.name == limit))
    return slices_across(volume, plane=plane, numbers=sorted(places), frames=frames)


def _spread(length: int, count: int) -> list[int]:
    """At most `count` places from 0 to length - 1, evenly spread."""
    return sorted(set(np.linspace(0, length - 1, count).astype(int).tolist()))


def _frame(row: pd.Series, *, is_kept: bool, is_limit: bool) -> tuple[str, ...]:
    if is_kept:
        return ()
    if is_limit:
        return (YELLOW, VERMILION)
    return (YELLOW,) if row.brain_px else (VERMILION,)


def brain_by_place(
    table: pd.DataFrame,
    *,
    ax: Axes,
    limit: float,
    span: tuple[float, float] | None = None,
    label: str = "slice",
) -> Axes:
    """How much of each picture is brain, from one end of the head to the other; a line per head.

    Args:
        table: one row per slice of one or more heads.
        ax: axes to draw on.
        limit: share of the picture that is marked by a line.
        span: (start, stop) as shares of the axis, shaded.
        label: what is counted along the horizontal axis.
    """
    for number, (_, head) in enumerate(table.groupby("volume", sort=False)):
        share = 100 * head.brain_px / head.picture_px
        words = "one head" if number == 0 else None
        ax.plot(head.slice / head.slices, share, color=BLUE, alpha=0.5, linewidth=1, label=words)
    percent = 100 * limit
    ax.axhline(percent, color=VERMILION, linewidth=1.5, label=f"limit, {percent:.2f} %")
    if span is not None:
        ax.axvspan(*span, color=ORANGE, alpha=0.2, linewidth=0, label="fixed range")
    ax.set(xlabel=f"place of the {label} (share of the axis)", ylabel="brain (% of the picture)")
    legend_beside(ax)
    return ax


def kept_bars(counts: pd.DataFrame, *, ax: Axes) -> Axes:
    """What each rule keeps and what it gets wrong, one bar per rule, the first on top.

    Args:
        counts: of `slices.count_kept`.
        ax: axes to draw on.
    """
    places = np.arange(len(counts))[::-1]
    right = counts.kept - counts.kept_without_brain
    parts = {
        "kept, brain": (right, BLUE),
        "kept, hardly any brain": (counts.kept_without_brain, VERMILION),
        "discarded, brain": (counts.discarded_with_brain, YELLOW),
    }
    start = np.zeros(len(counts))
    for words, (lengths, colour) in parts.items():
        ax.barh(places, lengths, left=start, color=colour, label=words, height=0.7)
        start = start + lengths.to_numpy()
    ax.set_yticks(places, counts.method)
    ax.set(xlabel="slices")
    legend_beside(ax)
    return ax
