"""One training, one row: rounds, recipes and means over people, without a training."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from brainlib import models, studies
from brainlib.evaluation.studies import Round, SplitSlices

ROUNDS = (
    Round("fold0", "a note", ("a", "b", "c"), ("d",), ("e",)),
    Round("fold1", "a note", ("c", "d", "e"), ("a",), ("b",)),
)


@pytest.fixture
def slices():
    return SplitSlices(Path("none.npy"), pd.DataFrame(), pd.DataFrame(), ROUNDS, "axial")


def test_a_round_has_all_of_its_people_or_the_same_few(slices):
    assert studies.round_for(slices, 1) == ROUNDS[1]
    few = studies.round_for(slices, 0, train_subjects=2)
    assert few == studies.round_for(slices, 0, train_subjects=2)
    assert set(few.train) < {"a", "b", "c"} and len(few.train) == 2 and few.test == ("e",)


def test_a_round_or_people_that_are_not_there_are_refused(slices):
    with pytest.raises(ValueError, match="fold: expected 0 to 1"):
        studies.round_for(slices, 2)
    with pytest.raises(ValueError, match="train_subjects: expected at most 3"):
        studies.round_for(slices, 0, train_subjects=4)


def test_only_what_is_given_changes_a_recipe():
    own = studies.recipe_of("004", learning_rate=0.0, batch_size=0, optimizer="recipe")
    changed = studies.recipe_of("004", optimizer="adam", plateau="off", early_stop=False)
    assert own.optimizer == "rmsprop" and own.plateau_factor == 0.2 and own.stop_patience == 20
    assert changed.optimizer == "adam" and not changed.plateau_factor
    assert not changed.stop_patience and changed.batch_size == own.batch_size
    table = studies.recipe_table(changed, "004").set_index("constant")
    assert table.index[table.changed].tolist() == ["optimizer", "plateau_factor", "stop_patience"]


def test_a_person_counts_once_and_no_psnr_is_infinite():
    clean = np.zeros((3, 12, 13, 1))
    off = clean + np.array([0.1, 0.1, 0.01]).reshape(3, 1, 1, 1)
    kinds = {"corrupted_input": off, "clean": clean}
    table = studies.means_by_person(clean, kinds, pd.Series(["a", "a", "b"]))
    found = table.set_index(["pictures", "subject"])
    np.testing.assert_allclose(found.psnr["corrupted_input"], [20, 40])
    np.testing.assert_allclose(found.mse["corrupted_input"], [0.01, 0.0001])
    np.testing.assert_allclose(found.psnr["clean"], [100, 100])


def test_epochs_of_a_warm_up_count_for_vaes_alone():
    history = pd.DataFrame({"epoch": [1, 2, 3, 4], "val_loss": [0.1, 0.5, 0.3, 0.4]})
    plan = studies.recipe_of("vae", beta_warm_up=2)
    vae = models.build("vae", image_shape=(32, 32, 1), width=0.125, latent_dim=2)
    other = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(1, 3)])
    assert studies.best_epoch_of(vae, history, plan).epoch == 3
    assert studies.best_epoch_of(other, history, plan).epoch == 1
