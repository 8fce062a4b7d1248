"""Looking into a network: first filters, feature maps, latent channels switched off, patches of the image blanked.

Each function gives arrays; drawing them is somebody else's business.
"""

import math

import keras
import numpy as np

from brainlib import models
from brainlib.inspector import parts

CONVS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def has_maps(model):
    """Whether a model has a 2-D convolution, and so filters and feature maps."""
    return any(isinstance(layer, CONVS) for layer in parts.leaves(model))


def first_filters(model):
    """The kernels of the first convolution. -> (filters, height, width, channels of the image)."""
    layer = next((layer for layer in parts.in_order(model) if isinstance(layer, CONVS)), None)
    if layer is None:
        raise ValueError(f"{model.name}: expected a 2-D convolution among its layers, found none.")
    kernel = parts.array(layer.kernel)  # (h, w, in, filters)
    return kernel.transpose(3, 0, 1, 2)


def layer_named(model, name):
    """A layer of the model or of its sub-models, by its name, or "sub-model/name" where several have it."""
    found = {id(layer): layer for path, layer in parts.paths(model) if name in (path, layer.name)}
    if len(found) != 1:
        known = [path for path, layer in parts.paths(model)]
        fitting = [path for path in known if path.split("/")[-1] == name.split("/")[-1]] or known
        raise ValueError(
            f"layer: expected the name of one layer, got {name!r}, which fits {len(found)}. "
            f"Take one of {', '.join(fitting[:12])}{' ...' if len(fitting) > 12 else ''}."
        )
    return next(iter(found.values()))


def first_map_layer(model):
    """Name of the first layer that gives feature maps (h, w, C) of several channels, behind its activation where that is a layer of its own."""
    rows = models.layer_table(model)
    first = next(
        (
            place
            for place, row in enumerate(rows)
            if len(row["output"]) == 3 and row["output"][-1] > 1
        ),
        None,
    )
    if first is None:
        raise ValueError(f"{model.name}: expected a layer with feature maps, found none.")
    while rows[first + 1]["kind"] in ("BatchNormalization", "ReLU", "LeakyReLU", "Activation"):
        first += 1
    return rows[first]["layer"]


def latent_layer(model):
    """Name of the layer that holds the latent: a VAE's mean, what leaves a codebook, else the narrowest, the last of equals."""
    encoder = parts.part(model, "encoder")
    if encoder is not None and len(encoder.outputs or ()) > 1:
        return f"{encoder.name}/{encoder.outputs[parts.mean_and_spread(encoder)[0]]._keras_history.operation.name}"
    rows = models.layer_table(model)
    quantizers = [row for row in rows if row["kind"] == "VectorQuantizer"]
    inner = quantizers or [row for row in rows[:-1] if row["output"]]
    narrow = min(math.prod(row["output"]) for row in inner)
    return [row["layer"] for row in inner if math.prod(row["output"]) == narrow][-1]


def feature_maps(model, images, layer, *, batch_size=16):
    """What a layer answers to images, at its first call. images: (N, H, W, C) -> (N, ...), the layer's output."""
    wanted = layer_named(model, layer)

    def first_call(batch):
        calls = []
        with parts.watched(
            [wanted], lambda _, __, outputs: calls.append(parts.array(parts.first_of(outputs)))
        ):
            parts.forward(model)(batch)
        if not calls:
            raise ValueError(
                f"layer: {layer!r} takes no part in the reconstruction of {model.name}."
            )
        return calls[0]

    return parts.in_batches(first_call, images, batch_size=batch_size)


def switched_off(model, images, layer, *, channels=None, to="mean", targets=None, batch_size=64):
    """What each channel of a layer is worth: the change in mean squared error when it says nothing.

    Args:
        model: from image to image.
        images: (N, H, W, C).
        layer: name of the layer, such as "latent"; its last axis holds the channels. All else works on, skips too.
        channels: which; all when absent.
        to: "mean" replaces the channel by its mean over images and places, so that it tells nothing about this image;
            "zero" by 0.
        targets: as for the error; the images when absent.
        batch_size: pictures at a time.

    Returns:
        (N, channels): error without the channel minus error with it, squared grey values.
    """
    wanted = layer_named(model, layer)
    targets = np.asarray(images if targets is None else targets, float)
    maps = feature_maps(model, images, layer, batch_size=batch_size)
    count = maps.shape[-1]
    channels = list(range(count) if channels is None else channels)
    if to not in ("mean", "zero"):
        raise ValueError(f"to: expected mean or zero, got {to!r}.")
    rest = maps.reshape(-1, count).mean(axis=0) if to == "mean" else np.zeros(count)
    unknown = [channel for channel in channels if not 0 <= channel < count]
    if unknown:
        raise ValueError(f"channels: expected 0 to {count - 1}, got {unknown[0]}.")
    whole = _errors(parts.reconstruct(model, images, batch_size=batch_size), targets)
    # All channels of all images in one row: few large batches cost less than many small ones.
    silent, number = (
        np.repeat(list(channels), len(images)),
        np.tile(np.arange(len(images)), len(channels)),
    )
    errors = np.empty(len(silent))
    for start in range(0, len(silent), batch_size):
        part = slice(start, start + batch_size)
        with parts.watched([wanted], _replacing(silent[part], rest)):
            outputs = parts.reconstruct(
                model, np.asarray(images)[number[part]], batch_size=batch_size
            )
        errors[part] = _errors(outputs, targets[number[part]])
    return errors.reshape(len(channels), -1).T - whole[:, None]


