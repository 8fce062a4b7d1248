"""Other preparations of the same slices: what is refused, moved and gained; no training."""

import numpy as np
import pandas as pd
import pytest

from brainlib import metrics, models, record, studies
from brainlib.evaluation.studies import Prepared, Restored, SplitSlices, preparation


def picture_pairs(error, *, people):
    """Slices whose errors before and after are constants."""
    target = np.full((len(people), 12, 13, 1), 0.5)
    return Restored(target, target + 0.2, target + error, np.array(people))


def test_a_preparation_that_there_is_not_is_refused(tmp_path):
    slices = SplitSlices(tmp_path, pd.DataFrame(), pd.DataFrame(), (), "axial")
    with pytest.raises(ValueError, match=r"expected some of brain_only, .* got upside_down"):
        studies.prepare_again(None, slices, ["upside_down"], slices_per_person=3)


def test_slices_of_a_person_are_spread_and_never_too_many():
    table = pd.DataFrame({"subject": ["a"] * 7 + ["b"] * 2, "slice": range(9)})
    assert preparation._spread(table, 3).slice.tolist() == [0, 3, 6, 7, 8]


def test_moved_slices_keep_their_range_and_come_again_with_the_random_seed():
    pictures = np.random.default_rng(0).random((3, 12, 14, 1)).astype("float32")
    once = preparation.moved(pictures, seed=1)
    assert once.shape == pictures.shape and once.dtype == np.float32
    assert 0 <= once.min() and once.max() <= 1 and not np.allclose(once, pictures)
    np.testing.assert_array_equal(once, preparation.moved(pictures, seed=1))


def test_gain_is_1_for_mended_0_for_nothing_and_below_for_worse():
    people = ["a", "a", "b"]
    mended, nothing, worse = (picture_pairs(error, people=people) for error in (0, 0.2, 0.4))
    np.testing.assert_allclose(mended.gains, [1, 1])
    np.testing.assert_allclose(nothing.gains, [0, 0])
    assert (worse.gains < 0).all() and worse.gains.index.tolist() == ["a", "b"]
    assert mended.example().shape == (3, 12, 13, 1)


def test_the_table_compares_with_02_person_by_person():
    people = ["a", "b", "c"]
    restored = {
        "as in 02": picture_pairs(0.1, people=people),
        "other": picture_pairs(0, people=people),
    }
    table = studies.preparation_table(restored).set_index("preparation")
    assert table.gain_against_02["as in 02"] == 0 and table.test_subjects.tolist() == [3, 3]
    assert table.gain["other"] == pytest.approx(1)
    assert table.gain_against_02["other"] == pytest.approx(1 - table.gain["as in 02"])


def test_each_preparation_is_trained_on_its_own_slices(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    parts = [rng.random((count, 12, 13, 1)).astype("float32") for count in (5, 3, 2)]
    monkeypatch.setattr(models, "reconstruct", lambda added, inputs: inputs + added)
    called = []

    def train_one(train, validation, folder, random_seed):
        called.append((folder.name, len(train), len(validation), train.steps))
        np.testing.assert_array_equal(train.images(), parts[0])
        return 0.1, pd.DataFrame()

    run = record.start("mine", out=str(tmp_path))
    restored = studies.restore_each_preparation(
        run,
        {"as in 02": Prepared(*parts, people=np.array(["a", "b"]))},
        train_one,
        corruption="none",
        batch_size=2,
        steps=7,
    )
    assert called == [("as_in_02", 5, 3, 6)]  # two passes of three steps
    assert (tmp_path / "slices" / "ablation_as_in_02.npy").exists()
    after = metrics.dssim(parts[2], parts[2] + 0.1, data_range=1.0)
    np.testing.assert_allclose(restored["as in 02"].by_slice.after, after, rtol=1e-4)


def test_a_reconstruction_gains_against_the_mean_picture_of_its_preparation(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    parts = [rng.random((count, 12, 13, 1)).astype("float32") for count in (5, 3, 2)]
    monkeypatch.setattr(models, "reconstruct", lambda network, inputs: inputs)
    noisy = {}

    def train_one(train, validation, folder, random_seed):
        inputs, target = next(iter(train.stream(0)))[:2]
        noisy[folder.name] = float(np.abs(np.asarray(inputs) - np.asarray(target)).max())
        return None, pd.DataFrame()

    both = {name: Prepared(*parts, people=np.array(["a", "b"])) for name in ("as in 02", "noise")}
    rebuilt = studies.rebuild_each_preparation(
        record.start("mine", out=str(tmp_path)),
        both,
        train_one,
        place="vae_preparations",
        batch_size=2,
        steps=2,
    )
    assert noisy["as_in_02"] == 0 < noisy["noise"]  # the targets stay clean
    for pictures in rebuilt.values():
        np.testing.assert_allclose(pictures.gains, [1, 1])  # a perfect copy
        np.testing.assert_array_equal(pictures.target, parts[2])  # tested without noise
        np.testing.assert_allclose(pictures.corrupted[0], parts[0].mean(axis=0))
    assert (tmp_path / "slices" / "vae_preparations_noise.npy").exists()
