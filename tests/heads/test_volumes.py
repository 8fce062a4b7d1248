"""Reading volumes: every orientation, type and scale; every bad file refused on one line."""

import gzip
import itertools
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainlib.heads import volumes

ORIENTATIONS = [
    "".join(codes)
    for axes in itertools.permutations(["LR", "PA", "IS"])
    for codes in itertools.product(*axes)
]


def affine_for(codes, sides_mm=(1.5, 2.0, 3.0)):
    """An affine whose stored axes run along `codes`, with these voxel sides in stored order."""
    matrix = np.zeros((4, 4))
    for column, (code, side) in enumerate(zip(codes, sides_mm)):
        row = next(index for index, pair in enumerate(["LR", "PA", "IS"]) if code in pair)
        matrix[row, column] = side * (1 if code in "RAS" else -1)
    matrix[:3, 3] = [-10, 20, 5]
    matrix[3, 3] = 1
    return matrix


def test_there_are_48_orientations():
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_orientation_comes_from_the_affine(write_nifti, random_volume, codes):
    path = write_nifti(random_volume, affine=affine_for(codes))
    volume = volumes.load(path)
    expected = nibabel.as_closest_canonical(nibabel.load(path))
    np.testing.assert_array_equal(volume.array, expected.get_fdata(dtype=np.float32))
    np.testing.assert_allclose(volume.affine, expected.affine)
    np.testing.assert_allclose(volume.voxel_mm, expected.header.get_zooms())
    assert volume.stored_axes == tuple(codes) and volume.stored_shape == (7, 8, 9)
    axes = [nibabel.orientations.axcodes2ornt(axes) for axes in ("RAS", volume.stored_axes)]
    back = nibabel.orientations.ornt_transform(*axes)
    np.testing.assert_array_equal(nibabel.apply_orientation(volume.array, back), random_volume)


def test_oblique_volumes_keep_their_grid(write_nifti, random_volume):
    angle = np.deg2rad(12)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([1.5, 2.0, 3.0])
    volume = volumes.load(write_nifti(random_volume, affine=affine))
    np.testing.assert_allclose(volume.voxel_mm, (1.5, 2.0, 3.0), rtol=1e-5)
    np.testing.assert_array_equal(volume.array, random_volume)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_number_types_and_suffixes(write_nifti, dtype, suffix):
    array = np.arange(60).reshape(3, 4, 5)
    volume = volumes.load(write_nifti(array, name="v" + suffix, dtype=dtype))
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array, array)