def _replacing(silent, rest):
    """Replaces channel silent[i] of the i-th image by its entry of `rest`."""
    chosen = silent[:, None] == np.arange(len(rest))  # (B, channels)

    def see(_, __, outputs):
        several = isinstance(outputs, (list, tuple))
        first = parts.first_of(outputs)
        mask = chosen.reshape(len(silent), *[1] * (len(first.shape) - 2), len(rest))
        changed = keras.ops.where(mask, keras.ops.cast(rest, first.dtype), first)
        return type(outputs)([changed, *outputs[1:]]) if several else changed

    return see


def _errors(outputs, targets):
    return ((outputs - targets) ** 2).mean(axis=(1, 2, 3))


def occlusion(model, images, *, patch=8, stride=None, fill=0.0, layer=None, batch_size=16):
    """What each place of an image is worth to the model: a patch is blanked, and what changes is measured.

    Args:
        model: from image to image.
        images: (N, H, W, C).
        patch: side of the square, pixels.
        stride: step from patch to patch; the side when absent.
        fill: grey value of the blanked patch.
        layer: name of a layer whose answer is compared, too.
        batch_size: pictures at a time.

    Returns:
        A dictionary of maps (N, rows, columns): `inside`, the mean squared error on the patch (what the model cannot fill
        in), `outside`, the change of the mean squared error elsewhere (what it took from the patch for other places), and
        with a layer `latent`, the root of the mean squared change of that layer's answer.
    """
    images, stride = np.asarray(images, "float32"), stride or patch
    if not 1 <= patch <= min(images.shape[1:3]) or stride < 1:
        raise ValueError(
            f"patch: expected 1 to {min(images.shape[1:3])} pixels and a stride of 1 or more, got {patch} and {stride}."
        )
    tops, lefts = (range(0, side - patch + 1, stride) for side in images.shape[1:3])
    places = [(row, column) for row in range(len(tops)) for column in range(len(lefts))]
    wanted = layer_named(model, layer) if layer else None
    before, answer = _outputs_and_answer(model, images, wanted, batch_size)
    before = (before - images) ** 2
    maps = {
        name: np.zeros((len(images), len(tops), len(lefts)))
        for name in ("inside", "outside", *(["latent"] if layer else []))
    }
    for row, column in places:
        place = (slice(tops[row], tops[row] + patch), slice(lefts[column], lefts[column] + patch))
        blanked = images.copy()
        blanked[:, *place] = fill
        outputs, changed = _outputs_and_answer(model, blanked, wanted, batch_size)
        after = (outputs - images) ** 2
        maps["inside"][:, row, column] = after[:, *place].mean(axis=(1, 2, 3))
        maps["outside"][:, row, column] = _mean_without(after - before, place)
        if layer:
            maps["latent"][:, row, column] = np.sqrt(
                ((changed - answer) ** 2).reshape(len(images), -1).mean(axis=1)
            )
    return maps


def _outputs_and_answer(model, images, wanted, batch_size):
    """Outputs of the model, and what a layer answered on the way (None without one)."""
    seen = []
    with parts.watched(
        [wanted] if wanted is not None else [],
        lambda _, __, outputs: seen.append(parts.array(parts.first_of(outputs))),
    ):
        outputs = parts.reconstruct(model, images, batch_size=batch_size)
    return outputs, np.concatenate(seen) if seen else None


def _mean_without(values, place):
    """Mean of (N, H, W, C) over all pixels but those of a place; 0 where none are left. -> (N,)."""
    kept = np.ones(values.shape[1:], bool)
    kept[place] = False
    return values[:, kept].mean(axis=1) if kept.any() else np.zeros(len(values))
