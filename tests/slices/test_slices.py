"""Pictures, the slice table, selection, geometry, intensities, storage."""

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brainlib import slices
from brainlib.heads import volumes


def make_volume(array, voxel_mm=(1.0, 1.0, 1.0)):
    array = np.asarray(array, dtype=np.float32)
    return volumes.Volume(
        array, voxel_mm, np.diag([*voxel_mm, 1.0]), Path("made.nii"), ("R", "A", "S"), array.shape
    )


@pytest.fixture
def table():
    """Two heads of 6 and 10 slices; brain in the middle, counts that grow with the slice."""
    rows = [
        {
            "volume": name,
            "slice": number,
            "slices": count,
            "picture_px": 100,
            "nonzero_px": 10 * number + offset,
            "nonzero_mean": float(count - number),
            "brain_px": 20 - 5 * abs(number - count // 2),
        }
        for name, count, offset in (("a", 6, 0), ("b", 10, 1))
        for number in range(count)
    ]
    return pd.DataFrame(rows)


def test_pictures_are_upright():
    array = np.zeros((3, 4, 5), np.float32)
    array[0, 3, 4] = 1  # left, anterior, superior corner
    left, posterior, inferior = (
        slices.pictures(array, plane) for plane in ("sagittal", "coronal", "axial")
    )
    assert [stack.shape for stack in (left, posterior, inferior)] == [
        (3, 5, 4),
        (4, 5, 3),
        (5, 4, 3),
    ]
    assert np.argwhere(left).tolist() == [[0, 0, 0]]  # superior row 0, anterior column 0
    assert np.argwhere(posterior).tolist() == [[3, 0, 0]]  # superior row 0, left column 0
    assert np.argwhere(inferior).tolist() == [[4, 0, 0]]  # anterior row 0, left column 0


def test_pixel_spacing_follows_the_plane():
    assert [slices.pixel_mm((1, 2, 3), plane) for plane in ("sagittal", "coronal", "axial")] == [
        (3, 2),
        (3, 1),
        (2, 1),
    ]
    with pytest.raises(ValueError, match="sagittal, coronal, axial"):
        slices.pixel_mm((1, 2, 3), "oblique")


def test_measure_counts_by_hand():
    array = np.zeros((2, 3, 4))
    array[1, :2, 1] = [4, 8]
    measured = slices.measure(make_volume(array), array > 5, "sagittal", name="x")
    assert measured.nonzero_px.tolist() == [0, 2] and measured.nonzero_mean.tolist() == [0, 6]
    assert (
        measured.brain_px.tolist() == [0, 1]
        and set(measured.picture_px) == {12}
        and set(measured.slices) == {2}
    )


def kept(table, method, **options):
    chosen = slices.select(table, method, **options)
    return {name: group.slice.tolist() for name, group in chosen.groupby("volume")}


def test_ranges_are_half_open_numbers_or_shares(table):
    assert kept(table, "range", start=2, stop=4) == {"a": [2, 3], "b": [2, 3]}
    assert kept(table, "range", start=0.5, stop=1.0) == {"a": [3, 4, 5], "b": [5, 6, 7, 8, 9]}


def test_0_and_1_beside_a_fraction_are_shares(table):
    assert (
        kept(table, "range", start=0, stop=0.5)
        == kept(table, "range", start=0.0, stop=0.5)
        == {"a": [0, 1, 2], "b": [0, 1, 2, 3, 4]}
    )
    assert kept(table, "range", start=0.5, stop=1) == kept(table, "range", start=0.5, stop=1.0)
    assert kept(table, "range", start=0, stop=1) == {
        "a": [0],
        "b": [0],
    }  # two integers: slice numbers


def test_a_range_of_numbers_needs_no_volumes(table):
    assert slices.select(table[["slice"]], "range", start=8, stop=20).slice.tolist() == [8, 9]
    assert slices.select(table.drop(columns="volume"), "middle").slice.tolist() == [3, 5]
    with pytest.raises(ValueError, match="'slices' or 'volume'"):
        slices.select(table[["slice"]], "range", start=0.2, stop=0.5)


@pytest.mark.parametrize(
    "method, options",
    [
        ("range", {"start": 0.2, "stop": 0.4}),
        ("middle", {}),
        ("nonzero_count", {}),
        ("nonzero_mean", {"rule": "tukey"}),
        ("brain", {}),
    ],
)
def test_an_empty_table_stays_empty(table, method, options):
    pd.testing.assert_frame_equal(slices.select(table[:0], method, **options), table[:0])


def test_a_slice_of_unknown_mean_is_not_kept_and_spoils_no_limit(table):
    table.loc[15, "nonzero_mean"] = np.nan
    for rule in slices.RULES:
        chosen = slices.select(table, "nonzero_mean", rule=rule)
        pd.testing.assert_frame_equal(chosen, slices.select(table[:15], "nonzero_mean", rule=rule))
        assert len(chosen) >= 11


def test_the_seeds_ranges_on_ixi_geometry():
    heads = pd.DataFrame({"volume": "x", "slice": range(150), "slices": 150})
    start, stop = slices.RANGES["sagittal"]
    assert slices.select(heads, "range", start=start, stop=stop).slice.tolist() == list(
        range(50, 110)
    )
    heads = pd.DataFrame({"volume": "x", "slice": range(256)})
    start, stop = slices.RANGES["axial"]
    assert slices.select(heads, "range", start=start, stop=stop).slice.tolist() == list(
        range(160, 190)
    )


def test_middle_and_quartile_methods(table):
    assert kept(table, "middle") == {"a": [3], "b": [5]}
    counts = table.nonzero_px
    assert len(slices.select(table, "nonzero_count")) == 12  # a quarter of 16 distinct values goes
    assert slices.select(table, "nonzero_count").nonzero_px.min() > np.quantile(counts, 0.25)
    assert set(slices.select(table, "nonzero_mean", threshold=5.0).nonzero_mean) == {
        5,
        6,
        7,
        8,
        9,
        10,
    }


def test_rejected_rules_keep_nearly_everything(table):
    counts = table.nonzero_px.to_numpy()
    assert slices.threshold(counts, "three_sigma") == pytest.approx(
        counts.mean() - 3 * counts.std()
    )
    first, third = np.percentile(counts, [25, 75])
    assert slices.threshold(counts, "tukey") == pytest.approx(first - 1.5 * (third - first))
    for rule in ("three_sigma", "tukey"):
        assert len(slices.select(table, "nonzero_count", rule=rule)) == len(table)


def test_brain_amount_keeps_more_than_the_limit(table):
    assert kept(table, "brain", min_px=10) == {"a": [2, 3, 4], "b": [4, 5, 6]}
    assert kept(table, "brain", min_fraction=0.1) == kept(table, "brain", min_px=10)
    assert kept(table, "brain") == kept(table, "brain", min_fraction=0.0458)
    bare = pd.DataFrame({"volume": "x", "slice": [0, 1], "brain_px": [3000, 3001]})
    assert slices.select(bare, "brain").slice.tolist() == [1]  # 4.58 % of 256x256 is 3000 pixels


def test_selection_leaves_the_table_and_its_index_alone(table):
    before = table.copy()
    assert slices.select(table, "brain", min_px=10).index.tolist() == [2, 3, 4, 10, 11, 12]
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    "method, options, words",
    [
        ("brian", {}, "one of range"),
        ("range", {"start": 3, "stop": 3}, "start below stop"),
        ("range", {"start": 1}, "stop"),
        ("range", {"start": 0.5, "stop": 3}, "two integers"),
        ("range", {"start": 0.5, "stop": 1.5}, "shares"),
        ("brain", {"min_px": 3, "min_fraction": 0.1}, "got both"),
        ("middle", {"start": 3}, "start"),
        ("range", {"start": 100, "stop": 200}, "0 to 9"),
        ("range", {"start": 0.5, "stop": 2}, "two integers"),
        ("brain", {"min_fraction": 4.58}, "per cent by 100"),
        ("nonzero_count", {"rule": "half"}, "first_quartile"),
    ],
)
def test_unfit_options_are_refused(table, method, options, words):
    with pytest.raises(ValueError, match=words):
        slices.select(table, method, **options)


