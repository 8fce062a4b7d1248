"""Figures for a document that is sent by mail: as sharp as a page shows them, and small.

Charts and slices of few pixels keep every pixel and lose colours that nobody tells apart; what is
smaller as a photograph becomes one.
"""

import functools
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

SMALL_BYTES = 20_000  # so small a PNG stays as it is
LARGE_BYTES = 60_000  # from here on a photograph may be smaller
WORTH = 0.8  # of the size: what a photograph may have at most, for its letters are less sharp
WIDEST_PX = 1100  # of a photograph
QUALITY = 75
EVERY = 3  # of the pixels that are looked at to tell a chart from slices
COLOURED, LEAST_COLOUR, LEAST_GREY = 12, 5e-4, 0.06
GREYS = (*range(0, 244, 5), 255)  # steps that no eye tells apart; white stays white
OWN_COLOURS = 200
VECTOR_WORTH = 1.3  # a vector file may be so much larger than pixels: its words can be searched


class Picture(NamedTuple):
    """A picture as a document holds it: its bytes and the name of its kind."""

    data: bytes
    kind: str  # png, jpeg or pdf


def for_paper(path: Path) -> Picture:
    """A figure for a printed page: the vector file where there is a small one, else pixels."""
    pixels, vector = in_pixels(path), path.with_suffix(".pdf")
    if vector.exists() and vector.stat().st_size <= VECTOR_WORTH * len(pixels.data):
        return Picture(vector.read_bytes(), "pdf")
    return pixels


@functools.lru_cache(maxsize=1024)
def in_pixels(path: Path) -> Picture:
    """A figure for a browser and for a text processor, which knows no vector files."""
    if path.stat().st_size <= SMALL_BYTES:
        return Picture(path.read_bytes(), "png")
    picture = _on_white(path)
    drawn = _encoded(_with_few_colours(picture), "png")
    if len(drawn.data) <= LARGE_BYTES:
        return drawn
    photograph = _encoded(_at_most_wide(picture), "jpeg", quality=QUALITY)
    return photograph if len(photograph.data) < WORTH * len(drawn.data) else drawn


def size_of(path: Path) -> tuple[int, int]:
    """(width, height) of a picture in pixels."""
    with Image.open(path) as picture:
        return picture.size


def _encoded(picture: Image.Image, kind: str, **options: int) -> Picture:
    stream = io.BytesIO()
    picture.save(stream, format=kind, **options)
    return Picture(stream.getvalue(), kind)


def _with_few_colours(picture: Image.Image) -> Image.Image:
    """The picture in colours that look the same and are few: greys, a palette, or both."""
    coloured, grey = _shares(picture)
    if coloured < LEAST_COLOUR:
        return picture.convert("L").point([_nearest_grey(value) for value in range(256)])
    if grey < LEAST_GREY:
        return picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    own = picture.quantize(OWN_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours = [value for value in GREYS for _ in range(3)] + own.getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours[: 3 * 256])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _nearest_grey(value: int) -> int:
    return min(GREYS, key=lambda grey: abs(grey - value))


def _shares(picture: Image.Image) -> tuple[float, float]:
    """(share of the pixels with colour, share with a grey between black and white)."""
    pixels = np.asarray(picture)[::EVERY, ::EVERY].astype(np.int16)
    coloured = np.ptp(pixels, axis=2) > COLOURED
    grey = ~coloured & (pixels[..., 1] > 30) & (pixels[..., 1] < 235)
    return float(coloured.mean()), float(grey.mean())


def _at_most_wide(picture: Image.Image) -> Image.Image:
    if picture.width <= WIDEST_PX:
        return picture
    height = round(picture.height * WIDEST_PX / picture.width)
    return picture.resize((WIDEST_PX, height), Image.LANCZOS, reducing_gap=2.0)


def _on_white(path: Path) -> Image.Image:
    """The picture of a file without transparency."""
    with Image.open(path) as picture:
        if picture.mode == "RGBA" and picture.getextrema()[3][0] == 255:
            return picture.convert("RGB")
        if picture.mode not in ("RGBA", "LA", "P"):
            return picture.convert("RGB")
        picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")
