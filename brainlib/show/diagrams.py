"""Diagrams of models, drawn from their own graphs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from brainlib import models
from brainlib.show.plots import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW

if TYPE_CHECKING:
    import keras

COLOURS = {
    "conv": SKY,
    "residual block": BLUE,
    "transposed conv": ORANGE,
    "dense": PURPLE,
    "latent": VERMILION,
    "codebook": VERMILION,
    "KL term": YELLOW,
    "add": GREEN,
    "concatenate": GREEN,
    "image": "#333333",
}
OTHER = "#BBBBBB"
ARROW = "#555555"
LONGEST_ROW = 20  # boxes, where no arc runs above them
LEVEL_STEP = 0.11  # between the heights at which arcs run
ARC_ASIDE = 0.05  # of an arc's ends from a box's middle

Arc = tuple[int, int]  # places of the boxes at which it starts and ends


def model_diagram(model: keras.Model, *, step: float = 0.72, height: float = 4.2) -> Figure:
    """A model as a row of boxes, from the image on the left to the output on the right.

    Each box is a block of layers: as high as its picture's sides, as wide as it has feature maps
    (both on a logarithmic scale). What passes a neighbour by is an arc above. A long row without
    arcs goes on below itself.

    Args:
        model: functional, such as `models.build` makes.
        step: inches from box to box.
        height: inches of the figure, of each row where there are several.

    Returns:
        the figure.
    """
    boxes = _boxes(model)
    levels = _levels(_arcs(boxes))
    longest = len(boxes) if levels or len(boxes) <= LONGEST_ROW else LONGEST_ROW
    rows = [range(start, start + longest) for start in range(0, len(boxes), longest)]
    size = (1.0 + step * longest, height * len(rows))
    figure, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False)
    top = 1.2 + LEVEL_STEP * max([1, *levels.values()])
    for ax, row in zip(axes[:, 0], rows):
        _draw_row(ax, row, boxes, levels)
        ax.set(xlim=(row.start - 0.7, row.stop - 0.3), ylim=(-1.9, top), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    axes[0, 0].set_title(_title(model))
    _legend(axes[0, 0], boxes)
    return figure


def _draw_row(ax: Axes, row: range, boxes: Sequence[dict], levels: Mapping[Arc, int]) -> None:
    """The boxes of a row, and what connects them; short arrows lead from row to row."""
    tallest = max(_side(box) for box in boxes)
    for place in [place for place in row if place < len(boxes)]:
        box, half = boxes[place], _size(boxes[place], tallest)[0] / 2
        _draw_box(ax, place, box, tallest)
        for parent in box["inputs"]:
            if parent in row:
                _draw_connection(ax, (parent, place), levels, boxes, tallest)
            else:
                _draw_arrow(ax, (place - 0.65, 0), (place - half, 0))
        if place == row.stop - 1 and place < len(boxes) - 1:
            _draw_arrow(ax, (place + half, 0), (place + 0.65, 0))


def _boxes(model: keras.Model) -> list[dict]:
    """The image and the blocks of a model; `inputs` are places in this list."""
    image = {
        "kind": "image",
        "settings": "",
        "output": tuple(model.inputs[0].shape[1:]),
        "repeats": 1,
        "parameters": 0,
        "inputs": [],
    }
    boxes = [image]
    for block in models.blocks(model):
        shifted = [place + 1 for place in block["inputs"]]  # the image stands in front
        boxes.append({**block, "inputs": shifted})
    return boxes


def _arcs(boxes: Sequence[dict]) -> list[Arc]:
    """Connections that pass a neighbour by."""
    arcs = []
    for place, box in enumerate(boxes):
        arcs += [(parent, place) for parent in box["inputs"] if place - parent > 1]
    return arcs


def _levels(arcs: Sequence[Arc]) -> dict[Arc, int]:
    """How high each arc runs: short ones low, never two on one level where they would touch."""
    levels = {}
    for start, end in sorted(arcs, key=lambda arc: (arc[1] - arc[0], arc)):
        occupied = set()
        for (left, right), level in levels.items():
            if left <= end and start <= right:
                occupied.add(level)
        levels[start, end] = next(level for level in range(len(arcs)) if level not in occupied)
    return levels


def _side(box: dict) -> float:
    """Mean side of the picture that a box gives; vectors are as high as a picture of 2x2."""
    shape = box["output"]
    return math.sqrt(shape[0] * shape[1]) if len(shape) == 3 else 2.0


def _size(box: dict, tallest: float) -> tuple[float, float]:
    """(width, height) of a box in the units of the axes."""
    channels = box["output"][-1] if box["output"] else 1
    width = 0.14 + 0.045 * math.log2(channels + 1)
    return width, 0.15 + 0.85 * math.log2(_side(box) + 1) / math.log2(tallest + 1)


def _draw_box(ax: Axes, place: int, box: dict, tallest: float) -> None:
    """A box with up to two more behind it where the block repeats, and its words below."""
    width, height = _size(box, tallest)
    for behind in range(min(box["repeats"], 3) - 1, -1, -1):
        shift = 0.05 * behind
        corner = (place - width / 2 + shift, -height / 2 + shift)
        style = {"edgecolor": "white", "linewidth": 0.8, "zorder": 3 - 0.1 * behind}
        colour = COLOURS.get(box["kind"], OTHER)
        ax.add_patch(Rectangle(corner, width, height, facecolor=colour, **style))
    times = f"{box['repeats']} x " if box["repeats"] > 1 else ""
    settings = f", {box['settings']}" if box["settings"] else ""
    ax.text(
        place,
        -0.62,
        f"{models.shape_words(box['output'])}\n{times}{box['kind']}{settings}",
        rotation=60,
        ha="right",
        va="top",
        fontsize=7,
        rotation_mode="anchor",
        linespacing=1.15,
    )


def _draw_connection(
    ax: Axes, arc: Arc, levels: Mapping[Arc, int], boxes: Sequence[dict], tallest: float
) -> None:
    """An arrow to the next box, or an arc on a level above."""
    start, end = arc
    (start_width, start_height), (end_width, end_height) = (
        _size(boxes[place], tallest) for place in arc
    )
    if arc not in levels:
        _draw_arrow(ax, (start + start_width / 2, 0), (end - end_width / 2, 0))
        return
    # An arc leaves right of a box's middle and arrives left of it.
    left, right, over = start + ARC_ASIDE, end - ARC_ASIDE, 0.62 + LEVEL_STEP * levels[arc]
    xs, ys = (left, left, right), (start_height / 2, over, over)
    ax.plot(xs, ys, color=ARROW, linewidth=0.9, zorder=1)
    _draw_arrow(ax, (right, over), (right, end_height / 2))


def _draw_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"mutation_scale": 7, "linewidth": 0.9, "color": ARROW, "zorder": 2}
    arrow = FancyArrowPatch(start, end, arrowstyle="-|>", shrinkA=0, shrinkB=0, **style)
    ax.add_patch(arrow)


def _title(model: keras.Model) -> str:
    about = models.describe(model)
    past = f" and {about['skipped']:,} that pass it by" if about["skipped"] else ""
    return (
        f"{model.name}: {about['parameters']:,} weights; latent {about['latent']:,} numbers{past} "
        f"for {about['pixels']:,} pixels"
    )


def _legend(ax: Axes, boxes: Sequence[dict]) -> None:
    named = [box["kind"] for box in boxes if box["kind"] in COLOURS and box["kind"] != "image"]
    kinds = list(dict.fromkeys(named))
    patches = [Rectangle((0, 0), 1, 1, facecolor=COLOURS[kind], label=kind) for kind in kinds]
    ax.legend(
        handles=patches,
        fontsize=7,
        frameon=False,
        ncols=max(len(kinds), 1),
        loc="upper center",
        bbox_to_anchor=(0.5, 1.0),
    )
