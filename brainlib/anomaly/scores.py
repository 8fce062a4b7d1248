"""Anomaly scores of slices: residuals, DSSIM maps, what a VAE's likelihood and latent say, restoration, plain intensity.

Every score is larger where a pixel is more anomalous and never below 0, so that 0 means 'nothing here'.
"""

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage.metrics import structural_similarity

from brainlib import models
from brainlib.anomaly.restoration import (
    BATCH,
    codes_only,
    elbo_parts,
    remembered,
    restore,
    restore_codes,
    sigma_of,
    surprise_maps,
    vae_only,
)  # noqa: F401
from brainlib.metrics import SSIM_SIGMA
from brainlib.models.outputs import outputs_of

RESIDUALS = ("absolute", "squared", "positive", "negative")
BASELINES = ("intensity_bright", "intensity_dark")
RESTORATIONS = {
    "restoration": "absolute",
    "restoration_positive": "positive",
    "restoration_negative": "negative",
}  # and their residual
OF_A_VAE = ("reconstruction_probability", "kl", "elbo_gradient", *RESTORATIONS)
OF_CODES = ("prior_surprise", *(f"prior_{name}" for name in RESTORATIONS))
METHODS = (*RESIDUALS, "dssim", *BASELINES, *OF_A_VAE, *OF_CODES)


def score_slices(model, slices, *, method="absolute", **options):
    """Anomaly maps of slices.

    Args:
        model: a model of the workbook, or None for the baselines.
        slices: (N, H, W, 1), (N, H, W) or one (H, W), in [0, 1]. Slices smaller than the model's input (95x79 for a
            network that halves four times, say) are padded with 0 at the bottom and the right, and the map is cut back.
        method: one of `METHODS`:
            absolute, squared, positive (brighter than the reconstruction), negative (darker than it);
            dssim: (1 - SSIM) / 2 around each pixel;
            intensity_bright, intensity_dark: the slice itself and 1 - slice, the baselines; no model is asked;
            reconstruction_probability: minus the logarithm of An and Cho's (2015), but for a constant: squared error over
                twice the likelihood's variance, averaged over `samples` draws of the posterior;
            kl: size of the gradient of the KL divergence with regard to the pixel (Zimmerer et al. 2019);
            elbo_gradient: the same of the whole negative ELBO;
            restoration, restoration_positive, restoration_negative: the residual to what `restore` makes of a slice;
            prior_surprise: bits that the code of a place costs, of models with a codebook and a `prior`;
            prior_restoration, ..._positive, ..._negative: the mean residual to what `restore_codes` makes of a slice.
        options: of the method.

    Returns:
        float32 array of the shape of `slices`, 0 or more.
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}.")
    stack, shape = _stack(slices)
    if method in BASELINES:
        return _as(stack if method == "intensity_bright" else 1 - stack, shape).clip(0)
    if model is None:
        raise ValueError(
            f"method {method!r} needs a model; only {' and '.join(BASELINES)} do without."
        )
    padded = _padded(stack, model)
    if method in OF_A_VAE or method in OF_CODES:
        maps = _asked(model, padded, method, **options)
    else:
        maps = residual(
            padded, models.reconstruct(model, padded, batch_size=BATCH), method, **options
        )
    return _as(maps[:, : stack.shape[1], : stack.shape[2]], shape)


def reconstruct(model, slices):
    """A model's output for slices of any shape that `score_slices` takes; of the same shape."""
    stack, shape = _stack(slices)
    output = models.reconstruct(model, _padded(stack, model), batch_size=BATCH)
    return _as(output[:, : stack.shape[1], : stack.shape[2]], shape)


def compared(method):
    """The residual that a method takes of a slice and its healthy version, or None: it makes maps of another kind."""
    kind = RESTORATIONS.get(method.removeprefix("prior_"), method)
    return kind if kind in (*RESIDUALS, "dssim") else None


def healthy_versions(model, slices, *, method="absolute", prior=None, **options):
    """What a slice is compared with: reconstructions, or restorations of the methods that restore.

    Args:
        slices: of any shape that `score_slices` takes.
        method, prior, options: as there.

    Returns:
        (versions, *slices' shape): several where the prior draws several.
    """
    stack, shape = _stack(slices)
    padded = _padded(stack, model)
    if method in OF_CODES and method != "prior_surprise":
        codes_only(model, prior, method)
        made = remembered(restore_codes, model, padded, prior=prior, **options)
    elif method in RESTORATIONS:
        made = remembered(restore, model, padded, **options)[None]
    else:
        made = models.reconstruct(model, padded, batch_size=BATCH)[None]
    return np.stack([_as(one[:, : stack.shape[1], : stack.shape[2]], shape) for one in made])


