"""Layers of the prior over code maps: where a code lies, what is known of the person, gates, shifts that hide the future."""

import keras
import numpy as np
from keras import layers, ops

REGISTERED = keras.saving.register_keras_serializable("brainlib")


@REGISTERED
class Places(keras.layers.Layer):
    """Adds a learned vector to each place of a map. (B, h, w, C) -> the same shape; begins as zeros."""

    def build(self, input_shape):
        self.table = self.add_weight(name="table", shape=input_shape[1:], initializer="zeros")
        self.built = True

    def call(self, inputs):
        return inputs + ops.cast(self.table, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


@REGISTERED
class Gate(keras.layers.Layer):
    """tanh of one half of the channels times sigmoid of the other. (..., 2C) -> (..., C); van den Oord et al. 2016."""

    def call(self, inputs):
        values, gates = ops.split(inputs, 2, axis=-1)
        return ops.tanh(values) * ops.sigmoid(gates)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] // 2)


@REGISTERED
class Conditions(keras.layers.Layer):
    """What is known of a person as numbers that a network can take; anything may be missing.

    (B, C) float, NaN where missing: a number as it is, a label as its place in the list -> (B, F) float: of a number its
    distance from the middle in spreads, the square of it and whether it is known; of a label one number each, all zero
    when missing.

    Args:
        known: {name: (middle, spread)} of a number, {name: (label, label, ...)} of a label, in the order of C.
        drop: share of the pictures of which training hides everything, and of the others share of what is known of them, so
            that the network also learns to do without.
        seed: of what is hidden.
    """

    def __init__(self, known, *, drop=0.1, seed=None, **kwargs):
        super().__init__(**kwargs)
        # A list, because a dictionary's order is not kept in a saved model.
        pairs = known.items() if isinstance(known, dict) else known
        self.known = {name: tuple(values) for name, values in pairs}
        for name, values in self.known.items():
            _check(name, values)
        self.drop, self.seed = float(drop), seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if training and self.drop:
            count = ops.shape(inputs)[0]  # one column more than there are: that of the whole row
            hidden = (
                keras.random.uniform((count, inputs.shape[1] + 1), seed=self.seed_generator)
                < self.drop
            )
            inputs = ops.where(ops.logical_or(hidden[:, :-1], hidden[:, -1:]), np.nan, inputs)
        parts = []
        for column, values in enumerate(self.known.values()):
            value = inputs[:, column : column + 1]
            present = ops.cast(ops.logical_not(ops.isnan(value)), "float32")
            value = ops.where(ops.isnan(value), 0.0, value)
            if is_number(values):
                distance = (value - values[0]) / values[1] * present
                parts += [distance, ops.square(distance), present]
            else:
                parts.append(
                    ops.one_hot(ops.cast(value[:, 0], "int32"), len(values), dtype="float32")
                    * present
                )
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        return (
            input_shape[0],
            sum(3 if is_number(values) else len(values) for values in self.known.values()),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "known": [[name, list(values)] for name, values in self.known.items()],
            "drop": self.drop,
            "seed": self.seed,
        }

    def columns(self, values, count):
        """What `call` takes, (count, C) float32.

        values: {name: one value or `count` of them}; NaN, None or "" is missing, and so is a name that is left out.
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
            found[:, column] = [_number(name, known, value) for value in given]
        return found


def is_number(values):
    """Whether a condition is a number's (middle, spread) rather than a list of labels."""
    return len(values) == 2 and not any(isinstance(value, str) for value in values)


def _check(name, values):
    labels = (
        all(isinstance(value, str) for value in values)
        and len(set(values)) == len(values)
        and "" not in values
    )
    if not values or not (
        labels or is_number(values) and np.isfinite(values).all() and values[1] > 0
    ):
        raise ValueError(
            f"condition {name}: expected (middle, spread above 0) of a number or different labels, got {values}."
        )


def _number(name, known, value):
    if value is None or value == "" or value != value:
        return np.nan
    if is_number(known):
        return float(value)
    if value not in known:
        raise ValueError(
            f'condition {name}: expected one of {", ".join(known)} or "" (missing), got {value!r}.'
        )
    return known.index(value)


# ------------------------------------------------------------------------------------------------ blocks


def causal_convolution(x, channels, kernel, *, name):
    """A convolution that sees the rows above and, with 2 columns, the columns to the left; with 3 the row's both sides."""
    rows, columns = kernel
    sides = ((rows - 1, 0), (1, 1) if columns == 3 else (columns - 1, 0))
    return layers.Conv2D(channels, kernel, name=name)(layers.ZeroPadding2D(sides)(x))


def moved(x, *, down=0, right=0):
    """A map moved by a row or a column, so that a place sees only what was before it."""
    return layers.Cropping2D(((0, down), (0, right)))(
        layers.ZeroPadding2D(((down, 0), (right, 0)))(x)
    )


def gated(x, kernel, dropout, about, *, more=None, name):
    width = x.shape[-1]
    inner = causal_convolution(x, 2 * width, kernel, name=name)
    terms = [inner] + (
        [layers.Conv2D(2 * width, 1, name=f"{name}_more")(more)] if more is not None else []
    )
    if about is not None:
        terms.append(
            layers.Reshape((1, 1, 2 * width))(layers.Dense(2 * width, name=f"{name}_known")(about))
        )
    inner = Gate()(layers.Add()(terms) if len(terms) > 1 else inner)
    inner = layers.Conv2D(width, 1, name=f"{name}_out")(layers.Dropout(dropout)(inner))
    return layers.Add()([x, inner])


def attention(x, codes, width, dropout):
    """Each place looks at all that came before it in reading order: at what was made of them and at their codes."""
    height, columns = x.shape[1:3]
    flat = layers.LayerNormalization()(layers.Reshape((height * columns, width))(x))
    # One to the right, in reading order: a place then looks at itself and finds the one before.
    earlier = layers.Reshape((height * columns, width))(layers.Add()([x, codes]))
    earlier = layers.Cropping1D((0, 1))(
        layers.ZeroPadding1D((1, 0))(layers.LayerNormalization()(earlier))
    )
    seen = layers.MultiHeadAttention(4, width // 4, dropout=dropout, name="attention")(
        flat, earlier, use_causal_mask=True
    )
    return layers.Add()([x, layers.Reshape((height, columns, width))(seen)])
