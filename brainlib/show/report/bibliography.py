"""The works that a report cites: numbered in the order of their first citation."""

import functools
from collections.abc import Iterable
from pathlib import Path

import pybtex
from pybtex.database import parse_file

from brainlib.show.report import inline
from brainlib.show.report.document import Reference

BIBLIOGRAPHY = Path(__file__).with_name("bibliography.bib")


@functools.cache
def known_keys() -> frozenset[str]:
    """Keys of the works in the BibTeX file."""
    return frozenset(parse_file(str(BIBLIOGRAPHY)).entries)


def references(texts: Iterable[str]) -> tuple[Reference, ...]:
    """The works that these texts cite, in the order of their first citation.

    Raises:
        KeyError: a key that the BibTeX file does not have.
    """
    keys = []
    for text in texts:
        keys += inline.cited(text)
    keys = list(dict.fromkeys(keys))
    unknown = [key for key in keys if key not in known_keys()]
    if unknown:
        raise KeyError(
            f"{BIBLIOGRAPHY.name} has no work {', '.join(unknown)}; add it, or mend the key."
        )
    return tuple(Reference(key, entry) for key, entry in zip(keys, _entries(keys)))


def _entries(keys: list[str]) -> list[str]:
    """The entries as a numbered bibliography prints them."""
    if not keys:
        return []
    printed = pybtex.format_from_file(
        str(BIBLIOGRAPHY), style="unsrt", citations=keys, output_backend="plaintext"
    )
    return [_without_number(line) for line in printed.splitlines() if line.strip()]


def _without_number(line: str) -> str:
    return line.split("] ", 1)[1].strip()
