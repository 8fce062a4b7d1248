"""Files that are only called masks: of a brain, of a lesion or of tissues, by what they hold."""

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.heads import cohort as datasets
from brainlib.heads import contents, draft, volumes

SHAPE, MM = (34, 42, 30), 5.0
GRID = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
BRAIN = (GRID**2).sum(axis=0) < 0.6  # 1,140 ml
INFANT = (GRID**2).sum(axis=0) < 0.3  # 400 ml
LESION = ((GRID - 0.3) ** 2).sum(axis=0) < 0.02  # 7 ml
HEMISPHERE = BRAIN & (GRID[0] > 0.1) & (GRID[2] > -0.2) & (GRID[1] + GRID[2] < 0.7)
TISSUES = np.where(BRAIN, 1 + (GRID[0] > 0) + (GRID[1] > 0), 0)
HEAD = (100 * BRAIN + 30 * GRID[1] + 31).astype(np.float32)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(array)
    array = array.astype(np.uint8) if array.dtype.kind in "bi" else array
    nibabel.save(nibabel.Nifti1Image(array, np.diag([MM, MM, MM, 1])), path)
    return path


def soft(mask, full=255):
    """Shares of 255 that fall off at the rim of a mask, whole numbers."""
    distance = (((GRID - 0.3) / 0.3) ** 2).sum(axis=0)
    return np.rint(full * np.clip(1.6 - distance, 0, 1)) * (mask | (distance < 1.6))


@pytest.mark.parametrize(
    "mask, shown",
    [
        (BRAIN, "brain mask"),
        (INFANT, "brain mask"),
        (LESION, "lesion"),
        (HEMISPHERE, "lesion"),
        (0 * LESION, "lesion"),
        (255 * LESION.astype(int), "lesion"),
        (soft(LESION), "lesion"),
        (LESION * 1.0, "lesion"),
        (TISSUES, "tissue"),
        (HEAD, "other"),
    ],
)
@pytest.mark.parametrize("place", ["masks/p1.nii.gz", "p1_mask.nii.gz", "labels/p1_label.nii.gz"])
def test_what_a_mask_shows_decides(tmp_path, mask, shown, place):
    save(tmp_path / "p1.nii.gz", HEAD)
    path = save(tmp_path / place, mask)
    assert contents.what_a_mask_shows(path) == shown
    table = datasets.cohort(str(tmp_path))
    assert table.subject.tolist() == ["p1"]
    assert table.lesion_path[0] == (str(path) if shown == "lesion" else "")
    assert table.brain_path[0] == (str(path) if shown == "brain mask" else "")
    assert table.group[0] == ("lesion" if shown == "lesion" else "healthy")


def test_masks_that_nobody_can_read_are_asked_about(tmp_path):
    for name in ("p1.nii", "p2.nii", "masks/p1.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="masks/p1.nii, of a brain or of a lesion.*heads.csv"):
        datasets.cohort(str(tmp_path))
    written = pd.read_csv(draft.draft(tmp_path), dtype=str)
    assert written.group.tolist() == ["?", "?"]


def test_a_mask_that_cannot_be_read_is_what_the_others_are(tmp_path):
    for person in ("p1", "p2"):
        save(tmp_path / f"{person}.nii.gz", HEAD)
    save(tmp_path / "masks/p1.nii.gz", LESION)
    (tmp_path / "masks/p2.nii.gz").write_bytes(b"")
    assert datasets.cohort(str(tmp_path)).group.tolist() == ["lesion", "lesion"]


def test_lesions_that_are_numbered_one_by_one_are_no_tissues(tmp_path):
    numbered = np.zeros(SHAPE, int)
    for number in range(1, 15):
        numbered[2 * number, 20, 15] = number
    save(tmp_path / "p1_T1.nii.gz", HEAD)
    save(tmp_path / "p1_seg.nii.gz", numbered)
    assert datasets.cohort(str(tmp_path)).group.tolist() == ["lesion"]
    numbered[4, 20, 15] = 99  # a part of the brain in each place, as FIRST numbers them
    save(tmp_path / "p1_seg.nii.gz", numbered)
    assert datasets.cohort(str(tmp_path)).group.tolist() == ["healthy"]


@pytest.mark.parametrize("full", [100, 255, 1000])
def test_shares_of_255_are_cut_at_one_half(tmp_path, full):
    shares = soft(LESION, full).astype(np.int16)
    path = tmp_path / "p1_lesion.nii.gz"
    nibabel.save(nibabel.Nifti1Image(shares, np.diag([MM, MM, MM, 1])), path)
    head = volumes.load(save(tmp_path / "p1.nii.gz", HEAD))
    np.testing.assert_array_equal(volumes.read_labels(path, head), shares > full / 2)
    assert not contents.are_shares(TISSUES) and not contents.are_shares(255 * LESION)
