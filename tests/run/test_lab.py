"""./run_all.sh --lab and --pages: a real server, and notebooks that go on from a run."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from brainlib import files, record
from brainlib.run import catalogue, command, lab_command, parameters, working_copies
from brainlib.run.refused import Refused

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)(/lab/tree/\S+)\?token=(\w+)")
LONGEST_S = 240  # for a server to start on a machine that is busy


def options(*words):
    return command.read(words)


def interruptible():
    """As in a terminal: a process in the background would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def served(tmp_path):
    """(process, port, path, token) of ./run_all.sh --lab 5 on a run outside of the project."""
    folder = tmp_path / f"lab_of_a_test_{os.getpid()}"
    log = tmp_path / "log"
    words = ["bash", str(ROOT / "run_all.sh"), "--lab", "5", "--out", str(folder)]
    runtime = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "BROWSER": "true"}
    runtime |= {"JUPYTER_DATA_DIR": str(tmp_path / "data")}
    with log.open("w") as output:
        process = subprocess.Popen(
            words,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **runtime},
            preexec_fn=interruptible,
        )
    link = files.PROJECT / "outputs" / folder.name
    try:
        yield process, *wait_for_address(process, log), folder
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        link.unlink(missing_ok=True)


def wait_for_address(process, log):
    for _ in range(4 * LONGEST_S):
        found = ADDRESS.search(log.read_text())
        if found:
            return found.groups()
        assert process.poll() is None, log.read_text()
        time.sleep(0.25)
    raise AssertionError(log.read_text())


def contents(port, path="", token=""):
    query = f"?token={token}" if token else ""
    address = f"http://127.0.0.1:{port}/api/contents/{path}{query}"
    return json.load(urllib.request.urlopen(address, timeout=60))


def test_a_server_shows_the_project_to_whoever_has_the_token_and_ends_with_ctrl_c(served):
    process, port, path, token, folder = served
    assert {"README.md", "notebooks"} <= {
        one["name"] for one in contents(port, "", token)["content"]
    }
    with pytest.raises(urllib.error.HTTPError, match="403"):
        contents(port)
    opened = path.removeprefix("/lab/tree/")
    assert opened == f"outputs/{folder.name}/lab/05_vqvae.ipynb"
    cells = contents(port, opened, token)["content"]["cells"]
    assert any(f"out = '{folder}'" in cell["source"] for cell in cells)
    start = contents(port, opened.replace("05_vqvae", "00_start"), token)["content"]["cells"]
    shown = [output for cell in start for output in cell.get("outputs", [])]
    assert len(shown) == 3 and "Nothing was run yet" in json.dumps(shown)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    with pytest.raises(OSError):
        contents(port, "", token)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["banana"], "there is none of that name"),
        (["4", "5"], "expected one notebook"),
        (["5", "--data", "/nowhere"], "an existing folder"),
    ],
)
def test_what_cannot_be_opened_is_refused(words, said, tmp_path):
    with pytest.raises(Refused, match=said):
        lab_command.run(options("--lab", *words, "--out", str(tmp_path / "run")), None)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("word", ["00", "0", "00_start", "start"])