@pytest.mark.parametrize("slope, intercept", [(2.5, -10.0), (1.0, 0.0), (0.001, 3.0)])
def test_scale_slopes(tmp_path, slope, intercept):
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = nibabel.Nifti1Image(array, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    path = tmp_path / "scaled.nii"
    image.to_filename(path)
    raw = bytearray(path.read_bytes())  # nibabel rescales on saving; put the raw numbers back
    raw[112:120] = struct.pack("<ff", slope, intercept)
    raw[352:] = array.tobytes(order="F")
    path.write_bytes(raw)
    np.testing.assert_allclose(volumes.load(path).array, array * slope + intercept, rtol=1e-6)


def test_one_frame_is_squeezed(write_nifti, random_volume):
    np.testing.assert_array_equal(
        volumes.load(write_nifti(random_volume[..., None])).array, random_volume
    )


def test_voxel_sizes_in_metres_become_mm(tmp_path, random_volume):
    image = nibabel.Nifti1Image(random_volume, np.diag([0.001, 0.002, 0.003, 1]))
    image.header.set_xyzt_units("meter")
    image.to_filename(tmp_path / "metres.nii")
    np.testing.assert_allclose(volumes.load(tmp_path / "metres.nii").voxel_mm, (1, 2, 3), rtol=1e-5)


@pytest.mark.parametrize("code", [7, 255])
def test_an_unknown_unit_of_length_is_taken_as_mm_and_noted(tmp_path, code):
    path = tmp_path / "unit.nii"
    path.write_bytes(header_bytes(HEAD, patch(123, "B", code)))
    volume = volumes.load(path)
    np.testing.assert_allclose(volume.voxel_mm, (1.5, 2, 3))
    assert f"xyzt_units {code}" in "; ".join(volume.notes)
    path.write_bytes(
        header_bytes(HEAD, patch(123, "B", 0))
    )  # no unit stated: what most files mean is mm
    assert not volumes.load(path).notes and volumes.load(path).voxel_mm == volume.voxel_mm


def test_scattered_nan_and_infinite_voxels_become_zero_and_are_noted(write_nifti, random_volume):
    random_volume[2, 3, 4], random_volume[0, 0, 0] = np.nan, np.inf
    volume = volumes.load(write_nifti(random_volume))
    assert np.isfinite(volume.array).all() and volume.array[2, 3, 4] == 0
    assert "2 voxels were NaN or infinite" in volume.notes[0]


def test_real_heads_are_p_s_r(ixi_sample):
    for path in (ixi_sample / "t1").glob("*.nii.gz"):
        volume = volumes.load(path)
        assert volume.stored_axes == ("P", "S", "R") and volume.array.shape == (90, 120, 120)
        np.testing.assert_allclose(volume.voxel_mm, 2, atol=0.01)


# ---- bad files: (name, function that writes it, kind of error, words that the message must hold)


def header_bytes(array, edit):
    image = nibabel.Nifti1Image(array, np.diag([1.5, 2.0, 3.0, 1.0]))
    raw = bytearray(image.to_bytes())
    edit(raw)
    return bytes(raw)


def patch(offset, form, *values):
    def edit(raw):
        raw[offset : offset + struct.calcsize(form)] = struct.pack(form, *values)

    return edit


def zero_voxel_size(raw):
    patch(80, "<3f", 0, 2, 3)(raw)  # pixdim[1:4]
    patch(252, "<2h", 1, 0)(raw)  # qform only: then the affine is built from pixdim


HEAD = np.random.default_rng(1).uniform(0, 100, (7, 8, 9)).astype(np.float32)
BAD = {
    "empty": (b"", "bad.nii.gz", OSError, "empty"),
    "truncated_gzip": (
        gzip.compress(header_bytes(HEAD, lambda raw: None))[:900],
        "bad.nii.gz",
        OSError,
        "truncated",
    ),
    "truncated_nii": (header_bytes(HEAD, lambda raw: None)[:900], "bad.nii", OSError, "truncated"),
    "header_only": (header_bytes(HEAD, lambda raw: None)[:200], "bad.nii", OSError, "NIfTI"),
    "not_nifti": (b"this is a letter, not a head" * 50, "bad.nii.gz", OSError, "NIfTI"),
    "not_nifti_plain": (b"this is a letter, not a head" * 50, "bad.nii", OSError, "NIfTI"),
    "wrong_suffix": (b"x" * 400, "bad.txt", OSError, ".nii"),
    "several_frames": (np.stack([HEAD] * 3, -1), "bad.nii.gz", ValueError, "several frames"),
    "two_d": (HEAD[:, :, 0], "bad.nii.gz", ValueError, "single slice"),
    "one_slice": (HEAD[:, :, :1], "bad.nii.gz", ValueError, "single slice"),
    "zero_size": (header_bytes(HEAD, patch(40, "<4h", 3, 0, 8, 9)), "bad.nii", ValueError, "shape"),
    "negative_size": (
        header_bytes(HEAD, patch(40, "<4h", 3, -7, 8, 9)),
        "bad.nii",
        ValueError,
        "shape",
    ),
    "absurd_size": (
        header_bytes(HEAD, patch(40, "<4h", 3, 32767, 32767, 32767)),
        "bad.nii",
        ValueError,
        "32767",
    ),
    "absurd_size_gz": (
        gzip.compress(header_bytes(HEAD, patch(40, "<4h", 3, 32767, 32767, 32767))),
        "bad.nii.gz",
        ValueError,
        "32767",
    ),
    "unknown_type": (
        header_bytes(HEAD, patch(70, "<2h", 9999, 32)),
        "bad.nii",
        (ValueError, OSError),
        "9999",
    ),
    "colour": (
        np.zeros((7, 8, 9), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]),
        "bad.nii.gz",
        ValueError,
        "data type",
    ),
    "complex": (HEAD.astype(np.complex64), "bad.nii.gz", ValueError, "data type"),
    "constant": (np.full((7, 8, 9), 3.0, np.float32), "bad.nii.gz", ValueError, "equal to 3"),
    "all_zero": (np.zeros((7, 8, 9), np.float32), "bad.nii.gz", ValueError, "equal to 0"),
    "all_nan": (np.full((7, 8, 9), np.nan, np.float32), "bad.nii.gz", ValueError, "NaN"),
    "nan_affine": (
        header_bytes(
            HEAD, lambda raw: (patch(254, "<h", 1)(raw), patch(280, "<4f", *[np.nan] * 4)(raw))
        ),
        "bad.nii",
        ValueError,
        "affine",
    ),
    "zero_voxel_size": (header_bytes(HEAD, zero_voxel_size), "bad.nii", ValueError, "voxel sizes"),
    "metres_for_mm": (
        header_bytes(HEAD, patch(123, "B", 1)),
        "bad.nii",
        ValueError,
        "(1500.0, 2000.0, 3000.0) mm",
    ),
    "micrometres_for_mm": (
        header_bytes(HEAD, patch(123, "B", 3)),
        "bad.nii",
        ValueError,
        "(0.0015, 0.002, 0.003) mm",
    ),
    **{
        f"vox_offset_{offset}": (
            header_bytes(HEAD, patch(108, "<f", offset)),
            "bad.nii",
            (ValueError, OSError),
            words,
        )
        for offset, words in (
            (0, "vox_offset 0"),
            (100, "100"),
            (1e30, "damaged"),
            (np.inf, "NIfTI"),
            (np.nan, "NIfTI"),
            (1e6, "truncated"),
        )
    },
    "damaged_gzip_extension": (
        gzip.compress(header_bytes(HEAD, patch(348, "4B", 1, 0, 0, 0)))[:-2],
        "bad.nii.gz",
        OSError,
        "damaged",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_on_one_line_that_names_them(tmp_path, case):
    content, name, kind, words = BAD[case]
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        nibabel.Nifti1Image(content, np.eye(4)).to_filename(path)
    check_refusal(path, kind, words)


def test_a_gzip_is_read_to_its_checksum(tmp_path):
    good = gzip.compress(
        header_bytes(HEAD, lambda raw: None), compresslevel=0
    )  # stored: each bit flip is one of a voxel
    path = tmp_path / "head.nii.gz"
    for cut in range(1, 10):
        path.write_bytes(good[:-cut])
        check_refusal(path, OSError, "truncated or damaged")
    for byte in (
        500,
        1000,
        len(good) - 20,
        len(good) - 6,
        len(good) - 2,
    ):  # voxels, the checksum, the length
        path.write_bytes(good[:byte] + bytes([good[byte] ^ 1]) + good[byte + 1 :])
        check_refusal(path, OSError, "truncated or damaged")
    whole = gzip.decompress(good)
    path.write_bytes(
        gzip.compress(whole[:900]) + gzip.compress(whole[900:]) + bytes(100)
    )  # a gzip may have members
    np.testing.assert_array_equal(volumes.load(path).array, HEAD)


def test_labels_of_any_orientation_lie_on_the_heads_grid(write_nifti, random_volume):
    head = volumes.load(write_nifti(random_volume))
    labels = np.zeros((7, 8, 9), np.float32)
    labels[1, 2, 3], labels[0, 0, 0] = 5, np.nan
    flipped = head.affine @ nibabel.orientations.inv_ornt_aff(
        [[0, -1], [1, 1], [2, 1]], labels.shape
    )
    near = head.affine + np.outer([0.4, 0, 0, 0], [0, 0, 0, 1])
    for array, affine in ((labels, head.affine), (labels[::-1], flipped), (labels, near)):
        mask = volumes.read_labels(write_nifti(array, name="mask.nii.gz", affine=affine), head)
        assert mask.dtype == bool and np.argwhere(mask).tolist() == [[1, 2, 3]]
    assert not volumes.read_labels(write_nifti(0 * random_volume, name="mask.nii.gz"), head).any()


@pytest.mark.parametrize(
    "affine, words",
    [
        (affine_for("RAS") + np.outer([500, 0, 0, 0], [0, 0, 0, 1]), "333 voxels"),
        (np.diag([1.5, 2.0, 3.5, 1.0]), "1.33 voxels"),
    ],
)
def test_labels_that_lie_elsewhere_are_refused(write_nifti, random_volume, affine, words):
    start = affine_for("RAS") if "333" in words else np.diag([1.5, 2.0, 3.0, 1.0])
    head = volumes.load(write_nifti(random_volume, affine=start))
    path = write_nifti(random_volume, name="mask.nii.gz", affine=affine)
    with pytest.raises(ValueError, match=words) as caught:
        volumes.read_labels(path, head)
    assert (
        str(path) in str(caught.value)
        and str(head.path) in str(caught.value)
        and "\n" not in str(caught.value)
    )


@pytest.mark.parametrize("case", ["empty", "page", "cut", "two_d"])
def test_labels_that_cannot_be_read_are_refused_as_heads_are(write_nifti, random_volume, case):
    head = volumes.load(write_nifti(random_volume))
    path = Path(
        write_nifti(random_volume[..., 0] if case == "two_d" else random_volume, name="mask.nii.gz")
    )
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "page": b"<html>Not found</html>" * 50,
            "cut": content[:-100],
            "two_d": content,
        }[case]
    )
    with pytest.raises((OSError, ValueError), match="mask.nii.gz: expected .* got "):
        volumes.read_labels(path, head)


