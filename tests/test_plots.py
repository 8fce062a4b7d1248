"""Figures of brains say where left and right, front and back are."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from brainlib import plots


@pytest.mark.parametrize(("plane", "letters"), [("sagittal", {"S", "I", "A", "P"}), ("axial", {"L", "R", "A", "P"}), ("coronal", {"L", "R", "S", "I"})])
def test_the_first_picture_of_a_comparison_carries_orientation_letters(plane, letters):
    pictures = np.random.default_rng(0).random((3, 20, 14, 1))
    figure = plots.comparison({"original": pictures, "rebuilt": pictures, "error": pictures - 0.5}, plane=plane, titles="abc")
    panels = figure.axes[:9]
    assert {text.get_text() for text in panels[0].texts} == letters
    assert not any(text.get_text() for panel in panels[1:] for text in panel.texts)
    assert [panel.get_title() for panel in panels[:3]] == ["a", "b", "c"] and panels[3].get_ylabel() == "rebuilt"
    plt.close(figure)
