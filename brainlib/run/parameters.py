"""The parameters of a notebook: read from its cell, and values checked against them by pydantic."""

import ast
import contextlib
import difflib
import functools
import io
import json
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict  # typing's own has no pydantic before Python 3.12

from brainlib.run.refused import Refused, checked, did_you_mean

PLAIN = (bool, int, float, str, list, dict, type(None))  # what papermill can pass on
OPEN_KEYS = (
    "further keys"  # in the comment of a dictionary that may have more keys than its default
)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a notebook.

    Attributes:
        name: of the variable.
        default: its value in the notebook.
        comment: that stands beside it.
        choices: the texts that the comment allows (`one of: a | b`); none: any.
        limits: least and largest number that are allowed; None: no limit.
    """

    name: str
    default: Any
    comment: str
    choices: tuple = ()
    limits: tuple[float | None, float | None] = (None, None)

    @property
    def is_existing_path(self) -> bool:
        """Whether a value must be a path at which there is something; the comment says existing."""
        return isinstance(self.default, str) and bool(re.search(r"\bexisting\b", self.comment))

    @cached_property
    def kind(self) -> TypeAdapter:
        """The type of its values, as pydantic checks it."""
        allowed = tuple(from_text(_example(self.default), word) for word in self.choices)
        return TypeAdapter(_type_of(self.default, allowed, OPEN_KEYS in self.comment))


def conform(parameter: Parameter, value: Any, where: str) -> Any:
    """The value in the type of the parameter's default.

    A dictionary gets the keys that it leaves out from the default. Raises Refused where the value
    has another type or is not allowed; `where` says who asked for it.
    """
    default, choices = parameter.default, parameter.choices
    value = checked(parameter.kind, value, where, default=default, choices=choices)
    for number in value if isinstance(value, list) else [value]:
        _refuse_outside(number, parameter.limits, where)
    _refuse_outside_inside(value, default, where)
    return value


def _refuse_outside_inside(value: Any, default: Any, where: str) -> None:
    """Raises Refused for a number of a dictionary below 0 where its default is not."""
    if not isinstance(value, dict) or not isinstance(default, dict):
        return
    for key, usual in default.items():
        here = f"{where}, {key}"
        for number in value[key] if isinstance(value[key], list) else [value[key]]:
            _refuse_outside(number, _limits(usual, ""), here)
        _refuse_outside_inside(value[key], usual, here)


def _refuse_outside(value: Any, limits: tuple[float | None, float | None], where: str) -> None:
    """Raises Refused for a number outside of its limits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    least, most = limits
    if least is not None and value < least:
        raise Refused(f"{where}: expected a number of at least {least:g}, got {value}.")
    if most is not None and value > most:
        raise Refused(f"{where}: expected a number of at most {most:g}, got {value}.")


# Types


def _type_of(default: Any, choices: tuple = (), open_keys: bool = False) -> Any:
    """The type of values that resemble a default; open_keys: dictionaries may have further keys."""
    if default is None:
        return Annotated[Any, AfterValidator(_plain)]
    if isinstance(default, dict):
        return _dictionary(default, open_keys)
    if isinstance(default, list):
        return Annotated[list[_element(default, choices)], Field(strict=True)]
    return Literal[choices] if choices else SCALARS[type(default)]


def _element(default: list, choices: tuple) -> Any:
    """The type of a list's elements: that of the default's, where these are all of one type."""
    if choices:
        return Literal[choices]
    return _type_of(default[0]) if len(set(map(type, default))) == 1 else Any


def _dictionary(default: dict, open_keys: bool) -> Any:
    kinds = {key: _type_of(item, open_keys=open_keys) for key, item in default.items()}
    shape = with_config(ConfigDict(extra="allow"))(TypedDict("Options", kinds))
    return Annotated[shape, BeforeValidator(functools.partial(_completed, default, open_keys))]


def _completed(default: dict, open_keys: bool, value: Any) -> Any:
    """A dictionary with the keys that it leaves out; refuses unknown and mistyped keys."""
    if not isinstance(value, dict):
        return value
    for key in value:
        mistyped = difflib.get_close_matches(str(key), list(default), n=1, cutoff=0.8)
        if key not in default and (mistyped or not open_keys):
            raise ValueError(f"there is no {key!r}.{did_you_mean(key, list(default))}")
    return {**default, **value}


def _plain(value: Any) -> Any:
    if not isinstance(value, PLAIN):
        raise ValueError(f"expected a number, a text, a list or nothing, got {value!r}.")
    return value


def _number(value: Any) -> Any:
    """YAML reads 1e-3 as a text."""
    with contextlib.suppress(ValueError, OverflowError):
        return float(value) if isinstance(value, str) else value
    return value


