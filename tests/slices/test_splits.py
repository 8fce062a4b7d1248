"""Splits by subject: sizes, strata, determinism, leakage, folds."""

import numpy as np
import pandas as pd
import pytest

from brainlib.heads import cohort as datasets
from brainlib.slices import splits


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    count = 200
    return pd.DataFrame(
        {
            "subject": [f"IXI{number:03d}" for number in range(count)],
            "cohort": "ixi",
            "group": "healthy",
            "sex": rng.choice(["male", "female"], count),
            "age": rng.uniform(20, 86, count),
            "ethnic": rng.choice(["white", "other", ""], count, p=[0.7, 0.2, 0.1]),
        }
    )


def sizes(table):
    return [int((table.split == name).sum()) for name in splits.SETS]


@pytest.mark.parametrize(
    "preset, expected",
    [("004", [454, 80, 47]), ("003-counts", [447, 86, 48]), ("002", [407, 58, 116])],
)
def test_the_seeds_sizes_on_581_subjects(preset, expected):
    subjects = pd.DataFrame({"subject": [f"s{number}" for number in range(581)]})
    assert sizes(splits.split(subjects, preset=preset)) == expected


def test_every_subject_has_one_set_and_strata_are_alike(people):
    table = splits.split(people, preset="002", seed=3)
    assert table.split.notna().all() and sizes(table) == [140, 20, 40]
    balance = splits.balance(table)
    shares = balance[balance.attribute == "sex"]
    assert (shares.train_share - shares.test_share).abs().max() < 0.06


def test_only_the_seed_matters_not_the_order(people):
    first = splits.split(people, seed=1).set_index("subject").split
    shuffled = (
        splits.split(people.sample(frac=1, random_state=5), seed=1).set_index("subject").split
    )
    pd.testing.assert_series_equal(first.sort_index(), shuffled.sort_index())
    assert (first != splits.split(people, seed=2).set_index("subject").split).any()


def test_subjects_without_demographics_train_unless_that_is_everybody(people):
    people.loc[:9, ["sex", "age", "ethnic"]] = ["", np.nan, ""]
    assert set(splits.split(people).split[:10]) == {"train"}
    nobody = people.assign(sex="", age=np.nan, ethnic="")
    assert sizes(splits.split(nobody)) == [140, 20, 40]


def test_lesion_subjects_never_train(people):
    people.loc[:29, "group"] = "tumour"
    table = splits.split(people)
    assert table[table.group == "tumour"].split.value_counts().to_dict() == {
        "test": 20,
        "validation": 10,
    }


def test_rows_of_a_subject_stay_together(people):
    table = splits.split(pd.concat([people, people.head(50)], ignore_index=True))
    assert (table.groupby("subject").split.nunique() == 1).all()


def test_rare_strata_are_merged_and_named(people):
    few = people.head(12)
    table = splits.split(few)
    assert table.attrs["merged"] and min(sizes(table)) >= 1


def test_thesis_003_stratifies_by_sex_and_ethnic_group_alone(people):
    """Its section 3.2; somebody without an age has demographics all the same."""
    people.loc[:4, "age"] = np.nan
    by_003 = splits.split(people, preset="003-counts")
    assert not by_003.attrs["notes"][0].endswith("went to training")
    assert "4 strata" in by_003.attrs["notes"][0] and not by_003.attrs["merged"]
    by_004 = splits.split(people, preset="004")
    assert by_004.attrs["notes"][0] == "5 subjects without demographics went to training"


def test_what_is_not_stratified_is_not_called_so(people):
    few = people.head(8).assign(sex=["male"] * 4 + ["female"] * 4, age=40.0, ethnic="white")
    random, *lacking = splits.split(few).attrs["notes"]
    assert random == "all 8 subjects are one stratum: divided at random, not stratified"
    (validation,) = [line for line in lacking if line.startswith("validation: 1 subject, none ")]
    (person,) = splits.split(few).query("split == 'validation'").sex
    assert validation.endswith("female" if person == "male" else " male")
    alike = people.assign(age=40.0, ethnic="white")
    assert splits.split(alike).attrs["notes"] == [
        f"stratified: 2 strata of {alike.sex.value_counts().min()} "
        f"to {alike.sex.value_counts().max()} subjects"
    ]


def test_leakage_stops_everything(people):
    table = splits.split(people)
    splits.check(table)
    slices = pd.concat(
        [
            table.assign(slice=1),
            table.head(1).assign(slice=2, split="test" if table.split[0] != "test" else "train"),
        ]
    )
    with pytest.raises(splits.LeakageError, match=table.subject[0]):
        splits.check(slices)
    assert issubclass(splits.LeakageError, ValueError)
    with pytest.raises(splits.LeakageError, match="lesion"):
        splits.check(table.assign(group=np.where(table.split == "train", "stroke", "healthy")))


