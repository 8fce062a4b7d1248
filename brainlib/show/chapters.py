"""What the chapters of a run are about and what they found, from what they handed on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from brainlib.record import NotRunYet
from brainlib.show import findings as found_things
from brainlib.show.findings import VERDICTS


class Heading(NamedTuple):
    """A chapter in words, for somebody who has not read it.

    Attributes:
        title: its heading.
        about: what happens in it.
    """

    title: str
    about: str


def heading(notebook: str) -> Heading:
    """The heading of a chapter; its name where it is a notebook of one's own."""
    known = found_things.chapters_in_words().get(notebook)
    return Heading(known["title"], known["about"]) if known else Heading(notebook, "")


def read_results(folder: Path | str) -> list[dict[str, Any]]:
    """What the chapters of a run handed on, in their order, but for the report's own.

    Raises:
        NotRunYet: there is nothing to report on.
    """
    results = found_things.read_results(folder)
    if not results:
        raise NotRunYet(
            f"A report needs chapters that have run, and none has a result in {folder} yet. Run "
            f"this in a terminal, in the project's folder: ./run_all.sh --out {folder}"
        )
    return results


def findings(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per finding: `chapter`, `claim`, `verdict` and `words`."""
    found = found_things.found_in(results)
    rows = [(one.chapter, one.claim, one.verdict, one.words) for one in found]
    return pd.DataFrame(rows, columns=["chapter", "claim", "verdict", "words"])


def summary(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per chapter: its heading, how many findings of each verdict, figures and tables."""
    found = findings(results)
    rows = []
    for result in results:
        name = result["notebook"]
        verdicts = found.verdict[found.chapter == name]
        row = {"chapter": name, "heading": heading(name).title}
        row |= {verdict: int((verdicts == verdict).sum()) for verdict in VERDICTS}
        row |= {"figures": len(result["figures"]), "tables": len(result["tables"])}
        rows.append(row)
    return pd.DataFrame(rows)


def counts_in_words(results: Sequence[dict[str, Any]]) -> str:
    """How many claims met which verdict: "12 claims were put to the test: 7 shown, ..."."""
    return found_things.counts_in_words(found_things.found_in(results))
