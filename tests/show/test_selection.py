"""Pictures of what a rule of selection keeps."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from brainlib import plots
from brainlib.heads.volumes import Volume


def made_up(count=11):
    array = np.random.default_rng(0).uniform(0, 100, (count, 8, 9)).astype(np.float32)
    volume = Volume(array, (2.0, 2.0, 2.0), np.eye(4), "a", ("R", "A", "S"), array.shape)
    brain = np.clip(40 - 10 * np.abs(np.arange(count) - count // 2), 0, None)
    table = {"volume": "a", "slice": np.arange(count), "slices": count, "picture_px": 72}
    return volume, pd.DataFrame({**table, "brain_px": brain})


def frames_of(figure):
    return [patch for patch in figure.axes[0].patches if not patch.get_fill()]


def test_the_limit_is_among_the_pictures_with_two_frames():
    volume, table = made_up()
    kept = table[table.brain_px > 25]
    options = {"column": "brain_px", "plane": "sagittal", "count": 3}
    figure = plots.framed_slices(volume, table, kept, **options)  # slices 0, 5, 10 and the limit
    titles = [text.get_text() for text in figure.axes[0].texts]
    assert {"0", "3", "5", "10"} <= set(titles) and len(frames_of(figure)) == 4
    assert not frames_of(plots.framed_slices(volume, table, table, **options))
    plt.close("all")


def test_rules_and_places_are_drawn():
    _, table = made_up()
    ax = plots.brain_by_place(table, ax=plt.subplots()[1], limit=0.05, span=(0.2, 0.4))
    assert len(ax.lines) == 2  # one head, one limit
    counts = pd.DataFrame({"method": ["a", "b"], "kept": [5, 4]})
    counts = counts.assign(kept_without_brain=[1, 0], discarded_with_brain=[0, 2])
    ax = plots.kept_bars(counts, ax=plt.subplots()[1])
    assert sorted(bar.get_width() for bar in ax.patches) == [0, 0, 1, 2, 4, 4]
    plt.close("all")
