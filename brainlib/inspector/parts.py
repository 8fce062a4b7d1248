"""What stands inside anybody's model: its layers while they work, its posterior, its codebook, its waist.

Nothing here relies on names that this workbook gives: a codebook is known by the fact that whatever leaves its layer
is one of its rows, a waist by the fewest numbers that all ways from the picture to the output lead through.
"""

import contextlib
import math
import re
from dataclasses import dataclass

import keras
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from brainlib import models

MEAN = re.compile(r"(^|_)(mean|mu)(_|$)")
SPREAD = re.compile(r"log_?var|log_?sigma|log_?std")
HALF = re.compile(r"log_?sigma|log_?std")  # half a log variance


@dataclass(frozen=True)
class Posterior:
    """A VAE's clouds for N images: mean and log_var, each (N, D)."""

    mean: np.ndarray
    log_var: np.ndarray


@dataclass(frozen=True)
class Codes:
    """What a codebook makes of N images: codes (N, places), its rows (K, D) and the name of its layer."""

    codes: np.ndarray
    codebook: np.ndarray
    layer: str


# ------------------------------------------------------------------------------------------------ layers at work


def leaves(model):
    """All layers that hold no other layers, sub-models and layers within layers opened; each once."""
    return [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not list(layer._flatten_layers(include_self=False))
    ]


def paths(model, prefix=""):
    """(path, layer) of all layers, sub-models opened: "encoder/conv_1"."""
    for layer in model._flatten_layers(include_self=False, recursive=False):
        yield f"{prefix}{layer.name}", layer
        yield from paths(layer, f"{prefix}{layer.name}/")


def in_order(model):
    """Layers in the order in which an image passes them, where the model has a graph; else as they were made."""
    encoder = part(model, "encoder")
    start = encoder if getattr(model, "inputs", None) is None and encoder is not None else model
    if getattr(start, "inputs", None) is None:
        return leaves(start)
    by_path = dict(paths(start))
    return [by_path[row["layer"]] for row in models.layer_table(start) if row["layer"] in by_path]


@contextlib.contextmanager
def watched(layers, see):
    """While it lasts, `see(layer, inputs, outputs)` follows each call of a layer; what it returns, if not None, replaces the outputs."""
    layers = list(layers)

    def follow(layer, call):
        def followed(*args, **kwargs):
            outputs = call(*args, **kwargs)
            changed = see(layer, args[0] if args else kwargs.get("inputs"), outputs)
            return outputs if changed is None else changed

        return followed

    try:
        for layer in layers:
            object.__setattr__(layer, "call", follow(layer, layer.call))
        yield
    finally:
        for layer in layers:
            with contextlib.suppress(AttributeError):
                object.__delattr__(layer, "call")


def in_batches(function, images, *, batch_size=16):
    """One array of what a function of images gives, batch by batch, without a graph: hooks see every call."""
    parts = [
        array(function(np.asarray(images[start : start + batch_size], "float32")))
        for start in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts)


def array(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float32")


# ------------------------------------------------------------------------------------------------ parts


def part(model, name):
    """The sub-model that the model keeps as a layer or an attribute of this name, or None."""
    found = next((layer for layer in model.layers if layer.name == name), None) or getattr(
        model, name, None
    )
    return found if isinstance(found, keras.Model) else None


def unwrapped(model):
    """The model that makes the pictures: a class that only trains another one (and has no call of its own) gives that one."""
    if type(model).call is not keras.Model.call or (
        part(model, "encoder") is not None and part(model, "decoder") is not None
    ):
        return model
    inner = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.Model)
        and len(getattr(layer, "outputs", None) or ()) == 1
        and layer.outputs[0].shape[1:] == layer.inputs[0].shape[1:]
    ]
    if len(inner) != 1:
        raise ValueError(
            f"{model.name}: expected a model that can be called with images, or one that keeps an encoder and a decoder, or "
            f"one network from image to image; found {len(inner)} such networks. Give the network itself."
        )
    return inner[0]


def forward(model):
    """The function images -> images of a model, in inference.

    A VAE that keeps an encoder and a decoder decodes the posterior's mean, even where its own call draws or is missing.
    """
    encoder, decoder = part(model, "encoder"), part(model, "decoder")
    if encoder is not None and decoder is not None and len(encoder.outputs or ()) > 1:
        place = mean_and_spread(encoder)[0]
        return lambda images: decoder(encoder(images, training=False)[place], training=False)
    return lambda images: model(images, training=False)


def reconstruct(model, images, *, batch_size=16):
    """Outputs of any model for images (N, H, W, C), checked to be images of the same number."""
    function = forward(model)
    outputs = in_batches(lambda batch: first_of(function(batch)), images, batch_size=batch_size)
    if outputs.ndim != 4 or len(outputs) != len(images):
        raise ValueError(
            f"{model.name}: expected images (N, H, W, C) as outputs, got shape {outputs.shape}. The inspector reads "
            "models from image to image."
        )
    return outputs


