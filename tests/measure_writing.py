"""How the workbook is written, in numbers: `python tests/measure_writing.py [REVISION]`.

Prints the table of README's "How it is built" for the working tree, beside handson-ml3's chapter
on autoencoders (measured on its public notebook), and for a revision of git where one is named.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
HANDSON = {
    "code lines over 100 columns (%)": "0",
    "longest code line": "88",
    "characters of a cell, median / p90 / largest": "292 / 744 / 2,418",
    "lines of a cell, median / p90": "6 / 18",
    "text cells per code cell": "0.91",
    "comprehensions per 100 lines": "0.9",
}


def files_of(revision: str | None, suffix: str) -> Iterator[tuple[str, str]]:
    """(path, text) of the tracked files with a suffix, of the working tree or of a revision."""
    tree = ["git", "ls-tree", "-r", "--name-only", revision or "HEAD"]
    names = subprocess.run(tree, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if not name.endswith(suffix):
            continue
        if revision:
            show = ["git", "show", f"{revision}:{name}"]
            yield (
                name,
                subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=True).stdout,
            )
        elif (ROOT / name).exists():
            yield name, (ROOT / name).read_text(encoding="utf-8")


def notebooks(revision: str | None) -> dict[str, str]:
    """The measures of the notebooks, as texts."""
    code, texts = [], 0
    for name, content in files_of(revision, ".ipynb"):
        if not name.startswith("notebooks/"):
            continue
        for cell in json.loads(content)["cells"]:
            if cell["cell_type"] == "markdown":
                texts += 1
            elif "parameters" not in cell["metadata"].get("tags", []):
                code.append("".join(cell["source"]))
    lines = [line for cell in code for line in cell.splitlines()]
    widths = np.array([len(line) for line in lines])
    sizes = np.array([len(cell) for cell in code])
    heights = np.array([len(cell.splitlines()) for cell in code])
    comprehensions = sum(_comprehensions(cell) for cell in code)
    return {
        "code lines over 100 columns (%)": f"{100 * (widths > 100).mean():.0f}",
        "longest code line": f"{widths.max()}",
        "characters of a cell, median / p90 / largest": (
            f"{np.median(sizes):,.0f} / {np.percentile(sizes, 90):,.0f} / {sizes.max():,}"
        ),
        "lines of a cell, median / p90": (
            f"{np.median(heights):.0f} / {np.percentile(heights, 90):.0f}"
        ),
        "text cells per code cell": f"{texts / len(code):.2f}",
        "comprehensions per 100 lines": f"{100 * comprehensions / len(lines):.1f}",
    }


def _comprehensions(cell: str) -> int:
    try:
        return sum(isinstance(node, COMPREHENSIONS) for node in ast.walk(ast.parse(cell)))
    except SyntaxError:  # a magic
        return 0


def library(revision: str | None) -> dict[str, str]:
    """The measures of the library, as texts."""
    lines, typed, public = [], 0, 0
    files = [item for item in files_of(revision, ".py") if item[0].startswith("brainlib/")]
    for _, content in files:
        lines += content.splitlines()
        for node in ast.parse(content).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                public += 1
                typed += node.returns is not None
    wide = np.mean([len(line) > 100 for line in lines])
    return {
        "library: files / lines": f"{len(files)} / {len(lines):,}",
        "library: lines over 100 columns (%)": f"{100 * wide:.0f}",
        "library: public functions with types (%)": f"{100 * typed / public:.0f}",
    }


def main(revision: str | None) -> None:
    """Prints the table."""
    ours = {**notebooks(None), **library(None)}
    then = {**notebooks(revision), **library(revision)} if revision else {}
    head = ["", *([revision[:9]] if revision else []), "here", "handson-ml3, autoencoders"]
    rows = [head]
    for name, value in ours.items():
        rows.append([name, *([then[name]] if revision else []), value, HANDSON.get(name, "")])
    for row in rows:
        print("| " + " | ".join(row) + " |")
        if row is head:
            print("|" + " --- |" * len(row))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
