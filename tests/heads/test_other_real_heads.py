"""Real heads of other sets: two visits, FLAIR beside T1, a group of patients, real strokes."""

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainlib.heads import cohort as datasets
from brainlib.heads import contents, reading
from brainlib.slices import splits

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the further real heads are not at hand: ../shared/real"
)


def copied(folder, *names):
    for name in names:
        (folder / Path(name).name).symlink_to(REAL / name)
    return folder


def test_two_visits_of_one_person_and_flair_beside_t1(tmp_path):
    copied(tmp_path, *(f"ms/{path.name}" for path in (REAL / "ms").glob("*.nii.gz")))
    table = datasets.cohort(str(tmp_path), ask=False)
    heads = {(row.subject, row.visit): Path(row.path).name for row in table.itertuples()}
    assert heads == {
        ("patient01", "visit1"): "patient01_visit1_T1.nii.gz",
        ("patient01", "visit2"): "patient01_visit2_T1.nii.gz",
        ("patient26", ""): "patient26_T1.nii.gz",
    }
    assert "healthy" not in set(table.group)
    assert (
        table.lesion_path.map(lambda path: Path(path).name).tolist()[2] == "patient26_lesion.nii.gz"
    )
    first, _ = reading.first_visits(table)
    others, _ = reading.other_visits(table, first)
    heads, left_out = reading.read_every_file(first, others)
    assert heads.visit.tolist() == ["visit1", ""] and left_out.empty


def test_the_other_modality_of_the_same_people(tmp_path):
    copied(tmp_path, *(f"ms/{path.name}" for path in (REAL / "ms").glob("*.nii.gz")))
    table = datasets.cohort(str(tmp_path), modality="flair")
    assert table.subject.tolist() == ["patient26"] and "FLAIR" in table.path[0]


def test_a_group_of_patients_never_trains():
    table = datasets.cohort(str(REAL / "ds002748"))
    assert len(table) == table.subject.nunique() == 20
    assert set(table.group) == {"depr"} and table.age.notna().all()
    healthy = datasets.cohort(str(REAL / "ds000011"))
    assert len(healthy) == 4 and set(healthy.group) == {"healthy"}


def test_patients_beside_healthy_people_and_all_visits_in_one_set(tmp_path):
    """ds000011's people come twice, here; ds002748's are ill: one set each, and none trains."""
    for path in (REAL / "ds000011").glob("*.nii.gz"):
        person = path.name[:6].replace("sub-", "sub-h")
        for visit in ("1", "2"):
            (tmp_path / f"{person}_ses-{visit}_T1w.nii.gz").symlink_to(path)
    for path in (REAL / "ds002748").glob("*.nii.gz"):
        (tmp_path / path.name).symlink_to(path)
    rows = (REAL / "ds002748" / "participants.tsv").read_text().splitlines()
    rows += [f"sub-h0{number}\t30\tf\tcontrol" for number in range(1, 5)]
    (tmp_path / "participants.tsv").write_text("\n".join(rows))
    table = datasets.cohort(str(tmp_path))
    assert len(table) == 28 and table.subject.nunique() == 24
    for seed in range(5):
        divided = splits.split(table, seed=seed)
        assert divided.groupby("subject").split.nunique().eq(1).all()
        assert set(divided.subject[divided.split == "train"]) <= {f"sub-h0{n}" for n in range(1, 5)}


def test_real_strokes_are_lesions_whatever_the_folder_is_called(tmp_path):
    for number in ("0303", "0525", "0293", "0185"):  # 666, 575, 0.02 and 416 ml
        path = REAL / "strokes" / f"sub-{number}_lesion.nii.gz"
        assert contents.what_a_mask_shows(path) == "lesion"
        assert not contents.shows_tissue(path)
    head = nibabel.Nifti1Image(np.random.default_rng(0).uniform(9, 99, (157, 189, 136)), np.eye(4))
    nibabel.save(head, tmp_path / "p1.nii.gz")
    (tmp_path / "masks").mkdir()
    shutil.copy(path, tmp_path / "masks" / "p1.nii.gz")
    assert datasets.cohort(str(tmp_path)).group.tolist() == ["lesion"]


def test_parcellations_are_brains_or_tissues_and_never_lesions():
    paths = sorted((REAL / "ixi-hh" / "brain").glob("*.nii.gz"))[:2]
    assert {contents.what_a_mask_shows(path) for path in paths} == {"tissue"}
