"""The slice lab without a browser, on small heads with unequal sides."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from lab_extremes import go_to_extremes

from brainlib import slices
from brainlib.heads.volumes import PLANES, Volume
from brainlib.show.labs import slice_lab
from brainlib.show.labs.slice_lab import LESION, Head, Limits, Shelf

SHAPE = (12, 14, 16)


def head(*, lesion=False):
    rng = np.random.default_rng(0)
    array = np.zeros(SHAPE, "float32")
    array[2:10, 3:12, 4:14] = rng.uniform(40, 100, (8, 9, 10))
    mask = array > 0
    ill = np.zeros(SHAPE, bool)
    ill[5, 6, 7] = lesion
    volume = Volume(array, (2.0, 1.5, 1.0), np.eye(4), Path("a.nii"), tuple("RAS"), SHAPE)
    return Head(volume, mask, ill if lesion else None, "healthy", slice_lab.white_of(volume))


@pytest.fixture
def shelf():
    heads = {"a": head(), "b": head(lesion=True)}
    return Shelf(list(heads), heads.get)


def test_counts_are_what_a_rule_keeps_and_loses(shelf):
    table = shelf.table("a", "sagittal", False)
    kept = Limits("brain").keeps(table)
    assert kept.tolist() == [False] * 2 + [True] * 8 + [False] * 2
    found = slice_lab.counts(table, kept)
    assert (found["kept"], found["lost"], found["empty"]) == (8, 0, 0)
    found = slice_lab.counts(table, Limits("middle").keeps(table))
    assert (found["kept"], found["lost"], found["empty"]) == (1, 7, 0)
    assert found["brain_lost_percent"] == pytest.approx(100 * 7 / 8)
    found = slice_lab.counts(table, Limits("range", span=(0.0, 100.0)).keeps(table))
    assert (found["kept"], found["lost"], found["empty"]) == (12, 0, 4)


def test_noise_leaves_the_truth_and_fills_what_was_0(shelf):
    clean, noisy = shelf.table("a", "axial", False), shelf.table("a", "axial", True)
    assert (clean.true_brain_px == noisy.true_brain_px).all()
    assert (noisy.nonzero_px == noisy.picture_px).all() and (clean.nonzero_px[:4] == 0).all()


@pytest.mark.parametrize("plane", list(PLANES))
def test_the_crosshair_lies_on_the_voxel_that_it_names(plane):
    array = np.zeros(SHAPE)
    array[3, 11, 5] = 1
    at = tuple((place + 0.5) / side for place, side in zip((3, 11, 5), SHAPE))
    volume = head().volume
    picture = slices.pictures(array, plane)[slice_lab.number_of(volume, plane, at)]
    x, y = slice_lab.in_picture(plane, at)
    assert picture[int(y * picture.shape[0]), int(x * picture.shape[1])] == 1


@pytest.mark.parametrize("column, plane", enumerate(PLANES))
def test_a_click_moves_the_crosshair_to_where_it_was(column, plane):
    volume, height, at = head().volume, 300, (0.3, 0.6, 0.8)
    middle = (column * (slice_lab.BIG + slice_lab.GAP) + slice_lab.BIG / 2) / slice_lab.WIDTH
    place = (middle, (slice_lab.TOP + slice_lab.BIG / 2) / height)
    moved = slice_lab.with_click(volume, at, place, height)
    axis = PLANES[plane]
    assert moved[axis] == at[axis]  # the plane itself stays
    others = [moved[other] for other in range(3) if other != axis]
    np.testing.assert_allclose(others, 0.5, atol=1e-6)
    assert slice_lab.with_click(volume, at, (0.5, 0.99), height) == at  # below the planes


def test_every_control_changes_the_picture(shelf):
    opened = slice_lab.lab_of(shelf, "made up")
    size = opened.picture.width, opened.picture.height
    steps = [{"number": 3}, {"plane": "axial"}, {"number": 9}, {"window": (0.2, 0.7)}]
    steps += [{"overlay": "nothing"}, {"rule": "range"}, {"span": (10, 20)}]
    steps += [{"rule": "nonzero_mean"}, {"mean": 80.0}, {"rule": "nonzero_count"}]
    steps += [{"count": 90.0}, {"rule": "brain"}, {"brain": 45.0}, {"noisy": True}]
    steps += [{"place": (0.1, 0.3)}]
    for values in steps:
        before = opened.picture.value
        opened.set(values)
        assert opened.picture.value != before, values
        assert (opened.picture.width, opened.picture.height) == size
    opened.set({"name": "b", "overlay": LESION, "noisy": False})
    assert "No lesion" not in opened._numbers.value and "b (healthy)" in opened.picture.alt


def test_the_slider_follows_the_crosshair(shelf):
    opened = slice_lab.lab_of(shelf, "")
    opened.controls["plane"].value = "axial"
    assert opened.controls["number"].max == 15
    opened.picture.place = [0.5 * slice_lab.BIG / slice_lab.WIDTH, 0.12]  # high in the first plane
    assert opened.controls["number"].value > 10


def test_heads_that_cannot_be_read_are_not_offered(tmp_path):
    image = nibabel.Nifti1Image(head().volume.array, np.eye(4))
    nibabel.save(image, tmp_path / "a.nii.gz")
    (tmp_path / "b.nii.gz").write_bytes(b"")
    rows = {"subject": ["b", "a"], "group": "healthy", "brain_path": "", "lesion_path": ""}
    rows["path"] = [str(tmp_path / "b.nii.gz"), str(tmp_path / "a.nii.gz")]
    found = slice_lab.shelf_of(pd.DataFrame(rows), find_brain=False)
    assert found.names == ["a"]
    opened = slice_lab.lab_of(found, "")
    assert "No brain mask" in opened._numbers.value


def test_answers_are_computed(shelf):
    for task in slice_lab._tasks(shelf):
        right, words = task.reveal()
        assert right in task.answers and any(sign.isdigit() for sign in words)
    # A quarter of these slices is empty: the quartile is 0 without noise, and keeps all of them.
    assert slice_lab._fails(shelf).reveal()[0] == "as many or fewer"


def test_only_the_limit_of_the_chosen_rule_is_there(shelf):
    opened = slice_lab.lab_of(shelf, "")

    def shown():
        return [name for name in slice_lab.LIMITS if opened.controls[name].layout.display != "none"]

    for name, rule in slice_lab.LIMITS.items():
        opened.controls["rule"].value = rule
        assert shown() == [name]
    opened.controls["rule"].value = "middle"
    assert not shown()


def test_a_task_is_set_up_by_its_button(shelf):
    opened = slice_lab.lab_of(shelf, "")
    assert opened.controls["noisy"].value is False
    opened.tasks.set_up.click()
    assert opened.controls["noisy"].value is True
    opened.tasks.button.click()
    assert opened.tasks.answer and opened.tasks.button.description == "Reveal"


def test_extremes_of_all_controls_have_a_picture(shelf):
    opened = slice_lab.lab_of(shelf, "")
    size = opened.picture.width, opened.picture.height
    go_to_extremes(opened)
    for place in ((0.0, 0.0), (1.0, 1.0), (0.999, 0.1)):
        opened.set({"place": place})
    assert (opened.picture.width, opened.picture.height) == size
