"""Draws of pages: every way is judged as often as a verdict needs, without a training."""

import numpy as np
import pandas as pd
import pytest

from brainlib import models, studies
from brainlib.evaluation.studies import Pages, Trained, TrainedPriors
from brainlib.models.prior import build_prior

SIZE = 4


class Judge:
    """Judges by the mean grey value alone."""

    n = 3

    def __call__(self, pictures):
        assert pictures.shape == (3, 8, 12, 1)
        return {"frechet": float(pictures.mean())}

    def some_known(self, seed):
        return np.full((3, 8, 12, 1), 0.5, "float32")

    def floor(self, seed):
        return {"frechet": 0.0}


@pytest.fixture
def drawers():
    network = models.build(
        "vqvae", image_shape=(8, 12, 1), width=0.1, depth=2, codebook_size=SIZE, code_dim=2, seed=0
    )
    codes = np.random.default_rng(0).integers(SIZE, size=(5, 2, 3))
    pages = {"train": Pages(codes, {}, np.repeat("a", 5), {})}
    prior = build_prior((2, 3), SIZE, width=4, layers=1, seed=0)
    keys = [("fold0", 0), ("fold1", 0)]
    trained = Trained(dict.fromkeys(keys, network), pd.DataFrame(), {})
    priors = dict.fromkeys(keys, prior), pd.DataFrame(), dict.fromkeys(keys, pages)
    return trained, TrainedPriors(*priors)


def test_simple_ways_stand_first_and_the_floor_last(drawers):
    found = studies.judge_pages(Judge(), *drawers, temperatures=[0.5, 1.0], repeats=2)
    ways = ["alone", "alone, by place", "prior"]
    order = [*ways, "prior", *ways, "rebuilt training slices"]
    assert found.codes_from.tolist() == order + ["floor: training slices"] * 5
    assert found.temperature[:7].tolist() == [1, 1, 1, 0.5, 1, 1, 1]
    assert found.repeat[:7].tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_a_verdict_stands_on_five_draws_of_each_way(drawers):
    once = studies.judge_pages(Judge(), *drawers, temperatures=[0.5], repeats=1)
    draws = studies.draws_for_verdict(Judge(), *drawers, once)
    assert draws.groupby("codes_from").repeat.apply(list).tolist() == [[0, 1, 2, 3, 4]] * 3
    again = studies.judge_pages(Judge(), *drawers, temperatures=[], repeats=5)
    drawn = again[again.temperature == 1.0].sort_values(["repeat", "codes_from"])
    pd.testing.assert_frame_equal(drawn.reset_index(drop=True), draws)
    assert len(studies.draws_for_verdict(Judge(), *drawers, again)) == 15


def test_ways_draw_codes_that_training_had(drawers):
    trained, priors = drawers
    codes = np.zeros((5, 2, 3), int)
    ways = studies.ways_to_draw(priors.first, codes)
    assert ways["alone"](50, 0).shape == (50, 2, 3) and (ways["alone"](50, 0) == 0).mean() > 0.8
    pictures = studies.paint(trained.first, ways["prior"], 3, seed=1)
    assert pictures.shape == (3, 8, 12, 1)


def _judged(prior, alone, rebuilt):
    ways = ["prior"] * 5 + ["alone"] * 5
    noise = [0.0, 0.1, 0.2, 0.3, 0.4] * 2
    draws = pd.DataFrame({"codes_from": ways, "frechet": [prior] * 5 + [alone] * 5})
    draws = draws.assign(frechet=draws.frechet + noise, random_seed=0)
    judgements = pd.DataFrame({"codes_from": ["rebuilt training slices"], "frechet": [rebuilt]})
    return studies.nearer_pages(draws, judgements, "alone")


def test_a_distance_that_does_not_see_real_pages_shows_nothing():
    assert _judged(5.0, 9.0, 4.0)["verdict"] == "shown"
    blind = _judged(5.0, 9.0, 9.5)
    assert blind["verdict"] == "not shown" and "does not see" in blind["words"]
    assert _judged(9.0, 9.0, 4.0)["verdict"] == "not shown"
