"""What the processes of a run find around them: threads, and places where they may write."""

import os

import pytest

from brainlib import files, record
from brainlib.run import command, environment, workflow
from brainlib.run.refused import Refused


@pytest.fixture
def person(monkeypatch, tmp_path):
    """HOME is a folder that can be written, and no other place is named."""
    for name in environment.OF_FOLDERS:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def file(tmp_path):
    """A file: below it nothing can be written, not even by root."""
    path = tmp_path / "file"
    path.touch()
    return path


def test_nothing_changes_where_home_can_be_written(person, tmp_path):
    assert environment.of_folders([tmp_path / "spare"]) == {}
    assert os.listdir(tmp_path) == ["home"] and not os.listdir(person)


@pytest.mark.parametrize("home", ["/proc/nonexistent", "{file}/below"])
def test_a_home_that_cannot_be_written_is_replaced(person, file, tmp_path, monkeypatch, home):
    monkeypatch.setenv("HOME", home.format(file=file))
    found = environment.of_folders([file / "project", tmp_path / "run"])
    assert found == {"HOME": str(tmp_path / "run")} and (tmp_path / "run").is_dir()


def test_only_the_folder_that_cannot_be_written_is_replaced(person, file, tmp_path, monkeypatch):
    (person / ".ipython").touch()  # a file where a folder is wanted
    monkeypatch.setenv("MPLCONFIGDIR", str(file / "x"))
    found = environment.of_folders([tmp_path / "spare"])
    assert found == {
        "MPLCONFIGDIR": str(tmp_path / "spare/.config/matplotlib"),
        "IPYTHONDIR": str(tmp_path / "spare/.ipython"),
    }
    assert all(environment.is_writable(folder) for folder in found.values())


def test_snakemake_gets_a_home_in_the_run_where_the_project_cannot_be_written(
    person, file, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(file / "x"))
    monkeypatch.setattr(files, "DATA", file / "data")
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "of the person")
    found = workflow.environment_in(tmp_path / "run")
    assert found["BRAINLIB_DATA"] == str(tmp_path / "run/data")
    assert found["HOME"] == str(tmp_path / "run/data/.home")
    assert "SNAKEMAKE_PROFILE" not in found and found["PATH"] == os.environ["PATH"]


def test_what_belongs_to_all_runs_stays_where_it_can_be_written(person, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    found = workflow.environment_in(tmp_path / "run")
    assert found["BRAINLIB_DATA"] == str(tmp_path / "data") and found["HOME"] == str(person)


def test_who_is_not_known_to_the_system_gets_a_name(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment.os, "getuid", lambda: 4_000_000)
    assert environment.of_person() == {"LOGNAME": "user4000000"}
    monkeypatch.setenv("USER", "ada")
    assert environment.of_person() == {}


# Threads


@pytest.mark.parametrize(("text", "count"), [("2,1", 2), ("3", 3), (" 4 ,x", 4)])
def test_threads_of_a_process_are_those_that_were_set(monkeypatch, text, count):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert record.threads() == count
    monkeypatch.setenv("OMP_NUM_THREADS", "none")
    assert record.threads() == len(os.sched_getaffinity(0))


def test_a_notebook_computes_with_the_same_threads_whatever_runs_beside_it(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert command.check_threads(None) == command.THREADS
    assert command.check_threads("5") == 5
    for word in ("0", "-1", "two", "1.5", "99999", "\u0663"):
        with pytest.raises(Refused, match="--threads"):
            command.check_threads(word)
    for name, value in environment.of_threads(3).items():
        monkeypatch.setenv(name, value)
    assert record.threads() == 3


@pytest.mark.parametrize(
    ("cores", "gigabytes", "gpu", "expected"),
    [(1, 64, False, 1), (2, 24, False, 2), (2, 7, False, 1), (64, 9, False, 2)]
    + [(64, 512, False, 4), (64, 512, True, 1), (1, 2, False, 1)],
)
def test_so_many_notebooks_run_at_once_as_there_is_room_for(
    monkeypatch, cores, gigabytes, gpu, expected
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(command.os, "sched_getaffinity", lambda _: set(range(cores)))
    sizes = {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": gigabytes * 10**6}
    monkeypatch.setattr(command.os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(command.Path, "exists", lambda _: gpu)
    assert command.usual_parallel() == expected
