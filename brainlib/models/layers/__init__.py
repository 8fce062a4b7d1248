"""Layers that own their losses, and the building blocks of the networks.

variational.py   sampling, KL divergence and likelihood of a VAE
vq.py            the codebook of a VQ-VAE, and what code maps hold
vqgan.py         residual and non-local blocks of the VQGAN
prior.py         causal layers of the prior over code maps
"""

from brainlib.models.layers.variational import (
    KLDivergence,
    Likelihood,
    Sampling,
    kl_by_dimension,
)

__all__ = ["KLDivergence", "Likelihood", "Sampling", "kl_by_dimension"]
