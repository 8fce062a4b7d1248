"""The rules of pyproject.toml are in force: a deliberate violation of each is found."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BRANCHES = "\n".join(f"    if a == {number}:\n        return {number}" for number in range(11))
VIOLATIONS = {
    "E501": "x = '" + 100 * "a" + "'\n",
    "E731": "double = lambda a: 2 * a\n",
    "F401": "import json\n",
    "N802": 'def DoIt():\n    """Do it."""\n',
    "D103": "def public():\n    pass\n",
    "D205": 'def public():\n    """Two\n    lines of summary.\n    """\n',
    "C901": f'def branch(a):\n    """Branch."""\n{BRANCHES}\n',
    "E702": "a = 1; b = 2\n",
}


def ruff(code: str, name: str) -> str:
    """What ruff says of code under a file's name."""
    words = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--no-cache"]
    words += ["--stdin-filename", str(ROOT / name), "-"]
    answer = subprocess.run(words, input=code, text=True, capture_output=True, cwd=ROOT)
    return answer.stdout


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_ruff_finds_a_violation(rule):
    assert f" {rule} " in ruff(VIOLATIONS[rule], "brainlib/heads/made_up.py")


def test_notebooks_have_narrower_lines():
    line = "x = '" + 85 * "a" + "'\n"
    assert " E501 " in ruff(line, "notebooks/made_up.py")
    assert " E501 " not in ruff(line, "tests/made_up.py")


@pytest.mark.parametrize(
    "file, line, broken",
    [
        ("heads/volumes.py", "", False),  # as it is
        ("heads/volumes.py", "from brainlib.run import batch", True),
        ("slices/planes.py", "import keras", True),
        ("models/parts.py", "import pandas", True),
    ],
)
def test_the_contract_finds_an_import_against_the_flow(tmp_path, file, line, broken):
    shutil.copytree(ROOT / "brainlib", tmp_path / "brainlib")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "brainlib" / file
    path.write_text(path.read_text() + f"\n{line}\n")
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (answer.returncode == 1) == broken and ("BROKEN" in answer.stdout) == broken
