"""Made-up slices of a few people, as 02 and 03 leave them, without a run folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib.evaluation.studies import Round, SplitSlices

PEOPLE = tuple("abcdefghij")


@pytest.fixture
def ten_people(tmp_path):
    """10 people with 4 slices of 12x14 each; 8 train, 1 validates, 1 tests."""
    rows = [{"subject": one, "slice": 8 + number} for one in PEOPLE for number in range(4)]
    index = pd.DataFrame(rows).assign(slices=20, row=np.arange(40))
    people = pd.DataFrame({"subject": PEOPLE, "age": np.arange(20.0, 70.0, 5.0)})
    people["sex"] = ["male", "female"] * 5
    images = np.random.default_rng(0).random((40, 12, 14, 1)).astype("float32")
    path = Path(tmp_path) / "images.npy"
    np.save(path, images)
    rounds = (Round("fold0", "a note", PEOPLE[:8], PEOPLE[8:9], PEOPLE[9:]),)
    return SplitSlices(path, index, people, rounds, "axial")
