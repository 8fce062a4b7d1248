"""Limits within which a chapter reads like a book: width, length, one thing shown per cell.

`python tests/test_notebooks_read_well.py [NAME]` lists what breaks them.
"""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
COLUMNS, LINES, CHARACTERS, FUNCTION_LINES = 88, 20, 800, 12
THEORY, THEORY_WORDS = "> **Theory in a minute", 95  # what can be read aloud in so long
FIRST_PARAMETERS = 12  # that a reader turns; the others stand below the line
BELOW = "# for sweeps and long runs"
SHOWS = {"figure", "table", "finding"}  # methods of the run
ORDER = [  # in which the chapters are read and run
    "01_explore",
    "02_slice_selection",
    "03_split",
    "04_vae",
    "05_vqvae",
    "06_vqgan",
    "07_ae_variants",
    "08_evaluation",
    "09_anomaly_detection",
    "12_inspector",
    "10_report",
]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def shown(tree: ast.AST) -> int:
    """How many calls of a cell show something: a figure, a table, a finding, display(...)."""
    count = 0
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            count += called.value.id == "run" and called.attr in SHOWS
        count += isinstance(called, ast.Name) and called.id == "display"
    return count


def long_functions(tree: ast.AST) -> list[str]:
    """Functions of a cell that are longer than a reader keeps in mind."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    long = [one for one in functions if one.end_lineno - one.lineno + 1 > FUNCTION_LINES]
    return [one.name for one in long]


def broken_by_code(text: str, *, parameters: bool) -> list[str]:
    """What a code cell breaks, in words."""
    lines = text.splitlines()
    wide = [line for line in lines if len(line) > COLUMNS]
    said = [f"{len(line)} columns: {line.strip()[:40]}" for line in wide]
    if parameters:
        return said
    if len(lines) > LINES:
        said.append(f"{len(lines)} lines")
    if len(text) > CHARACTERS:
        said.append(f"{len(text)} characters")
    tree = ast.parse(text)
    if shown(tree) > 1:
        said.append(f"{shown(tree)} calls that show something")
    return said + [f"function {name} is long" for name in long_functions(tree)]


def broken_by_parameters(text: str) -> list[str]:
    """Whether the parameters that a reader turns stand first, twelve at most."""
    above, line, below = text.partition(BELOW)
    names = [row for row in above.splitlines() if re.match(r"\w+\s*=", row)]
    if len(names) > FIRST_PARAMETERS:
        return [f"{len(names)} parameters before '{BELOW}'"]
    return []


def broken_limits(path: Path) -> list[str]:
    """What a notebook breaks, one line each."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = []
    for number, cell in enumerate(cells):
        text = source(cell)
        parameters = "parameters" in cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code":
            found = broken_by_code(text, parameters=parameters)
            found += broken_by_parameters(text) if parameters else []
            found += ["has outputs"] if cell["outputs"] else []
        else:
            found = [f"says {word!r}" for word in re.findall(r"\b[Ss]eeds? 00\d", text)]
            found += broken_by_theory(text) if text.startswith(THEORY) else []
        said += [f"{path.stem}, cell {number}: {words}" for words in found]
    set_up = next(cell for cell in cells if "from brainlib import" in source(cell))
    if not set_up["metadata"].get("jupyter", {}).get("source_hidden"):
        said.append(f"{path.stem}: the cell of imports is not collapsed")
    texts = sum(cell["cell_type"] == "markdown" for cell in cells)
    if texts < 0.7 * (len(cells) - texts):
        said.append(f"{path.stem}: {texts} text cells for {len(cells) - texts} of code")
    return said + broken_links(path.stem, source(cells[0]))


def broken_by_theory(text: str) -> list[str]:
    """Whether a cell of theory is short enough to be read aloud: few words, one formula."""
    words = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
    words = re.sub(r"\]\([^)]*\)", "]", words).replace(">", " ").split()
    said = [f"{len(words)} words of theory"] if len(words) > THEORY_WORDS else []
    return said + (["two formulas"] if text.count("$$") > 2 else [])


def broken_links(name: str, opening: str) -> list[str]:
    """What the first cell lacks: what to know, with links, and the chapters before and after."""
    known = re.search(r"\*\*To know before\.\*\*(.*?)\n\n", opening, flags=re.DOTALL)
    said = []
    if name[:2].isdigit() and name != "00_start" and not (known and "](" in known[1]):
        said.append(f"{name}: 'To know before' is missing, or links to nothing")
    if name not in ORDER:
        return said
    place = ORDER.index(name)
    before = re.search(r"Before: \[[^]]*\]\((\w+)\.ipynb\)", opening)
    after = re.search(r"Next: \[[^]]*\]\((\w+)\.ipynb\)", opening)
    if place and (not before or before[1] != ORDER[place - 1]):
        said.append(f"{name}: 'Before' should link to {ORDER[place - 1]}")
    if place + 1 < len(ORDER) and (not after or after[1] != ORDER[place + 1]):
        said.append(f"{name}: 'Next' should link to {ORDER[place + 1]}")
    return said


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chapter_reads_well(path):
    assert not broken_limits(path)


def test_the_limits_find_what_they_are_for():
    assert broken_by_code("x = 1  # " + 90 * "a", parameters=True)
    assert broken_by_code("x = 1\n" * 21, parameters=False) == ["21 lines"]
    two = 'run.table(a, "a")\nrun.figure(b, "b")'
    assert broken_by_code(two, parameters=False) == ["2 calls that show something"]
    long = "def f():\n" + "    a = 1\n" * 12
    assert broken_by_code(long, parameters=False) == ["function f is long"]
    assert broken_by_parameters("a = 1\n" * 13) == [f"13 parameters before '{BELOW}'"]
    assert broken_by_theory("> **Theory in a minute.** " + 93 * "word ") == ["97 words of theory"]
    assert broken_by_theory("> $$a$$ $$b$$") == ["two formulas"]
    assert broken_by_theory("> few words, one link](far/away.md) $$a$$") == []
    before = "'To know before' is missing, or links to nothing"
    assert broken_links("11_experiment", "# 11\n\n") == [f"11_experiment: {before}"]
    assert not broken_links("11_experiment", "**To know before.** [03](03.ipynb)\n\n")
    assert broken_links("04_vae", "*Before: [03](03_split.ipynb). Next: [06](06_vqgan.ipynb)*")


if __name__ == "__main__":
    for one in NOTEBOOKS:
        if len(sys.argv) < 2 or any(word in one.stem for word in sys.argv[1:]):
            print("\n".join(broken_limits(one)))
