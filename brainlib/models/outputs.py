"""What a model answers to many images, batch after batch."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def outputs_of(model: keras.Model, images: np.ndarray, *, batch_size: int = 64) -> Any:
    """Outputs of a model for an array (N, ...); the model is not in training mode.

    As `model.predict`, with one difference: the graph is made once and takes batches of any size.
    `predict` makes one for the full batches, one for the last, smaller one, and a third when there
    are others than before; for a large network each takes seconds.

    Returns:
        An array (N, ...), or a list or dictionary of them, as the model has it.
    """
    images = np.asarray(images)
    run = _graph_for(model, images.shape[1:])
    batches = []
    for start in range(0, max(1, len(images)), batch_size):
        batch = tf.convert_to_tensor(images[start : start + batch_size], keras.backend.floatx())
        batches.append(run(batch))
    return keras.tree.map_structure(_joined, *batches)


def _graph_for(model: keras.Model, shape: tuple) -> Any:
    """The model's graph for batches of one shape; kept on the model, so that it goes with it."""
    graphs = model.__dict__.setdefault("_graphs_of_outputs", {})
    if shape not in graphs:
        run = tf.function(lambda batch: model(batch, training=False))
        batches = tf.TensorSpec((None, *shape), keras.backend.floatx())
        graphs[shape] = run.get_concrete_function(batches)
    return graphs[shape]


def _joined(*batches: tf.Tensor) -> np.ndarray:
    return np.concatenate([np.asarray(batch) for batch in batches])
