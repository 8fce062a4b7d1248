"""Parameters that name files and folders: checked before the start, their contents followed."""

import zipfile

import pytest

from brainlib import files
from brainlib.run import catalogue, given_paths, parameters, settings, sweeps
from brainlib.run.refused import Refused

MODEL = "an existing .keras file; see the text"
MASKS = "existing folder of masks"
PICTURES = "an existing folder of pictures or .npy file"


def existing(comment, value):
    parameter = parameters.Parameter("x", "", comment)
    return given_paths.existing_path(parameter, str(value), "-p x")


@pytest.fixture
def model(tmp_path):
    """A file that has the parts of a model."""
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as parts:
        for name in sorted(given_paths.OF_A_MODEL):
            parts.writestr(name, "{}")
    return path


@pytest.mark.parametrize("path", ["/nonexistent.keras", "x" * 300, "a\0b"])
def test_nothing_at_a_path_is_found_before_the_start(path):
    with pytest.raises(Refused, match="-p x"):
        existing(MODEL, path)


def test_a_relative_path_is_seen_from_where_the_command_is_given(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    assert existing(MODEL, "model.keras") == str(model)
    assert existing(MODEL, "") == ""
    assert existing("a text", "model.keras") == "model.keras"


def test_something_of_another_kind_is_found_before_the_start(tmp_path, model):
    folder, empty, old = tmp_path / "folder", tmp_path / "empty", tmp_path / "old.keras"
    folder.mkdir()
    empty.mkdir()
    (folder / "a").touch()
    old.write_bytes(given_paths.BEGINS_WITH[".h5"])  # Keras 2, whatever its name says
    cut = tmp_path / "cut.keras"
    cut.write_bytes(model.read_bytes()[:40])
    array = tmp_path / "pictures.npy"
    array.write_bytes(given_paths.BEGINS_WITH[".npy"])
    misnamed = model.rename(tmp_path / "model.zip")
    for comment, path, said in (
        (MODEL, folder, "expected a file, found a folder"),
        (MODEL, old, "expected a .keras file.*model.save"),
        (MODEL, cut, "expected a .keras file"),
        (MODEL, misnamed, "expected a .keras file"),
        (MASKS, array, "expected a folder, found a file"),
        (MASKS, empty, "found an empty one"),
        (PICTURES, old, "expected a .npy file"),
    ):
        with pytest.raises(Refused, match=said):
            existing(comment, path)
    assert existing(PICTURES, array) == str(array) and existing(PICTURES, folder) == str(folder)


@pytest.fixture
def notebooks():
    """Two notebooks of the workbook, by name."""
    table = {"01_explore": [], "12_inspector": ["01_explore"]}
    return table, catalogue.read_notebooks(list(table), table)


def test_the_workbook_s_own_paths_are_checked(notebooks, tmp_path, model):
    _, known = notebooks
    profile = settings.Profile(name="plain")

    def values(*words):
        found = settings.parameters_of(known, profile, words, data="phantom", out="out")
        return given_paths.with_existing_paths(known, found)

    assert values(f"model_file={model}")["12_inspector"]["model_file"] == str(model)
    for word in (f"model_file={tmp_path}", f"mask_folder={model}", f"pictures={model}"):
        with pytest.raises(Refused, match=f"-p {word.split('=')[0]}"):
            values(word)


def test_paths_of_a_sweep_are_checked_before_it_starts(notebooks, tmp_path, model):
    table, known = notebooks
    path = tmp_path / "sweep.yaml"
    lines = "title: t\nnotebook: 12_inspector\nresults: r\nparameters:\n"

    def read(*more):
        path.write_text(lines + "\n".join(more))
        return sweeps.read(path, table, known)

    (point,) = read(f"  model_file: {model}", "  01_explore.mask_folder: ''").points
    assert point.values == {"model_file": str(model)}
    with pytest.raises(Refused, match="sweep.yaml, parameters, model_file: there is nothing"):
        read(f"  model_file: [{model}, /nonexistent.keras]")
    with pytest.raises(Refused, match="01_explore.mask_folder: expected a folder, found a file"):
        read(f"  01_explore.mask_folder: {model}")


def test_contents_are_followed(notebooks, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    _, known = notebooks
    masks = tmp_path / "masks"
    (masks / "deep").mkdir(parents=True)
    (masks / "deep/p1_mask.mgz").write_bytes(b"one")
    explore = known["01_explore"]
    before = given_paths.fingerprints(explore, {"mask_folder": str(masks)})
    assert list(before) == ["01_explore.mask_folder"]
    (masks / "deep/p1_mask.mgz").write_bytes(b"two")
    after = given_paths.fingerprints(explore, {"mask_folder": str(masks)})
    assert before != after
    assert given_paths.fingerprints(explore, {"mask_folder": ""}) == {}