def test_an_absent_column_matters_only_to_its_method(table):
    bare = table.drop(columns=["brain_px", "nonzero_mean"])
    assert len(slices.select(bare, "middle")) == 2
    with pytest.raises(ValueError, match="brain_px"):
        slices.select(bare, "brain")


def test_robust_scaling_by_volume_brain_and_slice():
    array = np.arange(8 * 9 * 10, dtype=np.float32).reshape(8, 9, 10)
    mask = array < 400
    assert slices.scale_limits(array, mask, "volume") == pytest.approx(
        np.percentile(array, [0.5, 99.5])
    )
    assert slices.scale_limits(array, mask, "brain")[1] == pytest.approx(
        np.percentile(array[mask], 99.5)
    )
    scaled = slices.scale(array[3], None)
    assert scaled.min() == 0 and scaled.max() == 1 and scaled.dtype == np.float32
    np.testing.assert_allclose(
        slices.scale(np.array([[-5.0, 0, 5, 20]]), (0, 10)), [[0, 0, 0.5, 1]]
    )
    with pytest.raises(ValueError, match="volume, brain, slice"):
        slices.scale_limits(array, mask, "head")


def disc(shape, centre, radius_mm, spacing):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return ((rows - centre[0]) * spacing[0]) ** 2 + (
        (columns - centre[1]) * spacing[1]
    ) ** 2 <= radius_mm**2


