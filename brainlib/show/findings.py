"""The findings of a run: what was put to the test, which stand on the first page, and in words.

Needs no pandas, so that ./run_all.sh prints them at once.
"""

import functools
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from brainlib.record.names import in_words

VERDICTS = ("shown", "not shown", "too few to decide")
MOST_ON_THE_FIRST_PAGE = 8
ORDER = (  # of the first page: what a reader asks first
    "09_anomaly_detection",
    "08_evaluation",
    "07_ae_variants",
    "04_vae",
    "05_vqvae",
    "06_vqgan",
    "12_inspector",
    "03_split",
)
INTERVAL = re.compile(r"\[([+-]?[\d.]+), ([+-]?[\d.]+)\]")
SIGNS = {"shown": "+", "not shown": "-", "too few to decide": "?"}


@dataclass(frozen=True)
class Found:
    """A claim that a chapter put to the test.

    Attributes:
        chapter: the notebook.
        claim: the sentence that was to be shown.
        verdict: "shown", "not shown" or "too few to decide".
        words: effect, interval and number of people.
        numbers: all that the notebook handed on.
    """

    chapter: str
    claim: str
    verdict: str
    words: str
    numbers: dict[str, Any]

    @property
    def is_bare_aim(self) -> bool:
        """Whether it compares with a number that the chapter set itself, and with no rival."""
        return "aim" in self.numbers or self.claim.lower().startswith("aim")

    @property
    def is_aim(self) -> bool:
        """Whether the workbook aims at it with its own settings, whichever way it came out."""
        patterns = chapters_in_words().get(self.chapter, {}).get("aims", [])
        return self.is_bare_aim or any(re.search(pattern, self.claim) for pattern in patterns)

    @property
    def speaks_against(self) -> bool:
        """Whether the whole interval lies on the wrong side: the opposite of the claim holds."""
        limits = self.limits
        if self.verdict != "not shown" or limits is None:
            return False
        return "worse on" in self.words and limits[0] * limits[1] > 0

    @property
    def limits(self) -> tuple[float, float] | None:
        """The interval, from the numbers or else from the words; None where there is none."""
        low, high = self.numbers.get("low"), self.numbers.get("high")
        if low is not None and high is not None:
            return low, high
        match = INTERVAL.search(self.words)
        return (float(match[1]), float(match[2])) if match else None

    @property
    def against_nothing(self) -> bool:
        """Whether the rival is doing nothing at all, or the mean picture."""
        return bool(re.search(r"doing nothing|mean picture|corrupted input", self.words))


@functools.cache
def chapters_in_words() -> dict[str, dict[str, Any]]:
    """What each chapter is about, from `chapters.yaml`."""
    text = Path(__file__).with_name("chapters.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def read_results(folder: Path | str) -> list[dict[str, Any]]:
    """What the chapters of a run handed on, in their order, but for the report's own."""
    paths = sorted((Path(folder) / "results").glob("[0-9]*.json"))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [result for result in results if not result["notebook"].startswith("10")]


def found_in(results: Iterable[dict[str, Any]]) -> list[Found]:
    """Every finding of a run, in the order of the chapters."""
    found = []
    for result in results:
        for one in result.get("findings", []):
            words = str(one["words"]).removeprefix(f"{one['verdict']}: ")
            claim = _begun(in_words(one["claim"]))
            found.append(Found(result["notebook"], claim, one["verdict"], in_words(words), one))
    return found


def _begun(claim: str) -> str:
    """A claim that begins as a sentence does."""
    return claim[:1].upper() + claim[1:]


def first_page(found: Sequence[Found]) -> list[Found]:
    """Five to eight findings for the first page: one of each chapter, harm before all.

    A model that does harm is named whatever else stands there.
    """
    plain = [one for one in found if not one.is_bare_aim]
    harmful = [one for one in plain if one.speaks_against and one.against_nothing]
    chosen = _one_per_chapter(harmful)
    named = {one.chapter for one in chosen}
    chosen += [one for one in _one_per_chapter(plain) if one.chapter not in named]
    chosen = chosen[:MOST_ON_THE_FIRST_PAGE]
    order = {name: place for place, name in enumerate(ORDER)}
    return sorted(chosen, key=lambda one: order.get(one.chapter, len(order)))


def aims(found: Sequence[Found]) -> list[Found]:
    """What the workbook aims at, with what was reached."""
    return [one for one in found if one.is_aim]


def in_lines(folder: Path | str) -> list[str]:
    """The findings of the first page as lines for a terminal; none where nothing was tested."""
    found = found_in(read_results(folder))
    if not found:
        return []
    lines = [counts_in_words(found)]
    for one in first_page(found):
        lines.append(f"  {SIGNS.get(one.verdict, ' ')} {one.claim}")
        lines.append(f"      {verdict_in_words(one)}: {one.words}")
    reached = aims(found)
    if reached:
        lines.append(f"  {aims_in_words(reached)}")
    return lines


def aims_in_words(reached: Sequence[Found]) -> str:
    """How many aims the numbers meet, and how many of those beyond doubt."""
    met = sum(bool(one.numbers.get("met", one.verdict == "shown")) for one in reached)
    sure = sum(one.verdict == "shown" for one in reached)
    return f"Aims of the workbook: {met} of {len(reached)} met, {sure} of them beyond doubt."


def verdict_in_words(one: Found) -> str:
    """The verdict; "not shown, the opposite holds" where the interval says so."""
    return f"{one.verdict}, the opposite holds" if one.speaks_against else one.verdict


def counts_in_words(found: Sequence[Found]) -> str:
    """How many claims met which verdict: "12 claims were put to the test: 7 shown, ..."."""
    if not found:
        return "No chapter of this run has put a claim to the test."
    verdicts = [one.verdict for one in found]
    order = [*VERDICTS, *sorted(set(verdicts) - set(VERDICTS))]
    parts = [f"{verdicts.count(one)} {one}" for one in order if one in verdicts]
    claims = "1 claim was" if len(found) == 1 else f"{len(found)} claims were"
    return f"{claims} put to the test: {', '.join(parts)}."


def _one_per_chapter(found: Sequence[Found]) -> list[Found]:
    """Of each chapter the finding that matters most: as `chapters.yaml` says, else its first."""
    by_chapter: dict[str, list[Found]] = {}
    for one in found:
        by_chapter.setdefault(one.chapter, []).append(one)
    return [_most_important(name, of_it) for name, of_it in by_chapter.items()]


def _most_important(chapter: str, found: Sequence[Found]) -> Found:
    marked = [one for one in found if one.numbers.get("first_page")]
    for pattern in chapters_in_words().get(chapter, {}).get("first", []):
        marked += [one for one in found if re.search(pattern, one.numbers["claim"])]
    return (marked or list(found))[0]
