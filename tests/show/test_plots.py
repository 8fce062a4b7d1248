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
