"""An autoregressive prior over code maps, for any model with a codebook: how likely is a map, and what would be a new one?

The probability of a map is the product over its places, row by row, of the probability of a code given those before
(PixelCNN; van den Oord et al. 2016 and 2017). It sees codes alone, so that it serves VQ-VAE and VQGAN alike.
"""

import contextlib
import hashlib
import json
import math
import random
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from brainlib import files
from brainlib.models.layers import prior as layers_prior
from brainlib.models.layers.prior import REGISTERED
from brainlib.models.prior_draw import (  # noqa: F401
    bits_a_code,
    draw,
    part_of,
    restore,
    sample,
    sample_independent,
    surprise,
    unigram_bits,
)

MODEL, RECORD = "prior.keras", "prior.json"


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


# ------------------------------------------------------------------------------------------------ training


def fit(
    prior,
    train,
    validation,
    *,
    conditions=None,
    validation_conditions=None,
    epochs=100,
    learning_rate=2e-3,
    batch_size=32,
    least_steps=0,
    patience=10,
    seed=0,
    show=print,
):
    """Trains a prior and leaves it with the weights of its best epoch by validation.

    Args:
        prior: of `build`.
        train, validation: code maps (N, h, w).
        conditions, validation_conditions: {name: (N,) values}, see `build`; None: nothing is known.
        epochs: at most.
        learning_rate: of Adam; it falls to nothing along a cosine over `epochs`.
        batch_size: maps a step; steps are always full.
        least_steps: of an epoch; few maps pass through several times.
        patience: epochs without improvement before training stops; 0 never stops early.
        seed: of the order.
        show: prints a line now and then; None keeps silent.

    Returns:
        {"epoch": [1, ...], "loss", "val_loss": nats a code, "bits", "val_bits": bits a code}.
    """
    train, validation = prior.maps(train), prior.maps(validation)
    if not len(train) or not len(validation):
        raise ValueError(
            f"a prior needs maps to train and to validate, got {len(train)} and {len(validation)}."
        )
    # Full batches only: oneDNN of TensorFlow 2.21 fails on a batch that is smaller than the one before.
    steps = max(1, len(train) // batch_size, least_steps)
    whole = np.arange(max(steps * batch_size, len(train))) % len(train)
    data = tf.data.Dataset.from_tensor_slices(
        (part_of(prior.given(train, conditions), whole), train[whole])
    )
    data = data.shuffle(len(whole), seed=seed, reshuffle_each_iteration=True).batch(
        batch_size, drop_remainder=True
    )
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps * epochs)
    prior.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    prior.optimizer.build(
        prior.trainable_variables
    )  # otherwise Keras traces the training step twice
    best = keras.callbacks.EarlyStopping(
        "val_loss", patience=patience or epochs, restore_best_weights=True
    )
    log = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: _tell(show, epoch, epochs, logs)
    )
    checked = tf.data.Dataset.from_tensor_slices(
        (prior.given(validation, validation_conditions), validation)
    ).batch(256)
    found = prior.fit(
        data,
        epochs=epochs,
        validation_data=checked,
        callbacks=[best, log],
        shuffle=False,
        verbose=0,
    ).history
    bits = {
        name.replace("loss", "bits"): [value / math.log(2) for value in values]
        for name, values in found.items()
    }
    return {"epoch": list(range(1, len(found["loss"]) + 1)), **found, **bits}


def _tell(show, epoch, epochs, logs):
    if show and ((epoch + 1) % max(1, epochs // 5) == 0 or epoch == 0):
        show(
            f"prior: epoch {epoch + 1}/{epochs}  {logs['loss'] / math.log(2):.3f} bits a code, validation "
            f"{logs['val_loss'] / math.log(2):.3f}",
            flush=True,
        )


def load_or_fit(
    train,
    validation,
    *,
    codebook_size,
    folder,
    conditions=None,
    validation_conditions=None,
    ranges=None,
    width=64,
    layers=4,
    dropout=0.1,
    seed=0,
    show=print,
    **fit_options,
):
    """Trains a prior, or loads it when the folder holds one of the same codes and options.

    Args:
        train, validation, conditions, validation_conditions, show, **fit_options: as for `fit`.
        codebook_size, width, layers, dropout, seed: as for `build`.
        ranges: `build`'s conditions; `condition_ranges(conditions)` when absent.

    Returns:
        (prior, history).
    """
    train, validation = np.asarray(train, "int32"), np.asarray(validation, "int32")
    ranges = condition_ranges(conditions or {}) if ranges is None else ranges
    built = {
        "codebook_size": codebook_size,
        "width": width,
        "layers": layers,
        "dropout": dropout,
        "seed": seed,
    }
    known = [
        {name: np.asarray(values, object) for name, values in (part or {}).items()}
        for part in (conditions, validation_conditions)
    ]
    key = files.digest(
        _content(train),
        _content(validation),
        built,
        list(ranges.items()),
        known,
        fit_options,
        keras.__version__,
        tf.__version__,
    )
    folder = Path(folder)
    history = _finished(folder, key)
    if history:
        return load(folder / MODEL), history
    (folder / RECORD).unlink(missing_ok=True)
    prior = build(
        train.shape[1:],
        codebook_size,
        width=width,
        layers=layers,
        conditions=ranges,
        dropout=dropout,
        seed=seed,
    )
    history = fit(
        prior,
        train,
        validation,
        conditions=conditions,
        validation_conditions=validation_conditions,
        seed=seed,
        show=show,
        **fit_options,
    )
    with files.whole_file(folder / MODEL) as temporary:
        prior.save(temporary, include_optimizer=False)
    files.write_json(
        folder / RECORD, {"key": key, "sha256": files.sha256(folder / MODEL), "history": history}
    )
    return prior, history


def _content(codes):
    return hashlib.sha256(np.ascontiguousarray(codes)).hexdigest() + str(codes.shape)


def _finished(folder, key):
    """The history of a finished training of this key; None where there is none. The record is written last."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        same = record["key"] == key and record["sha256"] == files.sha256(folder / MODEL)
        return record["history"] if same else None
    except (OSError, ValueError, KeyError):
        return None


def load(path):
    """Loads a prior from a `.keras` file (never code, never a pickle), uncompiled."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)
