"""Maps of heads as they were judged, folders with damaged files, the command."""

import subprocess
import sys

import nibabel
import numpy as np
import pandas as pd
import pytest
from small_heads import VOXEL_MM, head, stored

from brainlib import anomaly, models
from brainlib.anomaly import head_maps, model_records, study
from brainlib.anomaly.model_records import POST
from brainlib.heads import volumes


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    models.build("vae_uad", image_shape=(48, 40), width=0.125, latent_dim=4, seed=0).save(path)
    return path


def test_a_folder_is_scored_and_a_bad_file_named(ixi_sample, model_file, tmp_path):
    heads = sorted((ixi_sample / "t1").glob("*.nii.gz"))[:2]
    folder = tmp_path / "heads"
    folder.mkdir()
    for path in heads:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "IXI999-HH-0001-T1.nii.gz").write_bytes(heads[0].read_bytes()[:5000])
    said = []
    table = anomaly.score_folder(
        model_file, folder, tmp_path / "maps", preparation={"voxel_mm": 2.0}, say=said.append
    )
    assert "no preparation.json beside it" in said.pop(0)
    assert (
        list(table.fault != "") == [False, False, True]
        and "IXI999" in said[2]
        and "skipped" in said[2]
    )
    assert "damaged" in table.fault[2] and table.score[:2].gt(0).all()
    for row, path in zip(table.itertuples(), heads):
        made, original = nibabel.load(row.map_path), nibabel.load(path)
        assert made.shape == original.shape and nibabel.aff2axcodes(
            made.affine
        ) == nibabel.aff2axcodes(original.affine)
        np.testing.assert_allclose(made.affine, original.affine, atol=1e-3)
        assert made.get_fdata().max() > 0
    assert len(pd.read_csv(tmp_path / "maps" / "scores.csv")) == 3
    volume = volumes.load(heads[0])
    again = anomaly.score(model_file, heads[0], preparation={"voxel_mm": 2.0})
    assert again.shape == volume.array.shape
    ras = nibabel.as_closest_canonical(nibabel.load(table.map_path[0])).get_fdata()
    np.testing.assert_allclose(again, ras, atol=1e-5)
    kept = tmp_path / "kept" / "model.keras"  # what the notebook remembers is taken up
    kept.parent.mkdir()
    kept.write_bytes(model_file.read_bytes())
    anomaly.ModelRecord(
        {"size": (35, 48, 40), "voxel_mm": 2.0, "smoothing": "none", "full": True},
        {"erode_px": 1, "median": 3, "min_pixels": 2},
    ).save(kept.parent)
    told = anomaly.score(kept, heads[0])
    np.testing.assert_array_equal(
        told,
        anomaly.score(
            model_file,
            heads[0],
            preparation={"size": (35, 48, 40), "voxel_mm": 2.0, "smoothing": "none"},
            post={"erode_px": 1, "median": 3, "min_pixels": 2},
        ),
    )
    assert not np.array_equal(told, again)
    with pytest.raises(FileNotFoundError, match="expected a .keras file"):
        anomaly.score_folder(tmp_path / "none.keras", folder, tmp_path / "maps")


def test_maps_are_made_as_they_were_judged(model_file, tmp_path, monkeypatch):
    array, mask = head()
    model = models.load(model_file)
    monkeypatch.setattr(head_maps.scores, "load_model", lambda path: model)
    folder, kept = tmp_path / "heads", tmp_path / "kept" / "model.keras"
    for path in (folder, kept.parent):
        path.mkdir()
    (folder / "IXI001-HH-0001-T1.nii.gz").write_bytes(
        b"damaged"
    )  # what is said before it is enough
    source = stored(array, "RAS", tmp_path / "head.nii.gz")
    kept.write_bytes(model_file.read_bytes())
    preparation = {"size": (35, 48, 40), "voxel_mm": 4.0, "smoothing": "none"}
    anomaly.ModelRecord(
        preparation,
        None,
        method="reconstruction_probability",
        options={"reconstruction_probability": {"samples": 2}},
        thresholds={"one for all": 0.125, "1 % false alarms": np.inf},
    ).save(kept.parent)
    options = {"mask": mask, "preparation": preparation, "post": None}
    expected = anomaly.score(
        model_file, source, method="reconstruction_probability", samples=2, **options
    )
    np.testing.assert_array_equal(anomaly.score(kept, source, mask=mask), expected)
    assert not np.array_equal(
        anomaly.score(kept, source, mask=mask, samples=1), expected
    )  # what is given holds
    np.testing.assert_array_equal(
        anomaly.score(kept, source, mask=mask, method="absolute"),
        anomaly.score(model_file, source, **options),
    )
    slices_of = anomaly.prepare(volumes.load(source), mask, **preparation).images[15:17]
    np.testing.assert_array_equal(
        anomaly.score(kept, slices_of),
        anomaly.score(model_file, slices_of, method="reconstruction_probability", samples=2),
    )
    said = []
    for method in (None, "absolute"):
        anomaly.score_folder(kept, folder, tmp_path / "maps", method=method, say=said.append)
    assert (
        said[0]
        == "method reconstruction_probability (samples 2), as judged in 09_anomaly_detection. "
        "Thresholds: 0.125 (one for all); they were judged before maps are enlarged to the head."
    )
    anomaly.score_folder(
        kept,
        folder,
        tmp_path / "maps",
        samples=1,
        preparation={"smoothing": "total_variation"},
        masks="given",
        say=said.append,
    )
    assert any(
        "do not hold, samples, smoothing are others here" in line for line in said
    )  # which masks it was judged with was not told
    anomaly.ModelRecord(
        preparation,
        anomaly.POST,
        method="negative",
        thresholds={"one for all": 0.125},
        masks="given",
    ).save(kept.parent)
    anomaly.score_folder(kept, folder, tmp_path / "maps", say=said.append)
    assert any(
        "method negative, as judged" in line and "pieces of fewer than 7 of its pixels" in line
        for line in said
    )
    anomaly.score_folder(
        kept, folder, tmp_path / "maps", say=said.append, masks="deepbrain", post=None
    )
    assert any("do not hold, post, masks are others here" in line for line in said)
    assert any(
        "method absolute, as asked" in line and "chose reconstruction_probability" in line
        for line in said
    )


