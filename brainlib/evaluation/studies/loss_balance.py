"""What a VAE's loss assumes, and where its two halves, rate and distortion, ended in a training."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from brainlib.evaluation.studies.rounds import Trained
from brainlib.training import best_epoch

THESIS_FACTOR = 1000.0  # thesis 000: 1000 x mean squared error + KL
SMALLEST_RISE = 0.05  # share of the lowest KL: less is no rise worth words


class RateDistortion(NamedTuple):
    """One training: what its loss assumed, and where it ended.

    Attributes:
        likelihood: of the network; "seed" is the loss of thesis 000.
        variance_assumed: of a pixel's noise.
        mse_reached: squared error of validation people in the epoch that was kept.
        epochs: of the training.
        epoch_kept: whose weights the network has.
        kl_first_epoch: of training, nats per picture.
        kl_lowest: of training, in epoch `at_epoch`.
        at_epoch: see `kl_lowest`.
        kl_last: of training, in the last epoch.
        bits_a_picture: of validation people in the epoch that was kept.
        elbo_nats_a_pixel: as `bits_a_picture`.
        active_units: as `bits_a_picture`.
    """

    likelihood: str
    variance_assumed: float
    mse_reached: float
    epochs: int
    epoch_kept: int
    kl_first_epoch: float
    kl_lowest: float
    at_epoch: int
    kl_last: float
    bits_a_picture: float
    elbo_nats_a_pixel: float
    active_units: float


def thesis_variance(pixels: int) -> float:
    """Variance of a pixel's noise that `1000 x mean squared error + KL` stands for.

    A Gaussian of variance v costs pixels / (2 v) times the mean squared error, and a constant.
    That factor is 1000 where v = pixels / 2000.
    """
    return pixels / (2 * THESIS_FACTOR)


def rate_and_distortion(
    history: pd.DataFrame, likelihood: str, *, pixels: int, warm_up: int
) -> RateDistortion:
    """One training in one row.

    Args:
        history: one row per epoch.
        likelihood: of the network; "seed" is the loss of thesis 000.
        pixels: of a picture.
        warm_up: epochs in which beta rose.
    """
    best = best_epoch(history, warm_up)
    if likelihood == "seed":
        variance = thesis_variance(pixels)
        # The thesis's distortion is a Gaussian's but for this constant.
        constant = 0.5 * pixels * math.log(2 * math.pi * variance)
        elbo = -(best.val_loss + constant) / pixels
    else:
        variance, elbo = best.sigma**2, best.get("val_elbo", math.nan)
    lowest = history.kl.idxmin()
    return RateDistortion(
        likelihood=likelihood,
        variance_assumed=variance,
        mse_reached=best.val_mse,
        epochs=len(history),
        epoch_kept=int(best.epoch),
        kl_first_epoch=history.kl.iloc[0],
        kl_lowest=history.kl.min(),
        at_epoch=int(history.epoch[lowest]),
        kl_last=history.kl.iloc[-1],
        bits_a_picture=best.val_kl_bits,
        elbo_nats_a_pixel=elbo,
        active_units=best.val_active_units,
    )


def rate_distortion_table(
    trained: Mapping[str, Trained], *, pixels: int, warm_up: Mapping[str, int]
) -> pd.DataFrame:
    """`rate_and_distortion` of several losses: the first training of each in one row.

    Args:
        trained: likelihood -> `Trained`.
        pixels: of a picture.
        warm_up: likelihood -> epochs in which beta rose.
    """
    rows = []
    for likelihood, several in trained.items():
        epochs = warm_up[likelihood]
        row = rate_and_distortion(several.first_history, likelihood, pixels=pixels, warm_up=epochs)
        rows.append(row)
    return pd.DataFrame(rows)


def variance_in_words(row: RateDistortion) -> str:
    """What variance a loss assumes against the squared error that it reached."""
    ratio = row.variance_assumed / row.mse_reached
    return (
        f"assumes a variance of {row.variance_assumed:.3g}: {ratio:.1f} times the squared error "
        f"of {row.mse_reached:.3g} that it reaches on validation people. It spends "
        f"{row.bits_a_picture:.3g} bits per picture"
    )


def kl_in_words(row: RateDistortion) -> str:
    """Whether the KL of a training rose after it had fallen, in one sentence."""
    lowest, last = f"{row.kl_lowest:.3g}", f"{row.kl_last:.3g}"
    if row.at_epoch == 1:
        start = f"The KL was lowest in the first epoch ({lowest} nats)"
    else:
        start = (
            f"The KL fell from {row.kl_first_epoch:.3g} nats in the first epoch to {lowest} in "
            f"epoch {row.at_epoch}"
        )
    if row.at_epoch == row.epochs:
        return f"{start}, the last: it did **not rise**."
    if row.kl_last > (1 + SMALLEST_RISE) * row.kl_lowest:
        return f"{start} and **rose** to {last} by epoch {row.epochs}, the last."
    return f"{start} and **hardly changed** after it: {last} in epoch {row.epochs}, the last."
