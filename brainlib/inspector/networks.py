"""Anybody's model as a function from images to images, and which output of its encoder is what."""

import re
from collections.abc import Callable

import keras
import numpy as np

from brainlib.inspector.layer_access import first_of, in_batches, part

MEAN = re.compile(r"(^|_)(mean|mu)(_|$)")
SPREAD = re.compile(r"log_?var|log_?sigma|log_?std")


def unwrapped(model: keras.Model) -> keras.Model:
    """The model that makes the pictures.

    A class that only trains another model, and has no call of its own, gives that one.
    """
    has_call = type(model).call is not keras.Model.call
    has_parts = part(model, "encoder") is not None and part(model, "decoder") is not None
    if has_call or has_parts:
        return model
    inner = [layer for layer in model.layers if _is_from_image_to_image(layer)]
    if len(inner) != 1:
        raise ValueError(
            f"{model.name}: expected a model that can be called with images, or one that keeps an "
            "encoder and a decoder, or one network from image to image; found "
            f"{len(inner)} such networks. Give the network itself."
        )
    return inner[0]


def _is_from_image_to_image(layer: keras.Layer) -> bool:
    if not isinstance(layer, keras.Model) or len(getattr(layer, "outputs", None) or ()) != 1:
        return False
    return layer.outputs[0].shape[1:] == layer.inputs[0].shape[1:]


def forward(model: keras.Model) -> Callable[[np.ndarray], object]:
    """The function images -> images of a model, in inference.

    A VAE that keeps an encoder and a decoder decodes the posterior's mean, even where its own
    call draws or is missing.
    """
    encoder, decoder = part(model, "encoder"), part(model, "decoder")
    if decoder is not None and has_posterior(encoder):
        place = mean_and_spread(encoder)[0]
        return lambda images: decoder(encoder(images, training=False)[place], training=False)
    return lambda images: model(images, training=False)


def reconstruct(model: keras.Model, images: np.ndarray, *, batch_size: int = 16) -> np.ndarray:
    """Outputs of any model for images (N, H, W, C), checked to be images of the same number."""
    function = forward(model)
    outputs = in_batches(lambda batch: first_of(function(batch)), images, batch_size=batch_size)
    if outputs.ndim != 4 or len(outputs) != len(images):
        raise ValueError(
            f"{model.name}: expected images (N, H, W, C) as outputs, got shape {outputs.shape}. "
            "The inspector reads models from image to image."
        )
    return outputs


def has_posterior(encoder: keras.Model | None) -> bool:
    """Whether an encoder gives several outputs, as a VAE's does."""
    return encoder is not None and len(getattr(encoder, "outputs", None) or ()) > 1


def mean_and_spread(encoder: keras.Model) -> tuple[int, int]:
    """Places of mean and spread among an encoder's outputs: by name, else first and second."""
    names = [layer_behind_output(encoder, place) for place in range(len(encoder.outputs))]
    spread = next((place for place, name in enumerate(names) if SPREAD.search(name)), 1)
    named_means = [place for place, name in enumerate(names) if MEAN.search(name)]
    mean = next((place for place in named_means if place != spread), 0)
    return mean, spread


def layer_behind_output(encoder: keras.Model, place: int) -> str:
    """Name of the layer that makes an output."""
    return encoder.outputs[place]._keras_history.operation.name.lower()