def test_anisotropic_pixels_become_square_without_changing_shape():
    spacing = (3.0, 1.0)
    picture = disc((80, 240), (40, 120), 60, spacing).astype(np.float32)
    edges = slices.window(picture.shape, spacing, ((20, 60), (60, 180)), field_mm=240)
    fitted = slices.fit_square(picture, spacing, edges, 120)  # 2 mm a pixel
    inside = np.argwhere(fitted > 0.5)
    height, width = np.ptp(inside, axis=0) + 1
    assert abs(height - 60) <= 2 and abs(width - 60) <= 2
    assert (fitted > 0.5).sum() * 4 == pytest.approx(np.pi * 60**2, rel=0.03)


def test_small_pictures_are_padded_and_large_ones_keep_the_brain():
    padded = slices.fit_square(
        np.ones((10, 20), np.float32),
        (1, 1),
        slices.window((10, 20), (1, 1), ((2, 5), (2, 5)), field_mm=20),
        20,
    )
    assert padded.shape == (20, 20)
    tall = np.zeros((100, 20), np.float32)
    tall[1:9] = 1  # the brain lies at the very top
    edges = slices.window(tall.shape, (1, 1), ((1, 8), (0, 19)), field_mm=20)
    assert edges[0] == (1, 21) and edges[1] == (0, 20)
    assert slices.fit_square(tall, (1, 1), edges, 20)[:8].all()


def test_same_size_same_spacing_changes_nothing(random_volume):
    picture = random_volume[:, :7, 0]
    edges = slices.window((7, 7), (1, 1), ((0, 6), (0, 6)), field_mm=7)
    np.testing.assert_allclose(slices.fit_square(picture, (1, 1), edges, 7), picture, rtol=1e-5)


def test_prepare_options():
    array = np.random.default_rng(0).uniform(10, 20, (12, 20, 24)).astype(np.float32)
    mask = np.zeros(array.shape, bool)
    mask[3:9, 12:18, 14:22] = True
    volume = make_volume(array)
    plain = slices.prepare(volume, mask, [4, 7], plane="sagittal", size=24, field_mm=24)
    assert plain["image"].shape == (2, 24, 24, 1) and plain["image"].dtype == np.float32
    assert 0 <= plain["image"].min() and plain["image"].max() <= 1
    assert plain["brain"].sum(axis=(1, 2, 3)).tolist() == [48, 48]
    only = slices.prepare(
        volume, mask, [4], plane="sagittal", size=24, field_mm=24, brain_only=True
    )
    assert (only["image"][~only["brain"]] == 0).mean() > 0.9
    centred = slices.prepare(volume, mask, [4], plane="sagittal", size=24, field_mm=24, centre=True)
    np.testing.assert_allclose(
        np.argwhere(centred["brain"][0, ..., 0]).mean(axis=0), 11.5, atol=0.51
    )
    lesion = slices.prepare(volume, mask, [4], plane="axial", size=24, field_mm=24, lesion=mask)
    assert "lesion" in lesion and "lesion" not in plain
    assert slices.prepare(volume, mask, [], plane="axial", size=24)["image"].shape == (0, 24, 24, 1)


def test_storage_is_whole_or_not_there(tmp_path):
    images = np.random.default_rng(0).random((5, 6, 7, 1), dtype=np.float32)
    path = tmp_path / "images.npy"
    with slices.Writer(path, images.shape) as writer:
        writer.add(images[:2])
        writer.add(images[2:])
    stored = slices.read(path)
    assert isinstance(stored, np.memmap) and not stored.flags.writeable
    np.testing.assert_array_equal(stored, images)
    for broken, words in (
        (images[:3], "expected 5 pictures, got 3"),
        (np.concatenate([images, images]), "in all"),
    ):
        with (
            pytest.raises(ValueError, match=words),
            slices.Writer(tmp_path / "other.npy", images.shape) as writer,
        ):
            writer.add(broken)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["images.npy"]


