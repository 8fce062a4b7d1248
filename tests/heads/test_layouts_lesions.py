"""Lesions in the layouts of BraTS and ATLAS, beside plain heads, and in heads.csv."""

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib import anomaly
from brainlib.heads import cohort as datasets
from brainlib.heads import volumes

RNG = np.random.default_rng(0)


def write(path, array=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = RNG.uniform(1, 100, (7, 8, 9)).astype(np.float32) if array is None else array
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1, 1, 1])), path)
    return path


def spot(*where):
    array = np.zeros((7, 8, 9), np.uint8)
    array[where] = 1
    return array


@pytest.mark.parametrize(
    "folder,suffix",
    [
        ("MICCAI_BraTS_2019_Data_Training/{grade}/BraTS19_CBICA_AAB_{n}", ".nii.gz"),
        ("MICCAI_BraTS2020_TrainingData/BraTS20_Training_00{n}", ".nii"),
        ("BraTS2021_Training_Data/BraTS2021_0000{n}", ".nii.gz"),
    ],
)
def test_brats(folder, suffix, tmp_path):
    for number in (1, 2):
        case = tmp_path / folder.format(n=number, grade=("HGG", "LGG")[number - 1])
        for kind in ("t1", "t1ce", "t2", "flair"):
            write(case / f"{case.name}_{kind}{suffix}")
        write(case / f"{case.name}_seg{suffix}", 4 * spot(1, 2, 3))
    (tmp_path / "name_mapping.csv").write_text("Grade,BraTS_2019_subject_ID\nHGG,x\n")
    for modality in ("t1", "t2", "flair", "t1ce"):
        table = datasets.cohort(str(tmp_path), modality=modality)
        assert (
            len(table) == 2
            and (table.group == "tumour").all()
            and table.path.str.endswith(f"_{modality}{suffix}").all()
        )
        assert (
            table.lesion_path.str.endswith(f"_seg{suffix}").all()
            and table.subject.str.startswith("BraTS").all()
        )
        assert all(row.subject in row.lesion_path for row in table.itertuples())
    lesion = anomaly.read_lesion(table.lesion_path[0], volumes.load(table.path[0]))
    assert lesion.sum() == 1 and lesion[5, 5, 3]  # stored L,P,S: flipped to RAS+


def test_the_one_head_of_brats_2020_whose_lesion_has_another_name(tmp_path):
    case = tmp_path / "BraTS20_Training_355"
    write(case / "BraTS20_Training_355_t1.nii")
    write(case / "W39_1998.09.19_Segm.nii", spot(1, 2, 3))
    table = datasets.cohort(str(tmp_path))
    assert len(table) == 1 and table.lesion_path[0].endswith("_Segm.nii")


def test_brats_without_lesions_is_still_a_cohort_of_tumours(tmp_path):
    for kind in ("t1", "t2"):
        write(tmp_path / "BraTS20_Validation_001" / f"BraTS20_Validation_001_{kind}.nii.gz")
    table = datasets.cohort(str(tmp_path))
    assert (
        table.subject.tolist() == ["BraTS20_Validation_001"]
        and table.group.tolist() == ["tumour"]
        and table.lesion_path.tolist() == [""]
    )


def test_atlas_r1_2_unites_its_lesion_files(tmp_path):
    first, second = (
        tmp_path / "ATLAS_R1.2" / "Site1" / subject / "t01" for subject in ("031768", "031769")
    )
    write(first / "031768_t1w_deface_stx.nii.gz")
    write(first / "031768_LesionSmooth_stx.nii.gz", 255 * spot(1, 2, 3))
    write(first / "031768_LesionSmooth_1_stx.nii.gz", 255 * spot(2, 2, 3))
    write(first / "031768_LesionSmooth_2_stx.nii.gz", 255 * spot(slice(1, 3), 2, 3))
    write(second / "031769_t1w_deface_stx.nii.gz")
    write(second / "031769_LesionSmooth_stx.nii.gz", 255 * spot(0, 0, 0))
    table = datasets.cohort(str(tmp_path))
    assert table.subject.tolist() == ["031768", "031769"] and (table.group == "stroke").all()
    assert [len(paths.split(";")) for paths in table.lesion_path] == [3, 1]
    assert anomaly.read_lesion(table.lesion_path[0], volumes.load(table.path[0])).sum() == 2


