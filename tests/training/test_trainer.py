"""What is given to Keras: the same batches, from datasets that do not tune themselves."""

import keras
import numpy as np
import tensorflow as tf

from brainlib.training.trainer import Batches, train_model, without_tuning


def test_batches_stay_the_same_without_the_tuner():
    batches = tf.data.Dataset.range(7).map(lambda number: 2 * number).batch(3).prefetch(2)
    plain = without_tuning(batches)
    assert plain.options().autotune.enabled is False
    assert int(plain.cardinality()) == int(batches.cardinality()) == 3
    for ours, theirs in zip(plain, batches, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_training_and_validation_run_without_the_tuner(monkeypatch):
    """An iterator that is tuned may wait for half a minute when it is let go of."""
    given = []
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    fit = model.fit

    def spied(batches, *, validation_data, **options):
        given.extend([batches, validation_data])
        return fit(batches, validation_data=validation_data, **options)

    monkeypatch.setattr(model, "fit", spied)
    pairs = tf.data.Dataset.from_tensor_slices((np.ones((4, 2)), np.ones((4, 1)))).batch(2)
    train_model(model, Batches(lambda start: pairs.repeat(), 2, pairs, 2), epochs=2)
    assert [batches.options().autotune.enabled for batches in given] == [False, False]
    given.clear()
    train_model(model, Batches(lambda start: pairs.repeat(), 2, None, None), epochs=1)
    assert given[1] is None
