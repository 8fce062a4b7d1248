"""An autoregressive prior over code maps, for any model with a codebook: how likely is a map, and what would be a new one?

The probability of a map is the product over its places, row by row, of the probability of a code given those before
(PixelCNN; van den Oord et al. 2016 and 2017). It sees codes alone, so that it serves VQ-VAE and VQGAN alike.
"""

import contextlib
import random

import keras
import numpy as np
from keras import layers

from brainlib.models.layers import prior as layers_prior
from brainlib.models.layers.prior import REGISTERED


@REGISTERED
class CodePrior(keras.Model):
    """A functional model of code maps (B, h, w) -> logits (B, h, w, K); with conditions, of {"codes", "conditions"}.

    The logits of a place depend on the codes of the places before it, in reading order, and on the conditions only.
    """

    @property
    def grid(self):
        """(h, w) of the map."""
        return tuple(self.output_shape[1:3])

    @property
    def codebook_size(self):
        return self.output_shape[-1]

    @property
    def conditions(self):
        """{name: (middle, spread) or labels}; empty without conditions."""
        return next((layer.known for layer in self.layers if layer.name == "known"), {})

    def maps(self, codes):
        """Code maps as the model takes them, (N, h, w) int32; others are refused."""
        codes, size = np.asarray(codes), self.codebook_size
        whole = codes.dtype.kind in "iu" and codes.shape[1:] == self.grid
        if not whole or codes.size and not 0 <= codes.min() <= codes.max() < size:
            raise ValueError(
                f"codes: expected whole numbers (N, {self.grid[0]}, {self.grid[1]}) of 0 to {size - 1}, got "
                f"{codes.dtype} {codes.shape}"
                + (f" of {codes.min()} to {codes.max()}." if codes.size else ".")
            )
        return codes.astype("int32")

    def given(self, codes, conditions=None):
        """What the model takes: codes (N, h, w), or {"codes", "conditions"}. conditions: {name: one value, or N}."""
        if not self.conditions:
            if conditions:
                raise ValueError(
                    f"this prior was built without conditions, got {', '.join(conditions)}."
                )
            return codes
        return {
            "codes": codes,
            "conditions": self.get_layer("known").columns(conditions, len(codes)),
        }


def build(grid, codebook_size, *, width=64, layers=4, conditions=None, dropout=0.1, seed=None):
    """Builds a prior: gated causal convolutions in two stacks without a blind spot, then one causal attention.

    The upper stack sees the rows above, the reading stack also the row so far (PixelCNN++; Salimans et al. 2017); the
    attention looks at all places before (PixelSNAIL; Chen et al. 2018). Every place has a learned vector of its own. It
    begins as the uniform distribution: log2 K bits a code.

    Args:
        grid: (h, w) of the code maps.
        codebook_size: number of codes K.
        width: channels, a multiple of 4.
        layers: gated blocks.
        conditions: {name: (middle, spread)} of numbers, {name: (label, ...)} of labels, such as {"age": (45, 15),
            "sex": ("female", "male")}; see `condition_ranges`. Each may be missing.
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
    with _seeded(seed):
        return _assemble(grid, codebook_size, width, layers, conditions, dropout)


def _assemble(grid, codebook_size, width, blocks, conditions, dropout):
    codes = keras.Input(grid, dtype="int32", name="codes")
    inputs, about = codes, None
    if conditions:
        given = keras.Input((len(conditions),), name="conditions")
        inputs = {"codes": codes, "conditions": given}
        about = layers_prior.Conditions(conditions, seed=random.randrange(2**31), name="known")(
            given
        )
    x = layers.Embedding(codebook_size, width, name="embedding")(codes)  # (B, h, w, C)
    above = layers_prior.moved(
        layers_prior.causal_convolution(x, width, (1, 3), name="above"), down=1
    )
    before = layers.Add()(
        [
            above,
            layers_prior.moved(
                layers_prior.causal_convolution(x, width, (1, 2), name="before"), right=1
            ),
        ]
    )
    above, before = (
        layers_prior.Places(name="places_above")(above),
        layers_prior.Places(name="places")(before),
    )
    for number in range(blocks):
        above = layers_prior.gated(above, (2, 3), dropout, about, name=f"above_{number}")
        before = layers_prior.gated(
            before, (2, 2), dropout, about, more=above, name=f"before_{number}"
        )
    before = layers_prior.attention(before, x, width, dropout)
    x = layers.Activation("swish")(layers.Dense(width, name="last")(before))
    logits = layers.Dense(
        codebook_size, kernel_initializer="zeros", dtype="float32", name="logits"
    )(x)
    return CodePrior(inputs, logits, name="code_prior")


@contextlib.contextmanager
def _seeded(seed):
    """Keras draws the seeds of new layers from Python's own generator: seeds only that."""
    state = random.getstate()
    if seed is not None:
        random.seed(seed)
    try:
        yield
    finally:
        if seed is not None:
            random.setstate(state)


def condition_ranges(values):
    """What `build` wants to know of conditions: middle and spread of numbers, labels in order.

    values: {name: (N,) numbers with NaN, or text with ""}; a name without anything known is left out, and so is a number
    or a label that is always the same.
    """
    found = {}
    for name, given in values.items():
        known = [value for value in given if value is not None and value == value and value != ""]
        if len(set(known)) < 2:
            continue
        text = isinstance(known[0], str)
        found[name] = (
            tuple(sorted(set(known))) if text else (float(np.mean(known)), float(np.std(known)))
        )
    return found


def load(path):
    """Loads a prior from a `.keras` file (never code, never a pickle), uncompiled."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)
