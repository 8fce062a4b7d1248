"""Figures of a report are small, and nobody sees what they lost."""

import io

import numpy as np
import pytest
from PIL import Image

from brainlib.show.report import pictures

HEIGHT, WIDTH = 300, 500


def pixels_of(picture):
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB")).astype(int)


def saved(path, values):
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def chart(rng):
    """White paper with lines of three colours."""
    values = np.full((HEIGHT, WIDTH, 3), 255)
    for colour in ((0, 114, 178), (213, 94, 0), (0, 158, 115)):
        rows = rng.integers(0, HEIGHT - 2, WIDTH)
        values[rows, np.arange(WIDTH)] = colour
    return values


def slices(rng, *, coloured=False):
    """Grey values of all kinds, and a coloured outline where it is wanted."""
    grey = np.kron(rng.integers(20, 230, (HEIGHT // 4, WIDTH // 4)), np.ones((4, 4)))
    values = np.repeat(grey[..., None], 3, axis=2)
    if coloured:
        values[10:20, 10:400] = (230, 159, 0)
    return values


@pytest.mark.parametrize(
    ("name", "most"), [("chart", 12), ("slices", 3), ("slices with an outline", 12)]
)
def test_a_figure_looks_the_same_and_is_smaller(name, most, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SMALL_BYTES", 0)
    rng = np.random.default_rng(1)
    values = chart(rng) if name == "chart" else slices(rng, coloured=name != "slices")
    path = saved(tmp_path / "figure.png", values)
    made = pictures.in_pixels(path)
    difference = np.abs(pixels_of(made) - values)
    assert made.kind == "png" and len(made.data) < path.stat().st_size
    assert difference.max() <= most
    assert np.ptp(pixels_of(made)[:10], axis=2).max() <= most + np.ptp(values[:10], axis=2).max()


def test_what_is_smaller_as_a_photograph_becomes_one(tmp_path):
    rng = np.random.default_rng(2)
    smooth = np.add.outer(np.linspace(0, 90, 900), np.linspace(0, 90, 1300))
    noisy = smooth[..., None] + rng.normal(0, 25, (900, 1300, 3)) + 50
    made = pictures.in_pixels(saved(tmp_path / "figure.png", noisy.clip(0, 255)))
    assert made.kind == "jpeg"
    assert Image.open(io.BytesIO(made.data)).width == pictures.WIDEST_PX


def test_paper_gets_the_vector_file_where_that_is_small(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SMALL_BYTES", 0)
    path = saved(tmp_path / "figure.png", slices(np.random.default_rng(3)))
    assert pictures.for_paper(path).kind == "png"
    path.with_suffix(".pdf").write_bytes(b"%PDF small")
    assert pictures.for_paper(path) == (b"%PDF small", "pdf")
    path.with_suffix(".pdf").write_bytes(b"%PDF" + bytes(2_000_000))
    assert pictures.for_paper(path).kind == "png"


def test_white_stays_white_and_glass_becomes_white(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "SMALL_BYTES", 0)
    values = np.zeros((HEIGHT, WIDTH, 4))
    values[:, :200] = (255, 255, 255, 255)
    values[:, 450:] = (0, 0, 0, 255)
    made = pixels_of(pictures.in_pixels(saved(tmp_path / "figure.png", values)))
    assert (made[:, :450] == 255).all() and (made[:, 450:] == 0).all()