def test_few_subjects_are_cross_validated_each_tested_once(people):
    few = splits.split(people.head(10))
    rounds = splits.rounds(few, folds=5)
    assert len(rounds) == 5
    tested = [subject for one in rounds for subject in one["test"]]
    assert sorted(tested) == sorted(few.subject) and len(set(tested)) == 10
    for one in rounds:
        parts = [set(one[name]) for name in splits.SETS]
        assert all(parts) and not (
            parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2]
        )
    assert [one["name"] for one in splits.rounds(splits.split(people))] == ["holdout"]
    assert len(splits.rounds(splits.split(people.head(4)), folds=5)) == 4
    with pytest.raises(ValueError, match="3 healthy"):
        splits.rounds(few.head(2))


def test_too_few_or_unknown(people):
    with pytest.raises(ValueError, match="got 2"):
        splits.split(people.head(2))
    with pytest.raises(ValueError, match="004"):
        splits.split(people, preset="seven")


def test_the_real_table_is_divided_evenly(ixi_sample):
    participants, _ = datasets.read_ixi_table(ixi_sample / "IXI.xls")
    table = splits.split(participants.assign(group="healthy", cohort="ixi"), preset="004")
    balance = splits.balance(table)
    assert (
        len(table) == 593
        and balance[balance.attribute.isin(["sex", "age_group", "ethnic"])].difference.max() < 0.05
    )
    known = participants.age.notna()
    assert set(table[~known.to_numpy()].split) == {"train"}


@pytest.mark.parametrize(("people", "folds"), [(3, 3), (5, 3), (6, 3), (10, 5), (19, 5)])
def test_few_people_leave_most_of_them_for_training(people, folds):
    table = pd.DataFrame(
        {
            "subject": [f"P{number:02d}" for number in range(people)],
            "sex": "",
            "age": np.nan,
            "ethnic": "",
            "group": "healthy",
        }
    )
    found = splits.rounds(splits.split(table, seed=0), folds=folds, seed=0)
    assert sorted(name for one in found for name in one["test"]) == sorted(
        table.subject
    )  # each once
    for one in found:
        sets = [set(one[name]) for name in ("train", "validation", "test")]
        assert all(sets) and len(set.union(*sets)) == people == sum(map(len, sets))
        assert len(one["train"]) >= 2 * len(one["validation"]) or len(one["validation"]) == 1


def test_categories_and_missing_values_are_as_good_as_words(people):
    people.loc[:9, ["sex", "group"]] = np.nan
    typed = people.astype({"sex": "category", "group": "category", "ethnic": "category"})
    table = splits.split(typed)
    assert table.split.tolist() == splits.split(people).split.tolist()
    assert splits.rounds(table)[0]["name"] == "holdout"


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_row_without_a_set_is_refused(people, missing):
    table = splits.split(people).astype({"split": object})
    table.loc[3, "split"] = missing
    with pytest.raises(ValueError, match="train, validation, test in every row, got (None|nan)"):
        splits.check(table)


def test_exclusions_in_another_encoding_name_the_file(tmp_path):
    (tmp_path / "exclude.csv").write_bytes(
        "subject,reason\nA1,bewegt während der Aufnahme\n".encode("cp1252")
    )
    with pytest.raises(ValueError, match="exclude.csv: expected text in UTF-8"):
        splits.read_exclusions(tmp_path / "exclude.csv")


@pytest.mark.parametrize(
    "text",
    [
        "subject,reason\nA1,moved, twice\nB2\n",
        "A1;moved, twice\n\nB2\n",
        "\ufeffSubject\treason\nA1\tmoved, twice\nB2\t\n",
    ],
)
def test_exclusions_as_people_write_them(tmp_path, text):
    (tmp_path / "exclude.csv").write_text(text, encoding="utf-8")
    table = splits.read_exclusions(tmp_path / "exclude.csv")
    assert table.to_dict("list") == {"subject": ["A1", "B2"], "reason": ["moved, twice", ""]}


def test_no_exclusions_and_a_line_without_a_subject(tmp_path):
    assert splits.read_exclusions(tmp_path / "none.csv").empty
    (tmp_path / "exclude.csv").write_text("subject,reason\n,moved\n")
    with pytest.raises(ValueError, match="line 2"):
        splits.read_exclusions(tmp_path / "exclude.csv")
