"""What a run sets: a profile (a file of notebooks/profiles), and over it the words after -p."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from brainlib import record
from brainlib.run.catalogue import Notebook, Table, resolve
from brainlib.run.parameters import conform, from_text
from brainlib.run.refused import Refused, checked, did_you_mean

OWN_OPTION = {"data": "--data", "out": "--out"}  # parameters that have an option of their own
MOST_ALIASES = 5  # of a YAML file
Minutes = Annotated[float, Field(strict=True, gt=0)]


class Profile(BaseModel):
    """Budgets in minutes by notebook, time-outs, and parameters: common ones and by notebook.

    `note` is told whenever the profile is used.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    note: str = ""
    minutes: dict[str, Minutes] = {}
    cell_timeout_minutes: Minutes = 60
    start_timeout_minutes: Minutes = 2
    parameters: dict[str, Any] = {}
    notebooks: dict[str, dict[str, Any]] = {}


PROFILE = TypeAdapter(Profile)
SECTIONS = [name for name in Profile.model_fields if name not in ("name", "notebooks")]


def profiles(folder: Path | None = None) -> list[str]:
    """Names of the profiles beside the notebooks."""
    folder = Path(folder or record.NOTEBOOKS)
    return sorted(path.stem for path in (folder / "profiles").glob("*.yaml"))


def read_yaml(path: Path | str) -> Any:
    """What a YAML file holds; raises Refused where it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        # A few lines of aliases of aliases can stand for billions of values.
        if sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)) > MOST_ALIASES:
            raise Refused(
                f"{path}: expected at most {MOST_ALIASES} aliases (*name). Write them out."
            )
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refused(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def read_profile(
    name: str, table: Table, notebooks: dict[str, Notebook], folder: Path | None = None
) -> Profile:
    """Reads a profile; every name and value is checked against the table and the notebooks."""
    known = profiles(folder)
    if name not in known:
        raise Refused(f"--profile {name}: there is no such profile.{did_you_mean(name, known)}")
    path = Path(folder or record.NOTEBOOKS) / "profiles" / f"{name}.yaml"
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise Refused(f"{path}: expected sections such as minutes and parameters, got {kind}.")
    for key in content:
        if key not in SECTIONS and key not in table:
            hint = did_you_mean(key, [*SECTIONS, *table])
            raise Refused(f"{path}: {key!r} is neither a setting nor a notebook.{hint}")
    sections = {key: content[key] for key in content if key in SECTIONS}
    own = {key: content[key] for key in content if key in table}
    profile = checked(PROFILE, {"name": name, "notebooks": own, **sections}, str(path))
    for key in profile.minutes:
        if key not in table:
            hint = did_you_mean(key, list(table))
            raise Refused(f"{path}, minutes: there is no notebook {key!r}.{hint}")
    _check_common(profile.parameters, notebooks, f"{path}, parameters")
    own = {
        key: _section(values, notebooks[key], f"{path}, {key}")
        for key, values in profile.notebooks.items()
        if key in notebooks
    }
    return profile.model_copy(update={"notebooks": own})


def _section(values: dict, notebook: Notebook, where: str) -> dict:
    """A notebook's own values, each in its type."""
    for name in values:
        check_name(name, list(notebook.parameters), f"{where}: {notebook.name}")
    return {
        name: conform(notebook.parameters[name], value, f"{where}, {name}")
        for name, value in values.items()
    }


def _check_common(values: dict, notebooks: dict[str, Notebook], where: str) -> None:
    """Values for every notebook that has the parameter must be right for each of them."""
    known = _all_parameters(notebooks.values())
    for name, value in values.items():
        check_name(name, known, where)
        for notebook in notebooks.values():
            if name in notebook.parameters:
                conform(notebook.parameters[name], value, f"{where}, {name}")


def _all_parameters(notebooks: Iterable[Notebook]) -> list[str]:
    found = set()
    for notebook in notebooks:
        found.update(notebook.parameters)
    return sorted(found)


def check_name(name: str, known: Sequence[str], where: str) -> None:
    """Raises Refused for a parameter that is unknown or has an option of its own."""
    if name in OWN_OPTION:
        raise Refused(f"{where}: {name} is set by {OWN_OPTION[name]}.")
    if name not in known:
        own = [other for other in known if other not in OWN_OPTION]
        raise Refused(f"{where} has no parameter {name!r}.{did_you_mean(name, own)}")


def parameters_of(
    notebooks: dict[str, Notebook], profile: Profile, words: Sequence[str], *, data: str, out: str
) -> dict[str, dict[str, Any]]:
    """Parameters of each notebook of a run, by name.

    First its defaults, then the profile's common ones and its own, then -p for all and for one.

    Args:
        notebooks: those of this run, by name.
        profile: the profile.
        words: the texts given to -p.
        data: value of the parameter `data`.
        out: value of the parameter `out`.
    """
    result = {}
    for name, notebook in notebooks.items():
        values = {key: parameter.default for key, parameter in notebook.parameters.items()}
        for key, value in profile.parameters.items():
            if key in values:
                values[key] = conform(notebook.parameters[key], value, key)
        result[name] = values | profile.notebooks.get(name, {}) | {"data": data, "out": out}
    for of_one_notebook in (False, True):  # the latter wins
        for word in words:
            target, name, text = split_setting(word)
            if bool(target) == of_one_notebook:
                _apply(result, notebooks, word, target, name, text)
    return result


def with_dictionaries_of(profile: Profile, notebooks: dict[str, Notebook]) -> dict[str, Notebook]:
    """The notebooks with the profile's dictionaries as defaults.

    So what a point of a sweep leaves out of a dictionary stays as the profile has it.
    """
    result = {}
    for name, notebook in notebooks.items():
        values = {**profile.parameters, **profile.notebooks.get(name, {})}
        own = {
            key: replace(parameter, default=values[key])
            for key, parameter in notebook.parameters.items()
            if isinstance(parameter.default, dict) and key in values
        }
        result[name] = replace(notebook, parameters={**notebook.parameters, **own})
    return result


def split_setting(word: str) -> tuple[str, str, str]:
    """('04_vae' or '', name, text) of NAME=VALUE or NOTEBOOK.NAME=VALUE."""
    match = re.fullmatch(r"(?:([\w-]+)\.)?([A-Za-z_]\w*)=(.*)", word, re.DOTALL)
    if not match:
        raise Refused(f"-p {word}: expected NAME=VALUE or NOTEBOOK.NAME=VALUE.")
    return match[1] or "", match[2], match[3]


def _apply(
    result: dict, notebooks: dict[str, Notebook], word: str, target: str, name: str, text: str
) -> None:
    """Sets what one -p says in the parameters of the notebooks that have the name."""
    try:
        names = resolve([target], notebooks) if target else list(notebooks)
    except Refused as error:
        raise Refused(f"-p {word}: in this run, {error}") from None
    chosen = [notebooks[key] for key in names]
    whose = names[0] if target else "this run"
    check_name(name, _all_parameters(chosen), f"-p {word}: {whose}")
    for notebook in chosen:
        if name in notebook.parameters:
            parameter, values = notebook.parameters[name], result[notebook.name]
            if isinstance(
                parameter.default, dict
            ):  # what -p leaves out stays as the profile has it
                parameter = replace(parameter, default=values[name])
            values[name] = conform(parameter, from_text(parameter.default, text), f"-p {word}")
