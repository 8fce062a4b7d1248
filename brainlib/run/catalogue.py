"""The notebooks: the table of notebooks/Snakefile, and what each says of itself."""

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brainlib import record
from brainlib.run.parameters import Parameter, read_parameters
from brainlib.run.provenance import source
from brainlib.run.refused import Refused

COMMON = ("data", "out", "seed")  # every notebook has these
START = "00_start"  # is opened and shown, and never part of a run
Table = dict[str, list[str]]  # notebook -> the notebooks that it needs


@dataclass(frozen=True)
class Notebook:
    """A notebook of the table: what it needs, its title, its parameters by name, its cells."""

    name: str
    path: Path
    needs: tuple[str, ...]
    title: str
    parameters: dict[str, Parameter]
    cells: list = field(repr=False)


def read_table(snakefile: Path) -> Table:
    """The table of notebooks/Snakefile; raises Refused where it has none."""
    try:
        return record.read_table(snakefile)
    except ValueError as error:
        raise Refused(str(error)) from None


def present(table: Table, folder: Path | None = None) -> list[str]:
    """The names of the table whose notebook is there, in its order."""
    folder = folder or record.NOTEBOOKS
    return [name for name in table if (folder / f"{name}.ipynb").exists()]


def read_notebooks(
    names: Iterable[str], table: Table, folder: Path | None = None
) -> dict[str, Notebook]:
    """Reads the named notebooks; raises Refused for one that is missing or malformed."""
    folder = Path(folder or record.NOTEBOOKS)
    return {name: _read_notebook(folder / f"{name}.ipynb", table[name]) for name in names}


def _read_notebook(path: Path, needs: Iterable[str]) -> Notebook:
    cells = _read_cells(path)
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise Refused(f"{path}: expected one cell tagged `parameters`, found {len(tagged)}.")
    parameters = read_parameters(source(tagged[0]), path)
    absent = [name for name in COMMON if name not in parameters]
    if absent:
        missing = ", ".join(absent)
        raise Refused(f"{path}: expected the parameters {', '.join(COMMON)}; {missing} is missing.")
    return Notebook(path.stem, path, tuple(needs), _title(cells) or path.stem, parameters, cells)


def _read_cells(path: Path) -> list[dict]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        table = "the table in notebooks/Snakefile names this notebook"
        raise Refused(f"{path}: {table}, but there is no such file.") from None
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{path}: expected a notebook of format 4, could not read it.") from None


def _title(cells: list[dict]) -> str:
    """The first heading of a notebook."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for line in source(cell).splitlines():
                if line.startswith("#"):
                    return line.lstrip("# ").strip()
    return ""


def resolve(words: Iterable[str], table: Table) -> list[str]:
    """Names of notebooks for `04`, `04_vae`, `vae` or a file name, in the order of the table."""
    chosen = set()
    for word in words:
        chosen.update(_named(word, list(table)))
    return [name for name in table if name in chosen]


def _named(word: str, names: list[str]) -> list[str]:
    stem = Path(word).name.removesuffix(".ipynb")
    number = f"{int(stem):02d}" if stem.isdecimal() else None
    short = {name: name.split("_", 1)[-1] for name in names}
    found = [name for name in names if stem in (name, short[name]) or name.split("_")[0] == number]
    if found:
        return found
    if stem in ("0", "00", START, "start"):
        raise Refused(f"notebook {word!r}: it is opened, not run. Call ./run_all.sh --lab.")
    close = difflib.get_close_matches(stem.lower(), names + [*short.values()], n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(names)}."
    raise Refused(f"notebook {word!r}: there is none of that name.{hint}")


def with_needs(names: Iterable[str], table: Table) -> list[str]:
    """The named notebooks and all that they need, in the order of the table."""
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += table[name]
    return [name for name in table if name in wanted]


def minutes_to_the_end(name: str, table: Table, minutes: Mapping[str, float]) -> float:
    """The longest way from the start of a notebook to the end of the run, in minutes.

    Args:
        name: of the notebook.
        table: what each notebook needs.
        minutes: how long each takes; 0 where nothing is known.

    Returns:
        Its own minutes, and those of the longest chain of notebooks that wait for it.
    """
    waiting = [other for other, needs in table.items() if name in needs]
    after = [minutes_to_the_end(other, table, minutes) for other in waiting]
    return minutes.get(name, 0) + max(after, default=0)
