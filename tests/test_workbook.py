"""The whole workbook through ./run_all.sh, on the real heads and on synthetic ones."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from brainlib.record import read_apart
from brainlib.show import findings

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
NOTEBOOKS.remove(ROOT / "notebooks" / "00_start.ipynb")  # is opened, and no part of a run


def run_all(*arguments, **environment):
    return subprocess.run(
        ["bash", str(ROOT / "run_all.sh"), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


def check_run(folder):
    """A finished run: record, report, every figure and table that a result names."""
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert set(record["notebooks"]) == {path.stem for path in NOTEBOOKS} - set(
        read_apart(ROOT / "notebooks" / "Snakefile")
    )
    assert {entry["status"] for entry in record["notebooks"].values()} == {"finished"}
    report = (folder / "report.html").read_text()
    for form in ("html", "pdf", "docx"):
        assert 10_000 < (folder / f"report.{form}").stat().st_size < 10_000_000
    assert "http://" not in report.replace("http://www.w3.org", "") and "https://" not in report
    for path in (folder / "results").glob("*.json"):
        result = json.loads(path.read_text())
        for kind in ("figures", "tables", "files"):
            for entry in result[kind]:
                assert all((folder / name).is_file() for name in entry["files"])
        if not result["notebook"].startswith("10"):
            assert f'id="tab-parameters-{result["notebook"].replace("_", "-")}"' in report
            assert result["figures"] and all(
                entry["source"] or result["notebook"].startswith("01")
                for entry in result["figures"]
            )
    return record, report


def check_aims(folder):
    """Every aim in `chapters.yaml` is of a claim that its chapter makes: one reworded is found."""
    found = findings.found_in(findings.read_results(folder))
    for chapter in ("04_vae", "05_vqvae", "07_ae_variants"):  # 09 asks for heads with lesions
        claims = [one.claim for one in found if one.chapter == chapter]
        for pattern in findings.chapters_in_words()[chapter]["aims"]:
            assert any(re.search(pattern, claim) for claim in claims), (pattern, claims)


def check_reading(folder):
    """What a reader sees: every figure and table with its caption, nothing in red."""
    for path in (folder / "results").glob("*.json"):
        result = json.loads(path.read_text())
        notebook = nbformat.read(folder / "notebooks" / f"{result['notebook']}.ipynb", 4)
        outputs = [
            output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
        ]
        red = [output.text for output in outputs if output.get("name") == "stderr"]
        assert not red, f"{path.stem}: {red[0][:300]}"
        data = [output.data for output in outputs if "data" in output]
        shown = "\n".join(piece.get("text/markdown", "") for piece in data)
        for entry in [*result["figures"], *result["tables"]]:
            empty = entry.get("rows") == 0  # words stand in its place
            assert empty or entry["caption"] in shown, f"{path.stem}: {entry['name']} is unseen"
        assert sum("image/png" in piece for piece in data) >= len(result["figures"])


def test_the_ten_real_heads_become_a_report(ixi_sample, tmp_path):
    """A damaged head and one that is there twice are named; a second call does nothing."""
    heads = tmp_path / "heads"
    shutil.copytree(ixi_sample, heads, ignore=shutil.ignore_patterns("IXI04*", "IXI05*", "IXI039*"))
    damaged = min((heads / "t1").glob("IXI*"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    twin = next((heads / "t1").glob("IXI014*"))
    shutil.copy(twin, twin.with_name(twin.name.replace("IXI014", "IXI016")))
    out = tmp_path / "run"
    words = ("--data", "ixi-sample", "--profile", "smoke", "-p", "subjects=0", "--out", out)
    answer = run_all(
        *words,
        BRAINLIB_IXI_SAMPLE=str(heads),
    )
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    record, report = check_run(out)
    check_reading(out)
    check_aims(out)
    assert (
        "CC BY-SA 3.0" in report
        and "Synthetic phantom" not in report
        and "Made with synthetic" not in report
    )
    left_out = (out / "tables" / "01_explore" / "left_out.csv").read_text()
    assert (
        damaged.name[:6] in left_out
        and damaged.name in report
        and "same picture as IXI014" in left_out
    )
    again = run_all(
        *words,
        BRAINLIB_IXI_SAMPLE=str(heads),
    )
    assert again.returncode == 0
    later = json.loads((out / "run.json").read_text())
    assert all(
        later["notebooks"][name]["ended"] == entry["ended"]
        for name, entry in record["notebooks"].items()
    )
    (out / "exclude.csv").write_text("subject,reason\nIXI014,moved\n")
    plan = run_all(
        *words,
        "--dry-run",
        BRAINLIB_IXI_SAMPLE=str(heads),
    )
    assert "exclude" in plan.stdout and plan.returncode == 0


@pytest.mark.slow
def test_synthetic_heads_become_a_report(tmp_path):
    answer = run_all("--profile", "smoke", "--out", tmp_path / "run")
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    _, report = check_run(tmp_path / "run")
    assert "no number in it says anything about patients" in report
    answer = run_all("--pages", "--out", tmp_path / "run")
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    made = [path for path in (tmp_path / "run" / "pages").rglob("*") if path.is_file()]
    assert {path.stem for path in NOTEBOOKS} <= {path.stem for path in made}
    assert sum(path.stat().st_size for path in made) < 6_000_000


@pytest.mark.slow
def test_nothing_is_written_into_a_home_that_cannot_be(tmp_path):
    """The first two notebooks draw, show tables and use DeepBrain: all that wants a cache."""
    places = dict.fromkeys(["HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"], "/proc/nonexistent")
    words = ("02", "--profile", "smoke", "--out", tmp_path / "run")
    answer = run_all(*words, BRAINLIB_DATA=str(tmp_path / "data"), **places)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    assert (tmp_path / "data/.home").is_dir() and list((tmp_path / "data/masks").iterdir())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_clean_and_tell_their_story(path):
    notebook = nbformat.read(path, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    text = notebook.cells[0].source
    assert (
        text.startswith(f"# {path.stem[:2]} ") and "**Question.**" in text and "**Time.**" in text
    )
    assert code[-1].source.rstrip().endswith("run.done()")
