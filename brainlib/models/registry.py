"""One table of names to networks: `build` and `released` (with an author's weights)."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from brainlib.models import released_weights, residual, resnet50, uad, vae, vq, vqgan
from brainlib.models.building import seeded_weights
from brainlib.models.tensors import Shape


class Family(NamedTuple):
    """How a network is built.

    `builder` takes the input shape, the width factor and the network's options as keywords.
    `shape` is the published input (H, W, C); both sides have to be divisible by `stride`.
    """

    builder: Callable[..., keras.Model]
    shape: Shape
    stride: int
    thesis: str


TABLE = {
    "vae": Family(vae.vae, (128, 128, 1), 32, "000"),
    "shallow_residual": Family(residual.shallow_residual, (128, 128, 1), 8, "004"),
    "myronenko_cae": Family(residual.myronenko_cae, (128, 128, 1), 8, "004"),
    "skip_connection_cae": Family(residual.skip_connection_cae, (128, 128, 1), 8, "004"),
    "residual_unet": Family(residual.residual_unet, (128, 128, 1), 8, "004"),
    "resnet_small": Family(residual.resnet_small, (256, 256, 1), 16, "003"),
    "resnet_big": Family(residual.resnet_big, (256, 256, 1), 16, "003"),
    "resnet50": Family(resnet50.resnet50, (256, 256, 1), 32, "003"),
    "resnet50_short": Family(resnet50.resnet50_short, (256, 256, 1), 32, "003"),
    "vae_uad": Family(uad.vae_uad, (95, 79, 1), 1, "002"),
    "vqvae": Family(vq.vqvae, (128, 128, 1), 1, "000"),  # its stride depends on its depth
    "vqvae_uad": Family(vq.vqvae_uad, (95, 79, 1), 1, "002"),
    "vqgan_uad": Family(vqgan.vqgan_uad, (95, 79, 1), 1, "002"),
}
NAMES = tuple(TABLE)


def build(
    name: str,
    *,
    image_shape: Sequence[int] | None = None,
    width: float = 1.0,
    seed: int | None = None,
    norm_momentum: float = 0.99,
    **options: Any,
) -> keras.Model:
    """Builds a network: images (B, H, W, C) -> images of the same shape.

    Args:
        name: one of `NAMES`.
        image_shape: (H, W, C) or (H, W) of the input; the published one when absent.
        width: factor on the numbers of filters; 1 is the published network.
        seed: of the initial weights, of dropout and of sampling; no other randomness is touched.
        norm_momentum: of the running means of batch normalisation; 0.99 is Keras's and the
            theses'. They lag some hundred steps behind, so that a training of a few dozen steps
            wants 0.9.
        **options: of the family, such as `l2`, `block`, `latent_dim`, `likelihood`, `beta`.

    Raises:
        ValueError: an unknown name or option, sides that the network cannot halve.
    """
    if name not in TABLE:
        raise ValueError(f"model: expected one of {', '.join(NAMES)}, got {name!r}.")
    if not width > 0:
        raise ValueError(
            f"width: expected a factor above 0, got {width!r}. 1 is the published network."
        )
    family = TABLE[name]
    shape = _checked_shape(name, image_shape or family.shape, family.stride)
    options = _checked_options(name, options, seed)
    with seeded_weights(seed):
        model = family.builder(shape, width, **options)
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = norm_momentum
    return model


def _checked_options(name: str, options: dict, seed: int | None) -> dict:
    """The builder's keyword arguments, `seed` among them where it takes one."""
    parameters = inspect.signature(TABLE[name].builder).parameters
    known = [one for one in parameters if one not in ("image_shape", "width", "seed")]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}.")
    return {**options, "seed": seed} if "seed" in parameters else options


def _checked_shape(name: str, image_shape: Sequence[int], stride: int) -> Shape:
    """(H, W, C) of a shape (H, W) or (H, W, C) whose sides `stride` divides."""
    shape = tuple(int(side) for side in image_shape)
    shape = shape if len(shape) == 3 else (*shape, 1)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(
            f"image_shape: expected (height, width, channels), got {tuple(image_shape)}."
        )
    if shape[0] % stride or shape[1] % stride:
        sides = [max(stride, round(side / stride) * stride) for side in shape[:2]]
        raise ValueError(
            f"{name} halves the image {stride.bit_length() - 1} times, so both sides must be "
            f"divisible by {stride}; got {shape[0]}x{shape[1]}. "
            f"Take {sides[0]}x{sides[1]}, for instance."
        )
    return shape


def all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers of a model, those of its sub-models in place of these."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def released(
    name: str,
    *,
    image_shape: Sequence[int] | None = None,
    folder: Path | str = released_weights.FOLDER,
    url: str = released_weights.URL,
    **how: Any,
) -> keras.Model:
    """A network of thesis 004 with its author's weights, fetched once.

    It was trained on 128x128 slices in [0, 1], prepared as the thesis says.

    Args:
        name: shallow_residual, skip_connection_cae or residual_unet.
        image_shape: of the slices, where they are not 128x128: convolutions take any sides, but
            were trained on those.
        folder: keeps the files.
        url: where the repository's files are.
        **how: it was trained: loss ("dssim" or "mse"), l2 (False), augmentation (True),
            block ("full_pre").
    """
    record = released_weights.find_released(name, **how)
    model = build(name, image_shape=image_shape, **released_weights.build_options(record))
    path = released_weights.fetch_released(record, folder, url=url)
    return released_weights.load_released(model, path)
