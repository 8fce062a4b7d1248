"""Strict check of what a person asks for: notebooks, parameters, profiles, data, folders. Nothing starts before it has passed."""

import ast
import contextlib
import difflib
import io
import json
import math
import re
import tokenize
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from brainlib import record as runs
from brainlib.record import read_apart  # noqa: F401
from brainlib.run.provenance import source

DATA = ("phantom", "ixi-sample", "ixi")
COMMON = ("data", "out", "seed")  # every notebook has these
OWN_OPTION = {"data": "--data", "out": "--out"}
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a dictionary",
}
TITLES = {"minutes", "parameters", "cell_timeout_minutes", "start_timeout_minutes"}


class Refused(ValueError):
    """What was asked for is not possible: said in one line, exit code 2."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook: its name, default, the comment beside it and the values that the comment allows."""

    name: str
    default: object
    comment: str
    choices: tuple = ()


@dataclass(frozen=True)
class Notebook:
    """A notebook of the table: what it needs, its title, its parameters by name, its cells."""

    name: str
    path: Path
    needs: tuple
    title: str
    parameters: dict
    cells: list = field(repr=False)


@dataclass(frozen=True)
class Profile:
    """Budgets in minutes by notebook, time-outs, and parameters: common ones and by notebook."""

    name: str
    minutes: dict
    cell_timeout_minutes: float
    start_timeout_minutes: float
    common: dict
    own: dict


def did_you_mean(wrong, known):
    """' Did you mean 'right'?' or the list of what is known."""
    close = difflib.get_close_matches(
        str(wrong).lower(), [str(name) for name in known], n=1, cutoff=0.5
    )
    return (
        f" Did you mean {close[0]}?"
        if close
        else f" There {'are' if len(known) > 1 else 'is'}: {', '.join(map(str, known))}."
    )


# Notebooks and their parameters


def read_table(snakefile):
    """The table of notebooks/Snakefile, as `record.read_table`; raises Refused where there is none."""
    try:
        return runs.read_table(snakefile)
    except ValueError as error:
        raise Refused(str(error)) from None


def read_notebooks(names, table, folder=None):
    """Reads the named notebooks; dict of name -> Notebook. Raises Refused for one that is missing or malformed."""
    return {
        name: _read_notebook(Path(folder or runs.NOTEBOOKS) / f"{name}.ipynb", table[name])
        for name in names
    }


def _read_notebook(path, needs):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = content["cells"]
    except FileNotFoundError:
        raise Refused(
            f"{path}: the table in notebooks/Snakefile names this notebook, but there is no such file."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{path}: expected a notebook of format 4, could not read it.") from None
    headings = [
        line.lstrip("# ").strip()
        for cell in cells
        if cell["cell_type"] == "markdown"
        for line in source(cell).splitlines()
        if line.startswith("#")
    ]
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise Refused(f"{path}: expected one cell tagged `parameters`, found {len(tagged)}.")
    parameters = read_parameters(source(tagged[0]), path)
    absent = [name for name in COMMON if name not in parameters]
    if absent:
        raise Refused(
            f"{path}: expected the parameters {', '.join(COMMON)}; {', '.join(absent)} is missing."
        )
    return Notebook(
        path.stem, path, tuple(needs), headings[0] if headings else path.stem, parameters, cells
    )


def read_parameters(text, where):
    """Parameters of a cell that holds `name = literal  # comment` and nothing else; dict of name -> Parameter."""
    lines = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for node in ast.parse(text).body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign) and len(node.targets) == 1
            else getattr(node, "target", None)
        )
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(target, ast.Name):
            raise Refused(
                f"{where}: expected only `name = literal  # comment` in its parameters, found: {ast.unparse(node)}"
            )
        try:
            default = ast.literal_eval(node.value)
        except (ValueError, TypeError):
            raise Refused(
                f"{where}: expected a literal for {target.id}, found: {ast.unparse(node)}"
            ) from None
        if not isinstance(default, (bool, int, float, str, list, dict, type(None))):
            kind = type(default).__name__
            raise Refused(
                f"{where}: {target.id} is a {kind}; papermill can pass numbers, texts, lists and dicts."
            )
        comment = _whole_comment(lines, node.end_lineno)
        if not comment:
            raise Refused(f"{where}: expected a comment beside {target.id} that says what it is.")
        choices = re.search(r"one of:\s*([^;]*)", comment)
        words = (
            tuple(
                piece.split()[0].strip("'\",.()")
                for piece in choices[1].split("|")
                if piece.split()
            )
            if choices
            else ()
        )
        found[target.id] = Parameter(target.id, default, comment, words)
        conform(found[target.id], default, f"{where}: {target.id}")
    return found


