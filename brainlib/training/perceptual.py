"""Perceptual distance: how far two pictures are in the feature maps of a fixed network.

The network is VGG16 where its ImageNet weights are at hand (thesis 002), else the small one that
the workbook trains on degraded slices of its own (see `features`). It is never trained here, and
the two are no common scale.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers, ops

LEVELS = ("level0", "level1", "level2", "level3")  # of `features.feature_network`
VGG16_LEVELS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
VGG16_MEANS = (103.939, 116.779, 123.68)  # of ImageNet: blue, green, red
SMALL = 1e-3  # keeps the direction of features that are almost nothing still


class Maps(NamedTuple):
    """A network of images (B, H, W, 1) -> feature maps, a list of (B, h, w, C), and its name."""

    network: keras.Model
    name: str


def maps_of(space: Any) -> Maps:
    """The maps inside of the workbook's own feature network.

    Args:
        space: of `features.train`, with `model` and `name`.

    Raises:
        ValueError: it is another network.
    """
    network = space.model
    names = [layer.name for layer in network.layers]
    missing = [name for name in LEVELS if name not in names]
    if missing:
        raise ValueError(
            f"perceptual loss: {network.name} has no layers {', '.join(missing)}; expected the "
            "network that `features.train` makes. For VGG16 call `vgg16_maps`."
        )
    found = keras.Model(
        network.input, [network.get_layer(name).output for name in LEVELS], name="feature_maps"
    )
    return Maps(_fixed(found), space.name)


def vgg16_weights(file: Path | str = "") -> str:
    """The file of VGG16's weights: the one that is named, else Keras's own copy, else ""."""
    if file:
        return str(file)
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    kept = Path(home) / "models" / VGG16_FILE
    return str(kept) if kept.is_file() else ""


def vgg16_maps(weights: Path | str) -> Maps:
    """VGG16's feature maps at five depths, of pictures in [0, 1] with sides of 16 or more.

    Args:
        weights: path of Keras's `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`, or "imagenet":
            Keras downloads it.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if weights != "imagenet" and not Path(weights).is_file():
        raise FileNotFoundError(
            f"{weights}: expected Keras's VGG16 weights without top (..._notop.h5). Download them "
            "where there is a network, or take the feature space that the workbook trains."
        )
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3))
    if weights == "imagenet":
        network = keras.applications.VGG16(
            include_top=False, weights="imagenet", input_shape=(None, None, 3)
        )
    else:
        network.load_weights(weights)
    inner = keras.Model(network.input, [network.get_layer(name).output for name in VGG16_LEVELS])
    inputs = keras.Input((None, None, 1))
    colours = layers.Concatenate()(
        [layers.Rescaling(255.0, offset=-mean)(inputs) for mean in VGG16_MEANS]
    )
    return Maps(
        _fixed(keras.Model(inputs, inner(colours), name="vgg16_maps")), "VGG16, trained on ImageNet"
    )


def _fixed(network):
    network.trainable = False
    return network


def distance(maps: Maps, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Mean over depths and places of |a - b|^2 (0 to 4); images (B, H, W, 1) -> scalar.

    a and b are the directions of both pictures' features. That is LPIPS (Zhang et al. 2018) without
    its learned weights.
    """
    targets = maps.network(target, training=False)
    outputs = maps.network(output, training=False)
    found = []
    for one, other in zip(targets, outputs):
        difference = _direction(ops.stop_gradient(one)) - _direction(other)
        found.append(ops.mean(ops.sum(ops.square(difference), axis=-1)))
    return sum(found) / len(found)


def _direction(features):
    """Feature vectors of length 1 at each place. (B, h, w, C)."""
    features = ops.cast(features, "float32")
    return features / ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + SMALL)
