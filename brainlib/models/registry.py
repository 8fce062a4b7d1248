"""One table of names to models: `build`, and what a model says about itself."""

import contextlib
import inspect
import math
import random
from typing import Callable, NamedTuple

import keras
import numpy as np

from brainlib.models import released_weights as _released
from brainlib.models import residual, resnet50, uad, vae, vqgan
from brainlib.models import vq as models_vq
from brainlib.models.layer_tables import blocks, layer_table, shape_words  # noqa: F401
from brainlib.models.outputs import outputs_of
from brainlib.models.released_weights import load_released  # noqa: F401


class Family(NamedTuple):
    """How a model is built. `shape` is the published input; sides have to be divisible by `stride`."""

    builder: Callable
    shape: tuple
    stride: int
    seed: str


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
    "vqvae": Family(models_vq.vqvae, (128, 128, 1), 1, "000"),  # its stride depends on its depth
    "vqvae_uad": Family(models_vq.vqvae_uad, (95, 79, 1), 1, "002"),
    "vqgan_uad": Family(vqgan.vqgan_uad, (95, 79, 1), 1, "002"),
}
NAMES = tuple(TABLE)


def build(name, *, image_shape=None, width=1.0, seed=None, norm_momentum=0.99, **options):
    """Builds a model.

    Args:
        name: one of `NAMES`.
        image_shape: (H, W, C) or (H, W) of the input; the published one when absent.
        width: factor on the numbers of filters; 1 is the published network.
        seed: of the initial weights, of dropout and of sampling; nothing else's randomness is touched.
        norm_momentum: of the running means of batch normalisation; 0.99 is Keras's and the seeds'. They lag some
            hundred steps behind, so that a training of a few dozen steps wants 0.9.
        **options: of the family, such as `l2`, `block`, `latent_dim`, `likelihood`, `beta`.
    """
    family = _family(name)
    shape = _shape(name, image_shape or family.shape, family.stride)
    if not width > 0:
        raise ValueError(
            f"width: expected a factor above 0, got {width!r}. 1 is the published network."
        )
    known = [
        option
        for option in inspect.signature(family.builder).parameters
        if option not in ("image_shape", "width", "seed")
    ]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}.")
    if "seed" in inspect.signature(family.builder).parameters:
        options["seed"] = seed
    with _seeded(seed):
        model = family.builder(shape, width, **options)
    for layer in _flat(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = norm_momentum
    return model


def released(name, *, image_shape=None, folder=_released.FOLDER, url=_released.URL, **how):
    """A network of seed 004 with its author's weights, fetched once: 128x128 slices in [0, 1], as the seed prepared them.

    Args:
        name: shallow_residual, skip_connection_cae or residual_unet.
        image_shape: of the slices, where they are not 128x128: convolutions take any, but were trained on those.
        folder: keeps the files.
        url: where the repository's files are.
        **how: it was trained: loss ("dssim" or "mse"), l2 (False), augmentation (True), block ("full_pre").
    """
    row = _released.find(name, **how)
    sides = {} if image_shape is None else {"image_shape": image_shape}
    return load_released(
        build(name, **sides, **_released.options_of(row)), _released.fetch(row, folder, url=url)
    )


def _flat(model):
    """All layers, those of sub-models among them."""
    for layer in model.layers:
        yield from _flat(layer) if isinstance(layer, keras.Model) else [layer]


def _family(name):
    if name not in TABLE:
        raise ValueError(f"model: expected one of {', '.join(NAMES)}, got {name!r}.")
    return TABLE[name]


def _shape(name, image_shape, stride):
    shape = tuple(int(side) for side in image_shape)
    shape = shape if len(shape) == 3 else (*shape, 1)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(
            f"image_shape: expected (height, width, channels), got {tuple(image_shape)}."
        )
    if shape[0] % stride or shape[1] % stride:
        sides = [max(stride, round(side / stride) * stride) for side in shape[:2]]
        raise ValueError(
            f"{name} halves the image {stride.bit_length() - 1} times, so both sides must be divisible by "
            f"{stride}; got {shape[0]}x{shape[1]}. Take {sides[0]}x{sides[1]}, for instance."
        )
    return shape


@contextlib.contextmanager
def _seeded(seed):
    """Keras draws the seeds of new initialisers and dropout layers from Python's own generator: seeds only that."""
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


# ------------------------------------------------------------------------------------------------ parts of a model


def _has_layer(model, name):
    return any(layer.name == name for layer in model.layers)


def _in_two_parts(model):
    return _has_layer(model, "encoder") and _has_layer(model, "decoder")


def is_vae(model):
    """Whether a model has an encoder to a mean and a variance and a decoder."""
    return _in_two_parts(model) and not is_vq(model)


def is_vq(model):
    """Whether a codebook stands between a model's encoder and its decoder."""
    return _has_layer(model, "quantizer")


def is_vqgan(model):
    """Whether a model is trained against a discriminator."""
    return isinstance(model, vqgan.VQGAN)


def encoder(model):
    """The part from the image to the latent. A VAE's gives [mean, log_var, sample], a VQ-VAE's vectors before the codebook."""
    if _in_two_parts(model):
        return model.get_layer("encoder")
    return keras.Model(model.input, model.get_layer("latent").output, name="encoder")


def decoder(model):
    """The part from the latent to the image; refused where skips go past the latent."""
    if _in_two_parts(model):
        return model.get_layer("decoder")
    skips = [layer.name for layer in model.layers if layer.name.startswith("skip_")]
    if skips:
        raise ValueError(
            f"{model.name} has no decoder of its own: {', '.join(skips)} pass the latent by."
        )
    return keras.Model(model.get_layer("latent").output, model.outputs, name="decoder")


def latent_of(model, images, *, batch_size=64):
    """Latents of images: a VAE's posterior means (N, D), a VQ-VAE's code vectors, else feature maps (N, h, w, C)."""
    result = outputs_of(encoder(model), images, batch_size=batch_size)
    if is_vq(model):
        return np.asarray(model.quantizer.codebook)[np.asarray(model.quantizer.codes(result))]
    return result[0] if is_vae(model) else result


def reconstruct(model, images, *, sample=False, seed=0, batch_size=64):
    """Outputs of a model for images (N, H, W, C) -> (N, H, W, C).

    A VAE decodes the posterior mean; with `sample=True` a draw from the posterior (seed 000, equation 3.4).
    """
    if not sample:
        return outputs_of(model, images, batch_size=batch_size).astype(
            "float32"
        )  # of mixed precision, too
    if not is_vae(model):
        raise ValueError(f"{model.name} has no posterior to sample from; leave sample=False.")
    mean, log_var, _ = (
        part.astype("float32") for part in outputs_of(encoder(model), images, batch_size=batch_size)
    )
    noise = np.random.default_rng(seed).standard_normal(mean.shape).astype(mean.dtype)
    latents = mean + np.exp(log_var / 2) * noise
    return outputs_of(decoder(model), latents, batch_size=batch_size).astype("float32")


def describe(model):
    """What a model's size says: weights, and the numbers that carry an image against its pixels.

    Returns:
        A dictionary: `parameters` and `trainable` (weights of the network: a VAE's beta and sigma are not counted),
        `pixels` of the input, `latent` numbers and `latent_shape`, `skipped` numbers that pass the latent by,
        `latent_per_pixel` (both over the pixels), `could_copy`: whether nothing forces the model to compress. A code of a
        VQ-VAE counts as one number; its `bits` an image are told, too.
    """
    shape = encoder(model).outputs[0].shape[1:]
    skipped = sum(
        math.prod(layer.output.shape[1:])
        for layer in model.layers
        if layer.name.startswith("skip_")
    )
    pixels, latent = math.prod(model.input_shape[1:]), math.prod(shape)
    parts, codebook, bits = [model], 0, {}
    if _in_two_parts(model):
        parts = [model.get_layer("encoder"), model.get_layer("decoder")]
    if is_vq(model):
        shape, (latent, count) = model.grid, models_vq.latent_numbers(model)
        codebook, bits = math.prod(model.quantizer.codebook.shape), {"bits": count}
    return {
        "parameters": codebook + sum(part.count_params() for part in parts),
        "trainable": codebook
        + sum(math.prod(weight.shape) for part in parts for weight in part.trainable_weights),
        "input_shape": tuple(model.input_shape[1:]),
        "pixels": pixels,
        "latent_shape": tuple(shape),
        "latent": latent,
        "skipped": skipped,
        "latent_per_pixel": (latent + skipped) / pixels,
        "could_copy": latent + skipped >= pixels,
        **bits,
    }


def load(path):
    """Loads a `.keras` file (never code, never a pickle), uncompiled."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)
