"""Pictures on the disk: one array that training maps into memory, and PNG files for people."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from brainlib import files


class Writer(contextlib.AbstractContextManager):
    """Writes pictures head by head into one .npy, which training maps; whole or not at all.

    Args:
        path: the .npy file.
        shape: (N, H, W, 1) of the whole array, known from the selection.
        dtype: of the stored numbers.

    Raises:
        OSError: the disk has no room for the whole array.
    """

    def __init__(self, path: Path | str, shape: Sequence[int], dtype: str = "float32"):
        with contextlib.ExitStack() as stack:
            temporary = stack.enter_context(files.whole_file(path))
            self._array = np.lib.format.open_memmap(
                temporary, mode="w+", dtype=dtype, shape=tuple(shape)
            )
            _reserve(temporary, path)
            self._stack = stack.pop_all()
        self._filled = 0

    def add(self, images: np.ndarray) -> None:
        """Appends images (n, H, W, 1)."""
        if self._filled + len(images) > len(self._array):
            raise ValueError(
                f"expected {len(self._array)} pictures in all, got {self._filled + len(images)}."
            )
        self._array[self._filled : self._filled + len(images)] = images
        self._filled += len(images)

    def __exit__(self, kind, error, trace):
        if kind is None and self._filled != len(self._array):
            missing = ValueError(f"expected {len(self._array)} pictures, got {self._filled}.")
            self._stack.__exit__(ValueError, missing, None)
            raise missing
        self._array.flush()
        del self._array
        return self._stack.__exit__(kind, error, trace)


def _reserve(temporary: Path, path: Path | str) -> None:
    """Takes the room of a file before its mapping is written to.

    A mapped file has holes; where the disk is full, writing into one kills the process (SIGBUS).
    """
    size = temporary.stat().st_size
    try:
        with open(temporary, "r+b") as handle:
            os.posix_fallocate(handle.fileno(), 0, size)
    except OSError as error:
        if error.errno not in files.NO_ROOM:
            raise
        raise OSError(
            error.errno,
            f"{path}: expected room for {size / 1e9:.3g} GB, got a disk that is full. Make room, "
            "or store fewer or smaller slices",
        ) from error


def read(path: Path | str) -> np.ndarray:
    """Memory-mapped pictures (N, H, W, 1), read-only."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def export_png(
    folder: Path | str, images: np.ndarray, names: Iterable[str], *, bits: int = 8
) -> list[Path]:
    """Writes pictures in [0, 1] as grey PNG files, one per slice.

    Args:
        folder: made if needed.
        images: (N, H, W, 1) in [0, 1].
        names: N file names without suffix, such as "IXI012_072"; what is not safe in a file's name
            is replaced, and no two pictures get the same one.
        bits: 8 (as the theses stored them, 1/255 steps) or 16.

    Returns:
        list of the paths written.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits: expected 8 or 16, got {bits}.")
    highest, kind = 2**bits - 1, np.uint8 if bits == 8 else np.uint16
    paths = []
    for image, name in zip(images, files.unique_file_names(names), strict=True):
        path = Path(folder) / f"{name}.png"
        grey = np.rint(np.clip(image[..., 0], 0, 1) * highest).astype(kind)
        with files.whole_file(path) as temporary:
            Image.fromarray(grey).save(temporary, format="PNG")
        paths.append(path)
    return paths