def test_a_full_disk_is_an_error_before_anything_is_mapped(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="images.npy: expected room for"):
        slices.Writer(tmp_path / "images.npy", (5, 6, 7, 1))
    assert not list(tmp_path.iterdir())


def test_stored_slices_have_no_holes(tmp_path):
    with slices.Writer(tmp_path / "images.npy", (50, 64, 64, 1)) as writer:
        (part,) = tmp_path.iterdir()
        assert 512 * part.stat().st_blocks >= 4 * 50 * 64 * 64
        writer.add(np.zeros((50, 64, 64, 1), np.float32))


def test_pictures_stay_in_their_folder_and_apart(tmp_path):
    images = np.zeros((3, 6, 7, 1), np.float32)
    folder = tmp_path / "run" / "png"
    paths = slices.export_png(folder, images, ["../evil_001", "sub 01_001", "sub_01_001"])
    assert sorted(tmp_path.rglob("*.png")) == sorted(paths) and len(set(paths)) == 3
    assert {path.parent for path in paths} == {folder}


@pytest.mark.parametrize("bits", [8, 16])
def test_png_export_comes_back(tmp_path, bits):
    images = np.random.default_rng(0).random((2, 6, 7, 1), dtype=np.float32)
    paths = slices.export_png(tmp_path / "png", images, ["a_001", "a_002"], bits=bits)
    back = np.asarray(Image.open(paths[1]), dtype=float) / (2**bits - 1)
    np.testing.assert_allclose(back, images[1, ..., 0], atol=0.51 / (2**bits - 1))
    assert paths[0].name == "a_001.png"


def test_quality_measures_by_closed_forms():
    array = np.zeros((20, 22, 24), np.float32)
    mask = np.zeros(array.shape, bool)
    mask[5:15, 5:15, 5:15] = True
    array[mask] = 100
    noisy = array + np.random.default_rng(0).normal(0, 3, array.shape) * mask
    measured = slices.quality(make_volume(noisy, (1.0, 1.0, 2.0)), mask)
    assert (
        measured["brain_ml"] == pytest.approx(2.0)
        and measured["edge_share"] == 0
        and measured["parts"] == 0
    )
    assert measured["noise"] == pytest.approx(0.03, rel=0.25)
    mask[0, 0, 0] = True
    measured = slices.quality(make_volume(noisy), mask)
    assert measured["edge_share"] == pytest.approx(1 / 1001) and measured["parts"] == pytest.approx(
        1 / 1001
    )


def test_outliers_come_first_and_say_why():
    table = pd.DataFrame(
        {
            "subject": list("abcdefg"),
            "brain_ml": [1400, 1450, 300, 1500, 1380, 1420, 1470.0],
            "noise": [0.05] * 7,
        }
    )
    ranked = slices.outliers(table, ["brain_ml", "noise"])
    assert ranked.subject.iloc[0] == "c" and "brain_ml 300" in ranked.why.iloc[0]
    assert (ranked.why.iloc[1:] == "").all()


def test_real_heads_by_all_methods(ixi_sample):
    from brainlib.heads import masks

    tables = []
    for path in sorted((ixi_sample / "t1").glob("*.nii.gz"))[:3]:
        volume = volumes.load(path)
        mask = masks.read_mask(
            ixi_sample / "brain" / path.name.replace("_ds.", "_ds_DLMUSE."), volume
        )
        tables.append(slices.measure(volume, mask, "sagittal", name=path.name[:6]))
    table = pd.concat(tables, ignore_index=True)
    counts = {
        method: len(slices.select(table, method, **options)) / 3
        for method, options in {
            "range": dict(zip(("start", "stop"), slices.RANGES["sagittal"])),
            "middle": {},
            "nonzero_count": {},
            "nonzero_mean": {},
            "brain": {},
        }.items()
    }
    assert counts["middle"] == 1 and counts["range"] == 36 and 55 <= counts["brain"] <= 75
    assert counts["nonzero_count"] == pytest.approx(67.5, abs=1) and counts[
        "nonzero_mean"
    ] == pytest.approx(67.5, abs=1)
