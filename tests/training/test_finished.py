"""A finished result of a folder: only a whole one of the same key counts."""

import json

import pytest

from brainlib.record import TOKEN
from brainlib.training.finished import RECORD, Finished


@pytest.fixture
def finished(tmp_path):
    """A result with the key "mine"."""
    result = Finished(tmp_path, "result.bin")
    result.path.write_bytes(b"numbers")
    result.finish("mine", epochs=3)
    return result


def test_the_same_key_finds_the_record(finished):
    assert finished.record("mine")["epochs"] == 3
    assert finished.record("mine") == finished.any_record()


def test_another_key_finds_nothing(finished):
    assert finished.record("yours") is None


def test_a_result_that_was_changed_counts_as_none(finished):
    finished.path.write_bytes(b"numbers, spoilt")
    assert finished.record("mine") is None
    finished.path.unlink()
    assert finished.record("mine") is None


@pytest.mark.parametrize("text", ["", "{", "{}", json.dumps({"key": "mine"})])
def test_a_damaged_record_counts_as_none(finished, text):
    (finished.folder / RECORD).write_text(text)
    assert finished.record("mine") is None


def test_what_is_begun_counts_no_more_until_it_is_finished(finished):
    finished.begin()
    assert finished.record("mine") is None
    with pytest.raises(FileNotFoundError):
        finished.any_record()
    finished.begin()  # there need not be one
    finished.finish("mine")
    assert finished.record("mine")


def test_a_history_with_a_row_missing_makes_a_result_none(tmp_path):
    result = Finished(tmp_path, "model.keras")
    result.path.write_bytes(b"weights")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
    result.finish("key")
    assert result.record("key")
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    assert result.record("key") is None


def test_a_run_takes_nothing_that_was_made_with_other_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    result = Finished(tmp_path, "result.bin")
    result.path.write_bytes(b"numbers")
    result.finish("mine")
    assert result.any_record()["threads"] == 2
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "16")
    monkeypatch.delenv(TOKEN, raising=False)
    assert result.record("mine")  # opened by hand, on whatever machine
    monkeypatch.setenv(TOKEN, "run_all.sh")
    assert result.record("mine") is None
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    assert result.record("mine")
