"""Figures of a VQGAN: two networks that train against each other, and what becomes of edges."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brainlib.show.plots.charts import lines
from brainlib.show.plots.look import BLUE, GREEN, PURPLE, REFERENCE_LINE, VERMILION, panels
from brainlib.show.plots.pictures import brain

STEEPEST = 0.4  # grey values per pixel that are drawn brightest


def adversarial_training(history: pd.DataFrame) -> Figure:
    """Six panels of one VQGAN's training; a vertical line where the critic is let in.

    Args:
        history: one row per epoch, of `training.load_or_fit`.
    """
    heard = history[history.adversarial_steps > 0]
    figure, axes = panels(6, columns=2, width=4.8, height=2.6)
    terms = {name: name for name in ("reconstruction", "perceptual", "codebook")}
    lines(history, ax=axes[0], columns=terms, ylabel="loss", log=True)
    axes[0].set_title("generator: what it must rebuild")
    axes[1].axhline(1, **REFERENCE_LINE)
    _played(heard, axes[1], {"discriminator": ("critic", VERMILION)}, "loss")
    _played(heard, axes[1], {"adversarial": ("generator", BLUE)}, "loss")
    axes[1].set_title("the game: a critic at 1 guesses, at 0 is certain")
    answers = {
        "score_real": ("real slices", GREEN),
        "score_rebuilt": ("rebuilt slices", VERMILION),
    }
    _played(heard, axes[2], answers, "mean answer")
    axes[2].set_title("what the critic answers")
    _played(heard, axes[3], {"adaptive_weight": ("weight", PURPLE)}, "weight")
    axes[3].set_title("adaptive weight, times its factor")
    lines(history, ax=axes[4], columns={"generator_gradient": "generator"}, log=True)
    _played(heard, axes[4], {"discriminator_gradient": ("critic", VERMILION)}, "norm of gradient")
    axes[4].set_title("how hard each network is pulled")
    _codes_in_use(history, axes[5])
    for ax in axes:
        _epochs(ax, history, heard)
    return figure


def _played(heard: pd.DataFrame, ax: Axes, columns: Mapping, ylabel: str) -> None:
    """Lines of the epochs in which the critic was heard."""
    for column, (label, colour) in columns.items():
        ax.plot(heard.epoch, heard[column], color=colour, marker=".", label=label)
    ax.set(ylabel=ylabel)


def _codes_in_use(history: pd.DataFrame, ax: Axes) -> None:
    ax.plot(history.epoch, 100 * history.codes_used, color=BLUE, label="training")
    ax.plot(history.epoch, 100 * history.val_codes_used, "--", color=BLUE, label="validation")
    ax.set(ylabel="codes in use (%)", ylim=(0, 103), title="codebook")


def _epochs(ax: Axes, history: pd.DataFrame, heard: pd.DataFrame) -> None:
    """The same axis of epochs for each panel, and where the critic is let in."""
    if len(heard):
        ax.axvline(heard.epoch.min() - 0.5, color="0.4", linewidth=1, linestyle="--")
    ax.set(xlabel="epoch", xlim=(0.5, history.epoch.max() + 0.5))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize=8, frameon=False, loc="best")


def close_ups(pictures: Mapping[str, np.ndarray], *, size: float = 2.3) -> Figure:
    """The middle of some pictures, and below each how steep its grey values are there.

    Args:
        pictures: {title: (H, W, 1)}.
        size: inches of a picture.
    """
    count = len(pictures)
    figure, axes = plt.subplots(2, count, figsize=(size * count + 0.7, 2.2 * size), squeeze=False)
    for (above, below), (name, picture) in zip(axes.T, pictures.items()):
        steepness = gradient_size(picture[..., 0])
        brain(_middle(picture[..., 0]), ax=above, title=name)
        drawn = below.imshow(_middle(steepness), cmap="magma", vmin=0, vmax=STEEPEST)
        below.set(xticks=[], yticks=[])
    bar = figure.colorbar(drawn, ax=list(axes[1]), fraction=0.02)
    bar.set_label("grey values per pixel", fontsize=8)
    return figure


def gradient_size(picture: np.ndarray) -> np.ndarray:
    """Length of the gradient at each pixel. (H, W) -> (H - 1, W - 1)."""
    down, right = np.diff(picture, axis=0)[:, :-1], np.diff(picture, axis=1)[:-1]
    return np.hypot(down, right)


def _middle(picture: np.ndarray) -> np.ndarray:
    """The middle half of a picture's rows and columns."""
    height, width = (side // 2 for side in picture.shape)
    top, left = height // 2, width // 2
    return picture[top : top + height, left : left + width]
