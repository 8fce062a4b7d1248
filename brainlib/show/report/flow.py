"""The cohort flow diagram: heads found, heads left out and why, people, sets."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from brainlib import files

LINE, FILL, ASIDE = "0.25", "0.96", "0.88"
SETS = (("train", "Training"), ("validation", "Validation"), ("test", "Test"))
MOST_REASONS = 4


def draw_flow(counts: Mapping[str, Any], path: Path) -> Path:
    """Writes the diagram as PNG and returns its path.

    Args:
        counts: `heads` (None where unknown), `left_out` (by reason), `people`, `sets` (by name).
        path: of the picture.
    """
    figure = Figure(figsize=(6.3, 3.4), dpi=200)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 10), ylim=(0, 5.4))
    ax.axis("off")
    if counts["heads"]:
        _box(ax, 3.2, 4.7, f"Heads found\nn = {counts['heads']}")
        _arrow(ax, (3.2, 4.25), (3.2, 3.15))
        _left_out(ax, counts["left_out"])
    _box(ax, 3.2, 2.7, f"People in the cohort\nn = {counts['people']}")
    there = [(words, counts["sets"][name]) for name, words in SETS if counts["sets"].get(name)]
    for place, (words, count) in enumerate(there):
        x = 3.2 if len(there) == 1 else 1.4 + place * 7.2 / (len(there) - 1)
        _arrow(ax, (3.2, 2.25), (x, 1.1))
        _box(ax, x, 0.65, f"{words}\nn = {count}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.whole_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return path


def _left_out(ax: Axes, reasons: Mapping[str, int]) -> None:
    """The box at the side: how many heads were left out, and why."""
    lines = [f"Left out: n = {sum(reasons.values())}"]
    most = sorted(reasons.items(), key=lambda item: -item[1])
    lines += [textwrap.shorten(f"{count} x {why}", 46) for why, count in most[:MOST_REASONS]]
    if len(most) > MOST_REASONS:
        lines.append(f"and {len(most) - MOST_REASONS} more reasons")
    _arrow(ax, (3.2, 3.7), (5.05, 3.7))
    _box(ax, 7.45, 3.7, "\n".join(lines), width=4.8, height=0.5 + 0.3 * len(lines), fill=ASIDE)


def _box(
    ax: Axes,
    x: float,
    y: float,
    words: str,
    *,
    width: float = 2.7,
    height: float = 0.9,
    fill: str = FILL,
) -> None:
    corner = (x - width / 2, y - height / 2)
    box = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.08")
    box.set(facecolor=fill, edgecolor=LINE, linewidth=0.8)
    ax.add_patch(box)
    ax.text(x, y, words, ha="center", va="center", fontsize=8.5)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": LINE, "linewidth": 0.8})
