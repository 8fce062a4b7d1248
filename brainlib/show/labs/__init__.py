"""Labs: what a chapter is about, to be moved by hand. One line in a notebook each.

labs.slices(run)      three planes of a head, and rules that keep its slices
labs.latent(run)      walks through the code of a VAE
labs.codes(run)       a page of codes, changed sign by sign
labs.corruption(run)  damage, and who mends it
labs.threshold(run)   a score becomes a call
labs.still(lab)       a picture of any of them

Each is a pure function from a state to a picture (`view` of its module), and controls beside it
(`lab`). Headless the same line gives a still, and words where a network is missing.
"""

from brainlib.show.labs.code_lab import codes
from brainlib.show.labs.corruption_lab import corruption
from brainlib.show.labs.figure_labs import (
    png,
    render_slice,
    slice_browser,
)
from brainlib.show.labs.lab import Lab, Words
from brainlib.show.labs.lab import show_still as still
from brainlib.show.labs.latent_lab import latent
from brainlib.show.labs.threshold_lab import threshold
