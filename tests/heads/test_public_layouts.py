"""Folders as public sets and programs lay them out: who is in them is known, the files are empty.

The first part follows the data sets of bids-examples; each rule of the standard stands once.
"""

import os

import pytest

from brainlib.heads import cohort as datasets


def plant(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def heads_of(folder, **options):
    """{(subject, visit): path below the folder}."""
    table = datasets.cohort(str(folder), ask=False, **options)
    start = len(str(folder)) + 1
    return {(row.subject, row.visit): row.path[start:] for row in table.itertuples()}


def anat(*endings, people=("01", "02"), session=""):
    """Names of files in each person's folder anat, by their ends."""
    names = []
    for person in people:
        folder = f"sub-{person}/{session}/anat" if session else f"sub-{person}/anat"
        start = f"sub-{person}_{session}_" if session else f"sub-{person}_"
        names += [f"{folder}/{start}{ending}.nii.gz" for ending in endings]
    return names


FMRIPREP = ("space-MNI152NLin6Asym_desc-preproc_T1w", "desc-brain_mask", "dseg", "label-GM_probseg")
BIDS = {  # how the files of each person's anat end, and the head that is used
    "runs": (("run-01_T1w", "run-02_T1w"), "run-01_T1w"),
    "acquisitions": (("acq-highres_T1w", "T1w", "rec-norm_T1w"), "T1w"),
    "echoes": (
        ("echo-1_T1w", "echo-2_T1w", "acq-memprage_rec-rms_T1w"),
        "acq-memprage_rec-rms_T1w",
    ),
    "MP2RAGE": (
        ("inv-1_part-mag_MP2RAGE", "inv-2_part-phase_MP2RAGE", "T1map", "UNIT1"),
        "UNIT1",
    ),
    "MP2RAGE beside T1w": (("UNIT1", "T1w"), "T1w"),
    "phase and chunks": (("part-mag_T1w", "part-phase_T1w", "chunk-1_T1w"), "part-mag_T1w"),
    "contrast": (("ce-gadolinium_T1w", "T1w", "T2w", "FLAIR", "PDw", "angio"), "T1w"),
    "maps": (("T1w", "T1map", "R1map", "MTRmap", "VFA", "flip-1_mt-off_MTS"), "T1w"),
    "old T1": (("inplaneT1", "inplaneT2", "T1w", "run-1_echo-1_FLASH"), "T1w"),
    "masks": (("T1w", "mod-T1w_defacemask", "label-brain_mask", "dseg", "desc-x_probseg"), "T1w"),
    "fMRIPrep": (("desc-preproc_T1w", *FMRIPREP), "desc-preproc_T1w"),
    "SPM": (
        (
            "from-T1w_to-IXI549Space_mode-image_xfm",
            "space-IXI549Space_desc-preproc_T1w",
            "space-individual_desc-biascor_T1w",
            "space-individual_label-CSF_probseg",
        ),
        "space-individual_desc-biascor_T1w",
    ),
}


@pytest.mark.parametrize("kind", BIDS)
@pytest.mark.parametrize("session", ["", "ses-01"])
def test_one_head_of_each_person_by_the_rules_of_bids(tmp_path, kind, session):
    endings, used = BIDS[kind]
    others = ["sub-01/func/sub-01_task-rest_T1w.nii.gz", "sub-02/figures/sub-02_T1w.nii.gz"]
    others += ["tpl-MNI152/anat/tpl-MNI152_res-01_T1w.nii.gz", "sub-02/dwi/sub-02_sbref.nii.gz"]
    plant(tmp_path, anat(*endings, session=session) + others)
    found = heads_of(tmp_path)
    assert list(found) == [("sub-01", ""), ("sub-02", "")]
    assert sorted(found.values()) == sorted(anat(used, session=session))


def test_people_with_a_t1w_and_people_with_a_unit1_alone(tmp_path):
    plant(tmp_path, anat("UNIT1", people="1") + anat("T1w", "UNIT1", people="2"))
    assert sorted(heads_of(tmp_path).values()) == anat("UNIT1", people="1") + anat(
        "T1w", people="2"
    )


@pytest.mark.parametrize("endings", [("ce-gad_T1w",), ("T1map",), ("T2w",), ("inv-1_MP2RAGE",)])
def test_what_is_no_plain_t1_is_refused_and_never_a_head(tmp_path, endings):
    with pytest.raises(FileNotFoundError, match="expected heads of modality t1"):
        heads_of(plant(tmp_path, anat(*endings)))


def test_a_template_is_nobody(tmp_path):
    plant(tmp_path, ["tpl-MNI152/anat/tpl-MNI152_res-1_T1w.nii.gz"])
    with pytest.raises(FileNotFoundError, match="modality t1"):
        heads_of(tmp_path)


@pytest.mark.parametrize("folders", [("baseline", "followup"), ("ses-1", "ses-2"), ("y1", "y2")])
def test_releases_of_two_visits(tmp_path, folders):
    for folder in folders:
        plant(tmp_path / folder, anat("T1w"))
    assert set(heads_of(tmp_path)) == {
        (person, folder) for person in ("sub-01", "sub-02") for folder in folders
    }


def test_linked_folders_are_looked_into_and_loops_end(tmp_path):
    plant(tmp_path / "store", anat("T1w"))
    study = tmp_path / "study"
    study.mkdir()
    for person in ("sub-01", "sub-02"):
        os.symlink(tmp_path / "store" / person, study / person)
    os.symlink(study, study / "again")
    os.symlink("nothing/T1w.nii.gz", study / "sub-03_T1w.nii.gz")  # an annex that was not fetched
    assert [person for person, _ in heads_of(study)] == ["sub-01", "sub-02", "sub-03"]


# ---- other sets, and programs

ADNI = "002_S_0295/{kind}/{date}_08_20_30.0/I{i}/ADNI_002_S_0295_MR_{kind}_Br_20060418_I{i}.nii"
ALIKE = {  # what lies there -> {(person, visit): head}
    "ADNI": (
        [
            ADNI.format(kind="MPRAGE", date="2006-04-18", i=1),
            ADNI.format(kind="MPRAGE", date="2007-05-01", i=2),
            ADNI.format(kind="MPR__GradWarp__N3", date="2007-05-01", i=3),
        ],
        {
            ("002_S_0295", "2006-04-18_08_20_30.0"): 0,
            ("002_S_0295", "2007-05-01_08_20_30.0"): 1,
        },
    ),
    "ADNI, renamed": (
        ["002_S_0295_bl.nii", "002_S_0295_m12.nii"],
        {("002_S_0295", "bl"): 0, ("002_S_0295", "m12"): 1},
    ),
    "FreeSurfer, longitudinal": (
        [
            "bert_tp1/mri/T1.nii.gz",
            "bert_tp2/mri/T1.nii.gz",
            "bert_base/mri/T1.nii.gz",
            "bert_tp1.long.bert_base/mri/T1.nii.gz",
        ],
        {("bert", ""): 2, ("bert", "tp1"): 0, ("bert", "tp2"): 1},
    ),
    "fsl_anat beside the scan": (
        [
            "s1.anat/T1.nii.gz",
            "s1.anat/T1_biascorr.nii.gz",
            "s1.anat/T1_to_MNI_nonlin_field.nii.gz",
            "s1.anat/first_results/T1_first_all_fast_firstseg.nii.gz",
            "s1.nii.gz",
        ],
        {("s1", ""): 0},
    ),
    "CAT12, longitudinal": (
        ["s1_ses-1.nii", "s1_ses-2.nii", "avg_s1_ses-1.nii", "mri/mwp1rs1_ses-1.nii"]
        + ["rs1_ses-1.nii", "mri/rp1s1_ses-1_affine.nii"],
        {("s1", "ses-1"): 0, ("s1", "ses-2"): 1},
    ),
    "SPM without the scan": (
        ["wmanna.nii", "wc1anna.nii", "y_anna.nii"],
        {("wmanna", ""): 0},
    ),
    "names that look like tissues": (
        ["c1001.nii", "c2001.nii", "p1_t1w.nii", "p2_t1w.nii"],
        {("c1001", ""): 0, ("c2001", ""): 1, ("p1", ""): 2, ("p2", ""): 3},
    ),
    "MSSEG": (
        ["A1/Raw_Data/T1.nii.gz", "A1/Preprocessed_Data/T1_preprocessed.nii.gz"]
        + ["A1/Raw_Data/FLAIR.nii.gz", "B2/Raw_Data/T1.nii.gz"],
        {("A1", ""): 0, ("B2", ""): 3},
    ),
    "ISBI 2015": (
        [
            "training01/preprocessed/training01_01_mprage_pp.nii",
            "training01/preprocessed/training01_02_mprage_pp.nii",
            "training02/preprocessed/training02_01_mprage_pp.nii",
            "training02/preprocessed/training02_01_flair_pp.nii",
        ],
        {("training01", "01"): 0, ("training01", "02"): 1, ("training02", ""): 2},
    ),
    "a clinic's folders": (
        ["Muster_A_2019-01-02/t1.nii.gz", "Muster_A_2020-01-02/t1.nii.gz", "Beispiel_B/t1.nii.gz"],
        {("Muster_A", "2019-01-02"): 0, ("Muster_A", "2020-01-02"): 1, ("Beispiel_B", ""): 2},
    ),
    "dcm2niix": (
        ["anna_20190304101500_MPRAGE_3.nii", "anna_20200304101500_MPRAGE_5.nii", "bert.nii"],
        {("anna", "20190304101500"): 0, ("anna", "20200304101500"): 1, ("bert", ""): 2},
    ),
    "copies": (
        ["p1.nii.gz", "p1 (1).nii.gz", "p1 copy.nii.gz", "Kopie von p1.nii.gz", "._p1.nii.gz"]
        + ["__MACOSX/p1.nii.gz", "p2.nii.gz"],
        {("p1", ""): 0, ("p2", ""): 6},
    ),
    "UK Biobank": (
        ["1000011_20252_2_0/T1/T1.nii.gz", "1000011_20252_3_0/T1/T1.nii.gz"],
        {("1000011", "2"): 0, ("1000011", "3"): 1},
    ),
    "time points and waves": (
        ["S1_T01_T1.nii", "S1_T02_T1.nii", "W1_007.nii", "W2_007.nii", "w1.nii"],
        {("S1", "T01"): 0, ("S1", "T02"): 1, ("007", "W1"): 2, ("007", "W2"): 3, ("w1", ""): 4},
    ),
    "folders of years": (
        ["p1/2019/T1.nii", "p1/2020/T1.nii", "p2/2019/T1.nii"],
        {("p1", "2019"): 0, ("p1", "2020"): 1, ("p2", ""): 2},
    ),
    "capital letters": (
        ["SUB-01_T1W.NII.GZ", "sub-01_ses-2_T1w.nii.gz"],
        {("SUB-01", ""): 0, ("SUB-01", "ses-2"): 1},
    ),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_people_and_visits_of_other_layouts(tmp_path, kind):
    names, heads = ALIKE[kind]
    found = heads_of(plant(tmp_path, names))
    assert found == {who: names[place] for who, place in heads.items()}


# ---- tables below the folder


def test_tables_of_data_sets_within_the_folder(tmp_path):
    for name in ("ds1", "ds2"):
        plant(tmp_path / name, anat("T1w", people=("1", "2") if name == "ds1" else ("3", "4")))
    text = "participant_id\tgroup\nsub-{}\tpatient\nsub-{}\tcontrol\n"
    (tmp_path / "ds1/participants.tsv").write_text(text.format(1, 2))
    (tmp_path / "ds2/participants.tsv").write_text(text.format(3, 4))
    table = datasets.cohort(str(tmp_path))
    assert table.group.tolist() == ["patient", "healthy"] * 2


def test_a_table_in_the_folder_phenotype(tmp_path):
    plant(tmp_path, anat("T1w"))
    (tmp_path / "phenotype").mkdir()
    text = "participant_id\tdiagnosis\nsub-01\tepilepsy\nsub-02\tcontrol\n"
    (tmp_path / "phenotype/clinic.tsv").write_text(text)
    assert datasets.cohort(str(tmp_path)).group.tolist() == ["epilepsy", "healthy"]
