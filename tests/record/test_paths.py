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
    value = {"a": [f"{DATA}/b.nii", 3], "n": None}
    assert paths.plain(value, [DATA]) == {"a": ["b.nii", 3], "n": None}


def test_the_data_folders_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(tmp_path / "sample"))
    found = paths.data_folders(f"phantom,ixi-sample,{tmp_path}/mine")
    assert {tmp_path / "sample", tmp_path / "mine"} <= set(found)
