"""Thesis 004's rows from sweeps, tests between all pairs, sides against the centre."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib import models, studies
from brainlib.evaluation.studies import Trained
from brainlib.show import plots

PUBLISHED = Path(__file__).resolve().parents[3] / "notebooks" / "published"


def published():
    return pd.read_csv(PUBLISHED / "reconstruction_residual_2020.csv")


def a_point(model, loss, seed, psnr, **more):
    known = {"model": model, "loss": loss, "seed": seed, "status": "finished", "sweep": "s"}
    measured = dict.fromkeys(["val_loss", "dssim_clean", "psnr_corrupted", "dssim_corrupted"], 0.5)
    return {**known, **measured, "psnr_clean": psnr, "folder": f"points/{seed}", **more}


def test_all_eighteen_rows_are_there_and_ours_where_a_sweep_made_them():
    corrupted = pd.DataFrame(
        [
            a_point("residual_unet", "mse", 0, 30.0),
            a_point("residual_unet", "mse", 1, 32.0),
            a_point("residual_unet", "mse", 2, 99.0, status="failed"),
            a_point("shallow_residual", "dssim", 0, 28.0, l2=True),
        ]
    )
    clean = pd.DataFrame(
        [a_point("shallow_residual", "mse", 0, 25.0, options="{'block': 'original'}")]
    )
    table = studies.rows_of_004({"no": clean, "yes": corrupted}, published())
    assert table.augmentation.value_counts().to_dict() == {"yes": 12, "no": 6}
    known = table.set_index(["augmentation", "model", "loss", "l2"])
    unet = known.loc["yes", "residual_unet", "mse", "no"]
    assert (unet.ours_psnr_clean, unet.random_seeds, unet.published_psnr) == (31.0, 2, 44.9)
    assert known.loc["yes", "shallow_residual_full_pre", "dssim", "yes"].ours_psnr_clean == 28
    assert known.loc["no", "shallow_residual_original", "mse", "no"].ours_psnr_clean == 25
    assert (table.random_seeds > 0).sum() == 3
    figure = plots.metric_bars(
        table, names=table.model, columns=["published_psnr", "ours_psnr_clean", "published_mse"]
    )
    assert len(figure.axes) == 3 and len(figure.axes[0].patches) == 18


def test_without_sweeps_only_the_published_rows_stand_there():
    table = studies.rows_of_004({"no": pd.DataFrame(), "yes": pd.DataFrame()}, published())
    assert len(table) == 18 and not table.random_seeds.any() and table.ours_psnr_clean.isna().all()


def test_a_block_is_a_network_of_its_own():
    chosen = studies.with_blocks(["residual_unet", "shallow_residual"], ["full_pre", "original"])
    assert list(chosen) == ["residual_unet", "shallow_residual", "shallow_residual_original"]
    counts = {}
    for title, (name, options) in chosen.items():
        network = models.build(name, image_shape=(16, 24), width=0.1, **options)
        counts[title] = network.count_params()
    assert counts["shallow_residual"] != counts["shallow_residual_original"]
    with pytest.raises(ValueError, match="blocks"):
        studies.with_blocks(["shallow_residual"], ["newest"])


def test_slices_make_everything_significant_and_people_do_not():
    """Thesis 004's figure 5.24: the same small difference, 200 slices of 5 people."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(5), 40)
    shift = np.repeat([0.02, -0.02, 0.015, 0.01, 0.0], 40)
    first = rng.normal(0, 0.001, 200)
    values = pd.DataFrame({"a": first, "b": first + shift + rng.normal(0, 0.001, 200), "c": 1.0})
    by_slice, by_person = studies.p_values(values), studies.p_values(values, people)
    assert by_slice.loc["a", "b"] < 0.001 < 0.3 < by_person.loc["a", "b"]
    assert by_slice.loc["a", "b"] == by_slice.loc["b", "a"] and np.isnan(by_slice.loc["a", "a"])
    figure = plots.p_value_maps({"slices": by_slice, "people": by_person})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 6 and "<.001" in texts
    assert len(figure.axes[0].patches) > len(figure.axes[1].patches)  # framed: below 0.05


def test_the_sides_are_the_outermost_quarters():
    table = pd.DataFrame({"subject": ["a"] * 8 + ["b"] * 4, "slice": [*range(8), 30, 10, 40, 20]})
    assert studies.sides_of_heads(table)[:8].tolist() == [True] * 2 + [False] * 4 + [True] * 2
    assert studies.sides_of_heads(table)[8:].tolist() == [False, True, True, False]


def test_a_network_that_fails_at_the_sides_is_found_out(ten_people, monkeypatch):
    """The test person's four slices come in order: the first and the last are the sides."""
    error = np.array([0.3, 0.0, 0.0, 0.3], "float32").reshape(4, 1, 1, 1)
    monkeypatch.setattr(models, "reconstruct", lambda network, inputs: inputs + error)
    trained = {"network": Trained({("fold0", 0): 0}, pd.DataFrame(), {})}
    (row,) = studies.sides_and_centre(trained, ten_people).itertuples()
    assert row.dssim_centre == pytest.approx(0) and row.dssim_sides > 0.01
    assert row.difference == pytest.approx(row.dssim_sides) and row.subjects == 1


def test_courses_and_networks_of_a_sweep_are_found(tmp_path):
    folder = tmp_path / "s" / "points" / "0"
    (folder / "tables" / "11_experiment").mkdir(parents=True)
    history = pd.DataFrame({"epoch": [1, 2], "val_loss": [0.2, 0.1]})
    history.to_csv(folder / "tables" / "11_experiment" / "history.csv", index=False)
    network = models.build("shallow_residual", image_shape=(16, 24), width=0.1)
    (folder / "models" / "shallow_residual").mkdir(parents=True)
    network.save(folder / "models" / "shallow_residual" / "model.keras")
    points = pd.DataFrame(
        [a_point("shallow_residual", "mse", 0, 1.0, l2=True), a_point("vae", "mse", 1, 1.0)]
    )
    courses = studies.sweep_histories(points, tmp_path)
    assert set(courses.model) == {"shallow_residual_full_pre + L2"} and len(courses) == 2
    damaged = np.zeros((2, 16, 24, 1), "float32")
    found = studies.sweep_restorations(points, tmp_path, damaged)
    assert list(found) == ["shallow_residual_full_pre + L2, mse"]
    assert found[next(iter(found))].shape == damaged.shape
    assert studies.sweep_restorations(points, tmp_path, np.zeros((1, 8, 8, 1))) == {}
