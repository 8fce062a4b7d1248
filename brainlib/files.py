"""Files that are whole or not there: atomic writes, checksums, fingerprints."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

PROJECT = Path(__file__).resolve().parents[1]  # the checkout: data/ and notebooks/ lie in it
# Downloads, the synthetic cohort and what is computed once for all runs. ./run_all.sh sets the
# variable where the project cannot be written.
DATA = Path(os.environ.get("BRAINLIB_DATA") or PROJECT / "data").absolute()
PART = ".part-"  # begins the names of files that are being written
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
# The machine's faults, never those of a file that is read: a disk that fails, too many open files.
OF_THE_MACHINE = NO_ROOM | {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}
LONGEST_NAME = 150  # bytes; with what is added to it, a name stays below the usual limit of 255
RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.I)  # devices of Windows
_caches_without_room: set[Path] = set()  # folders that were warned of


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`; without an error it takes the final name at the end.

    The temporary name keeps the suffixes (`.nii.gz`), since libraries choose the format by them.
    It is locked until then, so that `remove_leftovers` knows one whose writer was killed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=PART, suffix="".join(path.suffixes[-2:])
    )
    temporary = Path(name)
    try:
        with contextlib.suppress(OSError):  # some network disks know no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that only the owner can read
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in NO_ROOM and error.filename in (None, name):
            error.filename = str(path)  # the file that a person knows; writing names none at all
        raise
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def remove_leftovers(folder: Path | str) -> int:
    """Deletes what killed processes left of `whole_file` in a folder and below; returns bytes.

    Files that somebody still writes are locked, and stay.
    """
    freed = 0
    for path in Path(folder).rglob(f"{PART}*"):
        with contextlib.suppress(OSError), open(path, "rb") as part:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            freed += path.stat().st_size
            path.unlink()
    return freed


def _umask() -> int:
    """The process's mask of permissions, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_cache(path: Path | str, write: Callable[[BinaryIO], None]) -> None:
    """Writes a file that only saves time: where it cannot be written, one warning a folder says so.

    Args:
        path: of the file; its folder is made if needed.
        write: receives the open file.
    """
    folder = Path(path).parent
    try:
        with whole_file(path) as temporary, open(temporary, "wb") as handle:
            write(handle)
    except OSError as error:
        if folder in _caches_without_room:
            return
        _caches_without_room.add(folder)
        warnings.warn(
            f"{folder}: this cache cannot be written ({error.strerror or error}); what it would "
            "hold is computed again each time. Make room there, or make it writable.",
            stacklevel=3,
        )


def raise_if_no_room(error: Exception, path: Path | str | None = None) -> None:
    """Raises an error again that a full, failing or read-only disk or too many open files caused.

    For the places that name a file that cannot be used and go on: the next one fares no better.

    Args:
        error: what was caught.
        path: of the file, for errors that do not name one.
    """
    if not isinstance(error, OSError) or error.errno not in OF_THE_MACHINE:
        return
    if path is not None and error.filename is None:
        raise OSError(error.errno, error.strerror, str(path)) from error
    raise error


def write_text(path: Path | str, text: str) -> None:
    """Writes text as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: object) -> None:
    """Writes strict JSON (NaN becomes null), keys in the order given."""
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")


def write_csv(path: Path | str, table: Any, **options: object) -> None:
    """Writes a table of pandas, which this file does not import, as CSV without its index."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, **options)


def _plain(value: object) -> object:
    """A value in JSON's own types; what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def unique_file_names(names: Iterable[object]) -> list[str]:
    """Names of files made from names of people: safe in every folder, and no two of them alike.

    All but letters, digits, `_`, `.` and `-` become `_`, also where a name begins with a dot or a
    dash, so that none leaves its folder, hides, or looks like an option. Long names are cut, names
    of devices get a `_` in front. Where two names become one, case aside, the later ones get a
    number.
    """
    found, used = [], set()
    for name in names:
        safe = _safe_file_name(str(name))
        candidate, number = safe, 2
        while candidate.casefold() in used:
            candidate, number = f"{safe}-{number}", number + 1
        used.add(candidate.casefold())
        found.append(candidate)
    return found


def _safe_file_name(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)  # one spelling of a letter and its accent
    safe = re.sub(r"[^\w.-]", "_", composed)
    safe = re.sub(r"^[.-]+|\.+$", "_", safe)
    safe = safe.encode()[:LONGEST_NAME].decode(errors="ignore")
    return f"_{safe}" if RESERVED_NAME.match(safe) or not safe else safe


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's content, as 64 hex digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(*parts: object) -> str:
    """A short stable digest (16 hex digits) of JSON-like values: the key of a cached step."""
    text = json.dumps(_plain(list(parts)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
