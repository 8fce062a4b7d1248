"""Questions about the latent: does it compress, does it say enough, is it what the prior says?"""

import math

import keras
import numpy as np

from brainlib.inspector.findings import Finding, finding, unanswered
from brainlib.inspector.latents import Codes, Posterior
from brainlib.inspector.layer_access import part
from brainlib.inspector.loss import LossWeights
from brainlib.inspector.waist import waist
from brainlib.models.layers.vq import bits_an_image, code_shares, entropy_bits

# Four numbers of eight bits - size, place, turn, number of the slice - say nothing yet about
# anybody's anatomy.
FEWEST_BITS = 32.0
ACTIVE_VARIANCE = 0.01  # of a posterior mean over images: Burda et al. (2016)


def latent_size(model: keras.Model) -> Finding:
    """Whether anything forces the model to compress.

    Thesis 004's latent holds 32,768 numbers for 16,384 pixels.
    """
    numbers, pixels = waist(model), _pixels(model)
    share = numbers / pixels
    why = (
        "The model has no graph from which its narrowest place could be read; see whether it "
        "copies."
    )
    if math.isfinite(share):
        why = (
            f"All that reaches the output passes through {numbers:,.0f} numbers; a picture has "
            f"{pixels:,.0f} pixels."
        )
    return finding(
        "latent numbers a pixel",
        share,
        "numbers a pixel",
        expected="below 1",
        flagged=share >= 1,
        why=why,
        todo="Narrow the bottleneck or leave out skips: a network that can copy need not know "
        "what a head looks like.",
    )


def _pixels(model: keras.Model) -> float:
    """Numbers of a picture that the model takes; NaN where it does not say."""
    if getattr(model, "inputs", None):
        return math.prod(model.inputs[0].shape[1:])
    encoder = part(model, "encoder")
    return math.nan if encoder is None else math.prod(encoder.inputs[0].shape[1:])


# ------------------------------------------------------------------------------------- posterior


def _active_units(posterior: Posterior) -> int:
    return int((posterior.variance_of_means() > ACTIVE_VARIANCE).sum())


def _is_collapsed(posterior: Posterior) -> bool:
    """Whether the finding "active units" flags this posterior; others then need not."""
    return _active_units(posterior) < 2


def active_units(posterior: Posterior) -> Finding:
    """Active units: those whose posterior mean varies over images (Burda et al. 2016)."""
    active, units = _active_units(posterior), posterior.mean.shape[1]
    return finding(
        "active units",
        active,
        f"of {units} units",
        expected="2 or more",
        flagged=active < 2,
        why=f"{active} of {units} posterior means vary over the images "
        f"(variance above {ACTIVE_VARIANCE:g}).",
        todo="The posterior has collapsed: the decoder ignores the latent. Warm beta up from 0, "
        "weigh the KL less, or state the likelihood's variance.",
    )


def posterior_bits(posterior: Posterior) -> Finding:
    """KL of the posterior in bits: what a latent says about a picture, at most."""
    by_unit = posterior.kl().mean(axis=0)  # nats
    bits = float(by_unit.sum()) / math.log(2)
    collapsed = _is_collapsed(posterior)
    why = (
        f"The posterior says {bits * math.log(2):.3g} nats ({bits:.3g} bits) about a picture; "
        f"{int((by_unit > 0.01).sum())} units say more than 0.01 nats."
    )
    if collapsed:
        why += " Fewer than two units are active: the fault is told by `active units`."
    return finding(
        "bits an image",
        bits,
        "bits",
        expected=f"{FEWEST_BITS:g} or more",
        flagged=bits < FEWEST_BITS and not collapsed,
        why=why,
        todo="Weigh the KL less or train longer: with so few bits pictures of different people "
        "come out as one.",
    )


