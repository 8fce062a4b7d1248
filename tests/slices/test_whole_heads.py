"""Slices of a head and the way back into it: on heads of unequal sides."""

from pathlib import Path

import numpy as np
import pytest

from brainlib import slices
from brainlib.heads.volumes import Volume

SHAPE = (9, 40, 32)  # sagittal: 9 pictures of 32 rows and 40 columns


def head(voxel_mm=(3.0, 2.0, 2.0)):
    """A smooth head of grey values 100 to 300, with a brain in all but the first two slices."""
    x, y, z = np.meshgrid(*(np.linspace(0, 1, side) for side in SHAPE), indexing="ij")
    array = (100 + 80 * x + 70 * y + 50 * z).astype("float32")
    mask = np.zeros(SHAPE, bool)
    mask[2:, 10:30, 8:24] = True
    affine = np.diag([*voxel_mm, 1.0])
    return Volume(array, voxel_mm, affine, Path("head.nii"), ("R", "A", "S"), SHAPE), mask


@pytest.mark.parametrize("plane, count", [("sagittal", 7), ("coronal", 20), ("axial", 16)])
def test_slices_are_those_of_prepare_and_go_back_to_their_place(plane, count):
    volume, mask = head()
    options = {"plane": plane, "size": 40, "field_mm": 80.0}
    cut = slices.cut_head(volume, mask, **options)
    assert len(cut.numbers) == count and cut.picture_mm == 2.0
    prepared = slices.prepare(volume, mask, cut.numbers, **options)
    np.testing.assert_array_equal(cut.pictures, prepared["image"])
    back = cut.put_back(cut.pictures)
    low, high = cut.limits[0]
    expected = np.clip(volume.array, low, high)
    in_slices = slices.pictures(np.ones(SHAPE, bool), plane)[cut.numbers]
    error = np.abs(slices.pictures(back - expected, plane)[cut.numbers])[in_slices]
    assert error.max() < 0.05 * (high - low) and np.median(error) < 0.005 * (high - low)
    others = np.setdiff1d(np.arange(len(slices.pictures(back, plane))), cut.numbers)
    np.testing.assert_array_equal(
        slices.pictures(back, plane)[others], slices.pictures(volume.array, plane)[others]
    )


def test_equal_pixels_come_back_exactly():
    volume, mask = head()
    cut = slices.cut_head(volume, mask, plane="sagittal", size=40, field_mm=80.0)
    low, high = cut.limits[0]
    np.testing.assert_allclose(
        cut.put_back(cut.pictures)[2:], np.clip(volume.array[2:], low, high), rtol=1e-5
    )


def test_nothing_changes_where_the_change_is_nothing():
    volume, mask = head()
    before = volume.array.copy()
    cut = slices.cut_head(volume, mask, plane="sagittal", size=16, field_mm=80.0)
    np.testing.assert_array_equal(cut.put_back(cut.pictures, keep_detail=True), before)
    np.testing.assert_array_equal(volume.array, before)
    brighter = cut.put_back(cut.pictures + 0.1, keep_detail=True)
    low, high = cut.limits[0]
    np.testing.assert_allclose(brighter[2:] - before[2:], 0.1 * (high - low), rtol=1e-3)


def test_a_mark_goes_back_to_where_it_was_made():
    volume, mask = head()
    cut = slices.cut_head(volume, mask, plane="sagittal", size=40, field_mm=80.0)
    marked = np.zeros_like(cut.pictures)
    marked[3, 10, 4] = 1  # 10 below the top of the window, 4 from the front
    back = cut.put_back(marked)
    # the picture of 32 rows lies in the middle of 40: row 10 is the 6th from the top (superior)
    assert np.unravel_index(back.argmax(), SHAPE) == (cut.numbers[3], 39 - 4, 31 - 6)


def test_outside_of_the_field_and_of_a_stripped_brain_the_head_stays():
    volume, mask = head()
    cut = slices.cut_head(volume, mask, plane="sagittal", size=16, field_mm=48.0)
    changed = cut.put_back(np.ones_like(cut.pictures)) != volume.array
    assert 0.3 < changed[2:].mean() < 0.7 and not changed[:2].any()
    stripped = slices.cut_head(volume, mask, plane="sagittal", size=40, brain_only=True)
    changed = stripped.put_back(np.ones_like(stripped.pictures)) != volume.array
    np.testing.assert_array_equal(changed & ~mask, False)
    with pytest.raises(ValueError, match="expected pictures of shape"):
        cut.put_back(cut.pictures[:1])
