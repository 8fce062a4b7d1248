"""A sweep: one notebook over a grid of parameters, written as YAML and checked before anything starts.

title: Seed 003, table 5.2
source: seed 003, tables 5.2, 5.4 and 5.5
notebook: 11_experiment
results: experiment                     # the table that each point writes
parameters:                             # a list: its values in turn; anything else: the same for all points
  loss: [mse, dssim]
  seed: [0, 1, 2]
  02_slice_selection.brain_only: [false, true]     # of a notebook that it needs: such steps run once a value
points:                                 # combined with all of the above; what they name wins
  - {model: resnet_small}
  - {model: resnet_big, batch_size: [24, 32]}
"""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from brainlib import files
from brainlib import record as runs
from brainlib.run import parameters
from brainlib.run.parameters import Refused, did_you_mean

KEYS = ("title", "source", "note", "notebook", "results", "parameters", "points")
NEEDED = ("title", "notebook", "results")
MOST_POINTS = 2000
LONGEST_NAME = 70


@dataclass(frozen=True)
class Point:
    """One run of the notebook.

    name: of its folder, made of its values alone, so that it stays when the file grows; values: of the notebook's own
    parameters; shared: notebook -> values of those that it needs; label: a free text of the file.
    """

    name: str
    values: dict
    shared: dict
    label: str = ""

    @property
    def shared_name(self):
        """Name of the folder with the steps before: points that ask the same of them share one."""
        given = {
            f"{notebook}.{key}": value
            for notebook, values in self.shared.items()
            for key, value in values.items()
        }
        return _name(given, "common")

    def columns(self):
        """All that the file says about it, as dict of column -> value."""
        dotted = {
            f"{notebook}.{key}": value
            for notebook, values in self.shared.items()
            for key, value in values.items()
        }
        return {**({"label": self.label} if self.label else {}), **self.values, **dotted}


@dataclass(frozen=True)
class Sweep:
    """A sweep that passed the check. needed: the notebooks before, in their order; points: in the order of the file."""

    path: Path
    title: str
    source: str
    note: str
    notebook: str
    needed: tuple
    results: str
    points: tuple


def find(word):
    """The file of a sweep: a path, or the name of one in notebooks/sweeps."""
    path, own = Path(word), runs.NOTEBOOKS / "sweeps"
    if path.is_file():
        return path
    if (own / f"{word}.yaml").is_file():
        return own / f"{word}.yaml"
    names = sorted(file.stem for file in own.glob("*.yaml"))
    raise Refused(
        f"--sweep {word}: there is no such file"
        + (" or sweep." + did_you_mean(path.stem, names) if names else ".")
    )


def read(path, table, notebooks):
    """Reads and checks a sweep; every name and value in it is known and allowed, or Refused says which is not.

    Args:
        path: of the YAML file.
        table: notebook -> needs.
        notebooks: all notebooks at hand, name -> `arguments.Notebook`.
    """
    content = _content(path)
    notebook = _notebook(content["notebook"], table, f"{path}, notebook")
    needed = tuple(name for name in parameters.with_needs([notebook], table) if name != notebook)
    known = {name: notebooks[name] for name in (*needed, notebook)}
    grid = _values(content.get("parameters") or {}, notebook, known, f"{path}, parameters")
    entries = content.get("points")
    if entries is not None and (not isinstance(entries, list) or not entries):
        raise Refused(f"{path}, points: expected a list with at least one point, got {entries!r}.")
    chosen = []
    for number, entry in enumerate(entries or [{}], 1):
        chosen += _entry(entry, grid, notebook, known, f"{path}, points, number {number}")
    _check_names(chosen, path)
    texts = {key: str(content.get(key) or "") for key in ("title", "source", "note", "results")}
    return Sweep(Path(path), notebook=notebook, needed=needed, points=tuple(chosen), **texts)


