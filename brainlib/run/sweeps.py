"""A sweep: one notebook over a grid of parameters, written as YAML and checked before it starts.

title: Thesis 003, table 5.2
source: thesis 003, tables 5.2, 5.4 and 5.5
notebook: 11_experiment
results: experiment                     # the table that each point writes
parameters:                             # a list: its values in turn; else the same for all points
  loss: [mse, dssim]
  seed: [0, 1, 2]
  02_slice_selection.brain_only: [false, true]     # of a notebook before: runs once a value
points:                                 # combined with all of the above; what they name wins
  - {model: resnet_small}
  - {model: resnet_big, batch_size: [24, 32]}
"""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from brainlib import files, record
from brainlib.run import catalogue
from brainlib.run.catalogue import Notebook, Table
from brainlib.run.given_paths import existing_path
from brainlib.run.parameters import conform
from brainlib.run.refused import Refused, checked, did_you_mean
from brainlib.run.settings import check_name, read_yaml

MOST_POINTS = 2000
LONGEST_NAME = 70
OVER = "seed"  # the parameter that repeats a point rather than making another


def _text(value: Any) -> Any:
    """11 is a number to YAML."""
    return str(value) if type(value) is int else value


def _or_nothing(value: Any) -> Any:
    return "" if value is None else _text(value)


Text = Annotated[str, Field(min_length=1), BeforeValidator(_text)]
FreeText = Annotated[str, BeforeValidator(_or_nothing)]


class _File(BaseModel):
    """A sweep's file."""

    model_config = ConfigDict(extra="forbid")

    title: Text
    source: FreeText = ""
    note: FreeText = ""
    notebook: Text
    results: Text
    parameters: dict[Any, Any] | None = None
    points: Annotated[list[dict[Any, Any]], Field(min_length=1)] | None = None


FILE, LABEL = TypeAdapter(_File), TypeAdapter(str)
Choice = tuple[str, str]  # notebook, parameter


@dataclass(frozen=True)
class Point:
    """One run of the notebook.

    Attributes:
        name: of its folder, made of its values alone, so that it stays when the file grows.
        values: of the notebook's own parameters.
        shared: notebook -> values of those that it needs.
        label: a free text of the file.
    """

    name: str
    values: dict[str, Any]
    shared: dict[str, dict[str, Any]]
    label: str = ""

    @property
    def shared_name(self) -> str:
        """Name of the folder with the steps before: points with the same steps share one."""
        return _folder_name(self._dotted(), "common")

    def columns(self) -> dict[str, Any]:
        """All that the file says about it, column -> value."""
        label = {"label": self.label} if self.label else {}
        return {**label, **self.values, **self._dotted()}

    def _dotted(self) -> dict[str, Any]:
        """Values of the notebooks before, `02_slice_selection.size` -> value."""
        return {
            f"{notebook}.{key}": value
            for notebook, values in self.shared.items()
            for key, value in values.items()
        }


@dataclass(frozen=True)
class Sweep:
    """A sweep that passed the check.

    needed: the notebooks before, in their order; points: in the order of the file.
    """

    path: Path
    title: str
    source: str
    note: str
    notebook: str
    needed: tuple[str, ...]
    results: str
    points: tuple[Point, ...]


def find(word: str) -> Path:
    """The file of a sweep: a path, or the name of one in notebooks/sweeps."""
    path, own = Path(word), record.NOTEBOOKS / "sweeps"
    if path.is_file():
        return path
    if (own / f"{word}.yaml").is_file():
        return own / f"{word}.yaml"
    names = sorted(file.stem for file in own.glob("*.yaml"))
    hint = f" or sweep.{did_you_mean(path.stem, names)}" if names else "."
    raise Refused(f"--sweep {word}: there is no such file{hint}")


def read(path: Path, table: Table, known: dict[str, Notebook]) -> Sweep:
    """Reads a sweep; every name and value in it is known and allowed, or Refused says why not.

    Args:
        path: of the YAML file.
        table: notebook -> the notebooks that it needs.
        known: all notebooks at hand, by name.
    """
    content = _read_file(path)
    notebook = _named(content.notebook, table, f"{path}, notebook")
    needed = tuple(name for name in catalogue.with_needs([notebook], table) if name != notebook)
    known = {name: known[name] for name in (*needed, notebook)}
    grid = _alternatives(content.parameters or {}, notebook, known, f"{path}, parameters")
    points: list[Point] = []
    for number, entry in enumerate(content.points or [{}], 1):
        where = f"{path}, points, element {number}"
        label = checked(LABEL, entry.pop("label", ""), f"{where}, label")
        combined = {**grid, **_alternatives(entry, notebook, known, where)}
        points += _products(combined, label, notebook, known, where)
    _check_points(points, path)
    texts = {name: getattr(content, name) for name in ("title", "source", "note", "results")}
    return Sweep(Path(path), notebook=notebook, needed=needed, points=tuple(points), **texts)


