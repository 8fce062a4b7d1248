"""What a model is made of, read from its own graph: one row per layer, sub-models opened."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from brainlib.models.tensors import Tensor

# Attributes of a layer that tell it from another one of its kind.
SETTINGS = (
    "filters",
    "units",
    "kernel_size",
    "pool_size",
    "strides",
    "rate",
    "cropping",
    "size",
    "negative_slope",
)


def layer_table(model: keras.Model) -> list[dict]:
    """The layers of a model in the order in which an image passes them.

    Sub-models are opened: their layers are called "encoder/conv_1". A layer that is used again has
    no weights of its own the second time, so that the column `parameters` adds up to
    `model.count_params()`.

    Returns:
        A list of dictionaries: `layer`, `kind` (class), `settings` ("3x3, stride 2"), `output`
        (shape of one image's, the first output's where there are several), `parameters`,
        `trainable`, and `inputs` (names of the layers that feed it; "image" for the model's
        input; empty where the model is a class of its own, which has no graph to read).
    """
    if getattr(model, "inputs", None) is None:
        return [_row(layer) for layer in model.layers]
    table = _TableOfAGraph()
    for tensor in model.inputs:
        table.source[id(tensor)] = "image"
    table.add_model(model)
    return table.rows


class _TableOfAGraph:
    """Collects the rows while it follows the tensors from layer to layer."""

    def __init__(self):
        self.rows: list[dict] = []
        self.source: dict[int, str] = {}  # id of a tensor: name of the layer that made it
        self.counted: set[int] = set()  # ids of layers whose weights are in the table

    def add_model(self, model: keras.Model, prefix: str = "") -> None:
        for operation, node in _operations_in_order(model):
            if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
                self._rename(node.input_tensors, operation.inputs)
                self.add_model(operation, f"{prefix}{operation.name}/")
                self._rename(operation.outputs, node.output_tensors)
            else:
                self._add_layer(operation, node, prefix)

    def _rename(self, known: Sequence[Tensor], others: Sequence[Tensor]) -> None:
        """A sub-model's tensors inside and outside are two objects of the same source."""
        for tensor, other in zip(known, others):
            self.source[id(other)] = self.source[id(tensor)]

    def _add_layer(self, operation: Any, node: Any, prefix: str) -> None:
        row = _row(operation, node, prefix)
        sources = [self.source.get(id(tensor)) for tensor in node.input_tensors]
        row["inputs"] = [name for name in dict.fromkeys(sources) if name is not None]
        if id(operation) in self.counted:
            name = self._name_of_repeated_use(row["layer"])
            row |= {"layer": name, "parameters": 0, "trainable": 0}
        self.counted.add(id(operation))
        self.rows.append(row)
        for tensor in node.output_tensors:
            self.source[id(tensor)] = row["layer"]

    def _name_of_repeated_use(self, name: str) -> str:
        names = {row["layer"] for row in self.rows}
        count = 1
        while f"{name} (again {count})" in names:
            count += 1
        return f"{name} (again {count})"


def _operations_in_order(model: keras.Model) -> list[tuple[Any, Any]]:
    """(layer or operation, node) from a model's inputs to its outputs, each after what feeds it.

    A node is one use of a layer in Keras's graph. Depth first with a stack of our own, because
    ResNet50 is too deep for recursion.
    """
    inputs = {id(tensor) for tensor in model.inputs}
    visited = set()
    order = []
    stack = [(tensor, False) for tensor in reversed(model.outputs)]
    while stack:
        tensor, all_before_it_are_listed = stack.pop()
        if id(tensor) in inputs:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if all_before_it_are_listed:
            order.append((operation, node))
        elif id(node) not in visited:
            visited.add(id(node))
            stack.append((tensor, True))
            stack += [(parent, False) for parent in reversed(node.input_tensors)]
    return order


def _row(operation: Any, node: Any = None, prefix: str = "") -> dict:
    return {
        "layer": f"{prefix}{operation.name}",
        "kind": type(operation).__name__,
        "settings": _settings(operation),
        "output": tuple(node.output_tensors[0].shape[1:]) if node else (),
        "parameters": _count(getattr(operation, "weights", [])),
        "trainable": _count(getattr(operation, "trainable_weights", [])),
        "inputs": [],
    }


def _count(weights: Sequence) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _settings(operation: Any) -> str:
    """The few settings that tell two layers of a kind apart: "3x3, stride 2, sigmoid"."""
    words = []
    for name in SETTINGS:
        value = getattr(operation, name, None)
        if value is None or callable(value) or value == 0:
            continue
        if name == "strides" and value in (1, (1, 1)):
            continue
        words.append(_setting(name, value))
    activation = getattr(getattr(operation, "activation", None), "__name__", "linear")
    if activation != "linear":
        words.append(activation)
    return ", ".join(words)


def _setting(name: str, value: Any) -> str:
    if name == "strides":
        if isinstance(value, tuple):
            value = value[0] if len(set(value)) == 1 else shape_words(value)
        return f"stride {value}"
    if isinstance(value, (tuple, list)):
        return shape_words(value)
    return f"{name.replace('_', ' ')} {value:g}"


def shape_words(shape: Sequence[int]) -> str:
    """(16, 16, 128) -> "16x16x128"."""
    return "x".join(map(str, shape))
