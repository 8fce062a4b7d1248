"""A cohort from heads to stored pictures: measured, chosen by rules, stored."""

import errno

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib import slices
from brainlib.heads import reading

SHAPE = (7, 8, 9)


def head(path, brain_slices):
    """A head whose brain mask covers whole sagittal slices; returns (path, path of the mask)."""
    array = np.random.default_rng(0).uniform(1, 100, SHAPE).astype(np.float32)
    mask = np.zeros(SHAPE, np.uint8)
    mask[brain_slices] = 1
    names = f"{path}.nii.gz", f"{path}_mask.nii.gz"
    for name, block in zip(names, (array, mask)):
        nibabel.save(nibabel.Nifti1Image(block, np.diag([16.0, 16, 16, 1])), name)
    return names


@pytest.fixture
def cohort(tmp_path):
    parts = {"a": slice(1, 6), "b": slice(2, 5)}
    places = [head(tmp_path / name, part) for name, part in parts.items()]
    table = pd.DataFrame(places, columns=["path", "brain_path"]).assign(subject=list(parts))
    table = table.assign(visit="", lesion_path="")
    return table.assign(cohort="made up", group="healthy", site="HH", synthetic=True)


def measured(cohort, tmp_path):
    said = []
    options = {"method": "given", "cache": tmp_path, "say": said.append}
    return slices.measure_heads(cohort, "sagittal", **options), said


def test_a_head_without_a_mask_is_named(cohort, tmp_path):
    bad = cohort.iloc[:1].assign(subject="c", brain_path=str(tmp_path / "none.nii.gz"))
    heads, said = measured(pd.concat([bad, cohort]), tmp_path)
    assert heads.slices.groupby("volume").size().to_dict() == {"a": 7, "b": 7}
    assert heads.quality.subject.tolist() == ["a", "b"] and said == ["head 3/3"]
    assert heads.left_out.subject.tolist() == ["c"]
    assert heads.cohort.subject.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="none of the 1 heads .*none.nii.gz"):
        measured(bad, tmp_path)


def test_the_next_visit_of_a_person_without_a_usable_mask(cohort, tmp_path):
    tiny = head(tmp_path / "tiny", slice(0, 0))[1]  # no voxel of brain
    first = cohort.assign(brain_path=[tiny, cohort.brain_path[1]])
    heads = slices.measure_heads(
        first, "sagittal", others=cohort.assign(visit="2"), method="given", cache=tmp_path
    )
    assert heads.cohort.visit.tolist() == ["2", ""] and len(heads.left_out) == 1


def test_what_rules_keep_is_counted(cohort, tmp_path):
    table = measured(cohort, tmp_path)[0].slices
    kept = {name: slices.select(table, name) for name in ("middle", "brain")}
    counts = slices.count_kept(table, kept, ["a", "b", "nobody"]).set_index("method")
    assert counts.kept.to_dict() == {"middle": 2, "brain": 8}
    assert counts.discarded_with_brain.to_dict() == {"middle": 6, "brain": 0}
    assert counts.per_head_smallest["brain"] == 0 and counts.per_head_largest["brain"] == 5
    assert counts.kept_percent["brain"] == pytest.approx(100 * 8 / 14)
    wrong = slices.count_kept(table, {"all": table}, ["a", "b"])
    assert wrong.kept_without_brain.tolist() == [6]


def test_limits_and_what_they_discard():
    table = pd.DataFrame({"nonzero_px": [0, 10, 10, 10], "nonzero_mean": [1.0, 2, 3, 4]})
    limits = slices.limits_of_rules(table).set_index(["column", "rule"])
    assert limits.limit["nonzero_mean", "first_quartile"] == 1.75
    assert limits.discarded["nonzero_mean", "first_quartile"] == 1
    assert limits.discarded_percent["nonzero_px", "first_quartile"] == 25


def test_pictures_are_stored_head_by_head(cohort, tmp_path):
    kept = slices.select(measured(cohort, tmp_path)[0].slices, "brain")
    chosen = slices.every_nth(kept, 2)
    assert chosen.slice.tolist() == [1, 3, 5, 2, 4]  # every second of a and of b
    turned = cohort[::-1].reset_index(drop=True)
    index = slices.index_of_pictures(chosen, turned)
    assert index.subject.tolist() == ["b", "b", "a", "a", "a"] and index.row.tolist() == list(
        range(5)
    )
    paths = [tmp_path / "images.npy", tmp_path / "brains.npy"]
    options = {"plane": "sagittal", "size": 16, "method": "given", "field_mm": 160.0}
    slices.store_pictures(*paths, turned, index, **options)
    images, brains = (slices.read(path) for path in paths)
    assert images.shape == brains.shape == (5, 16, 16, 1) and brains.any(axis=(1, 2, 3)).all()
    with pytest.raises(ValueError, match="no slice is kept"):
        slices.index_of_pictures(chosen[:0], cohort)


def test_the_median_of_the_brain_alone():
    images = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4, 1)
    brains = np.zeros(images.shape, bool)
    brains[0, 0] = True  # 0, 1, 2, 3
    medians = slices.median_of_brain(images, brains)
    assert medians[0] == 1.5 and np.isnan(medians[1])


def test_a_full_disk_is_no_bad_head(cohort, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(reading, "read_with_mask", full)
    with pytest.raises(OSError, match="No space left"):
        measured(cohort, tmp_path)