def _content(path):
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise Refused(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise Refused(f"{path}: expected {', '.join(KEYS)}, got {type(content).__name__}.")
    for key in content:
        if key not in KEYS:
            raise Refused(f"{path}: a sweep has no {key!r}.{did_you_mean(key, KEYS)}")
    content["notebook"] = str(content.get("notebook") or "")  # 11 is a number to YAML
    for key in NEEDED:
        if not content.get(key) or not isinstance(content[key], str):
            raise Refused(f"{path}: expected {key}: a text, got {content.get(key)!r}.")
    if not content.get("parameters") and content.get("points") is None:
        raise Refused(f"{path}: expected parameters or points, found neither.")
    return content


def _notebook(word, table, where):
    try:
        names = parameters.resolve([word], table)
    except Refused as error:
        raise Refused(f"{where}: {error}") from None
    if len(names) != 1:
        raise Refused(f"{where}: expected one notebook, {word!r} names {', '.join(names)}.")
    return names[0]


def _values(section, notebook, known, where):
    """Alternatives of each parameter: dict of (notebook, parameter) -> list of values."""
    if not isinstance(section, dict):
        raise Refused(f"{where}: expected names with values, got {section!r}.")
    result = {}
    for key, value in section.items():
        target, _, name = str(key).rpartition(".")
        target = _notebook(target, known, where) if target else notebook
        parameters._known(name, known[target].parameters, f"{where}: {target}")
        parameter, here = known[target].parameters[name], f"{where}, {key}"
        alternatives = value if isinstance(value, list) else [value]
        if not alternatives:
            raise Refused(f"{here}: expected at least one value, got an empty list.")
        if isinstance(parameter.default, list) and not all(
            isinstance(one, list) for one in alternatives
        ):
            raise Refused(
                f"{here}: a value of it is a list, so expected a list of lists, got {value!r}."
            )
        conformed = [parameters.conform(parameter, one, here) for one in alternatives]
        if any(one in conformed[:place] for place, one in enumerate(conformed)):
            raise Refused(f"{here}: a value stands twice in {value!r}.")
        result[target, name] = conformed
    return result


def _entry(entry, grid, notebook, known, where):
    """The points of one entry of `points`, combined with the grid."""
    if not isinstance(entry, dict):
        raise Refused(f"{where}: expected names with values, got {entry!r}.")
    label = entry.get("label", "")
    if not isinstance(label, str):
        raise Refused(f"{where}, label: expected a text, got {label!r}.")
    own = _values(
        {key: value for key, value in entry.items() if key != "label"}, notebook, known, where
    )
    combined, points = {**grid, **own}, []
    for values in itertools.product(*combined.values()):
        given = dict(zip(combined, values))
        mine = {name: value for (target, name), value in given.items() if target == notebook}
        shared = {}
        for (target, name), value in given.items():
            if target != notebook:
                shared.setdefault(target, {})[name] = value
        order = [
            (target, name)
            for target in (notebook, *known)
            for name in sorted(known[target].parameters, key="seed".__eq__)
        ]
        dotted = {
            f"{target}.{name}" if target != notebook else name: given[target, name]
            for target, name in dict.fromkeys(order)
            if (target, name) in given
        }
        points.append(Point(_name(dotted, "point"), mine, shared, label))
        if len(points) > MOST_POINTS:
            raise Refused(f"{where}: more than {MOST_POINTS} points. Divide the sweep.")
    return points


def _name(values, alone):
    """A folder's name made of values: readable, and unlike that of any other values."""
    if not values:
        return alone
    readable = "-".join(
        re.sub(r"\W+", "_", f"{value:g}" if isinstance(value, float) else str(value)).strip("_")
        for value in values.values()
    )
    return f"{readable[:LONGEST_NAME].strip('-_')}-{files.digest(sorted(values.items()))[:8]}"


def _check_names(points, path):
    names = [point.name for point in points]
    for place, name in enumerate(names):
        if name in names[:place]:
            said = ", ".join(f"{key}: {value!r}" for key, value in points[place].columns().items())
            raise Refused(f"{path}: two points are the same ({said}). Leave one out.")
    if len(points) > MOST_POINTS:
        raise Refused(
            f"{path}: {len(points)} points, expected at most {MOST_POINTS}. Divide the sweep."
        )
