"""Figures and tables of a chapter as blocks of the report, and the sentence that names them."""

from collections.abc import Iterable, Sequence
from typing import Any

from brainlib.show.report.document import Block, Figure, Paragraph, Table, label
from brainlib.show.report.human_tables import for_people
from brainlib.show.report.saved import Saved, read_table

SYNTHETIC = "Synthetic phantom"
IXI = "Images: IXI, brain-development.org, CC BY-SA 3.0"


def figures(saved: Saved, notebook: str, names: Iterable[str]) -> list[Figure]:
    """The named figures of a chapter that are there, in this order."""
    entries = {entry["name"]: entry for entry in _entries(saved, notebook, "figures")}
    return [_figure(saved, notebook, entries[name]) for name in names if name in entries]


def tables(saved: Saved, notebook: str, names: Iterable[str], *, rows: int = 20) -> list[Table]:
    """The named tables of a chapter that are there and have rows."""
    entries = {entry["name"]: entry for entry in _entries(saved, notebook, "tables")}
    made = [_table(saved, notebook, entries[name], rows) for name in names if name in entries]
    return [table for table in made if table is not None]


def other_names(saved: Saved, notebook: str, kind: str, shown: Iterable[str]) -> list[str]:
    """Names of a chapter's figures or tables that are not among these."""
    known = set(shown)
    return [
        entry["name"] for entry in _entries(saved, notebook, kind) if entry["name"] not in known
    ]


def pointing_to(blocks: Sequence[Block], what: str = "what came out") -> list[Paragraph]:
    """A sentence that names figures and tables, so that none stands without a word of the text."""
    marks = [f"[{label(one)}]" for one in blocks if isinstance(one, (Figure, Table))]
    if not marks:
        return []
    listed = marks[0] if len(marks) == 1 else f"{', '.join(marks[:-1])} and {marks[-1]}"
    verb = "shows" if len(marks) == 1 else "show"
    return [Paragraph(f"{listed} {verb} {what}.", "generated")]


def credit(source: str) -> str:
    """Whose data a figure shows: a phantom is called one, IXI is named."""
    credits = [SYNTHETIC] if "ynthetic" in source else []
    credits += [IXI] if "brain-development.org" in source else []
    others = [
        part for part in source.split("; ") if part.startswith("Data: ") and "IXI" not in part
    ]
    credits += [part.split(" (n =")[0] for part in others]
    return "; ".join(credits)


def _entries(saved: Saved, notebook: str, kind: str) -> list[dict[str, Any]]:
    return saved.results.get(notebook, {}).get(kind, [])


def _figure(saved: Saved, notebook: str, entry: dict[str, Any]) -> Figure:
    path = next(path for path in entry["files"] if path.endswith(".png"))
    caption = entry["caption"] or entry["name"].replace("_", " ")
    key = f"{notebook}/{entry['name']}"
    return Figure(key, saved.folder / path, caption, credit(entry.get("source", "")))


def _table(saved: Saved, notebook: str, entry: dict[str, Any], rows: int) -> Table | None:
    path = next(iter(entry["files"]))
    frame = read_table(saved.folder / path)
    if not len(frame):
        return None
    caption = entry["caption"] or entry["name"].replace("_", " ")
    key = f"{notebook}/{entry['name']}"
    return for_people(
        frame,
        key=key,
        caption=caption,
        csv=path,
        rows=rows,
        with_participants=saved.with_participants,
    )
