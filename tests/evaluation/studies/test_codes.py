"""Codebooks: what codes stand for and how they are counted, without a training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib import models, record, studies
from brainlib.evaluation.studies import Round, SplitSlices, Trained
from brainlib.evaluation.studies.codes import CodesSeen, Variant, variant_folder

SIZE = 8  # codes


@pytest.fixture
def slices(tmp_path):
    """Three people of 3 slices of 16x24 pixels each; the brain is the left half."""
    images = np.random.default_rng(0).random((9, 16, 24, 1)).astype("float32")
    brains = np.zeros(images.shape, bool)
    brains[:, :, :12] = True
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "brains.npy", brains)
    index = pd.DataFrame({"row": range(9), "subject": np.repeat(["a", "b", "c"], 3)})
    rounds = (Round("fold0", "", ("a",), ("b",), ("b", "c")),)
    return SplitSlices(Path(tmp_path / "images.npy"), index, pd.DataFrame(), rounds, "axial")


@pytest.fixture
def trained():
    network = models.build(
        "vqvae", image_shape=(16, 24, 1), width=0.1, depth=2, codebook_size=SIZE, code_dim=3, seed=0
    )
    history = pd.DataFrame({"epoch": [1], "round": ["fold0"], "random_seed": [0]})
    return Trained({("fold0", 0): network}, history, {("fold0", 0): Path("none")})


def test_every_place_is_counted_once(slices, trained):
    seen = studies.codes_seen(trained.first, slices, ["a"])
    assert seen.counts.sum() == 3 * 4 * 6 and seen.on_brain.sum() == 3 * 4 * 3
    assert (seen.on_brain <= seen.counts).all() and np.isfinite(seen.patches).all()
    assert seen.patches.shape == (SIZE, 8, 8)


def test_the_most_frequent_codes_come_first():
    seen = CodesSeen(np.zeros((4, 2, 2)), np.array([1, 0, 6, 3]), np.array([0, 0, 4, 1]))
    assert seen.order.tolist() == [2, 3, 0, 1] and seen.frequent(9).tolist() == [2, 3, 0]
    assert seen.titles([2, 3]) == ["2: 60.0%", "3: 30.0%"]
    assert studies.painters(seen, 2).tolist() == [2, 3]


def test_codes_of_all_test_people_and_without_each(slices, trained):
    uses = studies.use_each_round(trained, slices)
    assert uses.region.tolist() == ["everywhere", "brain"] and uses.places.tolist() == [144, 72]
    without = studies.use_without_one(trained, slices)
    assert without.without.tolist() == ["b", "c"]
    assert without.in_use.max() <= uses.in_use[0] and without.perplexity_share.between(0, 1).all()


def test_a_network_in_one_row(slices, trained):
    variant = Variant({}, trained.first, pd.DataFrame())
    row = studies.variants_table({"ours": variant}, slices).iloc[0]
    assert row.codebook == "ours" and row["map"] == "4x6" and row.bits_a_picture == 24 * 3
    pages = studies.pages_table({"ours": trained.first}, slices).iloc[0]
    assert pages.test_slices == 6 and 1 <= pages.different_pages <= 6
    assert pages.test_psnr == pytest.approx(row.psnr)


def test_halvings_leave_two_by_two():
    assert studies.most_halvings(128) == 6 and studies.most_halvings(64) == 5
    assert studies.most_halvings(48) == 4 and studies.most_halvings(3) == 1


def test_the_theses_codebook_never_restarts():
    ways = studies.codebook_ways(0)
    assert ways["seeds"] == {"codebook": "gradient", "restart_after": 0, "kmeans_start": False}
    assert ways["average, restarts"]["restart_after"] == 20


def test_what_equals_the_chapters_own_network_is_not_trained_again(tmp_path):
    run = record.start("mine", out=str(tmp_path))
    options = {"depth": 2, "codebook": "average"}
    same = variant_folder(run, "fold0", {"codebook": "average"}, options, 1.0)
    shorter = variant_folder(run, "fold0", {"codebook": "average"}, options, 0.5)
    other = variant_folder(run, "fold0", {"depth": 3, "codebook": "gradient"}, options, 1.0)
    parts = [path.relative_to(tmp_path / "models" / "vqvae").as_posix() for path in (same, shorter)]
    assert parts == ["fold0", "fold0/study/codebook_average"]
    assert other.name == "codebook_gradient-depth_3"