SCALARS = {
    bool: StrictBool,
    int: StrictInt,
    float: Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(_number)],
    str: StrictStr,
}


# The cell


def read_parameters(text: str, where: Path | str) -> dict[str, Parameter]:
    """Parameters of a cell that holds `name = literal  # comment` and nothing else, by name."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    found = {}
    for node in ast.parse(text).body:
        name, default = _assignment(node, where)
        # Of a value in brackets of its own, the comment stands beside the value.
        ends = (node.end_lineno, node.value.end_lineno)
        comment = next(filter(None, (_whole_comment(comments, end) for end in ends)), "")
        if not comment:
            raise Refused(f"{where}: expected a comment beside {name} that says what it is.")
        limits = _limits(default, comment)
        found[name] = Parameter(name, default, comment, _choices(comment), limits)
        conform(found[name], default, f"{where}: {name}")
    return found


def with_values(text: str, values: dict[str, Any]) -> str:
    """The cell of parameters with other values, its comments as they are."""
    lines = text.encode().splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        name, default = _assignment(node, "parameters")
        if values.get(name, default) == default:
            continue
        begin, end = node.value.lineno - 1, node.value.end_lineno - 1
        before = lines[begin][: node.value.col_offset]
        after = lines[end][node.value.end_col_offset :]
        lines[begin : end + 1] = [before + repr(values[name]).encode() + after]
    return b"".join(lines).decode()


def _assignment(node: ast.stmt, where: Path | str) -> tuple[str, Any]:
    """Name and value of `name = literal`."""
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    assigns = isinstance(node, (ast.Assign, ast.AnnAssign)) and len(targets) == 1
    if not assigns or not isinstance(targets[0], ast.Name):
        wanted = "`name = literal  # comment`"
        found = ast.unparse(node)
        raise Refused(f"{where}: expected only {wanted} in its parameters, found: {found}")
    name = targets[0].id
    try:
        default = ast.literal_eval(node.value)
    except (ValueError, TypeError):
        found = ast.unparse(node)
        raise Refused(f"{where}: expected a literal for {name}, found: {found}") from None
    if not isinstance(default, PLAIN):
        kind = type(default).__name__
        papermill = "papermill can pass numbers, texts, lists and dicts"
        raise Refused(f"{where}: {name} is a {kind}; {papermill}.")
    return name, default


def _whole_comment(comments: dict[int, str], line: int) -> str:
    """The comment beside a parameter; lines below that begin with `# |` continue its choices."""
    whole = comments.get(line, "")
    while comments.get(line + 1, "").startswith("|"):
        line += 1
        whole = f"{whole} {comments[line]}"
    return whole


def _choices(comment: str) -> tuple[str, ...]:
    """The words of `one of: mild | strong; ...`."""
    listed = re.search(r"one of:\s*([^;]*)", comment)
    pieces = listed[1].split("|") if listed else []
    return tuple(piece.split()[0].strip("'\",.()") for piece in pieces if piece.split())


def _limits(default: Any, comment: str) -> tuple[float | None, float | None]:
    """The numbers of `from 1` or `from 1 to 9` in a comment.

    Where the comment gives none, numbers whose default is not below 0 are not either.
    """
    given = re.search(r"\bfrom (-?\d[\d.]*\b)(?: to (-?\d[\d.]*\b))?", comment)
    if given:
        return float(given[1]), float(given[2]) if given[2] else None
    numbers = default if isinstance(default, list) else [default]
    are_numbers = all(isinstance(number, (int, float)) for number in numbers)
    return (0 if numbers and are_numbers and min(numbers) >= 0 else None), None


# Words of the command line


def from_text(default: Any, text: str) -> Any:
    """What a word of the command line means beside this default.

    A literal, never code; a str where it is none.
    """
    text = text.strip()
    if isinstance(default, str):
        return _literal(text) if re.fullmatch(r"(['\"]).*\1", text) else text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(default, list):
        return _list_from_text(default, text)
    if default is None and text.lower() in ("none", "null"):
        return None
    return _literal(text)


def _list_from_text(default: list, text: str) -> list:
    whole = _literal(text)
    if isinstance(whole, list):
        return whole
    pieces = re.sub(r"^\[(.*)\]$", r"\1", text).split(",")
    return [from_text(_example(default), piece) for piece in pieces if piece.strip()]


def _example(default: Any) -> Any:
    """An element of a list; None where it is empty."""
    if isinstance(default, list):
        return default[0] if default else None
    return default


def _literal(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        with contextlib.suppress(ValueError, RecursionError):  # {"kmeans_start": true}
            return json.loads(text) if text.startswith(("[", "{")) else text
        return text
    return list(value) if isinstance(value, tuple) else value
