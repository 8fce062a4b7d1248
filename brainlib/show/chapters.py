"""What the chapters of a run are about and what they found, from what they handed on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from brainlib.record import NotRunYet

VERDICTS = ("shown", "not shown", "too few to decide")


class Heading(NamedTuple):
    """A chapter in words, for somebody who has not read it.

    Attributes:
        title: its heading.
        about: what happens in it.
    """

    title: str
    about: str


HEADINGS = {
    "01_explore": Heading(
        "The scans",
        "Which heads were used, how their files differ by scanner, and what is wrong with the "
        "table of participants.",
    ),
    "02_slice_selection": Heading(
        "From heads to pictures",
        "A head is cut into slices; only those with enough brain are kept. Five rules are "
        "compared on the same heads.",
    ),
    "03_split": Heading(
        "Who trains, who tests",
        "People, never slices, are divided, so that no network is tested on a person that it "
        "has seen.",
    ),
    "04_vae": Heading(
        "A variational autoencoder",
        "It presses each picture into a few numbers, rebuilds it, and draws new pictures from "
        "random numbers.",
    ),
    "05_vqvae": Heading(
        "A vector-quantised autoencoder",
        "It writes each picture as words of a learned codebook.",
    ),
    "06_vqgan": Heading(
        "An adversarial autoencoder", "A second network judges how real a picture looks."
    ),
    "07_ae_variants": Heading(
        "Autoencoders that restore",
        "Residual and skip-connection networks learn to mend corrupted pictures.",
    ),
    "08_evaluation": Heading(
        "How good are they?",
        "All models on the same test people, on clean and on corrupted pictures, beside "
        "simple references.",
    ),
    "09_anomaly_detection": Heading(
        "Finding what does not belong", "Networks that know healthy brains only look at others."
    ),
    "11_experiment": Heading(
        "What does one change do?", "One recipe is trained beside the same recipe with a change."
    ),
    "12_inspector": Heading(
        "What is wrong with these models?",
        "Every question that a model and a few pictures can answer.",
    ),
}


def heading(notebook: str) -> Heading:
    """The heading of a chapter; its name where it is a notebook of one's own."""
    return HEADINGS.get(notebook, Heading(notebook, ""))


def read_results(folder: Path | str) -> list[dict[str, Any]]:
    """What the chapters of a run handed on, in their order, but for the report's own.

    Raises:
        NotRunYet: there is nothing to report on.
    """
    paths = sorted((Path(folder) / "results").glob("[0-9]*.json"))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    results = [result for result in results if not result["notebook"].startswith("10")]
    if not results:
        raise NotRunYet(
            f"A report needs chapters that have run, and none has a result in {folder} yet. Run "
            f"this in a terminal, in the project's folder: ./run_all.sh --out {folder}"
        )
    return results


def findings(results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per finding: `chapter`, `claim`, `verdict` and `words`."""
    rows = []
    for result in results:
        for found in result.get("findings", []):
            words = str(found["words"]).removeprefix(f"{found['verdict']}: ")
            rows.append((result["notebook"], found["claim"], found["verdict"], words))
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


def counts_in_words(found: pd.DataFrame) -> str:
    """How many claims met which verdict: "12 claims were tested: 7 shown, 5 not shown."."""
    if not len(found):
        return "No chapter of this run has put a claim to the test."
    counts = found.verdict.value_counts()
    order = [*VERDICTS, *sorted(set(counts.index) - set(VERDICTS))]
    parts = [f"{counts[verdict]} {verdict}" for verdict in order if verdict in counts]
    claims = "1 claim was" if len(found) == 1 else f"{len(found)} claims were"
    return f"{claims} put to the test: {', '.join(parts)}."
