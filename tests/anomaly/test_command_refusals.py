"""`python -m brainlib.anomaly` with models that cannot be used: one line, exit code 2."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from small_heads import head, stored

from brainlib import anomaly, models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    (folder / "heads").mkdir()
    stored(head()[0], "RAS", folder / "heads" / "p1.nii.gz")
    (folder / "good").mkdir()
    models.build("vae_uad", image_shape=(48, 40), width=0.125, latent_dim=4, seed=0).save(
        folder / "good" / "model.keras"
    )
    colours = keras.Input((95, 79, 3))
    keras.Model(colours, layers.Conv2D(3, 3, padding="same")(colours)).save(folder / "rgb.keras")
    images = keras.Input((95, 79, 1))
    flat = layers.Flatten()(images)
    keras.Model(images, layers.Dense(2)(flat)).save(folder / "classifier.keras")
    wide = keras.Input((500, 300, 1))
    keras.Model(wide, layers.Conv2D(1, 3, padding="same")(wide)).save(folder / "wide.keras")
    broken = keras.Model(images, layers.Conv2D(1, 3, padding="same")(images))
    broken.set_weights([np.full_like(weights, np.nan) for weights in broken.get_weights()])
    broken.save(folder / "nan.keras")
    (folder / "text.keras").write_text("no model")
    return folder


def refused(folder, model, capsys, *more):
    arguments = [str(folder / "heads"), "--out", str(folder / "maps"), "--model", str(model), *more]
    code = anomaly.main(arguments)
    printed = capsys.readouterr()
    assert code == 2 and printed.out == "" and printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    "name, said",
    [
        ("rgb.keras", "grey slices"),
        ("classifier.keras", "expected a model that answers slices"),
        ("wide.keras", "500x300"),
        ("nan.keras", "no number"),
        ("text.keras", "a text"),
        ("none.keras", "nothing at this path"),
        ("heads", "a folder"),
    ],
)
def test_models_that_do_not_fit(name, said, folder, capsys):
    assert said in refused(folder, folder / name, capsys)


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "[]",
        "\x00",
        "[" * 100_000,
        {"preparation": {}},
        {"preparation": {"foo": 1}, "post": None},
        {"preparation": {"size": [35, 48]}, "post": None},
        {"preparation": {"size": [1, 1, 1]}, "post": None},
        {"preparation": {"voxel_mm": 1e-9}, "post": None},
        {"preparation": {"smoothing": "much"}, "post": None},
        {"preparation": {}, "post": {"median": "x"}},
        {"preparation": {}, "post": None, "method": "guess"},
        {"preparation": {}, "post": None, "method": "prior_surprise", "prior": "none.keras"},
        {
            "preparation": {"size": [35, 48, 40]},
            "post": None,
            "method": "positive",
            "options": {"positive": {"bogus": 1}},
        },
    ],
)
def test_records_that_were_changed(record, folder, capsys, tmp_path):
    shutil.copy(folder / "good" / "model.keras", tmp_path)
    text = record if isinstance(record, str) else json.dumps(record)
    (tmp_path / "preparation.json").write_text(text)
    assert str(tmp_path) in refused(folder, tmp_path / "model.keras", capsys)


def test_the_command_begins_in_silence(folder):
    command = [sys.executable, "-m", "brainlib.anomaly", str(folder / "heads"), "--out", "x"]
    answer = subprocess.run(
        [*command, "--model", str(folder / "text.keras")], capture_output=True, text=True
    )
    assert answer.returncode == 2 and answer.stdout == ""
    assert answer.stderr.count("\n") == 1 and "a text" in answer.stderr  # no word of CUDA
