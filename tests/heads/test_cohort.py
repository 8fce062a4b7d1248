"""Sources of heads: IXI's table and its faults, folders of every layout, downloads that break."""

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib import downloads
from brainlib.heads import cohort as datasets

HEAD = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(HEAD, np.eye(4)), path)
    return path


# ---- IXI's table


def test_the_real_table(ixi_sample):
    raw = pd.read_excel(ixi_sample / "IXI.xls", engine="calamine")
    participants, problems = datasets.read_ixi_table(ixi_sample / "IXI.xls")
    assert len(raw) == 619 and len(participants) == 593 == participants.subject.nunique()
    repeated = [problem for problem in problems if problem["fault"] == "repeated id"]
    assert len(repeated) == 26 and all("differs in" in problem["detail"] for problem in repeated)
    by_subject = participants.set_index("subject")
    assert (
        by_subject.age["IXI219"] == pytest.approx(53.08, abs=0.01)
        and by_subject.height_cm["IXI219"] == 170
    )  # the first row
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


def test_the_ten_real_heads(ixi_sample, monkeypatch):
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(ixi_sample))
    table = datasets.cohort("ixi-sample")
    assert (
        len(table) == 10
        and list(table.columns) == list(datasets.COLUMNS)
        and not table.synthetic.any()
    )
    assert set(table.site) == {"HH"} and (table.brain_path != "").all() and table.age.notna().all()
    known = dict(zip(table.subject, table.age.round(2)))
    assert known["IXI012"] == 38.78 and known["IXI051"] == 25.74
    assert dict(zip(table.subject, table.sex))["IXI014"] == "female"


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
        "unreadable table"
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


# ---- layouts


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
    assert table.subject.tolist() == ["sub-01", "sub-02"] and table.sex.tolist() == [
        "female",
        "male",
    ]
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


def test_several_sources_have_unique_subjects(tmp_path):
    for folder in ("one", "two"):
        write(tmp_path / folder / "IXI001-Guys-0001-T1.nii.gz")
    write(tmp_path / "two" / "IXI002-Guys-0002-T1.nii.gz")
    table = datasets.cohort(f"{tmp_path / 'one'},{tmp_path / 'two'}")
    assert table.subject.tolist() == ["one-IXI001", "two-IXI001", "IXI002"]


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


def faults(table):
    return {problem["fault"]: problem["detail"] for problem in table.attrs["problems"]}


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
    table = datasets.cohort(str(tmp_path))
    assert (
        table.subject.tolist() == ["P1", "P10", "P2", "P3"]
        and (table.path.str.endswith("/mri/T1.nii.gz")).all()
        and "ses-1" in table.path[3]
    )
    assert (
        table.group.tolist() == ["healthy", "healthy", "lesion", "healthy"]
        and "/P2/" in table.lesion_path[2]
    )
    assert "heads.csv" in faults(table)["folders taken as subjects"] and any(
        "/ses-2/" in problem["detail"] for problem in table.attrs["problems"]
    )


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


def test_missing_and_empty_folders_say_what_is_understood(tmp_path):
    with pytest.raises(FileNotFoundError, match="Check the name"):
        datasets.cohort(str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="BIDS"):
        datasets.cohort(str(tmp_path))


# ---- downloads


@contextlib.contextmanager
def server(folder, cut_after=None):
    """A local server with Range; `cut_after`: it breaks the first answer of each file off after so many bytes."""
    cut, requests_seen = set(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            requests_seen.append((self.path, self.headers.get("Range")))
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            content, start = path.read_bytes(), 0
            if self.headers.get("Range"):
                start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if cut_after and self.path not in cut:
                cut.add(self.path)
                body = body[:cut_after]
            self.wfile.write(body)

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/", requests_seen
    finally:
        running.shutdown()
        running.server_close()


def sample_server(folder):
    """A server folder in the sample's layout, and its checksums."""
    sums = {}
    for name, place in (
        ("t1/IXI012-HH-1211-T1_ds.nii.gz", "t1"),
        ("brain/IXI012-HH-1211-T1_ds_DLMUSE.nii.gz", "dlmuse"),
    ):
        path = write(folder / place / name.split("/")[1])
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "IXI.xls").write_bytes(b"table")
    return {**sums, "IXI.xls": hashlib.sha256(b"table").hexdigest()}


def test_the_sample_is_fetched_once_and_checked(tmp_path):
    sums = sample_server(tmp_path / "web")
    with server(tmp_path / "web") as (url, seen):
        folder = downloads.ixi_sample(tmp_path / "data", url=url, ixi_url=url, sums=sums)
        assert all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == known
            for name, known in sums.items()
        )
        before = len(seen)
        downloads.ixi_sample(tmp_path / "data", url=url, ixi_url=url, sums=sums)
        assert len(seen) == before


def test_a_wrong_checksum_leaves_nothing_visible(tmp_path):
    sums = sample_server(tmp_path / "web")
    sums["t1/IXI012-HH-1211-T1_ds.nii.gz"] = "0" * 64
    with (
        server(tmp_path / "web") as (url, _),
        pytest.raises(OSError, match="could not be fetched.*BRAINLIB_IXI_SAMPLE"),
    ):
        downloads.ixi_sample(tmp_path / "data", url=url, ixi_url=url, sums=sums)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_a_broken_download_goes_on_where_it_stopped(tmp_path):
    content = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "large.bin").write_bytes(content)
    with server(tmp_path / "web", cut_after=1_200_000) as (url, seen):
        path = downloads.fetch(
            [url + "large.bin"],
            tmp_path / "data" / "large.bin",
            hashlib.sha256(content).hexdigest(),
        )
    assert path.read_bytes() == content and any(
        wanted and wanted != "bytes=0-" for _, wanted in seen
    )
    assert sorted(item.name for item in (tmp_path / "data").iterdir()) == ["large.bin"]


def make_tar(path, *members):
    with tarfile.open(path, "w") as tar:
        for member, content in members:
            if content is not None:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if content is not None else None)
    return path


def link(name, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "member, content",
    [
        (tarfile.TarInfo("../evil.nii"), b"x"),
        (tarfile.TarInfo("/tmp/evil-brainlib.nii"), None),
        (link("way-out", "/etc"), None),
    ],
)
def test_archives_that_leave_the_folder_are_refused(tmp_path, member, content):
    archive = make_tar(
        tmp_path / "evil.tar", (tarfile.TarInfo("good.nii"), b"good"), (member, content)
    )
    if member.name.startswith("/"):
        downloads.unpack(
            archive, tmp_path / "out"
        )  # an absolute name is taken as one inside the folder
        assert (tmp_path / "out" / "tmp" / "evil-brainlib.nii").exists()
        return
    with pytest.raises(ValueError, match="Do not use this archive"):
        downloads.unpack(archive, tmp_path / "out")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["evil.tar"]


def test_the_whole_set_is_unpacked_once(tmp_path):
    head = write(tmp_path / "IXI001-Guys-0001-T1.nii.gz")
    web = tmp_path / "web"
    web.mkdir()
    with tarfile.open(web / "IXI-T1.tar", "w") as tar:
        tar.add(head, head.name)
    ixi_csv(web / "IXI.xls", [[1, 1, 180, 80, 1, 30.0]])
    with server(web) as (url, seen):
        folder = downloads.ixi(tmp_path / "data", url=url)
        assert (folder / "t1" / head.name).exists() and (folder / "IXI-T1.tar.sha256").exists()
        before = len(seen)
        downloads.ixi(tmp_path / "data", url=url)
        assert len(seen) == before
