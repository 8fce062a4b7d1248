"""Versions for students and instructors: what each holds, and that both run to their end."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from test_notebooks_read_well import broken_by_code

from brainlib import files
from brainlib.run import teach
from brainlib.run.refused import Refused
from brainlib.show import exercises

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.stem[:2] not in ("00", "10", "11")]
SMALL = {"healthy": 3, "tumour": 1, "stroke": 1, "phantom_size": "quarter"}


def read(path):
    return nbformat.read(path, 4)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if teach.has_tag(cell, tag)]


def chapter(*cells):
    """A notebook of (kind, text, tag)."""
    made = []
    for kind, text, tag in cells:
        new = getattr(nbformat.v4, f"new_{kind}_cell")(text)
        new.metadata["tags"] = [tag] if tag else []
        made.append(new)
    return nbformat.v4.new_notebook(cells=made)


SOLUTION = "<details><summary>Solution</summary>\n\nTwo.\n\n```python\na = 2\n```\n\n</details>"
EXAMPLE = chapter(
    ("markdown", "# A chapter", ""),
    ("markdown", "**1. What is 1 + 1?**", ""),
    ("code", "a = None", "exercise"),
    ("code", "a == 2", "check"),
    ("markdown", SOLUTION, "solution"),
    ("code", "run.done()", ""),
)


def test_students_get_blanks_and_no_solution():
    version = teach.student_version(EXAMPLE)
    assert [cell.source for cell in version.cells[1:]] == [
        "**1. What is 1 + 1?**",
        "a = None",
        "a == 2",
        "run.done()",
    ]
    assert "For students" in version.cells[0].source
    assert len(EXAMPLE.cells) == 6 and EXAMPLE.cells[0].source == "# A chapter"


def test_instructors_get_the_answer_in_place_of_the_blank():
    version = teach.instructor_version(EXAMPLE)
    assert [cell.source for cell in version.cells[1:]] == [
        "**1. What is 1 + 1?**",
        "**Solution.** Two.",
        "a = 2",
        "a == 2",
        "run.done()",
    ]
    nbformat.validate(version)


def test_a_solution_that_lost_its_tag_does_not_reach_students():
    bare = chapter(("markdown", "# A chapter", ""), ("markdown", SOLUTION, ""))
    assert "Two" not in json.dumps(teach.student_version(bare))


def assigned(text):
    """Names that code assigns anywhere, or defines."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [one for one in nodes if isinstance(one, ast.Name)]
    stored = {one.id for one in names if isinstance(one.ctx, ast.Store)}
    return stored | {one.name for one in nodes if isinstance(one, ast.FunctionDef)}


def blanks_of(text):
    """Names that a cell sets to None, and functions that return None."""
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.body[-1]) == "return None":
            names.add(node.name)
        elif ast.unparse(node).endswith(("= None", "= (None, None)")):
            names |= assigned(ast.unparse(node))
    return names


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_is_whole(path):
    """A blank, a check and a solution, as often as each other; a solution fills its blank."""
    notebook = read(path)
    kinds = [teach.EXERCISE, teach.CHECK, teach.SOLUTION]
    order = [kind for cell in notebook.cells for kind in kinds if teach.has_tag(cell, kind)]
    count = len(order) // 3
    assert 3 <= count <= 6 and order == kinds * count
    for blank, solution in zip(tagged(notebook, "exercise"), tagged(notebook, "solution")):
        assert "solution" in solution.metadata.get("tags", []), "the tag of a solution is gone"
        words, code = teach.words_and_code(solution.source)
        blanks = blanks_of(blank.source)
        assert words and blanks == assigned(blank.source), "an exercise's cell is blanks alone"
        assert blanks <= assigned(code)
        assert not broken_by_code(code, parameters=False)
    for check in tagged(notebook, "check"):
        assert "exercises.check" in check.source and "exercises.answered" in check.source
        assert check.metadata.jupyter.source_hidden, "a check holds the answer: fold it"


def test_both_versions_are_written_whole(tmp_path, capsys):
    out = tmp_path / "class"
    assert teach.run(str(out)) == 0
    said = capsys.readouterr().out
    assert f"{len(NOTEBOOKS)} chapters" in said
    for version in ("student", "instructor"):
        names = sorted(path.name for path in (out / version).glob("*.ipynb"))
        assert names == [path.name for path in NOTEBOOKS]
        assert (out / version / "glossary.md").is_file()
    for path in [out / "student" / path.name for path in NOTEBOOKS]:
        assert "<summary>Solution" not in path.read_text(encoding="utf-8")
        assert not any(cell.get("outputs") for cell in read(path).cells)
    assert "`01_explore` | 4 |" in (out / "README.md").read_text()
    before = (out / ".teach.json").read_text()
    assert teach.run(str(out)) == 0  # its own folder, in which nobody worked
    assert (out / ".teach.json").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["class"]


