"""Looking into a network: first filters, feature maps, channels switched off, patches blanked.

Each function gives arrays; drawing them is done in `show.inspector_figures`.
"""

import math
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd

from brainlib import models
from brainlib.inspector.layer_access import (
    Recorder,
    Watcher,
    array,
    first_of,
    in_batches,
    in_order,
    leaves,
    part,
    paths,
    watched,
)
from brainlib.inspector.networks import (
    forward,
    has_posterior,
    mean_and_spread,
    reconstruct,
)

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
FOLLOWERS = ("BatchNormalization", "ReLU", "LeakyReLU", "Activation")

# ------------------------------------------------------------------------------------- layers


def has_maps(model: keras.Model) -> bool:
    """Whether a model has a 2-D convolution, and so filters and feature maps."""
    return any(isinstance(layer, CONVOLUTIONS) for layer in leaves(model))


def first_filters(model: keras.Model) -> np.ndarray:
    """Kernels of the first convolution. -> (filters, height, width, channels of the image)."""
    convolutions = [layer for layer in in_order(model) if isinstance(layer, CONVOLUTIONS)]
    if not convolutions:
        raise ValueError(f"{model.name}: expected a 2-D convolution among its layers, found none.")
    kernel = array(convolutions[0].kernel)  # (h, w, in, filters)
    return kernel.transpose(3, 0, 1, 2)


def layer_named(model: keras.Model, name: str) -> keras.Layer:
    """A layer of the model or of its sub-models.

    Args:
        model: that holds it.
        name: of the layer, or "sub-model/name" where several layers have that name.
    """
    every_layer = list(paths(model))
    matches = {id(layer): layer for path, layer in every_layer if name in (path, layer.name)}
    if len(matches) == 1:
        return next(iter(matches.values()))
    known = [path for path, _ in every_layer]
    last = name.split("/")[-1]
    alike = [path for path in known if path.split("/")[-1] == last] or known
    more = " ..." if len(alike) > 12 else ""
    raise ValueError(
        f"layer: expected the name of one layer, got {name!r}, which fits {len(matches)}. "
        f"Take one of {', '.join(alike[:12])}{more}."
    )


def first_map_layer(model: keras.Model) -> str:
    """Name of the first layer that gives feature maps (h, w, C) of several channels.

    Where its normalisation and activation are layers of their own, the last of these is named.
    """
    rows = models.layer_table(model)
    shapes = [row["output"] for row in rows]
    with_maps = [place for place, shape in enumerate(shapes) if len(shape) == 3 and shape[-1] > 1]
    if not with_maps:
        raise ValueError(f"{model.name}: expected a layer with feature maps, found none.")
    first = with_maps[0]
    while rows[first + 1]["kind"] in FOLLOWERS:
        first += 1
    return rows[first]["layer"]


def latent_layer(model: keras.Model) -> str:
    """Name of the layer that holds the latent.

    That is a VAE's mean, or what leaves a codebook, else the narrowest layer, the last of equals.
    """
    encoder = part(model, "encoder")
    if has_posterior(encoder):
        mean = mean_and_spread(encoder)[0]
        return f"{encoder.name}/{encoder.outputs[mean]._keras_history.operation.name}"
    rows = models.layer_table(model)
    quantizers = [row for row in rows if row["kind"] == "VectorQuantizer"]
    inner = quantizers or [row for row in rows[:-1] if row["output"]]
    narrowest = min(math.prod(row["output"]) for row in inner)
    return [row["layer"] for row in inner if math.prod(row["output"]) == narrowest][-1]


def feature_maps(
    model: keras.Model, images: np.ndarray, layer: str, *, batch_size: int = 16
) -> np.ndarray:
    """What a layer answers to images, at its first call. (N, H, W, C) -> (N, ...)."""
    wanted = layer_named(model, layer)

    def first_call(batch: np.ndarray) -> np.ndarray:
        recorder = Recorder()
        with watched([wanted], recorder):
            forward(model)(batch)
        if not recorder.calls:
            raise ValueError(
                f"layer: {layer!r} takes no part in the reconstruction of {model.name}."
            )
        return recorder.calls[id(wanted)][0]

    return in_batches(first_call, images, batch_size=batch_size)


# ------------------------------------------------------------------------------------- channels