def test_atlas_2_is_bids_with_lesions(tmp_path):
    space = "space-MNI152NLin2009aSym"
    for subject in ("r001s001", "r001s002"):
        anat = tmp_path / "ATLAS_2" / "Training" / "R001" / f"sub-{subject}" / "ses-1" / "anat"
        write(anat / f"sub-{subject}_ses-1_{space}_T1w.nii.gz")
        write(
            anat / f"sub-{subject}_ses-1_{space}_label-L_desc-T1lesion_mask.nii.gz", spot(3, 4, 5)
        )
    table = datasets.cohort(str(tmp_path))
    assert (
        table.subject.tolist() == ["sub-r001s001", "sub-r001s002"]
        and (table.group == "stroke").all()
    )
    assert all(
        row.subject in row.lesion_path
        and row.lesion_path.endswith("_mask.nii.gz")
        and ";" not in row.lesion_path
        for row in table.itertuples()
    )
    anat = (
        tmp_path / "ATLAS_2" / "Testing" / "R002" / "sub-r002s001" / "ses-1" / "anat"
    )  # their lesions are not given away
    write(anat / f"sub-r002s001_ses-1_{space}_T1w.nii.gz")
    assert set(datasets.cohort(str(tmp_path / "ATLAS_2")).group) == {"stroke"}


def test_bids_modalities_and_lesions_elsewhere(tmp_path):
    for subject in ("01", "011"):
        for kind in ("T1w", "T2w", "FLAIR"):
            write(tmp_path / f"sub-{subject}" / "anat" / f"sub-{subject}_{kind}.nii.gz")
    write(
        tmp_path / "derivatives" / "masks" / "sub-011" / "anat" / "sub-011_desc-lesion_mask.nii.gz",
        spot(0, 0, 0),
    )
    (tmp_path / "participants.tsv").write_text("participant_id\tdiagnosis\n01\tcontrol\n")
    for modality, ending in (
        ("t1", "_T1w.nii.gz"),
        ("t2", "_T2w.nii.gz"),
        ("flair", "_FLAIR.nii.gz"),
    ):
        table = datasets.cohort(str(tmp_path), modality=modality)
        assert table.path.str.endswith(ending).all() and table.group.tolist() == [
            "healthy",
            "lesion",
        ], modality
    assert datasets.cohort(str(tmp_path)).subject.tolist() == ["sub-01", "sub-011"]


def test_brats_2023(tmp_path):
    for visit in ("00000-000", "00000-001", "00001-000"):
        case = tmp_path / f"BraTS-GLI-{visit}"
        for kind in ("t1n", "t1c", "t2w", "t2f", "seg"):
            write(case / f"{case.name}-{kind}.nii.gz")
    for modality, ending in (("t1", "t1n"), ("t2", "t2w"), ("flair", "t2f"), ("t1ce", "t1c")):
        table = datasets.cohort(str(tmp_path), modality=modality)
        assert table.subject.tolist() == ["BraTS-GLI-00000"] * 2 + ["BraTS-GLI-00001"]
        assert table.visit.tolist() == ["000", "001", ""] and (table.group == "tumour").all()
        assert all(
            row.path.replace(f"-{ending}.", "-seg.") == row.lesion_path
            for row in table.itertuples()
        ), modality
        assert {problem["fault"] for problem in table.attrs["problems"]} == {
            "no table of participants",
            "pictures of another kind",
        }


