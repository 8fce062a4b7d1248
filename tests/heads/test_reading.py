"""Reading a whole cohort: who is left out and why, what a file holds, in tables."""

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads import cohort as datasets
from brainlib.heads import reading, volumes

HEAD = np.random.default_rng(0).uniform(1, 100, (7, 8, 9)).astype(np.float32)
PSR = np.array([[0, 0, 20.0, 0], [-10, 0, 0, 0], [0, 10, 0, 0], [0, 0, 0, 1]])


def write(path, array=HEAD, affine=PSR):
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return str(path)


def cohort_of(**paths):
    table = pd.DataFrame({"subject": list(paths), "path": list(paths.values())})
    known = {"cohort": "made up", "site": "HH", "group": "healthy", "visit": ""}
    return table.assign(**known, brain_path="", lesion_path="")


def test_a_damaged_file_and_a_second_copy_are_named(tmp_path):
    first = write(tmp_path / "a.nii.gz")
    turned = nibabel.as_closest_canonical(nibabel.load(first))
    nibabel.save(turned, tmp_path / "b.nii.gz")  # the same head along other axes
    (tmp_path / "c.nii.gz").write_bytes((tmp_path / "a.nii.gz").read_bytes()[:200])
    other = write(tmp_path / "d.nii.gz", HEAD[::-1])
    cohort = cohort_of(a=first, b=tmp_path / "b.nii.gz", c=tmp_path / "c.nii.gz", d=other)
    heads, left_out = reading.read_every_file(cohort)
    assert heads.subject.tolist() == ["a", "d"] and left_out.subject.tolist() == ["b", "c"]
    assert "same picture as a" in left_out.reason[0] and "c.nii.gz" in left_out.reason[1]
    with pytest.raises(ValueError, match="at least 3 readable healthy heads .* got 2"):
        reading.refuse_too_few(cohort[cohort.subject.isin(heads.subject)], left_out)


def test_nobody_readable_is_said_too(tmp_path):
    heads, left_out = reading.read_every_file(cohort_of(a=tmp_path / "none.nii.gz"))
    assert heads.empty and len(left_out) == 1
    with pytest.raises(ValueError, match="none.nii.gz"):
        reading.refuse_too_few(heads.assign(group=[]), left_out)


def test_what_a_file_holds(tmp_path):
    described = reading.describe_head(volumes.load(write(tmp_path / "a.nii.gz")))
    assert described["stored_axes"] == "PSR" and described["stored_shape"] == "7x8x9"
    assert described["voxel_mm"] == "20x10x10"  # right, anterior, superior
    assert described["low"] == pytest.approx(np.percentile(HEAD, 0.5), rel=1e-5)
    header = reading.header_table(tmp_path / "a.nii.gz").set_index("field").value
    assert header["axes as stored"] == "PSR" and header["shape (voxels)"] == "(7, 8, 9)"


def test_the_largest_pixel_side_of_each_plane(tmp_path):
    volume = volumes.load(write(tmp_path / "a.nii.gz"))
    sizes = reading.pixel_sizes(volume).set_index("plane")
    assert sizes.slices.to_dict() == {"sagittal": 9, "coronal": 7, "axial": 8}
    assert sizes.longest_side_mm.to_dict() == {"sagittal": 10, "coronal": 20, "axial": 20}
    assert sizes.pixel_mm["coronal"] == "10 x 20"  # rows run along the height, columns across


def test_axes_in_words():
    assert reading.axes_in_words(("P", "S", "R")).startswith(
        "axis 0 runs to the back (P), so a slice across it is **coronal**"
    )


def test_grey_values_of_a_few_heads_of_each_site(tmp_path):
    paths = {
        name: write(tmp_path / f"{name}.nii.gz", HEAD * scale)
        for scale, name in enumerate("abc", 1)
    }
    cohort = cohort_of(**paths).assign(site=["HH", "HH", "Guys"])
    raw = reading.grey_values(cohort, heads_per_site=1)
    assert sorted(raw) == ["Guys | c", "HH | a"] and raw["Guys | c"].max() > 250
    scaled = reading.grey_values(cohort, heads_per_site=1, scaled=True)
    assert all(0 <= values.min() < values.max() == 1 for values in scaled.values())
    np.testing.assert_allclose(scaled["HH | a"], scaled["Guys | c"], atol=1e-5)


def test_the_first_of_each_group():
    cohort = pd.DataFrame({"cohort": "a", "group": ["ill", "ill", "healthy", "ill", "ill"]})
    cohort["subject"] = ["p1", "p1", "p2", "p3", "p4"]  # p1 came twice
    first = reading.first_of_each_group(cohort, 2)
    assert first.subject.tolist() == ["p1", "p1", "p2", "p3"]
    assert len(reading.first_of_each_group(cohort, 0)) == 5


