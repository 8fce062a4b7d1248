"""Networks and their layers: one table of names to builders, and what a model says about itself."""

from brainlib.models.layer_tables import blocks, layer_table, shape_words
from brainlib.models.outputs import outputs_of
from brainlib.models.registry import (
    NAMES,
    TABLE,
    build,
    decoder,
    describe,
    encoder,
    is_vae,
    is_vq,
    is_vqgan,
    latent_of,
    load,
    reconstruct,
    released,
)
from brainlib.models.released_weights import load_released

__all__ = [name for name in dir() if not name.startswith("_")]
