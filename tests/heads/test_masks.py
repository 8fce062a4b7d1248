"""Brain masks: against the parcellations of the real heads, and what must hold without them."""

import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest

from brainlib import files
from brainlib.heads import masks, volumes


def heads(folder):
    for path in sorted((folder / "t1").glob("*.nii.gz")):
        yield path, folder / "brain" / path.name.replace("_ds.", "_ds_DLMUSE.")


def make_volume(array, voxel_mm=(2.0, 2.0, 2.0)):
    array = np.asarray(array, dtype=np.float32)
    return volumes.Volume(
        array, voxel_mm, np.diag([*voxel_mm, 1.0]), Path("made.nii"), ("R", "A", "S"), array.shape
    )


def test_deepbrain_agrees_with_the_parcellation_of_every_real_head(ixi_sample):
    for path, parcellation in heads(ixi_sample):
        volume = volumes.load(path)
        mask = masks.brain_mask(volume)
        assert mask.dtype == bool and mask.shape == volume.array.shape
        assert masks.dice(mask, masks.read_mask(parcellation, volume)) >= 0.97, path.name


def test_squeezing_the_field_of_view_as_the_seed_did_is_still_there_and_worse(ixi_sample):
    path, parcellation = next(heads(ixi_sample))
    volume = volumes.load(path)
    truth = masks.read_mask(parcellation, volume)
    squeezed = masks.dice(masks.brain_mask(volume, field_mm=0), truth)
    assert 0.93 <= squeezed < masks.dice(masks.brain_mask(volume), truth)


def test_a_stripped_head_is_its_own_mask(ixi_sample):
    path, parcellation = next(heads(ixi_sample))
    volume = volumes.load(path)
    brain = masks.read_mask(parcellation, volume)
    stripped = dataclasses.replace(volume, array=np.where(brain, volume.array, 0))
    assert masks.dice(masks.brain_mask(stripped), brain) > 0.99


def test_dice_closed_forms():
    first, second = np.zeros((3, 4, 5), bool), np.zeros((3, 4, 5), bool)
    assert masks.dice(first, second) == 1
    first[0, 0, :4] = True
    second[0, 0, 2:5] = True
    assert masks.dice(first, second) == pytest.approx(2 * 2 / (4 + 3))


def test_given_masks_are_turned_to_the_heads_grid(write_nifti):
    labels = np.zeros((7, 8, 9), np.int16)
    labels[1, 2, 3] = 5
    flipped = np.diag([-1.5, 2.0, 3.0, 1.0])
    head = volumes.load(
        write_nifti(np.random.default_rng(0).uniform(1, 2, (7, 8, 9)), affine=flipped)
    )
    mask = masks.read_mask(write_nifti(labels, name="labels.nii.gz", affine=flipped), head)
    assert np.argwhere(mask).tolist() == [[5, 2, 3]]  # axis 0 of the file runs to the left
    assert head.array.shape == mask.shape


@pytest.mark.parametrize(
    "labels, text", [(np.zeros((7, 8, 9)), "labels above 0"), (np.ones((9, 8, 7)), "shape")]
)
def test_unfit_masks_are_refused(write_nifti, random_volume, labels, text):
    head = volumes.load(write_nifti(random_volume))
    with pytest.raises(ValueError, match=text):
        masks.read_mask(write_nifti(labels, name="labels.nii.gz", dtype=np.uint8), head)


def test_a_head_without_its_own_mask_gets_deepbrains_and_is_named(
    write_nifti, random_volume, tmp_path, monkeypatch
):
    monkeypatch.setattr(masks, "brain_mask", lambda volume, **_: volume.array > 500)
    head = volumes.load(write_nifti(random_volume))
    with pytest.warns(UserWarning, match=f"{head.path.name}: no brain mask"):
        mask = masks.cached_mask(head, cache=tmp_path / "cache", method="given")
    assert np.array_equal(mask, random_volume > 500)


def test_masks_are_cached_and_damaged_caches_made_again(ixi_sample, tmp_path, monkeypatch):
    volume = volumes.load(next(heads(ixi_sample))[0])
    calls = []
    monkeypatch.setattr(
        masks, "brain_mask", lambda volume, **_: calls.append(1) or volume.array > 1000
    )
    first = masks.cached_mask(volume, cache=tmp_path)
    assert np.array_equal(first, masks.cached_mask(volume, cache=tmp_path)) and len(calls) == 1
    (stored,) = tmp_path.glob("*.npz")
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 255
    stored.write_bytes(content)
    assert np.array_equal(first, masks.cached_mask(volume, cache=tmp_path)) and len(calls) == 2
    masks.cached_mask(volume, cache=tmp_path, threshold=0.6)
    assert len(calls) == 3  # another threshold is another mask


@pytest.mark.parametrize("cause", ["full disk", "a file where the folder should be"])
def test_a_cache_that_cannot_be_written_is_a_warning_said_once(
    write_nifti, random_volume, tmp_path, monkeypatch, cause
):
    monkeypatch.setattr(masks, "brain_mask", lambda volume, **_: volume.array > 500)
    head, cache = volumes.load(write_nifti(random_volume)), tmp_path / "cache"
    if cause == "full disk":

        def full(path):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(files, "whole_file", full)
    else:
        cache.write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be written") as warned:
        for _ in range(2):
            mask = masks.cached_mask(head, cache=cache)
            assert np.array_equal(mask, random_volume > 500)
    assert len(warned) == 1


@pytest.mark.parametrize("change", ["offset below zero", "offset above zero", "hot voxels"])
def test_offsets_and_hot_voxels_do_no_harm(ixi_sample, change):
    path, parcellation = next(heads(ixi_sample))
    volume = volumes.load(path)
    array = volume.array.copy()
    if change == "hot voxels":
        array[::17, ::19, ::23] = 30 * array.max()
    else:
        array += -1000 if "below" in change else 0.5 * array.max()
    mask = masks.brain_mask(dataclasses.replace(volume, array=array))
    assert masks.dice(mask, masks.read_mask(parcellation, volume)) >= 0.95


def test_masks_of_a_folder_are_found_by_the_subjects_names(tmp_path):
    for name in ("sub-1_mask.nii.gz", "sub-10.nii", "sub-2/sub-2-brain.nii.gz", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = masks.find_masks(tmp_path, ["sub-1", "sub-2", "sub-10", "sub-3"])
    assert {subject: Path(path).name for subject, path in found.items()} == {
        "sub-1": "sub-1_mask.nii.gz",
        "sub-2": "sub-2-brain.nii.gz",
        "sub-10": "sub-10.nii",
    }
    (tmp_path / "sub-1.nii").touch()
    with pytest.raises(ValueError, match="one file for sub-1 in .*sub-1.nii, sub-1_mask.nii.gz"):
        masks.find_masks(tmp_path, ["sub-1"])
    with pytest.raises(ValueError, match="such as IXI002_mask.nii.gz; got 4 others"):
        masks.find_masks(tmp_path, ["IXI002"])
