"""Blocks of a diagram: those of the theses' tables, nothing lost."""

import functools

import keras
import matplotlib.pyplot as plt
import pytest

from brainlib import models
from brainlib.show import diagrams

NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name == "resnet50_short" else name
    for name in models.NAMES
]


@functools.cache
def _small(name):
    return models.build(name, image_shape=(64, 64), width=0.05, seed=1)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (
            "residual_unet",
            [
                "conv",
                "residual block",
                "residual block",
                "residual block",
                "latent",
                "transposed conv",
                "concatenate",
                "transposed conv",
                "concatenate",
                "transposed conv",
                "conv",
            ],
        ),
        (
            "resnet_big",
            ["conv"] + ["residual block"] * 6 + ["latent"] + ["transposed conv"] * 4 + ["conv"],
        ),
        (
            "skip_connection_cae",
            [
                "conv",
                "conv",
                "conv",
                "latent",
                "transposed conv",
                "add",
                "transposed conv",
                "add",
                "transposed conv",
                "conv",
            ],
        ),
    ],
)
def test_blocks_are_those_of_the_theses_tables(name, kinds):
    found = models.blocks(_small(name))
    assert [block["kind"] for block in found] == kinds
    assert sum(block["parameters"] for block in found) == _small(name).count_params()
    assert sum(len(block["layers"]) for block in found) == len(models.layer_table(_small(name)))


def test_blocks_know_skips_and_repeats():
    found = models.blocks(_small("residual_unet"))
    # The second block and the first conv pass by.
    assert found[6]["inputs"] == [2, 5] and found[8]["inputs"] == [0, 7]
    repeats = [
        block["repeats"]
        for block in models.blocks(_small("resnet50"))
        if block["kind"] == "residual block"
    ]
    assert repeats == [1, 2, 1, 3, 1, 5, 1, 2]  # 3, 4, 6 and 3 blocks: ResNet50


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_a_diagram(name):
    figure = diagrams.model_diagram(_small(name))
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert len(texts) == len(models.blocks(_small(name))) + 1 and texts[0].startswith(
        "64x64x1\nimage"
    )
    assert f"{models.describe(_small(name))['parameters']:,} weights" in figure.axes[0].get_title()
    plt.close(figure)


def test_a_class_without_a_graph_has_no_diagram():
    class Plain(keras.Model):
        def __init__(self):
            super().__init__(name="plain")
            self.conv = keras.layers.Conv2D(2, 3, name="conv")

        def call(self, inputs):
            return self.conv(inputs)

    model = Plain()
    model(keras.ops.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="plain is a class without a graph"):
        models.blocks(model)


def test_a_long_network_without_arcs_is_drawn_in_rows():
    network = models.build(
        "vqgan_uad", image_shape=(48, 40), width=0.05, codebook_size=8, code_dim=4
    )
    boxes = len(models.blocks(network)) + 1
    figure = diagrams.model_diagram(network)
    rows = -(-boxes // diagrams.LONGEST_ROW)
    assert rows > 1 and len(figure.axes) == rows
    assert sum(len(ax.texts) for ax in figure.axes) == boxes  # each box has its words once
    assert figure.get_figwidth() < 16
