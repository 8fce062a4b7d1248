"""Perceptual distance: how far two pictures are in the feature maps of a fixed network.

The network is VGG16 where its ImageNet weights are at hand (seed 002), else the small one that the workbook trains on
degraded slices of its own (see `features`). It is never trained here, and the two are no common scale.
"""

from pathlib import Path
from typing import NamedTuple

import keras
from keras import layers, ops

LEVELS = ("level0", "level1", "level2", "level3")  # of `features.build`
VGG16_LEVELS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
VGG16_MEANS = (103.939, 116.779, 123.68)  # of ImageNet: blue, green, red
SMALL = 1e-3  # keeps the direction of features that are almost nothing still


class Maps(NamedTuple):
    """A network of images (B, H, W, 1) -> feature maps, a list of (B, h, w, C), and the words that name it."""

    network: keras.Model
    name: str


def maps_of(space):
    """The maps inside of the workbook's own feature network. space: of `features.train`, with `model` and `name`."""
    network = space.model
    missing = [name for name in LEVELS if name not in [layer.name for layer in network.layers]]
    if missing:
        raise ValueError(
            f"perceptual loss: {network.name} has no layers {', '.join(missing)}; expected the network that "
            f"`features.train` makes. For VGG16 call `vgg16_maps`."
        )
    found = keras.Model(
        network.input, [network.get_layer(name).output for name in LEVELS], name="feature_maps"
    )
    return Maps(_fixed(found), space.name)


def vgg16_maps(weights):
    """VGG16's feature maps at five depths, of pictures in [0, 1] with sides of 16 or more.

    Args:
        weights: path of Keras's `vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`, or "imagenet": Keras downloads it.
    """
    if weights != "imagenet" and not Path(weights).is_file():
        raise FileNotFoundError(
            f"{weights}: expected Keras's VGG16 weights without top (..._notop.h5). Download them where "
            f"there is a network, or take the feature space that the workbook trains."
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


def distance(maps, target, output):
    """Mean over depths and places of |a - b|^2 between the directions a, b of both pictures' features (0 to 4).

    That is LPIPS (Zhang et al. 2018) without its learned weights. target, output: (B, H, W, 1) -> scalar.
    """
    found = [
        ops.mean(
            ops.sum(ops.square(_direction(ops.stop_gradient(one)) - _direction(other)), axis=-1)
        )
        for one, other in zip(
            maps.network(target, training=False), maps.network(output, training=False)
        )
    ]
    return sum(found) / len(found)


def _direction(features):
    """Feature vectors of length 1 at each place. (B, h, w, C)."""
    features = ops.cast(features, "float32")
    return features / ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + SMALL)
