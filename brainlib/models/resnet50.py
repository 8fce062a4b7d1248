"""Thesis 003's autoencoders on Keras's ResNet50: whole, or cut after any layer (section 4.1)."""

import math
from pathlib import Path

import keras
from keras import layers, ops

from brainlib.models.building import scaled_filters
from brainlib.models.residual import Blocks
from brainlib.models.tensors import Shape, Tensor

UPSAMPLING = (512, 256, 128, 64, 32)  # filters of the blocks from 8x8 to 256x256
SHORT = "conv4_block6_add"  # 16x16x1024; conv4_block6_out is its activation (act_40)
WEIGHTS_FILE = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"


def resnet50(
    image_shape: Shape,
    width: float,
    *,
    weights: Path | str | None = None,
    channels: int | None = None,
    freeze_until: str | None = None,
    l2: bool | float = False,
) -> keras.Model:
    """ResNet50 without top as encoder, five up-sampling blocks.

    34,589,600 weights on one channel, 34,596,448 on three.

    Args:
        image_shape: (H, W, C), sides divisible by 32.
        width: factor on all filters; ImageNet's weights need 1.
        weights: None (random), "imagenet" (Keras downloads 95 MB once) or the path of such a file
            without top.
        channels: of the network, 1 or 3; C when absent. A grey image is given to a network of three
            channels three times over, as the thesis did, and the mean of its three outputs is
            taken. ImageNet's weights on one channel get the sum of the first layer's kernels, which
            is the same thing.
        freeze_until: name of the last layer that keeps its weights in training; None trains all, as
            the thesis did.
        l2: of the last conv, True for 1e-5, or the factor (the thesis has none).
    """
    inputs, entry = _inputs(image_shape, channels)
    backbone = _backbone(inputs, entry, width, weights)
    _freeze(backbone, freeze_until)
    return _autoencoder(inputs, entry, backbone.output, width, l2, "resnet50")


def resnet50_short(
    image_shape: Shape,
    width: float,
    *,
    from_layer: str = SHORT,
    weights: Path | str | None = None,
    channels: int | None = None,
    freeze_until: str | None = None,
    l2: bool | float = False,
) -> keras.Model:
    """ResNet50 cut after a layer: 11,331,488 weights as the thesis cut it.

    Args:
        image_shape: as for `resnet50`, and so are all but `from_layer`.
        width: factor on all filters.
        from_layer: an addition or an activation.
        weights: None, "imagenet" or a path.
        channels: of the network, 1 or 3.
        freeze_until: name of the last layer that keeps its weights in training.
        l2: of the last conv.
    """
    inputs, entry = _inputs(image_shape, channels)
    backbone = _backbone(inputs, entry, width, weights)
    features = _output_of_layer(backbone, from_layer)
    _freeze(backbone, freeze_until)
    return _autoencoder(inputs, entry, features, width, l2, "resnet50_short")


def _inputs(image_shape: Shape, channels: int | None) -> tuple[Tensor, Tensor]:
    """The image (B, H, W, C), and what ResNet50 gets of it (B, H, W, channels)."""
    channels = channels or image_shape[-1]
    if channels not in (1, 3) or image_shape[-1] not in (1, channels):
        raise ValueError(
            "channels: expected 1 or 3 and images of 1 or as many, "
            f"got {channels} and images of {image_shape[-1]}."
        )
    inputs = keras.Input(image_shape)
    if channels == image_shape[-1]:
        return inputs, inputs
    return inputs, layers.Concatenate(name="grey_to_rgb")([inputs] * channels)


def _autoencoder(
    inputs: Tensor, entry: Tensor, features: Tensor, width: float, l2: bool | float, name: str
) -> keras.Model:
    """The decoder behind ResNet50's features (B, h, w, C), and with it the whole network."""
    x = layers.Identity(name="latent")(features)
    blocks = Blocks(width=width, l2=l2, bias=False)
    doublings = round(math.log2(inputs.shape[1] / x.shape[1]))
    for filters in UPSAMPLING[len(UPSAMPLING) - doublings :]:
        x = blocks.upsample(x, filters)
    x = blocks.output(x, entry.shape[-1])
    if entry.shape[-1] != inputs.shape[-1]:
        x = ops.mean(x, axis=-1, keepdims=True)  # (B, H, W, 1)
    return keras.Model(inputs, x, name=name)


