"""Networks and their layers: one table of names to builders, and what a model says about itself.

    build, NAMES, released             registry.py      from a name to a network
    load                               saved.py         from a file to a network
    encoder, decoder, reconstruct, ... parts.py         what every network has, whatever its family
    describe                           description.py   its weights and numbers per image
    layer_table, blocks                layer_tables.py, diagram_blocks.py: the graph as a table

The networks themselves: `residual` and `resnet50` (theses 003, 004), `vae` and `vq` (000, 002),
`uad` and `vqgan` (002), `prior` (over code maps). `layers` holds what Keras does not have.
"""

from brainlib.models.description import describe
from brainlib.models.diagram_blocks import blocks
from brainlib.models.layer_tables import layer_table, shape_words
from brainlib.models.outputs import outputs_of
from brainlib.models.parts import (
    decoder,
    encoder,
    is_vae,
    is_vq,
    is_vqgan,
    latent_of,
    reconstruct,
)
from brainlib.models.registry import NAMES, TABLE, build, released
from brainlib.models.released_weights import load_released
from brainlib.models.saved import load

__all__ = [
    "NAMES",
    "TABLE",
    "blocks",
    "build",
    "decoder",
    "describe",
    "encoder",
    "is_vae",
    "is_vq",
    "is_vqgan",
    "latent_of",
    "layer_table",
    "load",
    "load_released",
    "outputs_of",
    "reconstruct",
    "released",
    "shape_words",
]
