"""The parts of a network, whatever its family: encoder, decoder, latents, reconstructions."""

import keras
import numpy as np

from brainlib.models.outputs import outputs_of
from brainlib.models.vqgan import VQGAN


def is_vae(model: keras.Model) -> bool:
    """Whether a model has an encoder to a mean and a variance and a decoder."""
    return in_two_parts(model) and not is_vq(model)


def is_vq(model: keras.Model) -> bool:
    """Whether a codebook stands between a model's encoder and its decoder."""
    return _has_layer(model, "quantizer")


def is_vqgan(model: keras.Model) -> bool:
    """Whether a model is trained against a discriminator."""
    return isinstance(model, VQGAN)


def in_two_parts(model: keras.Model) -> bool:
    """Whether encoder and decoder are sub-models of their own."""
    return _has_layer(model, "encoder") and _has_layer(model, "decoder")


def _has_layer(model: keras.Model, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)


def skip_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Layers that carry features past the latent: those called "skip_..."."""
    return [layer for layer in model.layers if layer.name.startswith("skip_")]


def encoder(model: keras.Model) -> keras.Model:
    """The part from the image to the latent.

    A VAE's gives [mean, log_var, sample], a VQ-VAE's the vectors before the codebook.
    """
    if in_two_parts(model):
        return model.get_layer("encoder")
    return keras.Model(model.input, model.get_layer("latent").output, name="encoder")


def decoder(model: keras.Model) -> keras.Model:
    """The part from the latent to the image.

    Raises:
        ValueError: skips go past the latent, so that the latent alone gives no image.
    """
    if in_two_parts(model):
        return model.get_layer("decoder")
    skips = [layer.name for layer in skip_layers(model)]
    if skips:
        raise ValueError(
            f"{model.name} has no decoder of its own: {', '.join(skips)} pass the latent by."
        )
    return keras.Model(model.get_layer("latent").output, model.outputs, name="decoder")


def latent_of(model: keras.Model, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Latents of images (N, H, W, C).

    A VAE's posterior means (N, D), a VQ-VAE's code vectors (N, h, w, D), else the feature maps
    (N, h, w, C) of the layer "latent".
    """
    result = outputs_of(encoder(model), images, batch_size=batch_size)
    if is_vq(model):
        codes = np.asarray(model.quantizer.codes(result))  # (N, h, w)
        return np.asarray(model.quantizer.codebook)[codes]
    return result[0] if is_vae(model) else result


def reconstruct(
    model: keras.Model,
    images: np.ndarray,
    *,
    sample: bool = False,
    seed: int = 0,
    batch_size: int = 64,
) -> np.ndarray:
    """Outputs of a model for images (N, H, W, C) -> (N, H, W, C) float32, of mixed precision too.

    A VAE decodes the posterior mean; with `sample=True` it decodes a draw from the posterior
    (thesis 000, equation 3.4).
    """
    if not sample:
        return outputs_of(model, images, batch_size=batch_size).astype("float32")
    if not is_vae(model):
        raise ValueError(f"{model.name} has no posterior to sample from; leave sample=False.")
    mean, log_var, _ = outputs_of(encoder(model), images, batch_size=batch_size)
    mean = mean.astype("float32")  # (N, D)
    spread = np.exp(log_var.astype("float32") / 2)
    noise = np.random.default_rng(seed).standard_normal(mean.shape).astype("float32")
    latents = mean + spread * noise
    return outputs_of(decoder(model), latents, batch_size=batch_size).astype("float32")
