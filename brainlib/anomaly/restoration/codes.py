"""Which codes of a slice are unlikely, and what would be there instead? A prior over codes answers.

Thesis 002 has it among related work (section 3.4) and wishes for a prior over codes in its
conclusion; the method is that of Naval Marimont and Tarroni (2021).
"""

import keras
import numpy as np
from scipy import ndimage

from brainlib import models
from brainlib.models import prior_draw
from brainlib.models import vq as models_vq


def require_codebook(model: keras.Model, prior: keras.Model | None, method: str) -> None:
    """Refuses models without a codebook, and a missing or a wrong prior, with a ValueError."""
    if not models.is_vq(model):
        raise ValueError(
            f"method {method!r} asks a codebook: expected a VQ model, got {model.name}."
        )
    if prior is None:
        raise ValueError(
            f"method {method!r} needs the prior over the codes of {model.name}: pass prior=..., "
            "see brainlib.training.code_prior.load_or_fit."
        )
    same_grid = tuple(prior.grid) == tuple(model.grid)
    if not same_grid or prior.codebook_size != model.quantizer.codebook_size:
        raise ValueError(
            f"{model.name} has maps of {model.grid} codes of {model.quantizer.codebook_size}, the "
            f"prior knows {tuple(prior.grid)} of {prior.codebook_size}. It belongs to another "
            "model."
        )


def surprise_maps(model: keras.Model, slices: np.ndarray, *, prior: keras.Model) -> np.ndarray:
    """Bits that each code costs given those before it, enlarged to the slices' pixels (linearly).

    Args:
        model: a VQ model.
        slices: (N, H, W, 1) of the model's input, in [0, 1].
        prior: over its codes.

    Returns:
        float32 (N, H, W, 1).
    """
    require_codebook(model, prior, "prior_surprise")
    bits = prior_draw.surprise(prior, models_vq.codes_of(model, slices))  # (N, h, w)
    zoom = [wanted / got for wanted, got in zip(slices.shape[1:3], bits.shape[1:])]
    bits = np.asarray(bits, np.float32)
    enlarged = ndimage.zoom(bits, (1, *zoom), order=1, mode="nearest", grid_mode=True)
    return enlarged[..., None].clip(0)


def surprise_threshold(
    model: keras.Model, slices: np.ndarray, *, prior: keras.Model, quantile: float = 0.98
) -> float:
    """Bits that this share of the codes of healthy slices stay under: more is called unlikely.

    Args:
        model: a VQ model.
        slices: healthy ones, (N, H, W, 1).
        prior: over its codes.
        quantile: the share.
    """
    require_codebook(model, prior, "prior_restoration")
    bits = prior_draw.surprise(prior, models_vq.codes_of(model, slices))
    return float(np.quantile(bits, quantile))


def restore_codes(
    model: keras.Model,
    slices: np.ndarray,
    *,
    prior: keras.Model,
    threshold_bits: float = 5.0,
    restorations: int = 4,
    seed: int = 0,
) -> np.ndarray:
    """Slices whose unlikely codes are replaced by samples of the prior, decoded.

    Args:
        model: a VQ model.
        slices: (N, H, W, 1) of the model's input, in [0, 1].
        prior: over its codes.
        threshold_bits: codes that cost more are drawn anew; see `surprise_threshold`.
        restorations: draws of each slice.
        seed: of the draws.

    Returns:
        (restorations, N, H, W, 1).
    """
    require_codebook(model, prior, "prior_restoration")
    codes = models_vq.codes_of(model, slices)
    drawn = prior_draw.restore(prior, codes, threshold_bits, seed=seed, samples=restorations)
    return np.stack([models_vq.decode_codes(model, part) for part in drawn])
