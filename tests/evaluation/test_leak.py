"""A leak flatters what remembers, and nothing that does not: people of made-up pictures."""

import numpy as np
import pandas as pd
import pytest

from brainlib.evaluation import leak

PEOPLE = np.repeat([f"S{number}" for number in range(10)], 8)


@pytest.fixture(scope="module")
def pixels():
    """Pictures that are alike within a person and differ between people. (80, 63)."""
    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(0, 1, (10, 63)), 8, axis=0)
    return (own + rng.normal(0, 0.1, (80, 63))).astype("float32")


@pytest.fixture(scope="module")
def errors(pixels):
    return leak.errors_by_person(pixels, PEOPLE, seed=0, draws=4, components=6)


def test_only_one_of_two_trainings_of_one_size_has_seen_the_test_people():
    drawn = leak.draw(PEOPLE, [3, 1], share=0.3)
    tested = set(PEOPLE[drawn.rebuilt])
    assert len(tested) == 3 and len(drawn.rebuilt) == 3 * 8 // 2
    assert tested.isdisjoint(PEOPLE[drawn.by_person])
    assert tested <= set(PEOPLE[drawn.by_slice])
    assert len(drawn.by_person) == len(drawn.by_slice) == 7 * 8
    for places in drawn.trainings.values():
        assert set(places).isdisjoint(drawn.rebuilt) and len(set(places)) == len(places)


def test_the_same_random_seed_draws_the_same():
    first, again = leak.draw(PEOPLE, [0, 2]), leak.draw(PEOPLE, [0, 2])
    np.testing.assert_array_equal(first.by_slice, again.by_slice)


def test_memory_is_flattered_and_the_mean_picture_is_not(errors):
    table = leak.flattery(errors).set_index("model")
    remembered, mean = table.loc["Nearest training picture"], table.loc["Mean training picture"]
    assert remembered.hidden_percent > 90 and remembered.flattered == remembered.people
    assert abs(mean.hidden_percent) < 30
    assert remembered.low < remembered.hidden_percent < remembered.high


def test_a_draw_is_the_mean_over_its_pictures(errors):
    of_draw = errors[(errors.repeat == 1) & (errors.divided == "by slice")]
    by_draw = leak.errors_by_draw(errors)
    found = by_draw[(by_draw.repeat == 1) & (by_draw.divided == "by slice")].pca_mse.item()
    np.testing.assert_allclose(found, np.average(of_draw.pca_mse, weights=of_draw.pictures))
    assert list(by_draw.divided[:2]) == list(leak.DIVISIONS) and len(by_draw) == 8


def test_the_finding_is_worded_from_the_interval(errors):
    found = leak.finding(errors, "nearest_mse")
    assert found["verdict"] in ("shown", "too few to decide")
    assert "with the leak - without = -" in found["words"] and "% of the error [" in found["words"]


def test_the_nearest_picture_is_found_among_the_numbers_of_the_components(pixels):
    pca = leak.fit_components(pixels, components=200)
    assert pca.n_components_ == 63  # pixels: fewer than pictures and than asked for
    places = leak.nearest_pictures(pca, pixels[:30], pixels[[4, 17]])
    np.testing.assert_array_equal(places, [4, 17])


def test_more_slices_than_wanted_are_drawn_from_all_of_these_people():
    index = pd.DataFrame({"row": np.arange(80), "subject": PEOPLE})
    images = np.arange(80.0).reshape(80, 1, 1, 1)
    pictures, owners = leak.slices_of(index, images, ["S1", "S2"], seed=0)
    assert len(pictures) == 16 and set(owners) == {"S1", "S2"}
    some, owners = leak.slices_of(index, images, set(PEOPLE), seed=0, most=40)
    np.testing.assert_array_equal(PEOPLE[some.ravel().astype(int)], owners)
    assert len(some) == 40


def test_the_nearest_answer_after_a_leak_is_of_the_same_person(pixels):
    pictures = pixels.reshape(80, 7, 9, 1)
    drawn = leak.draw(PEOPLE, [0, 0])
    rows = leak.nearest_answers(pictures, drawn, count=4)
    assert {len(row) for row in rows.values()} == {4} and "to rebuild" in rows
    error = {name: np.mean((row - rows["to rebuild"]) ** 2) for name, row in rows.items()}
    assert leak.same_person_percent(pictures, PEOPLE, drawn) == 100
    assert error["nearest, divided by slice"] < 0.1 < error["nearest, divided by subject"]
