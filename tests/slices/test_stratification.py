"""Sentences about strata that are true of the sets at hand."""

import pandas as pd
import pytest

from brainlib.slices import splits, stratification


def people_of(sexes, sets, *, ages=None):
    count = len(sexes)
    return pd.DataFrame(
        {
            "subject": [f"S{number:02d}" for number in range(count)],
            "cohort": "made up",
            "group": "healthy",
            "sex": sexes,
            "ethnic": "white",
            "age": ages or [40.0] * count,
            "split": sets,
        }
    )


@pytest.fixture
def two_women_validate():
    """Ten people, half women; validation is two women."""
    sets = 6 * ["train"] + 2 * ["validation"] + 2 * ["test"]
    sexes = ["female", "male", "male", "male", "male", "female"]
    return people_of([*sexes, "female", "female", "female", "male"], sets)


def test_a_validation_set_of_two_women_is_said_to_be_half_off(two_women_validate):
    balance = splits.balance(two_women_validate)
    row = stratification.evenness(balance).iloc[0]
    assert (row.attribute, row.set, row.level) == ("sex", "validation", "female")
    assert row.off_percent == pytest.approx(50) and row.least_percent == pytest.approx(0)
    words = stratification.evenness_in_words(two_women_validate)
    assert "validation with 2 people: one person is 50 % of it" in words
    assert "50 percentage points (sex female, in validation)" in words


def test_a_set_of_one_cannot_be_alike():
    people = people_of(["female", "male", "female", "male"], ["train", "train", *splits.SETS[1:]])
    row = stratification.evenness(splits.balance(people)).iloc[0]
    assert row.least_percent == pytest.approx(50)  # one person is a woman or a man


def test_what_nobody_differs_in_is_not_compared():
    people = people_of(["female"] * 4, ["train", "train", "validation", "test"])
    balance = splits.balance(people)
    assert stratification.compared_attributes(balance) == []
    words = stratification.evenness_in_words(people)
    assert "differ in nothing" in words


def test_strata_are_counted_by_set_and_merged_attributes_are_any(two_women_validate):
    table = stratification.strata_by_set(two_women_validate, minimum=2).set_index("sex")
    assert table.loc["female", "people"] == 5 and table.loc["female", "validation"] == 2
    merged = stratification.strata_by_set(two_women_validate, minimum=8)
    assert merged.people.tolist() == [10] and merged.sex.tolist() == ["any"]


def test_a_round_gives_everybody_its_own_set():
    people = people_of(["female", "male"] * 3, ["train"] * 4 + ["validation", "test"])
    rounds = splits.rounds(people, folds=3, seed=0)
    for one_round in rounds:
        of_round = stratification.people_of_round(people, one_round)
        assert set(of_round.subject[of_round.split == "test"]) == set(one_round["test"])
    table = stratification.set_of_people(people, rounds)
    assert ((table[["fold0", "fold1", "fold2"]] == "test").sum(axis=1) == 1).all()
    assert (table.label == table.subject).all() and len(table) == 6  # no age by name


def test_rounds_that_are_not_trained_are_said_to_be_left_out():
    people = people_of(["female", "male"] * 3, ["train"] * 4 + ["validation", "test"])
    rounds = splits.rounds(people, folds=3, seed=0)
    assert stratification.first_rounds(rounds, 0) == rounds
    first = stratification.first_rounds(rounds, 2)
    assert len(first) == 2 and first[1]["note"].endswith("only the first 2 are trained")
    table = stratification.rounds_table(first)
    assert table[["train", "validation", "test"]].sum(axis=1).tolist() == [6, 6]


def test_many_people_share_the_label_of_their_stratum():
    people = people_of(["female", "male"] * 15, ["train", "validation", "test"] * 10)
    table = stratification.set_of_people(people, splits.rounds(people))
    assert table.label.unique().tolist() == ["female, white, [25,65)", "male, white, [25,65)"]


def test_the_smallest_stratum_gives_the_smallest_set_one_person():
    assert stratification.smallest_stratum("002") == 10
    assert stratification.smallest_stratum("004") == 13
