"""`./run_all.sh --teach OUT`: the chapters for students and for instructors, from one source.

A chapter's exercises are cells with tags:

    exercise   a blank: code that sets an answer to None
    check      folded code that looks at the answer, and says what to do while it is None
    solution   folded text with words and, in a fence, the code that stands in place of the blank

Students get the chapters without solutions. Instructors get the words of each solution after its
question and its code in place of the blank, so that their chapters pass all checks.
"""

import copy
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode

from brainlib import files, record
from brainlib.run.command import display_path
from brainlib.run.refused import Refused

EXERCISE, CHECK, SOLUTION = "exercise", "check", "solution"  # tags of cells
FOLDED = "<details><summary>Solution"  # how the text of a solution begins
FENCE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
LINK = re.compile(r"\]\(([\w./-]+)(?:#[\w-]+)?\)|src=\"([\w./-]+)\"")
SUMS = ".teach.json"  # checksum of each file of OUT: what this command wrote itself
FOR_WHOM = {
    "student": "*For students: the exercises at the end wait for your answers.*",
    "instructor": "*For instructors: the exercises at the end are solved.*",
}
README = """\
# The workbook for a class

Made by `./run_all.sh --teach` from the chapters of the workbook. Do not edit these files: change
the chapters in `notebooks/` and call the command again.

- `student/`: the chapters with blanks, without solutions. Hand this folder out.
- `instructor/`: the same chapters; each exercise has its solution and its answer filled in.

## How to use it

1. Let a run be there, so that the chapters load its networks instead of training them:
   `./run_all.sh` (about ten minutes), in the folder of the workbook.
2. Copy `student/` for each student, and open it with the workbook's JupyterLab:
   `.venv/bin/jupyter lab student/`. A chapter finds the run by its parameter `out`, wherever
   the chapter lies.
3. Students run a chapter from top to bottom, write an answer in place of `None` and run the folded
   check below it. A check answers *Right* or *Not yet*, with a hint. What it expects is computed
   from the run, so the right numbers differ from run to run.
4. Trials of an exercise work in `exercises/` of the run folder. They replace nothing of the run.

Where a folder was worked in, the command does not overwrite it: name another one.

## The exercises

| chapter | exercises |
|---|---|
"""