def _output_of_layer(backbone: keras.Model, from_layer: str) -> Tensor:
    """Features (B, h, w, C) after a layer; refused where h and w are not the sides halved."""
    names = [layer.name for layer in backbone.layers]
    blocks = [name for name in names if name.startswith("conv")]
    known = [name for name in blocks if name.endswith(("_add", "_out"))]
    if from_layer not in names:
        raise ValueError(
            f"from_layer: expected a layer of ResNet50 such as {', '.join(known[-8:])}, "
            f"got {from_layer!r}."
        )
    output = backbone.get_layer(from_layer).output
    rows, columns = (
        whole / part for whole, part in zip(backbone.input_shape[1:3], output.shape[1:3])
    )
    if rows != columns or not rows.is_integer():  # padded, or without sides
        raise ValueError(
            f"from_layer: {from_layer} leaves {output.shape[1]}x{output.shape[2]}, not the "
            f"picture's sides halved some times. Take a layer such as {', '.join(known[-8:])}."
        )
    return output


def _freeze(backbone: keras.Model, freeze_until: str | None) -> None:
    if freeze_until is None:
        return
    names = [layer.name for layer in backbone.layers]
    if freeze_until not in names:
        raise ValueError(
            "freeze_until: expected a layer of ResNet50 such as conv3_block4_out, "
            f"got {freeze_until!r}."
        )
    for layer in backbone.layers[: names.index(freeze_until) + 1]:
        layer.trainable = False


def _backbone(
    inputs: Tensor, entry: Tensor, width: float, weights: Path | str | None
) -> keras.Model:
    """Keras's ResNet50 without top on a tensor (B, H, W, 1 or 3) that was made from `inputs`."""
    if width != 1:
        return _narrow_backbone(inputs, entry, width, weights)
    pretrained = None
    if weights is not None:
        pretrained = _pretrained(weights, (*entry.shape[1:3], 3))
    backbone = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=entry)
    if pretrained is not None:
        _copy_weights(pretrained, backbone, grey=entry.shape[-1] == 1)
    return backbone


def _narrow_backbone(
    inputs: Tensor, entry: Tensor, width: float, weights: Path | str | None
) -> keras.Model:
    """ResNet50 with `width` times as many filters."""
    if weights is not None:
        raise ValueError(
            f"weights: ImageNet's fit a width of 1 only, got width {width:g}. Take weights=None."
        )
    whole = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=entry)
    # From the image on: given a tensor in the middle of a graph, clone_model copies what is before
    # it and is cut off.
    return keras.models.clone_model(
        whole, input_tensors=[inputs], clone_function=lambda layer: _narrow_layer(layer, width)
    )


def _narrow_layer(layer: keras.layers.Layer, width: float) -> keras.layers.Layer:
    config = layer.get_config()
    if isinstance(layer, layers.Conv2D):
        config["filters"] = scaled_filters(config["filters"], width)
    return type(layer).from_config(config)


def _copy_weights(source: keras.Model, target: keras.Model, *, grey: bool) -> None:
    """Copies all weights; `grey`: the first kernels are summed over their three channels."""
    sources = [layer for layer in source.layers if layer.weights]
    targets = [layer for layer in target.layers if layer.weights]
    for from_layer, to_layer in zip(sources, targets, strict=True):
        arrays = from_layer.get_weights()
        if grey and to_layer.name == "conv1_conv":
            arrays[0] = arrays[0].sum(axis=2, keepdims=True)  # (7, 7, 3, 64) -> (7, 7, 1, 64)
        to_layer.set_weights(arrays)


def _pretrained(weights: Path | str, shape: Shape) -> keras.Model:
    if weights != "imagenet" and not Path(weights).is_file():
        raise FileNotFoundError(
            f"{weights}: expected the file of ResNet50's ImageNet weights without top "
            f"({WEIGHTS_FILE}). Download it where there is a network, or take weights=None."
        )
    try:
        return keras.applications.ResNet50(
            include_top=False, weights=str(weights), input_shape=shape
        )
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{weights}: these are not ResNet50's weights without top ({reason})."
        ) from error
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise OSError(
            f"weights={weights!r}: Keras could not fetch ResNet50's ImageNet weights ({reason}). "
            f"Download {WEIGHTS_FILE} where there is a network and pass its path, "
            "or take weights=None."
        ) from error
