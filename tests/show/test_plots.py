"""Figures of brains say where left and right, front and back are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from brainlib import slices
from brainlib.show import plots


@pytest.mark.parametrize(
    ("plane", "letters"),
    [
        ("sagittal", {"S", "I", "A", "P"}),
        ("axial", {"L", "R", "A", "P"}),
        ("coronal", {"L", "R", "S", "I"}),
    ],
)
def test_the_first_picture_of_a_comparison_carries_orientation_letters(plane, letters):
    pictures = np.random.default_rng(0).random((3, 20, 14, 1))
    figure = plots.comparison(
        {"original": pictures, "rebuilt": pictures, "error": pictures - 0.5},
        plane=plane,
        titles="abc",
    )
    (ax,) = figure.axes
    texts = {text.get_text(): text for text in ax.texts}
    assert (
        set(texts) == letters | {"original", "rebuilt", "error", "a", "b", "c"}
        and len(ax.child_axes) == 1
    )  # the colour bar
    edges = dict(zip(("left", "right", "top", "bottom"), slices.EDGES[plane]))
    assert len(ax.images) == 9
    left, right, bottom, top = ax.images[0].get_extent()
    where = {edge: texts[letter].get_position() for edge, letter in edges.items()}
    assert left < where["left"][0] < where["top"][0] < where["right"][0] < right
    assert top < where["top"][1] < where["left"][1] < where["bottom"][1] < bottom
    second, below = ax.images[1].get_extent(), ax.images[3].get_extent()
    assert second[0] > right and below[3] > bottom
    np.testing.assert_allclose(below[:2], [left, right])
    np.testing.assert_allclose(ax.images[8].get_array(), pictures[2, ..., 0] - 0.5)
    plt.close(figure)


def test_a_montage_draws_each_picture_in_its_place():
    pictures = np.random.default_rng(0).random((5, 20, 14))
    masks = np.zeros((5, 20, 14), bool)
    masks[3, 5:9, 4:8] = True
    figure = plots.montage(
        pictures,
        plane="axial",
        columns=3,
        titles=list("vwxyz"),
        masks=masks,
        frames=[(), ("red",), (), (), ("red", "blue")],
        spacing_mm=(1, 2),
    )
    (ax,) = figure.axes
    assert ax.get_aspect() == 0.5 and len(ax.images) == 5 and len(ax.patches) == 3
    for number, image in enumerate(ax.images):
        np.testing.assert_array_equal(image.get_array(), pictures[number])
        left, right, bottom, top = image.get_extent()
        np.testing.assert_allclose([right - left, bottom - top], [14, 20])
        title = next(text for text in ax.texts if text.get_text() == "vwxyz"[number])
        assert title.get_position()[0] == (left + right) / 2 and title.get_position()[1] < top
    (outline,) = ax.collections
    left, right, bottom, top = ax.images[3].get_extent()
    path = np.concatenate([path.vertices for path in outline.get_paths()])
    np.testing.assert_allclose(
        [
            path[:, 0].min() - left,
            path[:, 0].max() - left,
            path[:, 1].min() - top,
            path[:, 1].max() - top,
        ],
        [4, 8, 5, 9],
        atol=1e-6,
    )
    plt.close(figure)


def test_a_page_of_patches_has_the_middles_of_its_codes():
    figure, (ax,) = plots.panels(1)
    patches = np.zeros((3, 4, 8))  # the middle: rows 1 and 2, columns 2 to 5
    patches[1, 1:3, 2:6], patches[2] = 0.5, 1
    patches[2, 1:3, 2:6] = 0.75
    plots.page_of_patches(np.array([[0, 1, 2]]), patches, ax=ax, gap=1)
    drawn = ax.images[0].get_array()
    assert drawn.shape == (2, 14)
    np.testing.assert_array_equal(drawn[0, [0, 5, 10]], [0, 0.5, 0.75])
    assert np.ma.getmaskarray(drawn)[:, [4, 9]].all()
    plt.close(figure)


def test_a_sway_map_hides_the_place_and_what_comes_after():
    figure, (ax,) = plots.panels(1)
    plots.sway_map(np.full((2, 3), 0.2), (1, 0), ax=ax)
    drawn = ax.images[0].get_array()
    assert np.ma.getmaskarray(drawn)[1].all() and drawn[0].tolist() == [20, 20, 20]
    assert ax.patches[0].get_xy() == (-0.5, 0.5)
    plt.close(figure)


def test_likely_codes_are_bars_of_one_scale_and_the_true_code_stands_at_the_right():
    chances = {"one": np.array([0.1, 0.6, 0.3]), "two": np.array([0.3, 0.3, 0.4])}
    figure = plots.likely_codes(np.zeros((3, 4, 4)), chances, actual=0, count=2)
    (ax,) = figure.axes
    texts = [text.get_text() for text in ax.texts]
    assert texts[:4] == ["60.0 %", "30.0 %", "10.0 %", "one"]
    bars = [bar for bar in ax.patches if bar.get_fill()]
    np.testing.assert_allclose([bar.get_height() for bar in bars[:3]], [1, 0.5, 1 / 6])
    assert len(ax.images) == 6 and len(ax.patches) - len(bars) == 3  # frames of the true code
    plt.close(figure)