def residual(target, output, kind):
    """How far slices are from what a model makes of them, pixel by pixel. target, output: (..., H, W[, 1]) of one shape.

    kind: one of `RESIDUALS` or "dssim" (which takes (N, H, W, 1)).
    """
    if kind == "dssim":
        return np.stack(
            [(1 - _similarity(a[..., 0], b[..., 0])[..., None]) / 2 for a, b in zip(target, output)]
        )
    difference = np.asarray(target, np.float32) - np.asarray(output, np.float32)
    kinds = {
        "absolute": np.abs,
        "squared": np.square,
        "positive": lambda d: np.maximum(d, 0),
        "negative": lambda d: np.maximum(-d, 0),
    }
    if kind not in kinds:
        raise ValueError(
            f"residual: expected one of {', '.join(RESIDUALS)} or dssim, got {kind!r}."
        )
    return kinds[kind](difference)


def slice_score(model, slices, *, method, maps=None, mask=None):
    """One number a slice: (N,).

    For "kl" the KL divergence in nats, for "elbo_gradient" minus the ELBO in nats; for all others the mean of the maps
    over the mask (over the whole slice without one).
    """
    if method in ("kl", "elbo_gradient"):
        vae_only(model, method)
        padded = _padded(_stack(slices)[0], model)
        parts = [
            elbo_parts(model, tf.constant(padded[start : start + BATCH]), sigma_of(model))
            for start in range(0, len(padded), BATCH)
        ]
        kl, distortion = (
            np.concatenate([np.asarray(part[place]) for part in parts]) for place in (0, 1)
        )
        return kl if method == "kl" else kl + distortion
    maps = score_slices(model, slices, method=method) if maps is None else maps
    maps = maps.reshape(len(maps), -1)
    inside = (
        np.ones_like(maps, bool) if mask is None else np.asarray(mask, bool).reshape(maps.shape)
    )
    return (maps * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)


# ------------------------------------------------------------------------------------------------ what VAEs and codes say


def _gradient(model, stack, loss):
    """|d loss / d pixel| of slices (N, H, W, 1); `loss` makes (B,) of (KL, distortion)."""
    maps, sigma = [], sigma_of(model)
    for start in range(0, len(stack), BATCH):
        images = tf.constant(stack[start : start + BATCH])
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(loss(*elbo_parts(model, images, sigma)))
        maps.append(np.abs(tape.gradient(total, images).numpy()))
    return np.concatenate(maps)


def _kl_gradient(model, stack):
    return _gradient(model, stack, lambda kl, distortion: kl)


def _elbo_gradient(model, stack):
    return _gradient(model, stack, lambda kl, distortion: kl + distortion)


def _improbability(model, stack, *, samples=8, seed=0):
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    mean, log_var, _ = (
        np.asarray(part, np.float32) for part in outputs_of(encoder, stack, batch_size=BATCH)
    )
    total = np.zeros(stack.shape, np.float32)
    for draw in range(samples):
        latents = mean + np.exp(log_var / 2) * np.random.default_rng(seed + draw).standard_normal(
            mean.shape
        ).astype(np.float32)
        total += np.square(stack - outputs_of(decoder, latents, batch_size=BATCH))
    return (total / samples / (2 * sigma_of(model) ** 2)).astype(np.float32)


def _asked(model, stack, method, *, prior=None, **options):
    """The maps of `OF_A_VAE` and `OF_CODES`."""
    if method in OF_A_VAE:
        vae_only(model, method)
    else:
        codes_only(model, prior, method)
    if compared(method):
        versions = healthy_versions(model, stack, method=method, prior=prior, **options)
        return np.mean([residual(stack, one, compared(method)) for one in versions], axis=0)
    if method == "prior_surprise":
        return surprise_maps(model, stack, prior=prior)
    return {
        "reconstruction_probability": _improbability,
        "kl": _kl_gradient,
        "elbo_gradient": _elbo_gradient,
    }[method](model, stack, **options)


