"""Heads through a saved network, in their own space: made-up and real ones, and the command."""

import json
import os
from pathlib import Path

import keras
import nibabel
import numpy as np
import pytest

from brainlib import filters, volumes
from brainlib.evaluation import restore

SAMPLE = Path(
    os.environ.get("BRAINLIB_IXI_SAMPLE", Path(__file__).parents[3] / "shared/ixi-sample")
)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A saved model of 24x24 pictures that gives what it gets, times 0.5."""
    image = keras.Input((24, 24, 1))
    path = tmp_path_factory.mktemp("models") / "half.keras"
    keras.Model(image, keras.layers.Rescaling(0.5)(image), name="half").save(path)
    return path


@pytest.fixture
def head(tmp_path):
    """A head of unequal sides, stored P, S, R as IXI's, with its brain mask."""
    rng = np.random.default_rng(0)
    stored = rng.uniform(50, 100, (20, 18, 10)).astype("float32")
    stored[4:16, 4:14, 2:8] += 100
    affine = np.array([[0, 0, 8.0, -40], [-8, 0, 0, 80], [0, 8, 0, -70], [0, 0, 0, 1]])
    mask = (stored > 120).astype("uint8")
    paths = tmp_path / "head.nii.gz", tmp_path / "mask.nii.gz"
    nibabel.save(nibabel.Nifti1Image(stored, affine), paths[0])
    nibabel.save(nibabel.Nifti1Image(mask, affine), paths[1])
    return paths


def test_a_restored_file_lies_on_its_head(network, head, tmp_path):
    path, mask = head
    out = tmp_path / "out.nii.gz"
    restored = restore.restore_file(path, network, out, mask=mask, field_mm=192.0)
    before, after = nibabel.load(path), nibabel.load(out)
    np.testing.assert_array_equal(before.affine, after.affine)
    assert before.shape == after.shape and restored.cut.picture_mm == 8.0
    old, new = before.get_fdata(), after.get_fdata()
    low, high = restored.cut.limits[0]
    expected = low + 0.5 * (np.clip(old, low, high) - low)  # in the head's own grey values
    np.testing.assert_allclose(new[..., 2:8], expected[..., 2:8], rtol=1e-4)
    np.testing.assert_allclose(new[..., [0, 1, 8, 9]], old[..., [0, 1, 8, 9]], rtol=1e-6)
    assert "6 sagittal slices with brain restored at 24x24" in restored.in_words


def test_slices_are_prepared_as_in_the_models_run(network, tmp_path):
    folder = tmp_path / "run"
    (folder / "results").mkdir(parents=True)
    (folder / "models" / "net" / "fold0").mkdir(parents=True)
    model = folder / "models" / "net" / "fold0" / "model.keras"
    model.write_bytes(network.read_bytes())
    assert restore.preparation_of(model) is None
    known = {"plane": "axial", "scaling": "brain", "field_mm": 200.0}
    known |= {"brain_only": True, "centre": False, "size": 24}
    result = folder / "results" / "02_slice_selection.json"
    result.write_text(json.dumps({"parameters": known}))
    found = restore.preparation_of(model)
    assert (found.plane, found.scaling, found.field_mm, found.brain_only) == (
        "axial",
        "brain",
        200.0,
        True,
    )


@pytest.mark.parametrize(
    "change, message",
    [
        ({"head": "missing.nii.gz"}, "nothing at this path"),
        ({"model": "missing.keras"}, "expected a .keras file, there is none"),
        ({"out": "out.png"}, "expected a name ending in .nii"),
        ({"out": "head.nii.gz"}, "is the head itself"),
        ({"model": "head.nii.gz"}, "expected a model saved by Keras 3"),
    ],
)
def test_the_command_refuses_in_one_line(network, head, tmp_path, capsys, change, message):
    words = {"head": "head.nii.gz", "model": str(network), "out": "out.nii.gz", **change}
    given = {name: str(tmp_path / value) for name, value in words.items()}
    code = restore.main([given["head"], "--model", given["model"], "--out", given["out"]])
    error = capsys.readouterr().err
    assert code == 2 and error.count("\n") == 1 and message in error
    assert not (tmp_path / "out.nii.gz").exists()


def test_the_command_says_what_was_done(network, head, tmp_path, capsys):
    path, mask = head
    words = [str(path), "--model", str(network), "--out", str(tmp_path / "new.nii")]
    assert restore.main([*words, "--mask", str(mask), "--field-mm", "240"]) == 0
    said = capsys.readouterr().out
    assert "pixels of 10.00 mm" in said and "pixels of 8.00 mm" in said
    assert "prepared by default but for the options" in said
    assert nibabel.load(tmp_path / "new.nii").shape == (20, 18, 10)


def test_a_model_of_oblong_pictures_is_refused(head):
    image = keras.Input((24, 20, 1))
    model = keras.Model(image, keras.layers.Rescaling(1.0)(image))
    volume = volumes.load(head[0])
    with pytest.raises(ValueError, match="square grey pictures"):
        restore.restore(model, volume)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs the real heads of ixi-sample")
def test_a_real_head_is_mended_where_it_was_blanked(tmp_path):
    path = sorted((SAMPLE / "t1").glob("*.nii.gz"))[0]
    volume = volumes.load(path)
    brain = volume.array > np.percentile(volume.array, 60)
    spoilt = volume.array.copy()
    spoilt[40:50, 50:62, 40:52] = 0
    blanked = volumes.Volume(spoilt, *list(vars(volume).values())[1:])
    mend = filters.Filter("biharmonic", filters.biharmonic, {"side": 5})
    restored = restore.restore(mend, blanked, brain, size=120, keep_detail=True)
    before = np.abs(spoilt - volume.array)[40:50, 50:62, 40:52].mean()
    after = np.abs(restored.array - volume.array)[40:50, 50:62, 40:52].mean()
    assert after < 0.5 * before
    elsewhere = np.ones(spoilt.shape, bool)
    elsewhere[39:51, 48:64, 38:54] = False
    assert np.abs(restored.array - spoilt)[elsewhere].max() < 0.2 * spoilt.max()


@pytest.mark.skipif(not restore.RESTORER.is_file(), reason="the reference run is not here")
@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs the real heads of ixi-sample")
def test_the_reference_restorer_mends_a_damaged_real_head():
    """Noise, dropped voxels and a blanked block, in a head that the restorer never saw."""
    volume = volumes.load(SAMPLE / "t1" / "IXI013-HH-1212-T1_ds.nii.gz")
    top = np.percentile(volume.array, 99.5)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.03 * top, volume.array.shape)
    kept = rng.random(volume.array.shape) > 0.04
    spoilt = np.where(kept, np.clip(volume.array + noise, 0, None), 0).astype("float32")
    spoilt[40:46, 50:62, 60:72] = 0
    damaged = volumes.Volume(spoilt, *list(vars(volume).values())[1:])
    brain = np.zeros(spoilt.shape, bool)
    brain[40:46, 30:95, 40:100] = True  # so few slices take seconds
    model = restore.models.load(restore.RESTORER)
    preparation = restore.preparation_of(restore.RESTORER)
    assert preparation.scaling == "slice"
    restored = restore.restore(model, damaged, brain, preparation=preparation)
    inside = np.s_[restored.cut.numbers, 30:95, 40:100]
    before, after = (
        np.mean((array[inside] - volume.array[inside]) ** 2) for array in (spoilt, restored.array)
    )
    assert len(restored.cut.numbers) == 6 and after < 0.25 * before
