"""What a model answers to many images, batch after batch."""

import keras
import numpy as np
import tensorflow as tf


def outputs_of(model, images, *, batch_size=64):
    """Outputs of a model for an array (N, ...): an array (N, ...), or a list or dictionary of them, as the model has it.

    As `model.predict`, with one difference: the graph is made once and takes batches of any size. `predict` makes
    one for the full batches, one for the last, smaller one, and a third when there are others than before; for a
    large network each takes seconds. The model is not in training mode.
    """
    images = np.asarray(images)
    graphs = model.__dict__.setdefault("_graphs_of_outputs", {})  # goes with the model
    if images.shape[1:] not in graphs:
        run = tf.function(lambda batch: model(batch, training=False))
        graphs[images.shape[1:]] = run.get_concrete_function(
            tf.TensorSpec((None, *images.shape[1:]), keras.backend.floatx())
        )
    run = graphs[images.shape[1:]]
    parts = [
        run(tf.convert_to_tensor(images[start : start + batch_size], keras.backend.floatx()))
        for start in range(0, max(1, len(images)), batch_size)
    ]
    return keras.tree.map_structure(
        lambda *some: np.concatenate([np.asarray(one) for one in some]), *parts
    )
