"""The latent lab without a browser, on a code whose pictures are known: a number for a pixel."""

import dataclasses

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib import slices
from brainlib.evaluation import studies
from brainlib.evaluation.generation import LatentDensity
from brainlib.heads import volumes
from brainlib.show.labs import latent_lab
from brainlib.show.labs.latent_lab import FITTED, STANDARD, Age, LatentSpace, Walk

RNG = np.random.default_rng(0)
SHAPE = (6, 8, 1)  # 48 numbers of a code, one per pixel


def decode(codes):
    return np.asarray(codes, "float32").reshape(-1, *SHAPE)


@pytest.fixture(scope="module")
def space():
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    spread = np.array([0.3, 0.2, 0.1, 0.05])
    directions = np.linalg.qr(RNG.normal(size=(48, 4)))[0].T
    known = 0.5 + (RNG.normal(size=(300, 4)) * spread) @ directions
    people = 0.5 + (RNG.normal(size=(5, 4)) * spread) @ directions
    pca = PCA(4).fit(known)
    density = LatentDensity(pca, GaussianMixture(1, random_state=0).fit(pca.transform(known)))
    shown, titles = decode(people), [f"{name} 3" for name in "abcde"]
    parts = (decode, density, decode(known), known, shown, titles, people)
    return LatentSpace(*parts, plane="sagittal")


def test_a_walk_begins_at_a_person_and_ends_at_the_other(space):
    np.testing.assert_allclose(Walk(2, 4).code(space), space.codes[2], rtol=1e-5)
    np.testing.assert_allclose(Walk(2, 4, 1.0).code(space), space.codes[4], rtol=1e-5)
    half = Walk(2, 4, 0.5).code(space)
    np.testing.assert_allclose(half, (space.codes[2] + space.codes[4]) / 2, rtol=1e-5)


def test_steps_and_years_are_added_and_temperature_0_is_the_centre(space):
    moved = Walk(0, steps=(0.0, 2.0)).code(space) - space.codes[0]
    pca = space.density.pca
    wanted = 2 * np.sqrt(pca.explained_variance_[1]) * pca.components_[1]
    np.testing.assert_allclose(moved, wanted, atol=1e-6)
    np.testing.assert_allclose(
        Walk(source=FITTED, temperature=0.0).code(space), pca.mean_, rtol=1e-5
    )
    assert not Walk(source=STANDARD, temperature=0.0).code(space).any()
    parts = {name: getattr(space, name) for name in LatentSpace.__dataclass_fields__}
    older = LatentSpace(**{**parts, "age": Age(np.full(48, 0.01), "")})
    np.testing.assert_allclose(Walk(0, years=10).code(older), space.codes[0] + 0.1, rtol=1e-5)


def test_the_meter_is_1_for_unseen_people_and_grows_with_the_distance(space):
    assert np.median(space.farness(space.codes)) == pytest.approx(1)
    assert space.farness(space.known_codes[7])[0] == pytest.approx(0, abs=1e-6)
    far = space.farness(Walk(0, steps=(0, 0, 0, 30.0)).code(space))[0]
    assert far > latent_lab.TOO_FAR and latent_lab.far_in_words(far) == "too far from the data"


def test_the_nearest_training_slice_is_the_nearest(space):
    place, gap = space.nearest(space.known[11] + 0.01)
    assert place == 11 and gap == pytest.approx(0.01, rel=0.05)


def test_every_control_changes_the_picture(space, tmp_path):
    opened = latent_lab.lab_of(space, "made up", tmp_path, pixel_mm=2.5)
    opened.set({"share": 0.5})
    for name in ("share", "other", "start", "step_0", "step_3", "direction"):
        _changes(opened, name)
    opened.set({"source": FITTED})
    for name in ("roll", "temperature"):
        _changes(opened, name)
    assert "draw from the fitted density" in opened.picture.alt


def _changes(opened, name):
    control, before = opened.controls[name], opened.picture.value
    if hasattr(control, "options"):
        values = [one[1] if isinstance(one, tuple) else one for one in control.options]
        control.value = next(value for value in values if value != control.value)
    else:
        control.value = control.max
    assert opened.picture.value != before, name


def test_surprises_and_the_way_back(space, tmp_path):
    opened = latent_lab.lab_of(space, "", tmp_path, pixel_mm=2.5)
    first = opened.picture.value
    surprise, back, png, nifti = _buttons(opened)
    surprise.click()
    drawn = opened.picture.value
    surprise.click()
    assert drawn != first and opened.picture.value != drawn
    opened.controls["step_1"].value = 2
    back.click()
    opened.controls["roll"].value = 0
    assert opened.picture.value == first
    png.click()
    nifti.click()
    nifti.click()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["latent_001.nii.gz", "latent_001.png", "latent_002.nii.gz"]


def _buttons(opened):
    column = opened.box.children[1].children
    rows = [one for one in column if type(one).__name__ == "HBox"]
    return [button for row in rows[:2] for button in row.children]


@pytest.mark.parametrize("plane", list(volumes.PLANES))
def test_a_saved_slice_is_upright_when_it_is_read_again(plane, tmp_path):
    picture = RNG.uniform(0, 1, (6, 9)).astype("float32")
    path = latent_lab.save_slice(picture, tmp_path, "nii.gz", plane=plane, pixel_mm=2.5)
    assert np.allclose(nibabel.load(path).header.get_zooms(), 2.5)
    array = np.asarray(nibabel.load(path).dataobj)
    np.testing.assert_array_equal(slices.pictures(array, plane)[0], picture)


def test_answers_are_computed(space):
    for task in latent_lab._tasks(space):
        right, words = task.reveal()
        assert right in task.answers and any(sign.isdigit() for sign in words)
    assert latent_lab._standard(space).reveal()[0] == "the fitted density is nearer"


def test_a_direction_of_age_is_found_where_there_is_one_and_only_there():
    ages = np.linspace(20, 80, 24)
    people = pd.DataFrame({"age": ages, "sex": ["female", "male"] * 12})
    slope = np.array([0.1, 0.0, -0.05])
    noise = np.random.default_rng(1).normal(0, 0.2, (24, 3))
    found = studies.age_direction(pd.DataFrame(np.outer(ages, slope) + noise), people)
    np.testing.assert_allclose(found.slope, slope, atol=0.01)
    assert found.correlation > 0.9 and found.people == 24
    assert studies.age_direction(pd.DataFrame(noise), people, least=0.6) is None
    assert studies.age_direction(pd.DataFrame(noise[:4]), people[:4]) is None


def test_the_walk_begins_at_the_fullest_slices_of_two_people(space):
    pictures = np.zeros((4, 6, 8, 1), "float32")
    pictures[0, :1], pictures[1, :5], pictures[2, :4], pictures[3, :3] = 1, 1, 1, 1
    titles = ["a 1", "a 2", "a 3", "b 9"]
    some = dataclasses.replace(space, pictures=pictures, titles=titles, codes=space.codes[:4])
    assert latent_lab.two_people(some) == (1, 3)
    assert latent_lab._controls(some, 1)["start"].label == "a, slice 2"
    alone = dataclasses.replace(some, titles=["a 1", "a 2", "a 3", "a 4"])
    assert latent_lab.two_people(alone)[0] == 1
