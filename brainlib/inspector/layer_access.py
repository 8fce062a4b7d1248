"""The layers of anybody's model: in which order they stand, and what passes through them."""

import contextlib
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np

from brainlib import models

# Sees a call of a layer: (layer, inputs, outputs); what it returns, if not None, replaces outputs.
Watcher = Callable[[keras.Layer, object, object], object]


def leaves(model: keras.Model) -> list[keras.Layer]:
    """All layers that hold no other layers, sub-models and layers within layers opened."""
    every_layer = model._flatten_layers(include_self=False)
    return [layer for layer in every_layer if not list(layer._flatten_layers(include_self=False))]


def paths(model: keras.Layer, prefix: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """(path, layer) of all layers, sub-models opened: "encoder/conv_1"."""
    for layer in model._flatten_layers(include_self=False, recursive=False):
        yield f"{prefix}{layer.name}", layer
        yield from paths(layer, f"{prefix}{layer.name}/")


def in_order(model: keras.Model) -> list[keras.Layer]:
    """Layers in the order in which an image passes them, where the model has a graph.

    Without a graph they stand as they were made. Of a model without a graph of its own that keeps
    an encoder, the encoder's layers are given.
    """
    encoder = part(model, "encoder")
    start = model
    if getattr(model, "inputs", None) is None and encoder is not None:
        start = encoder
    if getattr(start, "inputs", None) is None:
        return leaves(start)
    by_path = dict(paths(start))
    return [by_path[row["layer"]] for row in models.layer_table(start) if row["layer"] in by_path]


def part(model: keras.Model, name: str) -> keras.Model | None:
    """The sub-model that the model keeps as a layer or an attribute of this name, or None."""
    named = next((layer for layer in model.layers if layer.name == name), None)
    found = named or getattr(model, name, None)
    return found if isinstance(found, keras.Model) else None


@contextlib.contextmanager
def watched(layers: Iterable[keras.Layer], see: Watcher) -> Iterator[None]:
    """While it lasts, `see(layer, inputs, outputs)` follows each call of these layers."""
    layers = list(layers)
    try:
        for layer in layers:
            object.__setattr__(layer, "call", _followed(layer, layer.call, see))
        yield
    finally:
        for layer in layers:
            with contextlib.suppress(AttributeError):
                object.__delattr__(layer, "call")


def _followed(layer: keras.Layer, call: Callable, see: Watcher) -> Callable:
    """A layer's `call`, with `see` behind it."""

    def followed(*args, **kwargs):
        outputs = call(*args, **kwargs)
        changed = see(layer, args[0] if args else kwargs.get("inputs"), outputs)
        return outputs if changed is None else changed

    return followed


class Recorder:
    """A watcher that keeps the first output of each call, or the inputs.

    Attributes:
        calls: {id of the layer: one array per call}.
    """

    def __init__(self, *, inputs: bool = False):
        self.inputs = inputs
        self.calls: dict[int, list[np.ndarray]] = {}

    def __call__(self, layer: keras.Layer, inputs: object, outputs: object) -> None:
        """Keeps one call."""
        value = inputs if self.inputs else first_of(outputs)
        self.calls.setdefault(id(layer), []).append(array(value))

    def joined(self, layer: keras.Layer) -> np.ndarray | None:
        """All calls of a layer in one array, along the first axis; None where it had none."""
        calls = self.calls.get(id(layer))
        return np.concatenate(calls) if calls else None


def in_batches(
    function: Callable[[np.ndarray], object], images: np.ndarray, *, batch_size: int = 16
) -> np.ndarray:
    """One array of what a function of images gives, batch by batch.

    No graph is built, so that watchers see every call.
    """
    batches = []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size], "float32")
        batches.append(array(function(batch)))
    return np.concatenate(batches)


def array(tensor: object) -> np.ndarray:
    """A tensor as a float32 array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float32")


def first_of(outputs: object) -> object:
    """The first of several outputs, or the only one."""
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs
