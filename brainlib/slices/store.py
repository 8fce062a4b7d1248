"""Pictures on the disk: one array that training maps into memory, and PNG files for people."""

from __future__ import annotations

import contextlib
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
    """

    def __init__(self, path: Path | str, shape: Sequence[int], dtype: str = "float32"):
        self._stack = contextlib.ExitStack()
        self._temporary = self._stack.enter_context(files.whole_file(path))
        self._array = np.lib.format.open_memmap(
            self._temporary, mode="w+", dtype=dtype, shape=tuple(shape)
        )
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
        names: N file names without suffix, such as "IXI012_072".
        bits: 8 (as the theses stored them, 1/255 steps) or 16.

    Returns:
        list of the paths written.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits: expected 8 or 16, got {bits}.")
    highest, kind = 2**bits - 1, np.uint8 if bits == 8 else np.uint16
    paths = []
    for image, name in zip(images, names, strict=True):
        path = Path(folder) / f"{name}.png"
        grey = np.rint(np.clip(image[..., 0], 0, 1) * highest).astype(kind)
        with files.whole_file(path) as temporary:
            Image.fromarray(grey).save(temporary, format="PNG")
        paths.append(path)
    return paths
