"""Figures for a document that is sent by mail: as sharp as a page shows them, and small."""

import functools
import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image

SMALL_BYTES = 40_000  # so small a PNG stays as it is
SMALL_VECTOR_BYTES = 80_000
WIDEST_PX = 1100
QUALITY = 72


class Picture(NamedTuple):
    """A picture as a document holds it: its bytes and the name of its kind."""

    data: bytes
    kind: str  # png, jpeg, webp or pdf


@functools.lru_cache(maxsize=1024)
def for_screen(path: Path) -> Picture:
    """A figure for a page in a browser: a small PNG as it is, a large one as WebP."""
    if path.stat().st_size <= SMALL_BYTES:
        return Picture(path.read_bytes(), "png")
    return _encoded(path, "webp", quality=QUALITY, method=2)


def for_paper(path: Path) -> Picture:
    """A figure for a printed page: the vector file where there is a small one, else pixels."""
    vector = path.with_suffix(".pdf")
    if vector.exists() and vector.stat().st_size <= SMALL_VECTOR_BYTES:
        return Picture(vector.read_bytes(), "pdf")
    return for_word(path)


@functools.lru_cache(maxsize=1024)
def for_word(path: Path) -> Picture:
    """A figure for a text processor, which knows neither vector files nor WebP."""
    if path.stat().st_size <= SMALL_BYTES:
        return Picture(path.read_bytes(), "png")
    return _encoded(path, "jpeg", quality=QUALITY)


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) of a picture in pixels."""
    with Image.open(path) as picture:
        return picture.size


def _encoded(path: Path, kind: str, **options: int) -> Picture:
    with Image.open(path) as picture:
        flat = _on_white(picture)
    if flat.width > WIDEST_PX:
        height = round(flat.height * WIDEST_PX / flat.width)
        flat = flat.resize((WIDEST_PX, height), Image.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    flat.save(stream, format=kind, **options)
    return Picture(stream.getvalue(), kind)


def _on_white(picture: Image.Image) -> Image.Image:
    """The picture without transparency."""
    if picture.mode in ("RGBA", "LA", "P"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        picture = white
    return picture.convert("RGB")
