"""What a notebook's result was made from, as digests, and in words what changed since."""

import ast
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import brainlib
from brainlib import files, record

LIBRARY = files.PROJECT / "brainlib"
EXERCISES = {"exercise", "check"}  # tags of cells, see `teach`
CHANGED = {  # part of `made_from` -> in words
    "data": "the data changed",
    "exclude.csv": "exclude.csv changed",
    "requirements.txt": "requirements.txt changed",
}


def made_from(
    cells: Sequence[dict],
    parameters: dict[str, Any],
    *,
    data_fingerprint: dict[str, str],
    inputs: dict[str, str],
    threads: int,
    folder: Path,
    missing: Sequence[str] = (),
) -> dict[str, Any]:
    """All that a notebook's result depends on, but for the results of the notebooks before it.

    Args:
        cells: of the notebook.
        parameters: of the notebook.
        data_fingerprint: source -> one line, from `record.data_fingerprint`.
        inputs: parameter that names a file or a folder -> one line.
        threads: with how many it computes.
        folder: run folder.
        missing: needed notebooks that are left out on purpose (a partial report).

    Returns:
        JSON-like: what `differences` compares, and whose digest decides.
    """
    exclusions = folder / "exclude.csv"
    cells = [cell for cell in cells if not _is_exercise(cell)]
    return {
        "cells": cells_digest(cells),
        "parameters": {name: value for name, value in parameters.items() if name != "out"},
        "data": data_fingerprint,
        "inputs": inputs,
        "exclude.csv": files.sha256(exclusions) if exclusions.exists() else None,
        "modules": {
            path.relative_to(LIBRARY).as_posix(): files.sha256(path) for path in modules(cells)
        },
        "requirements.txt": files.sha256(LIBRARY.parent / "requirements.txt"),
        "versions": record.versions(),
        "threads": threads,
        "missing": sorted(missing),
    }


def cells_digest(cells: Sequence[dict]) -> str:
    """Digest of the code without its outputs: to run a notebook by hand changes nothing."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return files.digest([[cell["cell_type"], source(cell)] for cell in code])


def _is_exercise(cell: dict) -> bool:
    """Whether it is the blank of an exercise, or its check: no result depends on an answer."""
    return not EXERCISES.isdisjoint(cell.get("metadata", {}).get("tags", []))


def source(cell: dict) -> str:
    """A cell's text (notebook files keep it as one string or as a list of lines)."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def modules(cells: Sequence[dict], library: Path = LIBRARY) -> list[Path]:
    """Files of brainlib that code cells import, with all that these import from brainlib.

    A file beside the code that one of them names (a table, a template) counts as imported.
    """
    found = {library / "__init__.py"}
    waiting: set[Path] = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            lines = source(cell).splitlines()
            plain = [line for line in lines if not line.lstrip().startswith(("%", "!"))]
            waiting |= _imported("\n".join(plain), library)
    while waiting:
        path = waiting.pop()
        if path not in found:
            text = path.read_text(encoding="utf-8")
            found |= {path, *_named_files(text, path.parent)}
            waiting |= _imported(text, library)
    return sorted(path for path in found if path.exists())


def _imported(text: str, library: Path) -> set[Path]:
    """Files of brainlib that Python code imports, also inside functions.

    What stands under `if __name__ == ...` does not count.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:  # the cell will say so itself when it runs
        return set()
    tree.body = [node for node in tree.body if not _asks_for_name(node)]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["brainlib" if node.level else "", node.module or ""]))
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {path for name in names for path in _files_of(name, library)}


def _named_files(text: str, folder: Path) -> set[Path]:
    """Files that are no code, in the folder of a module or the one above, that it names."""
    beside = [*folder.glob("*.*"), *folder.parent.glob("*.*")]
    return {
        path
        for path in beside
        if path.suffix not in (".py", ".pyc") and path.is_file() and f'"{path.name}"' in text
    }


def _asks_for_name(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _files_of(name: str, library: Path) -> Iterator[Path]:
    """Files behind a dotted name: a package's face on the way, then the module itself."""
    first, *parts = name.split(".")
    if first != "brainlib" or not parts:
        return
    if not (library / parts[0]).is_dir() and not (library / f"{parts[0]}.py").exists():
        parts[:1] = brainlib.ROOMS.get(parts[0], parts[0]).split(".")
    folder = library
    for part in parts:
        if (folder / part / "__init__.py").exists():
            folder = folder / part
            yield folder / "__init__.py"
        else:
            if (folder / f"{part}.py").exists():
                yield folder / f"{part}.py"
            return


def result_problem(folder: Path, name: str, entry: dict[str, Any]) -> str:
    """Why an existing result cannot be taken as it is, or "" where it can.

    Args:
        folder: run folder.
        name: of the notebook.
        entry: its entry in run.json, {} where there is none.
    """
    path = folder / "results" / f"{name}.json"
    if entry.get("result") != files.sha256(path):
        by_hand = "its result was made by hand"
        return f"{by_hand} or changed" if entry.get("result") else by_hand
    result = json.loads(path.read_text(encoding="utf-8"))
    for kind in ("figures", "tables", "files"):
        for made in result[kind]:
            for file, checksum in made["files"].items():
                if not (folder / file).is_file():
                    return f"{file} is gone"
                if files.sha256(folder / file) != checksum:
                    return f"{file} was changed"
    return ""


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """In words, what changed between two values of `made_from`, most telling first."""
    lines = ["its cells changed"] if before.get("cells") != now["cells"] else []
    lines += _changed_parameters(before.get("parameters", {}), now["parameters"])
    lines += [words for kind, words in CHANGED.items() if before.get(kind) != now[kind]]
    lines += [
        f"what {name} names has other contents"
        for name, fingerprint in now["inputs"].items()
        if before.get("inputs", {}).get(name, fingerprint) != fingerprint
    ]
    lines += _changed_modules(before.get("modules", {}), now["modules"])
    lines += [
        f"{package} is now {version} (was {before.get('versions', {}).get(package, 'absent')})"
        for package, version in now["versions"].items()
        if before.get("versions", {}).get(package) != version
    ]
    if before.get("threads") != now["threads"]:
        lines.append(f"threads: now {now['threads']} (was {before.get('threads', 'not known')})")
    if before.get("missing") != now["missing"]:
        lines.append("other notebooks are missing" if now["missing"] else "it was partial")
    return lines


def _changed_parameters(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in now.items():
        old = before.get(name, "unset")
        if old != value:
            lines.append(f"{name} is now {value!r} (was {old!r})")
    if set(before) - set(now):
        lines.append("it has fewer parameters")
    return lines


def _changed_modules(before: dict[str, str], now: dict[str, str]) -> list[str]:
    names = sorted({*before, *now})
    changed = [name for name in names if before.get(name) != now.get(name)]
    return [f"brainlib changed ({', '.join(changed)})"] if changed else []
