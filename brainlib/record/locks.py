"""Who may write into a run folder: one at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def lock(folder: Path | str, name: str, *, shared: bool = False) -> Iterator[int | None]:
    """Holds a lock file of the run folder; yields its descriptor, None where another holds it."""
    handle = os.open(Path(folder) / name, os.O_RDWR | os.O_CREAT, 0o666)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError:
            yield None
        else:
            yield handle
    finally:
        os.close(handle)


def refuse_if_busy(folder: Path | str) -> None:
    """Raises RuntimeError while run_all.sh works in the run folder."""
    if not (Path(folder) / ".lock").exists():
        return
    with lock(folder, ".lock", shared=True) as held:
        if not held:
            raise RuntimeError(
                f"{folder}: expected a folder that nobody writes into, but ./run_all.sh is "
                "running there. Wait until it has ended, or set another folder: out = ..."
            )
