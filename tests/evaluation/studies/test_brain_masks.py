"""Brain masks of damaged and restored heads, with an extractor that finds bright voxels."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from brainlib import studies
from brainlib.evaluation.studies import brain_masks
from brainlib.heads.volumes import Volume

SHAPE = (6, 40, 32)


@pytest.fixture
def head(monkeypatch):
    """A dark head with a bright brain; what is brighter than 0.5 is found."""
    rng = np.random.default_rng(0)
    brain = np.zeros(SHAPE, bool)
    brain[1:5, 8:32, 6:26] = True
    array = np.where(brain, 0.9, 0.1) + rng.uniform(0, 0.1, SHAPE)
    volume = Volume(
        array.astype("float32"), (2.0, 2.0, 2.0), np.eye(4), Path("h"), ("R", "A", "S"), SHAPE
    )

    def bright(volume):
        found = volume.array > 0.5
        if not found.any():
            raise ValueError("finds no brain")
        return found

    monkeypatch.setattr(brain_masks.reading, "read_with_mask", lambda *_, **__: (volume, brain))
    monkeypatch.setattr(brain_masks.masks, "brain_mask", bright)
    return brain


def test_damage_lowers_dice_and_a_perfect_restoration_brings_it_back(head, monkeypatch):
    known = {"plane": "sagittal", "scaling": "volume", "field_mm": 80.0}
    known |= {"brain_only": False, "centre": False}
    run = SimpleNamespace(needs=lambda chapter: {"parameters": known})
    slices = SimpleNamespace(people=pd.DataFrame({"subject": ["a"]}), image_shape=(40, 40, 1))
    clean = {}

    def remember(pictures, *_, **__):
        clean["pictures"] = pictures
        return np.where(np.arange(40)[None, None, :, None] < 20, 0, pictures)

    monkeypatch.setattr(brain_masks.corruptions, "corrupt", remember)
    ways = {"perfect": lambda damaged: clean["pictures"], "black": lambda damaged: 0 * damaged}
    found = studies.mask_agreement(run, slices, ways, ["a"], corruption="none")
    dice = found.set_index("version").dice
    assert list(dice.index) == ["corrupted", "perfect", "black"]
    assert dice["perfect"] == 1 and dice["black"] == 0
    # the front half of the brain is gone: |A| = half of |B|
    assert dice["corrupted"] == pytest.approx(2 * 0.5 / 1.5, abs=0.05)
