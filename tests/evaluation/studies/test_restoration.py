"""Restorations beside doing nothing, with networks that add a constant."""

import numpy as np
import pandas as pd
import pytest

from brainlib import corruptions, filters, models, studies
from brainlib.evaluation.studies import Round, SplitSlices, Trained

ROUNDS = (
    Round("fold0", "", ("a", "b", "c"), ("d",), ("e", "f")),
    Round("fold1", "", ("c", "d", "e"), ("f",), ("a",)),
)
HISTORY = pd.DataFrame({"epoch": [1]})


@pytest.fixture
def slices(tmp_path, monkeypatch):
    """Six people with 4 grey slices of 12x13 each; a "network" is what it adds to its input."""
    rows = [{"subject": name, "slice": place} for name in "abcdef" for place in range(4)]
    index = pd.DataFrame(rows).assign(slices=4, row=np.arange(24))
    grey = 0.3 + 0.02 * index.subject.map("abcdef".index).to_numpy()
    pictures = np.zeros((24, 12, 13, 1), "float32") + grey.reshape(-1, 1, 1, 1)
    np.save(tmp_path / "images.npy", pictures.astype("float32"))
    monkeypatch.setattr(models, "reconstruct", lambda added, inputs: inputs + added)
    return SplitSlices(tmp_path / "images.npy", index, pd.DataFrame(), ROUNDS, "axial")


@pytest.fixture
def trained():
    several = {("fold0", 0): 0.1, ("fold0", 1): 0.3, ("fold1", 0): 0.1, ("fold1", 1): 0.1}
    return {"brighter": Trained(several, HISTORY, {})}


def test_a_person_counts_once_and_doing_nothing_stands_first(slices, trained):
    found = studies.restored_people(trained, slices, ["none"], seed=0)
    assert found.model.tolist() == ["input", "input", "brighter", "brighter", "input", "brighter"]
    assert found.subject.tolist() == ["e", "f", "e", "f", "a", "a"]
    ours = found[found.model == "brighter"]
    np.testing.assert_allclose(ours.mse, [0.05, 0.05, 0.01], rtol=1e-5)  # means of random seeds
    assert ours.random_seeds.tolist() == [2, 2, 2] and not found.mse[found.model == "input"].any()


def test_every_so_many_slices_of_a_person_are_enough(slices, trained):
    everything = studies.restored_people(trained, slices, ["seed003_test"], seed=0)
    few = studies.restored_people(trained, slices, ["seed003_test"], seed=0, most_slices=2)
    assert len(few) == len(everything) and (few.mse != everything.mse).any()


def test_damage_of_ones_own_has_a_name(slices, trained):
    dark = {"dark": corruptions.Preset(dropout=(0.9, 0.9))}
    table = studies.restoration_table(studies.restored_people(trained, slices, dark, seed=0))
    assert table["input"].tolist() == ["dark", "dark"] and table.subjects.tolist() == [3, 3]
    nothing, ours = table.mse
    assert nothing > ours > 0.01  # 90 % of the pixels are 0: brighter is better
    assert table.dssim_low[0] <= table.dssim[0] <= table.dssim_high[0]


def test_pairs_are_compared_over_people(slices, trained):
    by_person = studies.restored_people(trained, slices, ["none", "seed003_test"], seed=0)
    pairs = studies.restoration_comparisons(by_person, "none")
    assert pairs[["a", "b"]].to_numpy().tolist() == [["input", "brighter"]]
    means = by_person[by_person["input"] == "none"].groupby("model").dssim.mean()
    assert pairs.difference[0] == pytest.approx(means["input"] - means["brighter"])
    assert pairs.subjects[0] == 3


def test_filters_stand_between_doing_nothing_and_networks_and_are_chosen_without_test_people(
    slices, trained
):
    chosen = studies.chosen_filters(slices, "seed003_test", seed=0)
    assert list(chosen) == ["fold0", "fold1"] and tuple(chosen["fold0"]) == filters.NAMES
    found = studies.restored_people(trained, slices, ["seed003_test"], seed=0, filters=chosen)
    assert list(found.model.unique()) == ["input", *filters.NAMES, "brighter"]
    # Grey slices of 12 x 13 with 10 % of the pixels dropped: the median brings them back.
    assert studies.best_filter(found, corruption="seed003_test") in ("median", "filters in turn")
    errors = found.groupby("model").mse.mean()
    assert errors["median"] < 0.3 * errors["input"]
    pairs = studies.restoration_comparisons(found, "seed003_test", among=["input", "brighter"])
    assert len(pairs) == 1


def test_strengths_do_not_depend_on_the_test_people(slices):
    before = studies.strengths_tried(slices, "seed003_test", seed=0)
    pictures = np.load(slices.path)
    pictures[slices.rows(slices.first.test)] = 0.9
    np.save(slices.path, pictures)
    del slices.__dict__["images"]
    pd.testing.assert_frame_equal(before, studies.strengths_tried(slices, "seed003_test", seed=0))
    assert before.groupby("filter").chosen.sum().ge(1).all()
