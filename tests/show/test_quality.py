"""The quality page and the grid of heads: sorted by measure, ticked heads land in exclude.csv."""

import re

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads.exclusions import read_exclusions
from brainlib.show import head_page
from brainlib.show.head_page import MEASURES
from brainlib.show.labs.quality_lab import QualityGrid


@pytest.fixture
def ranked():
    rows = {
        "subject": ["a", "b", "c"],
        "site": "Guys",
        "group": "healthy",
        "why": ["", "noise", ""],
    }
    rows |= {"outlier": [1.0, 5.0, 2.0], "brain_ml": [1500.0, 1200.0, 1350.0]}
    rows |= {name: [0.01, 0.02, 0.03] for name in MEASURES if name != "brain_ml"}
    return pd.DataFrame(rows).sort_values("outlier", ascending=False)


def test_the_page_has_a_card_for_every_head_and_needs_no_network(ranked, tmp_path):
    rng = np.random.default_rng(0)
    cohort = []
    for name in ranked.subject:
        head = np.zeros((12, 14, 16), "float32")
        head[2:10, 3:12, 4:14] = rng.uniform(40, 100, (8, 9, 10))
        for kind, array in (("t1", head), ("brain", (head > 0).astype("float32"))):
            image = nibabel.Nifti1Image(array, np.diag([2.0, 1.5, 1.5, 1]))
            nibabel.save(image, tmp_path / f"{name}_{kind}.nii.gz")
        paths = {kind: str(tmp_path / f"{name}_{kind}.nii.gz") for kind in ("t1", "brain")}
        cohort.append({"subject": name, "path": paths["t1"], "brain_path": paths["brain"]})
    path = head_page.quality_page(
        tmp_path / "quality.html",
        ranked,
        pd.DataFrame(cohort),
        masks=tmp_path / "masks",
        method="given",
        source="Made up",
    )
    page = path.read_text()
    assert re.findall(r'data-subject="(\w)"', page) == ["b", "c", "a"]
    assert page.count('class="leave-out"') == 3 and page.count("<img") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "brain volume (ml)" in page and "1200 ml" in page and 'data-brain_ml="1200.0"' in page
    assert "odd: noise" in page and len(page) < 200_000


def test_ticks_write_exclude_csv_and_others_stay(ranked, tmp_path):
    exclude = tmp_path / "exclude.csv"
    exclude.write_text("subject,reason\nz,moved\nc,blurred\n")
    grid = QualityGrid(ranked, lambda name: np.zeros((10, 30, 3), "uint8"), exclude)
    assert grid.boxes["c"].value and not grid.boxes["a"].value
    grid.boxes["b"].value = True
    found = dict(read_exclusions(exclude).itertuples(index=False))
    assert found == {"z": "moved", "b": "looked at in JupyterLab", "c": "blurred"}
    grid.boxes["c"].value = False
    assert set(read_exclusions(exclude).subject) == {"z", "b"}


def test_heads_are_sorted_by_the_chosen_measure(ranked, tmp_path):
    grid = QualityGrid(ranked, lambda name: np.zeros((10, 30, 3), "uint8"), tmp_path / "e.csv")
    assert grid.order() == ["b", "c", "a"]
    grid.sort.value = "brain_ml"
    assert grid.order() == ["a", "c", "b"]
    assert "1500 ml" in grid._cards.children[0].children[2].value
    grid.upwards.value = True
    assert grid.order() == ["b", "c", "a"]
