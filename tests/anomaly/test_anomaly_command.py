"""Heads to slices and maps back to heads: every orientation, real heads, folders with damaged files, the command."""

import itertools
import subprocess
import sys

import nibabel
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from brainlib import anomaly, models, slices
from brainlib.anomaly import head_maps, model_records
from brainlib.anomaly import preparation as anomaly_prepare
from brainlib.heads import volumes

CODES = [
    "".join(codes)
    for order in itertools.permutations(("LR", "PA", "IS"))
    for codes in itertools.product(*order)
]
SHAPE, VOXEL_MM = (34, 42, 30), (4.4, 4.0, 4.8)  # a head in RAS+, coarse


def head():
    """A skull-stripped ellipsoid with three landmarks of their own: (array, mask) in RAS+."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
    mask = (grid[0] / 0.85) ** 2 + (grid[1] / 0.85) ** 2 + (grid[2] / 0.85) ** 2 < 1
    array = np.where(mask, 400 + 200 * grid[1] + 100 * grid[0] + 60 * grid[2], 0).astype(np.float32)
    return array, mask


def stored(array, codes, path):
    """Writes a RAS+ array in another orientation; the affine says where everything is."""
    affine = np.diag([*VOXEL_MM, 1.0])
    affine[:3, 3] = -60, -80, -50
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(codes)
    )
    turned = nibabel.apply_orientation(array, turn)
    nibabel.save(
        nibabel.Nifti1Image(turned, affine @ nibabel.orientations.inv_ornt_aff(turn, array.shape)),
        path,
    )
    return path


def test_there_are_48_orientations():
    assert len(set(CODES)) == 48


@pytest.mark.parametrize("codes", CODES)
def test_maps_return_to_the_heads_own_space(codes, tmp_path):
    array, mask = head()
    path = stored(array, codes, tmp_path / "head.nii.gz")
    volume = volumes.load(path)
    prepared = anomaly.prepare(volume, mask, smoothing="none", voxel_mm=2.0)
    back = anomaly.map_to_head(prepared.images, prepared, volume)
    anomaly.write_map(tmp_path / "map.nii.gz", back, volume)
    image, original = nibabel.load(tmp_path / "map.nii.gz"), nibabel.load(path)
    assert image.shape == original.shape and nibabel.aff2axcodes(image.affine) == tuple(codes)
    np.testing.assert_allclose(image.affine, original.affine, atol=1e-4)
    inside = original.get_fdata() > 0
    scores = image.get_fdata()
    assert np.corrcoef(scores[inside], original.get_fdata()[inside])[0, 1] > 0.97
    assert np.abs(scores[~inside]).mean() < 0.05 * scores[inside].mean()


@pytest.mark.parametrize(
    "voxel_mm,size", [(1.0, (70, 95, 79)), (2.0, (70, 95, 79)), (2.0, (35, 48, 40))]
)
def test_a_spot_comes_back_where_it_was(voxel_mm, size, tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "PSR", tmp_path / "head.nii.gz"))
    prepared = anomaly.prepare(volume, mask, smoothing="none", voxel_mm=voxel_mm, size=size)
    spot = np.zeros(SHAPE, bool)
    spot[20:24, 10:14, 17:20] = True
    marked = anomaly.prepare(
        volume, mask, lesion=spot, smoothing="none", voxel_mm=voxel_mm, size=size
    )
    np.testing.assert_array_equal(prepared.images, marked.images)
    assert not prepared.lesion.any() and marked.lesion.any()
    back = anomaly.map_to_head(marked.lesion.astype(np.float32), marked, volume)
    found, wanted = (
        np.array(
            [
                np.average(np.arange(side), weights=array.sum(axis=tuple(set(range(3)) - {axis})))
                for axis, side in enumerate(SHAPE)
            ]
        )
        for array in (back, spot)
    )
    np.testing.assert_allclose(found, wanted, atol=0.25)
    assert anomaly.dice(back > 0.5, spot) > 0.8


@pytest.mark.parametrize(
    "voxel_mm,size", [(1.5, (70, 95, 79)), (3.0, (35, 48, 40)), (4.0, (35, 48, 40))]
)
def test_voxels_that_do_not_divide_the_box_displace_nothing(voxel_mm, size, tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "RAS", tmp_path / "head.nii.gz"))
    prepared = anomaly.prepare(volume, mask, smoothing="none", voxel_mm=voxel_mm, size=size)
    shape = anomaly_prepare.box_shape(voxel_mm)
    middle = np.array(
        [
            np.flatnonzero(mask.any(axis=others))[[0, -1]].mean()
            for others in ((1, 2), (0, 2), (0, 1))
        ]
    )
    centre = prepared.affine @ np.append((np.array(shape) - 1) / 2, 1)
    np.testing.assert_allclose(
        centre, volume.affine @ np.append(middle, 1), atol=1e-6
    )  # the brain lies in the box's middle
    inner = ndimage.binary_erosion(mask, iterations=4)
    for axis in range(3):  # a map that says where its own voxel lies, in mm
        place = np.arange(shape[axis]) * prepared.affine[axis, axis] + prepared.affine[axis, 3]
        box = np.broadcast_to(
            place.reshape([-1 if other == axis else 1 for other in range(3)]), shape
        )
        maps = anomaly_prepare.enlarge(slices.pictures(box, "axial"), size)
        said, true = (
            anomaly.map_to_head(maps, prepared, volume),
            volume.affine[axis, 3] + np.indices(SHAPE)[axis] * VOXEL_MM[axis],
        )
        np.testing.assert_allclose(said[inner], true[inner], atol=0.05)


def test_slices_are_as_the_network_wants_them(tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "LPI", tmp_path / "head.nii.gz"))
    steps = {}
    prepared = anomaly.prepare(volume, mask, full=True, steps=steps)
    assert (
        prepared.images.shape == (70, 95, 79, 1)
        and prepared.full.shape == (140, 190, 158, 1)
        and prepared.images.dtype == np.float32
    )
    assert (
        prepared.images.min() == 0
        and 0.9 < prepared.images.max() <= 1
        and not prepared.full[~prepared.full_brain].any()
    )
    assert list(steps) == [
        "resampled to 1 mm",
        "brain only",
        "curvature flow",
        "clipped and scaled",
    ]
    middle = prepared.images[35, ..., 0]
    rows = middle[:, 39]
    assert rows[30] > rows[60] > 0  # brighter in front: anterior is up
    assert (
        middle[47, 60] > middle[47, 18] > 0
    )  # brighter at the person's right: at the right of the picture
    assert prepared.images[45].sum() > 0 and anomaly.enlarge(middle[None].repeat(70, 0)).shape == (
        140,
        190,
        158,
    )


def test_halving_by_a_whole_factor_is_scikit_images():
    from skimage.transform import resize

    stack = np.random.default_rng(0).random((12, 10, 14)).astype(np.float32)
    np.testing.assert_allclose(
        anomaly_prepare.shrink(stack, (6, 5, 7)),
        resize(stack, (6, 5, 7), order=1, mode="edge", anti_aliasing=True),
        atol=1e-6,
    )


def test_smoothing_keeps_edges_and_n4_flattens(tmp_path):
    array, mask = head()
    rng = np.random.default_rng(0)
    field = 1 + 0.5 * np.linspace(-1, 1, SHAPE[1])[None, :, None]
    array = (
        (np.where(mask, 500.0, 0) * field + np.where(mask, rng.normal(0, 15, SHAPE), 0))
        .clip(0)
        .astype(np.float32)
    )
    volume = volumes.load(stored(array, "RAS", tmp_path / "head.nii.gz"))
    flat = {}
    for name, options in {
        "none": {"smoothing": "none"},
        "flow": {},
        "variation": {"smoothing": "total_variation"},
        "n4": {"n4": True},
    }.items():
        steps = {}
        prepared = anomaly.prepare(volume, mask, voxel_mm=2.0, full=True, steps=steps, **options)
        inner = anomaly.erode(prepared.full_brain[..., 0], 4)
        image = prepared.full[..., 0]
        flat[name] = (
            image[inner].std() / image[inner].mean(),
            np.abs(np.diff(image, axis=2))[inner[..., 1:]].mean(),
        )
    assert flat["flow"][1] < 0.8 * flat["none"][1] and flat["variation"][1] < 0.8 * flat["none"][1]
    assert flat["n4"][0] < 0.75 * flat["flow"][0]


def test_wrong_options_are_refused(tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "RAS", tmp_path / "head.nii.gz"))
    with pytest.raises(ValueError, match="curvature_flow"):
        anomaly.prepare(volume, mask, smoothing="gauss")
    with pytest.raises(ValueError, match="empty"):
        anomaly.prepare(volume, np.zeros_like(mask))
    with pytest.raises(ValueError, match="brain or box"):
        anomaly.prepare(volume, mask, percentiles_of="head")


def test_a_brain_that_does_not_fit_the_box_is_noted(tmp_path):
    path = tmp_path / "head.nii.gz"
    nibabel.save(
        nibabel.Nifti1Image(
            np.random.default_rng(0).random((20, 20, 20), np.float32), np.diag([10.0, 9, 6, 1])
        ),
        path,
    )
    prepared = anomaly.prepare(
        volumes.load(path), np.ones((20, 20, 20), bool), smoothing="none", voxel_mm=2.0
    )
    assert [note.split()[5] for note in prepared.notes] == [
        "wide,"
    ] and "200 mm wide" in prepared.notes[0]


def test_preparation_is_kept_by_content(tmp_path):
    array, mask = head()
    first = volumes.load(stored(array, "RAS", tmp_path / "a.nii.gz"))
    options = {"smoothing": "none", "voxel_mm": 2.0, "full": True}
    made = anomaly.prepare_cached(first, mask, cache=tmp_path / "cache", **options)
    (kept,) = (tmp_path / "cache").glob("*.npz")
    before = kept.stat().st_mtime_ns
    read = anomaly.prepare_cached(first, mask, cache=tmp_path / "cache", **options)
    assert kept.stat().st_mtime_ns == before
    for name in ("images", "brain", "lesion", "affine", "full_brain"):
        np.testing.assert_array_equal(getattr(made, name), getattr(read, name))
    np.testing.assert_allclose(read.full, made.full, atol=1e-3)
    kept.write_bytes(kept.read_bytes()[:500])  # cut off: made again
    again = anomaly.prepare_cached(first, mask, cache=tmp_path / "cache", **options)
    np.testing.assert_array_equal(again.images, made.images)
    other_mask = mask.copy()
    other_mask[: SHAPE[0] // 2] = False
    anomaly.prepare_cached(first, other_mask, cache=tmp_path / "cache", **options)
    anomaly.prepare_cached(first, mask, cache=tmp_path / "cache", **{**options, "full": False})
    anomaly.prepare_cached(
        volumes.load(stored(array + 1, "RAS", tmp_path / "b.nii.gz")),
        mask,
        cache=tmp_path / "cache",
        **options,
    )
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 4


# ---- folders


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


def test_a_mask_of_a_few_voxels_is_refused_before_it_stops_a_study(tmp_path):
    volume = volumes.load(stored(head()[0], "RAS", tmp_path / "head.nii.gz"))
    mask = np.zeros(SHAPE, bool)
    mask[17, 20, 15] = True
    for size in ((35, 48, 40), (5, 6, 5)):
        with pytest.raises(
            ValueError,
            match=r"head.nii.gz: expected a brain mask of a brain, got one of 1 voxels \(0.0845 ml\)",
        ):
            anomaly.prepare(volume, mask, voxel_mm=10.0 if size[0] == 35 else 2.0, size=size)
    with pytest.raises(ValueError, match="got an empty one"):
        anomaly.prepare(volume, mask & False, voxel_mm=2.0)


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
        == "method reconstruction_probability (samples 2), as judged in 09_anomaly_detection. Thresholds: 0.125 (one for all); they were judged before maps are enlarged to the head."
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
    monkeypatch.setattr(model_records.models_prior, "load", lambda path: path.resolve())
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
