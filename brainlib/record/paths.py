"""Paths in texts for readers: relative to the data and the project, never those of a machine."""

import functools
import os
import re
from collections.abc import Iterable
from pathlib import Path

from brainlib import files

# A path of two parts or more that begins at the root, and neither goes on from a word nor is of an
# address.
ABSOLUTE = re.compile(r"(?<![\w.~/:-])/(?:[^\s/;,:\"'()]+/)+[^\s/;,:\"'()]*")
LOCAL_COPIES = {"ixi-sample": "BRAINLIB_IXI_SAMPLE", "ixi-hh": "BRAINLIB_IXI_HH"}


def data_folders(data: str) -> list[Path]:
    """The folders that sources of --data stand for."""
    folders = [files.DATA]
    for source in str(data).split(","):
        named = os.environ.get(LOCAL_COPIES.get(source, ""), source)
        if os.path.isabs(named):
            folders.append(Path(named))
    return folders


def without_folders(text: str, folders: Iterable[Path]) -> str:
    """A text in which paths begin at one of the folders; of other paths the name alone is left."""
    if "/" not in text:
        return text
    for folder in _longest_first(tuple(folders)):
        text = re.sub(rf"{re.escape(folder)}/(?=[^\s:,;])", "", text)
        name = Path(folder).name.replace("\\", r"\\")
        text = re.sub(rf"{re.escape(folder)}(?![\w.-])/?", name, text)
    if text.startswith("/") and os.path.exists(text):  # whatever its folders are called
        return Path(text).name
    return ABSOLUTE.sub(lambda found: Path(found[0]).name, text)


@functools.lru_cache(maxsize=64)
def _longest_first(folders: tuple[Path, ...]) -> list[str]:
    """The folders as texts, links and what they lead to."""
    known = {str(path) for folder in folders for path in (folder.absolute(), folder.resolve())}
    return sorted(known, key=len, reverse=True)


def plain(value: object, folders: Iterable[Path]) -> object:
    """`without_folders` of all texts in lists and dicts, of names in dicts as well."""
    if isinstance(value, str):
        return without_folders(value, folders)
    if isinstance(value, dict):
        return {plain(key, folders): plain(item, folders) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, folders) for item in value]
    return value


def from_project(folder: Path) -> str:
    """A folder as a command that is given in the project's folder names it."""
    inside = folder.is_relative_to(files.PROJECT)
    return folder.relative_to(files.PROJECT).as_posix() if inside else str(folder)