@pytest.mark.parametrize(
    "ending", ["_lesion", "-lesion_mask", "_seg", "_Lesion_1", "-label-lesion"]
)
@pytest.mark.parametrize("head", ["p1", "p1_T1", "IXI001-HH-0001-T1"])
def test_a_lesion_beside_a_plain_head(head, ending, tmp_path):
    write(tmp_path / f"{head}.nii.gz")
    write(tmp_path / f"{head.replace('1', '2', 1)}.nii.gz")
    write(tmp_path / f"{head.removesuffix('_T1')}{ending}.nii.gz", spot(1, 2, 3))
    with pytest.raises(ValueError, match="who is healthy.* heads.csv"):
        datasets.cohort(str(tmp_path))
    healthy = "IXI002" if head.startswith("IXI") else "p2"
    (tmp_path / "participants.csv").write_text(f"id,group\n{healthy},control\n")
    table = datasets.cohort(str(tmp_path))
    assert (
        len(table) == 2
        and sorted(table.group)[0] == "healthy"
        and (table.group != "healthy").sum() == 1
    )
    ill = table[table.group != "healthy"].iloc[0]
    assert ill.path.endswith(f"/{head}.nii.gz") and ill.lesion_path.endswith(f"{ending}.nii.gz")


def test_masks_and_what_was_made_of_a_head_are_no_heads(tmp_path):
    for name in (
        "a_masks/IXI001-HH-0001-T1_mask",
        "a_reg/IXI001-HH-0001-T1_reg",
        "t1/IXI001-HH-0001-T1",
    ):
        write(tmp_path / "ixi" / f"{name}.nii.gz")
    table = datasets.cohort(str(tmp_path / "ixi"))
    assert table.subject.tolist() == ["IXI001"] and "/t1/" in table.path[0]
    for name in (
        "anna",
        "anna_brain",
        "anna_brain_mask",
        "anna_T1_lesionfilled",
        "anna_2",
        "bert_brain",
        "masks/anna",
        "derivatives/n4/anna_n4",
        "maps/anna_anomaly",
        "anna_brain_lesion",
    ):
        write(tmp_path / "plain" / f"{name}.nii.gz")
    with pytest.raises(ValueError, match="such as bert"):
        datasets.cohort(str(tmp_path / "plain"))
    (tmp_path / "plain" / "participants.csv").write_text("id,group\nbert,control\n")
    table = datasets.cohort(str(tmp_path / "plain"))
    assert table.subject.tolist() == ["anna", "anna", "bert"]  # twice here: never two people
    assert table.group.tolist() == ["lesion", "lesion", "healthy"]
    details = [
        problem["detail"]
        for problem in table.attrs["problems"]
        if problem["fault"] == "files not used"
    ]
    assert (
        len(details) == 1
        and details[0].startswith("4 NIfTI files")
        and "anna_brain_mask.nii.gz" in details[0]
    )