def _whole_comment(comments, line):
    """The comment beside a parameter; lines below it that begin with `# |` continue its choices."""
    whole = comments.get(line, "")
    while comments.get(line + 1, "").startswith("|"):
        line += 1
        whole = f"{whole} {comments[line]}"
    return whole


def resolve(words, table):
    """Names of notebooks for `04`, `04_vae`, `vae` or a file name; in the order of the table."""
    names = list(table)
    chosen = set()
    for word in words:
        stem = Path(word).name.removesuffix(".ipynb")
        number = f"{int(stem):02d}" if stem.isdecimal() else None
        match = [
            name
            for name in names
            if stem in (name, name.split("_", 1)[-1]) or name.split("_")[0] == number
        ]
        if not match:
            known = names + [name.split("_", 1)[-1] for name in names]
            close = difflib.get_close_matches(stem.lower(), known, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(names)}."
            raise Refused(f"notebook {word!r}: there is none of that name.{hint}")
        chosen.update(match)
    return [name for name in names if name in chosen]


def with_needs(names, table):
    """The named notebooks and all that they need, in the order of the table."""
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += table[name]
    return [name for name in table if name in wanted]


# Values


def conform(parameter, value, where):
    """The value in the type of the parameter's default; raises Refused where it is of another type or not allowed."""
    value = _typed(parameter.default, value, where, free="further keys" in parameter.comment)
    for item in value if isinstance(value, list) else [value]:
        if parameter.choices and str(item) not in parameter.choices:
            close = difflib.get_close_matches(str(item), parameter.choices, n=1)
            raise Refused(
                f"{where}: expected one of {', '.join(parameter.choices)}, got {item!r}."
                + (f" Did you mean {close[0]}?" if close else "")
            )
    return value


def _typed(default, value, where, free=False):
    """free: a dictionary may have keys that its default has not, of any literal."""
    kind = type(default)
    if default is None:
        if not isinstance(value, (bool, int, float, str, list, dict, type(None))):
            raise Refused(f"{where}: expected a number, a text, a list or nothing, got {value!r}.")
        return value
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            value = float(value)  # YAML reads 1e-3 as a text
        except (ValueError, OverflowError):
            pass
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise Refused(
            f"{where}: expected {KINDS[kind]} such as {default!r} (the default), got {value!r}."
        )
    if kind is list and default and len({type(item) for item in default}) == 1:
        return [
            _typed(default[0], item, f"{where}, element {position}")
            for position, item in enumerate(value, 1)
        ]
    if kind is dict:
        for key in value:
            mistyped = difflib.get_close_matches(str(key), list(default), n=1, cutoff=0.8)
            if key not in default and (mistyped or not free):
                raise Refused(f"{where}: there is no {key!r}.{did_you_mean(key, list(default))}")
        more = {key: item for key, item in value.items() if key not in default}
        return {
            key: _typed(default[key], value.get(key, default[key]), f"{where}, {key}", free)
            for key in default
        } | more
    return value


def from_text(default, text):
    """What a word of the command line means beside this default: a literal, never code; a str where it is none."""
    text = text.strip()
    if isinstance(default, str):
        return _literal(text) if re.fullmatch(r"(['\"]).*\1", text) else text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(default, list):
        whole = _literal(text)
        if isinstance(whole, list):
            return whole
        pieces = re.sub(r"^\[(.*)\]$", r"\1", text).split(",")
        return [
            from_text(default[0] if default else None, piece) for piece in pieces if piece.strip()
        ]
    if default is None and text.lower() in ("none", "null"):
        return None
    return _literal(text)


def _literal(text):
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        with contextlib.suppress(ValueError, RecursionError):  # {"kmeans_start": true}
            return json.loads(text) if text.startswith(("[", "{")) else text
        return text
    return list(value) if isinstance(value, tuple) else value


# Profiles


def profiles(folder=None):
    """Names of the profiles beside the notebooks."""
    return sorted(
        path.stem for path in (Path(folder or runs.NOTEBOOKS) / "profiles").glob("*.yaml")
    )


