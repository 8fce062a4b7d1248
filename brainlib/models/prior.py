"""An autoregressive prior over code maps, for any model with a codebook.

How likely is a map, and what would be a new one? The probability of a map is the product over its
places, row by row, of the probability of a code given those before (PixelCNN; van den Oord et al.
2016 and 2017). It sees codes alone, so that it serves VQ-VAE and VQGAN alike.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from brainlib.models import saved
from brainlib.models.building import seeded_weights
from brainlib.models.layers import prior as layers_prior
from brainlib.models.tensors import Tensor


@keras.saving.register_keras_serializable("brainlib")
class CodePrior(keras.Model):
    """A functional model of code maps (B, h, w) -> logits (B, h, w, K).

    With conditions it takes {"codes", "conditions"}. The logits of a place depend on the codes of
    the places before it, in reading order, and on the conditions only.
    """

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the map."""
        return tuple(self.output_shape[1:3])

    @property
    def codebook_size(self) -> int:
        """Number of codes K."""
        return self.output_shape[-1]

    @property
    def conditions(self) -> dict[str, tuple]:
        """{name: (middle, spread) or labels}; empty without conditions."""
        for layer in self.layers:
            if layer.name == "known":
                return layer.known
        return {}

    def checked_maps(self, codes: np.ndarray) -> np.ndarray:
        """Code maps as the model takes them, (N, h, w) int32; others are refused."""
        codes = np.asarray(codes)
        size = self.codebook_size
        whole = codes.dtype.kind in "iu" and codes.shape[1:] == self.grid
        in_codebook = not codes.size or 0 <= codes.min() <= codes.max() < size
        if not whole or not in_codebook:
            found = f" of {codes.min()} to {codes.max()}" if codes.size else ""
            raise ValueError(
                f"codes: expected whole numbers (N, {self.grid[0]}, {self.grid[1]}) of 0 to "
                f"{size - 1}, got {codes.dtype} {codes.shape}{found}."
            )
        return codes.astype("int32")

    def inputs_for(
        self, codes: np.ndarray, conditions: Mapping[str, Any] | None = None
    ) -> np.ndarray | dict[str, np.ndarray]:
        """What the model takes: codes (N, h, w), or {"codes", "conditions"}.

        conditions: {name: one value, or N}.
        """
        if self.conditions:
            columns = self.get_layer("known").columns(conditions, len(codes))  # (N, C)
            return {"codes": codes, "conditions": columns}
        if conditions:
            raise ValueError(
                f"this prior was built without conditions, got {', '.join(conditions)}."
            )
        return codes


def build_prior(
    grid: Sequence[int],
    codebook_size: int,
    *,
    width: int = 64,
    layers: int = 4,
    conditions: Mapping[str, Sequence] | None = None,
    dropout: float = 0.1,
    seed: int | None = None,
) -> CodePrior:
    """Builds a prior: gated causal convolutions in two stacks, then one causal attention.

    The upper stack sees the rows above, the reading stack also the row so far; together they have
    no blind spot (PixelCNN++; Salimans et al. 2017). The attention looks at all places before
    (PixelSNAIL; Chen et al. 2018). Every place has a learned vector of its own. It begins as the
    uniform distribution: log2 K bits per code.

    Args:
        grid: (h, w) of the code maps.
        codebook_size: number of codes K.
        width: channels, a multiple of 4.
        layers: gated blocks.
        conditions: {name: (middle, spread)} of numbers, {name: (label, ...)} of labels, such as
            {"age": (45, 15), "sex": ("female", "male")}; see `condition_ranges`. Each may be
            missing.
        dropout: inside of the blocks.
        seed: of weights, dropout and hidden conditions.
    """
    grid = tuple(int(side) for side in grid)
    if len(grid) != 2 or min(grid) < 1:
        raise ValueError(f"grid: expected (h, w) of a code map, got {grid}.")
    if codebook_size < 2:
        raise ValueError(f"codebook_size: expected 2 codes or more, got {codebook_size}.")
    if width < 4 or width % 4 or layers < 1:
        raise ValueError(
            f"width: expected a multiple of 4, layers: 1 or more; got {width} and {layers}."
        )
    with seeded_weights(seed):
        return _assemble(grid, codebook_size, width, layers, conditions, dropout)


def _assemble(
    grid: tuple[int, int],
    codebook_size: int,
    width: int,
    blocks: int,
    conditions: Mapping[str, Sequence] | None,
    dropout: float,
) -> CodePrior:
    codes = keras.Input(grid, dtype="int32", name="codes")
    inputs = codes
    known = None
    if conditions:
        columns = keras.Input((len(conditions),), name="conditions")
        inputs = {"codes": codes, "conditions": columns}
        hiding_seed = random.randrange(2**31)
        known = layers_prior.Conditions(conditions, seed=hiding_seed, name="known")(columns)
    x = layers.Embedding(codebook_size, width, name="embedding")(codes)  # (B, h, w, C)
    above, before = _first_look(x, width)
    for number in range(blocks):
        above = layers_prior.gated_block(
            above, (2, 3), dropout, conditions=known, name=f"above_{number}"
        )
        before = layers_prior.gated_block(
            before, (2, 2), dropout, conditions=known, other_stack=above, name=f"before_{number}"
        )
    before = layers_prior.causal_attention(before, x, width, dropout)
    x = layers.Dense(width, name="last")(before)
    x = layers.Activation("swish")(x)
    logits = layers.Dense(
        codebook_size, kernel_initializer="zeros", dtype="float32", name="logits"
    )(x)  # (B, h, w, K)
    return CodePrior(inputs, logits, name="code_prior")


def _first_look(x: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The two stacks' beginnings, neither of which sees a place's own code. x: (B, h, w, C).

    Returns:
        (what stands in the rows above, that and what stands to the left), each (B, h, w, C).
    """
    above = layers_prior.causal_convolution(x, width, (1, 3), name="above")
    above = layers_prior.shift(above, down=1)
    left = layers_prior.causal_convolution(x, width, (1, 2), name="before")
    left = layers_prior.shift(left, right=1)
    before = layers.Add()([above, left])
    above = layers_prior.Places(name="places_above")(above)
    before = layers_prior.Places(name="places")(before)
    return above, before


def condition_ranges(values: Mapping[str, Sequence]) -> dict[str, tuple]:
    """What `build_prior` wants to know of conditions: middle and spread of numbers, labels sorted.

    values: {name: (N,) numbers with NaN, or text with ""}; a name without anything known is left
    out, and so is a number or a label that is always the same.
    """
    ranges = {}
    for name, given in values.items():
        known = [value for value in given if value is not None and value == value and value != ""]
        if len(set(known)) < 2:
            continue
        if isinstance(known[0], str):
            ranges[name] = tuple(sorted(set(known)))
        else:
            ranges[name] = (float(np.mean(known)), float(np.std(known)))
    return ranges


def load_prior(path: Path | str) -> CodePrior:
    """Loads a prior from a `.keras` file (never code, never a pickle), uncompiled."""
    return saved.load(path)
