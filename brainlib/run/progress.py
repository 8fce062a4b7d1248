"""What a person sees of a run: one live line a notebook on a terminal, plain lines elsewhere."""

import os
import shutil
import time

CLEAR_LINE, UP = "\x1b[2K\r", "\x1b[1A"
PLAIN_EVERY_SECONDS, STILL_SECONDS = (
    5.0,
    60.0,
)  # between lines of one that moves, of one that stays in its place


def clock(seconds):
    """Seconds as 1:05 or 2:03:04."""
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class Job:
    """Where a running notebook is.

    Args:
        name: notebook.
        cells: number of its code cells.
        earlier_seconds: what it took last time with the same settings, or None.
    """

    def __init__(self, name, cells, earlier_seconds=None):
        self.name, self.cells, self.earlier = name, cells, earlier_seconds
        self.began = time.monotonic()
        self.cell, self.epoch, self.epochs = 0, 0, 0
        self._epochs_began = self.began

    def at_cell(self, cell, cells):
        self.cell, self.cells = cell, cells
        self.epoch, self.epochs, self._epochs_began = 0, 0, time.monotonic()

    def at_epoch(self, epoch, epochs):
        if epoch <= self.epoch:  # a second training in the same cell
            self._epochs_began = time.monotonic()
        self.epoch, self.epochs = epoch, epochs

    def left(self):
        """Seconds left, as far as one can tell, or None: as last time, or by the epochs of the running cell."""
        elapsed = time.monotonic() - self.began
        if self.earlier:
            return max(self.earlier - elapsed, 0.0)
        if (
            0 < self.epoch < self.epochs
        ):  # after the last one other things follow, nobody knows how long
            return (time.monotonic() - self._epochs_began) / self.epoch * (self.epochs - self.epoch)
        return None

    def line(self):
        parts = [self.name, f"cell {self.cell}/{self.cells}"]
        if self.epochs:
            parts.append(f"epoch {self.epoch}/{self.epochs}")
        left = self.left()
        about = "" if left is None else f", about {clock(left)} left"
        return "  ".join([*parts, f"{clock(time.monotonic() - self.began)} elapsed{about}"])

    def place(self):
        return self.cell, self.epoch


class Display:
    """Prints lines that stay, and under them, on a terminal, one line a running notebook that is kept up to date."""

    def __init__(self, stream, *, live=None):
        self.stream = stream
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb" if live is None else live
        self.jobs = {}
        self._drawn = 0
        self._last = {}  # notebook -> (time, place) of its last plain line

    def say(self, text=""):
        """A line that stays."""
        self._erase()
        print(text, file=self.stream)
        self.refresh()
        self.stream.flush()

    def refresh(self):
        """Brings the live lines up to date, or prints a plain line where enough time has passed."""
        if self.live:
            self._erase()
            for job in self.jobs.values():
                print(job.line()[: self._width()], file=self.stream)
            self._drawn = len(self.jobs)
            self.stream.flush()
            return
        for name, job in self.jobs.items():
            before, place = self._last.setdefault(name, (job.began, job.place()))
            if time.monotonic() - before >= (
                STILL_SECONDS if job.place() == place else PLAIN_EVERY_SECONDS
            ):
                self._last[name] = (time.monotonic(), job.place())
                print(job.line(), file=self.stream, flush=True)

    def close(self):
        """Takes the live lines away."""
        self._erase()
        self.jobs.clear()
        self.stream.flush()

    def _erase(self):
        if self.live and self._drawn:
            self.stream.write((UP + CLEAR_LINE) * self._drawn)
            self._drawn = 0

    def _width(self):
        return max(shutil.get_terminal_size().columns - 1, 20)


def table(rows):
    """Lines of a table of texts, columns padded; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows
    ]
