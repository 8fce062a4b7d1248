"""Looking into a network: first filters, feature maps, latent channels switched off, patches of the image blanked.

Each function gives arrays; drawing them is somebody else's business.
"""

import keras
import numpy as np

from brainlib import inspector_parts as parts

CONVS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def first_filters(model):
    """The kernels of the first convolution. -> (filters, height, width, channels of the image)."""
    layer = next((layer for layer in parts.in_order(model) if isinstance(layer, CONVS)), None)
    if layer is None:
        raise ValueError(f"{model.name}: expected a 2-D convolution among its layers, found none.")
    kernel = parts.array(layer.kernel)                                         # (h, w, in, filters)
    return kernel.transpose(3, 0, 1, 2)


def layer_named(model, name):
    """A layer of the model or of its sub-models, by its name, or "sub-model/name" where several have it."""
    found = {id(layer): layer for path, layer in parts.paths(model) if name in (path, layer.name)}
    if len(found) != 1:
        known = [path for path, layer in parts.paths(model)]
        fitting = [path for path in known if path.split("/")[-1] == name.split("/")[-1]] or known
        raise ValueError(f"layer: expected the name of one layer, got {name!r}, which fits {len(found)}. "
                         f"Take one of {', '.join(fitting[:12])}{' ...' if len(fitting) > 12 else ''}.")
    return next(iter(found.values()))


def feature_maps(model, images, layer, *, batch_size=16):
    """What a layer answers to images, at its first call. images: (N, H, W, C) -> (N, ...), the layer's output."""
    wanted, seen = layer_named(model, layer), []

    def first_call(batch):
        calls = []
        with parts.watched([wanted], lambda _, __, outputs: calls.append(parts.array(parts.first_of(outputs)))):
            parts.forward(model)(batch)
        if not calls:
            raise ValueError(f"layer: {layer!r} takes no part in the reconstruction of {model.name}.")
        return calls[0]

    seen = parts.in_batches(first_call, images, batch_size=batch_size)
    return seen


def switched_off(model, images, layer, *, channels=None, to="mean", targets=None, batch_size=16):
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
    channels = range(count) if channels is None else channels
    if to not in ("mean", "zero"):
        raise ValueError(f"to: expected mean or zero, got {to!r}.")
    rest = maps.reshape(-1, count).mean(axis=0) if to == "mean" else np.zeros(count)
    whole = _errors(parts.reconstruct(model, images, batch_size=batch_size), targets)
    result = []
    for channel in channels:
        if not 0 <= channel < count:
            raise ValueError(f"channels: expected 0 to {count - 1}, got {channel}.")
        with parts.watched([wanted], _replacing(channel, rest[channel], count)):
            result.append(_errors(parts.reconstruct(model, images, batch_size=batch_size), targets) - whole)
    return np.stack(result, axis=1)


def _replacing(channel, value, count):
    chosen = np.arange(count) == channel

    def see(_, __, outputs):
        several = isinstance(outputs, (list, tuple))
        first = parts.first_of(outputs)
        changed = keras.ops.where(chosen, keras.ops.cast(value, first.dtype), first)
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
        raise ValueError(f"patch: expected 1 to {min(images.shape[1:3])} pixels and a stride of 1 or more, got {patch} and {stride}.")
    tops, lefts = (range(0, side - patch + 1, stride) for side in images.shape[1:3])
    before = (parts.reconstruct(model, images, batch_size=batch_size) - images) ** 2
    answer = feature_maps(model, images, layer, batch_size=batch_size) if layer else None
    maps = {name: np.zeros((len(images), len(tops), len(lefts))) for name in ("inside", "outside", *(["latent"] if layer else []))}
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            place = (slice(None), slice(top, top + patch), slice(left, left + patch))
            blanked = images.copy()
            blanked[place] = fill
            after = (parts.reconstruct(model, blanked, batch_size=batch_size) - images) ** 2
            maps["inside"][:, row, column] = after[place].mean(axis=(1, 2, 3))
            maps["outside"][:, row, column] = _mean_without(after - before, place)
            if layer:
                change = feature_maps(model, blanked, layer, batch_size=batch_size) - answer
                maps["latent"][:, row, column] = np.sqrt((change**2).reshape(len(images), -1).mean(axis=1))
    return maps


def _mean_without(values, place):
    """Mean of (N, H, W, C) over all pixels but those of a place; 0 where none are left. -> (N,)."""
    kept = np.ones(values.shape[1:], bool)
    kept[place[1:]] = False
    return values[:, kept].mean(axis=1) if kept.any() else np.zeros(len(values))