def read_profile(name, table, notebooks, folder=None):
    """Reads a profile and checks every name and value in it against the table and the notebooks at hand."""
    if name not in profiles(folder):
        raise Refused(
            f"--profile {name}: there is no such profile.{did_you_mean(name, profiles(folder))}"
        )
    path = Path(folder or runs.NOTEBOOKS) / "profiles" / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Refused(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise Refused(
            f"{path}: expected sections such as minutes and parameters, got {type(content).__name__}."
        )
    for key, section in content.items():
        if key not in TITLES and key not in table:
            raise Refused(
                f"{path}: {key!r} is neither a setting nor a notebook.{did_you_mean(key, [*TITLES, *table])}"
            )
        if (key in table or key in ("minutes", "parameters")) and not isinstance(section, dict):
            raise Refused(f"{path}, {key}: expected names with values, got {section!r}.")
    minutes = {
        key: _minutes(value, f"{path}, minutes, {key}")
        for key, value in content.get("minutes", {}).items()
    }
    for key in minutes:
        if key not in table:
            raise Refused(
                f"{path}, minutes: there is no notebook {key!r}.{did_you_mean(key, list(table))}"
            )
    own = {
        key: _section(content[key], notebooks[key], f"{path}, {key}")
        for key in content
        if key in notebooks
    }
    common = content.get("parameters", {})
    _check_common(common, notebooks, f"{path}, parameters")
    return Profile(
        name,
        minutes,
        _minutes(content.get("cell_timeout_minutes", 60), f"{path}, cell_timeout_minutes"),
        _minutes(content.get("start_timeout_minutes", 2), f"{path}, start_timeout_minutes"),
        common,
        own,
    )


def _minutes(value, where):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise Refused(f"{where}: expected minutes above 0, got {value!r}.")
    return float(value)


def _section(values, notebook, where):
    for name in values:
        _known(name, notebook.parameters, f"{where}: {notebook.name}")
    return {
        name: conform(notebook.parameters[name], value, f"{where}, {name}")
        for name, value in values.items()
    }


def _check_common(values, notebooks, where):
    everything = {name for notebook in notebooks.values() for name in notebook.parameters}
    for name, value in values.items():
        _known(name, sorted(everything), where)
        for notebook in notebooks.values():
            if name in notebook.parameters:
                conform(notebook.parameters[name], value, f"{where}, {name}")


def _known(name, known, where):
    if name in OWN_OPTION:
        raise Refused(f"{where}: {name} is set by {OWN_OPTION[name]}.")
    if name not in known:
        own = [other for other in known if other not in OWN_OPTION]
        raise Refused(f"{where} has no parameter {name!r}.{did_you_mean(name, own)}")


# The parameters of a run


def parameters_of(notebooks, profile, settings, *, data, out):
    """Parameters of each notebook: its defaults, the profile's common ones and its own, then -p for all and -p for one.

    Args:
        notebooks: dict of name -> Notebook: those of this run.
        profile: Profile.
        settings: list of the texts given to -p.
        data: text for the parameter `data`.
        out: text for the parameter `out`.

    Returns:
        Dict of notebook name -> dict of parameter -> value.
    """
    result = {}
    for name, notebook in notebooks.items():
        values = {key: parameter.default for key, parameter in notebook.parameters.items()}
        values |= {
            key: conform(notebook.parameters[key], value, key)
            for key, value in profile.common.items()
            if key in values
        }
        result[name] = values | profile.own.get(name, {}) | {"data": data, "out": out}
    for own in (False, True):  # what is said to one notebook wins over what is said to all
        for setting in settings:
            target, name, text = split_setting(setting)
            if bool(target) == own:
                _apply(result, notebooks, setting, target, name, text)
    return result


def split_setting(setting):
    """('04_vae' or '', name, text) of NAME=VALUE or NOTEBOOK.NAME=VALUE."""
    match = re.fullmatch(r"(?:([\w-]+)\.)?([A-Za-z_]\w*)=(.*)", setting, re.DOTALL)
    if not match:
        raise Refused(f"-p {setting}: expected NAME=VALUE or NOTEBOOK.NAME=VALUE.")
    return match[1] or "", match[2], match[3]


def _apply(result, notebooks, setting, target, name, text):
    try:
        names = resolve([target], notebooks) if target else list(notebooks)
    except Refused as error:
        raise Refused(f"-p {setting}: in this run, {error}") from None
    chosen = [notebooks[key] for key in names]
    known = sorted({key for notebook in chosen for key in notebook.parameters})
    _known(name, known, f"-p {setting}: " + (names[0] if target else "this run"))
    for notebook in chosen:
        if name in notebook.parameters:
            parameter = notebook.parameters[name]
            if isinstance(
                parameter.default, dict
            ):  # what -p leaves out of a dictionary stays as the profile has it
                parameter = replace(parameter, default=result[notebook.name][name])
            result[notebook.name][name] = conform(
                parameter, from_text(parameter.default, text), f"-p {setting}"
            )