def test_the_command_and_the_study_make_the_same_map(tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "PSR", tmp_path / "head.nii.gz"))
    model = models.build("vae_uad", image_shape=(48, 40), width=0.125, latent_dim=4, seed=0)
    preparation = {"size": (35, 48, 40), "voxel_mm": 4.0, "smoothing": "none"}
    prepared = {"a": anomaly.prepare(volume, mask, **preparation)}
    table = pd.DataFrame([{"subject": "a", "group": "healthy", "site": ""}])
    detector, options = study.Detector("vae", "reconstruction_probability"), {"samples": 2}
    scoring = study.Scoring({"vae": model}, prepared, POST, {detector.method: options})
    (scored,) = scoring.score(detector, table)
    recipe = anomaly.MapRecipe(detector.method, options, POST, preparation)
    made, score_of_head = anomaly.score_head(model, volume, recipe, mask=mask)
    np.testing.assert_array_equal(made, anomaly.map_to_head(scored.score, prepared["a"], volume))
    assert score_of_head == anomaly.sample_scores([scored])[0] > 0


def test_a_prior_is_recorded_by_its_file(tmp_path, monkeypatch):
    prior = tmp_path / "models" / "uad_prior" / "prior.keras"
    anomaly.ModelRecord(
        post=None,
        method="prior_surprise",
        prior=prior,
        options={"prior_surprise": {"prior": object()}},
    ).save(tmp_path / "models" / "uad")
    (tmp_path / "models").rename(tmp_path / "moved")
    record = anomaly.read_model_record(tmp_path / "moved" / "uad" / "model.keras")
    monkeypatch.setattr(model_records.models_prior, "load_prior", lambda path: path.resolve())
    recipe = record.recipe()
    assert recipe.options["prior"] == (tmp_path / "moved" / "uad_prior" / "prior.keras").resolve()
    assert record.recipe(prior="mine").options["prior"] == "mine"
    assert "prior" not in record.recipe(method="absolute").options


def test_the_command(ixi_sample, tmp_path):
    folder = tmp_path / "heads"
    folder.mkdir()
    first = sorted((ixi_sample / "t1").glob("*.nii.gz"))[0]
    (folder / first.name).write_bytes(first.read_bytes())
    command = [
        sys.executable,
        "-m",
        "brainlib.anomaly",
        "--out",
        str(tmp_path / "maps"),
        "--voxel-mm",
        "2",
        str(folder),
    ]
    ok = subprocess.run([*command, "--method", "intensity_dark"], capture_output=True, text=True)
    assert ok.returncode == 0 and "1 of 1 heads scored" in ok.stdout, ok.stderr
    assert len(list((tmp_path / "maps").glob("*_anomaly.nii.gz"))) == 1
    assert (
        anomaly.main(
            [
                "--out",
                str(tmp_path / "none"),
                str(tmp_path / "nowhere"),
                "--method",
                "intensity_dark",
            ]
        )
        == 2
    )
    for missing in ([], ["--model", "m.keras", "--method", "prior_surprise"]):  # no model, no prior
        with pytest.raises(SystemExit):
            anomaly.main(["--out", str(tmp_path), str(folder), *missing])


@pytest.mark.parametrize(
    "shape,size",
    [
        ((95, 79), (70, 95, 79)),
        ((96, 80), (70, 95, 79)),
        ((190, 158), (140, 190, 158)),
        ((64, 64), (35, 48, 40)),
    ],
)
def test_the_size_follows_the_model(shape, size):
    model = models.build("vae_uad", image_shape=shape, width=0.125, latent_dim=2)
    assert anomaly.slice_size(model) == size


def test_a_model_of_another_size_is_refused():
    with pytest.raises(ValueError, match="256x256"):
        anomaly.slice_size(
            models.build("vae_uad", image_shape=(256, 256), width=0.125, latent_dim=2)
        )


def test_heads_that_cannot_be_are_named_by_the_command_too(tmp_path, capsys):
    array, _ = head()
    for name, scale in (("p1", 1.0), ("p2", 0.1)):  # p2: voxels of 0.4 mm, a head of 15 mm
        affine = np.diag([*(scale * side for side in VOXEL_MM), 1.0])
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    words = [str(tmp_path), "--out", str(tmp_path / "out"), "--method", "intensity_dark"]
    assert anomaly.main([*words, "--voxel-mm", "2"]) == 1
    table = pd.read_csv(tmp_path / "out" / "scores.csv").set_index("subject")
    assert table.score["p1"] > 0 and "field of view" in table.fault["p2"]
    assert "p2: skipped" in capsys.readouterr().out
