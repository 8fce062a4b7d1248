"""The slice browser follows its controls, and says it where a head cannot be read."""

import nibabel
import numpy as np

from brainlib import labs


def test_the_browser_says_which_head_cannot_be_read(tmp_path):
    array = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([2.0, 2, 2, 1])), tmp_path / "a.nii.gz")
    (tmp_path / "b.nii.gz").write_bytes(b"")
    paths = {"a": tmp_path / "a.nii.gz", "b": tmp_path / "b.nii.gz"}
    upper, lower, refusal, picture = labs.slice_browser(paths).children
    subject, number = upper.children[0], lower.children[0]
    first = picture.value
    assert number.max == 6 and first and not refusal.value
    number.value = 1
    assert picture.value != first
    subject.value = "b"
    assert "b.nii.gz" in refusal.value and not picture.value
    subject.value = "a"
    assert picture.value and not refusal.value
    upper.children[1].value = "axial"
    assert number.max == 8
