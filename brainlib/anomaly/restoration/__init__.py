"""Slices moved to what a model finds likely; what changed on the way is an anomaly score.

Thesis 002 has it among related work (section 3.4) and subtracts reconstructions only. `elbo`
descends a VAE's ELBO, `codes` replaces the unlikely codes of a VQ model by draws of a prior.
"""

from brainlib.anomaly.restoration.codes import (
    require_codebook,
    restore_codes,
    surprise_maps,
    surprise_threshold,
)
from brainlib.anomaly.restoration.elbo import (
    elbo_parts,
    likelihood_sigma,
    require_vae,
    restore_by_descent,
)