def test_the_start_page_is_opened_and_not_run(word):
    with pytest.raises(Refused, match="--lab"):
        command.check(options(word))
    assert catalogue.resolve([word], working_copies.openable()) == ["00_start"]


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A run whose 04 had beta 0.5; the start page is not executed."""
    monkeypatch.setattr(working_copies, "executed", lambda notebook, place: notebook)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    folder = tmp_path / "run"
    folder.mkdir()
    had = {"04_vae": {"beta": 0.5, "out": "../outputs/elsewhere", "seed": 3}}
    content = {"notebooks": {}, "parameters": had, "profile": "smoke", "data": "phantom"}
    (folder / "run.json").write_text(json.dumps(content))
    return folder


def copies(folder):
    return working_copies.write_copies(options("--out", str(folder)), folder)


def cell_of_parameters(folder, name):
    notebook = nbformat.read(folder / "lab" / f"{name}.ipynb", 4)
    cells = [one for one in notebook.cells if "parameters" in one.metadata.get("tags", [])]
    return parameters.read_parameters(cells[0].source, name)


def test_copies_have_the_parameters_of_the_run_and_their_comments(run_folder):
    assert copies(run_folder) == []
    found = cell_of_parameters(run_folder, "04_vae")
    assert found["beta"].default == 0.5 and found["seed"].default == 3
    assert found["out"].default == str(run_folder) and "KL" in found["beta"].comment
    smoke = command.check(options("--profile", "smoke", "05")).parameters["05_vqvae"]
    other = cell_of_parameters(run_folder, "05_vqvae")
    assert {name: one.default for name, one in other.items() if name != "out"} == {
        name: value for name, value in smoke.items() if name != "out"
    }


def test_links_of_a_copy_lead_to_files_that_are_there(run_folder):
    copies(run_folder)
    place = run_folder / "lab"
    checked = 0
    for path in place.glob("*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                for link in re.findall(r"\]\(([^):#\s]+)", cell.source):
                    assert (place / link).exists(), f"{path.name}: {link}"
                    checked += 1
    assert checked > 100


def test_a_copy_that_a_person_changed_stays(run_folder):
    copies(run_folder)
    path = run_folder / "lab" / "04_vae.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source = "mine = 1"
    nbformat.write(notebook, path)
    content = json.loads((run_folder / "run.json").read_text())
    content["parameters"]["04_vae"]["beta"] = 0.25
    content["parameters"]["07_ae_variants"] = {"steps": 11}
    (run_folder / "run.json").write_text(json.dumps(content))
    assert copies(run_folder) == ["04_vae"]
    assert nbformat.read(path, 4).cells[1].source == "mine = 1"
    assert cell_of_parameters(run_folder, "07_ae_variants")["steps"].default == 11


def test_outputs_alone_are_no_change(run_folder):
    copies(run_folder)
    path = run_folder / "lab" / "04_vae.ipynb"
    notebook = nbformat.read(path, 4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="ran")]
    nbformat.write(notebook, path)
    assert copies(run_folder) == [] and "ran" in path.read_text()


def test_copies_make_a_folder_that_a_run_may_use(run_folder):
    (run_folder / "run.json").unlink()
    copies(run_folder)
    assert command.check(options("--out", str(run_folder))).folder == run_folder


def test_other_values_leave_the_cell_as_it_was_written():
    text = 'a = 1  # one, "é"\nb = [1,\n     2]  # two\nc = "x"  # three: é\n'
    new = parameters.with_values(text, {"a": 2, "b": [3], "c": "x", "d": 9})
    assert new == 'a = 2  # one, "é"\nb = [3]  # two\nc = "x"  # three: é\n'


def test_a_run_elsewhere_gets_one_link(tmp_path, monkeypatch):
    project = tmp_path / "project"
    (project / "outputs" / "run").mkdir(parents=True)
    monkeypatch.setattr(files, "PROJECT", project)
    found = lab_command._served(tmp_path / "run")
    assert found == project / "outputs" / "run-2" and found.resolve() == tmp_path / "run"
    assert lab_command._served(tmp_path / "run") == found
    inside = project / "outputs" / "run"
    assert lab_command._served(inside) == inside


@pytest.mark.parametrize(("words", "said"), [(["5"], "it takes all"), ([], "has no results yet")])
def test_pages_need_a_run_and_no_names(words, said, tmp_path):
    from brainlib.run import pages_command

    with pytest.raises(Refused, match=said):
        pages_command.run(options("--pages", *words, "--out", str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_the_start_page_runs_without_a_run(tmp_path):
    """In a kernel of its own, as --pages and --lab execute it."""
    from brainlib.run import start_page

    notebook = working_copies.start_page(tmp_path / "none")
    executed = start_page.executed(notebook, record.NOTEBOOKS)
    shown = [one for cell in executed.cells for one in cell.get("outputs", [])]
    assert len(shown) == 3 and all("text/html" in one.data for one in shown)
    assert not (tmp_path / "none").exists()


def test_a_start_page_that_fails_says_why(tmp_path):
    from brainlib.run import start_page

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise OSError('no')")])
    with pytest.raises(start_page.NotExecuted, match="OSError: no"):
        start_page.executed(notebook, tmp_path)
