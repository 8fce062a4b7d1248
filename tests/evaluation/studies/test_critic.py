"""The chapter on VQGANs: who won in words, time against gain, what codes cost; no training."""

import numpy as np
import pandas as pd
import pytest

from brainlib import studies


def history(losses: list[float]) -> pd.DataFrame:
    """Epochs of a VQGAN whose critic is let in at the second."""
    losses = [0.0, *losses]
    table = pd.DataFrame({"epoch": range(1, len(losses) + 1), "discriminator": losses})
    heard = (table.epoch > 1).astype(float)
    given = {"score_real": 0.5 * heard, "score_rebuilt": -0.5 * heard, "skipped_steps": 0.0}
    return table.assign(adversarial_steps=heard, adaptive_weight=0.2 * heard, **given)


@pytest.mark.parametrize(
    "losses, words",
    [([1.0, 0.99], "still guesses"), ([1.0, 0.6], "not certain"), ([1.0, 0.01], "has won")],
)
def test_the_critics_loss_says_who_won(losses, words):
    said = studies.critic_in_words(history(losses))
    assert words in said and "let in at epoch 2" in said and "-0.50" in said


def test_a_critic_that_was_not_let_in_has_no_curve():
    silent = history([])
    assert "not let in" in studies.critic_in_words(silent)
    assert "0.0 %" in studies.weight_in_words(silent)


def test_time_is_set_beside_what_it_bought():
    rows = [("VAE", 30), ("VAE", 30), ("VQ-VAE", 60), ("VQGAN", 600)]
    epochs = pd.DataFrame(rows, columns=["model", "seconds"])
    epochs = epochs.assign(round="holdout", random_seed=0, epoch=[1, 2, 1, 1])
    names = ["VAE", "VQ-VAE", "VQGAN"]
    summary = pd.DataFrame({"model": names, "psnr": [20.0, 21, 22], "ssim": [0.5, 0.6, 0.7]})
    summary["energy_ratio"] = [0.4, 0.5, 0.9]
    sizes = pd.DataFrame({"model": names, "weights": [10, 20, 60], "of_the_critic": [0, 0, 40]})
    gain = studies.time_against_gain(epochs, summary, sizes).set_index("model")
    assert gain.minutes.tolist() == [1, 1, 10] and gain.weights.tolist() == [10, 20, 100]
    assert gain.minutes_against_the_vae["VQGAN"] == 10
    assert gain.psnr_gained_on_the_vae["VQGAN"] == 2
    said = studies.price_in_words(gain.reset_index())
    assert "10.0 times" in said and "5 times the weights" in said


def test_a_prior_that_costs_less_on_every_person_is_shown_to_be_better():
    subjects = pd.Series(np.repeat([f"{number}" for number in range(8)], 2))
    guess = 3 + 0.01 * np.arange(16)
    bits = {"shares of each place": guess, "prior": 0.7 * guess}
    assert studies.cheaper(bits, subjects, "shares of each place")["verdict"] == "shown"
    fifth = studies.cheaper(bits, subjects, "shares of each place", share=0.6)
    assert fifth["verdict"] == "not shown" and "60% of" in fifth["words"]
    table = studies.bits_of_slices(bits, (4, 5)).set_index("codes_drawn_by")
    assert table.bits_a_slice["prior"] == pytest.approx(20 * 0.7 * guess.mean())
