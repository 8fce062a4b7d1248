"""Notebooks to open by hand: copies in a run folder that go on from its run.

A copy has the parameters of the run, so that the networks which the run trained are loaded. What a
person does in a copy changes neither the notebooks of the project nor the executed ones.
"""

import argparse
import contextlib
import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from brainlib import files, record
from brainlib.run import batch, catalogue, command
from brainlib.run.catalogue import START, Notebook
from brainlib.run.parameters import with_values
from brainlib.run.start_page import NotExecuted, executed

FOLDER = "lab"  # of a run
MADE_FROM = "brainlib"  # a copy's metadata: what it was made from, and its cells as they were
LINK = re.compile(r"\]\(([^)#\s]+)")


def openable() -> dict[str, list[str]]:
    """The notebooks that can be opened: the table of notebooks/Snakefile, and the start page."""
    return {START: [], **catalogue.read_table(record.NOTEBOOKS / "Snakefile")}


def write_copies(options: argparse.Namespace, folder: Path) -> list[str]:
    """Writes a working copy of every chapter, and of the start page, into a run folder.

    Args:
        options: of the command line; they count where the run has no parameters yet.
        folder: of the run.

    Returns:
        names of notebooks whose copy a person has changed: they stay as they are.

    Raises:
        Refused: the options cannot be meant.
    """
    table = catalogue.read_table(record.NOTEBOOKS / "Snakefile")
    found = catalogue.read_notebooks(catalogue.present(table), table)
    parameters = _parameters(options, list(found), folder)
    changed = []
    for name, notebook in found.items():
        values = _seen_from_anywhere(notebook, parameters[name])
        if not _write_copy(notebook.path, values, folder / FOLDER):
            changed.append(name)
    start = start_page(folder)
    _lead_links_from(start, record.NOTEBOOKS, folder / FOLDER)
    with contextlib.suppress(NotExecuted):  # its reader can run it, too
        start = executed(start, folder / FOLDER)
    _write(start, folder / FOLDER / f"{START}.ipynb")
    return changed


def _parameters(
    options: argparse.Namespace, names: list[str], folder: Path
) -> dict[str, dict[str, Any]]:
    """Parameters of each notebook: those that the run had, else those that the options give."""
    run = batch.read_run(folder)
    asked = {"notebooks": names, "first": None, "out": str(folder)}
    asked |= {name: run[name] for name in ("profile", "data") if name in run}
    wanted = command.check(argparse.Namespace(**{**vars(options), **asked})).parameters
    out = {"out": command.as_parameter(folder)}
    saved = run.get("parameters", {})
    return {name: {**wanted[name], **saved.get(name, {}), **out} for name in names}


def _seen_from_anywhere(notebook: Notebook, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters with paths that are relative to notebooks/ made absolute."""
    found = dict(values)
    for name, parameter in notebook.parameters.items():
        value = values.get(name)
        if parameter.is_existing_path and value and (record.NOTEBOOKS / value).exists():
            found[name] = str((record.NOTEBOOKS / value).resolve())
    return {name: found[name] for name in notebook.parameters if name in found}


def _write_copy(source: Path, values: dict[str, Any], folder: Path) -> bool:
    """Writes a copy with these parameters; False where a person has changed it.

    A copy from which nothing but the workbook differs is brought up to it.
    """
    notebook = nbformat.read(source, 4)
    made_from = files.digest([_cells(notebook), values])
    path = folder / source.name
    if path.exists():
        there = nbformat.read(path, 4)
        known = there.metadata.get(MADE_FROM, {})
        if known.get("made_from") == made_from:
            return True
        if known.get("cells") != files.digest(_cells(there)):
            return False
    copy = _with_parameters(notebook, values)
    _lead_links_from(copy, source.parent, folder)
    copy.metadata[MADE_FROM] = {"made_from": made_from, "cells": files.digest(_cells(copy))}
    _write(copy, path)
    return True


def _cells(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


def _with_parameters(notebook: NotebookNode, values: dict[str, Any]) -> NotebookNode:
    """The notebook with these values in its cell of parameters."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, values)
    return notebook


def _lead_links_from(notebook: NotebookNode, old: Path, new: Path) -> None:
    """Rewrites links of texts: what has no copy in the new folder lies where it was."""

    def moved(link: re.Match) -> str:
        target = old / link[1]
        if "://" in link[1] or link[1].endswith(".ipynb") or not target.exists():
            return link[0]
        return f"]({Path(os.path.relpath(target, as_served(new))).as_posix()}"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(moved, cell.source)


def as_served(folder: Path) -> Path:
    """The folder as it is called below the project."""
    from brainlib.show import start

    return start.as_served(folder)


def start_page(folder: Path) -> NotebookNode:
    """The start page of a run, not executed."""
    notebook = nbformat.read(record.NOTEBOOKS / f"{START}.ipynb", 4)
    return _with_parameters(notebook, {"out": command.as_parameter(folder)})


def _write(notebook: NotebookNode, path: Path) -> None:
    """Writes a notebook and signs it, as `jupyter trust` does: JupyterLab then shows all of it."""
    from nbformat.sign import NotebookNotary

    files.write_text(path, nbformat.writes(notebook))
    NotebookNotary().sign(nbformat.read(path, 4))