def test_soft_labels_are_cut_at_half_and_others_refused(write_nifti, random_volume):
    head = volumes.load(write_nifti(random_volume))

    def read(values, **options):
        labels = np.zeros(random_volume.shape, np.float32)
        labels[2, 3, 4 : 4 + len(values)] = values
        return volumes.read_labels(write_nifti(labels + 1e-6, name="mask.nii.gz"), head, **options)[
            2, 3, 4 : 4 + len(values)
        ].tolist()

    assert read([1, 0.6, 0.4, 0.01]) == [True, True, False, False] and read([0.5, 0.3, 0.2]) == [
        True,
        True,
        False,
    ]
    assert read([1, 2, 4, 200]) == [True] * 4 and read([1.1, 0.4, 0.6]) == [
        True,
        False,
        True,
    ]  # a spline overshoots
    assert read([312.5, 0.5, 44.2], grey=True) == [True] * 3 and read([0.9, 0.1], grey=True) == [
        True,
        False,
    ]
    with pytest.raises(
        ValueError,
        match="mask.nii.gz: expected whole labels, or shares from 0 to 1, got fractions up to 3.5",
    ):
        read([3.5, 1, 2])
    with pytest.raises(ValueError, match="got 1 infinite values"):
        read([np.inf, 1])


def test_folders_and_missing_files_are_refused(tmp_path):
    check_refusal(tmp_path, OSError, "a folder")
    check_refusal(tmp_path / "none.nii.gz", OSError, "nothing at this path")


