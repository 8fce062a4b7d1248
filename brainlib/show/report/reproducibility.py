"""The chapter that lets somebody make the run again: command, versions, time, checksums."""

import json

from brainlib.show.chapters import heading
from brainlib.show.report.document import (
    Block,
    Cell,
    Column,
    Items,
    Listing,
    Paragraph,
    Section,
    Table,
)
from brainlib.show.report.saved import Saved

BY_HAND = "The notebooks were run by hand; there is no command of `./run_all.sh`."
AGAIN = "The same command on the same data gives the same numbers within rounding:"
SUMS = "Every figure, table and model has its SHA-256 in `results/*.json` of the run folder."


def reproducibility_chapter(saved: Saved) -> Section:
    """Command, versions, hardware, time, and checksums of the data."""
    sections = (_command(saved), _environment(saved), _time(saved), _sums(saved))
    kept = tuple(one for one in sections if one.blocks)
    return Section("reproducibility", "Reproducibility", (), kept)


def _command(saved: Saved) -> Section:
    command = saved.record.get("command")
    blocks: list[Block] = [Paragraph(AGAIN), Listing(command)] if command else [Paragraph(BY_HAND)]
    if saved.record.get("git"):
        blocks.append(Paragraph(f"Version of the workbook: `{saved.record['git']}`."))
    return Section("command", "Command", tuple(blocks))


def _environment(saved: Saved) -> Section:
    versions = saved.record.get("versions", {})
    if not versions:
        return Section("environment", "Versions and hardware", ())
    facts = [
        ("device", saved.record.get("device") or "CPU"),
        ("threads", saved.record.get("threads")),
    ]
    rows = [*versions.items(), *((name, str(value)) for name, value in facts if value)]
    cells = tuple((Cell(name), Cell(str(value))) for name, value in rows)
    columns = (Column("What"), Column("Version or value"))
    caption = "Versions of the packages that results depend on, device and threads."
    words = Paragraph("[tab:reproducibility/versions] lists what the run was made with.")
    table = Table("reproducibility/versions", caption, columns, cells)
    return Section("environment", "Versions and hardware", (words, table))


def _time(saved: Saved) -> Section:
    entries = saved.record.get("notebooks", {})
    rows = [_time_row(name, entry) for name, entry in entries.items() if entry.get("seconds")]
    if not rows:
        return Section("time", "Time and memory", ())
    columns = (Column("Chapter"), Column("Minutes", True), Column("Peak memory (GB)", True))
    caption = "Time and memory of each chapter; chapters may share the cores."
    words = Paragraph("[tab:reproducibility/time] lists what each chapter took.")
    table = Table("reproducibility/time", caption, columns, tuple(rows))
    return Section("time", "Time and memory", (words, table))


def _time_row(name: str, entry: dict) -> tuple[Cell, ...]:
    memory = entry.get("peak_memory_mb", 0) / 1024
    return (
        Cell(f"{heading(name).title} (`{name}`)" if heading(name).about else f"`{name}`"),
        Cell(f"{entry['seconds'] / 60:.1f}"),
        Cell(f"{memory:.1f}" if memory else "–"),
    )


def _sums(saved: Saved) -> Section:
    fingerprint = saved.record.get("data_fingerprint") or _of_results(saved)
    lines = tuple(f"{source}: {what}" for source, what in fingerprint.items())
    return (
        Section("sums", "Checksums", (Items(lines), Paragraph(SUMS)))
        if lines
        else Section("sums", "", ())
    )


def _of_results(saved: Saved) -> dict[str, str]:
    found = next(iter(saved.results.values())).get("data_fingerprint") or {}
    return found if isinstance(found, dict) else {"data": json.dumps(found)}
