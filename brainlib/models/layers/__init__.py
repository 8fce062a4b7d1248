"""Layers that own their losses, and the building blocks of the networks."""

from brainlib.models.layers.variational import (
    KLDivergence,
    Likelihood,
    Sampling,
    kl_by_dimension,
)

__all__ = [name for name in dir() if not name.startswith("_")]
