"""Parameters that name files and folders: they exist and are of the right kind before the start.

The comment beside such a parameter says `existing`, whether it is a folder or a file, and the
endings that a file may have: `existing .keras file`, `existing folder of pictures or .npy file`.
"""

import re
import zipfile
from pathlib import Path
from typing import Any

from brainlib import record
from brainlib.run.catalogue import Notebook
from brainlib.run.parameters import Parameter
from brainlib.run.refused import Refused

BEGINS_WITH = {".keras": b"PK", ".h5": b"\x89HDF\r\n\x1a\n", ".npy": b"\x93NUMPY"}
OF_A_MODEL = {"config.json", "model.weights.h5"}  # what a .keras file holds


def with_existing_paths(
    notebooks: dict[str, Notebook], parameters: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Parameters of each notebook, the paths among them absolute where the command sees them.

    Raises:
        Refused: there is nothing at a path that must exist, or something of another kind.
    """
    result = {name: dict(values) for name, values in parameters.items()}
    for notebook in notebooks.values():
        for name, parameter in notebook.parameters.items():
            value = result[notebook.name][name]
            where = f"-p {name}={value}"
            result[notebook.name][name] = existing_path(parameter, value, where)
    return result


def existing_path(parameter: Parameter, value: Any, where: str) -> Any:
    """A value as the notebook takes it: of a parameter that names a path, one that is there.

    A relative path is seen from where the command is given, else from the notebooks' folder.

    Raises:
        Refused: nothing is there, or something of another kind; `where` says who asked for it.
    """
    if not parameter.is_existing_path or not value:
        return value
    try:
        if Path(value).exists():
            value = str(Path(value).resolve())
        elif not (record.NOTEBOOKS / value).exists():
            wanted = "there is nothing at this path"
            raise Refused(f"{where}: {wanted}. Check it, or leave the parameter out.")
        _refuse_other_kinds(record.NOTEBOOKS / value, parameter.comment, where)
    except (OSError, ValueError) as error:  # too long for a name, no permission, no name at all
        if isinstance(error, Refused):
            raise
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"{where}: expected a path that can be read ({reason}).") from None
    return value


def _refuse_other_kinds(path: Path, comment: str, where: str) -> None:
    """Raises Refused where a comment wants a folder or a file, or a file of another kind."""
    endings = [ending for ending in BEGINS_WITH if re.search(rf"\{ending}\b", comment)]
    if path.is_dir():
        if "folder" not in comment:
            raise Refused(f"{where}: expected a file, found a folder.")
        if not any(path.iterdir()):
            raise Refused(f"{where}: expected a folder with something in it, found an empty one.")
    elif "folder" in comment and not endings:
        raise Refused(f"{where}: expected a folder, found a file.")
    elif endings and not any(_is_of_kind(path, ending) for ending in endings):
        wanted = " or ".join(endings)
        advice = " Save a model with model.save('name.keras')." if ".keras" in endings else ""
        raise Refused(f"{where}: expected a {wanted} file, found something else.{advice}")


def _is_of_kind(path: Path, ending: str) -> bool:
    """Whether a file has an ending and begins as such files do; a model's parts are looked for."""
    with open(path, "rb") as handle:
        begins = handle.read(8).startswith(BEGINS_WITH[ending])
    if path.suffix.lower() != ending or not begins:
        return False
    if ending != ".keras":
        return True
    try:
        with zipfile.ZipFile(path) as parts:
            return set(parts.namelist()) >= OF_A_MODEL
    except zipfile.BadZipFile:
        return False


def fingerprints(notebook: Notebook, parameters: dict[str, Any]) -> dict[str, str]:
    """What the files and folders hold that a notebook's parameters name.

    With the name of the notebook before that of the parameter: the notebooks after it hand on what
    it was made from.
    """
    found = {}
    for name, parameter in notebook.parameters.items():
        if parameter.is_existing_path and parameters[name]:
            path = record.NOTEBOOKS / parameters[name]
            found[f"{notebook.name}.{name}"] = record.path_fingerprint(path)
    return found
