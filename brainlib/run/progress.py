"""What a person sees of a run: live lines on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

PLAIN_EVERY_SECONDS = 5.0  # between plain lines of a notebook that moves
STILL_SECONDS = 60.0  # of one that stays in its place


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:03:04."""
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class Job:
    """Where a running notebook is.

    Args:
        name: of the notebook.
        cells: number of its code cells.
        earlier_seconds: what it took last time with the same settings, or None.
    """

    def __init__(self, name: str, cells: int, earlier_seconds: float | None = None):
        self.name, self.cells, self.earlier_seconds = name, cells, earlier_seconds
        self.began = time.monotonic()
        self.cell, self.epoch, self.epochs = 0, 0, 0
        self._epochs_began = self.began
        self._last_line: tuple[float, tuple[int, int]] | None = None

    def at_cell(self, cell: int, cells: int) -> None:
        """A cell begins."""
        self.cell, self.cells = cell, cells
        self.epoch, self.epochs, self._epochs_began = 0, 0, time.monotonic()

    def at_epoch(self, epoch: int, epochs: int) -> None:
        """An epoch has ended."""
        if epoch <= self.epoch:  # a second training in the same cell
            self._epochs_began = time.monotonic()
        self.epoch, self.epochs = epoch, epochs

    def seconds_left(self) -> float | None:
        """As far as one can tell: as last time, or by the epochs of the running cell."""
        now = time.monotonic()
        if self.earlier_seconds:
            return max(self.earlier_seconds - (now - self.began), 0.0)
        if 0 < self.epoch < self.epochs:  # after the last one, nobody knows what follows
            return (now - self._epochs_began) / self.epoch * (self.epochs - self.epoch)
        return None

    def line(self) -> str:
        """Its line: place, time elapsed, time left where it is known."""
        parts = [self.name, f"cell {self.cell}/{self.cells}"]
        if self.epochs:
            parts.append(f"epoch {self.epoch}/{self.epochs}")
        left = self.seconds_left()
        about = "" if left is None else f", about {clock(left)} left"
        return "  ".join([*parts, f"{clock(time.monotonic() - self.began)} elapsed{about}"])

    def place(self) -> tuple[int, int]:
        """What moves: the cell and the epoch."""
        return self.cell, self.epoch

    def is_due(self) -> bool:
        """Whether a plain line is due: rarely where nothing moves."""
        before, place = self._last_line or (self.began, self.place())
        now = time.monotonic()
        wait = STILL_SECONDS if self.place() == place else PLAIN_EVERY_SECONDS
        due = now - before >= wait
        self._last_line = (now, self.place()) if due else (before, place)
        return due


class Display:
    """Prints lines that stay, and under them, on a terminal, a live line for each notebook."""

    def __init__(self, stream: TextIO, *, terminal: bool | None = None):
        live = stream.isatty() if terminal is None else terminal
        self.console = Console(file=stream, force_terminal=live, highlight=False)
        self.jobs: dict[str, Job] = {}
        self._live: Live | None = None

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self.console.print(text, markup=False, emoji=False, soft_wrap=True)
        self.refresh()
        self.console.file.flush()

    def refresh(self) -> None:
        """Brings the live lines up to date, or prints a plain line where enough time has passed."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            for job in self.jobs.values():
                if job.is_due():
                    print(job.line(), file=self.console.file, flush=True)
            return
        if self._live is None:
            quiet = {"redirect_stdout": False, "redirect_stderr": False}
            self._live = Live(console=self.console, auto_refresh=False, transient=True, **quiet)
            self._live.start()
        lines = "\n".join(job.line() for job in self.jobs.values())
        self._live.update(Text(lines, no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        """Takes the live lines away."""
        self.jobs.clear()
        if self._live is not None:
            self._live.stop()
            self._live = None
        self.console.file.flush()


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table of texts, columns padded; the first row is the head.

    Not rich's: that one cuts columns to a terminal's width where a log has none.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        padded = [text.ljust(width) for text, width in zip(row, widths)]
        lines.append("  ".join(padded).rstrip())
    return lines
