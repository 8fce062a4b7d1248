"""Aims with verdicts: the whole interval decides, and few people decide nothing."""

import numpy as np
import pandas as pd

from brainlib import studies


def _uses(value, people, spread=0.01):
    uses = pd.DataFrame({"region": ["everywhere"], "in_use": [value]})
    values = value + spread * np.linspace(-1, 1, people)
    without = pd.DataFrame({"without": [f"p{n}" for n in range(people)], "in_use": values})
    return uses, without


def _met(value, people):
    aim = studies.aim_of_use(*_uses(value, people), "in_use", aim="in use", at_least=0.8)
    return aim["met"]


def test_an_aim_on_the_codebook_holds_whoever_is_left_out():
    assert _met(0.9, 8) == "yes" and _met(0.805, 8) == "no" and _met(0.3, 8) == "no"
    assert _met(0.9, 5) == "too few to decide" and _met(0.3, 5) == "no"
    assert _met(0.3, 1) == "too few to decide"


def _bits(prior, people):
    names = [f"p{n}" for n in range(people)]
    prior = prior + 0.1 * np.linspace(-1, 1, people)
    return pd.DataFrame({"subject": names, "unigram": 5.0, "prior": prior})


def test_the_prior_has_to_save_a_fifth_of_the_unigrams_bits():
    good = studies.aim_of_prior(_bits(3.0, 8), aim="prior")
    assert good["met"] == "yes" and good["reached"] == "40%: 3.00 against 5.00 bits per code"
    assert studies.aim_of_prior(_bits(4.0, 8), aim="prior")["met"] == "no"
    assert studies.aim_of_prior(_bits(3.0, 3), aim="prior")["met"] == "too few to decide"
    assert studies.aim_of_prior(_bits(6.0, 3), aim="prior")["met"] == "no"


def test_an_aim_of_draws_has_the_draws_verdict():
    nearer = {"verdict": "shown", "words": "nearer", "low": -2.0, "high": -1.0}
    aim = studies.aim_of_draws("draws", "5 against 6", nearer)
    assert aim["met"] == "yes" and aim["words"] == "nearer" and aim["high"] == -1.0


def test_published_numbers_stand_beside_ours():
    measured = {"psnr": 18.7, "in_use": 99.0, "perplexity": 80.0, "bits": 4.0}
    table = studies.beside_published(128, (8, 8), measured, "here")
    ours = table.set_index("what").ours
    assert ours["weights of the encoder"] == "248912" == table.published[0]
    assert ours["weights, 256 codes of 128"] == "1022209" and ours["test PSNR (dB)"] == "18.7"
    assert ours["bits per picture"].startswith("448") and table.thesis.iloc[-1] == "002"
