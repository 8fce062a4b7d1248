"""Where in a slice is something anomalous? The maps of every method, and the healthy versions.

Thesis 002 subtracts a reconstruction (section 4.2.4); the other methods stand beside it.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from brainlib import models
from brainlib.anomaly.restoration import (
    require_codebook,
    require_vae,
    restore_by_descent,
    restore_codes,
    surprise_maps,
)
from brainlib.anomaly.restoration.elbo import BATCH
from brainlib.anomaly.scores.likelihood import (
    elbo_gradient,
    kl_and_distortion,
    kl_gradient,
    reconstruction_improbability,
)
from brainlib.anomaly.scores.methods import (
    BASELINES,
    METHODS,
    OF_A_VAE,
    OF_CODES,
    RESTORATIONS,
    residual_of_method,
)
from brainlib.anomaly.scores.residuals import residual
from brainlib.anomaly.scores.shapes import as_stack, cut_like, pad_for


def score_slices(
    model: keras.Model | None, slices: np.ndarray, *, method: str = "absolute", **options: Any
) -> np.ndarray:
    """Anomaly maps of slices.

    Args:
        model: a model of the workbook, or None for the baselines.
        slices: (N, H, W, 1), (N, H, W) or one (H, W), in [0, 1]. Slices smaller than the model's
            input (95x79 for a network that halves four times, say) are padded with 0 at the bottom
            and the right, and the map is cut back.
        method: one of `METHODS`:
            absolute, squared, positive (brighter than the reconstruction), negative (darker);
            dssim: (1 - SSIM) / 2 around each pixel;
            intensity_bright, intensity_dark: the slice itself and 1 - slice, the baselines; no
            model is asked;
            reconstruction_probability: minus the logarithm of An and Cho's (2015), but for a
            constant: squared error over twice the likelihood's variance, averaged over `samples`
            draws of the posterior;
            kl: size of the gradient of the KL divergence with regard to the pixel (Zimmerer et al.
            2019);
            elbo_gradient: the same of the whole negative ELBO;
            restoration, restoration_positive, restoration_negative: the residual to what
            `restore_by_descent` makes of a slice;
            prior_surprise: bits that the code of a place costs, of models with a codebook and a
            `prior`;
            prior_restoration, ..._positive, ..._negative: the mean residual to what `restore_codes`
            makes of a slice.
        **options: of the method.

    Returns:
        float32 array of the shape of `slices`, 0 or more.
    """
    _check_method(method, model)
    stack = as_stack(slices)
    if method in BASELINES:
        brightness = stack if method == "intensity_bright" else 1 - stack
        return cut_like(brightness, slices).clip(0)
    padded = pad_for(model, stack)
    _require(method, model, options.get("prior"))
    kind = residual_of_method(method)
    if kind:
        versions = _healthy_versions(model, padded, method, **options)
        maps = np.mean([residual(padded, version, kind) for version in versions], axis=0)
    else:
        maps = _MAPS[method](model, padded, **options)
    return cut_like(maps, slices)


_MAPS = {
    "reconstruction_probability": reconstruction_improbability,
    "kl": kl_gradient,
    "elbo_gradient": elbo_gradient,
    "prior_surprise": surprise_maps,
}


def _check_method(method, model):
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}.")
    if model is None and method not in BASELINES:
        raise ValueError(
            f"method {method!r} needs a model; only {' and '.join(BASELINES)} do without."
        )


def _require(method, model, prior):
    """Refuses a model, or a prior, that cannot answer a method."""
    if method in OF_A_VAE:
        require_vae(model, method)
    elif method in OF_CODES:
        require_codebook(model, prior, method)


def reconstruct(model: keras.Model, slices: np.ndarray) -> np.ndarray:
    """A model's output for slices of any shape that `score_slices` takes; of the same shape."""
    padded = pad_for(model, as_stack(slices))
    return cut_like(models.reconstruct(model, padded, batch_size=BATCH), slices)


def healthy_versions(
    model: keras.Model, slices: np.ndarray, *, method: str = "absolute", **options: Any
) -> np.ndarray:
    """What a slice is compared with: reconstructions, or restorations of the methods that restore.

    Args:
        model: a model of the workbook.
        slices: of any shape that `score_slices` takes.
        method: see `score_slices`.
        **options: of the method.

    Returns:
        (versions, *slices' shape): several where a prior draws several.
    """
    versions = _healthy_versions(model, pad_for(model, as_stack(slices)), method, **options)
    return np.stack([cut_like(version, slices) for version in versions])


def _healthy_versions(model, stack, method, **options):
    """(versions, N, H, W, 1) of slices (N, H, W, 1) that the model takes."""
    if method in RESTORATIONS:
        return restore_by_descent(model, stack, **options)[None]
    if method in OF_CODES and method != "prior_surprise":
        return restore_codes(model, stack, **options)
    return _reconstructions(model, stack, **options)


def _reconstructions(model, stack):  # takes no options: one that is given is a mistake
    return models.reconstruct(model, stack, batch_size=BATCH)[None]


def slice_score(
    model: keras.Model | None,
    slices: np.ndarray,
    *,
    method: str,
    maps: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """One number per slice: (N,).

    For "kl" the KL divergence in nats, for "elbo_gradient" minus the ELBO in nats; for all others
    the mean of the maps over the mask.

    Args:
        model: a model of the workbook, or None for the baselines.
        slices: (N, H, W, 1).
        method: see `score_slices`.
        maps: of the slices, where there are some already.
        mask: bool, of the maps' shape; without one the whole slice is taken.
    """
    if method in ("kl", "elbo_gradient"):
        require_vae(model, method)
        kl, distortion = kl_and_distortion(model, pad_for(model, as_stack(slices)))
        return kl if method == "kl" else kl + distortion
    maps = score_slices(model, slices, method=method) if maps is None else maps
    maps = maps.reshape(len(maps), -1)
    inside = np.ones_like(maps, bool)
    if mask is not None:
        inside = np.asarray(mask, bool).reshape(maps.shape)
    return (maps * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)


def load_model(model: keras.Model | Path | str | None) -> keras.Model | None:
    """A model, or that of a `.keras` file."""
    return models.load(model) if isinstance(model, (str, Path)) else model
