"""Seed 003's autoencoders on Keras's ResNet50: whole, or cut after any of its layers (section 4.1)."""

import math
from pathlib import Path

import keras
from keras import layers, ops

from brainlib.models.residual import Blocks, filters_of

UP = (512, 256, 128, 64, 32)  # filters of the up-sampling blocks, from 8x8 to 256x256
SHORT = "conv4_block6_add"  # 16x16x1024; conv4_block6_out is its activation (act_40)


def resnet50(image_shape, width, *, weights=None, channels=None, freeze_until=None, l2=False):
    """ResNet50 without top as encoder, five up-sampling blocks: 34,589,600 weights on one channel, 34,596,448 on three.

    Args:
        image_shape: (H, W, C), sides divisible by 32.
        width: factor on all filters; ImageNet's weights need 1.
        weights: None (random), "imagenet" (Keras downloads 95 MB once) or the path of such a file without top.
        channels: of the network, 1 or 3. A grey image is given to a network of three channels three times over, as
            the seed did, and the mean of its three outputs is taken. C when absent; ImageNet's weights on one
            channel get the sum of the first layer's kernels, which is the same thing.
        freeze_until: name of the last layer that keeps its weights in training; None trains all, as the seed did.
        l2: of the last conv, True for 1e-5, or the factor (the seed has none).
    """
    return _autoencoder(image_shape, width, None, weights, channels, freeze_until, l2, "resnet50")


def resnet50_short(
    image_shape,
    width,
    *,
    from_layer=SHORT,
    weights=None,
    channels=None,
    freeze_until=None,
    l2=False,
):
    """ResNet50 cut after `from_layer`, an addition or an activation: 11,331,488 weights as the seed cut it.

    The other arguments are those of `resnet50`.
    """
    return _autoencoder(
        image_shape, width, from_layer, weights, channels, freeze_until, l2, "resnet50_short"
    )


def _autoencoder(image_shape, width, from_layer, weights, channels, freeze_until, l2, name):
    channels = channels or image_shape[-1]
    if channels not in (1, 3) or image_shape[-1] not in (1, channels):
        raise ValueError(
            f"channels: expected 1 or 3 and images of 1 or as many, got {channels} and images of {image_shape[-1]}."
        )
    inputs = keras.Input(image_shape)
    repeated = channels // image_shape[-1]
    entry = layers.Concatenate(name="grey_to_rgb")([inputs] * repeated) if repeated > 1 else inputs
    backbone = _backbone(inputs, entry, width, weights)
    x = _cut(backbone, from_layer)
    _freeze(backbone, freeze_until)
    x = layers.Identity(name="latent")(x)
    blocks = Blocks(width=width, l2=l2, bias=False)
    for filters in UP[len(UP) - round(math.log2(image_shape[0] / x.shape[1])) :]:
        x = blocks.up(x, filters)
    x = blocks.output(x, channels)
    if repeated > 1:
        x = ops.mean(x, axis=-1, keepdims=True)
    return keras.Model(inputs, x, name=name)


def _cut(backbone, from_layer):
    if from_layer is None:
        return backbone.output
    known = [
        layer.name
        for layer in backbone.layers
        if layer.name.startswith("conv") and layer.name.endswith(("_add", "_out"))
    ]
    if from_layer not in [layer.name for layer in backbone.layers]:
        raise ValueError(
            f"from_layer: expected a layer of ResNet50 such as {', '.join(known[-8:])}, got {from_layer!r}."
        )
    output = backbone.get_layer(from_layer).output
    sides = [(whole, part) for whole, part in zip(backbone.input_shape[1:3], output.shape[1:3])]
    if (
        len({whole / part for whole, part in sides}) > 1
        or not (sides[0][0] / sides[0][1]).is_integer()
    ):  # padded, or without sides
        raise ValueError(
            f"from_layer: {from_layer} leaves {output.shape[1]}x{output.shape[2]}, not the picture's sides halved some times. "
            f"Take a layer such as {', '.join(known[-8:])}."
        )
    return output


def _freeze(backbone, freeze_until):
    if freeze_until is None:
        return
    names = [layer.name for layer in backbone.layers]
    if freeze_until not in names:
        raise ValueError(
            f"freeze_until: expected a layer of ResNet50 such as conv3_block4_out, got {freeze_until!r}."
        )
    for layer in backbone.layers[: names.index(freeze_until) + 1]:
        layer.trainable = False


def _backbone(inputs, entry, width, weights):
    """Keras's ResNet50 without top on a tensor (B, H, W, 1 or 3) that was made from `inputs`."""
    if width == 1 and weights is None:
        return keras.applications.ResNet50(include_top=False, weights=None, input_tensor=entry)
    if width != 1:
        if weights is not None:
            raise ValueError(
                f"weights: ImageNet's fit a width of 1 only, got width {width:g}. Take weights=None."
            )
        whole = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=entry)
        # From the image on: given a tensor in the middle of a graph, clone_model copies what is before it and is cut off.
        return keras.models.clone_model(
            whole, input_tensors=[inputs], clone_function=lambda layer: _narrow(layer, width)
        )
    pretrained = _pretrained(weights, (*entry.shape[1:3], 3))
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=entry)
    ours = [layer for layer in backbone.layers if layer.weights]
    theirs = [layer for layer in pretrained.layers if layer.weights]
    for mine, source in zip(ours, theirs, strict=True):
        arrays = source.get_weights()
        if mine.name == "conv1_conv" and entry.shape[-1] == 1:
            arrays[0] = arrays[0].sum(axis=2, keepdims=True)
        mine.set_weights(arrays)
    return backbone


def _narrow(layer, width):
    config = layer.get_config()
    if isinstance(layer, layers.Conv2D):
        config["filters"] = filters_of(config["filters"], width)
    return type(layer).from_config(config)


def _pretrained(weights, shape):
    if weights != "imagenet" and not Path(weights).is_file():
        raise FileNotFoundError(
            f"{weights}: expected the file of ResNet50's ImageNet weights without top "
            "(resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5). Download it where there is a "
            "network, or take weights=None."
        )
    try:
        return keras.applications.ResNet50(
            include_top=False, weights=str(weights), input_shape=shape
        )
    except ValueError as error:
        raise ValueError(
            f"{weights}: these are not ResNet50's weights without top ({str(error).splitlines()[0]})."
        ) from error
    except Exception as error:
        raise OSError(
            f"weights={weights!r}: Keras could not fetch ResNet50's ImageNet weights "
            f"({str(error).splitlines()[0]}). Download resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5 "
            "where there is a network and pass its path, or take weights=None."
        ) from error
