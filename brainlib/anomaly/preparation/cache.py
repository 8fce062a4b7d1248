"""Prepared heads kept in a folder: preparing a head at 1 mm takes seconds, reading it a moment."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from brainlib import files
from brainlib.anomaly.preparation.heads import Prepared, prepare
from brainlib.heads.volumes import Volume

VERSION = 2  # raised whenever the same options give other slices


def prepare_cached(
    volume: Volume,
    mask: np.ndarray,
    *,
    cache: Path | str,
    lesion: np.ndarray | None = None,
    **options: Any,
) -> Prepared:
    """`prepare`, kept under a digest of what it was made from.

    Args:
        volume: the head; its file's content counts.
        mask: bool brain mask.
        cache: folder of prepared heads. Where it cannot be written, a warning says so once.
        lesion: optional bool mask.
        **options: of `prepare`; they count, too.
    """
    # 1-bit masks by content: the file of a mask may be another one tomorrow
    masks = [_mask_digest(part) for part in (mask, lesion)]
    key = files.digest("prepare", VERSION, files.sha256(volume.path), masks, options)
    path = Path(cache) / f"{key}.npz"
    prepared = _read(path)
    if prepared is None:
        prepared = _as_kept(prepare(volume, mask, lesion=lesion, **options))
        _write(path, prepared)
    return prepared


def _as_kept(prepared):
    """The full box in the precision of the file, so that a head is the same read or made."""
    if prepared.full is None:
        return prepared
    return replace(prepared, full=_to_float32(prepared.full.astype(np.float16)))


def _mask_digest(mask):
    return "" if mask is None else files.digest(np.packbits(mask).tobytes().hex())


def _read(path):
    """What `_write` wrote; None where it is missing, cut off or of another format."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
        notes = tuple(str(note) for note in found.pop("notes"))
        if str(found.pop("check")) != _check_sum(found):
            return None
        voxel_mm = float(found.pop("voxel_mm"))
        arrays = {name: _to_float32(array) for name, array in found.items()}
        return Prepared(**arrays, voxel_mm=voxel_mm, notes=notes)
    except Exception:  # whatever is wrong with the file: it is made again
        return None


def _to_float32(array):
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _write(path, prepared):
    arrays = {
        name: value
        for name, value in vars(prepared).items()
        if name != "notes" and value is not None
    }
    if "full" in arrays:
        arrays["full"] = arrays["full"].astype(np.float16)
    described = {"check": _check_sum(arrays), "notes": np.array(prepared.notes, dtype=str)}
    files.write_cache(path, lambda handle: np.savez(handle, **described, **arrays))


def _check_sum(arrays):
    sums = [
        (name, float(np.sum(array, dtype=np.float64)), np.shape(array))
        for name, array in sorted(arrays.items())
    ]
    return files.digest(sums)
