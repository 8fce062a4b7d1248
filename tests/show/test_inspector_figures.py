"""Figures of several reports and of looks into a network draw the numbers that they get."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from brainlib.show import inspector_figures


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_the_overview_tells_sound_from_fault_and_from_not_asked():
    rows = [
        ("vae", "dead units", 12.5, "% of ReLU channels", False),
        ("vae", "active units", 1.0, "of 12 units", True),
        ("vqvae", "dead units", np.nan, "% of ReLU channels", False),
    ]
    table = pd.DataFrame(rows, columns=["model", "name", "value", "unit", "flagged"])
    (ax,) = inspector_figures.overview(table).axes
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 1], [2, 0]])
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "12.5", (1, 0): "?", (0, 1): "1"}
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["dead units (% of ReLU channels)", "active units (of 12 units)"]


def test_channels_are_sorted_by_their_worth():
    ax = plt.figure().subplots()
    inspector_figures.channel_worth(np.array([0.1, 0.3, 0.2]), error=0.5, ax=ax)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [60, 40, 20])


def test_each_model_has_its_own_channels():
    table = pd.DataFrame({"model": ["a", "b", "b"], "layer": ["x", "y", "y"], "error": [1, 2, 2]})
    figure = inspector_figures.channels_figure(table.assign(error_gained=[0.5, 0.2, 1.0]))
    assert [ax.get_title() for ax in figure.axes] == ["a: x", "b: y"]
    heights = []
    for ax in figure.axes:
        heights.append([bar.get_height() for bar in ax.patches])
    assert heights == [[50], [50, 10]]


def test_filters_and_maps_have_a_picture_each():
    rng = np.random.default_rng(0)
    figure = inspector_figures.filters_figure(rng.normal(size=(5, 3, 4, 1)), columns=3)
    assert sum(len(ax.images) for ax in figure.axes) == 5
    maps = rng.random((6, 7, 9))
    figure = inspector_figures.maps_figure(maps, channels=[8, 2], columns=4)
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), maps[..., 2])


def test_occlusion_maps_lie_over_their_images():
    rng = np.random.default_rng(0)
    images, maps = rng.random((2, 12, 8, 1)), {"inside": rng.random((2, 3, 2))}
    figure = inspector_figures.occlusion_figure(images, maps)
    assert figure.axes[3].images[0].get_extent() == [0, 8, 12, 0]
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), maps["inside"][1])