# ------------------------------------------------------------------------------------------------ post-processing


def post_process(
    score, brain_mask, *, mask=True, erode_px=3, median=9, threshold=None, min_pixels=7
):
    """Seed 002, section 4.2.4: eroded brain mask, median filter, small components out; each step can be switched off.

    Args:
        score: maps (N, H, W) or (N, H, W, 1), 0 or more.
        brain_mask: bool, of the same shape; None only with mask=False.
        mask: whether scores outside of the eroded mask become 0.
        erode_px: erosion of every slice's mask, in pixels; 0 leaves it.
        median: side of the median filter (9 and 5 in the seed); 0 or 1 leaves it out.
        threshold: scores below it become 0 before components are counted; None: the seed's order, in which every pixel
            above 0 counts.
        min_pixels: components (8-neighbours in the slice) of fewer pixels become 0; 0 leaves them.

    Returns:
        float32 array of the shape of `score`.
    """
    score = np.asarray(score, np.float32)
    stack = (score[..., 0] if score.ndim == 4 else score).copy()
    if mask:
        if brain_mask is None or np.shape(brain_mask) != score.shape:
            raise ValueError(
                f"post_process: expected a brain mask of shape {score.shape}, got {np.shape(brain_mask)}. mask=False leaves it out."
            )
        stack *= erode(np.asarray(brain_mask, bool).reshape(stack.shape), erode_px)
    if median > 1:
        stack = ndimage.median_filter(stack, size=(1, median, median))
    if threshold is not None:
        stack[stack < threshold] = 0
    if min_pixels > 1:
        stack *= without_small(stack > 0, min_pixels)
    return stack.reshape(score.shape)


def detect(score, threshold, *, min_pixels=7, inside=None):
    """What is called lesion: score >= threshold, without components of fewer than `min_pixels`. (N, H, W[, 1]) -> bool.

    inside: bool of the score's shape, the pixels that are judged at all. A threshold of 0 calls every one of them, and without
    it the empty space around the head as well.
    """
    score = np.asarray(score)
    called = score >= threshold if inside is None else (score >= threshold) & inside
    return without_small(called.reshape(score.shape[:3]), min_pixels).reshape(score.shape)


def erode(mask, pixels):
    """Every slice's mask without a rim of `pixels`: bool (N, H, W)."""
    if not pixels:
        return mask
    return ndimage.binary_erosion(
        mask, structure=np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool), iterations=pixels
    )


def without_small(mask, min_pixels):
    """A stack of masks without components (8-neighbours in the slice) of fewer than `min_pixels`: bool (N, H, W)."""
    if min_pixels <= 1:
        return mask
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = True
    pieces, _ = ndimage.label(mask, structure=structure)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return (sizes >= min_pixels)[pieces]


# ------------------------------------------------------------------------------------------------ shapes


def _stack(slices):
    slices = np.asarray(slices, np.float32)
    shape = slices.shape
    if slices.ndim == 2:
        return slices[None, ..., None], shape
    if slices.ndim == 3:
        return slices[..., None], shape
    if slices.ndim != 4 or shape[-1] != 1:
        raise ValueError(
            f"expected slices of shape (N, H, W, 1), (N, H, W) or (H, W), got {shape}."
        )
    return slices, shape


def _as(maps, shape):
    return np.asarray(maps, np.float32).reshape(shape)


def _padded(stack, model):
    wanted, given = model.input_shape[1:3], stack.shape[1:3]
    missing = [want - got if want else 0 for want, got in zip(wanted, given)]
    if min(missing) < 0 or max(missing) > 32:
        raise ValueError(
            f"{model.name} takes slices of {wanted[0]}x{wanted[1]} (smaller by up to 32 pixels are padded), got {given[0]}x{given[1]}. "
            "Prepare the slices at the model's size, or build the model at theirs."
        )
    return np.pad(stack, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)])


def _similarity(target, output):
    if min(target.shape) < 11:
        raise ValueError(
            f"a DSSIM map needs slices of 11x11 pixels or more, got {target.shape[0]}x{target.shape[1]}."
        )
    return structural_similarity(
        target,
        output,
        data_range=1.0,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        full=True,
    )[1]


def load(model):
    """A model, or the one of a `.keras` file."""
    return model if isinstance(model, keras.Model) else models.load(model)