def test_faults_are_those_of_the_people_in_use():
    cohort = pd.DataFrame({"subject": ["a-01", "02"], "cohort": ["a", "a"]})
    names = ["all", "01", "02", "03"]
    problems = [{"subject": name, "fault": "no row", "detail": "not in it"} for name in names]
    assert reading.faults_of(problems, cohort).subject.tolist() == ["all", "01", "02"]
    assert reading.faults_of([], cohort).columns.tolist() == ["subject", "fault", "detail"]


def test_label_maps_that_are_named_like_heads_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    coarse = rng.integers(1, 150, (3, 3, 3))
    arrays = {
        "regions": coarse.repeat(5, 0).repeat(5, 1).repeat(5, 2).astype(np.int16),
        "grey": rng.integers(0, 4, (15, 15, 15)).astype(np.uint8),
        "picture": rng.integers(0, 200, (15, 15, 15)).astype(np.uint8),
    }
    for name, array in arrays.items():
        nibabel.save(
            nibabel.Nifti1Image(array, np.diag([5.0, 5, 5, 1])), tmp_path / f"{name}.nii.gz"
        )
    found, left_out = reading.read_every_file(datasets.cohort(str(tmp_path)))
    assert found.subject.tolist() == ["picture"]
    assert left_out.reason.str.contains("got a label map").all() and len(left_out) == 2


def test_one_visit_of_each_person_takes_part(tmp_path):
    names = ["p1_visit10", "p1_visit2", "p2_post", "p2_pre", "p3_v1", "p3_v2", "p3_v2_lesion"]
    for name in names:
        (tmp_path / f"{name}.nii").touch()
    (tmp_path / "participants.csv").write_text("id,group\np1,control\np2,control\n")
    (tmp_path / "p2_pre_brain.nii").touch()
    everybody = datasets.cohort(str(tmp_path))
    tree = reading.who_is_who(everybody, everybody.attrs["problems"])
    assert tree["head"].tolist()[2:4] == ["p2_pre.nii", "p2_post.nii"]
    assert tree.lesion.tolist()[-1] == "p3_v2_lesion.nii"
    assert tree.left_out.tolist() == [0, 0, 1, 1, 0, 0]
    used, problems = reading.first_visits(everybody)
    assert used.subject.tolist() == ["p1", "p2", "p3"]
    assert used.visit.tolist() == ["visit2", "pre", "v2"]  # of the ill, one with a mask
    assert [each["fault"] for each in problems] == ["another visit"] * 3
    assert tree.use.tolist() == [
        "first choice",
        "another visit",
        "first choice",
        "another visit",
    ] + [
        "another visit",
        "first choice",
    ]


def test_where_a_visit_cannot_be_used_the_next_one_is_tried(tmp_path):
    for name in ("p1_v1", "p1_v2", "p1_v3", "p2_v1", "p3_v1", "p3_v2"):
        write(tmp_path / f"{name}.nii.gz", HEAD + len(name) * np.arange(9) + ord(name[1]))
    (tmp_path / "p1_v1.nii.gz").write_bytes(b"")
    write(tmp_path / "p1_v2.nii.gz", affine=np.diag([1.0, 1, 1, 1]))  # a field of 9 mm
    (tmp_path / "p2_v1.nii.gz").write_bytes(b"no head")
    everybody = datasets.cohort(str(tmp_path))
    first, _ = reading.first_visits(everybody)
    others, _ = reading.other_visits(everybody, first)
    heads, left_out = reading.read_every_file(first, others)
    assert dict(zip(heads.subject, heads.visit)) == {"p1": "v3", "p3": "v1"}
    assert list(zip(left_out.subject, left_out.visit)) == [("p1", "v1"), ("p1", "v2"), ("p2", "")]
    assert "empty file" in left_out.reason[0] and "field of view" in left_out.reason[1]
    used = everybody[everybody.path.isin(heads.path)]
    _, problems = reading.other_visits(everybody, used)
    assert {each["subject"] for each in problems} == {"p1", "p2", "p3"}


def test_exclude_csv_leaves_out_people_and_single_visits(tmp_path):
    for name in ("p1_v1", "p1_v2", "p2_v1", "p2_v2"):
        (tmp_path / f"{name}.nii").touch()
    (tmp_path / "exclude.csv").write_text("subject,reason\np1,moved\np2_v1,broken\n")
    everybody = datasets.cohort(str(tmp_path))
    excluded = reading.read_exclusions(tmp_path / "exclude.csv")
    tree = reading.who_is_who(everybody, [], excluded)
    assert tree.use.tolist() == ["exclude.csv"] * 3 + ["first choice"]
    assert reading.without_excluded(everybody, excluded).visit.tolist() == ["v2"]
