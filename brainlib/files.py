"""Files that are whole or not there: atomic writes, checksums, fingerprints."""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]  # the checkout: data/ and notebooks/ lie in it


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path beside `path`; it takes the final name only if the block ends without an error.

    The temporary name keeps the suffixes (`.nii.gz`), since libraries choose the format by them.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=".part-", suffix="".join(path.suffixes[-2:])
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that only the owner can read
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path, text):
    """Writes text as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes strict JSON (NaN becomes null), keys in the order given."""
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")


def write_csv(path, table, **options):
    """Writes a pandas table as CSV, without its index."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, **options)


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def sha256(path):
    """SHA-256 of a file's content, as 64 hex digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(*parts):
    """A short stable digest (16 hex digits) of JSON-like values: the key of a cached step."""
    text = json.dumps(_plain(list(parts)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
