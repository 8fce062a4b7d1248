"""No path of this machine in what readers see."""

from pathlib import Path

import pytest

from brainlib.record import paths

DATA = Path("/home/jane doe/my heads")


@pytest.mark.parametrize(
    "text, expected",
    [
        (f"left out: {DATA}/sub-01/a.nii.gz", "left out: sub-01/a.nii.gz"),
        (
            f"{DATA}/a.nii: expected a head. As {DATA}/b.nii has",
            "a.nii: expected a head. As b.nii has",
        ),
        (f"{DATA}: who is healthy?", "my heads: who is healthy?"),
        ("/mnt/elsewhere/masks/p1.nii.gz: expected a mask", "p1.nii.gz: expected a mask"),
        ("see https://brain-development.org/ixi-dataset and 1/3 or/and a", None),
        ("energy_ratio 3/4, tables/01_explore/heads.csv, ~/x, 5 / 6 / 7", None),
        ("$x^{$ \\ /", None),
    ],
)
def test_paths_begin_at_the_data_folder(text, expected):
    assert paths.without_folders(text, [DATA]) == (text if expected is None else expected)


def test_texts_in_lists_and_dicts():
    value = {"a": [f"{DATA}/b.nii", 3], "n": None, str(DATA): "11 files"}
    assert paths.plain(value, [DATA]) == {"a": ["b.nii", 3], "n": None, "my heads": "11 files"}


def test_a_path_that_is_there_is_its_name_whatever_its_folders_are_called(tmp_path):
    (tmp_path / "jane doe; (private)").mkdir()
    path = tmp_path / "jane doe; (private)" / "model.keras"
    path.touch()
    assert paths.without_folders(str(path), []) == "model.keras"
    command = "./run_all.sh --out outputs/x"
    assert paths.without_folders(command, [Path("."), Path("outputs")]) == command


def test_the_data_folders_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(tmp_path / "sample"))
    found = paths.data_folders(f"phantom,ixi-sample,{tmp_path}/mine")
    assert {tmp_path / "sample", tmp_path / "mine"} <= set(found)
