"""Which ways are there to score a slice, and which network can answer which?

Thesis 002 takes the positive part of the residual (section 4.2.4); the others are of the papers
that `brainlib.anomaly.scores.maps.score_slices` names.
"""

import keras

from brainlib import models

RESIDUALS = ("absolute", "squared", "positive", "negative")
BASELINES = ("intensity_bright", "intensity_dark")  # no network is asked
RESTORATIONS = {  # and the residual that they take
    "restoration": "absolute",
    "restoration_positive": "positive",
    "restoration_negative": "negative",
}
OF_A_VAE = ("reconstruction_probability", "kl", "elbo_gradient", *RESTORATIONS)
OF_CODES = ("prior_surprise", *(f"prior_{name}" for name in RESTORATIONS))
METHODS = (*RESIDUALS, "dssim", *BASELINES, *OF_A_VAE, *OF_CODES)


def residual_of_method(method: str) -> str | None:
    """The residual that a method takes of a slice and its healthy version.

    None where it makes maps of another kind.
    """
    kind = RESTORATIONS.get(method.removeprefix("prior_"), method)
    return kind if kind in (*RESIDUALS, "dssim") else None


def is_applicable(method: str, model: keras.Model) -> bool:
    """Whether a network can answer a method."""
    if method in OF_A_VAE:
        return models.is_vae(model)
    if method in OF_CODES:
        return models.is_vq(model)
    return True
