"""The report of a run: one page of findings, figures and tables, from what chapters saved.

report.build("outputs/quick-phantom")                # writes report.html there
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from brainlib import files
from brainlib.show import chapters, pages
from brainlib.show.head_page import quality_page

__all__ = ["build", "quality_page"]

ROWS_SHOWN, ROWS_UNFOLDED = 25, 12
SYNTHETIC = (
    "Made with synthetic heads. It shows how the methods work; no number in it says anything "
    "about patients."
)
COMPUTED = (
    "Every number below was computed by the run that wrote this page; the executed notebooks "
    "beside it hold the code of each figure. Intervals hold 95 % and are taken over people, since "
    "slices of one head are not independent."
)
FINDINGS_FIRST = "Each chapter begins with its findings. {counts}"


def build(
    folder: Path | str,
    *,
    title: str = "Autoencoders on brain MRI",
    partial: Sequence[str] = (),
    with_participants: bool = False,
) -> Path:
    """Writes `report.html` from what a run saved: findings, figures and tables.

    No network, no GPU and no model is needed.

    Args:
        folder: the run folder.
        title: of the page.
        partial: names of notebooks whose results are missing; the page says so in its first line.
        with_participants: whether tables say sex, age and size of people by name.

    Returns:
        the path of the page.
    """
    folder = Path(folder)
    results = chapters.read_results(folder)
    source = next((result["data_note"] for result in results if result.get("data_note")), "")
    counts = chapters.counts_in_words(chapters.findings(results))
    counters = {"figure": 0, "table": 0}
    sections = [_section(folder, result, counters, with_participants) for result in results]
    page = pages.render(
        title=title,
        banners=_banners(source, partial),
        opening=[f"{source}.", COMPUTED, FINDINGS_FIRST.format(counts=counts)],
        sections=sections,
        footer=_footer(folder, source, results),
    )
    files.write_text(folder / "report.html", page)
    return folder / "report.html"


def _banners(source: str, partial: Sequence[str]) -> list[tuple[str, str]]:
    """What a reader must know before all else: (kind, words)."""
    banners = []
    if partial:
        banners.append(("bad", f"This report is partial. Missing: {', '.join(partial)}."))
    if "ynthetic" in source:
        banners.append(("", SYNTHETIC))
    return banners


def _footer(folder: Path, source: str, results: Sequence[dict[str, Any]]) -> list[str]:
    """Where the page comes from, and the data's licence."""
    random_seed = results[-1]["parameters"].get("seed")
    where = f"Run folder: {folder.name}. Random seed {random_seed}."
    lines = [f"{where} Parameters of each notebook: results/*.json and run.json."]
    if "brain-development.org" in source:
        lines.append("IXI data: brain-development.org/ixi-dataset, CC BY-SA 3.0.")
    return lines


def _section(
    folder: Path, result: dict[str, Any], counters: dict[str, int], with_participants: bool
) -> dict[str, Any]:
    """The section of a chapter, its findings first; figures and tables are numbered on."""
    name = result["notebook"]
    title, about = chapters.heading(name)
    facts = [(key.replace("_", " "), _words(value)) for key, value in result["notes"].items()]
    return pages.section(
        name,
        title,
        paragraphs=[about] if about else [],
        findings=chapters.findings([result]).to_dict("records"),
        facts=facts,
        figures=[_figure(folder, entry, counters) for entry in result["figures"]],
        tables=_tables(folder, result["tables"], counters, with_participants),
    )


def _figure(folder: Path, entry: dict[str, Any], counters: dict[str, int]) -> dict[str, Any]:
    counters["figure"] += 1
    path = next(path for path in entry["files"] if path.endswith(".png"))
    return {
        "number": counters["figure"],
        "caption": entry["caption"] or entry["name"],
        "source": pages.data_url((folder / path).read_bytes()),
    }


def _tables(
    folder: Path,
    entries: Sequence[dict[str, Any]],
    counters: dict[str, int],
    with_participants: bool,
) -> list[dict[str, Any]]:
    """The tables of a chapter that have rows; a long one is cut and folded."""
    tables = []
    for entry in entries:
        path = next(iter(entry["files"]))
        frame = pd.read_csv(folder / path, keep_default_na=False, na_values=[""])
        if not len(frame):
            continue
        counters["table"] += 1
        cut = f"First {ROWS_SHOWN} of {len(frame)} rows; all are in {path}."
        table = pages.table(
            frame.head(ROWS_SHOWN),
            with_participants=with_participants,
            number=counters["table"],
            caption=entry["caption"] or entry["name"],
            open=len(frame) <= ROWS_UNFOLDED,
            more=cut if len(frame) > ROWS_SHOWN else "",
        )
        tables.append(table)
    return tables


def _words(value: Any) -> str:
    """A note in words."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(item) for item in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(item)}" for key, item in value.items())
    return str(value)
