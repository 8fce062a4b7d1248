"""Thesis 003's chapter with networks that add a constant: its counts, spreads and filled holes."""

import numpy as np
import pandas as pd
import pytest

from brainlib import models, studies, training
from brainlib.evaluation.studies import Trained, resnets
from brainlib.show import plots

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "val_loss": [0.3, 0.1, 0.2],
        "loss": [0.4, 0.2, 0.1],
        "round": "fold0",
        "random_seed": 0,
    }
)


@pytest.fixture
def of_003(monkeypatch):
    """One training; its network adds 0.1."""
    monkeypatch.setattr(models, "reconstruct", lambda added, inputs: inputs + added)
    return {("resnet_small", "mse"): Trained({("fold0", 0): np.float32(0.1)}, HISTORY, {})}


def published():
    known = {"model": "resnet_small", "psnr_mean": 37.1, "psnr_std": 2.1, "ssim_mean": 0.995}
    row = known | {"ssim_std": 0.001, "val_loss": 0.00038, "best_epoch": 87}
    return pd.DataFrame([{**row, "loss": "mse"}, {**row, "loss": "dssim", "psnr_mean": 40.1}])


def test_slices_of_each_set_stand_beside_table_3_1(ten_people):
    table = studies.image_counts(ten_people).set_index("set")
    assert table.people.tolist() == [8, 1, 1] and table.slices.tolist() == [32, 4, 4]
    assert table.published_slices.sum() == 34_860  # thesis 003, section 3.1
    assert table.published_people.sum() == 581


def test_encoders_are_those_of_table_4_2():
    networks = {
        name: models.build(name, image_shape=(64, 96), width=0.05)
        for name in ("resnet_small", "resnet_big")
    }
    table = studies.encoder_sizes(networks).set_index("model")
    assert table.up_sampling_blocks.tolist() == [4, 4]
    assert table.encoder_output.str.startswith("4x6x").all()
    assert table.published_parameters.tolist() == [2_263_232, 6_104_256]
    assert studies.trained_sides("resnet50", (64, 96)) and not studies.trained_sides(
        "resnet50", (48, 48)
    )


@pytest.mark.parametrize(
    "name, loss, batch, optimizer",
    [
        ("resnet_small", "mse", 32, "rmsprop"),
        ("resnet_big", "mse", 32, "rmsprop"),
        ("resnet_big", "dssim_contrib", 24, "rmsprop"),
        ("resnet50", "mse", 8, "adam"),
        ("resnet50_short", "mse", 16, "rmsprop"),
    ],
)
def test_each_network_has_its_recipe_of_tables_5_1_to_5_3(name, loss, batch, optimizer):
    plan = training.recipe(studies.recipe_003(name, loss))
    assert (plan.batch_size, plan.optimizer) == (batch, optimizer)
    assert studies.recipe_003(name, loss, "vae") == "vae"


def test_the_best_epoch_stands_beside_the_published_one(of_003):
    (row,) = studies.best_losses(of_003, published()).itertuples()
    assert (row.best_val_loss, row.epoch) == (0.1, "2/3")
    assert (row.published_val_loss, row.published_epoch) == (0.00038, 87)


def test_spreads_are_over_slices_and_intervals_over_people(of_003, ten_people):
    table = studies.spread_over_slices(of_003, ten_people, published()).set_index("measure")
    assert table.loc["psnr", "mean"] == pytest.approx(20, abs=1e-3)  # 0.1 off everywhere
    assert table.loc["psnr", "std"] == pytest.approx(0, abs=1e-3)
    assert table.loc["psnr", "published_mean"] == 37.1 and table.slices.tolist() == [4, 4]
    assert table.loc["ssim", "min"] <= table.loc["ssim", "mean"] <= table.loc["ssim", "max"] < 1


def test_curves_of_one_loss_stand_in_one_panel(of_003):
    others = {"residual_unet": Trained({}, HISTORY, {})}
    joint = studies.joint_histories(of_003, others, "mse")
    assert set(joint.model) == {"resnet_small", "residual_unet"}
    alone = studies.joint_histories(of_003, others, "dssim")
    assert set(alone.model) == {"resnet_small"}  # another loss has another scale
    (ax,) = plots.validation_curves(joint).axes
    assert [line.get_label() for line in ax.lines] == ["resnet_small", "residual_unet"]
    assert not len(studies.joint_histories({}, {}, "mse"))


def test_errors_in_a_hole_and_outside_are_told_apart(ten_people, monkeypatch):
    """One network paints 0.5 into what is black, another one adds 0.2 to all else."""

    def answer(network, inputs):
        if network == "fills":
            return np.where(inputs == 0, 0.5, inputs)
        return inputs + np.where(inputs == 0, 0, 0.2)

    monkeypatch.setattr(models, "reconstruct", answer)
    table = studies.filled_holes({"fills": "fills", "adds": "adds"}, ten_people, seed=0)
    table = table.set_index("model")
    assert table.loc["doing nothing", "error_outside"] == 0
    assert table.loc["fills", "error_inside"] < table.loc["doing nothing", "error_inside"]
    assert table.loc["adds", "error_outside"] == pytest.approx(0.2, abs=1e-6)
    inside = table.error_inside
    assert inside["adds"] == pytest.approx(inside["doing nothing"])


def test_damages_are_the_theses():
    assert list(resnets.DAMAGES) == ["zeroed area", "blur", "10 % dropout"]
    assert resnets.DAMAGES["10 % dropout"].dropout == (0.1, 0.1)
    assert resnets.DAMAGES["10 % dropout"].dropout_block == 1  # imgaug's Dropout, no coarse one
