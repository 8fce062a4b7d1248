"""The synthetic cohort: geometry, masks, lesions, twins, determinism, cache, table's faults."""

import shutil

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads import cohort as datasets
from brainlib.heads import masks, phantom, volumes
from brainlib.heads.phantom import atlas as phantom_atlas

COUNTS = {"healthy": 3, "tumour": 1, "stroke": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return phantom.cohort(
        tmp_path_factory.mktemp("data") / "phantom", **COUNTS, jobs=1, progress=False
    )


def head(folder, subject, kind="t1"):
    (path,) = (folder / kind).glob(f"{subject}-*.nii.gz")
    return volumes.load(path)


def test_geometry_is_half_of_ixis(made):
    for path in (made / "t1").glob("*.nii.gz"):
        volume = volumes.load(path)
        slices = 73 if "-IOP-" in path.name else 75
        assert volume.stored_axes == ("P", "S", "R") and volume.stored_shape == (128, 128, slices)
        np.testing.assert_allclose(volume.voxel_mm, (2.4, 1.875, 1.875), rtol=1e-5)
        assert nibabel.load(path).get_data_dtype() == np.int16


def test_the_brain_lies_in_the_head_and_upright(made):
    for path in (made / "t1").glob("*.nii.gz"):
        volume = volumes.load(path)
        mask = masks.read_mask(made / "brain" / path.name.replace(".nii", "_brain.nii"), volume)
        millilitres = mask.sum() * np.prod(volume.voxel_mm) / 1000
        assert 1000 < millilitres < 2000
        assert (volume.array[mask] > 0.1 * np.percentile(volume.array, 99)).mean() > 0.95
        centre = np.argwhere(mask).mean(axis=0) / mask.shape
        assert (
            abs(centre[0] - 0.5) < 0.05 and 0.5 < centre[2] < 0.8
        )  # in the middle, above the neck


def test_deepbrain_finds_it(made):
    volume = head(made, "PHANTOM001")
    truth = masks.read_mask(next((made / "brain").glob("PHANTOM001*")), volume)
    assert masks.dice(masks.brain_mask(volume), truth) > 0.95


def test_tissues_are_in_t1s_order(made, template):
    result = phantom.make_head(template, seed=0, number=1, site="HH")
    levels = [np.median(result["image"][result["labels"] == tissue]) for tissue in (1, 2, 3)]
    assert levels[0] < 0.8 * levels[1] < 0.8 * levels[2]


@pytest.fixture(scope="module")
def template(made):
    return phantom.Template(phantom_atlas.load_atlas(made.parent, 2))


@pytest.mark.parametrize("subject, kind", [("PHANTOM401", "tumour"), ("PHANTOM701", "stroke")])
def test_lesions_lie_in_the_brain_and_the_twin_is_the_same_head_without(made, subject, kind):
    volume, twin = head(made, subject), head(made, subject, "twin")
    lesion = masks.read_mask(next((made / "lesion").glob(f"{subject}*")), volume)
    brain = masks.read_mask(next((made / "brain").glob(f"{subject}*")), volume)
    assert lesion.any() and not (lesion & ~brain).any()
    record = pd.read_csv(made / "subjects.csv").set_index("subject").loc[subject]
    assert record.group == kind and record.lesion_ml == pytest.approx(
        lesion.sum() * np.prod(volume.voxel_mm) / 1000, rel=1e-3
    )
    assert np.median(volume.array[lesion]) < 0.9 * np.median(
        twin.array[lesion]
    )  # darker than without
    far = np.argwhere(lesion).mean(axis=0)[0] < 37  # the other half of the head
    side = np.zeros_like(lesion)
    side[60:] = True
    side = side if far else side[::-1]
    outside = side & ~lesion & ~brain
    assert np.abs(volume.array[outside] - twin.array[outside]).mean() < 0.05 * np.percentile(
        twin.array, 99
    )


def test_wanted_volumes_are_met(template):
    ratios = []
    for number in range(5):
        for kind in ("tumour", "stroke"):
            result = phantom.make_head(template, seed=1, number=500 + number, kind=kind)
            rng = np.random.default_rng(
                np.random.SeedSequence([20240, 1, 500 + number]).spawn(4)[2]
            )
            from brainlib.heads.phantom import lesions

            wanted = lesions.draw(kind, template, rng, 150).wanted_ml
            ratios.append(result["lesion_ml"] / wanted)
    assert 0.6 < np.median(ratios) < 1.3


def test_a_head_depends_on_seed_and_number_only(made, template):
    listed = phantom.people(COUNTS, 0)
    row = listed.iloc[1]
    again = phantom.make_head(
        template, seed=0, number=row.number, site=row.site, sex=row.sex, age=row.age
    )
    stored = nibabel.load(next((made / "t1").glob(f"{row.subject}*")))
    assert np.mean(again["image"] != np.asarray(stored.dataobj)) < 1e-4
    pd.testing.assert_frame_equal(
        phantom.people({"healthy": 2}, 0), phantom.people({"healthy": 9}, 0).head(2)
    )
    other = phantom.make_head(
        template, seed=1, number=row.number, site=row.site, sex=row.sex, age=row.age
    )
    assert np.mean(other["image"] != again["image"]) > 0.3


def test_damaged_files_are_made_again_alone_and_whole_ones_are_left(made, tmp_path):
    folder = tmp_path / "phantom"
    shutil.copytree(made, folder)
    shutil.copy(next(made.parent.glob("atlas*")), tmp_path)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nii.gz")}
    damaged = sorted(times)[0]
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-50])
    phantom.cohort(folder, **COUNTS, jobs=1, progress=False)
    assert damaged.read_bytes() == content
    changed = {
        path.name.split("-")[0] for path, time in times.items() if path.stat().st_mtime_ns != time
    }
    assert changed == {damaged.name.split("-")[0]}


