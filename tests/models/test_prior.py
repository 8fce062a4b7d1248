"""The prior over code maps: by exhaustion where the maps are few, its draws by statistics."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax

from brainlib import models_prior
from brainlib.models.layers import prior as layers_prior

GRID = (5, 7)


def random_prior(grid=GRID, size=6, *, seed=0, **options):
    """Untrained, with an output layer that is not zero."""
    prior = models_prior.build_prior(grid, size, width=8, layers=2, seed=seed, **options)
    for weight in prior.get_layer("logits").weights:
        weight.assign(np.random.default_rng(seed).normal(0, 1.5, weight.shape))
    return prior


def random_codes(count, grid=GRID, size=6, seed=0):
    return np.random.default_rng(seed).integers(0, size, (count, *grid))


def logits_of(prior, codes, conditions=None):
    return np.asarray(prior(prior.inputs_for(prior.checked_maps(codes), conditions)))


@pytest.mark.parametrize("grid", [GRID, (1, 4), (4, 1)])
def test_no_place_sees_itself_or_later_ones_and_all_see_every_earlier_one(grid):
    prior, codes = random_prior(grid), random_codes(1, grid)
    places = codes.size
    changed = np.repeat(codes, places, axis=0).reshape(places, -1)
    changed[np.arange(places), np.arange(places)] = (changed[0] + 1) % 6
    moved = (
        np.abs(logits_of(prior, changed.reshape(places, *grid)) - logits_of(prior, codes))
        .max(axis=-1)
        .reshape(places, places)
    )
    seen = moved > 1e-6  # (changed place, place that looks)
    np.testing.assert_array_equal(seen, np.triu(np.ones((places, places), bool), k=1))


def test_probabilities_of_all_maps_add_up_to_one():
    prior = random_prior((2, 3), 3)
    maps = np.stack(np.meshgrid(*[range(3)] * 6, indexing="ij"), axis=-1).reshape(-1, 2, 3)
    bits = models_prior.surprise(prior, maps)
    assert bits.shape == maps.shape and bits.min() > 0
    np.testing.assert_allclose((2.0 ** -bits.sum(axis=(1, 2))).sum(), 1, rtol=1e-4)


def test_begins_uniform_and_is_made_by_its_seed():
    prior = models_prior.build_prior((11, 9), 32, width=8, layers=1, seed=3)
    mean, each = models_prior.bits_a_code(prior, random_codes(3, (11, 9), 32))
    assert prior.grid == (11, 9) and prior.codebook_size == 32 and each.shape == (3,)
    np.testing.assert_allclose([mean, *each], 5.0, rtol=1e-6)
    one, same, other = (
        models_prior.build_prior(
            (3, 4), 5, width=8, layers=1, seed=seed, conditions={"age": (50, 10)}
        )
        for seed in (3, 3, 4)
    )
    for first, second in zip(one.weights, same.weights, strict=True):
        np.testing.assert_array_equal(first, second)
    assert any(
        np.abs(first.numpy() - second.numpy()).max() > 0.01
        for first, second in zip(one.weights, other.weights)
    )


def test_unigram_bits_in_closed_form():
    train = np.array([[[0, 0, 1]], [[0, 0, 2]]])  # shares (4 + 1, 1 + 1, 1 + 1, 0 + 1) / 10
    mean, each = models_prior.unigram_bits(train, np.array([[[0, 1, 3]], [[0, 0, 0]]]), 4)
    np.testing.assert_allclose(each, [(1 + np.log2(5) + np.log2(10)) / 3, 1])
    np.testing.assert_allclose(mean, each.mean())
    mean, _ = models_prior.unigram_bits(train, np.array([[[0, 0, 3]]]), 4, by_place=True)
    np.testing.assert_allclose(mean, -(2 * np.log2((2 + 5) / 12) + np.log2((0 + 1) / 12)) / 3)


def test_samples_have_the_frequencies_that_the_prior_says():
    prior, count = random_prior((2, 2), 3, seed=1), 20000
    maps = np.stack(np.meshgrid(*[range(3)] * 4, indexing="ij"), axis=-1).reshape(-1, 2, 2)
    probability = 2.0 ** -models_prior.surprise(prior, maps).sum(axis=(1, 2))
    drawn = models_prior.sample(prior, count, seed=5, batch_size=5000)
    found = np.bincount(drawn.reshape(count, 4) @ 3 ** np.arange(3, -1, -1), minlength=81)
    assert (
        stats.chisquare(found, probability / probability.sum() * count, sum_check=False).pvalue
        > 0.001
    )
    cold = models_prior.sample(prior, count, seed=5, temperature=0.5, batch_size=5000)
    first = np.exp(logits_of(prior, maps[:1])[0, 0, 0].astype(float) / 0.5)
    assert (
        stats.chisquare(np.bincount(cold[:, 0, 0], minlength=3), first / first.sum() * count).pvalue
        > 0.001
    )


def test_samples_depend_on_the_seed_alone():
    prior = random_prior()
    drawn = models_prior.sample(prior, 7, seed=3)
    np.testing.assert_array_equal(drawn, models_prior.sample(prior, 7, seed=3, batch_size=3))
    assert (
        drawn.shape == (7, *GRID)
        and drawn.dtype == "int32"
        and (drawn != models_prior.sample(prior, 7, seed=4)).any()
    )


def test_temperature_zero_takes_the_likeliest():
    prior = random_prior()
    coldest = models_prior.sample(prior, 2, temperature=0)
    np.testing.assert_array_equal(logits_of(prior, coldest).argmax(axis=-1), coldest)
    np.testing.assert_array_equal(models_prior.sample(prior, 2, temperature=1e-4, seed=9), coldest)
    with pytest.raises(ValueError, match="temperature"):
        models_prior.sample(prior, 1, temperature=-1)


def test_independent_draws_keep_shares_only():
    train = np.array([[[0, 1, 2]]] * 300)
    drawn = models_prior.sample_independent(train, 3000, 3, seed=1)
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / drawn.size, 1 / 3, atol=0.02)
    by_place = models_prior.sample_independent(train, 300, 3, by_place=True, seed=1)
    assert (by_place == [[[0, 1, 2]]]).mean() > 0.95


def one_after_the_other(prior, codes, threshold, noise):
    """Restoration as it is told: place by place."""
    codes = codes.copy()
    for row, column in np.ndindex(*codes.shape[1:]):
        logits = prior.predict_on_batch(codes)[:, row, column]
        bits = -log_softmax(logits, axis=1)[np.arange(len(codes)), codes[:, row, column]] / np.log(
            2
        )
        codes[:, row, column] = np.where(
            bits > threshold,
            models_prior.draw(logits, noise[:, row, column]),
            codes[:, row, column],
        )
    return codes


def test_restoration_is_place_by_place_and_in_one_go():
    prior, codes = random_prior(), random_codes(4)
    restored = models_prior.restore(prior, codes, 3.0, seed=8, samples=2, batch_size=3)
    noise = np.random.default_rng(8).random((2, *codes.shape))
    for number in range(2):
        np.testing.assert_array_equal(
            restored[number], one_after_the_other(prior, codes, 3.0, noise[number])
        )
    assert (restored[0] != restored[1]).any() and (restored != codes).any()
    np.testing.assert_array_equal(models_prior.restore(prior, codes, np.inf)[0], codes)
    np.testing.assert_array_equal(
        models_prior.restore(prior, codes, -1, seed=8)[0], models_prior.sample(prior, 4, seed=8)
    )


def test_conditions_in_numbers():
    layer = layers_prior.Conditions(
        {"age": (50.0, 10.0), "site": ("Guys", "HH", "IOP")}, drop=0.5, seed=1
    )
    columns = layer.columns({"age": [70.0, None], "site": ["HH", ""]}, 2)
    np.testing.assert_array_equal(layer(columns), [[2, 4, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(np.isnan(layer.columns({"site": "IOP"}, 3)), [[True, False]] * 3)
    many = np.tile(columns[:1], (2000, 1))
    shown = np.asarray(layer(many, training=True))
    assert layer.compute_output_shape((None, 2)) == (None, shown.shape[1])
    age, site = (
        shown[:, 2] > 0,
        shown[:, 4] > 0,
    )  # half of the rows are hidden whole, of the rest each half alone
    assert (
        abs(age.mean() - 0.25) < 0.05
        and abs(site.mean() - 0.25) < 0.05
        and abs((~age & ~site).mean() - 0.625) < 0.05
    )
    for wrong, words in (
        ({"weight": 1}, "weight"),
        ({"site": "Rome"}, "Guys, HH, IOP"),
        ({"age": [1, 2, 3]}, "one age or 2"),
    ):
        with pytest.raises(ValueError, match=words):
            layer.columns(wrong, 2)
    for ranges in ({"age": (50, 0)}, {"sex": ("a", "a")}, {"sex": ()}):
        with pytest.raises(ValueError, match="condition"):
            layers_prior.Conditions(ranges)


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((2, 7, 5), int),
        np.zeros(GRID, int),
        np.full((1, *GRID), 6),
        np.full((1, *GRID), -1),
        np.zeros((1, *GRID)),
    ],
)
def test_wrong_codes_are_refused(codes):
    prior = random_prior()
    for use in (
        models_prior.surprise,
        lambda *given: models_prior.restore(*given, 3.0),
        lambda *given: models_prior.fit(*given, codes),
    ):
        with pytest.raises(ValueError, match=r"expected whole numbers \(N, 5, 7\) of 0 to 5"):
            use(prior, codes)


def test_what_cannot_be_built():
    for options in ({"grid": (3, 4, 5)}, {"codebook_size": 1}, {"width": 6}, {"layers": 0}):
        with pytest.raises(ValueError, match="expected"):
            models_prior.build_prior(**{"grid": GRID, "codebook_size": 4, **options})
    with pytest.raises(ValueError, match="without conditions"):
        models_prior.sample(random_prior(), 1, conditions={"age": 3})
    with pytest.raises(ValueError, match="maps to train"):
        models_prior.fit(random_prior(), random_codes(0), random_codes(1))
