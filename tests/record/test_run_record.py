"""What a notebook calls: begin, show and keep, hand on; what is said where it comes too early."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from brainlib import files
from brainlib import record as runs
from brainlib.record import checksums, display


def test_folder_fingerprint_follows_contents_not_times(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    heads = tmp_path / "heads"
    (heads / "t1").mkdir(parents=True)
    (heads / "t1" / "a.nii.gz").write_bytes(b"one")
    (heads / "table.csv").write_text("x")
    before = runs.data_fingerprint(f"phantom,{heads}")
    assert set(before) == {"phantom", str(heads)} and before[str(heads)].startswith("2 files")
    (heads / "notes.txt").write_text("no data")
    os.utime(heads / "t1" / "a.nii.gz", (1, 1))
    assert runs.data_fingerprint(f"phantom,{heads}") == before
    (heads / "t1" / "a.nii.gz").write_bytes(b"two")
    assert runs.data_fingerprint(f"phantom,{heads}") != before
    assert len(json.loads((tmp_path / "data" / ".checksums.json").read_text())) == 4
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(heads))
    assert runs.data_fingerprint("ixi-sample")["ixi-sample"].startswith("2 files")
    assert runs.data_fingerprint("ixi-hh")["ixi-hh"].startswith("CBICA/NiChart_Project, commit")
    monkeypatch.setenv("BRAINLIB_IXI_HH", str(heads))
    assert runs.data_fingerprint("ixi-hh")["ixi-hh"].startswith("2 files")
    with pytest.raises(ValueError, match="no such folder"):
        runs.data_fingerprint("nowhere")


def test_all_that_heads_are_read_from_is_in_the_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    heads, others = tmp_path / "study" / "heads", tmp_path / "others"
    (heads / ".hidden").mkdir(parents=True)
    others.mkdir()
    scan, first, second = others / "a scan.nii", others / "l1.nii.gz", others / "l2.nii.gz"
    followed = [scan, first, second, heads / "inside.NII.GZ", heads.parent / "participants.tsv"]
    for path in followed:
        path.write_text("one")
    rows = f"image;lesion;age\n{scan};../../others/l1.nii.gz;7\ninside.NII.GZ;{second};8\n"
    (heads / "heads.csv").write_text(rows, encoding="utf-8-sig")
    seen = {runs.data_fingerprint(str(heads))[str(heads)]}
    assert next(iter(seen)).startswith("6 files")
    for path in followed:
        path.write_text("changed")
        seen.add(runs.data_fingerprint(str(heads))[str(heads)])
    assert len(seen) == 6
    for path in (heads / ".hidden" / "b.nii", others / "of nobody.nii", heads.parent / "x.csv"):
        path.write_text("of no head")
    assert runs.data_fingerprint(str(heads))[str(heads)] in seen
    alone = runs.data_fingerprint(str(heads / "heads.csv"))[str(heads / "heads.csv")]
    assert alone.startswith("5 files")


def test_a_file_that_cannot_be_read_is_for_the_notebook_to_name(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA", tmp_path / "data")
    heads = tmp_path / "heads"
    heads.mkdir()
    (heads / "a.nii").write_bytes(b"one")
    before = runs.data_fingerprint(str(heads))

    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checksums, "_remembered", lambda path: {})
    monkeypatch.setattr(checksums.files, "sha256", refused)
    after = runs.data_fingerprint(str(heads))
    assert after != before and after[str(heads)].startswith("1 file,")


# What a notebook calls


@pytest.fixture
def cohort():
    return pd.DataFrame(
        {
            "subject": ["P1", "P2", "IXI012"],
            "cohort": ["phantom", "phantom", "ixi-sample"],
            "synthetic": [True, True, False],
        }
    )


def test_a_run_by_hand_saves_registers_and_repeats_itself(tmp_path, cohort, monkeypatch, capsys):
    from matplotlib.figure import Figure

    monkeypatch.delenv(runs.TOKEN, raising=False)

    def once():
        run = runs.start("04_vae", out=str(tmp_path / "run"), data="phantom", seed=7, epochs=2)
        draw = np.random.random()
        run.describe_data(cohort)
        figure = Figure(figsize=(3, 2))
        figure.add_subplot().plot([1, 2])
        run.figure(figure, "loss", caption="Loss.")
        run.table(pd.DataFrame({"a": [1.5]}), "numbers", caption="Numbers.")
        run.path("models", "m.keras").write_bytes(b"model")
        run.file("models/m.keras", caption="The model.")
        run.note("best", np.float32(0.5))
        run.done()
        return draw, (tmp_path / "run" / "results" / "04_vae.json").read_bytes()

    first, again = once(), once()
    assert first == again  # the seed, and no clock in the result or in its figures
    result = json.loads(first[1])
    assert result["parameters"] == {"data": "phantom", "seed": 7, "epochs": 2} and result[
        "notes"
    ] == {"best": 0.5}
    assert result["data_note"] == f"{runs.SYNTHETIC_NOTE}; {runs.IXI_NOTE} (n = 3 subjects)"
    listed = {
        name: sum_
        for kind in ("figures", "tables", "files")
        for entry in result[kind]
        for name, sum_ in entry["files"].items()
    }
    assert sorted(listed) == [
        "figures/04_vae/loss.pdf",
        "figures/04_vae/loss.png",
        "models/m.keras",
        "tables/04_vae/numbers.csv",
    ]
    assert all(files.sha256(tmp_path / "run" / name) == sum_ for name, sum_ in listed.items())
    assert (
        pd.read_csv(tmp_path / "run/tables/04_vae/numbers.csv").data_source[0]
        == result["data_note"]
    )
    assert "random seed: 7" in capsys.readouterr().out


def test_figures_say_what_they_show_and_appear_whole_or_not(tmp_path, cohort, monkeypatch):
    from matplotlib.figure import Figure

    run = runs.start("01_explore", out=str(tmp_path))
    assert run.describe_data(cohort[2:]) == f"{runs.IXI_NOTE} (n = 1 subject)"
    assert (
        run.describe_data(cohort[2:].assign(cohort="mine")) == f"{runs.IXI_NOTE} (n = 1 subject)"
    )  # its heads tell, not the folder's name
    assert (
        run.describe_data(cohort[2:].assign(cohort="ixi_like", subject="anna"))
        == "Data: ixi_like (n = 1 subject)"
    )
    named = cohort[2:].assign(
        cohort="heads", subject="anna", path="/private/heads/IXI012-HH-1211-T1.nii.gz"
    )
    assert run.describe_data(named) == f"{runs.IXI_NOTE} (n = 1 subject)"
    assert (
        run.describe_data(cohort[1:].assign(synthetic=False, cohort="heads"))
        == f"{runs.IXI_NOTE}; Data: heads (n = 2 subjects)"
    )
    assert run.describe_data(cohort[:2]).startswith("Synthetic phantom data - not patients")
    figure = Figure()
    run.figure(figure, "a")
    run.figure(figure, "b")
    assert [text.get_text() for text in figure.texts] == [run.source_note]  # once
    monkeypatch.setattr(
        Figure, "savefig", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        run.figure(Figure(), "c")
    assert sorted(path.name for path in (tmp_path / "figures/01_explore").iterdir()) == [
        "a.pdf",
        "a.png",
        "b.pdf",
        "b.png",
    ]


def test_errors_of_a_run_say_what_to_do(tmp_path):
    run = runs.start("08_evaluation", out=str(tmp_path))
    with pytest.raises(
        runs.NotRunYet, match=rf"goes on from 04_vae, .*\./run_all.sh 04 --out {tmp_path}"
    ):
        run.needs("04_vae")
    with pytest.raises(ValueError, match="inside the run folder"):
        run.path("..", "elsewhere.csv")
    run.path("a.csv").write_text("x")
    run.file("a.csv")
    run.path("a.csv").unlink()
    with pytest.raises(FileNotFoundError, match="gone before its end"):
        run.done()
    assert "04_vae" in run.missing()


def test_parameters_are_those_of_the_notebooks_cell(tmp_path, monkeypatch):
    monkeypatch.delenv(runs.TOKEN, raising=False)
    namespace = {"out": str(tmp_path), "data": "phantom", "seed": 3, "healthy": 5, "other": 1}
    run = runs.start("01_explore", namespace)
    assert run.parameters == {"data": "phantom", "seed": 3, "healthy": 5}


def test_a_notebook_that_comes_too_early_says_in_one_line_what_to_run(tmp_path):
    namespace = {"out": str(tmp_path / "new"), "data": "my heads", "seed": 0}
    with pytest.raises(runs.NotRunYet) as raised:
        runs.start("04_vae", namespace)
    said = raised.value._render_traceback_()
    command = f"./run_all.sh 03 --out {tmp_path / 'new'} --data 'my heads'"
    assert len(said) == 1 and said[0].endswith(command)
    assert not (tmp_path / "new").exists()  # nothing was made


def test_what_is_not_known_of_a_person_is_an_empty_text(tmp_path):
    run = runs.start("mine", out=str(tmp_path))
    people = pd.DataFrame({"subject": ["007", "008"], "sex": ["", ""], "age": [np.nan, 40.5]})
    run.table(people, "split")
    read = run.read("mine", "split")
    assert read.subject.tolist() == ["007", "008"] and read.sex.tolist() == ["", ""]
    assert np.isnan(read.age[0]) and read.age[1] == 40.5


def test_tables_for_people_have_four_digits_and_no_paths():
    table = pd.DataFrame(
        {"a_mean": [0.123456, 12345.0], "n": [3, 20000], "path": "/x", "ok": [True, False]}
    )
    table["p"] = [0.00001234, np.nan]
    shown = display.readable(table)
    assert list(shown) == ["a mean", "n", "ok", "p"]
    assert shown.values.tolist() == [
        ["0.1235", "3", "yes", "1.2e-05"],
        ["12,345", "20,000", "no", ""],
    ]


def test_words_stand_to_the_left_and_numbers_to_the_right():
    table = pd.DataFrame({"who": ["a<b"], "age": [40.25], "path": ["/x"]})
    html = display.table_html(table)
    assert '<td style="text-align: left">a&lt;b</td>' in html
    assert '<td style="text-align: right">40.25</td>' in html and "/x" not in html


def test_findings_are_kept_for_the_report(tmp_path):
    run = runs.start("mine", out=str(tmp_path))
    run.finding("A is better than B", {"verdict": "not shown", "words": "A - B = 0.1", "n": 5})
    assert run.result()["findings"] == [
        {"claim": "A is better than B", "verdict": "not shown", "words": "A - B = 0.1", "n": 5}
    ]


def test_a_finding_says_its_verdict_once(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(display, "show_text", said.append)
    run = runs.start("mine", out=str(tmp_path))
    run.finding("A is better", {"verdict": "not shown", "words": "not shown: A - B = 0.1."})
    assert said == ["**A is better** - *not shown*: A - B = 0.1."]


def test_where_nothing_is_to_be_shown_words_say_so(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(display, "show_text", said.append)
    run = runs.start("mine", {}, out=str(tmp_path))
    run.figure(None, "curves", otherwise="No lesions.")
    run.table(pd.DataFrame(columns=["a"]), "points", otherwise="No lesions.")
    assert said == ["No lesions."] * 2
    result = run.result()
    assert not result["figures"] and [entry["rows"] for entry in result["tables"]] == [0]


def test_a_long_table_is_shown_in_part_and_written_whole(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        display, "show_table", lambda frame, caption, **_: shown.append((len(frame), caption))
    )
    run = runs.start("mine", {}, out=str(tmp_path))
    table = pd.DataFrame({"a": range(50)})
    run.table(table, "long", "Rows.", part=table.head(2))
    ((rows, caption),) = shown
    assert rows == 2 and caption.endswith("All 50 rows are in `tables/mine/long.csv`.")
    assert len(pd.read_csv(tmp_path / "tables" / "mine" / "long.csv")) == 50
