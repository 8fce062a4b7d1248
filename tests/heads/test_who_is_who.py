"""People, visits, heads and lesions of folders in many layouts, from names and tables alone.

The files are empty: who a file is of never depends on what it holds.
"""

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads import cohort as datasets
from brainlib.heads import draft, masks


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def heads_of(folder, **options):
    """{(subject, visit): path below the folder} of a cohort, and its table."""
    table = datasets.cohort(str(folder), **options)
    start = len(str(folder)) + 1
    return {(row.subject, row.visit): row.path[start:] for row in table.itertuples()}, table


# ---- visits of one person


@pytest.mark.parametrize(
    "name, subject, visits",
    [
        ("sub-0{p}_ses-{v}_T1w.nii.gz", "sub-0{p}", ("ses-1", "ses-2")),
        ("sub-0{p}/ses-{v}/anat/T1w.nii", "sub-0{p}", ("ses-1", "ses-2")),
        ("patient0{p}_visit{v}_T1.nii.gz", "patient0{p}", ("visit1", "visit2")),
        ("p{p}/tp{v}/mri/T1.nii.gz", "p{p}", ("tp1", "tp2")),
        ("p{p}/202{v}-03-04/T1.nii.gz", "p{p}", ("2021-03-04", "2022-03-04")),
        ("visit{v}/anna{p}.nii", "anna{p}", ("visit1", "visit2")),
        ("mary-{p}0{p}_202{v}0304_mprage.nii", "mary-{p}0{p}", ("20210304", "20220304")),
        ("OAS2_000{p}/OAS2_000{p}_MR{v}_mpr-1.nifti.nii", "OAS2_000{p}", ("MR1", "MR2")),
        (
            "ADNI/00{p}_S_0295/MPRAGE/200{v}-04-18_08_20_30.0/I{p}{v}/ADNI_00{p}_S_0295_MR.nii",
            "00{p}_S_0295",
            ("2001-04-18_08_20_30.0", "2002-04-18_08_20_30.0"),
        ),
        ("OAS3000{p}_MR_d000{v}/anat/T1w.nii.gz", "OAS3000{p}", ("d0001", "d0002")),
        ("BraTS-GLI-0000{p}-00{v}/BraTS-GLI-0000{p}-00{v}-t1n.nii.gz", "BraTS-GLI-0000{p}", None),
        ("UPENN-GBM-0000{p}_{v}1_T1.nii.gz", "UPENN-GBM-0000{p}", ("11", "21")),
        ("p0{p}_{v}.nii", "p0{p}", ("1", "2")),
        ("anna-{p}b_m{v}2.nii", "anna-{p}b", ("m12", "m22")),
    ],
)
def test_all_visits_of_a_person_have_one_subject(tmp_path, name, subject, visits):
    names = [name.format(p=person, v=visit) for person in (1, 2, 3) for visit in (1, 2)]
    found, table = heads_of(touch(tmp_path, *names))
    visits = visits or ("001", "002")
    wanted = [(subject.format(p=person), visit) for person in (1, 2, 3) for visit in visits]
    assert sorted(found) == sorted(wanted)
    assert sorted(found.values()) == sorted(names)


def test_one_visit_has_no_name(tmp_path):
    found, _ = heads_of(touch(tmp_path, "sub-1/ses-a/anat/sub-1_ses-a_T1w.nii", "sub-2_T1w.nii"))
    assert set(found) == {("sub-1", ""), ("sub-2", "")}


def test_a_time_point_after_a_lesion_is_the_same_person_and_never_healthy(tmp_path):
    _, table = heads_of(touch(tmp_path, "X_11_T1.nii.gz", "X_11_segm.nii.gz", "X_21_T1.nii.gz"))
    assert set(table.subject) == {"X"} and len(table) == 2 and "healthy" not in set(table.group)


# ---- one head per visit


def test_label_maps_of_hcp_are_no_heads(tmp_path):
    people = ("10031", "10032", "10033", "10034")
    for person in people:
        for folder in ("T1w", "MNINonLinear"):
            for name in ("T1w_restore", "ribbon", "aparc+aseg", "wmparc", "brainmask_fs"):
                touch(tmp_path, f"{person}/{folder}/{name}.nii.gz")
    found, table = heads_of(tmp_path)
    assert found == {(person, ""): f"{person}/T1w/T1w_restore.nii.gz" for person in people}
    assert [each["fault"] for each in table.attrs["problems"]].count("several scans") == 4


def test_prefixes_of_spm_count_where_the_file_without_them_exists(tmp_path):
    for prefix in ("", "m", "c1", "wm", "y_", "mri/mwp1", "mri/p0"):
        touch(tmp_path, *(f"{prefix}a{number}.nii" for number in (1, 2, 3)))
    touch(tmp_path, "mark.nii", "wanda.nii")
    found, table = heads_of(tmp_path)
    assert sorted(found.values()) == ["a1.nii", "a2.nii", "a3.nii", "mark.nii", "wanda.nii"]
    assert "processed copy" in {each["fault"] for each in table.attrs["problems"]}


