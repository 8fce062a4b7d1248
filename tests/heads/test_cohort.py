"""From sources to one table: the real sample, several sources, folders without heads."""

import nibabel
import numpy as np
import pytest

from brainlib.heads import cohort as datasets

HEAD = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(HEAD, np.eye(4)), path)
    return path


def test_the_ten_real_heads(ixi_sample, monkeypatch):
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(ixi_sample))
    table = datasets.cohort("ixi-sample")
    assert (
        len(table) == 10
        and list(table.columns) == list(datasets.COLUMNS)
        and not table.synthetic.any()
    )
    assert set(table.site) == {"HH"} and (table.brain_path != "").all() and table.age.notna().all()
    known = dict(zip(table.subject, table.age))
    assert known["IXI012"] == 38.8 and known["IXI051"] == 25.7
    assert dict(zip(table.subject, table.sex))["IXI014"] == "female"


def test_ixi_hh_from_a_local_copy(tmp_path, monkeypatch):
    write(tmp_path / "t1" / "IXI052-HH-1343_T1.nii.gz")
    write(tmp_path / "t1" / "IXI661-HH-2788_T1.nii.gz")
    write(tmp_path / "brain" / "IXI052-HH-1343_T1_DLMUSE.nii.gz")
    (tmp_path / "participants.csv").write_text("MRID,Age,Sex\nIXI052-HH-1343,33.76,F\n")
    monkeypatch.setenv("BRAINLIB_IXI_HH", str(tmp_path))
    table = datasets.cohort("ixi-hh")
    assert table.subject.tolist() == ["IXI052", "IXI661"] and set(table.site) == {"HH"}
    assert table.sex.tolist() == ["female", ""] and table.age[0] == 33.8
    assert table.brain_path[0].endswith("IXI052-HH-1343_T1_DLMUSE.nii.gz")
    assert set(table.group) == {"healthy"} and set(table.cohort) == {"ixi-hh"}


def test_several_sources_have_unique_subjects(tmp_path):
    for folder in ("one", "two"):
        write(tmp_path / folder / "IXI001-Guys-0001-T1.nii.gz")
    write(tmp_path / "two" / "IXI002-Guys-0002-T1.nii.gz")
    table = datasets.cohort(f"{tmp_path / 'one'},{tmp_path / 'two'}")
    assert table.subject.tolist() == ["IXI001", "IXI002"]  # IXI's number is one person everywhere
    assert table.cohort.tolist() == ["one", "two"]
    assert [found["fault"] for found in table.attrs["problems"]].count("in two sources") == 1


def test_sources_of_the_same_name_are_two_cohorts_and_one_source_twice_is_one(tmp_path):
    for place in "ab":
        write(tmp_path / place / "heads" / "p1.nii.gz")
    table = datasets.cohort(
        [str(tmp_path / "a" / "heads"), str(tmp_path / "b" / "heads"), f"{tmp_path}/a/../a/heads/"]
    )
    assert table.cohort.tolist() == ["heads", "heads-2"] and table.subject.tolist() == [
        "heads-p1",
        "heads-2-p1",
    ]


def test_missing_and_empty_folders_say_what_is_understood(tmp_path):
    with pytest.raises(FileNotFoundError, match="Check the name"):
        datasets.cohort(str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="BIDS"):
        datasets.cohort(str(tmp_path))
