"""Labs: what a chapter is about, to be moved by hand. One line in a notebook each.

labs.slices(run)      three planes of a head, and rules that keep its slices
labs.head_in_3d(run)  a head that one turns and cuts open
labs.latent(run)      walks through the code of a VAE
labs.codes(run)       a page of codes, changed sign by sign
labs.corruption(run)  damage, and who mends it
labs.threshold(run)   a score becomes a call
labs.quality(run)     all heads as a grid, whose boxes write exclude.csv
labs.still(lab)       a picture of any of the labs

Each is a pure function from a state to a picture (`view` of its module), and controls beside it
(`lab`). Headless the same line gives a still, and words where a network is missing.

Each is imported when it is asked for: chapter 01 looks into heads without waiting for TensorFlow.
"""

import importlib

_HOME = {
    "slices": ("slice_lab", "slices_of"),
    "head_in_3d": ("body_lab", "head_in_3d"),
    "latent": ("latent_lab", "latent"),
    "codes": ("code_lab", "codes"),
    "corruption": ("corruption_lab", "corruption"),
    "threshold": ("threshold_lab", "threshold"),
    "quality": ("quality_lab", "quality"),
    "still": ("lab", "show_still"),
    "Lab": ("lab", "Lab"),
    "Words": ("lab", "Words"),
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"there is no lab {name!r}; there are {', '.join(_HOME)}.")
    module, within = _HOME[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), within)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
