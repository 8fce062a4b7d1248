"""The notebooks as files: which needs which, what their parameters are called, where they lie."""

import ast
import json
import os
import re
from pathlib import Path

from brainlib import files

NOTEBOOKS = Path(os.environ.get("BRAINLIB_NOTEBOOKS") or files.PROJECT / "notebooks").resolve()
TOKEN = "BRAINLIB_RUN_TOKEN"  # set by the executor: this kernel belongs to run_all.sh


def headless() -> bool:
    """True where run_all.sh executes the notebook and nobody is there to move a slider."""
    return bool(os.environ.get(TOKEN))


def read_table(snakefile: Path | str) -> dict[str, list[str]]:
    """The table of notebooks/Snakefile: notebook -> those that it needs ("all" spelled out).

    Raises:
        ValueError: the file has no such table.
    """
    apart = read_apart(snakefile)
    text = Path(snakefile).read_text(encoding="utf-8")
    match = re.search(r"^NEEDS = (\{.*?^\})", text, re.MULTILINE | re.DOTALL)
    if not match:
        raise ValueError(f"{snakefile}: expected a table NEEDS = {{...}} of notebooks, found none.")
    table = ast.literal_eval(match[1])
    spelled_out = {}
    for name, needs in table.items():
        if needs == "all":
            needs = [other for other in table if other != name and other not in apart]
        spelled_out[name] = list(needs)
    return spelled_out


def read_apart(snakefile: Path | str) -> tuple[str, ...]:
    """Names of the notebooks that run only when they are named, and by sweeps."""
    text = Path(snakefile).read_text(encoding="utf-8")
    match = re.search(r"^APART = (\[.*?\])", text, re.MULTILINE)
    return tuple(ast.literal_eval(match[1])) if match else ()


def needs_of(notebook: str) -> list[str]:
    """The notebooks that one needs; none where it is not in the table."""
    try:
        return read_table(NOTEBOOKS / "Snakefile").get(notebook, [])
    except (OSError, ValueError):
        return []


def parameter_names(notebook: str) -> list[str]:
    """Names that the cell tagged `parameters` of a notebook assigns; none without such a file."""
    try:
        content = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    for cell in content["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            return _assigned("".join(cell["source"]))
    return []


def _assigned(source: str) -> list[str]:
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names
