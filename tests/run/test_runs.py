"""./run_all.sh on tiny notebooks: what is refused, what is skipped, what a failure leaves."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from brainlib import files
from brainlib import record as runs
from brainlib.run import __main__ as command_line
from brainlib.run import (
    batch,
    catalogue,
    channel,
    command,
    parameters,
    progress,
    provenance,
    settings,
)
from brainlib.run.refused import Refused

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = """\
data = "phantom"  # data source
out = "../outputs/quick-phantom"  # run folder
seed = 0  # random seed
epochs = 3  # passes over the data
rate = 0.5  # learning rate
kind = "mild"  # one of: mild | strong
flag = False  # a switch
sizes = [1, 2]  # sizes
"""
CHAIN = {
    "01_one": [],
    "02_two": ["01_one"],
    "03_three": ["02_two"],
    "04_side": ["01_one"],
    "10_report": "all",
}


def write_notebook(folder, name, *cells, last="run.done()", parameters=PARAMETERS):
    """A notebook of the workbook's shape: title, parameters, start, cells, last cell."""
    words = "out=out, data=data, seed=seed, epochs=epochs"
    start = f'from brainlib import runs\nrun = runs.start("{name}", {words})'
    codes = [start, *cells, last]
    notebook = new_notebook(
        cells=[
            new_markdown_cell(f"# The title of {name}"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *map(new_code_cell, codes),
        ]
    )
    nbformat.write(notebook, Path(folder) / f"{name}.ipynb")


def make_workbook(
    folder, table, *, profile="cell_timeout_minutes: 5\nminutes: {}\nparameters: {}\n", **cells
):
    """A notebooks folder: the real Snakefile's rule, a table of its own, its notebooks."""
    notebooks = folder / "notebooks"
    (notebooks / "profiles").mkdir(parents=True)
    lines = "".join(
        f"    {json.dumps(name)}: {json.dumps(needs)},\n" for name, needs in table.items()
    )
    rule = (ROOT / "notebooks" / "Snakefile").read_text()
    (notebooks / "Snakefile").write_text(
        re.sub(r"^NEEDS = \{.*?^\}", f"NEEDS = {{\n{lines}}}", rule, flags=re.M | re.S)
    )
    (notebooks / "profiles" / "quick.yaml").write_text(profile)
    for name in table:
        write_notebook(
            notebooks, name, *cells.get(f"n{name}", ()), last=cells.get(f"last{name}", "run.done()")
        )
    return notebooks


def environment(notebooks):
    return {
        **os.environ,
        "BRAINLIB_NOTEBOOKS": str(notebooks),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "5",  # says nothing to run_all.sh: --threads does
    }


def run_all(notebooks, *words, **options):
    """./run_all.sh with these words, its output and exit code."""
    return subprocess.run(
        [sys.executable, "-m", "brainlib.run", *words],
        env=environment(notebooks),
        text=True,
        capture_output=True,
        timeout=120,
        cwd=notebooks.parent,
        **options,
    )


def start_all(notebooks, *words):
    """The same in the background, as the leader of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "brainlib.run", *words],
        env=environment(notebooks),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=notebooks.parent,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )


def heed_interrupts():
    """What a shell starts in the background ignores Ctrl-C, as its children do; these do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def processes_of(notebooks):
    """Process ids of all that still lives of the runs with this notebooks folder (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (
                f"BRAINLIB_NOTEBOOKS={notebooks}\0".encode() in (path / "environ").read_bytes()
                and int(path.name) != os.getpid()
            ):
                found.append(int(path.name))
        except OSError:
            pass
    return found


def wait_for(condition, seconds=120.0):
    """Waits until a condition holds; the end is there for what hangs, it measures nothing."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def record(folder):
    return json.loads((Path(folder) / "run.json").read_text())


# Arguments: nothing starts before they are right


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A workbook of five quick notebooks; 02 leaves a table, and looks at its surroundings."""
    look = """\
import os, sys
run.note("headless", runs.headless())
run.note("python", sys.executable.split(os.sep))  # whole paths are cut
run.note("cwd", os.path.basename(os.getcwd()))
run.note("rate", rate)
threads = ["OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"]
run.note("threads", [os.environ.get(name) for name in threads])"""
    frame = 'pandas.DataFrame({"a": [1, 2]})'
    table = f'import pandas\nrun.table({frame}, "numbers", caption="Two numbers.")'
    epochs = 'for epoch in range(1, epochs + 1):\n    print(f"epoch {epoch}/{epochs}  loss 0.1")'
    return make_workbook(
        tmp_path_factory.mktemp("chain"),
        CHAIN,
        n02_two=(look, table),
        n01_one=(epochs,),
        n03_three=('run.note("before", run.needs("02_two")["notes"]["rate"])',),
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["02_tow"], "Did you mean 02_two?"),
        (["thre"], "Did you mean three?"),
        (["--data", "ixi-sampel"], "Did you mean ixi-sample?"),
        (["--data", "phantom,phantom"], "named twice"),
        (["--data", "{folder}/notebook"], "Did you mean {folder}/notebooks?"),
        (["--profile", "quik"], "Did you mean quick?"),
        (["-p", "epoch=2"], "Did you mean epochs?"),
        (["-p", "02_two.epoch=2"], "Did you mean epochs?"),
        (["-p", "02_tow.epochs=2"], "Did you mean 02_two?"),
        (["03", "-p", "04.epochs=2"], "in this run, notebook '04'"),
        (["-p", "epochs=2.5"], "expected a whole number such as 3"),
        (["-p", "epochs=true"], "expected a whole number"),
        (["-p", "epochs=__import__('os').getcwd()"], "expected a whole number"),
        (["-p", "epochs=-1"], "expected a number of at least 0, got -1"),
        (["-p", "sizes=4,-2"], "expected a number of at least 0, got -2"),
        (["-p", "rate=fast"], "expected a number"),
        (["-p", "rate=nan"], "expected a number"),
        (["-p", "flag=1"], "expected true or false"),
        (["-p", "kind=strnog"], "Did you mean strong?"),
        (["-p", "sizes=1,b"], "element 2: expected a whole number"),
        (["-p", "epochs"], "expected NAME=VALUE"),
        (["-p", "data=ixi"], "is set by --data"),
        (["-j", "0"], "expected a whole number from 1"),
        (["--threads", "two"], "expected a whole number from 1"),
        (["--form", "02"], "Did you mean --from?"),
        (["--from", "03"], "has no result of 01_one, 02_two"),
        (["--out", "{folder}/notebooks"], "holds something else"),
        (["--out", "a{b}"], "without braces"),
        (["--out", "bad\udcff"], "expected text in UTF-8"),
        (["--out", "x" * 300], "expected a path"),
        (["--out", "/proc/nowhere"], "expected a folder that can be made here"),
    ],
)
def test_bad_arguments_are_refused_in_one_line_before_anything_starts(
    chain, monkeypatch, capsys, words, said
):
    monkeypatch.setattr(runs, "NOTEBOOKS", chain)
    folder = str(chain.parent)
    before = sorted(chain.parent.rglob("*"))
    assert command_line.main([word.replace("{folder}", folder) for word in words]) == 2
    message = capsys.readouterr().err
    assert said.replace("{folder}", folder) in message and message.count("\n") == 1
    assert sorted(chain.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (0.5, "1e-3", 1e-3),
        (0.5, "2", 2.0),
        (3, "-4", -4),
        (3, "1_000", 1000),
        (False, "true", True),
        (True, "False", False),
        ("a", "b c", "b c"),
        ("a", "'b'", "b"),
        ("a", "3", "3"),
        ([1, 2], "[3]", [3]),
        ([1, 2], "3,4", [3, 4]),
        ([0.1], "1,2", [1.0, 2.0]),
        (["a"], "b,c", ["b", "c"]),
        (["a"], "[b, 'c']", ["b", "c"]),
        ([1], "[]", []),
        (None, "none", None),
        (None, "7", 7),
        ({"a": 1, "b": 2.0}, "{'b': 3}", {"a": 1, "b": 3.0}),
        ({"a": {"b": True}}, '{"a": {"b": false}}', {"a": {"b": False}}),
    ],
)
def test_values_of_the_command_line_take_the_type_of_the_default(default, text, value):
    found = parameters.conform(
        parameters.Parameter("x", default, "a comment"), parameters.from_text(default, text), "x"
    )
    assert found == value and type(found) is type(value)
    if isinstance(value, list):
        assert [type(item) for item in found] == [type(item) for item in value]


def test_what_is_left_out_of_a_dictionary_stays_as_the_profile_has_it():
    notebook = catalogue.Notebook(
        "01_one",
        Path("01_one.ipynb"),
        (),
        "one",
        {"sizes": parameters.Parameter("sizes", {"a": 1, "b": 2}, "two")},
        [],
    )
    profile = settings.Profile(name="mine", notebooks={"01_one": {"sizes": {"a": 5, "b": 6}}})
    assert settings.parameters_of(
        {"01_one": notebook}, profile, ["sizes={'b': 7}"], data="ixi", out="o"
    )["01_one"]["sizes"] == {"a": 5, "b": 7}


def test_a_dictionary_takes_further_keys_where_its_comment_says_so():
    default = {"vae": {"latent_dim": 8}}
    free, strict = (
        parameters.Parameter("x", default, "of each model; further keys"),
        parameters.Parameter("x", default, "of each model"),
    )
    told = {"vae": {"width": 0.5}, "vqvae": {"depth": 2}}
    assert parameters.conform(free, told, "x") == {
        "vae": {"latent_dim": 8, "width": 0.5},
        "vqvae": {"depth": 2},
    }
    for parameter, value, said in (
        (strict, {"vae": {"width": 0.5}}, "there is no 'width'"),
        (free, {"vae": {"latent_dims": 4}}, "Did you mean latent_dim"),
        (free, {"vae": {"latent_dim": "8"}}, "expected a whole number"),
    ):
        with pytest.raises(Refused, match=said):
            parameters.conform(parameter, value, "x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = f(1)  # no literal", "expected a literal"),
        ("x = 1", "expected a comment"),
        ("import os  # no", "expected only"),
        ("x = (1, 2)  # a tuple", "is a tuple"),
        ("x = 'c'  # one of: a | b", "expected one of"),
        ("x = y = 1  # two", "expected only"),
    ],
)
def test_a_malformed_parameter_cell_is_refused(text, said):
    with pytest.raises(Refused, match=said):
        parameters.read_parameters(text, "here")


def test_profiles_are_checked_as_strictly(tmp_path):
    notebooks = make_workbook(tmp_path, CHAIN)
    table = catalogue.read_table(notebooks / "Snakefile")
    known = catalogue.read_notebooks(table, table, notebooks)

    def read(text):
        (notebooks / "profiles" / "mine.yaml").write_text(text)
        return settings.read_profile("mine", table, known, notebooks)

    profile = read(
        "minutes: {01_one: 1}\nparameters: {rate: 1e-3, flag: true}\n02_two: {epochs: 7}\n"
    )
    values = settings.parameters_of(
        known, profile, ["epochs=5", "04_side.epochs=9", "04.rate=2"], data="ixi", out="../o"
    )
    assert (
        values["01_one"]["rate"] == 1e-3
        and values["01_one"]["flag"] is True
        and values["01_one"]["data"] == "ixi"
    )
    assert [values[name]["epochs"] for name in ("01_one", "02_two", "04_side")] == [5, 5, 9]
    assert values["04_side"]["rate"] == 2.0
    assert settings.parameters_of(known, profile, [], data="ixi", out="o")["02_two"]["epochs"] == 7
    for text, said in (
        ("minuts: {}", "Did you mean minutes"),
        ("parameters: {epoch: 1}", "Did you mean epochs"),
        ("02_two: {epochs: 1.5}", "expected a whole number"),
        ("02_tow: {}", "Did you mean 02_two"),
        ("minutes: {01_one: -1}", "above 0"),
        ("parameters: {kind: bold}", "expected one of"),
        ("a: [", "not YAML"),
        ("parameters: 3", "expected names with values"),
        ("minutes: {one: 1}", "no notebook"),
    ):
        with pytest.raises(Refused, match=said):
            read(text)


def test_the_profiles_and_the_table_of_the_project_pass_the_check():
    table = catalogue.read_table(ROOT / "notebooks" / "Snakefile")
    present = [name for name in table if (ROOT / "notebooks" / f"{name}.ipynb").exists()]
    notebooks = catalogue.read_notebooks(present, table, ROOT / "notebooks")
    papers = ["paper", "paper-000", "paper-002", "paper-003", "paper-004"]
    usual = {*papers, "quick", "smoke", "standard", "restorer"}
    assert set(settings.profiles(ROOT / "notebooks")) == usual
    for name in settings.profiles(ROOT / "notebooks"):
        profile = settings.read_profile(name, table, notebooks, ROOT / "notebooks")
        assert set(profile.minutes) == set(table)
        settings.parameters_of(notebooks, profile, [], data="phantom", out="o")


def test_every_notebook_takes_the_values_that_the_pages_set():
    """`-p NAME=VALUE` goes to all notebooks that have the name: it must mean one thing."""
    table = catalogue.read_table(ROOT / "notebooks" / "Snakefile")
    notebooks = catalogue.read_notebooks(list(table), table, ROOT / "notebooks")
    profile = settings.read_profile("quick", table, notebooks, ROOT / "notebooks")
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("notebooks/[!.]*/*.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    words = re.findall(r"-p ([a-z0-9_.]+=[^\s`]+)", text)
    assert {"mask_folder=/folder", "mask=given"} <= set(words)
    for word in words:
        settings.parameters_of(notebooks, profile, [word], data="phantom", out="o")


def test_quick_is_what_stands_in_the_notebooks():
    """One opened by hand after such a run has the same parameters, and loads what was trained."""
    table = catalogue.read_table(ROOT / "notebooks" / "Snakefile")
    notebooks = catalogue.read_notebooks(list(table), table, ROOT / "notebooks")
    profile = settings.read_profile("quick", table, notebooks, ROOT / "notebooks")
    found = settings.parameters_of(
        notebooks, profile, [], data="phantom", out="../outputs/quick-phantom"
    )
    for name, values in found.items():
        assert values == {
            key: parameter.default for key, parameter in notebooks[name].parameters.items()
        }, name


def test_a_notebook_is_named_in_several_ways_and_brings_what_it_needs():
    others = [name for name in CHAIN if name != "10_report"]
    table = {**CHAIN, "10_report": others}
    for word in ("3", "03", "03_three", "three", "03_three.ipynb", "notebooks/03_three.ipynb"):
        assert catalogue.resolve([word], table) == ["03_three"]
    assert catalogue.with_needs(["03_three"], table) == ["01_one", "02_two", "03_three"]
    assert catalogue.with_needs(["10_report"], table) == list(CHAIN)


def test_side_by_side_those_begin_after_which_most_is_to_come():
    """A long notebook that nothing waits for comes after a short one with a long chain behind."""
    table = {"a": [], "long": ["a"], "short": ["a"], "after": ["short"], "end": ["long", "after"]}
    minutes = {"a": 1, "long": 5, "short": 3, "after": 2.5, "end": 1}
    ways = {name: catalogue.minutes_to_the_end(name, table, minutes) for name in table}
    assert ways == {"a": 7.5, "long": 6, "short": 6.5, "after": 3.5, "end": 1}
    assert catalogue.minutes_to_the_end("short", {"short": []}, {}) == 0


# What a result is made from


def test_import_closure_follows_brainlib_only(tmp_path):
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "a.py").write_text("import os\nfrom brainlib import b\n")
    (tmp_path / "b.py").write_text("def f():\n    from brainlib.c import thing\n")
    (tmp_path / "c.py").write_text(
        'from . import d\nif __name__ == "__main__":\n    from brainlib import e\n'
    )
    (tmp_path / "d.py").write_text('TABLE = "table.csv"\n')
    (tmp_path / "table.csv").write_text("a\n")
    (tmp_path / "other.csv").write_text("a\n")
    (tmp_path / "e.py").write_text("")
    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy, brainlib.a as a"]},
        {"cell_type": "markdown", "source": "import brainlib.e"},
        {"cell_type": "code", "source": "def broken("},
    ]
    assert [path.name for path in provenance.modules(cells, tmp_path)] == [
        "__init__.py",
        "a.py",
        "b.py",
        "c.py",
        "d.py",
        "table.csv",
    ]


def test_differences_are_said_in_words():
    before = {
        "cells": "a",
        "parameters": {"epochs": 2},
        "data": {"ixi": "x"},
        "inputs": {"01_explore.mask_folder": "x"},
        "exclude.csv": None,
        "modules": {"a.py": "1", "b.py": "1"},
        "requirements.txt": "1",
        "versions": {"numpy": "2.4"},
        "threads": 1,
        "missing": ["04_vae"],
    }
    assert provenance.differences(before, before) == []
    now = {
        "cells": "b",
        "parameters": {"epochs": 3, "beta": 1.0},
        "data": {"ixi": "y"},
        "inputs": {"01_explore.mask_folder": "y"},
        "exclude.csv": "1",
        "modules": {"a.py": "2", "c.py": "1"},
        "requirements.txt": "2",
        "versions": {"numpy": "2.5"},
        "threads": 2,
        "missing": [],
    }
    assert provenance.differences(before, now) == [
        "its cells changed",
        "epochs is now 3 (was 2)",
        "beta is now 1.0 (was 'unset')",
        "the data changed",
        "exclude.csv changed",
        "requirements.txt changed",
        "what 01_explore.mask_folder names has other contents",
        "brainlib changed (a.py, b.py, c.py)",
        "numpy is now 2.5 (was 2.4)",
        "threads: now 2 (was 1)",
        "it was partial",
    ]


# Whole runs


@pytest.fixture(scope="module")
def finished(chain):
    """The chain after its first run, two notebooks at a time; what the run printed."""
    out = chain.parent / "out 1"  # a space: everything that reads a command line must cope
    answer = run_all(chain, "--out", str(out), "-j", "2", "--threads", "3", "-p", "rate=1e-3")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return out, answer.stdout


def test_a_first_run_leaves_everything_and_says_so(chain, finished):
    out, printed = finished
    run = record(out)
    assert (
        run["status"] == "finished"
        and run["threads"] == 3
        and run["seed"] == 0
        and run["profile"] == "quick"
    )
    assert (
        run["data_fingerprint"].keys() == {"phantom"}
        and run["versions"]["papermill"]
        and run["ended"] >= run["started"]
    )
    for name in CHAIN:
        entry = run["notebooks"][name]
        assert (
            entry["status"] == "finished"
            and entry["seconds"] > 0
            and entry["peak_memory_mb"] > 20
            and entry["cells"] >= 4
        )
        assert (out / entry["log"]).exists() and (out / entry["notebook"]).exists()
        assert re.search(rf"^{name} +finished +0\.\d", printed, re.M)
    notes = json.loads((out / "results/02_two.json").read_text())["notes"]
    assert notes == {
        "headless": True,
        "python": sys.executable.split(os.sep),
        "cwd": "notebooks",
        "rate": 0.001,
        "threads": ["3", "3"],
    }
    assert json.loads((out / "results/03_three.json").read_text())["notes"]["before"] == 0.001
    executed = nbformat.read(out / "notebooks/02_two.ipynb", as_version=4)
    assert (
        executed.cells[2].metadata.tags == ["injected-parameters"]
        and "rate = 0.001" in executed.cells[2].source
    )
    assert "epoch 3/3" in (out / "logs/01_one.log").read_text()
    assert not list((out / "results").glob(".*")) and not list((out / "notebooks").glob(".*"))
    assert not processes_of(chain)
    assert (
        "Building DAG" not in printed and "Building DAG" in (out / "logs/snakemake.log").read_text()
    )


def test_what_is_unchanged_is_skipped_and_what_is_stale_says_why(chain, finished):
    out, _ = finished
    words = ["--out", str(out), "-p", "rate=1e-3", "--threads", "3"]
    executed = nbformat.read(out / "notebooks/01_one.ipynb", as_version=4)

    def plan(*more):
        answer = run_all(chain, *words, "--dry-run", *more)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return dict(re.findall(r"^  (\d\d_\w+) +(.*)$", answer.stdout, re.M))

    ended = {name: entry["ended"] for name, entry in record(out)["notebooks"].items()}
    answer = run_all(chain, *words)
    assert answer.returncode == 0 and "nothing to do" in answer.stdout
    # No notebook was executed again.
    assert ended == {name: entry["ended"] for name, entry in record(out)["notebooks"].items()}
    assert record(out)["notebooks"]["02_two"]["made_from"]["threads"] == 3
    assert answer.stdout.count("skipped, unchanged") == 5
    assert record(out)["status"] == "finished" and record(out)["notebooks"]["01_one"]["seconds"] > 0

    assert plan("-p", "04.epochs=4") == {
        "01_one": "skipped, unchanged",
        "02_two": "skipped, unchanged",
        "03_three": "skipped, unchanged",
        "04_side": "runs: epochs is now 4 (was 3)",
        "10_report": "runs: 04_side runs again",
    }
    assert plan("02", "--force") == {"01_one": "skipped, unchanged", "02_two": "runs: --force"}
    assert set(plan("-j", "1").values()) == set(plan("-j", "4").values()) == {"skipped, unchanged"}
    assert plan("--threads", "1")["01_one"] == "runs: threads: now 1 (was 3)"
    later = plan("--from", "04", "--force")
    assert later["03_three"] == "taken as it is" and later["10_report"] == "runs: --force"

    source = chain / "04_side.ipynb"
    kept = source.read_text()
    content = nbformat.reads(
        kept, as_version=4
    )  # run by hand and saved with its outputs: no change
    content.cells[1].execution_count, content.cells[1].outputs = 1, executed.cells[3].outputs
    nbformat.write(content, source)
    (out / "results/02_two.json").touch()  # touched, but the same
    assert set(plan().values()) == {"skipped, unchanged"}
    content.cells[2].source += "\n1 + 1"
    nbformat.write(content, source)
    (out / "exclude.csv").write_text("subject,reason\nIXI012,moved\n")
    (out / "tables/02_two/numbers.csv").unlink()
    changed = plan()
    assert (
        changed["01_one"] == "runs: exclude.csv changed"
        and changed["04_side"] == "runs: its cells changed; exclude.csv changed"
    )
    assert (
        "tables/02_two/numbers.csv is gone" in changed["02_two"]
        and "exclude.csv changed" in changed["03_three"]
    )
    source.write_text(kept)
    (out / "exclude.csv").write_text("subject,reason\n")

    result = json.loads((out / "results/01_one.json").read_text())
    files.write_json(out / "results/01_one.json", {**result, "notes": {"by": "hand"}})
    again = run_all(chain, *words, "02")
    assert again.returncode == 0 and "its result was made by hand or changed" in again.stdout
    assert json.loads((out / "results/01_one.json").read_text()) == result
    assert (out / "tables/02_two/numbers.csv").exists()
    assert plan()["03_three"] == "skipped, unchanged"  # 01 and 02 ran again to the same results


def test_other_contents_of_a_folder_run_again_all_that_comes_of_it(tmp_path):
    notebooks = make_workbook(tmp_path, {"01_one": [], "02_two": ["01_one"], "03_three": []})
    masks = 'masks = ""  # an existing folder of masks\n'
    write_notebook(notebooks, "01_one", parameters=PARAMETERS + masks)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/p1.nii").write_text("one")
    words = ["--out", "out", "-p", "masks=masks"]
    first = run_all(notebooks, *words)
    assert first.returncode == 0, first.stdout + first.stderr
    before = [files.sha256(tmp_path / f"out/results/0{name}.json") for name in ("2_two", "3_three")]
    (tmp_path / "masks/p1.nii").write_text("two")
    again = run_all(notebooks, *words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert dict(re.findall(r"^  (\d\d_\w+) +(.*)$", again.stdout, re.M)) == {
        "01_one": "runs: what 01_one.masks names has other contents",
        "02_two": "runs: 01_one runs again",  # and it did, though 01 shows no mask
        "03_three": "skipped, unchanged",
    }
    after = [files.sha256(tmp_path / f"out/results/0{name}.json") for name in ("2_two", "3_three")]
    assert before[0] != after[0] and before[1] == after[1]
    result = json.loads((tmp_path / "out/results/02_two.json").read_text())
    assert set(result["data_fingerprint"]) == {"phantom", "01_one.masks"}


FAILING = {
    "01_ok": [],
    "02_raises": [],
    "03_killed": [],
    "04_exits": [],
    "05_slow": [],
    "06_asks": [],
    "07_forgets": [],
    "08_after": ["01_ok", "02_raises"],
    "10_report": "all",
}
CAUSES = {
    "02_raises": ("error", 'raise ValueError("the seventh seal")', "ValueError: the seventh seal"),
    "03_killed": ("kernel died", "os.kill(os.getpid(), 9)", "the kernel died"),
    "04_exits": ("stopped itself", "sys.exit(0)", "sys.exit(0)"),
    "05_slow": ("timed out", "time.sleep(60)", "longer than 0.1 minutes"),
    "06_asks": ("error", 'input("why?")', "StdinNotImplementedError"),
}


def test_every_way_to_fail_leaves_its_traces_and_stops_only_what_needs_it(tmp_path):
    chatter = "I0000 00:00:1795230870.869778   14150 port.cc:153] oneDNN"
    cells = {
        f"n{name}": (
            f"import os, sys, time\nprint('out'); print('{chatter}\\nerr', file=sys.stderr)",
            f"# why {name}\n{code}",
        )
        for name, (_, code, _) in CAUSES.items()
    }
    notebooks = make_workbook(
        tmp_path,
        FAILING,
        profile="cell_timeout_minutes: 0.1\nminutes: {01_ok: 0.001, 06_asks: 2, 07_forgets: 3}\n",
        **cells,
        last07_forgets="1 + 1",
        n10_report=('run.note("missing", run.missing())',),
    )
    answer = run_all(notebooks, "--out", "out", "--keep-going", "-j", "2")
    out, printed = tmp_path / "out", answer.stdout
    assert answer.returncode == 1, printed + answer.stderr
    run = record(out)
    assert set(re.findall(r"^(\w+) +started", printed, re.M)[:2]) == {
        "06_asks",
        "07_forgets",
    }  # the long ones begin
    assert run["status"] == "failed" and not processes_of(notebooks)
    for name, (kind, _, said) in CAUSES.items():
        entry = run["notebooks"][name]
        assert (
            entry["status"] == "failed"
            and entry["error"]["kind"] == kind
            and said in entry["error"]["message"]
        ), entry
        assert (
            entry["error"]["cell"] == 5 and entry["error"]["first_line"] == f"# why {name}"
        )  # the third one is papermill's
        assert (
            f"{kind} in cell 5: # why {name}" in printed
            and f"./run_all.sh {name} --out out -j 2" in printed
        )
        executed = nbformat.read(out / "notebooks" / f"{name}.ipynb", as_version=4)
        assert "did not finish" in executed.cells[0].source and said in executed.cells[0].source
        assert [output.text for output in executed.cells[5].outputs] == ["out\n", "err\n"] and len(
            executed.cells
        ) == 8
        log = (out / "logs" / f"{name}.log").read_text()
        assert (
            "out\n" in log
            and f"{chatter}\nerr\n" in log
            and said in log
            and "KeyboardInterrupt" not in log
        )
        assert not (out / "results" / f"{name}.json").exists()
    assert (
        run["notebooks"]["07_forgets"]["error"]["kind"] == "no result" and "run.done()" in printed
    )
    assert run["notebooks"]["08_after"] == {
        "status": "not run",
        "reason": "skipped: it needs 02_raises",
    }
    assert run["notebooks"]["01_ok"]["status"] == "finished" and "0.001 over" in printed
    assert (
        run["notebooks"]["10_report"]["status"] == "finished"
        and "partial" in run["notebooks"]["10_report"]["reason"]
    )
    missing = json.loads((out / "results/10_report.json").read_text())["notes"]["missing"]
    assert missing == [*CAUSES, "07_forgets", "08_after"]

    write_notebook(notebooks, "02_raises")  # mended: it and what needs it, no others
    again = run_all(notebooks, "08", "--out", "out", "-j", "1")
    priorities = [
        job["priority"] for job in json.loads((out / ".config.json").read_text())["jobs"].values()
    ]
    assert priorities == sorted(priorities, reverse=True)  # one by one: in their order
    assert again.returncode == 0 and record(out)["status"] == "finished"
    assert re.search(r"02_raises +runs: it failed last time", again.stdout) and re.search(
        r"01_ok +skipped", again.stdout
    )


SLEEPER = ("print('asleep', flush=True)\nimport time\ntime.sleep(600)",)


@pytest.fixture(scope="module")
def sleeper(tmp_path_factory):
    """A workbook whose one notebook sleeps for ten minutes."""
    return make_workbook(
        tmp_path_factory.mktemp("sleeper"),
        {"01_sleeps": [], "02_after": ["01_sleeps"]},
        n01_sleeps=SLEEPER,
    )


def start_sleeping(sleeper):
    process = start_all(sleeper, "--out", "out")
    log = sleeper.parent / "out/logs/01_sleeps.log"
    log.unlink(missing_ok=True)
    wait_for(lambda: log.exists() and "asleep" in log.read_text())
    return process


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
)
def test_an_interrupted_run_ends_at_once_and_tidily(sleeper, number, whole_group):
    process = start_sleeping(sleeper)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    printed, _ = process.communicate(timeout=120)  # the notebook would sleep for ten minutes
    assert process.returncode == 130
    wait_for(lambda: not processes_of(sleeper))
    out = sleeper.parent / "out"
    run = record(out)
    assert (
        run["status"] == "interrupted" and run["notebooks"]["01_sleeps"]["status"] == "interrupted"
    )
    assert (
        run["notebooks"]["02_after"]["status"] == "not run"
        and "Go on with: ./run_all.sh" in printed
    )
    assert run["notebooks"]["01_sleeps"]["error"]["first_line"] == "print('asleep', flush=True)"
    banner = nbformat.read(out / "notebooks/01_sleeps.ipynb", as_version=4).cells[0].source
    assert "did not finish: interrupted" in banner and "in cell 4" in banner
    assert not list((out / "results").glob("*")) and not list((out / "notebooks").glob(".*"))


@pytest.mark.parametrize("left", [".lock", ".config.json"])
def test_a_run_that_was_stopped_before_it_began_is_begun_again(chain, tmp_path, left):
    out = tmp_path / "out"
    process = start_all(chain, "--out", str(out))
    wait_for(lambda: (out / left).exists())
    os.kill(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in printed
    assert command.check_folder(out, "quick", "phantom") == out
    assert batch.locked(out, lambda held: 7) == 7  # nothing of it lives on


def test_a_full_disk_is_said_in_one_line(tmp_path, capsys):
    def work(held):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert batch.locked(tmp_path, work) == 1
    said = capsys.readouterr().err
    assert (
        said.count("\n") == 1 and "no room is left there" in said and "call the same again" in said
    )

    def other(held):
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        batch.locked(tmp_path, other)


def test_signals_that_must_not_interrupt_are_counted():
    stop = batch.Stop()
    try:
        with stop.counted():
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.signals == 1
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        stop.end()
    assert signal.getsignal(signal.SIGTERM) == stop.handlers[signal.SIGTERM]


def test_one_run_a_folder_and_a_killed_run_is_noticed(sleeper, monkeypatch):
    out = sleeper.parent / "out"
    process = start_sleeping(sleeper)
    second = run_all(sleeper, "--out", "out")
    assert second.returncode == 1 and "out is in use by another run" in second.stderr
    monkeypatch.delenv(runs.TOKEN, raising=False)
    with pytest.raises(RuntimeError, match="run_all.sh is running there"):
        runs.start("01_sleeps", out=str(out))
    os.kill(process.pid, signal.SIGKILL)  # no chance to tidy up; the rest of it notices and stops
    with runs.lock(out, ".lock") as lock, runs.lock(out, ".lock-jobs") as jobs_lock:
        assert lock is None and jobs_lock is None  # Snakemake and the executor still hold theirs
    wait_for(lambda: not processes_of(sleeper))
    process.communicate()
    assert record(out)["status"] == "running"  # nobody was left to write it
    (out / "slices").mkdir(exist_ok=True)
    left = out / "slices/.part-x.npy"  # as a killed store of slices leaves it
    left.touch()
    write_notebook(sleeper, "01_sleeps")
    after = run_all(sleeper, "--out", "out")
    assert after.returncode == 0 and "was killed while 01_sleeps was running" in after.stdout
    assert re.search(r"01_sleeps +runs: it was interrupted last time", after.stdout)
    assert record(out)["status"] == "finished" and not left.exists()
    runs.start("01_sleeps", out=str(out))  # and the folder is free


# Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands; its only element is the time in seconds."""
    seconds = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: seconds[0])
    return seconds