def _read_file(path: Path) -> _File:
    content = read_yaml(path)
    keys = list(_File.model_fields)
    if not isinstance(content, dict):
        raise Refused(f"{path}: expected {', '.join(keys)}, got {type(content).__name__}.")
    for key in content:
        if key not in keys:
            raise Refused(f"{path}: a sweep has no {key!r}.{did_you_mean(key, keys)}")
    content = checked(FILE, content, str(path))
    if not content.parameters and content.points is None:
        raise Refused(f"{path}: expected parameters or points, found neither.")
    return content


def _named(word: str, table: Any, where: str) -> str:
    """The one notebook that a word names."""
    try:
        names = catalogue.resolve([word], table)
    except Refused as error:
        raise Refused(f"{where}: {error}") from None
    if len(names) != 1:
        raise Refused(f"{where}: expected one notebook, {word!r} names {', '.join(names)}.")
    return names[0]


def _alternatives(
    section: dict, notebook: str, known: dict[str, Notebook], where: str
) -> dict[Choice, list]:
    """The values that each parameter takes in turn."""
    result = {}
    for key, value in section.items():
        target, _, name = str(key).rpartition(".")
        target = _named(target, known, where) if target else notebook
        check_name(name, list(known[target].parameters), f"{where}: {target}")
        parameter, here = known[target].parameters[name], f"{where}, {key}"
        values = value if isinstance(value, list) else [value]
        if not values:
            raise Refused(f"{here}: expected at least one value, got an empty list.")
        lists = all(isinstance(item, list) for item in values)
        if isinstance(parameter.default, list) and not lists:
            wanted = "a value of it is a list, so expected a list of lists"
            raise Refused(f"{here}: {wanted}, got {value!r}.")
        result[target, name] = [
            existing_path(parameter, conform(parameter, item, here), here) for item in values
        ]
        if _repeats(result[target, name]):
            raise Refused(f"{here}: a value stands twice in {value!r}.")
    return result


def _repeats(values: list) -> bool:
    return any(value in values[:place] for place, value in enumerate(values))


def _products(
    combined: dict[Choice, list], label: str, notebook: str, known: dict[str, Notebook], where: str
) -> list[Point]:
    """A point for each combination of values."""
    # Not scikit-learn's ParameterGrid: it sorts the names and so loses the order of the file.
    points = []
    for values in itertools.product(*combined.values()):
        if len(points) == MOST_POINTS:
            raise Refused(f"{where}: more than {MOST_POINTS} points. Divide the sweep.")
        points.append(_point(dict(zip(combined, values)), label, notebook, known))
    return points


def _point(
    given: dict[Choice, Any], label: str, notebook: str, known: dict[str, Notebook]
) -> Point:
    own, shared = {}, {}
    for (target, name), value in given.items():
        values = own if target == notebook else shared.setdefault(target, {})
        values[name] = value
    in_name = {}  # in an order of its own, whatever the file looks like: the random seed last
    for target in dict.fromkeys((notebook, *known)):
        for name in sorted(known[target].parameters, key=OVER.__eq__):
            if (target, name) in given:
                column = name if target == notebook else f"{target}.{name}"
                in_name[column] = given[target, name]
    return Point(_folder_name(in_name, "point"), own, shared, label)


def _folder_name(values: dict[str, Any], alone: str) -> str:
    """A folder's name made of values: readable, and unlike that of any other values."""
    if not values:
        return alone
    words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values.values()]
    readable = "-".join(re.sub(r"\W+", "_", word).strip("_") for word in words)
    return f"{readable[:LONGEST_NAME].strip('-_')}-{files.digest(sorted(values.items()))[:8]}"


def _check_points(points: list[Point], path: Path) -> None:
    names = set()
    for point in points:
        if point.name in names:
            words = ", ".join(f"{key}: {value!r}" for key, value in point.columns().items())
            raise Refused(f"{path}: two points are the same ({words}). Leave one out.")
        names.add(point.name)
    if len(points) > MOST_POINTS:
        found = f"{len(points)} points, expected at most {MOST_POINTS}"
        raise Refused(f"{path}: {found}. Divide the sweep.")
