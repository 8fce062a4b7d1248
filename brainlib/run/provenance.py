"""What a notebook's result was made from, as digests, and in words what changed since."""

import ast
import json
from pathlib import Path

import brainlib
from brainlib import files
from brainlib import record as runs

LIBRARY = files.PROJECT / "brainlib"


def made_from(notebook, parameters, *, data_fingerprint, folder, reads_exclusions, missing=()):
    """All that a notebook's result depends on, but for the results of the notebooks before it.

    Args:
        notebook: an `arguments.Notebook`.
        parameters: dict of its parameters.
        data_fingerprint: dict of source -> one line, from `runs.data_fingerprint`.
        folder: run folder.
        reads_exclusions: whether exclude.csv of the run folder counts.
        missing: needed notebooks that are left out on purpose (a partial report).

    Returns:
        A JSON-like dict: what `differences` compares, and whose digest decides.
    """
    exclusions = Path(folder) / "exclude.csv"
    return {
        "cells": cells_digest(notebook.cells),
        "parameters": {name: value for name, value in parameters.items() if name != "out"},
        "data": data_fingerprint,
        "exclude.csv": files.sha256(exclusions)
        if reads_exclusions and exclusions.exists()
        else None,
        "modules": {
            path.relative_to(LIBRARY).as_posix(): files.sha256(path)
            for path in modules(notebook.cells)
        },
        "requirements.txt": files.sha256(LIBRARY.parent / "requirements.txt"),
        "versions": runs.versions(),
        "missing": sorted(missing),
    }


def cells_digest(cells):
    """Digest of a notebook's cells without their outputs, so that running it by hand and saving changes nothing."""
    return files.digest(
        [[cell["cell_type"], source(cell)] for cell in cells if cell["cell_type"] == "code"]
    )


def source(cell):
    """A cell's text (notebook files keep it as one string or as a list of lines)."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def modules(cells, library=LIBRARY):
    """Files of brainlib that code cells import, with all that these import from brainlib, sorted."""
    found = {library / "__init__.py"}
    waiting = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            plain = "\n".join(
                line
                for line in source(cell).splitlines()
                if not line.lstrip().startswith(("%", "!"))
            )
            waiting |= _imported(plain, library)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting |= _imported(path.read_text(encoding="utf-8"), library)
    return sorted(path for path in found if path.exists())


def _imported(text, library):
    """Files of brainlib that a piece of Python imports, inside functions too, but not under `if __name__ == ...`."""
    try:
        tree = ast.parse(text)
    except SyntaxError:  # the cell will say so itself when it runs
        return set()
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))
    ]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["brainlib" if node.level else "", node.module or ""]))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {path for name in names for path in _files_of(name, library)}


def _files_of(name, library):
    """Files that stand behind a dotted name: a package's face on the way, then the module itself."""
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


def result_problem(folder, name, entry):
    """Why an existing result cannot be taken as it is, or "" where it can.

    Args:
        folder: run folder.
        name: notebook.
        entry: its entry in run.json, {} where there is none.
    """
    path = Path(folder) / "results" / f"{name}.json"
    if entry.get("result") != files.sha256(path):
        return (
            "its result was made by hand or changed"
            if entry.get("result")
            else "its result was made by hand"
        )
    result = json.loads(path.read_text(encoding="utf-8"))
    for kind in ("figures", "tables", "files"):
        for made in result[kind]:
            for file, checksum in made["files"].items():
                if not (Path(folder) / file).is_file():
                    return f"{file} is gone"
                if files.sha256(Path(folder) / file) != checksum:
                    return f"{file} was changed"
    return ""


def differences(before, now):
    """In words, what changed between two values of `made_from`, most telling first; a list of str."""
    lines = []
    if before.get("cells") != now["cells"]:
        lines.append("its cells changed")
    for name, value in now["parameters"].items():
        old = before.get("parameters", {}).get(name, "unset")
        if old != value:
            lines.append(f"{name} is now {value!r} (was {old!r})")
    if set(before.get("parameters", {})) - set(now["parameters"]):
        lines.append("it has fewer parameters")
    for kind, said in (
        ("data", "the data changed"),
        ("exclude.csv", "exclude.csv changed"),
        ("requirements.txt", "requirements.txt changed"),
    ):
        if before.get(kind) != now[kind]:
            lines.append(said)
    changed = [
        name
        for name in sorted({*before.get("modules", {}), *now["modules"]})
        if before.get("modules", {}).get(name) != now["modules"].get(name)
    ]
    if changed:
        lines.append("brainlib changed (" + ", ".join(changed) + ")")
    for package, version in now["versions"].items():
        if before.get("versions", {}).get(package) != version:
            lines.append(
                f"{package} is now {version} (was {before.get('versions', {}).get(package, 'absent')})"
            )
    if before.get("missing") != now["missing"]:
        lines.append("other notebooks are missing" if now["missing"] else "it was partial")
    return lines