def posterior_against_prior(posterior: Posterior) -> Finding | None:
    """Whether draws from N(0, 1) land where pictures are.

    KL = information about the picture + distance of the aggregate posterior from N(0, 1). Where
    the second is the larger part, a draw from N(0, 1) rather misses the pictures than meets them.
    The aggregate is taken as a Gaussian, unit by unit. None where the posterior has collapsed.
    """
    rate = float(posterior.kl().sum(axis=1).mean())
    if _is_collapsed(posterior) or rate <= 0:
        return None
    log_var = np.clip(posterior.log_var.astype(float), -60, 60)
    centre = posterior.mean.astype(float).mean(axis=0)
    spread = posterior.variance_of_means() + np.exp(log_var).mean(axis=0)
    gap = float(np.sum(0.5 * (centre**2 + spread - 1.0 - np.log(spread))))  # nats
    return finding(
        "posterior beside N(0, 1)",
        100 * gap / rate,
        "% of the KL",
        expected="at most 50",
        flagged=gap > 0.5 * rate,
        why=f"Of {rate:.3g} nats {gap:.3g} say only that the clouds of all pictures together are "
        "not N(0, 1) (unit by unit).",
        todo="Do not draw from N(0, 1): fit a density to the codes and draw from that, or weigh "
        "the KL more.",
    )


def assumed_variance(weights: LossWeights | None, pixels: int, error: float) -> Finding:
    """The likelihood's variance that a loss assumes, against the error that there is.

    Thesis 000's 1000 x mean squared error + KL is a likelihood of variance 8.19 on 128x128
    pixels, or beta 8 at unit variance.

    Args:
        weights: how the loss weighs error and KL; None where nobody knows.
        pixels: numbers of a picture.
        error: mean squared error of the model.
    """
    name, expected = "assumed variance over squared error", "0.01 to 10"
    if weights is None:
        why = (
            "The model does not say how it weighs error against KL; give "
            "loss_weights=(factor of the mean squared error, factor of the KL)."
        )
        return unanswered(name, "times", expected=expected, why=why)
    variance = weights.variance(pixels)
    ratio = variance / max(error, 1e-12)
    # At the optimum the assumed variance is the squared error itself. Beta up to 10 is common
    # practice and stated as such; above, a nat costs ten times what it is worth. Below a
    # hundredth the KL is all but free, and the model an autoencoder.
    return finding(
        name,
        ratio,
        "times",
        expected=expected,
        flagged=not 0.01 <= ratio <= 10,
        why=f"By {weights.source}, {weights.error:.4g} x mean squared error + {weights.kl:.3g} x "
        f"KL: a pixel's noise of variance {variance:.3g} (beta {variance:.3g} at unit variance), "
        f"and the mean squared error is {error:.3g}.",
        todo="State the likelihood: a Gaussian whose variance is the mean squared error itself, "
        "or learned; then beta is a choice, not an accident.",
    )


# ------------------------------------------------------------------------------------- codebook


def codebook_use(found: Codes) -> Finding:
    """Perplexity of the codes against the codebook: one that few codes serve has collapsed."""
    size, count = len(found.codebook), found.codes.size
    shares = code_shares(found.codes, size)
    perplexity, used = 2 ** entropy_bits(shares), int((shares > 0).sum())
    most = min(size, count)  # a batch cannot show more codes than it has places
    # A tenth: half of the places are background and share a few codes, so that sound codebooks
    # reach about 0.3 to 0.6.
    return finding(
        "perplexity over codes",
        perplexity / most,
        "of the codebook",
        expected="0.1 or more",
        flagged=perplexity < 0.1 * most,
        why=f"{used} of {size} codes occur in {count:,} places; as many as {perplexity:.3g} "
        "equally frequent ones would say as much.",
        todo="The codebook has collapsed: start it by k-means, restart dead codes, or move it by "
        "a running average.",
    )


def code_bits(found: Codes) -> Finding:
    """Bits that a code map can hold: thesis 000's 2x2 places of 128 codes hold 28."""
    size, places = len(found.codebook), found.codes.shape[1]
    bits = bits_an_image(size, (places, 1))
    used = places * entropy_bits(code_shares(found.codes, size))
    return finding(
        "bits an image",
        bits,
        "bits",
        expected=f"{FEWEST_BITS:g} or more",
        flagged=bits < FEWEST_BITS,
        why=f"{places} places of {size} codes hold {bits:.4g} bits, and use {used:.4g}.",
        todo="Take a larger map: fewer layers of stride 2.",
    )
