"""Folders of every layout: which files are heads, and whose."""

import nibabel
import numpy as np

from brainlib.heads import cohort as datasets

HEAD = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(HEAD, np.eye(4)), path)
    return path


def faults(table):
    return {problem["fault"]: problem["detail"] for problem in table.attrs["problems"]}


def test_bids(tmp_path):
    for name in (
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz",
        "sub-02/ses-2/anat/sub-02_ses-2_T1w.nii.gz",
        "sub-01/anat/sub-01_T2w.nii.gz",
        "derivatives/strip/sub-01/anat/sub-01_desc-brain_T1w.nii.gz",
    ):
        write(tmp_path / name)
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tsex\tage\nsub-01\tF\t33\nsub-02\tM\tn/a\n"
    )
    table = datasets.cohort(str(tmp_path))
    assert table.subject.tolist() == ["sub-01", "sub-02", "sub-02"]
    assert table.visit.tolist() == ["", "ses-1", "ses-2"]
    assert table.sex.tolist() == ["female", "male", "male"]
    assert table.age.iloc[0] == 33 and np.isnan(table.age.iloc[1]) and "ses-1" in table.path.iloc[1]
    assert table.path.iloc[0] == str(
        tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    )  # the raw scan, not the pipeline's
    assert any(problem["fault"] == "several scans" for problem in table.attrs["problems"])


def test_brats_atlas_and_plain_files(tmp_path):
    for kind in ("t1", "t2", "seg"):
        write(tmp_path / "brats" / "BraTS19_A" / f"BraTS19_A_{kind}.nii.gz")
    table = datasets.cohort(str(tmp_path / "brats"))
    assert (
        table.subject.tolist() == ["BraTS19_A"]
        and table.group.tolist() == ["tumour"]
        and table.lesion_path.str.endswith("_seg.nii.gz").all()
    )
    for name in ("c01s01_t1w.nii.gz", "c01s01_LesionSmooth.nii.gz", "c01s01_LesionSmooth_1.nii.gz"):
        write(tmp_path / "atlas" / "c01s01" / name)
    table = datasets.cohort(str(tmp_path / "atlas"))
    assert table.group.tolist() == ["stroke"] and table.lesion_path.iloc[0].count(";") == 1
    write(tmp_path / "plain" / "anna.nii")
    assert datasets.cohort(str(tmp_path / "plain")).subject.tolist() == ["anna"]


def test_bids_below_a_folder_whose_name_looks_like_a_subject(tmp_path):
    for subject in ("01", "02"):
        write(
            tmp_path
            / "my sub-study"
            / "sub-x"
            / "bids"
            / f"sub-{subject}"
            / "anat"
            / f"sub-{subject}_T1w.nii.gz"
        )
    for folder in (tmp_path, tmp_path / "my sub-study" / "sub-x" / "bids"):
        assert datasets.cohort(str(folder)).subject.tolist() == ["sub-01", "sub-02"]
    assert datasets.cohort(str(tmp_path / "my sub-study/sub-x/bids/sub-02")).subject.tolist() == [
        "sub-02"
    ]


def test_a_folder_a_person(tmp_path):
    for person in ("P1", "P2", "P10"):
        for name in ("mri/T1.nii.gz", "mri/T1_brain.nii.gz", "mri/FLAIR.nii.gz"):
            write(tmp_path / "study" / person / name)
    write(tmp_path / "study" / "P2" / "lesion" / "T1.nii.gz")
    write(tmp_path / "study" / "P3" / "ses-1" / "mri" / "T1.nii.gz")
    write(tmp_path / "study" / "P3" / "ses-2" / "mri" / "T1.nii.gz")
    (tmp_path / "study" / "participants.csv").write_text("id,group\nP1,HC\nP10,HC\nP3,Control\n")
    table = datasets.cohort(str(tmp_path / "study"))
    assert table.subject.tolist() == ["P1", "P10", "P2", "P3", "P3"]
    assert table.visit.tolist() == ["", "", "", "ses-1", "ses-2"]
    assert table.path.str.endswith("/mri/T1.nii.gz").all()
    assert table.group.tolist() == ["healthy", "healthy", "lesion", "healthy", "healthy"]
    assert "/P2/" in table.lesion_path[2]
    assert "heads.csv" in faults(table)["folders taken as subjects"]


def test_one_person_before_and_after_processing_is_no_folder_a_person(tmp_path):
    for name in ("raw/anna", "raw/bert", "raw/cleo", "stripped/anna"):
        write(tmp_path / f"{name}.nii.gz")
    table = datasets.cohort(str(tmp_path))
    assert (
        table.subject.tolist() == ["anna", "bert", "cleo"]
        and table.path.str.contains("/raw/").all()
        and "stripped" in faults(table)["several scans"]
    )


def test_files_that_no_layout_claims_are_listed(tmp_path):
    write(tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    write(tmp_path / "sub-01" / "anat" / "sub-01_T2w.nii.gz")
    write(tmp_path / "sub-01" / "func" / "sub-01_bold.nii.gz")
    assert "files not used" not in faults(datasets.cohort(str(tmp_path)))
    for name in ("IXI001-HH-0001-T1", "IXI002-HH-0002-T1", "anna", "a_mask", "bert"):
        write(tmp_path / f"{name}.nii.gz")
    detail = faults(datasets.cohort(str(tmp_path)))["files not used"]
    assert (
        detail.startswith("5 NIfTI files, such as IXI001-HH-0001-T1.nii.gz")
        and "a_mask" not in detail
        and "heads.csv" in detail
    )
