"""What may happen to an image: the theses' corruptions, mended and as published, and MR's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Limits = tuple[float, float]  # (lowest, highest)


@dataclass(frozen=True)
class Preset:
    """What may happen to an image, and how strongly.

    In this order: bias field, ghost, Rician noise, dropout, Gaussian noise, blanked squares, blur;
    the blur before all others with `blur_first`.

    Attributes:
        dropout: (lowest, highest) share of the pixels set to 0.
        dropout_block: side in pixels of the blocks that drop out together.
        rescale_survivors: surviving pixels are divided by 1 - share, as dropout layers do it.
        noise_sigma: (lowest, highest) standard deviation of Gaussian noise, image units.
        square_probability: chance that squares are blanked.
        squares: how many, 1 or 2.
        square_side: (shortest, longest) side as a share of the image's shorter side.
        square_place: "inside" (anywhere, whole), "centre" (the centre is anywhere, the image's
            border cuts) or "diagonal" (the centre is on the diagonal, the border cuts).
        blur_probability: chance of a Gaussian blur.
        blur_sigma: (lowest, highest) in pixels.
        blur_first: whether holes are cut into the blurred image, so that their edges stay sharp.
        bias: (lowest, highest) strength of a smooth receive field: its logarithm's standard
            deviation.
        ghost: (lowest, highest) share of the signal that respiration or motion repeats half a field
            of view away.
        rician_sigma: (lowest, highest) standard deviation of the noise in both channels of a
            magnitude image, image units.
        either: 0 to 2 of {squares, dropout} happen, equally likely (imgaug's SomeOf);
            square_probability is ignored.
        rescale: the corrupted image is min-max scaled again; otherwise it is clipped to [0, 1].
        clean_probability: chance that nothing at all happens to an image.
    """

    dropout: Limits = (0.0, 0.0)
    dropout_block: int = 1
    rescale_survivors: bool = False
    noise_sigma: Limits = (0.0, 0.0)
    square_probability: float = 0.0
    squares: int = 1
    square_side: Limits = (0.0, 0.0)
    square_place: str = "inside"
    blur_probability: float = 0.0
    blur_sigma: Limits = (0.0, 0.0)
    blur_first: bool = False
    bias: Limits = (0.0, 0.0)
    ghost: Limits = (0.0, 0.0)
    rician_sigma: Limits = (0.0, 0.0)
    either: bool = False
    rescale: bool = False
    clean_probability: float = 0.0


# A name with `_code` is what an author's program does where it differs from the text. Where thesis
# 003 gives no number (blur sigma, side of the cut-outs), the defaults of imgaug 0.4 stand, which it
# ran on.
PRESETS = {
    "none": Preset(),
    "seed004": Preset(
        dropout=(0, 0.05),
        noise_sigma=(0, 0.04),
        square_probability=0.2,
        square_side=(10 / 128, 40 / 128),
        blur_probability=0.1,
        blur_sigma=(0.6, 0.6),
    ),
    "seed004_code": Preset(
        dropout=(0, 0.04),
        rescale_survivors=True,
        noise_sigma=(0, 0.04),
        square_probability=0.2,
        square_side=(10 / 128, 40 / 128),
        square_place="diagonal",
        blur_probability=0.1,
        blur_sigma=(0.6, 0.6),
        rescale=True,
    ),
    "seed003": Preset(
        blur_probability=0.5,
        blur_sigma=(0, 3),
        blur_first=True,  # its section 4.3.1: GaussianBlur, then 0 to 2 of the others
        either=True,
        squares=2,
        square_side=(0.2, 0.2),
        square_place="centre",
        dropout=(0, 0.05),
        dropout_block=2,
    ),
    "seed003_test": Preset(dropout=(0.1, 0.1)),
    # Thesis 000's wish (section 4.2): noise added to the inputs alone.
    "noise": Preset(noise_sigma=(0, 0.04)),
    # Thesis 004's damage for a restorer of any head: more squares and blurs, and clean slices, so
    # that it learns to leave alone what is whole.
    "restorer": Preset(
        dropout=(0, 0.05),
        noise_sigma=(0, 0.04),
        square_probability=0.5,
        square_side=(10 / 128, 40 / 128),
        blur_probability=1 / 3,
        blur_sigma=(0.45, 0.75),
        clean_probability=0.25,
    ),
    # Masked patches, as in ceVAE.
    "context": Preset(square_probability=1.0, squares=2, square_side=(0.1, 0.3)),
    # The ones of magnetic resonance that the theses wish for.
    "rician": Preset(rician_sigma=(0.01, 0.08)),
    "bias_field": Preset(bias=(0.05, 0.25)),
    "ghosting": Preset(ghost=(0.05, 0.3)),
    "mr": Preset(bias=(0, 0.2), ghost=(0, 0.2), rician_sigma=(0, 0.05)),
}


def preset(name: str | Preset) -> Preset:
    """The `Preset` of a name; a `Preset` is returned as it is."""
    if isinstance(name, Preset):
        return name
    if name not in PRESETS:
        raise ValueError(
            f"corruption: expected one of {', '.join(PRESETS)} or a Preset, got {name!r}."
        )
    return PRESETS[name]


def scaled(name: str | Preset, strength: float) -> Preset:
    """A preset with its strengths and probabilities times `strength`; 0 is "none", 1 itself."""
    chosen = preset(name)
    if strength == 0:
        return PRESETS["none"]

    def times(limits: Limits, most: float = math.inf) -> Limits:
        return tuple(min(value * strength, most) for value in limits)

    return replace(
        chosen,
        dropout=times(chosen.dropout, 0.99),
        noise_sigma=times(chosen.noise_sigma),
        square_probability=min(chosen.square_probability * strength, 1.0),
        square_side=times(chosen.square_side, 1.0),
        blur_probability=min(chosen.blur_probability * strength, 1.0),
        blur_sigma=times(chosen.blur_sigma),
        bias=times(chosen.bias),
        ghost=times(chosen.ghost, 0.9),
        rician_sigma=times(chosen.rician_sigma),
    )
