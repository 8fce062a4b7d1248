"""Heads, masks and lesions that cannot be what they are named: one table of limits."""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads import plausibility, reading, volumes

SHAPE, MM = (34, 42, 30), 5.0  # a ball of 2,110 ml in a field of 170 x 210 x 150 mm
GRID = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
BALL = (GRID**2).sum(axis=0) < 0.81
HEAD = np.where(BALL, 100 + 60 * GRID[1] + 30 * GRID[0] + 9 * GRID[2], 0).astype(np.float32)


def save(path, array, affine=None, **codes):
    image = nibabel.Nifti1Image(array, np.diag([MM, MM, MM, 1]) if affine is None else affine)
    for name, (form, code) in codes.items():
        getattr(image, f"set_{name}")(form, code)
    nibabel.save(image, path)
    return str(path)


def ball(millilitres, *, at=(0, 0, 0)):
    """A ball of so many millilitres on the head's grid."""
    centre = np.array(at).reshape(3, 1, 1, 1)
    half = (np.array(SHAPE) * MM / 2).reshape(3, 1, 1, 1)
    radius = (millilitres * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    return (((GRID - centre) * half) ** 2).sum(axis=0) < radius**2


@pytest.fixture
def head(tmp_path):
    return volumes.load(save(tmp_path / "p1.nii.gz", HEAD))


# ---- one table


def test_every_refusal_is_one_line_with_file_expected_came_and_remedy():
    for name, reason in plausibility.REASONS.items():
        text = str(plausibility.refusal(name, "p1.nii", "this"))
        assert text.startswith("p1.nii: expected ") and ", got this. " in text and "\n" not in text
        assert "{" not in text and text.endswith(".")
        assert reason.limits[0] < reason.limits[1] and reason.source
    assert len(plausibility.table_of_reasons()) == len(plausibility.REASONS)


# ---- headers


def turned(axis, degrees):
    angle, affine = np.radians(degrees), np.diag([MM, MM, MM, 1.0])
    first, second = [other for other in range(3) if other != axis]
    rotation = np.eye(4)
    rotation[first, first] = rotation[second, second] = np.cos(angle)
    rotation[first, second], rotation[second, first] = -np.sin(angle), np.sin(angle)
    return rotation @ affine


@pytest.mark.parametrize(
    "qform, words",
    [
        (np.diag([-MM, MM, MM, 1]), "mirror image"),
        (np.diag([-MM, -MM, MM, 1]), "180 degrees"),
        (turned(0, 90), "90 degrees"),
        (np.diag([MM, MM, 2 * MM, 1]), "5 x 5 x 10"),
    ],
)
def test_contradicting_sform_and_qform_are_refused(tmp_path, qform, words):
    forms = {"sform": (np.diag([MM, MM, MM, 1]), 1), "qform": (qform, 1)}
    path = save(tmp_path / "p1.nii.gz", HEAD, **forms)
    with pytest.raises(ValueError, match=f"p1.nii.gz: expected sform and qform .*{words}"):
        volumes.load(path)


@pytest.mark.parametrize("qform, code", [(turned(0, 10), 1), (np.diag([MM, MM, 1.1 * MM, 1]), 1)])
def test_small_differences_are_noted_and_the_sform_is_taken(tmp_path, qform, code):
    forms = {"sform": (np.diag([MM, MM, MM, 1]), 4), "qform": (qform, code)}
    volume = volumes.load(save(tmp_path / "p1.nii.gz", HEAD, **forms))
    assert volume.voxel_mm == (MM, MM, MM) and "sform was taken" in volume.notes[0]


@pytest.mark.parametrize("code", [0, 1])
def test_forms_that_agree_or_are_not_set_are_no_matter(tmp_path, code):
    other = np.diag([MM, MM, MM, 1.0]) if code else np.diag([-MM, MM, MM, 1])
    other[:3, 3] = 5, 6, 7
    forms = {"sform": (np.diag([MM, MM, MM, 1]), 1), "qform": (other, code)}
    assert not volumes.load(save(tmp_path / "p1.nii.gz", HEAD, **forms)).notes


@pytest.mark.parametrize("mm", [0.3, 1.0, 19.0])
def test_a_field_of_view_that_no_head_has(tmp_path, mm):
    path = save(tmp_path / "p1.nii.gz", HEAD, np.diag([mm, mm, mm, 1]))
    with pytest.raises(ValueError, match="p1.nii.gz: expected a field of view of 60 to 600 mm"):
        reading.read_head(path)


# ---- brains


@pytest.mark.parametrize("millilitres, fits", [(40, 0), (200, 0), (400, 1), (2000, 1), (4000, 0)])
def test_the_volume_of_a_brain(tmp_path, millilitres, fits):
    mask = save(tmp_path / "mask.nii.gz", ball(millilitres).astype(np.uint8))
    row = pd.Series({"path": save(tmp_path / "p1.nii.gz", HEAD), "brain_path": mask})
    if fits:
        assert reading.read_with_mask(row, method="given")[1].any()
        return
    with pytest.raises(ValueError, match=r"mask.nii.gz: expected a brain mask of 250 to 2500 ml"):
        reading.read_with_mask(row, method="given")


def test_a_mask_beside_the_head_and_a_flip_that_would_mend_it(head):
    front = np.roll(HEAD, 0, axis=0) * (GRID[1] > 0)  # a head in the front half of its picture
    half = volumes.Volume(**{**vars(head), "array": front})
    behind = ball(600, at=(0, -0.6, 0)) & BALL
    with pytest.raises(ValueError, match="outside; with front and back exchanged it lies inside"):
        plausibility.refuse_brain(behind, half, "mask.nii")
    plausibility.refuse_brain(np.flip(behind, 1), half, "mask.nii")


# ---- lesions


@pytest.mark.parametrize(
    "lesion, brain, words",
    [
        (ball(900), None, "at most 700 ml, got .* ml"),
        (ball(650), ball(1000), "at most 50% of the brain, got 6"),
        (np.roll(ball(20), (17, 21, 15), (0, 1, 2)), None, "in the head, .* got 100% outside"),
    ],
)
def test_lesions_that_are_none(head, lesion, brain, words):
    with pytest.raises(ValueError, match=f"l.nii: expected a lesion .*{words}"):
        plausibility.refuse_lesion(lesion, head, "l.nii", brain)


def test_lesions_that_may_be(head):
    for lesion in (ball(0.1), ball(500), np.zeros(SHAPE, bool)):
        plausibility.refuse_lesion(lesion, head, "l.nii", BALL)


STROKES = Path(__file__).resolve().parents[3] / "shared" / "real" / "strokes"


@pytest.mark.skipif(not STROKES.is_dir(), reason="the masks of real strokes are not at hand")
def test_the_largest_real_strokes_pass():
    head = np.where(np.ones((157, 189, 136)), 100, 0).astype(np.float32)
    volume = volumes.Volume(head, (1.0,) * 3, np.eye(4), Path("a"), ("R", "A", "S"), head.shape)
    for number in ("0303", "0525", "0047", "0293"):  # 666, 575 and 464 ml; 0.02 ml
        image = nibabel.load(STROKES / f"sub-{number}_lesion.nii.gz")
        plausibility.refuse_lesion(np.asarray(image.dataobj) > 0, volume, "l.nii")