def run(out: str, names: Sequence[str] = ()) -> int:
    """Writes both versions of all chapters into a folder; returns the exit code.

    Args:
        out: the folder.
        names: of notebooks, none: links between chapters need all of them.

    Raises:
        Refused: names, or a folder that holds something that this command did not write.
    """
    if names:
        raise Refused(f"--teach: it writes all chapters; leave {' '.join(names)} out.")
    folder = Path(out).resolve()
    _refuse_what_is_not_ours(folder, out)
    notebooks = sorted(record.NOTEBOOKS.glob("[0-9]*.ipynb"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=files.PART) as temporary:
        made = Path(temporary) / "made"
        counts = _write_versions(notebooks, made)
        _put_in_place(made, folder)
    print(f"{len(notebooks)} chapters with {sum(counts.values())} exercises: student/, instructor/")
    print(f"how to use them: {display_path(folder / 'README.md')}")
    return 0


def student_version(notebook: NotebookNode) -> NotebookNode:
    """A chapter without solutions, its blanks as they are."""
    notebook = _clean(notebook)
    remove = TagRemovePreprocessor(remove_cell_tags={SOLUTION}, enabled=True)
    notebook, _ = remove.preprocess(notebook, {})
    return _marked(notebook, "student")


def instructor_version(notebook: NotebookNode) -> NotebookNode:
    """A chapter with each solution after its question, its code in place of the blank."""
    notebook = _clean(notebook)
    cells, blank = [], None  # the place of the last blank
    for cell in notebook.cells:
        if not has_tag(cell, SOLUTION):
            blank = len(cells) if has_tag(cell, EXERCISE) else blank
            cells.append(cell)
            continue
        words, code = words_and_code(cell.source)
        place = blank if code else len(cells)
        shown = [_cell(nbformat.v4.new_markdown_cell(f"**Solution.** {words}"))]
        if code:
            shown.append(_cell(nbformat.v4.new_code_cell(code)))
        cells[place : place + bool(code)] = shown
        blank = None
    notebook.cells = cells
    return _marked(notebook, "instructor")


def words_and_code(solution: str) -> tuple[str, str]:
    """The words of a solution, and the code of its fences in one piece; "" where it has none."""
    text = re.sub(r"<details><summary>.*?</summary>|</details>", "", solution)
    code = "\n".join(FENCE.findall(text))
    words = re.sub(r"\n{3,}", "\n\n", FENCE.sub("", text))
    return words.strip(), code


def has_tag(cell: Mapping, tag: str) -> bool:
    """Whether a cell has a tag; a solution is known by its first words, too."""
    if tag == SOLUTION and cell["cell_type"] == "markdown" and cell["source"].startswith(FOLDED):
        return True
    return tag in cell["metadata"].get("tags", [])


def _clean(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs, in which each solution has its tag."""
    notebook, _ = ClearOutputPreprocessor(enabled=True).preprocess(copy.deepcopy(notebook), {})
    for cell in notebook.cells:
        if has_tag(cell, SOLUTION):
            cell.metadata["tags"] = [SOLUTION]
    return notebook


def _cell(cell: NotebookNode) -> NotebookNode:
    cell.metadata["tags"] = [SOLUTION]
    return cell


def _marked(notebook: NotebookNode, version: str) -> NotebookNode:
    """Says in the opening cell for whom the version is; cells are numbered, so equal is equal."""
    notebook.cells[0].source += f"\n\n{FOR_WHOM[version]}"
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
    return notebook


def _write_versions(notebooks: list[Path], folder: Path) -> dict[str, int]:
    """Both versions, what they link to, README and checksums; returns exercises by chapter."""
    counts = {}
    for path in notebooks:
        notebook = nbformat.read(path, 4)
        counts[path.stem] = sum(has_tag(cell, CHECK) for cell in notebook.cells)
        versions = {
            "student": student_version(notebook),
            "instructor": instructor_version(notebook),
        }
        for name, version in versions.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            nbformat.write(version, folder / name / path.name)
            _copy_what_it_links_to(version, folder / name)
    rows = [f"| `{name}` | {count} |" for name, count in counts.items()]
    files.write_text(folder / "README.md", README + "\n".join(rows) + "\n")
    files.write_json(folder / SUMS, _sums(folder))
    return counts


def _copy_what_it_links_to(notebook: NotebookNode, folder: Path) -> None:
    """Pages and pictures of notebooks/ that its texts link to."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for one in LINK.findall("\n".join(texts)):
        name = "".join(one)
        source = (record.NOTEBOOKS / name).resolve()
        inside = source.is_relative_to(record.NOTEBOOKS) and source.is_file()
        if inside and source.suffix != ".ipynb":
            target = folder / source.relative_to(record.NOTEBOOKS)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _sums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return {path.relative_to(folder).as_posix(): files.sha256(path) for path in paths}


def _refuse_what_is_not_ours(folder: Path, out: str) -> None:
    """Raises Refused for a file, for a foreign folder, and for one that somebody worked in."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise Refused(f"--teach {out}: expected a folder, found a file.")
    if not any(folder.iterdir()):
        return
    if not (folder / SUMS).is_file():
        wanted = "expected a new folder, an empty one or one of an earlier --teach"
        raise Refused(f"--teach {out}: {wanted}; this holds something else.")
    known = json.loads((folder / SUMS).read_text(encoding="utf-8"))
    there = _sums(folder)
    changed = [name for name, checksum in there.items() if known.get(name) != checksum]
    if changed:
        what = f"{changed[0]} was changed or added since it was written"
        raise Refused(f"--teach {out}: {what}. Name another folder, so that no answer is lost.")


def _put_in_place(made: Path, folder: Path) -> None:
    """Gives the finished folder its name; what was there before goes last."""
    os.chmod(made, 0o755)
    if not folder.exists():
        os.rename(made, folder)
        return
    old = made.with_name("old")
    os.rename(folder, old)
    try:
        os.rename(made, folder)
    except OSError:
        os.rename(old, folder)
        raise
