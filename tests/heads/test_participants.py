"""Tables of participants: IXI's and BIDS's, in any spelling, and their faults."""

import re

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads import cohort as datasets

HEAD = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(HEAD, np.eye(4)), path)
    return path


def test_the_real_table(ixi_sample):
    raw = pd.read_excel(ixi_sample / "IXI.xls", engine="calamine")
    participants, problems = datasets.read_ixi_table(ixi_sample / "IXI.xls")
    assert len(raw) == 619 and len(participants) == 593 == participants.subject.nunique()
    repeated = [problem for problem in problems if problem["fault"] == "repeated id"]
    assert len(repeated) == 26 and all("differs in" in problem["detail"] for problem in repeated)
    details = " ".join(problem["detail"] for problem in repeated)
    assert "DOB" in details and not re.search(r"\d", details)  # no date of birth, no value at all
    by_subject = participants.set_index("subject")
    # The first row; its age to a tenth, since one to the day is a date of birth.
    assert by_subject.age["IXI219"] == 53.1 and by_subject.height_cm["IXI219"] == 170
    assert (participants.age == participants.age.round(1))[participants.age.notna()].all()
    assert (
        by_subject.sex["IXI012"] == "male"
        and by_subject.sex["IXI002"] == "female"
        and by_subject.ethnic["IXI012"] == "white"
    )
    assert not (participants.height_cm == 0).any() and not (participants.weight_kg == 0).any()
    heights = participants.groupby("sex").height_cm.median()
    assert heights["male"] == pytest.approx(177, abs=1) and heights["female"] == pytest.approx(
        164, abs=1
    )
    assert raw.AGE.isna().sum() == 29


def ixi_csv(path, rows):
    columns = ["IXI_ID", "SEX_ID (1=m, 2=f)", "HEIGHT", "WEIGHT", "ETHNIC_ID", "AGE"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def test_faults_of_the_table_are_listed(tmp_path):
    write(tmp_path / "t1" / "IXI001-Guys-0001-T1.nii.gz")
    write(tmp_path / "t1" / "IXI002-HH-0002-T1_ds.nii.gz")
    write(tmp_path / "t1" / "IXI003-IOP-0003-T1.nii.gz")
    ixi_csv(
        tmp_path / "IXI.csv",
        [
            [1, 1, 180, 0, 1, 30.0],
            [1, 2, 170, 60, 1, 31.0],
            [2, 2, 0, 60, 3, None],
            [9, 0, 1, 1, 0, 50],
        ],
    )
    table = datasets.cohort(str(tmp_path)).set_index("subject")
    assert table.sex.to_dict() == {"IXI001": "male", "IXI002": "female", "IXI003": ""}
    assert (
        table.age["IXI001"] == 30
        and np.isnan(table.weight_kg["IXI001"])
        and table.ethnic["IXI002"] == "other"
    )
    faults = {(problem["subject"], problem["fault"]) for problem in table.attrs["problems"]}
    assert {
        ("IXI001", "repeated id"),
        ("IXI002", "no age"),
        ("IXI003", "no row"),
        ("all", "rows without a scan"),
    } <= faults


def test_ids_and_sexes_of_an_ixi_table_in_any_spelling(tmp_path):
    for number in (1, 2, 3, 4):
        write(tmp_path / f"IXI00{number}-HH-0001-T1.nii.gz")
    ixi_csv(
        tmp_path / "IXI.csv",
        [
            ["001", "M", 180, 80, 1, 30],
            ["IXI002", "f", 170, 60, 1, 31],
            [3.0, 2, 160, 50, 1, 32],
            [None, 1, 1, 1, 1, 50],
        ],
    )
    table = datasets.cohort(str(tmp_path))
    assert table.sex.tolist() == ["male", "female", "female", ""] and table.age[:3].tolist() == [
        30,
        31,
        32,
    ]
    faults = {
        (problem["subject"], problem["fault"]): problem["detail"]
        for problem in table.attrs["problems"]
    }
    assert (
        faults["all", "no id"] == "1 rows of IXI.csv, left out" and ("IXI004", "no row") in faults
    )
    pd.DataFrame({"IXI_ID": [1, None], "SEX_ID": [1, 2], "AGE": [30, 40]}).to_csv(
        tmp_path / "IXI.csv", index=False, sep=";"
    )
    assert datasets.read_ixi_table(tmp_path / "IXI.csv")[0].values.tolist()[0][:3] == [
        "IXI001",
        "male",
        30,
    ]


@pytest.mark.parametrize(
    "name, content",
    [
        ("IXI.xls", b"no table"),
        ("IXI.csv", b""),
        ("participants.tsv", b""),
        ("participants.tsv", b"age\n3\n"),
        ("participants.tsv", b'participant_id\tage\nsub-1\t3\t4\t5\n"'),
    ],
)
def test_an_unreadable_table_is_a_problem_that_names_the_file(name, content, tmp_path):
    write(tmp_path / "heads" / "IXI001-HH-0001-T1.nii.gz")
    (tmp_path / "heads" / name).write_bytes(content)
    table = datasets.cohort(str(tmp_path / "heads"))
    assert table.subject.tolist() == ["IXI001"]
    assert [problem["fault"] for problem in table.attrs["problems"]] == [
        "unreadable table",
        "taken as healthy",
    ] and str(tmp_path / "heads" / name) in table.attrs["problems"][0]["detail"]
    ixi_csv(tmp_path / "IXI.csv", [[1, 1, 180, 80, 1, 30]])
    assert datasets.cohort(str(tmp_path / "heads")).age.tolist() == [30]  # the next table is read


def test_participants_of_several_sessions_and_impossible_ages(tmp_path):
    for subject in ("01", "02", "03", "04"):
        write(tmp_path / f"sub-{subject}" / "anat" / f"sub-{subject}_T1w.nii.gz")
    rows = [
        "01,ses-1,M,33",
        "01,ses-2,M,34",
        "02,ses-1,F,-5",
        "03,ses-1,F,396",
        "sub-04,ses-1,F,0",
        ",,,",
        ",,,",
    ]
    (tmp_path / "participants.tsv").write_text(
        "\n".join(["participant_id,session,Gender,age", *rows])
    )
    table = datasets.cohort(str(tmp_path))
    assert (
        table.sex.tolist() == ["male", "female", "female", "female"]
        and table.age[0] == 33
        and table.age[1:].isna().all()
    )
    faults = [(problem["subject"], problem["fault"]) for problem in table.attrs["problems"]]
    assert faults == [
        ("all", "no id"),
        ("sub-01", "repeated id"),
        *((f"sub-0{number}", "implausible age") for number in (2, 3, 4)),
        ("all", "taken as healthy"),
    ]


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_participants_in_any_separator_and_encoding(separator, encoding, tmp_path):
    write(tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    lines = [["participant_id", "city", "age"], ["01", "K\u00f6ln", "33"]]
    (tmp_path / "participants.tsv").write_text(
        "\n".join(separator.join(line) for line in lines), encoding=encoding
    )
    assert datasets.cohort(str(tmp_path)).age.tolist() == [33]


def test_two_columns_of_one_name_in_other_letters(tmp_path):
    write(tmp_path / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    (tmp_path / "participants.tsv").write_text("participant_id\tAge\tage \n01\t33\t44\n")
    assert datasets.cohort(str(tmp_path)).age.tolist() == [33]
