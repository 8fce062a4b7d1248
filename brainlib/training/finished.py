"""What was made before is loaded, not made again: a folder with one finished result.

The folder holds the result's file and a record, `fit.json`, with the key of what it was made of and
the file's checksum. The record is written last. So a result that is not whole, that was changed
since, or that was made of something else counts as none, and is made anew. In a run of run_all.sh
that includes one of other threads, whose last digits differ; a person who opens the notebook gets
it all the same.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainlib import files
from brainlib.record import headless, threads

RECORD = "fit.json"
HISTORY = "history.csv"  # of a training, one row per epoch; not every result has one


@dataclass(frozen=True)
class Finished:
    """A folder's finished result.

    Attributes:
        folder: of this result alone.
        file: name of the result's file.
    """

    folder: Path
    file: str

    @property
    def path(self) -> Path:
        """Of the result's file."""
        return self.folder / self.file

    def record(self, key: str) -> dict | None:
        """The record of a whole result of this key; None where the folder holds none."""
        try:
            record = self.any_record()
            is_same = record["key"] == key and not _is_of_other_threads(record)
            is_whole = is_same and self.is_unchanged(record) and self._has_its_history(record)
            return record if is_whole else None
        except (OSError, ValueError, KeyError):
            return None

    def any_record(self) -> dict:
        """The record of whatever the folder holds.

        Raises:
            OSError: there is none.
            ValueError: it is damaged.
        """
        return json.loads((self.folder / RECORD).read_text(encoding="utf-8"))

    def is_unchanged(self, record: dict) -> bool:
        """Whether the file is the one whose checksum was written down."""
        return record["sha256"] == files.sha256(self.path)

    def _has_its_history(self, record: dict) -> bool:
        """Whether `history.csv` is the one that the training wrote, where it wrote one."""
        wanted = record.get("history_sha256")
        return wanted is None or wanted == files.sha256(self.folder / HISTORY)

    def begin(self) -> None:
        """Before the result is made: what lies here counts no more."""
        (self.folder / RECORD).unlink(missing_ok=True)

    def finish(self, key: str, **facts: Any) -> None:
        """After the file is written: writes the record. facts: what a reader wants to know."""
        checksum = files.sha256(self.path)
        record = {"key": key, "sha256": checksum, "threads": threads(), **facts}
        if (self.folder / HISTORY).exists():
            record["history_sha256"] = files.sha256(self.folder / HISTORY)
        files.write_json(self.folder / RECORD, record)


def _is_of_other_threads(record: dict) -> bool:
    return headless() and record.get("threads", threads()) != threads()
