"""Age and sex in a code: whose slices, which labels, and answers that a person gives once."""

import numpy as np
import pandas as pd
import pytest

from brainlib import models, studies
from brainlib.evaluation.studies import age_and_sex
from brainlib.training import supervised

AGES = np.arange(20.0, 70.0, 5.0)


@pytest.fixture
def code_is_the_age(monkeypatch):
    """Every picture's latent: (age, 1 for men, noise); pictures are told by their first pixel."""
    images = np.random.default_rng(0).random((40, 12, 14, 1)).astype("float32")
    latent = np.column_stack([np.repeat(AGES, 4), np.tile(np.repeat([1, 0], 4), 5)])

    def latent_of(model, pictures):
        rows = [int(np.argmin(abs(images[:, 0, 0, 0] - one[0, 0, 0]))) for one in pictures]
        return latent[rows].astype(float)

    monkeypatch.setattr(models, "latent_of", latent_of)


def test_codes_are_those_of_the_slices_nearest_to_a_place(ten_people, monkeypatch):
    seen = []

    def latent_of(model, pictures):
        seen.append(pictures)
        return np.arange(len(pictures), dtype=float)[:, None]

    monkeypatch.setattr(models, "latent_of", latent_of)
    codes = studies.codes_of_people(None, ten_people, ["a", "b"], share=0.5, count=2)
    # Slices 8 to 11 of 20: 10 (0.5) is nearest, then one of 9 and 11.
    np.testing.assert_array_equal(seen[0][0], ten_people.images[2])
    assert codes.index.tolist() == ["a", "b"] and codes[0].tolist() == [0.5, 2.5]


def test_a_linear_model_needs_six_ages_and_both_sexes():
    people = pd.DataFrame({"age": [30.0] * 5 + [np.nan], "sex": ["male", "female"] * 3})
    assert not studies.enough_ages_and_sexes(people)
    assert studies.enough_ages_and_sexes(people.fillna(40.0))
    assert not studies.enough_ages_and_sexes(people.fillna(40.0).assign(sex="male"))


def test_labels_are_known_where_the_table_knows_them(ten_people):
    ten_people.people.loc[1, ["age", "sex"]] = [np.nan, ""]
    targets = studies.head_targets(ten_people, weight=2.0)
    train, validation = studies.batches_with_answers(
        ten_people, targets, augment=0.5, batch_size=4, seed=3
    )
    assert len(train) == 32 and len(validation) == 4 and validation.augment == 0
    assert np.isnan(train.labels[4:8]).all() and not np.isnan(train.labels[:4]).any()
    mean, sd = targets.numbers["age"]
    np.testing.assert_allclose(train.labels[:4, 0] * sd + mean, 20.0, rtol=1e-5)


def test_a_person_is_one_answer_and_the_guess_stands_first(
    ten_people, code_is_the_age, monkeypatch
):
    targets = studies.head_targets(ten_people, weight=1.0)
    told = {"age": np.array([60.0, 62.0, 64.0, 66.0]), "sex": np.full(4, 0.9)}
    monkeypatch.setattr(supervised, "load_heads", lambda folder: (None, targets))
    monkeypatch.setattr(supervised, "predict", lambda *arguments: told)
    answers = studies.answers_by_person(None, None, None, ten_people)
    assert answers.answers_by.tolist() == [studies.GUESS, studies.REGRESSION, studies.HEADS]
    errors = studies.age_errors(answers)
    assert errors.index.tolist() == ["j"]
    assert errors[studies.GUESS].item() == pytest.approx(65 - AGES[:8].mean())
    assert errors[studies.REGRESSION].item() < 0.5
    assert errors[studies.HEADS].item() == pytest.approx(2.0)
    summary = studies.summary_of_answers(answers)
    assert summary["of"].tolist() == [1, 1, 1]
    assert summary.sex_right.tolist() == [1, 1, 0]  # j is a woman; half are, so the guess is woman
    assert age_and_sex.SEXES == ("male", "female")
