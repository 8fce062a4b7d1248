"""What a VAE's loss assumes, and in words whether its KL rose."""

import math

import numpy as np
import pandas as pd
import pytest

from brainlib import studies
from brainlib.evaluation.studies import Trained


def history(kl, **columns):
    epochs = len(kl)
    table = pd.DataFrame({"epoch": np.arange(1, epochs + 1), "kl": kl})
    table["val_loss"] = np.arange(epochs, 0, -1.0)
    table = table.assign(val_mse=0.1, val_kl_bits=3.0, val_active_units=2, sigma=0.3, val_elbo=0.7)
    return table.assign(**columns)


def row_of(kl, likelihood="optimal_sigma", **columns):
    return studies.rate_and_distortion(history(kl, **columns), likelihood, pixels=8000, warm_up=0)


def test_the_thesis_assumes_a_variance_of_pixels_over_2000():
    assert studies.thesis_variance(128 * 128) == pytest.approx(8.192)
    row = row_of([3.0, 2.0], "seed")
    assert row.variance_assumed == 4.0 and row.epoch_kept == 2
    # Minus the log-likelihood of a Gaussian of variance 4, per pixel; 1.0 is the loss that is left.
    assert row.elbo_nats_a_pixel == pytest.approx(-(1.0 / 8000 + 0.5 * math.log(8 * math.pi)))


def test_a_stated_likelihood_assumes_its_own_sigma():
    row = row_of([3.0, 2.0])
    assert row.variance_assumed == pytest.approx(0.09) and row.elbo_nats_a_pixel == 0.7
    assert "0.09: 0.9 times the squared error of 0.1" in studies.variance_in_words(row)


@pytest.mark.parametrize(
    ("kl", "words"),
    [
        ([7, 3, 5], "fell from 7 nats in the first epoch to 3 in epoch 2 and **rose** to 5"),
        ([7, 3, 3.01], "**hardly changed** after it: 3.01 in epoch 3"),
        ([7, 5, 3], "to 3 in epoch 3, the last: it did **not rise**"),
        ([2, 5, 6], "lowest in the first epoch (2 nats) and **rose** to 6"),
    ],
)
def test_whether_the_kl_rose_is_said_in_words(kl, words):
    assert words in studies.kl_in_words(row_of(kl))


def test_one_row_per_loss():
    made = history([7.0, 3.0]).assign(round="a", random_seed=0)
    trained = {name: Trained({("a", 0): None}, made, {}) for name in ("seed", "optimal_sigma")}
    table = studies.rate_distortion_table(trained, pixels=100, warm_up=dict.fromkeys(trained, 0))
    assert table.likelihood.tolist() == ["seed", "optimal_sigma"]
    assert table.kl_lowest.tolist() == [3.0, 3.0]
