"""The reference run as it is committed: each network opens, and rebuilds as well as it says.

`tests/reference/keep.py` writes it. `test_restorer.py` is about the restorer that lies beside.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from brainlib import files, metrics, models
from brainlib.models.prior import load_prior
from brainlib.record import Run
from brainlib.training import saved

REFERENCE = Path(__file__).resolve().parents[2] / "outputs" / "reference"
NETWORKS = sorted(path.parent for path in REFERENCE.glob("models/**/*.keras"))
SAID = json.loads((REFERENCE / "slices.json").read_text(encoding="utf-8"))
MOST_BYTES = 25_000_000
A_PATH = re.compile(r"/(home|root|work|tmp|Users)/")


def name_of(folder):
    return folder.parent.relative_to(REFERENCE / "models").as_posix()


def test_it_is_small_enough_to_be_committed():
    sizes = [path.stat().st_size for path in REFERENCE.rglob("*") if path.is_file()]
    assert 5_000_000 < sum(sizes) < MOST_BYTES


@pytest.mark.parametrize("folder", NETWORKS, ids=name_of)
def test_each_network_is_the_one_that_was_kept_and_opens(folder):
    [path] = folder.glob("*.keras")
    record = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    assert record["sha256"] == files.sha256(path)
    model = load_prior(path) if path.name == "prior.keras" else models.load(path)
    assert model.count_params() > 1000 and getattr(model, "optimizer", None) is None


@pytest.mark.parametrize("name", sorted(SAID["psnr_db"]))
def test_a_network_rebuilds_slices_of_unseen_people_as_well_as_it_says(name):
    """To a twentieth of a decibel: other processors and threads have other last digits."""
    with np.load(REFERENCE / "slices.npz", allow_pickle=False) as arrays:
        pictures = arrays["slices"].astype("float32") / 255
    model = models.load(REFERENCE / "models" / name / "standard" / "model.keras")
    psnr = metrics.psnr(pictures, models.reconstruct(model, pictures), data_range=1.0)
    np.testing.assert_allclose(psnr, SAID["psnr_db"][name], atol=0.05)
    assert psnr.mean() > 15  # a picture of the mean head has less


@pytest.mark.parametrize("name", ["vae", "vqvae", "residual_unet"])
def test_a_run_that_trained_nothing_finds_it(name, tmp_path):
    found = saved.find(Run("04_vae", tmp_path, {"seed": 0, "data": "phantom"}), name, "holdout")
    assert found is not None and not found.of_this_run and REFERENCE in found.path.parents


def test_no_text_of_it_names_a_folder_of_the_machine_that_made_it():
    for path in REFERENCE.rglob("*"):
        if path.suffix in (".json", ".csv", ".md"):
            assert not A_PATH.search(path.read_text(encoding="utf-8")), path
