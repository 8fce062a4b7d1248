"""Folders and files with names as nobody should choose them: found, read and told in one line."""

import os

import nibabel
import numpy as np
import pytest

from brainlib.heads import cohort as datasets
from brainlib.heads import volumes
from brainlib.heads.draft import draft
from brainlib.heads.names import split_paths
from brainlib.heads.reading import read_every_file, read_lesion, who_is_who

HEAD = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)
FOLDERS = ("a;b", "a b", "#1", 'it\'s "this"', "$x^{$", "J\u00f6rg", "J\u0308o", "new\nline", "-o")


def write(path, array=HEAD):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([20.0, 20.0, 20.0, 1.0])), path)  # 14 to 18 cm


@pytest.mark.parametrize("name", FOLDERS)
def test_heads_and_lesions_in_a_folder_of_any_name(name, tmp_path):
    folder = tmp_path / name
    lesion = np.zeros(HEAD.shape, np.uint8)
    lesion[2:4, 3, 3] = 1
    for number in (1, 2):
        write(folder / f"p{number}.nii.gz", HEAD + number)
    write(folder / "p1_lesion.nii.gz", lesion)
    draft(folder)
    text = (folder / "heads.csv").read_text().replace("?", "healthy")
    (folder / "heads.csv").write_text(text)
    cohort = datasets.cohort(str(folder))
    assert cohort.subject.tolist() == ["p1", "p2"]
    ill = cohort.iloc[0]
    assert who_is_who(cohort, []).lesion.tolist() == ["p1_lesion.nii.gz", ""]
    found = read_lesion(ill.lesion_path, volumes.load(ill.path))
    assert found.sum() == 2
    heads, left_out = read_every_file(cohort)
    assert len(heads) == 2 and not len(left_out)


def test_paths_in_one_cell(tmp_path):
    for name in ("a;b.nii", "c.nii", "d.nii"):
        (tmp_path / name).touch()
    there = [str(tmp_path / name) for name in ("a;b.nii", "c.nii")]
    assert split_paths(";".join(there)) == there == split_paths("a;b.nii; c.nii", tmp_path)
    assert split_paths("") == [] and split_paths("x.nii;d.nii", tmp_path)[1].endswith("d.nii")


def test_names_of_bytes_that_are_no_text_are_left_out_and_named(tmp_path):
    for name in ("p1", "p2"):
        write(tmp_path / f"{name}.nii.gz")
    os.rename(tmp_path / "p2.nii.gz", os.fsencode(tmp_path) + b"/p\xff\xfe.nii.gz")
    cohort = datasets.cohort(str(tmp_path))
    assert cohort.subject.tolist() == ["p1"]
    details = [each["detail"] for each in cohort.attrs["problems"]]
    assert sum("\\udcff" in detail for detail in details) == 1
    assert all(detail.isprintable() for detail in details)
