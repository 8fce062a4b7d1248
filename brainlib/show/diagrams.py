"""Diagrams of models, drawn from their own graphs."""

import math

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, Rectangle

from brainlib import models

COLOURS = {
    "conv": "#56B4E9",
    "residual block": "#0072B2",
    "transposed conv": "#E69F00",
    "dense": "#CC79A7",
    "latent": "#D55E00",
    "codebook": "#D55E00",
    "KL term": "#F0E442",
    "add": "#009E73",
    "concatenate": "#009E73",
    "image": "#333333",
}
OTHER = "#BBBBBB"
STEP, ASIDE = 0.11, 0.05  # between the levels of arcs; of their ends from a box's middle


def model_diagram(model, *, step=0.72, height=4.2):
    """A model as a row of boxes, from the image on the left to the output on the right.

    Each box is a block of layers: as high as its picture's sides, as wide as it has feature maps (both on a logarithmic
    scale). What passes a neighbour by is an arc above.

    Args:
        model: functional, such as `models.build` makes.
        step: inches from box to box.
        height: inches of the figure.

    Returns:
        the figure.
    """
    found = models.blocks(model)
    boxes = [
        {
            "kind": "image",
            "settings": "",
            "output": tuple(model.inputs[0].shape[1:]),
            "repeats": 1,
            "parameters": 0,
            "inputs": [],
        }
    ]
    boxes += [{**block, "inputs": [one + 1 for one in block["inputs"]]} for block in found]
    figure, ax = plt.subplots(figsize=(1.0 + step * len(boxes), height))
    tallest = max(_side(box) for box in boxes)
    levels = _levels(
        [
            (parent, place)
            for place, box in enumerate(boxes)
            for parent in box["inputs"]
            if place - parent > 1
        ]
    )
    for place, box in enumerate(boxes):
        _draw_box(ax, place, box, tallest)
        for parent in box["inputs"]:
            _draw_arrow(ax, parent, place, levels.get((parent, place)), boxes, tallest)
    ax.set(
        xlim=(-0.7, len(boxes) - 0.3),
        ylim=(-1.9, 1.2 + STEP * max([1, *levels.values()])),
        xticks=[],
        yticks=[],
        title=_title(model),
    )
    ax.spines[:].set_visible(False)
    _legend(ax, boxes)
    return figure


def _levels(arcs):
    """How high each arc (start, end) runs: short ones low, and never two on one level where they would touch."""
    levels = {}
    for start, end in sorted(arcs, key=lambda arc: (arc[1] - arc[0], arc)):
        taken = {level for (left, right), level in levels.items() if left <= end and start <= right}
        levels[start, end] = next(level for level in range(len(arcs)) if level not in taken)
    return levels


def _side(box):
    """Mean side of the picture that a box gives; vectors as high as a picture of 2x2."""
    shape = box["output"]
    return math.sqrt(shape[0] * shape[1]) if len(shape) == 3 else 2.0


def _size(box, tallest):
    """(width, height) of a box in the units of the axes."""
    channels = box["output"][-1] if box["output"] else 1
    return 0.14 + 0.045 * math.log2(channels + 1), 0.15 + 0.85 * math.log2(
        _side(box) + 1
    ) / math.log2(tallest + 1)


def _draw_box(ax, place, box, tallest):
    width, height = _size(box, tallest)
    for behind in range(min(box["repeats"], 3) - 1, -1, -1):
        shift = 0.05 * behind
        ax.add_patch(
            Rectangle(
                (place - width / 2 + shift, -height / 2 + shift),
                width,
                height,
                facecolor=COLOURS.get(box["kind"], OTHER),
                edgecolor="white",
                linewidth=0.8,
                zorder=3 - 0.1 * behind,
            )
        )
    times = f"{box['repeats']} x " if box["repeats"] > 1 else ""
    words = f"{times}{box['kind']}" + (f", {box['settings']}" if box["settings"] else "")
    ax.text(
        place,
        -0.62,
        f"{models.shape_words(box['output'])}\n{words}",
        rotation=60,
        ha="right",
        va="top",
        fontsize=7,
        rotation_mode="anchor",
        linespacing=1.15,
    )


def _draw_arrow(ax, start, end, level, boxes, tallest):
    """An arrow to the next box, or an arc on a level; it leaves right of a box's middle and arrives left of it."""
    style = {
        "arrowstyle": "-|>",
        "mutation_scale": 7,
        "linewidth": 0.9,
        "color": "#555555",
        "zorder": 2,
    }
    left, right = (_size(boxes[place], tallest) for place in (start, end))
    if level is None:
        ax.add_patch(
            FancyArrowPatch(
                (start + left[0] / 2, 0), (end - right[0] / 2, 0), shrinkA=0, shrinkB=0, **style
            )
        )
        return
    over = 0.62 + STEP * level
    path = [
        (start + ASIDE, left[1] / 2),
        (start + ASIDE, over),
        (end - ASIDE, over),
        (end - ASIDE, right[1] / 2),
    ]
    ax.plot(*zip(*path[:3]), color="#555555", linewidth=0.9, zorder=1)
    ax.add_patch(FancyArrowPatch(path[2], path[3], shrinkA=0, shrinkB=0, **style))


def _title(model):
    about = models.describe(model)
    past = f" and {about['skipped']:,} that pass it by" if about["skipped"] else ""
    return (
        f"{model.name}: {about['parameters']:,} weights; latent {about['latent']:,} numbers{past} "
        f"for {about['pixels']:,} pixels"
    )


def _legend(ax, boxes):
    kinds = list(
        dict.fromkeys(
            box["kind"] for box in boxes if box["kind"] in COLOURS and box["kind"] != "image"
        )
    )
    ax.legend(
        handles=[Rectangle((0, 0), 1, 1, facecolor=COLOURS[kind], label=kind) for kind in kinds],
        fontsize=7,
        frameon=False,
        ncols=len(kinds),
        loc="upper center",
        bbox_to_anchor=(0.5, 1.0),
    )
