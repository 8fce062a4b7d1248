"""Layers of the prior over code maps, none of which lets a place see what comes after it.

A vector per place, what is known of the person, gates, and shifts that hide the future.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from brainlib.models.tensors import Tensor

HEADS = 4  # of the attention


@keras.saving.register_keras_serializable("brainlib")
class Places(keras.layers.Layer):
    """Position embedding: adds a learned vector to each place of a map; they begin as zeros.

    (B, h, w, C) -> the same shape.
    """

    def build(self, input_shape: tuple) -> None:
        self.table = self.add_weight(name="table", shape=input_shape[1:], initializer="zeros")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs + ops.cast(self.table, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


@keras.saving.register_keras_serializable("brainlib")
class Gate(keras.layers.Layer):
    """The tanh of one half of the channels times the sigmoid of the other.

    (..., 2C) -> (..., C); van den Oord et al. 2016, equation 2.
    """

    def call(self, inputs: Tensor) -> Tensor:
        values, gates = ops.split(inputs, 2, axis=-1)  # each (..., C)
        return ops.tanh(values) * ops.sigmoid(gates)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], input_shape[-1] // 2)


@keras.saving.register_keras_serializable("brainlib")
class Conditions(keras.layers.Layer):
    """What is known of a person as numbers that a network can take; anything may be missing.

    (B, C) float, NaN where missing: a number as it is, a label as its place in the list
    -> (B, F) float: of a number its distance from the middle in spreads, the square of it and
    whether it is known; of a label one number each, all zero when missing.

    Args:
        known: {name: (middle, spread)} of a number, {name: (label, label, ...)} of a label, in the
            order of C.
        drop: share of the pictures of which training hides everything, and of the others share of
            what is known of them, so that the network also learns to do without.
        seed: of what is hidden.
        **kwargs: of every Keras layer.
    """

    def __init__(
        self,
        known: Mapping[str, Sequence] | Sequence,
        *,
        drop: float = 0.1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        # A list, because a dictionary's order is not kept in a saved model.
        pairs = known.items() if isinstance(known, Mapping) else known
        self.known = {name: tuple(values) for name, values in pairs}
        for name, values in self.known.items():
            _check_condition(name, values)
        self.drop = float(drop)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if training and self.drop:
            inputs = self._hide_some(inputs)
        features = []
        for column, values in enumerate(self.known.values()):
            value = inputs[:, column : column + 1]  # (B, 1)
            present = ops.cast(ops.logical_not(ops.isnan(value)), "float32")
            value = ops.where(ops.isnan(value), 0.0, value)
            if is_number(values):
                middle, spread = values
                distance = (value - middle) / spread * present
                features += [distance, ops.square(distance), present]
            else:
                place = ops.cast(value[:, 0], "int32")  # (B,)
                one_hot = ops.one_hot(place, len(values), dtype="float32")
                features.append(one_hot * present)
        return ops.concatenate(features, axis=-1)  # (B, F)

    def _hide_some(self, inputs: Tensor) -> Tensor:
        """Makes values missing: one by one, or all of a person's where the last draw says so."""
        shape = (ops.shape(inputs)[0], inputs.shape[1] + 1)
        hidden = keras.random.uniform(shape, seed=self.seed_generator) < self.drop
        return ops.where(ops.logical_or(hidden[:, :-1], hidden[:, -1:]), np.nan, inputs)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        features = 0
        for values in self.known.values():
            features += 3 if is_number(values) else len(values)
        return (input_shape[0], features)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "known": [[name, list(values)] for name, values in self.known.items()],
            "drop": self.drop,
            "seed": self.seed,
        }

    def columns(self, values: Mapping[str, Any] | None, count: int) -> np.ndarray:
        """What `call` takes, (count, C) float32.

        values: {name: one value or `count` of them}; NaN, None or "" is missing, and so is a name
        that is left out.
        """
        values = values or {}
        unknown = sorted(set(values) - set(self.known))
        if unknown:
            raise ValueError(
                f"conditions: expected some of {', '.join(self.known)}, got {', '.join(unknown)}."
            )
        found = np.full((count, len(self.known)), np.nan, "float32")
        for column, (name, known) in enumerate(self.known.items()):
            given = np.atleast_1d(np.asarray(values.get(name, np.nan), dtype=object))
            if given.shape not in ((1,), (count,)):
                raise ValueError(
                    f"conditions: expected one {name} or {count}, got shape {given.shape}."
                )
            found[:, column] = [_as_number(name, known, value) for value in given]
        return found