def check_refusal(path, kind, words):
    with pytest.raises(kind) as caught:
        volumes.load(path)
    message = str(caught.value)
    assert str(path) in message and words in message and "expected" in message and "got" in message
    assert "\n" not in message and len(message) < 600


def test_the_first_head_that_can_be_read(tmp_path, write_nifti, random_volume):
    bad = tmp_path / "a.nii.gz"
    bad.write_bytes(b"")
    good = write_nifti(random_volume, name="b.nii.gz")
    place, volume = volumes.first_readable([bad, good])
    assert place == 1 and volume.path == volumes.load(good).path
    with pytest.raises(ValueError, match=r"none of 2\. The first reason: .*a\.nii\.gz"):
        volumes.first_readable([bad, tmp_path / "missing.nii"])


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.nii.gz", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.nii.gz", b"/annex/objects/MD5E-s1--0.nii.gz\n", "datalad get"),
        ("a.nii", b"\x1f\x8b\x08\x00", "Rename it to .nii.gz"),
        ("a.nii.gz", bytes(344) + b"n+1\0" + bytes(100), "Rename it to .nii, or gzip it"),
    ],
)
def test_pointers_and_wrong_suffixes_get_advice_that_fits(tmp_path, name, content, advice):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OSError, match=advice):
        volumes.load(tmp_path / name)


def test_a_quaternion_a_little_over_unit_length_is_read(write_nifti, random_volume):
    path = write_nifti(random_volume, name="a.nii")
    content = bytearray(path.read_bytes())
    content[252:256] = np.array([1, 0], "<i2").tobytes()  # qform alone counts
    content[256:268] = np.array([1 + 6e-7, 0, 0], "<f4").tobytes()
    path.write_bytes(content)
    assert volumes.load(path).array.shape == random_volume.shape


def test_a_link_to_a_file_that_was_not_fetched_gets_advice(tmp_path):
    (tmp_path / "a.nii.gz").symlink_to(".git/annex/objects/a.nii.gz")
    with pytest.raises(OSError, match="git annex get"):
        volumes.load(tmp_path / "a.nii.gz")


def test_a_header_of_more_voxels_than_its_file_can_hold_is_refused_unread(write_nifti):
    path = write_nifti(np.ones((7, 8, 9)), name="a.nii.gz")
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[42:48] = np.array([500, 500, 500], "<i2").tobytes()
    path.write_bytes(gzip.compress(content))
    with pytest.raises(OSError, match="cannot hold them"):
        volumes.load(path)


def test_voxels_of_a_tenth_of_a_millimetre_are_no_heads(write_nifti, random_volume):
    path = write_nifti(random_volume, affine=np.diag([0.1, 0.1, 0.1, 1]))
    with pytest.raises(ValueError, match="voxel sizes of 0.2 to 20 mm"):
        volumes.load(path)
