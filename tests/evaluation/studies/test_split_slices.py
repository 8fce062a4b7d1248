"""An earlier chapter's slices and people, opened; trainings over rounds; a person counts once."""

import json

import numpy as np
import pandas as pd
import pytest

from brainlib import record, studies
from brainlib.evaluation.studies import Trained

PEOPLE = ("001", "002", "003")


@pytest.fixture
def run(tmp_path):
    """A run folder as 02 and 03 leave it: 3 people, 4 slices of 12x14 each, two rounds."""
    earlier = record.start("03_split", out=str(tmp_path))
    rows = [{"subject": one, "slice": 10 + number} for one in PEOPLE for number in range(4)]
    index = pd.DataFrame(rows).assign(slices=20, row=np.arange(12))
    people = pd.DataFrame({"subject": PEOPLE, "sex": ["", "", ""], "age": [30.5, np.nan, 70]})
    people = people.assign(group="healthy", cohort="made", synthetic=True, path="/x")
    rounds = [_round("fold 1", PEOPLE), _round("fold 2", PEOPLE[::-1])]
    earlier.table(index, "index")
    earlier.table(people, "split")
    earlier.path("tables", "03_split", "rounds.json").write_text(json.dumps(rounds))
    earlier.done()
    second = record.start("02_slice_selection", out=str(tmp_path))
    second.note("plane", "sagittal")
    second.done()
    images = np.random.default_rng(0).random((12, 12, 14, 1)).astype("float32")
    np.save(second.path("slices", "images.npy"), images)
    return record.start("mine", out=str(tmp_path))


def _round(name, people):
    train, validation, test = ([one] for one in people)
    parts = {"train": train, "validation": validation, "test": test}
    return {"name": name, "note": "a note", **parts}


def test_slices_are_those_of_the_people_asked_for(run):
    slices = studies.open_slices(run)
    assert slices.plane == "sagittal" and slices.image_shape == (12, 14, 1)
    assert slices.rows(["002"]).tolist() == [4, 5, 6, 7]
    chosen = slices.spread(["001", "003"], 3)
    assert chosen.row.tolist() == [0, 3, 11] and slices.titles(chosen)[0] == "001 10"
    np.testing.assert_array_equal(slices.pictures(chosen), slices.images[[0, 3, 11]])
    assert slices.people.sex.tolist() == ["", "", ""] and slices.first.test == ("003",)
    assert "Synthetic" in run.source_note
    batches = slices.batches(["001"], batch_size=2, least_steps=4)
    assert batches.steps == 4


def test_before_there_is_a_split_one_line_says_what_to_run(tmp_path):
    with pytest.raises(record.NotRunYet, match="./run_all.sh 03 "):
        studies.open_slices(record.start("mine", out=str(tmp_path)))


def test_every_round_and_random_seed_is_trained_into_its_own_folder(run):
    slices, called = studies.open_slices(run), []

    def train_one(train, validation, folder, random_seed):
        called.append((folder.relative_to(run.folder).as_posix(), random_seed, train.steps))
        return f"model {len(called)}", pd.DataFrame({"epoch": [1], "val_loss": [0.5]})

    trained = studies.train_each_round(
        run, slices, "vae", train_one, [0, 3], batch_size=2, least_steps=4
    )
    assert [folder for folder, _, _ in called] == [
        "models/vae/fold 1",
        "models/vae/fold 2",
        "models/vae/fold 1/seed3",
        "models/vae/fold 2/seed3",
    ]
    assert trained.first == "model 1" and len(trained.history) == 4
    assert trained.first_history[["round", "random_seed"]].values.tolist() == [["fold 1", 0]]
    both = studies.histories({"a": trained, "b": trained}, label="likelihood")
    assert both.likelihood.value_counts().to_dict() == {"a": 4, "b": 4}


def test_a_person_counts_once(run, monkeypatch):
    slices = studies.open_slices(run)
    from brainlib import models

    monkeypatch.setattr(models, "reconstruct", lambda model, images: images + model)
    history = pd.DataFrame({"epoch": [1]})
    trained = Trained({("fold 1", 0): 0.1, ("fold 2", 0): 0.2}, history, {})
    quality = studies.quality_by_person({"off": trained}, slices)
    assert quality.subject.tolist() == ["003", "001"]  # the test person of each round
    np.testing.assert_allclose(quality.mse, [0.01, 0.04], rtol=1e-4)
    table = studies.mean_over_people(quality, "model", "mse")
    assert table.people.tolist() == [2] and table["mean"][0] == pytest.approx(0.025, rel=1e-4)