def test_a_damaged_atlas_is_built_again(made, tmp_path):
    path = next(made.parent.glob("atlas*"))
    (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    atlas = phantom_atlas.load_atlas(tmp_path, 2)
    np.testing.assert_array_equal(atlas["code"], phantom_atlas.load_atlas(made.parent, 2)["code"])


def test_the_table_has_ixis_columns_and_faults(made):
    table = phantom.spreadsheet(phantom.people({"healthy": 12}, 0))
    assert (
        table.columns.tolist()[:2] == ["IXI_ID", "SEX_ID (1=m, 2=f)"] and len(table.columns) == 12
    )
    assert (
        table.IXI_ID.duplicated().sum() == 1
        and table.AGE.isna().sum() == 1
        and (table.HEIGHT == 0).sum() == 2
    )
    assert "PHANTOM011" not in set(table.IXI_ID) and "PHANTOM999" in set(table.IXI_ID)


def test_as_a_source_of_heads(made, monkeypatch):
    monkeypatch.setattr(phantom, "cohort", lambda folder, **_: made)
    table = datasets.cohort("phantom", **COUNTS)
    assert table.group.tolist() == ["healthy"] * 3 + ["tumour", "stroke"] and table.synthetic.all()
    ill = table[table.group != "healthy"]
    assert (
        (ill.lesion_path != "").all()
        and (ill.twin_path != "").all()
        and (table.brain_path != "").all()
    )
    assert any(
        problem["fault"] == "repeated id" and problem["subject"] == "PHANTOM003"
        for problem in table.attrs["problems"]
    )


def test_quarter_size_and_unknown_sizes(template):
    result = phantom.make_head(template, seed=0, number=1, size="quarter")
    assert (
        result["image"].shape == (64, 64, 37)
        and 1000 < (result["labels"] > 0).sum() * 3.75 * 3.75 * 4.8 / 1000 < 2000
    )
    with pytest.raises(ValueError, match="full, half, quarter"):
        phantom.geometry("double", "HH")
