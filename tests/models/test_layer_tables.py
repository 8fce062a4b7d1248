"""Layer tables: read from the graph, nothing lost, nothing counted twice."""

import functools

import keras
import pytest

from brainlib import models

NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name == "resnet50_short" else name
    for name in models.NAMES
]


@functools.cache
def _small(name):
    return models.build(name, image_shape=(64, 64), width=0.05, seed=1)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_holds_every_weight_once_and_every_input(name):
    rows = models.layer_table(_small(name))
    names = [row["layer"] for row in rows]
    assert len(set(names)) == len(names)
    # A model's own count leaves out nothing: the table adds up to it.
    assert sum(row["parameters"] for row in rows) == _small(name).count_params()
    for number, row in enumerate(rows):
        assert row["inputs"] and set(row["inputs"]) <= {"image", *names[:number]}
        assert row["trainable"] <= row["parameters"]
    assert rows[-1]["output"] == _small(name).output_shape[1:]


def test_the_table_says_what_a_layer_is():
    rows = {
        row["layer"]: row
        for row in models.layer_table(models.build("vae", image_shape=(64, 32), width=0.25))
    }
    assert rows["encoder/conv_1"] == {
        "layer": "encoder/conv_1",
        "kind": "Conv2D",
        "settings": "filters 4, 4x4, stride 2",
        "output": (32, 16, 4),
        "parameters": 4 * 4 * 4 + 4,
        "trainable": 68,
        "inputs": ["image"],
    }
    assert rows["encoder/sampling"]["inputs"] == ["encoder/mean", "encoder/log_var"]
    assert rows["decoder/dense"]["inputs"] == ["encoder/sampling"]
    assert rows["decoder/output"]["settings"] == "filters 1, 4x4, stride 2, sigmoid"
    assert (
        rows["encoder/bn_1"]["parameters"] - rows["encoder/bn_1"]["trainable"] == 8
    )  # the running statistics


def test_a_layer_used_twice_counts_once():
    inputs = keras.Input((8, 6, 1))
    shared = keras.layers.Conv2D(1, 3, padding="same", name="shared")
    model = keras.Model(inputs, shared(shared(inputs)))
    rows = models.layer_table(model)
    assert [row["layer"] for row in rows] == ["shared", "shared (again 1)"]
    assert [row["parameters"] for row in rows] == [10, 0] and rows[1]["inputs"] == ["shared"]


def test_a_class_without_a_graph_has_a_table():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__(name="plain")
            self.conv = keras.layers.Conv2D(2, 3, name="conv")

        def call(self, inputs):
            return self.conv(inputs)

    model = Plain()
    model(keras.ops.zeros((1, 8, 8, 1)))
    assert [row["parameters"] for row in models.layer_table(model)] == [20]