def first_of(outputs):
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def posterior(model, images, *, batch_size=16):
    """The clouds of a VAE, or None: from an encoder of several outputs, else from layers called mean and log_var."""
    encoder = part(model, "encoder")
    if encoder is not None and len(getattr(encoder, "outputs", None) or ()) > 1:
        mean, spread = mean_and_spread(encoder)
        factor = 2.0 if HALF.search(_layer_of(encoder, spread)) else 1.0
        found = [
            [
                array(output)
                for output in encoder(
                    np.asarray(images[start : start + batch_size], "float32"), training=False
                )
            ]
            for start in range(0, len(images), batch_size)
        ]
        clouds = [
            np.concatenate([batch[place] for batch in found]).reshape(len(images), -1)
            for place in (mean, spread)
        ]
        return (
            Posterior(clouds[0], factor * clouds[1]) if clouds[0].shape == clouds[1].shape else None
        )
    by_name = {
        kind: [layer for layer in leaves(model) if pattern.search(layer.name.lower())]
        for kind, pattern in (("mean", MEAN), ("spread", SPREAD))
    }
    if not by_name["mean"] or not by_name["spread"]:
        return None
    pair, seen = (by_name["mean"][0], by_name["spread"][0]), {}
    with watched(
        pair, lambda layer, _, outputs: seen.setdefault(id(layer), []).append(array(outputs))
    ):
        reconstruct(model, images, batch_size=batch_size)
    if any(id(layer) not in seen for layer in pair):
        return None
    clouds = [np.concatenate(seen[id(layer)]).reshape(len(images), -1) for layer in pair]
    return (
        Posterior(clouds[0], clouds[1] * (2.0 if HALF.search(pair[1].name.lower()) else 1.0))
        if clouds[0].shape == clouds[1].shape
        else None
    )


def mean_and_spread(encoder):
    """Places of mean and spread among an encoder's outputs: by name, else the first and the second."""
    layers = [_layer_of(encoder, place) for place in range(len(encoder.outputs))]
    spread = next((place for place, name in enumerate(layers) if SPREAD.search(name)), 1)
    mean = next(
        (place for place, name in enumerate(layers) if MEAN.search(name) and place != spread), 0
    )
    return mean, spread


def _layer_of(encoder, place):
    """Name of the layer that makes an output."""
    return encoder.outputs[place]._keras_history.operation.name.lower()


def codes(model, images, *, batch_size=16, tolerance=1e-3):
    """What a codebook makes of the images, or None.

    A layer quantises when it has a table of two axes and each vector that leaves it is a row (or a column) of it.
    """
    seen = {}
    candidates = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if any(len(weight.shape) == 2 for weight in layer.weights)
        and not isinstance(layer, (keras.Model, keras.layers.Dense, keras.layers.Embedding))
    ]
    if not candidates:
        return None
    with watched(
        candidates,
        lambda layer, _, outputs: seen.setdefault(id(layer), []).append(array(first_of(outputs))),
    ):
        reconstruct(model, images, batch_size=batch_size)
    for layer in candidates:
        if id(layer) not in seen:
            continue
        vectors = np.concatenate(seen[id(layer)])  # (N, h, w, D) or (N, D)
        tables = [array(weight) for weight in layer.weights if len(weight.shape) == 2]
        for table in (
            turned
            for one in tables
            for turned in (one, one.T)
            if turned.shape[1] == vectors.shape[-1]
        ):
            nearest, distance = _nearest(vectors.reshape(-1, vectors.shape[-1]), table)
            if distance.max() <= tolerance * max(float(np.abs(table).max()), 1e-6):
                return Codes(nearest.reshape(len(vectors), -1), table, layer.name)
    return None


def _nearest(vectors, table):
    """(row of the table, largest difference to it) of each vector. vectors: (N, D), table: (K, D)."""
    squared = (table**2).sum(axis=1) - 2 * vectors @ table.T
    nearest = squared.argmin(axis=1)
    return nearest, np.abs(vectors - table[nearest]).max(axis=1)


# ------------------------------------------------------------------------------------------------ the waist


def waist(model):
    """The fewest numbers an image that everything from the input to the output passes through; NaN where no graph says it.

    It is the smallest cut of the model's graph, each layer as wide as its output: skips and side ways are counted, whatever
    they are called. Input and output themselves do not count; a model without a waist gets the number of its pixels.
    """
    if getattr(model, "inputs", None) is not None and getattr(model, "outputs", None):
        return _smallest_cut(models.layer_table(model))
    parts = [part(model, name) for name in ("encoder", "decoder")]
    if any(one is None for one in parts):
        return math.nan
    cuts = [_smallest_cut(models.layer_table(one), inner=one is parts[0]) for one in parts]
    between = math.prod(parts[1].inputs[0].shape[1:])
    return min([between, *cuts])


def _smallest_cut(rows, *, inner=False):
    """Smallest vertex cut between "image" and the last row. inner: the last row counts, too (the end of an encoder)."""
    width = {row["layer"]: math.prod(row["output"]) for row in rows}
    source, sink = "image", rows[-1]["layer"]
    names = ["image", *width]
    place = {name: number for number, name in enumerate(names)}
    endless = 2**30
    edges = {}
    for name in names:  # each layer is an edge from its way in to its way out
        free = name == source or name == sink and not inner
        edges[2 * place[name], 2 * place[name] + 1] = endless if free else width[name]
    for row in rows:
        inputs = (
            row["inputs"][:1] if row["kind"] == "KeepFirst" else row["inputs"]
        )  # it passes the first of them on
        for name in inputs:
            edges[2 * place[name] + 1, 2 * place[row["layer"]]] = endless
    rows_, columns = zip(*edges)
    graph = csr_array(
        (np.array(list(edges.values()), "int32"), (rows_, columns)),
        shape=(2 * len(names), 2 * len(names)),
    )
    return int(maximum_flow(graph, 0, 2 * place[sink] + 1).flow_value)