def switched_off(
    model: keras.Model,
    images: np.ndarray,
    layer: str,
    *,
    channels: Sequence[int] | None = None,
    to: str = "mean",
    targets: np.ndarray | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """What each channel of a layer is worth: the mean squared error that its silence adds.

    Args:
        model: from image to image.
        images: (N, H, W, C).
        layer: name of the layer, such as "latent"; its last axis holds the channels. All else
            works on, skips too.
        channels: which; all when absent.
        to: "mean" replaces the channel by its mean over images and places, so that it says
            nothing about this image; "zero" by 0.
        targets: as for the error; the images when absent.
        batch_size: pictures at a time.

    Returns:
        (N, channels): error without the channel minus error with it, squared grey values.
    """
    wanted = layer_named(model, layer)
    images = np.asarray(images)
    targets = np.asarray(images if targets is None else targets, float)
    replacements = _replacements(feature_maps(model, images, layer, batch_size=batch_size), to)
    channels = _checked_channels(channels, len(replacements))
    whole = _errors(reconstruct(model, images, batch_size=batch_size), targets)
    # All channels of all images in one row: few large batches cost less than many small ones.
    silent = np.repeat(channels, len(images))
    number = np.tile(np.arange(len(images)), len(channels))
    errors = np.empty(len(silent))
    for start in range(0, len(silent), batch_size):
        batch = slice(start, start + batch_size)
        with watched([wanted], _silencing(silent[batch], replacements)):
            outputs = reconstruct(model, images[number[batch]], batch_size=batch_size)
        errors[batch] = _errors(outputs, targets[number[batch]])
    return errors.reshape(len(channels), -1).T - whole[:, None]


def _replacements(maps: np.ndarray, to: str) -> np.ndarray:
    """What stands for each channel of maps (N, ..., C) when it is silent. -> (C,)."""
    if to not in ("mean", "zero"):
        raise ValueError(f"to: expected mean or zero, got {to!r}.")
    count = maps.shape[-1]
    return maps.reshape(-1, count).mean(axis=0) if to == "mean" else np.zeros(count)


def _checked_channels(channels: Sequence[int] | None, count: int) -> list[int]:
    channels = list(range(count) if channels is None else channels)
    unknown = [channel for channel in channels if not 0 <= channel < count]
    if unknown:
        raise ValueError(f"channels: expected 0 to {count - 1}, got {unknown[0]}.")
    return channels


def _silencing(silent: np.ndarray, replacements: np.ndarray) -> Watcher:
    """A watcher that replaces channel silent[i] of the i-th image by its replacement."""
    chosen = silent[:, None] == np.arange(len(replacements))  # (B, channels)

    def see(_, __, outputs):
        several = isinstance(outputs, (list, tuple))
        first = first_of(outputs)
        between = [1] * (len(first.shape) - 2)
        mask = chosen.reshape(len(silent), *between, len(replacements))
        changed = keras.ops.where(mask, keras.ops.cast(replacements, first.dtype), first)
        return type(outputs)([changed, *outputs[1:]]) if several else changed

    return see


def _errors(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Mean squared error of each image. (N, H, W, C) -> (N,)."""
    return ((outputs - targets) ** 2).mean(axis=(1, 2, 3))


# ------------------------------------------------------------------------------------- places


def occlusion(
    model: keras.Model,
    images: np.ndarray,
    *,
    patch: int = 8,
    stride: int | None = None,
    fill: float = 0.0,
    layer: str | None = None,
    batch_size: int = 16,
) -> dict[str, np.ndarray]:
    """What each place of an image is worth to the model: a patch is blanked, changes are measured.

    Args:
        model: from image to image.
        images: (N, H, W, C).
        patch: side of the square, pixels.
        stride: step from patch to patch; the side when absent.
        fill: grey value of the blanked patch.
        layer: name of a layer whose answer is compared, too.
        batch_size: pictures at a time.

    Returns:
        A dictionary of maps (N, rows, columns): `inside`, the mean squared error on the patch
        (what the model cannot fill in), `outside`, the change of the mean squared error elsewhere
        (what it took from the patch for other places), and with a layer `latent`, the root of the
        mean squared change of that layer's answer.
    """
    images = np.asarray(images, "float32")
    tops, lefts = _patch_starts(images.shape[1:3], patch, stride or patch)
    wanted = layer_named(model, layer) if layer else None
    outputs, answer = _outputs_and_answer(model, images, wanted, batch_size)
    before = (outputs - images) ** 2
    names = ("inside", "outside", "latent") if layer else ("inside", "outside")
    maps = {name: np.zeros((len(images), len(tops), len(lefts))) for name in names}
    for row, column in np.ndindex(len(tops), len(lefts)):
        top, left = tops[row], lefts[column]
        place = (slice(top, top + patch), slice(left, left + patch))
        blanked = images.copy()
        blanked[:, *place] = fill
        outputs, changed = _outputs_and_answer(model, blanked, wanted, batch_size)
        after = (outputs - images) ** 2
        maps["inside"][:, row, column] = after[:, *place].mean(axis=(1, 2, 3))
        maps["outside"][:, row, column] = _mean_without(after - before, place)
        if layer:
            squares = ((changed - answer) ** 2).reshape(len(images), -1)
            maps["latent"][:, row, column] = np.sqrt(squares.mean(axis=1))
    return maps


def _patch_starts(sides: tuple[int, int], patch: int, stride: int) -> tuple[range, range]:
    """Upper and left edges of all patches in pictures of (height, width)."""
    if not 1 <= patch <= min(sides) or stride < 1:
        raise ValueError(
            f"patch: expected 1 to {min(sides)} pixels and a stride of 1 or more, "
            f"got {patch} and {stride}."
        )
    height, width = sides
    return range(0, height - patch + 1, stride), range(0, width - patch + 1, stride)


def _outputs_and_answer(
    model: keras.Model, images: np.ndarray, layer: keras.Layer | None, batch_size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Outputs of the model, and what a layer answered on the way (None without one)."""
    recorder = Recorder()
    layers = [] if layer is None else [layer]
    with watched(layers, recorder):
        outputs = reconstruct(model, images, batch_size=batch_size)
    return outputs, recorder.joined(layer) if layers else None


def _mean_without(values: np.ndarray, place: tuple[slice, slice]) -> np.ndarray:
    """Mean of (N, H, W, C) over all pixels but those of a place; 0 where none are left. -> (N,)."""
    rest = np.ones(values.shape[1:], bool)
    rest[place] = False
    return values[:, rest].mean(axis=1) if rest.any() else np.zeros(len(values))


EDGE = 1 / 3  # |sum of weights| over their sizes, below which a kernel takes differences


def filter_table(kernels: Mapping[str, np.ndarray], *, seed: int = 0) -> pd.DataFrame:
    """First filters of several networks in numbers, random ones of the same size beside them.

    Thesis 004 (section 6.1) wished to see how the filters of residual networks and of networks
    with skips differ.

    Args:
        kernels: {network: (filters, height, width, channels)} of `first_filters`.
        seed: of the random filters.

    Returns:
        One row per network: model, filters, edges (share of filters that take differences: the sum
        of weights is less than a third of their sizes), edges_random, alike (median size of the
        correlation between two filters; 1: all the same), alike_random.
    """
    rows = []
    for name, filters in kernels.items():
        random = np.random.default_rng(seed).normal(size=(200, *filters.shape[1:]))
        row = {"model": name, "filters": len(filters)}
        for suffix, some in (("", filters), ("_random", random)):
            row[f"edges{suffix}"] = float(np.mean(_balance(some) < EDGE))
            row[f"alike{suffix}"] = _alike(some)
        rows.append(row)
    return pd.DataFrame(rows)


def _balance(filters: np.ndarray) -> np.ndarray:
    """|sum of weights| over the sum of their sizes: 1 for a mean, 0 for a difference. (n,)."""
    flat = filters.reshape(len(filters), -1)
    return np.abs(flat.sum(axis=1)) / np.maximum(np.abs(flat).sum(axis=1), 1e-12)


def _alike(filters: np.ndarray) -> float:
    """Median size of the correlation between two filters; NaN for a single one."""
    if len(filters) < 2:
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = np.corrcoef(filters.reshape(len(filters), -1))
    pairs = correlations[np.triu_indices(len(filters), k=1)]
    return float(np.nanmedian(np.abs(pairs)))
