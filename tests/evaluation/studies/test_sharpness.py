"""Sharpness of rebuilt pictures and the two targets: closed forms, a person counts once."""

import numpy as np
import pandas as pd
import pytest

from brainlib import studies

PEOPLE = [f"{number:03d}" for number in range(8)]


def made(psnr_lost: float, blur_of_vqgan: float) -> pd.DataFrame:
    """Quality of two models on eight people: the VQ-VAE keeps half of the gradient energy."""
    rows = []
    for random_seed in (0, 1):
        for number, person in enumerate(PEOPLE):
            same = {"subject": person, "random_seed": random_seed, "original_energy": 1.0}
            jitter = 0.01 * number
            plain = {"model": "VQ-VAE", "psnr": 20 + jitter, "energy": 0.5 - jitter}
            ours = {"model": "VQGAN", "psnr": 20 - psnr_lost, "energy": blur_of_vqgan}
            rows += [{**same, **plain}, {**same, **ours}]
    return pd.DataFrame(rows).assign(round="holdout", mse=0.01, ssim=0.5)


def test_half_and_twice_the_energy_are_equally_far_from_the_originals():
    by_person = studies.sharpness_by_person(made(0, 2.0))
    ours = by_person[by_person.model == "VQGAN"]
    np.testing.assert_allclose(ours.energy_ratio, 2.0)
    np.testing.assert_allclose(ours.energy_gap, np.log(2))
    assert len(by_person) == 2 * len(PEOPLE)  # random seeds are no further people
    summary = studies.sharpness_summary(by_person).set_index("model")
    assert summary.subjects.tolist() == [8, 8]
    assert summary.energy_gap["VQGAN"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("lost, verdict", [(1.0, "shown"), (2.5, "not shown")])
def test_a_vqgan_may_lose_two_decibels_and_no_more(lost, verdict):
    found = studies.not_much_worse(
        studies.sharpness_by_person(made(lost, 0.9)), "VQGAN", "VQ-VAE", allowed=2
    )
    assert found["verdict"] == verdict
    assert found["difference"] == pytest.approx(-lost - 0.035)


def test_a_model_that_is_less_blurred_is_sharper():
    by_person = studies.sharpness_by_person(made(0, 0.9))
    found = studies.sharper(by_person, "VQGAN", "VQ-VAE")
    assert found["verdict"] == "shown" and found["below"] == len(PEOPLE)
    few = by_person[by_person.subject.isin(PEOPLE[:2])]
    assert studies.sharper(few, "VQGAN", "VQ-VAE")["verdict"] == "too few to decide"


def test_targets_count_random_seeds_and_keep_the_verdict():
    quality = made(2.5, 0.9)
    by_person = studies.sharpness_by_person(quality)
    findings = {
        "sharp": studies.sharper(by_person, "VQGAN", "VQ-VAE"),
        "near": studies.not_much_worse(by_person, "VQGAN", "VQ-VAE", allowed=2),
    }
    table = studies.targets_table(quality, findings).set_index("target")
    assert table.met.tolist() == [True, False]
    assert table.verdict.tolist() == ["shown", "not shown"]
    assert table.random_seeds_that_meet_it.tolist() == ["2 of 2", "0 of 2"]


def test_comparisons_are_corrected_for_their_number():
    by_person = studies.sharpness_by_person(made(1.0, 0.9))
    table = studies.comparisons_with(by_person, "VQGAN").set_index("measure")
    assert table.difference["psnr"] == pytest.approx(-1.035)
    assert table.better_is["energy_gap"] == "lower"
    # SSIM is the same for all: no test, and no comparison to correct for.
    assert np.isnan(table.p_t["ssim"])
    known = table.p_t.dropna()
    assert (table.p_t_holm[known.index] <= 2 * known).all()
    assert (table.p_t_holm[known.index] >= known).all()
