"""How far a run is, from its folder: nothing, half-way, failed, finished."""

import json

import pytest

from brainlib import record
from brainlib.record import run_state

CHAPTERS = ("01_one", "02_two", "04_four")  # 03 runs only when it is named
SNAKEFILE = """
NEEDS = {
    "01_one": [],
    "02_two": ["01_one"],
    "03_apart": ["01_one"],
    "04_four": "all",
}
APART = ["03_apart"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "Snakefile").write_text(SNAKEFILE)
    monkeypatch.setattr(run_state, "NOTEBOOKS", tmp_path / "notebooks")
    (tmp_path / "run" / "results").mkdir(parents=True)
    return tmp_path / "run"


def write(folder, entries, **more):
    for name, entry in entries.items():
        if entry["status"] == "finished":
            (folder / "results" / f"{name}.json").write_text("{}")
    (folder / "run.json").write_text(json.dumps({"notebooks": entries, **more}))
    return record.read_state(folder)


def test_a_folder_that_is_not_there_is_a_run_of_nothing(folder):
    state = record.read_state(folder / "elsewhere")
    assert (state.status, state.exists) == ("none", False)
    assert [one.name for one in state.chapters] == [*CHAPTERS, "03_apart"]
    assert state.go_on == f"./run_all.sh --out {folder / 'elsewhere'}"


def test_a_whole_run_is_finished_whatever_stands_apart(folder):
    done = {name: {"status": "finished", "seconds": 70.0} for name in CHAPTERS}
    state = write(folder, done, options="--profile smoke --out there")
    assert state.status == "finished" and state.named(record.DONE) == list(CHAPTERS)
    assert state.chapters[0].seconds == 70.0
    assert state.go_on == "./run_all.sh --profile smoke --out there"


def test_a_failure_outweighs_what_is_done(folder):
    error = {"kind": "error", "message": "Traceback\nValueError: no heads"}
    entries = {"01_one": {"status": "finished"}, "02_two": {"status": "failed", "error": error}}
    state = write(folder, entries)
    assert state.status == "failed" and state.named("failed") == ["02_two"]
    assert state.chapters[1].why == "ValueError: no heads"
    assert state.named(record.NOT_RUN) == ["04_four"]


def test_a_result_that_is_gone_is_not_done(folder):
    write(folder, {"01_one": {"status": "finished"}})
    (folder / "results" / "01_one.json").unlink()
    assert record.read_state(folder).status == "in part"
    assert record.read_state(folder).named(record.DONE) == []


def test_chapters_that_were_run_by_hand_count(folder):
    (folder / "results" / "02_two.json").write_text("{}")
    state = record.read_state(folder)
    assert state.named(record.DONE) == ["02_two"] and state.status == "in part"


def test_options_of_older_runs_are_those_that_the_record_tells(folder):
    state = write(folder, {"01_one": {"status": "running"}}, profile="smoke", data="ixi-sample")
    assert state.status == "running"
    assert state.go_on.startswith("./run_all.sh --data ixi-sample --profile smoke --out ")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"notebooks": 3}'])
def test_a_damaged_record_is_none(folder, text):
    (folder / "run.json").write_text(text)
    assert record.read_state(folder).named(record.DONE) == []