def test_a_lesion_that_may_be_of_several_heads_is_asked_about(tmp_path):
    for name in ("p1.nii.gz", "p2.nii.gz", "lesion.nii.gz", "p3_lesion.nii.gz"):
        write(tmp_path / name)
    with pytest.raises(ValueError, match="lesion.nii.gz.*2 others.*p1, p2.*heads.csv") as caught:
        datasets.cohort(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_lesion_in_a_later_scan_makes_the_person_ill(tmp_path):
    for session in (1, 2):
        write(tmp_path / "sub-1" / f"ses-{session}" / "anat" / f"sub-1_ses-{session}_T1w.nii.gz")
    write(tmp_path / "sub-1" / "ses-2" / "anat" / "sub-1_ses-2_label-lesion_mask.nii.gz")
    table = datasets.cohort(str(tmp_path))
    assert table.group.tolist() == ["lesion", "lesion"] and table.visit[0] == "ses-1"
    assert table.lesion_path[0] == "" and "ses-2" in table.lesion_path[1]


def test_flat_atlas_heads_keep_their_own_lesions(tmp_path):
    for name in ("p1_t1w.nii.gz", "p2_t1w.nii.gz", "p1_LesionSmooth.nii.gz", "p1_t1w_mask.nii.gz"):
        write(tmp_path / name)
    (tmp_path / "participants.csv").write_text("id,group\np2,control\n")
    table = datasets.cohort(str(tmp_path))
    assert table.subject.tolist() == ["p1", "p2"] and table.group.tolist() == ["stroke", "healthy"]


def test_words_of_heads_csv_in_any_spelling(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.nii.gz")
    rows = ["a.nii.gz;; ;M;33", "b.nii.gz;; Healthy;2;-5", "c.nii.gz;;Tumour;female;"]
    (tmp_path / "heads.csv").write_text("\n".join(["image;lesion;group;sex;age", *rows]))
    table = datasets.cohort(str(tmp_path))
    assert table.group.tolist() == ["healthy", "healthy", "tumour"] and table.sex.tolist() == [
        "male",
        "female",
        "female",
    ]
    assert table.age[0] == 33 and table.age[1:].isna().all()
    assert [(problem["subject"], problem["fault"]) for problem in table.attrs["problems"]] == [
        ("b", "implausible age"),
        ("c", "no age"),
    ]


def test_a_table_of_image_and_lesion(tmp_path):
    for name in ("scans/a.nii.gz", "scans/b.nii.gz", "masks/b1.nii.gz", "masks/b2.nii.gz"):
        write(
            tmp_path / name,
            spot(len(name) % 3, 1, int(name[-8] == "2")) if "masks" in name else None,
        )
    rows = [
        {"image": "scans/a.nii.gz", "lesion": "", "site": "here"},
        {"image": "scans/b.nii.gz", "lesion": "masks/b1.nii.gz;masks/b2.nii.gz", "site": ""},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "heads.csv", index=False)
    for source in (tmp_path, tmp_path / "heads.csv"):
        table = datasets.cohort(str(source))
        assert (
            table.subject.tolist() == ["a", "b"]
            and table.group.tolist() == ["healthy", "lesion"]
            and table.site.tolist() == ["here", ""]
        )
        assert anomaly.read_lesion(table.lesion_path[1], volumes.load(table.path[1])).sum() == 2
        assert anomaly.read_lesion(table.lesion_path[0], volumes.load(table.path[0])) is None
    pd.DataFrame([{"image": "scans/none.nii.gz", "lesion": ""}]).to_csv(
        tmp_path / "heads.csv", index=False
    )
    with pytest.raises(FileNotFoundError, match="none.nii.gz"):
        datasets.cohort(str(tmp_path))
    pd.DataFrame([{"file": "scans/a.nii.gz"}]).to_csv(tmp_path / "heads.csv", index=False)
    with pytest.raises(ValueError, match="image and lesion"):
        datasets.cohort(str(tmp_path))


def test_a_lesion_of_another_grid_is_refused(tmp_path):
    head, lesion = (
        write(tmp_path / "a.nii.gz"),
        write(tmp_path / "b.nii.gz", np.ones((7, 8, 10), np.uint8)),
    )
    with pytest.raises(ValueError, match="Resample"):
        anomaly.read_lesion(str(lesion), volumes.load(head))


def test_a_lesion_file_that_is_damaged_or_lies_elsewhere_is_refused(tmp_path):
    head, lesion = write(tmp_path / "a.nii.gz"), write(tmp_path / "b.nii.gz", spot(1, 2, 3))
    lesion.write_bytes(lesion.read_bytes()[:-4])
    with pytest.raises(OSError, match="b.nii.gz: expected .* got "):
        anomaly.read_lesion(str(lesion), volumes.load(head))
    nibabel.save(nibabel.Nifti1Image(spot(1, 2, 3), np.diag([-1.0, -1, 2, 1])), lesion)
    with pytest.raises(ValueError, match="b.nii.gz: .*on the grid of .*a.nii.gz"):
        anomaly.read_lesion(str(lesion), volumes.load(head))


def test_a_modality_that_is_not_there(tmp_path):
    write(tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    with pytest.raises(FileNotFoundError, match="flair"):
        datasets.cohort(str(tmp_path), modality="flair")
    with pytest.raises(ValueError, match="t1ce"):
        datasets.cohort(str(tmp_path), modality="pet")


@pytest.mark.parametrize("source", ["phantom", "ixi-sample", "ixi-hh", "ixi"])
def test_sources_that_are_t1_say_so(source):
    with pytest.raises(ValueError, match=f"the heads of {source} are T1"):
        datasets.cohort(source, modality="flair")