def test_a_folder_that_is_not_its_own_is_refused(tmp_path):
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused, match="holds something else"):
        teach.run(str(foreign))
    with pytest.raises(Refused, match="found a file"):
        teach.run(str(foreign / "thesis.txt"))
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]
    with pytest.raises(Refused, match="leave 04 out"):
        teach.run(str(tmp_path / "class"), ["04"])


def test_a_folder_with_answers_is_refused(tmp_path):
    out = tmp_path / "class"
    teach.run(str(out))
    mine = out / "student" / "01_explore.ipynb"
    mine.write_text(mine.read_text().replace("litres = None", "litres = 5"))
    with pytest.raises(Refused, match="student/01_explore.ipynb was changed"):
        teach.run(str(out))
    assert "litres = 5" in mine.read_text()


def test_what_breaks_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no room")

    out = tmp_path / "class"
    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(OSError, match="no room"):
        teach.run(str(out))
    assert not list(tmp_path.iterdir())


def test_the_command_refuses_in_one_line(tmp_path):
    (tmp_path / "a").write_text("")
    words = [sys.executable, "-m", "brainlib.run", "--teach", str(tmp_path)]
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2 and answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1 and "--teach" in answer.stderr


# Executed: a version lies anywhere, its run is a copy


@pytest.fixture(autouse=True)
def kernels_import_this_brainlib(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def executed(notebook, folder, **parameters):
    """The notebook after it ran; it raises where a cell failed."""
    source, result = folder / "source.ipynb", folder / "executed.ipynb"
    nbformat.write(notebook, source)
    papermill.execute_notebook(
        str(source),
        str(result),
        parameters=parameters,
        kernel_name="python3",
        cwd=str(folder),
        progress_bar=False,
        execution_timeout=600,
    )
    return read(result)


def answers(notebook):
    """What each check said: the text of its last output."""
    said = []
    for cell in tagged(notebook, "check"):
        texts = [one.data["text/markdown"] for one in cell.outputs if "data" in one]
        said.append(texts[-1])
    return said


def test_a_student_runs_01_with_its_blanks(tmp_path):
    version = teach.student_version(read(NOTEBOOKS[0].with_name("01_explore.ipynb")))
    out = str(tmp_path / "run")
    said = answers(executed(version, tmp_path, out=out, **SMALL))
    assert said == len(said) * [exercises.TO_DO] and len(said) == 4


def test_an_instructor_passes_the_checks_of_01(tmp_path):
    version = teach.instructor_version(read(NOTEBOOKS[0].with_name("01_explore.ipynb")))
    out = str(tmp_path / "run")
    said = answers(executed(version, tmp_path, out=out, **SMALL))
    assert len(said) == 4
    assert all(text.startswith("**Right.**") for text in said), said


@pytest.fixture(scope="module")
def run_of_class(smoke_run, tmp_path_factory):
    """A copy of an executed run, on which all chapters go on."""
    folder = tmp_path_factory.mktemp("class") / "run"
    shutil.copytree(smoke_run, folder)
    return folder


def parameters_of(folder, name):
    """Those with which a chapter of a run was executed; it goes on in that run."""
    result = json.loads((folder / "results" / f"{name}.json").read_text())
    return result["parameters"] | {"out": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_student_runs_each_chapter_with_its_blanks(path, run_of_class, tmp_path):
    parameters = parameters_of(run_of_class, path.stem)
    ran = executed(teach.student_version(read(path)), tmp_path, **parameters)
    said = answers(ran)
    assert said and said == len(said) * [exercises.TO_DO]
    assert not (run_of_class / "exercises" / path.stem / "models").exists()


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_an_instructor_passes_the_checks_of_each_chapter(path, run_of_class, tmp_path):
    models = sorted((run_of_class / "models").rglob("*.keras"))
    before = {model: files.sha256(model) for model in models}
    parameters = parameters_of(run_of_class, path.stem)
    said = answers(executed(teach.instructor_version(read(path)), tmp_path, **parameters))
    assert said and all(text.startswith("**Right.**") for text in said), said
    assert {model: files.sha256(model) for model in models} == before