def is_number(values: Sequence) -> bool:
    """Whether a condition is a number's (middle, spread) rather than a list of labels."""
    return len(values) == 2 and not any(isinstance(value, str) for value in values)


def _check_condition(name: str, values: Sequence) -> None:
    if is_number(values):
        right = np.isfinite(values).all() and values[1] > 0
    else:
        texts = all(isinstance(value, str) and value != "" for value in values)
        right = bool(values) and texts and len(set(values)) == len(values)
    if not right:
        raise ValueError(
            f"condition {name}: expected (middle, spread above 0) of a number or different labels, "
            f"got {values}."
        )


def _as_number(name: str, known: Sequence, value: Any) -> float:
    """A number as it is, a label as its place in the list, NaN for what is missing."""
    if value is None or value == "" or value != value:
        return np.nan
    if is_number(known):
        return float(value)
    if value not in known:
        raise ValueError(
            f'condition {name}: expected one of {", ".join(known)} or "" (missing), got {value!r}.'
        )
    return known.index(value)


# ----------------------------------------------------------------------------------------- blocks


def causal_convolution(x: Tensor, channels: int, kernel: tuple[int, int], *, name: str) -> Tensor:
    """A convolution that sees the rows above and a part of its own row.

    With 2 columns the place itself and the one to the left; with 3 both sides.
    (B, h, w, C) -> (B, h, w, channels).
    """
    rows, columns = kernel
    left_and_right = (1, 1) if columns == 3 else (columns - 1, 0)
    x = layers.ZeroPadding2D(((rows - 1, 0), left_and_right))(x)
    return layers.Conv2D(channels, kernel, name=name)(x)


def shift(x: Tensor, *, down: int = 0, right: int = 0) -> Tensor:
    """A map shifted by rows or columns, so that a place sees only what was before it."""
    x = layers.ZeroPadding2D(((down, 0), (right, 0)))(x)
    return layers.Cropping2D(((0, down), (0, right)))(x)


def gated_block(
    x: Tensor,
    kernel: tuple[int, int],
    dropout: float,
    *,
    conditions: Tensor | None = None,
    other_stack: Tensor | None = None,
    name: str,
) -> Tensor:
    """A residual block of a causal convolution and a gate (PixelCNN++; Salimans et al. 2017).

    Args:
        x: (B, h, w, C), and so is the output.
        kernel: rows and columns of the causal convolution.
        dropout: share of the gate's outputs.
        conditions: (B, F), what is known of the person; shifts all places alike.
        other_stack: (B, h, w, C) of the other stack, seen place by place.
        name: of the block, the beginning of its layers' names.
    """
    width = x.shape[-1]
    terms = [causal_convolution(x, 2 * width, kernel, name=name)]  # (B, h, w, 2C) each
    if other_stack is not None:
        terms.append(layers.Conv2D(2 * width, 1, name=f"{name}_more")(other_stack))
    if conditions is not None:
        bias = layers.Dense(2 * width, name=f"{name}_known")(conditions)
        terms.append(layers.Reshape((1, 1, 2 * width))(bias))
    y = layers.Add()(terms) if len(terms) > 1 else terms[0]
    y = Gate()(y)
    y = layers.Conv2D(width, 1, name=f"{name}_out")(layers.Dropout(dropout)(y))
    return layers.Add()([x, y])


def causal_attention(x: Tensor, codes: Tensor, width: int, dropout: float) -> Tensor:
    """Each place looks at all that came before it in reading order (PixelSNAIL; Chen et al. 2018).

    At what was made of them and at their codes. x, codes: (B, h, w, width); so is the output.
    """
    height, columns = x.shape[1:3]
    query = layers.Reshape((height * columns, width))(x)  # (B, h*w, C), in reading order
    query = layers.LayerNormalization()(query)
    earlier = layers.Add()([x, codes])
    earlier = layers.Reshape((height * columns, width))(earlier)  # (B, h*w, C)
    earlier = layers.LayerNormalization()(earlier)
    # One to the right, in reading order: a place then looks at itself and finds the one before.
    earlier = layers.ZeroPadding1D((1, 0))(earlier)
    earlier = layers.Cropping1D((0, 1))(earlier)
    attention = layers.MultiHeadAttention(HEADS, width // HEADS, dropout=dropout, name="attention")
    found = attention(query, earlier, use_causal_mask=True)
    return layers.Add()([x, layers.Reshape((height, columns, width))(found)])
