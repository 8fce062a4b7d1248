"""Mends .venv after an installation that was killed, and after its folder was moved.

pip takes a package as installed when its folder of facts is there, whatever became of its files.
What is not whole loses that folder here, so that pip installs it again. Standard library only: it
runs while packages are missing.
"""

import importlib.metadata
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

# How pip lets a program begin: with its Python, or with a shell that calls it.
HEAD = re.compile(rb"#!(/bin/sh\n'''exec' \"(?P<by_shell>[^\"\n]+)\".*\n' '''|(?P<direct>.+))\n")
LONGEST_LINE = 127


def is_whole(package: importlib.metadata.Distribution) -> bool:
    """Whether all files of a package are there, of the size that its record has."""
    listed = package.files
    if not listed or not package.read_text("INSTALLER"):  # pip writes that one at its end
        return False
    for file in listed:
        path = Path(file.locate())
        if file.suffix == ".pyc":
            continue
        if not path.is_file() or file.size not in (None, path.stat().st_size):
            return False
    return True


def forget_halves(packages: Path) -> list[str]:
    """Removes the folders of facts of packages that are not whole; returns their names."""
    forgotten = []
    for package in importlib.metadata.distributions(path=[str(packages)]):
        facts = Path(package.locate_file("")) / getattr(package, "_path", "")
        if facts.suffix == ".dist-info" and not is_whole(package):
            shutil.rmtree(facts, ignore_errors=True)
            forgotten.append(facts.stem)
    for left in packages.glob("~*"):  # pip renames what it is about to replace
        shutil.rmtree(left, ignore_errors=True)
    return forgotten


def point_programs_here(programs: Path) -> list[str]:
    """Programs that name the Python of a .venv elsewhere get this one; their names."""
    python, changed = str(programs / "python"), []
    for path in sorted(programs.iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        head = HEAD.match(content)
        named = os.fsdecode(head["direct"] or head["by_shell"]) if head else ""
        if "/.venv/bin/python" in named and named != python:
            path.write_bytes(_head(python) + content[head.end() :])
            changed.append(path.name)
    return changed


def _head(python: str) -> bytes:
    """The beginning of a program: the system reads no space and no long path in its first line."""
    direct = f"#!{python}\n"
    by_shell = f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"
    return os.fsencode(by_shell if " " in python or len(direct) > LONGEST_LINE else direct)


if __name__ == "__main__":
    found = forget_halves(Path(sysconfig.get_path("purelib")))
    if found:
        print(f"Not whole, installed again: {', '.join(found)}", file=sys.stderr)
    point_programs_here(Path(sys.prefix) / "bin")
