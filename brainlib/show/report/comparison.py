"""One report over several runs: what was set otherwise, findings side by side, figures in pairs."""

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from brainlib.show import findings as found_things
from brainlib.show.chapters import heading
from brainlib.show.report.document import (
    Column,
    Document,
    Figure,
    Items,
    Paragraph,
    Section,
    Table,
)
from brainlib.show.report.document import (
    cells as _cells,
)
from brainlib.show.report.saved import Saved
from brainlib.show.report.shown import credit
from brainlib.show.report.whole import TitlePage, in_readers_words, with_labels

NOWHERE = "–"
GAP_PX, PAIR_HEIGHT_PX = 24, 900
CLAIM = (
    "Each row is a claim, each column a run. A difference between two verdicts is no finding by "
    "itself: whether the runs differ would have to be tested on the same people."
)
OTHER_DATA = (
    "These runs used different data. Their numbers stand side by side for reading; no claim is "
    "made between them."
)
BY_NAME = (
    "Figures that have the same name in all runs, in the order of the runs, from left to right."
)


def compared(runs: Sequence[Saved], page: TitlePage, pictures: Path) -> Document:
    """The report over several runs.

    Args:
        runs: what each run saved.
        page: title, author and place.
        pictures: folder for the figures that are put side by side.
    """
    names = _names(runs)
    facts = [("Author", page.author), ("Place", page.place)]
    facts += [(f"Run {name}", run.source) for name, run in zip(names, runs)]
    warnings = (OTHER_DATA,) if len({run.source for run in runs}) > 1 else ()
    body = (_settings(runs, names), _findings(runs, names), _figures(runs, names, pictures))
    document = Document(
        title=page.title,
        facts=tuple((name, value) for name, value in facts if value),
        warnings=warnings,
        body=tuple(section for section in body if section.blocks or section.sections),
    )
    return with_labels(in_readers_words(document))


def different_settings(runs: Sequence[Saved]) -> list[tuple[str, str, list[str]]]:
    """(notebook, parameter, its value in each run) of all that were set otherwise."""
    different = []
    for notebook in _in_order(run.results for run in runs):
        sets = [run.results.get(notebook, {}).get("parameters", {}) for run in runs]
        for name in _in_order(sets):
            values = [json.dumps(one[name]) if name in one else NOWHERE for one in sets]
            if len(set(values)) > 1:
                different.append((notebook, name, values))
    return different


def _in_order(collections: Iterable[Iterable[str]]) -> list[str]:
    """All that is in any of these, each once, in the order of its first place."""
    return list(dict.fromkeys(itertools.chain.from_iterable(collections)))


def _names(runs: Sequence[Saved]) -> list[str]:
    """A short name for each run: its folder's, with its place where two are called the same."""
    names = [run.folder.name for run in runs]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({place})" for place, name in enumerate(names, 1)]


def _settings(runs: Sequence[Saved], names: list[str]) -> Section:
    different = different_settings(runs)
    if not different:
        text = Paragraph("All parameters are the same in these runs.", "generated")
        return Section("settings", "What was set otherwise", (text,))
    columns = tuple(Column(name) for name in ("Chapter", "Parameter", *names))
    rows = tuple(_cells(notebook, f"`{name}`", *values) for notebook, name, values in different)
    table = Table("comparison/settings", "Parameters that differ.", columns, rows)
    words = Paragraph("[tab:comparison/settings] lists the parameters that differ.")
    return Section("settings", "What was set otherwise", (words, table))


def _findings(runs: Sequence[Saved], names: list[str]) -> Section:
    by_claim: dict[tuple[str, str], list[str]] = {}
    for place, run in enumerate(runs):
        for one in run.findings:
            cells = by_claim.setdefault((one.chapter, one.claim), [NOWHERE] * len(runs))
            cells[place] = f"*{found_things.verdict_in_words(one)}*: {one.words}"
    counts = [
        f"{name}: {found_things.counts_in_words(run.findings)}" for name, run in zip(names, runs)
    ]
    columns = tuple(Column(name) for name in ("Claim", *names))
    sections = []
    for chapter in dict.fromkeys(chapter for chapter, _ in by_claim):
        claims = [(claim, cells) for (its, claim), cells in by_claim.items() if its == chapter]
        rows = tuple(_cells(claim, *cells) for claim, cells in claims)
        title = heading(chapter).title
        table = Table(f"comparison/{chapter}", f"Findings: {title}.", columns, rows)
        sections.append(Section(f"findings-{chapter}", title, (table,)))
    words = (Paragraph(CLAIM), Items(tuple(counts)))
    return Section("comparison-findings", "Findings side by side", words, tuple(sections))


def _figures(runs: Sequence[Saved], names: list[str], pictures: Path) -> Section:
    sections = []
    for notebook in runs[0].results:
        shared = _shared_figures(runs, notebook)
        made = [_pair(runs, names, notebook, name, pictures) for name in shared]
        if made:
            title = heading(notebook).title
            sections.append(Section(f"pairs-{notebook}", title, tuple(made)))
    words = (Paragraph(BY_NAME),) if sections else ()
    return Section("pairs", "Figures side by side", words, tuple(sections))


def _shared_figures(runs: Sequence[Saved], notebook: str) -> list[str]:
    """Names of a chapter's main figures that every run has."""
    shared = found_things.chapters_in_words().get(notebook, {}).get("figures", [])
    for run in runs:
        shared = [name for name in shared if _entry(run, notebook, name)]
    return shared


def _entry(run: Saved, notebook: str, name: str) -> dict | None:
    entries = run.results.get(notebook, {}).get("figures", [])
    return next((entry for entry in entries if entry["name"] == name), None)


def _pair(
    runs: Sequence[Saved], names: list[str], notebook: str, name: str, pictures: Path
) -> Figure:
    entries = [_entry(run, notebook, name) for run in runs]
    paths = [run.folder / _png(entry) for run, entry in zip(runs, entries)]
    path = side_by_side(paths, pictures / f"{notebook}_{name}.png")
    credits = dict.fromkeys(credit(entry["source"]) for entry in entries)
    words = [entry["caption"] for entry in entries]
    captions = [f"**{run}**: {caption}" for run, caption in zip(names, words)]
    caption = " ".join(captions) if len(set(words)) > 1 else words[0]
    return Figure(f"{notebook}/{name}", path, caption, "; ".join(filter(None, credits)))


def _png(entry: dict) -> str:
    return next(path for path in entry["files"] if path.endswith(".png"))


def side_by_side(paths: Sequence[Path], made: Path) -> Path:
    """Writes pictures beside each other, equally high, and returns the path."""
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            width = round(picture.width * PAIR_HEIGHT_PX / picture.height)
            pictures.append(picture.convert("RGB").resize((width, PAIR_HEIGHT_PX)))
    total = sum(picture.width for picture in pictures) + GAP_PX * (len(pictures) - 1)
    sheet = Image.new("RGB", (total, PAIR_HEIGHT_PX), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP_PX
    made.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(made)
    return made
