"""A network to look at is found in the run, else in the reference run, and only if it is whole."""

from types import SimpleNamespace

import pytest

from brainlib.training import saved
from brainlib.training.finished import Finished


def put(folder, epochs):
    folder.mkdir(parents=True)
    finished = Finished(folder, "model.keras")
    finished.path.write_bytes(bytes(epochs))
    finished.finish("a key", epochs=epochs)
    return finished.path


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "REFERENCE", tmp_path / "reference")
    return SimpleNamespace(folder=tmp_path / "mine")


def test_the_run_comes_before_the_reference_run(run, tmp_path):
    assert saved.find(run, "vae", "holdout") is None
    put(tmp_path / "reference" / "models" / "vae" / "fold3", 40)
    found = saved.find(run, "vae", "holdout")
    assert not found.of_this_run and "reference run" in found.in_words()
    mine = put(run.folder / "models" / "vae" / "holdout", 7)
    found = saved.find(run, "vae", "holdout")
    assert found.path == mine and found.in_words() == "trained for 7 epochs in this run"


def test_what_is_not_whole_counts_as_none(run):
    mine = put(run.folder / "models" / "vae" / "holdout", 7)
    mine.write_bytes(b"cut")
    assert saved.find(run, "vae", "holdout") is None
    assert saved.find(run, "vae", "holdout", file="prior.keras") is None
