"""The narrowest place of a network: the fewest numbers that all ways from input to output share."""

import math

import keras
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from brainlib import models
from brainlib.inspector.layer_access import part


def waist(model: keras.Model) -> float:
    """The fewest numbers of an image that everything from input to output passes through.

    It is the smallest cut of the model's graph, each layer as wide as its output: skips and side
    ways are counted, whatever they are called. Input and output themselves do not count; a model
    without a waist gets the number of its pixels. NaN where there is no graph.
    """
    if getattr(model, "inputs", None) is not None and getattr(model, "outputs", None):
        return _smallest_cut(models.layer_table(model))
    encoder, decoder = part(model, "encoder"), part(model, "decoder")
    if encoder is None or decoder is None:
        return math.nan
    between = math.prod(decoder.inputs[0].shape[1:])
    encoder_cut = _smallest_cut(models.layer_table(encoder), end_counts=True)
    return min(between, encoder_cut, _smallest_cut(models.layer_table(decoder)))


def _smallest_cut(rows: list[dict], *, end_counts: bool = False) -> int:
    """Smallest vertex cut between "image" and the last row of a layer table.

    Each layer is an edge from its way in to its way out, as wide as its output; the maximum flow
    equals the smallest cut. end_counts: the last layer may be cut, too (the end of an encoder).
    """
    endless = 2**30
    width = {row["layer"]: math.prod(row["output"]) for row in rows}
    width["image"] = endless
    end = rows[-1]["layer"]
    if not end_counts:
        width[end] = endless
    way_in = {name: 2 * number for number, name in enumerate(width)}
    edges = {(way_in[name], way_in[name] + 1): wide for name, wide in width.items()}
    for row in rows:
        passed_on = row["inputs"][:1] if row["kind"] == "KeepFirst" else row["inputs"]
        for name in passed_on:
            edges[way_in[name] + 1, way_in[row["layer"]]] = endless
    starts, ends = zip(*edges)
    capacities = np.array(list(edges.values()), "int32")
    graph = csr_array((capacities, (starts, ends)), shape=(2 * len(width), 2 * len(width)))
    return int(maximum_flow(graph, way_in["image"], way_in[end] + 1).flow_value)
