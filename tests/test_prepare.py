"""What ./run_all.sh does to .venv before anything runs: halves are mended, moves are followed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brainlib import _fetch_pip, _mend_packages

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def package(tmp_path):
    """A package as pip leaves it: its file, and its folder of facts."""
    facts = tmp_path / "site" / "whole-1.0.dist-info"
    facts.mkdir(parents=True)
    (tmp_path / "site" / "whole.py").write_text("x = 1\n")
    (facts / "INSTALLER").write_text("pip\n")
    (facts / "METADATA").write_text("Name: whole\nVersion: 1.0\n")
    lines = ["whole.py,,6", "whole-1.0.dist-info/INSTALLER,,4", "whole-1.0.dist-info/RECORD,,"]
    (facts / "RECORD").write_text("\n".join([*lines, "__pycache__/whole.pyc,,"]) + "\n")
    return facts


def test_a_whole_package_stays(package):
    assert _mend_packages.forget_halves(package.parent) == []
    assert package.is_dir()


@pytest.mark.parametrize(
    ("name", "content"),
    [("whole.py", None), ("whole.py", "x"), ("INSTALLER", None), ("RECORD", None)],
)
def test_of_a_package_that_is_not_whole_pip_knows_nothing(package, name, content):
    path = (package if name.isupper() else package.parent) / name
    path.unlink() if content is None else path.write_text(content)
    (package.parent / "~hole").mkdir()
    assert _mend_packages.forget_halves(package.parent) == ["whole-1.0"]
    assert not package.exists() and not (package.parent / "~hole").exists()


@pytest.mark.parametrize("now", ["now", "with a space"])
@pytest.mark.parametrize("before", ["/old/place/.venv", "/old place/.venv"])
def test_programs_follow_a_move(tmp_path, before, now):
    programs = tmp_path / now / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    program = programs / "program"
    program.write_bytes(_mend_packages._head(f"{before}/bin/python") + b"print(6 * 7)\n")
    program.chmod(0o755)
    other = programs / "other"
    other.write_bytes(b"#!/usr/bin/perl\n")
    assert _mend_packages.point_programs_here(programs) == ["program"]
    assert subprocess.run([program], capture_output=True, text=True).stdout == "42\n"
    assert _mend_packages.point_programs_here(programs) == []
    assert other.read_bytes() == b"#!/usr/bin/perl\n"


def test_pip_that_cannot_be_fetched_is_said_in_one_line():
    with pytest.raises(SystemExit, match="could not be fetched.*python3-venv"):
        _fetch_pip.fetch("http://127.0.0.1:9/pip")


def test_what_was_prepared_elsewhere_or_from_other_requirements_is_prepared_again(tmp_path):
    """A Python that only notes what it was asked for stands in for a whole environment."""
    root = tmp_path / "a project"
    (root / "brainlib").mkdir(parents=True)
    (root / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "run_all.sh", root)
    (root / "requirements.txt").write_text("one==1\n")
    python = root / ".venv/bin/python"
    python.write_text('#!/bin/sh\n[ "$1" = - ] || [ "$1" = -c ] || echo "$@" >>"$0.asked"\n')
    python.chmod(0o755)

    def asked(folder):
        (folder / ".venv/bin/python.asked").write_text("")
        command = [folder / "run_all.sh", "--prepare"]
        subprocess.run(command, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
        return (folder / ".venv/bin/python.asked").read_text()

    first = asked(root)
    assert "_mend_packages.py" in first and "-m pip install" in first
    assert asked(root) == ""
    (root / "requirements.txt").write_text("one==2\n")
    assert "-m pip install" in asked(root) and asked(root) == ""
    moved = root.rename(tmp_path / "moved")
    assert "_mend_packages.py" in asked(moved) and asked(moved) == ""
