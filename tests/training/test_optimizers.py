"""The optimiser of a recipe: learning rates by steps in closed form."""

import math

import keras
import numpy as np
import pytest

from brainlib import training
from brainlib.training import optimizers


def test_the_rate_rises_evenly_and_falls_along_a_cosine_to_nothing():
    plan = training.recipe("fast", learning_rate=0.4, warm_up=0.2, steps=50, epochs=5)
    rate = optimizers.learning_rate(plan, steps=50)
    rise = [float(rate(step)) for step in (0, 5, 10)]
    np.testing.assert_allclose(rise, [0.0, 0.2, 0.4], atol=1e-6)
    np.testing.assert_allclose(float(rate(20)), 0.2 * (1 + math.cos(math.pi / 4)), rtol=1e-5)
    assert float(rate(50)) == pytest.approx(0.0, abs=1e-7)


def test_without_a_cosine_the_rate_is_a_number():
    assert optimizers.learning_rate(training.recipe("004"), steps=50) == 1e-3
    plan = training.recipe("fast", warm_up=0.0, learning_rate=0.3)
    assert float(optimizers.learning_rate(plan, steps=7)(0)) == pytest.approx(0.3)


def test_a_recipe_by_steps_is_as_long_on_any_number_of_slices():
    by_steps, by_epochs = training.recipe("fast", steps=96, epochs=8), training.recipe("004")
    assert [by_steps.steps_an_epoch(usual) for usual in (3, 5000)] == [12, 12]
    assert [by_epochs.steps_an_epoch(usual) for usual in (3, 5000)] == [3, 5000]
    with pytest.raises(ValueError, match="at least one per epoch"):
        training.recipe("fast", steps=3, epochs=8)


@pytest.mark.parametrize("epoch, together", [(75, 5), (100, 10), (97, 1), (12, 6), (1, 1)])
def test_an_epoch_is_done_in_equal_parts(epoch, together):
    assert optimizers.steps_at_a_time(epoch) == together


def test_there_are_two_optimisers():
    assert type(optimizers.of(training.recipe("004"), steps=1)) is keras.optimizers.RMSprop
    assert isinstance(optimizers.of(training.recipe("fast"), steps=1), keras.optimizers.Adam)
    with pytest.raises(ValueError, match="rmsprop, adam"):
        optimizers.of(training.recipe("fast", optimizer="sgd"), steps=1)
