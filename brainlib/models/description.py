"""A model in numbers: its weights, and how many numbers carry an image."""

import math

import keras

from brainlib.models import parts
from brainlib.models.layers.vq import bits_an_image
from brainlib.models.tensors import Shape


def describe(model: keras.Model) -> dict:
    """What a model's size says: weights, and the numbers that carry an image against its pixels.

    A VAE's beta and sigma are not counted as weights. A code of a VQ-VAE counts as one number.

    Returns:
        A dictionary:

        - `parameters`, `trainable`: weights of the network;
        - `input_shape`, `pixels`: of one image;
        - `latent_shape`, `latent`: shape and count of the latent's numbers;
        - `skipped`: numbers that pass the latent by;
        - `latent_per_pixel`: latent and skipped numbers over pixels;
        - `could_copy`: whether nothing forces the model to compress;
        - `bits`: of an image's code map, where the model has a codebook.
    """
    shape = _latent_shape(model)
    latent = math.prod(shape)
    skipped = sum(math.prod(layer.output.shape[1:]) for layer in parts.skip_layers(model))
    pixels = math.prod(model.input_shape[1:])
    sizes = {
        **_weights(model),
        "input_shape": tuple(model.input_shape[1:]),
        "pixels": pixels,
        "latent_shape": shape,
        "latent": latent,
        "skipped": skipped,
        "latent_per_pixel": (latent + skipped) / pixels,
        "could_copy": latent + skipped >= pixels,
    }
    if parts.is_vq(model):
        sizes["bits"] = bits_an_image(model.quantizer.codebook_size, model.grid)
    return sizes


def _weights(model: keras.Model) -> dict:
    """Numbers of all and of trainable weights."""
    counted = [model]
    codebook = 0
    if parts.in_two_parts(model):
        counted = [parts.encoder(model), parts.decoder(model)]
    if parts.is_vq(model):
        codebook = math.prod(model.quantizer.codebook.shape)
    trainable = 0
    for part in counted:
        trainable += sum(math.prod(weight.shape) for weight in part.trainable_weights)
    return {
        "parameters": codebook + sum(part.count_params() for part in counted),
        "trainable": codebook + trainable,
    }


def _latent_shape(model: keras.Model) -> Shape:
    """(D,) of a VAE, (h, w) of a code map, else (h, w, C)."""
    if parts.is_vq(model):
        return tuple(model.grid)
    return tuple(parts.encoder(model).outputs[0].shape[1:])
