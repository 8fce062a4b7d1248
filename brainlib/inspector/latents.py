"""The latent of anybody's model: the posterior of a VAE, the codes of a codebook.

Nothing here relies on names that this workbook gives: a codebook is known by the fact that
whatever leaves its layer is one of its rows.
"""

import re
from dataclasses import dataclass

import keras
import numpy as np

from brainlib.inspector.layer_access import Recorder, array, leaves, part, watched
from brainlib.inspector.networks import (
    MEAN,
    SPREAD,
    has_posterior,
    layer_behind_output,
    mean_and_spread,
    reconstruct,
)

HALF_LOG_VARIANCE = re.compile(r"log_?sigma|log_?std")


@dataclass(frozen=True)
class Posterior:
    """A VAE's posterior for N images: mean and log_var, each (N, D)."""

    mean: np.ndarray
    log_var: np.ndarray

    def kl(self) -> np.ndarray:
        """KL(N(mean, exp(log_var)) || N(0, 1)) of each image and unit in nats. -> (N, D)."""
        log_var = np.clip(self.log_var.astype(float), -60, 60)
        return 0.5 * (self.mean.astype(float) ** 2 + np.exp(log_var) - 1.0 - log_var)

    def variance_of_means(self) -> np.ndarray:
        """Variance of the posterior means over the images. -> (D,)."""
        return self.mean.astype(float).var(axis=0)


@dataclass(frozen=True)
class Codes:
    """What a codebook makes of N images: codes (N, places), its rows (K, D), its layer's name."""

    codes: np.ndarray
    codebook: np.ndarray
    layer: str


# ------------------------------------------------------------------------------------- posterior


def posterior(model: keras.Model, images: np.ndarray, *, batch_size: int = 16) -> Posterior | None:
    """The posterior of a VAE, or None where the model has none.

    It is read from an encoder of several outputs, else from layers called mean and log_var.
    """
    encoder = part(model, "encoder")
    if has_posterior(encoder):
        return _from_encoder(encoder, images, batch_size)
    layers = leaves(model)
    means = [layer for layer in layers if MEAN.search(layer.name.lower())]
    spreads = [layer for layer in layers if SPREAD.search(layer.name.lower())]
    if not means or not spreads:
        return None
    return _from_layers(model, means[0], spreads[0], images, batch_size)


def _from_encoder(encoder: keras.Model, images: np.ndarray, batch_size: int) -> Posterior | None:
    mean, spread = mean_and_spread(encoder)
    means, spreads = [], []
    for start in range(0, len(images), batch_size):
        batch = np.asarray(images[start : start + batch_size], "float32")
        outputs = encoder(batch, training=False)
        means.append(array(outputs[mean]))
        spreads.append(array(outputs[spread]))
    name = layer_behind_output(encoder, spread)
    return posterior_of(np.concatenate(means), np.concatenate(spreads), name)


def _from_layers(
    model: keras.Model,
    mean: keras.Layer,
    spread: keras.Layer,
    images: np.ndarray,
    batch_size: int,
) -> Posterior | None:
    recorder = Recorder()
    with watched((mean, spread), recorder):
        reconstruct(model, images, batch_size=batch_size)
    means, spreads = recorder.joined(mean), recorder.joined(spread)
    if means is None or spreads is None:
        return None
    means, spreads = (values.reshape(len(images), -1) for values in (means, spreads))
    return posterior_of(means, spreads, spread.name.lower())


def posterior_of(means: np.ndarray, spreads: np.ndarray, spread_name: str) -> Posterior | None:
    """A posterior from N means and spreads of any shape; None where their shapes disagree.

    Args:
        means: (N, ...).
        spreads: (N, ...) log variances, or log standard deviations where the name says so.
        spread_name: of the layer that gave the spreads.
    """
    means = means.reshape(len(means), -1)
    spreads = spreads.reshape(len(spreads), -1)
    if means.shape != spreads.shape:
        return None
    factor = 2.0 if HALF_LOG_VARIANCE.search(spread_name) else 1.0
    return Posterior(means, factor * spreads)


# ------------------------------------------------------------------------------------- codebook


def codes(
    model: keras.Model, images: np.ndarray, *, batch_size: int = 16, tolerance: float = 1e-3
) -> Codes | None:
    """What a codebook makes of the images, or None where the model has none.

    A layer quantises when it has a table of two axes and each vector that leaves it is a row (or
    a column) of it, up to this share of the table's largest number.
    """
    candidates = [layer for layer in model._flatten_layers(include_self=False) if _may_hold(layer)]
    if not candidates:
        return None
    recorder = Recorder()
    with watched(candidates, recorder):
        reconstruct(model, images, batch_size=batch_size)
    for layer in candidates:
        vectors = recorder.joined(layer)  # (N, h, w, D) or (N, D)
        if vectors is None:
            continue
        for table in _tables(layer, vectors.shape[-1]):
            nearest, distance = _nearest(vectors.reshape(-1, vectors.shape[-1]), table)
            if distance.max() <= tolerance * max(float(np.abs(table).max()), 1e-6):
                return Codes(nearest.reshape(len(vectors), -1), table, layer.name)
    return None


def _may_hold(layer: keras.Layer) -> bool:
    """Whether a layer may hold a codebook: it has a table, and is no layer known for another."""
    if isinstance(layer, (keras.Model, keras.layers.Dense, keras.layers.Embedding)):
        return False
    return any(len(weight.shape) == 2 for weight in layer.weights)


def _tables(layer: keras.Layer, dimension: int) -> list[np.ndarray]:
    """Tables (K, dimension) that a layer holds, upright or on their side."""
    upright = [array(weight) for weight in layer.weights if len(weight.shape) == 2]
    both_ways = []
    for table in upright:
        both_ways += [table, table.T]
    return [table for table in both_ways if table.shape[1] == dimension]


def _nearest(vectors: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(row of the table, largest difference to it) of each vector (N, D), table (K, D)."""
    squared = (table**2).sum(axis=1) - 2 * vectors @ table.T  # |v|^2 is the same for every row
    nearest = squared.argmin(axis=1)
    return nearest, np.abs(vectors - table[nearest]).max(axis=1)
