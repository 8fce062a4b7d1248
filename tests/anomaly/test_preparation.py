"""Heads to slices and maps back to heads: every orientation, options, the cache."""

import itertools

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from small_heads import SHAPE, VOXEL_MM, head, stored

from brainlib import anomaly, slices
from brainlib.anomaly import preparation
from brainlib.heads import volumes

CODES = [
    "".join(codes)
    for order in itertools.permutations(("LR", "PA", "IS"))
    for codes in itertools.product(*order)
]


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


def centre_of_mass(array):
    """Mean index along each axis, weighted."""
    centres = []
    for axis, side in enumerate(SHAPE):
        weights = array.sum(axis=tuple(set(range(3)) - {axis}))
        centres.append(np.average(np.arange(side), weights=weights))
    return np.array(centres)


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
    np.testing.assert_allclose(centre_of_mass(back), centre_of_mass(spot), atol=0.25)
    assert anomaly.dice(back > 0.5, spot) > 0.8


@pytest.mark.parametrize(
    "voxel_mm,size", [(1.5, (70, 95, 79)), (3.0, (35, 48, 40)), (4.0, (35, 48, 40))]
)
def test_voxels_that_do_not_divide_the_box_displace_nothing(voxel_mm, size, tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "RAS", tmp_path / "head.nii.gz"))
    prepared = anomaly.prepare(volume, mask, smoothing="none", voxel_mm=voxel_mm, size=size)
    shape = preparation.box_shape(voxel_mm)
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
        maps = preparation.enlarge(slices.pictures(box, "axial"), size)
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
        preparation.shrink(stack, (6, 5, 7)),
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
    for name in ("images", "brain", "lesion", "affine", "full_brain", "full"):
        np.testing.assert_array_equal(getattr(made, name), getattr(read, name))
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


def test_a_cache_that_cannot_be_written_leaves_nobody_out(tmp_path):
    array, mask = head()
    volume = volumes.load(stored(array, "RAS", tmp_path / "a.nii.gz"))
    cache = tmp_path / "a.nii.gz" / "cache"  # no folder can be made below a file
    options = {"smoothing": "none", "voxel_mm": 2.0}
    with pytest.warns(UserWarning, match="cannot be written"):
        made = anomaly.prepare_cached(volume, mask, cache=cache, **options)
    plain = preparation.prepare(volume, mask, **options)
    np.testing.assert_array_equal(made.images, plain.images)


def test_a_mask_of_a_few_voxels_is_refused_before_it_stops_a_study(tmp_path):
    volume = volumes.load(stored(head()[0], "RAS", tmp_path / "head.nii.gz"))
    mask = np.zeros(SHAPE, bool)
    mask[17, 20, 15] = True
    for size in ((35, 48, 40), (5, 6, 5)):
        with pytest.raises(
            ValueError,
            match=r"head.nii.gz: expected a brain mask of a brain, "
            r"got one of 1 voxels \(0.0845 ml\)",
        ):
            anomaly.prepare(volume, mask, voxel_mm=10.0 if size[0] == 35 else 2.0, size=size)
    with pytest.raises(ValueError, match="got an empty one"):
        anomaly.prepare(volume, mask & False, voxel_mm=2.0)
