"""What is wrong with what a person asked for, said in one line."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

EXPECTED = {  # pydantic's type of an error -> what was expected, for a person
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "greater_than": "a number above 0",
    "string_type": "a text",
    "string_too_short": "a text",
    "missing": "a text",  # what files must have are texts
    "list_type": "a list",
    "too_short": "a list with at least one element",
    "dict_type": "names with values",
}


class Refused(ValueError):
    """What was asked for is not possible: said in one line, exit code 2."""


def closest(wrong: object, known: Iterable[object], cutoff: float = 0.5) -> str:
    """' Did you mean right?', or '' where nothing known resembles it."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(str(wrong), names, n=1, cutoff=cutoff)
    return f" Did you mean {close[0]}?" if close else ""


def did_you_mean(wrong: object, known: Sequence[object]) -> str:
    """' Did you mean right?', or the list of what is known."""
    verb = "are" if len(known) > 1 else "is"
    every = f" There {verb}: {', '.join(map(str, known))}."
    return closest(str(wrong).lower(), known) or every


def checked(
    kind: TypeAdapter, value: Any, where: str, *, default: Any = None, choices: Sequence[str] = ()
) -> Any:
    """The value as pydantic reads it; raises Refused, which says where the first fault is.

    Args:
        kind: the type that it must have.
        value: what a person wrote.
        where: the file or the option that it stands in.
        default: a right value, to be shown beside a wrong one.
        choices: the texts that are allowed, where only some are.
    """
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise Refused(_in_words(error.errors()[0], where, default, choices)) from None


def _in_words(error: dict, where: str, default: Any, choices: Sequence[str]) -> str:
    for step in error["loc"]:
        where += f", element {step + 1}" if isinstance(step, int) else f", {step}"
        default = _inside(default, step)
    value, kind = error.get("input"), error["type"]
    if kind == "value_error":  # one of our own validators
        return f"{where}: {error['ctx']['error']}"
    if kind == "literal_error":
        allowed = ", ".join(map(str, choices))
        return f"{where}: expected one of {allowed}, got {value!r}.{closest(value, choices, 0.6)}"
    if kind == "missing":
        value = None
    expected = EXPECTED.get(kind, error["msg"])
    such_as = "" if default is None else f" such as {default!r} (the default)"
    return f"{where}: expected {expected}{such_as}, got {value!r}."


def _inside(default: Any, step: str | int) -> Any:
    """The part of a default that stands where a part of a value is wrong."""
    if isinstance(default, dict):
        return default.get(step)
    if isinstance(default, list) and default:
        return default[0]
    return None
