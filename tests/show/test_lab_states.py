"""Each lab with a network of the run, with that of the reference run, and without any.

The networks are untrained and tiny: what is tested is which of them a lab opens with, and which
words stand where there is none.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lab_extremes import go_to_extremes

from brainlib import labs, models
from brainlib.anomaly import Prepared
from brainlib.evaluation.studies import Round, SplitSlices
from brainlib.models.prior import build_prior
from brainlib.show.labs import code_lab, corruption_lab, latent_lab, threshold_lab
from brainlib.training import saved
from brainlib.training.finished import Finished

SHAPE, OTHER = (32, 32, 1), (64, 64, 1)
PEOPLE = tuple("abcdefgh")
SLICES = 6  # of a person
OPTIONS = {
    "vae": {"latent_dim": 4, "width": 0.1},
    "vqvae": {"depth": 2, "width": 0.1},
    "residual_unet": {"width": 0.1},
    "uad_vae_uad": {"latent_dim": 4, "width": 0.1},
}
LABS = {  # lab: (its network, the chapter that trains it)
    "latent": ("vae", "04"),
    "codes": ("vqvae", "05"),
    "corruption": ("residual_unet", "07"),
    "threshold": ("uad_vae_uad", "09"),
}


def put(folder, name, shape):
    """Leaves an untrained network as a finished training does."""
    folder = folder / "models" / name / "holdout"
    folder.mkdir(parents=True)
    finished = Finished(folder, "model.keras")
    model = models.build(name.removeprefix("uad_"), image_shape=shape, **OPTIONS[name])
    model.save(finished.path)
    finished.finish("a key", epochs=3)
    if name == "vqvae":
        put_prior(folder.parents[1] / "vqvae_prior" / "holdout", model)


def put_prior(folder, model):
    folder.mkdir(parents=True)
    finished = Finished(folder, "prior.keras")
    size = model.quantizer.codebook_size
    build_prior(model.grid, size, width=8, layers=1).save(finished.path)
    finished.finish("a key", epochs=3)


def split_slices():
    index = [(name, number) for name in PEOPLE for number in range(SLICES)]
    index = pd.DataFrame(index, columns=["subject", "slice"])
    index["row"], index["slices"] = index.index, SLICES
    people = pd.DataFrame({"subject": PEOPLE, "group": "healthy", "age": np.nan, "sex": ""})
    division = Round("holdout", "", PEOPLE[:4], PEOPLE[4:6], PEOPLE[6:])
    opened = SplitSlices(None, index, people, (division,), "sagittal")
    rng = np.random.default_rng(0)
    opened.__dict__["images"] = rng.uniform(0, 1, (len(index), *SHAPE)).astype("float32")
    return opened


def study_heads():
    lesion = np.zeros((3, *SHAPE), bool)
    lesion[1, 4:9, 5:12] = True

    def head(ill):
        images = np.random.default_rng(0).uniform(0, 1, (3, *SHAPE)).astype("float32")
        return Prepared(images, np.ones_like(lesion), lesion & ill, np.eye(4))

    return SimpleNamespace(
        prepared={"ill": head(True), "well": head(False)},
        lesions=lambda part: pd.DataFrame({"subject": ["ill"]}),
        healthy=lambda part: pd.DataFrame({"subject": ["well"]}),
        post={"erode_px": 0, "median": 0, "min_pixels": 0},
        voxel_ml=1.0,
        pixel_mm=2.0,
    )


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run without networks, beside an empty reference run."""
    monkeypatch.setattr(saved, "REFERENCE", tmp_path / "reference")
    for module in (latent_lab, code_lab, corruption_lab):
        monkeypatch.setattr(module, "open_quietly", lambda run: split_slices())
    monkeypatch.setattr(latent_lab, "pixel_mm_of", lambda run: 2.0)
    rounds = split_slices().rounds
    monkeypatch.setattr(threshold_lab.studies, "read_rounds", lambda run: rounds)
    monkeypatch.setattr(threshold_lab.study, "open_heads", lambda run, **_: study_heads())
    names = ("size", "voxel_mm", "smoothing", "n4", "masks", "median", "every")
    parameters = dict.fromkeys(names) | {"size": (3, *SHAPE[:2]), "models_used": ["vae_uad"]}
    folder = tmp_path / "mine"
    return SimpleNamespace(folder=folder, parameters=parameters, source_note="made up")


@pytest.mark.parametrize("lab", LABS)
def test_the_network_of_the_run_comes_first(lab, run, tmp_path):
    name, _ = LABS[lab]
    put(run.folder, name, SHAPE)
    put(tmp_path / "reference", name, SHAPE)
    opened = getattr(labs, lab)(run)
    assert "trained for 3 epochs in this run" in opened.note
    assert "reference" not in opened.note and opened.picture.value.startswith(b"\x89PNG")
    go_to_extremes(opened)


@pytest.mark.parametrize("lab", LABS)
@pytest.mark.parametrize("own", [None, pytest.param(OTHER, marks=pytest.mark.slow)])
def test_the_reference_network_serves_where_the_run_has_none_of_its_size(lab, own, run, tmp_path):
    name, _ = LABS[lab]
    if own:
        put(run.folder, name, own)
    put(tmp_path / "reference", name, SHAPE)
    opened = getattr(labs, lab)(run)
    assert "in the reference run, on IXI: if yours are of IXI" in opened.note
    if lab == "codes":
        assert "No prior" not in opened.note  # that of the same run


@pytest.mark.parametrize("lab", LABS)
def test_without_a_fitting_network_the_words_get_one(lab, run, tmp_path):
    name, chapter = LABS[lab]
    assert f"./run_all.sh {chapter}" in getattr(labs, lab)(run).words
    put(tmp_path / "reference", name, OTHER)
    assert f"./run_all.sh {chapter}" in getattr(labs, lab)(run).words