def test_a_name_that_only_looks_like_a_prefix(tmp_path):
    found, _ = heads_of(touch(tmp_path, "ark.nii", "mark.nii"))
    assert sorted(found) == [("ark", ""), ("mark", "")]


def test_copies_below_sourcedata_and_in_hidden_folders_are_not_used(tmp_path):
    raw = "sub-01/anat/sub-01_T1w.nii.gz"
    for folder in ("", "sourcedata/", ".git/annex/", "derivatives/x/"):
        touch(tmp_path, folder + raw)
    assert heads_of(tmp_path)[0] == {("sub-01", ""): raw}


def test_outputs_of_fsl_and_hd_bet(tmp_path):
    endings = ("", "_bet", "_bet_mask", "_brain", "_brain_mask", "_seg", "_pve_0", "_pveseg")
    touch(tmp_path, *(f"x{person}{ending}.nii.gz" for person in (1, 2) for ending in endings))
    found, table = heads_of(tmp_path)
    assert found == {("x1", ""): "x1.nii.gz", ("x2", ""): "x2.nii.gz"}
    assert set(table.group) == {"healthy"}


# ---- who is ill


def test_a_table_of_participants_says_who_is_ill(tmp_path):
    touch(tmp_path, *(f"sub-0{number}/anat/sub-0{number}_T1w.nii.gz" for number in (1, 2, 3)))
    text = "participant_id\tgroup\nsub-01\tpatient\nsub-02\tControl\nsub-03\tn/a\n"
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(ValueError, match="sub-03.*heads.csv.*brainlib.heads.draft"):
        datasets.cohort(str(tmp_path))
    (tmp_path / "participants.tsv").write_text(text.replace("n/a", "healthy control"))
    _, table = heads_of(tmp_path)
    assert table.group.tolist() == ["patient", "healthy", "healthy"]


@pytest.mark.parametrize(
    "name, text",
    [
        ("ADNI1_3_18_2023.csv", "Image Data ID,Subject,Group\n1,s1,AD\n2,s2,CN\n3,s3,CN\n"),
        ("clinic.tsv", "ID\tGroup\tDiagnosis\ns1\tcontrol\tglioma\ns2\tHC\t\ns3\tHC\tn/a\n"),
        ("people.csv", "subject_id;status\ns1;Patient\ns2;Healthy Volunteer\ns3;TD\n"),
    ],
)
def test_tables_of_any_name(tmp_path, name, text):
    touch(tmp_path, "s1.nii", "s2.nii", "s3.nii")
    (tmp_path / name).write_text(text)
    _, table = heads_of(tmp_path)
    assert table.group[0] in ("ad", "glioma", "patient")
    assert table.group.tolist()[1:] == ["healthy"] * 2


def test_groups_that_are_numbers_are_asked_about(tmp_path):
    touch(tmp_path, "s1.nii", "s2.nii", "s3.nii")
    (tmp_path / "participants.csv").write_text("id,dx_group\ns1,1\ns2,2\ns3,2\n")
    with pytest.raises(ValueError, match="groups as numbers.*3 others.*heads.csv"):
        datasets.cohort(str(tmp_path))


def test_folders_of_patients(tmp_path):
    touch(tmp_path, "patients/01.nii", "patients/02.nii", "controls/01.nii", "controls/03.nii")
    _, table = heads_of(tmp_path)
    assert dict(zip(table.subject, table.group)) == {
        "patient-01": "patient",
        "02": "patient",
        "healthy-01": "healthy",
        "03": "healthy",
    }
    touch(tmp_path, "04.nii")
    with pytest.raises(ValueError, match="such as 04"):
        datasets.cohort(str(tmp_path))


def test_without_a_sign_of_patients_everybody_is_healthy_and_that_is_said_once(tmp_path):
    _, table = heads_of(touch(tmp_path, "anna.nii", "bert.nii"))
    assert set(table.group) == {"healthy"}
    faults = [each["fault"] for each in table.attrs["problems"]]
    assert faults.count("taken as healthy") == 1


def test_a_folder_named_like_a_file(tmp_path):
    touch(tmp_path, "BraTS-GLI-00000-000-t1n.nii/5_brain_t1.nii")
    touch(tmp_path, "BraTS-GLI-00000-000-seg.nii/5_final_seg.nii")
    found, table = heads_of(tmp_path)
    assert list(found) == [("BraTS-GLI-00000", "")] and table.group.tolist() == ["tumour"]
    assert table.lesion_path[0].endswith("5_final_seg.nii")


@pytest.mark.parametrize("name", ["BRATS_{}", "case{}", "stroke_{}"])
@pytest.mark.parametrize("channel", ["", "_0000"])
def test_nnunet(tmp_path, name, channel):
    people = [name.format(f"00{number}") for number in (1, 2)]
    touch(tmp_path, *(f"imagesTr/{person}{channel}.nii.gz" for person in people))
    touch(tmp_path, *(f"labelsTr/{person}.nii.gz" for person in people))
    if channel:
        touch(tmp_path, *(f"imagesTr/{person}_0001.nii.gz" for person in people))
    found, table = heads_of(tmp_path)
    assert sorted(found) == [(person, "") for person in people]
    assert "healthy" not in set(table.group)
    assert table.lesion_path.str.contains("labelsTr").all()


