"""Priors over pages of codes: guesses by closed forms, with a prior that was never trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib import models, record, studies
from brainlib.evaluation.studies import Round, SplitSlices, Trained
from brainlib.evaluation.studies.code_priors import others_age_and_sex, share_of_neighbours
from brainlib.models.prior import build_prior

PEOPLE = list("abcdefgh")
SIZE = 4  # codes: an untrained prior's code costs 2 bits


@pytest.fixture
def slices(tmp_path):
    """Eight people of 2 slices of 8x12 pixels each, six of whom train."""
    images = np.random.default_rng(0).random((16, 8, 12, 1)).astype("float32")
    np.save(tmp_path / "images.npy", images)
    index = pd.DataFrame({"row": range(16), "subject": np.repeat(PEOPLE, 2)})
    sexes = ["male", "female"] * 3 + ["male", ""]
    ages = [20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 33.0, np.nan]
    people = pd.DataFrame({"subject": PEOPLE, "sex": sexes, "age": ages, "site": "HH"})
    rounds = (Round("fold0", "", tuple("abcdef"), ("a",), ("g", "h")),)
    return SplitSlices(Path(tmp_path / "images.npy"), index, people, rounds, "axial")


@pytest.fixture
def priors(slices, tmp_path):
    network = models.build(
        "vqvae", image_shape=(8, 12, 1), width=0.1, depth=2, codebook_size=SIZE, code_dim=2, seed=0
    )
    trained = Trained({("fold0", 0): network}, pd.DataFrame(), {})
    run = record.start("mine", out=str(tmp_path))
    folders = []

    def train_prior(train, validation, folder, random_seed):
        folders.append(folder.relative_to(tmp_path).as_posix())
        prior = build_prior((2, 3), SIZE, width=4, layers=1, conditions=train.ranges, seed=0)
        return prior, pd.DataFrame({"epoch": [1], "bits": [2.0]})

    priors = studies.train_priors(run, slices, trained, train_prior)
    assert folders == ["models/vqvae_prior/fold0"]
    return priors


def test_pages_know_their_people(priors):
    pages = priors.first_pages
    assert pages["train"].codes.shape == (12, 2, 3) and pages["test"].codes.shape == (4, 2, 3)
    assert set(pages["train"].ranges) == {"age", "sex"}  # one site says nothing
    assert pages["test"].known["sex"] == ["male", "male", "", ""]
    given = studies.given_to_prior(pages["train"], pages["validation"])
    assert given["ranges"] == pages["train"].ranges and len(given["conditions"]["age"]) == 12
    assert priors.first_history.random_seed.tolist() == [0]


def test_an_untrained_prior_guesses_all_codes_alike(priors, slices):
    bits = studies.bits_by_person(priors, slices)
    assert bits.subject.tolist() == ["g", "h"] and (bits.uniform == 2).all()
    for guess in ("prior", "prior_nothing_known", "prior_others_age_and_sex"):
        np.testing.assert_allclose(bits[guess], 2, rtol=1e-5)
    table = studies.bits_table(bits, (2, 3)).set_index("codes_by")
    assert table.bits_a_picture["uniform"] == 12 and table.below_unigram["unigram"] == 0
    assert table.low["uniform"] == table.high["uniform"] == 2


def test_the_next_person_lends_age_and_sex(priors, slices):
    others = others_age_and_sex(priors.first_pages["test"], slices)
    assert others["sex"] == ["", "", "male", "male"] and others["age"][2:] == [33.0, 33.0]


def test_a_label_that_never_trained_is_missing(slices):
    known = studies.known_of(slices, ["a", "b"], {"sex": ("female",)})
    assert known == {"sex": ["", "female"]}
    assert set(studies.known_of(slices, ["a"])) == {"age", "sex", "site"}


def test_a_page_is_read_row_by_row():
    stages = studies.page_while_read(np.array([[1, 2, 3], [4, 5, 6]]), 3, filler=0)
    assert stages[0].tolist() == [[1, 2, 0], [0, 0, 0]]
    assert stages[1].tolist() == [[1, 2, 3], [4, 0, 0]]
    assert stages[2].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_place_of_a_page_and_what_was_read_before_it():
    page = np.arange(6).reshape(2, 3)
    read = studies.read_so_far(page, (1, 1))
    np.testing.assert_array_equal(read, [[0, 1, 2], [3, np.nan, np.nan]])
    pixels = studies.place_in_picture((1, 2), (2, 3), (8, 12, 1))
    assert pixels.shape == (8, 12) and pixels.sum() == 16 and pixels[4:, 8:].all()


def test_only_codes_before_a_place_sway_the_guess_there():
    prior = build_prior((3, 4), SIZE, width=8, layers=1, seed=0)
    rng = np.random.default_rng(1)
    prior.get_layer("logits").set_weights([rng.normal(0, 2, (8, SIZE)), np.zeros(SIZE)])
    page = rng.integers(0, SIZE, (3, 4))
    moved = studies.sway_on_place(prior, page, (1, 2), replacements=3)
    flat = moved.ravel()
    assert moved.shape == (3, 4) and (flat[:6] > 0).all() and flat[:6].max() < 1
    np.testing.assert_allclose(flat[6:], 0, atol=1e-6)
    np.testing.assert_allclose(studies.chances_at(prior, page[None], (1, 2)).sum(), 1)


def test_neighbours_are_those_that_touch_the_place():
    moved = np.zeros((3, 4))
    moved[0, 1:4], moved[1, 1], moved[0, 0] = 1, 1, 4
    assert share_of_neighbours(moved, (1, 2)) == 0.5
    assert share_of_neighbours(np.zeros((3, 4)), (0, 0)) == 0
    words = studies.sway_in_words(moved / 10, (1, 2))
    assert "row 0, column 0 has most sway: 40%" in words and "have 50% of all sway" in words


def test_a_disc_changes_only_its_place():
    pictures = np.zeros((2, 20, 20, 1))
    marked = studies.with_disc(pictures, grey=0.7)
    assert not pictures.any() and marked[0, 8, 11, 0] == 0.7 and marked[0, 0, 0, 0] == 0
    assert marked.sum() == pytest.approx(2 * 0.7 * 12)  # pixels nearer than 2 to (8.4, 11)