def forty_epochs(display, clock):
    """What a display prints of a notebook that trains for forty seconds."""
    job = display.jobs["04_vae"] = progress.Job("04_vae", 21)
    display.say("04_vae  started")
    job.at_cell(7, 21)
    for epoch in range(1, 41):
        clock[0] += 1
        job.at_epoch(epoch, 40)
        display.refresh()
    display.close()
    return display.console.file.getvalue()


def test_plain_lines_where_there_is_no_terminal(clock):
    printed = forty_epochs(progress.Display(io.StringIO()), clock)
    lines = printed.splitlines()
    assert lines[0] == "04_vae  started" and "\x1b" not in printed
    assert len(lines) == 9
    assert lines[1] == "04_vae  cell 7/21  epoch 5/40  0:05 elapsed, about 0:35 left"


def test_live_lines_on_a_terminal(clock, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    printed = forty_epochs(progress.Display(io.StringIO(), terminal=True), clock)
    assert "04_vae  cell 7/21  epoch 12/40  0:12 elapsed, about 0:28 left" in printed
    assert printed.count("epoch 12/40") == 1 and printed.count("04_vae  started") == 1
    erased, shown = "\x1b[2K", "\x1b[?25h"  # a line; the cursor again
    assert printed.count(erased) >= 40 and printed.rindex(shown) > printed.rindex("epoch 40/40")


def test_a_dumb_terminal_gets_plain_lines(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    printed = forty_epochs(progress.Display(io.StringIO(), terminal=True), clock)
    assert "\x1b" not in printed and len(printed.splitlines()) == 9


def test_the_time_left_is_that_of_last_time(clock):
    line = progress.Job("a", 3, earlier_seconds=65).line()
    assert line.endswith("0:00 elapsed, about 1:05 left")
    assert progress.clock(3723) == "1:02:03"


def test_a_notebook_that_stays_in_its_place_is_named_once_a_minute(clock):
    display = progress.Display(io.StringIO())
    job = display.jobs["05_vqvae"] = progress.Job("05_vqvae", 25)
    job.at_cell(19, 25)
    job.at_epoch(40, 40)  # the last epoch: nobody knows how long the rest of the cell takes
    for _ in range(150):
        clock[0] += 1
        display.refresh()
    assert display.console.file.getvalue().splitlines() == [
        f"05_vqvae  cell 19/25  epoch 40/40  {time} elapsed" for time in ("1:00", "2:00")
    ]


def test_epoch_lines_are_found_in_pieces_of_output():
    sent = []

    class Listener:
        def send(self, kind, **fields):
            sent.append((kind, fields))

    log = channel.Log(io.StringIO(), Listener())
    for piece in ("epo", "ch 3/40  loss 0.0123\nnot epoch 1/2\nprior: epoch 4/40", "\nepoch x/2\n"):
        log.write(piece)
    assert sent == [("epoch", {"epoch": 3, "epochs": 40}), ("epoch", {"epoch": 4, "epochs": 40})]