@pytest.mark.parametrize(
    "head, lesion",
    [
        ("{p}/pre/T1.nii.gz", "{p}/wmh.nii.gz"),
        ("p{p}_T1.nii", "p{p}_gt.nii"),
        ("images/p{p}.nii", "lesion_masks/p{p}.nii"),
        ("images/p{p}.nii", "segs/p{p}.nii"),
        ("p{p}.anat/T1.nii.gz", "p{p}.anat/lesionmask.nii.gz"),
        ("sub-{p}/anat/sub-{p}_T1w.nii", "derivatives/sub-{p}/sub-{p}_msk.nii"),
        ("tumor_{p}_T1.nii", "tumor_{p}_tumor.nii"),
    ],
)
def test_masks_by_many_names(tmp_path, head, lesion):
    heads = [head.format(p=person) for person in (7, 8)]
    lesions = [lesion.format(p=person) for person in (7, 8)]
    found, table = heads_of(touch(tmp_path, *heads, *lesions))
    assert sorted(found.values()) == heads and "healthy" not in set(table.group)
    assert table.lesion_path.tolist() == [str(tmp_path / name) for name in lesions]


def test_groups_in_names(tmp_path):
    names = ("tumor_01_T1", "HC_02_T1", "control-03_T1", "ms04_visit1_T1", "ms04_visit2_T1")
    _, table = heads_of(touch(tmp_path, *(f"{name}.nii" for name in names)))
    groups = dict(zip(table.subject, table.group))
    assert groups == {
        "tumor_01": "tumour",
        "HC_02": "healthy",
        "control-03": "healthy",
        "ms04": "ms",
    }


@pytest.mark.parametrize("labels, share", [(3, 0.5), (33, 0.4), (1, 0.6)])
def test_a_tissue_map_is_no_lesion(tmp_path, labels, share):
    rng = np.random.default_rng(0)
    for person in ("IXI002-Guys-0828", "IXI003-HH-0829"):
        head = rng.uniform(1, 100, (12, 13, 14)).astype(np.float32)
        tissue = rng.integers(1, labels + 1, head.shape) * (rng.uniform(size=head.shape) < share)
        for name, array in (("T1", head), ("T1_seg", tissue.astype(np.uint8))):
            image = nibabel.Nifti1Image(array, np.eye(4))
            nibabel.save(image, tmp_path / f"{person}-{name}.nii.gz")
    _, table = heads_of(tmp_path)
    assert table.group.tolist() == ["healthy"] * 2 and (table.lesion_path == "").all()


def test_masks_computed_elsewhere_in_other_spellings(tmp_path):
    touch(tmp_path, "p1_mask.NII.GZ", "p2_bet.nii.gz", "p2_bet_mask.nii.gz")
    found = masks.find_masks(tmp_path, ["p1", "p2"])
    assert found["p1"].endswith("p1_mask.NII.GZ") and found["p2"].endswith("p2_bet_mask.nii.gz")


# ---- the user's answer


def test_a_draft_of_heads_csv_settles_it(tmp_path, capsys):
    touch(tmp_path, "p1.nii", "p1_lesion.nii", "p2_visit1.nii", "p2_visit2.nii", "p3.nii")
    with pytest.raises(ValueError, match="heads.csv"):
        datasets.cohort(str(tmp_path))
    assert draft.main([str(tmp_path)]) == 0
    with pytest.raises(ValueError, match=r"heads.csv: expected a group .* got '\?' for 3"):
        datasets.cohort(str(tmp_path))
    written = pd.read_csv(tmp_path / "heads.csv", dtype=str, keep_default_na=False)
    assert written.subject.tolist() == ["p1", "p2", "p2", "p3"]
    assert written.group.tolist() == ["lesion", "?", "?", "?"]
    assert written.remark.str.contains("got an empty file").all()
    written.loc[written.subject == "p2", "group"] = "healthy"
    written.loc[written.subject == "p3", "group"] = "epilepsy"
    written.to_csv(tmp_path / "heads.csv", index=False)
    _, table = heads_of(tmp_path)
    assert table.group.tolist() == ["lesion", "healthy", "healthy", "epilepsy"]
    assert table.visit.tolist() == ["", "visit1", "visit2", ""]
    assert draft.main([str(tmp_path)]) == 2  # it never overwrites an answer
    assert "is there already" in capsys.readouterr().err


def test_one_id_of_ixi_in_two_sources_is_one_person(tmp_path):
    touch(tmp_path, "a/IXI012-HH-1211-T1_ds.nii.gz", "b/t1/IXI012-HH-1211_T1.nii.gz")
    touch(tmp_path, "b/t1/IXI052-HH-1343_T1.nii.gz", "a/p1.nii", "b/p1.nii")
    table = datasets.cohort([str(tmp_path / "a"), str(tmp_path / "b")])
    assert table.subject.tolist() == ["IXI012", "IXI052"] and set(table.site) == {"HH"}
