"""A line of the report in pieces: plain words, code, emphasis, references and citations."""

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from markdown_it import MarkdownIt

MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])
MARK = re.compile(r"\[((?:fig|tab|sec):[\w/.-]+|@[\w-]+(?:; ?@[\w-]+)*)\]")
PLAIN = re.compile(r"[\w ,.:;()%−–±<>/+-]+")  # words without any mark
KINDS = {"strong_open": "strong", "em_open": "emphasis"}


class Piece(NamedTuple):
    """Some words of a line.

    Attributes:
        text: the words.
        kind: "plain", "code", "emphasis", "strong", "reference" or "citation".
        target: what a reference or a citation points to, such as "fig:04_vae/loss".
    """

    text: str
    kind: str = "plain"
    target: str = ""


def pieces(text: str, labels: Mapping[str, str]) -> list[Piece]:
    """A line in pieces, its references as the words that a reader sees.

    Args:
        text: Markdown within a line.
        labels: what references are called: {"fig:04_vae/loss": "Figure 3", "@kingma2014": "4"}.

    Raises:
        KeyError: a reference to what is not in the report.
    """
    found = []
    for piece in _markdown(text):
        found += [piece] if piece.kind == "code" else _with_references(piece, labels)
    return found


def plain(text: str, labels: Mapping[str, str]) -> str:
    """A line without any emphasis, as a terminal or a list of figures shows it."""
    return "".join(piece.text for piece in pieces(text, labels))


def cited(text: str) -> list[str]:
    """Keys of the works that a line cites, in order."""
    keys = []
    for mark in MARK.findall(text):
        if mark.startswith("@"):
            keys += [key.strip().lstrip("@") for key in mark.split(";")]
    return keys


def referred(text: str) -> list[str]:
    """What a line refers to in the report, such as "fig:04_vae/loss"."""
    return [mark for mark in MARK.findall(text) if not mark.startswith("@")]


@functools.lru_cache(maxsize=65_536)  # each form of the report asks for each text
def _markdown(text: str) -> tuple[Piece, ...]:
    """The pieces that Markdown tells apart; emphasis inside emphasis counts as the inner one."""
    words = " ".join(str(text).split())
    if PLAIN.fullmatch(words):
        return (Piece(words),)
    tokens = MARKDOWN.parseInline(words)[0].children
    open_kinds, found = ["plain"], []
    for token in tokens:
        if token.type in KINDS:
            open_kinds.append(KINDS[token.type])
        elif token.type.endswith("_close"):
            open_kinds.pop()
        elif token.type == "code_inline":
            found.append(Piece(token.content, "code"))
        elif token.content:
            found.append(Piece(token.content, open_kinds[-1]))
    return tuple(found)


def _with_references(piece: Piece, labels: Mapping[str, str]) -> list[Piece]:
    """A piece cut where it refers to something."""
    cut, start = [], 0
    for mark in MARK.finditer(piece.text):
        cut.append(piece._replace(text=piece.text[start : mark.start()]))
        cut += _reference(mark[1], labels)
        start = mark.end()
    cut.append(piece._replace(text=piece.text[start:]))
    return [one for one in cut if one.text]


def _reference(mark: str, labels: Mapping[str, str]) -> list[Piece]:
    """[Figure 3], or the numbers of works in brackets, each a piece of its own."""
    if not mark.startswith("@"):
        return [Piece(labels[mark], "reference", mark)]
    keys = [key.strip() for key in mark.split(";")]
    found = [Piece("[")]
    for place, key in enumerate(keys):
        found += [Piece(", ")] if place else []
        found.append(Piece(labels[key], "citation", key))
    return [*found, Piece("]")]
