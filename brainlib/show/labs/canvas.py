"""What the labs paint on: an array of bytes in three colours, and how numbers become such bytes.

A lab paints at every move, so nothing here makes a matplotlib figure: the colours of matplotlib's
maps are looked up, Pillow writes the letters. The canvas is black under every theme, as the screens
are on which scans are read; words that belong to a theme stand beside it as HTML.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from brainlib.slices.planes import EDGES

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
GREY: Colour = (160, 160, 160)
DARK: Colour = (70, 70, 70)
BLUE: Colour = (86, 180, 233)  # Okabe and Ito's colours, as in the figures: told apart by all
ORANGE: Colour = (230, 159, 0)
GREEN: Colour = (0, 158, 115)
RED: Colour = (225, 60, 50)  # always beside a word: not everybody sees it
YELLOW: Colour = (240, 228, 66)
PURPLE: Colour = (204, 121, 167)
TOO_BRIGHT, TOO_DARK = (255, 120, 60), (90, 170, 255)  # of an error


class Canvas:
    """A black picture of fixed size, to which panels and words are added.

    Attributes:
        image: Pillow's image, RGB.
    """

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), BLACK)
        self._pen = ImageDraw.Draw(self.image)

    def panel(self, picture: np.ndarray, box: Box, *, smooth: bool = False) -> None:
        """Stretches a picture, uint8 (h, w, 3), over a box."""
        left, top, right, bottom = box
        how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
        stretched = Image.fromarray(picture).resize((right - left, bottom - top), how)
        self.image.paste(stretched, (left, top))

    def text(
        self,
        place: tuple[float, float],
        words: str,
        *,
        size: int = 13,
        colour: Colour = WHITE,
        anchor: str = "la",
        rim: int = 0,
    ) -> None:
        """Writes words.

        Args:
            place: of the anchor.
            words: one line.
            size: of the letters, in pixels.
            colour: of the letters.
            anchor: Pillow's: "la" for the left upper corner, "mm" for the middle.
            rim: pixels of black around the letters, so that they stand out on a picture.
        """
        font, black = _font(size), BLACK if rim else None
        self._pen.text(
            place, words, fill=colour, font=font, anchor=anchor, stroke_width=rim, stroke_fill=black
        )

    def letters(self, box: Box, plane: str) -> None:
        """Orientation letters inside of a picture's edges; plane: "" for none."""
        if not plane:
            return
        left, top, right, bottom = box
        middle = ((left + right) / 2, (top + bottom) / 2)
        places = [(left + 3, middle[1]), (right - 3, middle[1])]
        places += [(middle[0], top + 2), (middle[0], bottom - 2)]
        for place, letter, anchor in zip(places, EDGES[plane], ("lm", "rm", "mt", "mb")):
            self.text(place, letter, size=12, colour=YELLOW, anchor=anchor, rim=2)

    def rectangle(
        self, box: Sequence[float], *, fill: Colour | None = None, edge: Colour | None = None
    ) -> None:
        """A box, filled or framed by two pixels."""
        self._pen.rectangle(tuple(box), fill=fill, outline=edge, width=2)

    def line(
        self, points: Sequence[tuple[float, float]], *, colour: Colour = WHITE, width: int = 1
    ) -> None:
        """Straight lines from point to point."""
        self._pen.line([tuple(point) for point in points], fill=colour, width=width)

    def dot(self, place: tuple[float, float], *, colour: Colour, radius: int = 6) -> None:
        """A filled circle with a black rim, so that it stands out on a line of its own colour."""
        x, y = place
        box = (x - radius, y - radius, x + radius, y + radius)
        self._pen.ellipse(box, fill=colour, outline=BLACK, width=1)

    def array(self) -> np.ndarray:
        """The bytes, uint8 (height, width, 3)."""
        return np.asarray(self.image)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The letters of the figures: DejaVu Sans, which matplotlib brings."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / "DejaVuSans.ttf"), size)


@functools.cache
def _colours(name: str) -> np.ndarray:
    """A colour map of matplotlib as 256 colours, uint8 (256, 3)."""
    steps = matplotlib.colormaps[name](np.linspace(0, 1, 256))
    return (255 * steps[:, :3]).round().astype("uint8")


def coloured(
    numbers: np.ndarray, *, cmap: str = "gray", low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Numbers (h, w) or (h, w, 1) as colours of a map of matplotlib. -> uint8 (h, w, 3)."""
    numbers = np.asarray(numbers, dtype="float32").reshape(np.shape(numbers)[:2])
    share = (numbers - low) / max(high - low, 1e-9)
    return _colours(cmap)[np.clip(255 * np.nan_to_num(share), 0, 255).round().astype("uint8")]


def error_colours(difference: np.ndarray, *, most: float = 0.3) -> np.ndarray:
    """Too dark blue, too bright red, black where nothing is wrong. -> uint8 (h, w, 3)."""
    difference = np.asarray(difference, dtype="float32").reshape(np.shape(difference)[:2])
    strength = np.clip(np.abs(difference) / most, 0, 1)[..., None]
    ends = np.where((difference > 0)[..., None], TOO_BRIGHT, TOO_DARK)
    return (strength * ends).round().astype("uint8")


def with_outline(
    picture: np.ndarray, mask: np.ndarray, colour: Colour, *, filled: float = 0.0
) -> np.ndarray:
    """A picture with the rim of a mask in a colour.

    Args:
        picture: uint8 (h, w, 3).
        mask: bool (h, w).
        colour: of the rim.
        filled: share of the colour inside of it.
    """
    inside = mask.copy()
    inside[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    painted = picture.copy()
    if filled:
        mixed = (1 - filled) * painted[mask] + filled * np.array(colour)
        painted[mask] = mixed.astype("uint8")
    painted[mask & ~inside] = colour
    return painted


def enlarged(picture: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel as a square of `factor` pixels a side."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def png_bytes(picture: np.ndarray, *, small: bool = False) -> bytes:
    """A picture, uint8 (h, w, 3), as PNG.

    Args:
        picture: uint8 (h, w, 3).
        small: in 256 colours and well compressed, for a page; else little compressed, because a lab
            sends it at every move.
    """
    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    if small:
        image.quantize(64).save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
