"""Slices moved to what a model finds likely: descent of a VAE's ELBO, unlikely codes of a VQ model replaced by its prior.

What changed on the way is an anomaly score.
"""

import hashlib
import weakref

import numpy as np
import tensorflow as tf
from scipy import ndimage

from brainlib import models
from brainlib.models import prior as models_prior
from brainlib.models import vq as models_vq
from brainlib.models.layers.variational import kl_by_dimension

BATCH = 32
KEPT = 8  # restorations remembered: three signs of a residual need them


# ------------------------------------------------------------------------------------------------ a VAE's ELBO


def vae_only(model, method):
    """Refuses models that have no posterior and no likelihood."""
    if not models.is_vae(model):
        raise ValueError(
            f"method {method!r} asks a posterior and a likelihood: expected a VAE, got {model.name}. Take a residual, dssim or a baseline."
        )


def sigma_of(model):
    """The likelihood's standard deviation; 0.1 where the model names none (the seed's loss)."""
    sigma = model.likelihood.sigma() if hasattr(model, "likelihood") else np.nan
    return sigma if np.isfinite(sigma) else 0.1


def elbo_parts(model, images, sigma):
    """(KL, distortion), each (B,) in nats, at the posterior mean; the distortion's constant is left out."""
    mean, log_var, _ = model.get_layer("encoder")(images, training=False)
    output = model.get_layer("decoder")(mean, training=False)
    kl = tf.reduce_sum(kl_by_dimension(mean, log_var), axis=-1)
    return kl, tf.reduce_sum(tf.square(images - output), axis=(1, 2, 3)) / (2 * sigma**2)


def restore(model, slices, *, steps=60, rate=0.01, total_variation=5.0):
    """Slices moved towards what a VAE finds likely: descent of the negative ELBO plus the total variation of the change.

    Chen et al. (2020) and You et al. (2019): where the change stays small, so does its total variation; a lesion is a
    patch that pays for its border once and may then change as a whole.

    Args:
        model: a VAE.
        slices: (N, H, W, 1) of the model's input, in [0, 1].
        steps, rate: of Adam, in image units.
        total_variation: weight of the total variation of (restored - slices), nats a unit of grey.

    Returns:
        restored slices (N, H, W, 1), clipped to [0, 1].
    """
    vae_only(model, "restoration")
    step, restored = None, []
    for start in range(0, len(slices), BATCH) if steps else ():
        step = step or _restoration_step(model, total_variation)
        part = np.asarray(slices[start : start + BATCH], np.float32)
        images = tf.constant(
            np.concatenate([part, part[:1].repeat(min(BATCH, len(slices)) - len(part), axis=0)])
        )  # one shape, one graph
        moved, first, second = images, tf.zeros_like(images), tf.zeros_like(images)
        for number in range(1, steps + 1):
            gradient = step(moved, images)
            first, second = (
                0.9 * first + 0.1 * gradient,
                0.999 * second + 0.001 * tf.square(gradient),
            )
            moved -= (
                rate * (first / (1 - 0.9**number)) / (tf.sqrt(second / (1 - 0.999**number)) + 1e-8)
            )
            moved = tf.clip_by_value(moved, 0.0, 1.0)
        restored.append(moved.numpy()[: len(part)])
    return np.concatenate(restored) if restored else np.array(slices, np.float32)


def _restoration_step(model, weight):
    sigma = sigma_of(model)  # outside of the graph: it is a number, no tensor

    @tf.function
    def step(moved, images):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            loss = tf.reduce_sum(sum(elbo_parts(model, moved, sigma))) + weight * tf.reduce_sum(
                _smooth_variation(moved - images)
            )
        return tape.gradient(loss, moved)

    return step


def _smooth_variation(change, softness=1e-3):
    """Total variation of (B, H, W, 1) -> (B,), rounded at 0 so that its gradient is small there: a start that is no change."""
    down = tf.pad(change[:, 1:] - change[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = tf.pad(change[:, :, 1:] - change[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    return tf.reduce_sum(
        tf.sqrt(tf.square(down) + tf.square(right) + softness**2) - softness, axis=(1, 2, 3)
    )


# ------------------------------------------------------------------------------------------------ a prior over codes


def codes_only(model, prior, method):
    """Refuses models without a codebook, and a missing or a wrong prior."""
    if not models.is_vq(model):
        raise ValueError(
            f"method {method!r} asks a codebook: expected a VQ model, got {model.name}."
        )
    if prior is None:
        raise ValueError(
            f"method {method!r} needs the prior over the codes of {model.name}: pass prior=..., see models_prior.load_or_fit."
        )
    if (
        tuple(prior.grid) != tuple(model.grid)
        or prior.codebook_size != model.quantizer.codebook_size
    ):
        raise ValueError(
            f"{model.name} has maps of {model.grid} codes of {model.quantizer.codebook_size}, the prior knows {tuple(prior.grid)} of "
            f"{prior.codebook_size}. It belongs to another model."
        )


def surprise_maps(model, slices, *, prior):
    """Bits that each code costs given those before it, enlarged to the slices' pixels (linearly). (N, H, W, 1) -> the same shape."""
    codes_only(model, prior, "prior_surprise")
    bits = models_prior.surprise(prior, models_vq.codes_of(model, slices))
    zoom = [wanted / got for wanted, got in zip(slices.shape[1:3], bits.shape[1:])]
    return ndimage.zoom(
        np.asarray(bits, np.float32), (1, *zoom), order=1, mode="nearest", grid_mode=True
    )[..., None].clip(0)


def typical_threshold(model, slices, *, prior, quantile=0.98):
    """Bits that this share of the codes of healthy slices stay under: what `restore_codes` calls unlikely."""
    codes_only(model, prior, "prior_restoration")
    return float(
        np.quantile(models_prior.surprise(prior, models_vq.codes_of(model, slices)), quantile)
    )


def restore_codes(model, slices, *, prior, threshold_bits=5.0, restorations=4, seed=0):
    """Slices whose unlikely codes are replaced by samples of the prior (Naval Marimont and Tarroni 2021), decoded.

    Args:
        model: a VQ model; prior: of its codes.
        slices: (N, H, W, 1) of the model's input, in [0, 1].
        threshold_bits: codes that cost more are drawn anew; `typical_threshold` measures one on healthy slices.
        restorations: draws of each slice.

    Returns:
        (restorations, N, H, W, 1).
    """
    codes_only(model, prior, "prior_restoration")
    codes = models_vq.codes_of(model, slices)
    drawn = models_prior.restore(prior, codes, threshold_bits, seed=seed, samples=restorations)
    return np.stack([models_vq.decode_codes(model, part) for part in drawn])


# ------------------------------------------------------------------------------------------------ remembered

_remembered = weakref.WeakKeyDictionary()  # by model


def remembered(way, model, slices, **options):
    """`way(model, slices, **options)`; the last few answers are kept, since each sign of a residual asks for them again."""
    of_model = _remembered.setdefault(model, {})
    state = tuple(
        float(np.sum(weight)) for weight in model.get_weights()
    )  # a model that was trained on answers anew
    key = (
        way.__name__,
        slices.shape,
        hashlib.sha256(np.ascontiguousarray(slices)).hexdigest(),
        state,
        tuple(
            (name, id(value) if name == "prior" else value)
            for name, value in sorted(options.items())
        ),
    )
    if key not in of_model:
        if len(of_model) >= KEPT:
            of_model.pop(next(iter(of_model)))
        of_model[key] = way(model, slices, **options)
    return of_model[key]


def forget():
    """Drops what `remembered` keeps: the next question pays its whole time."""
    _remembered.clear()
