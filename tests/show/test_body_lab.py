"""The 3-D view without a browser, on boxes of unequal sides whose halves differ."""

import gzip
import sys

import nibabel
import numpy as np
import pandas as pd
import pytest

from brainlib.show.labs import body_lab, surface
from brainlib.show.labs.body_lab import BRAIN, WHOLE, HeadIn3D, Stand
from brainlib.show.labs.surface import Body, Pose

SHAPE = (20, 30, 40)
NAMES = ("a", "b")


def box():
    """A box in air, whose left half is bright and whose front is short."""
    inside = np.zeros(SHAPE, bool)
    inside[4:16, 5:25, 5:35] = True
    inside[:, 20:, 25:] = False
    grey = np.where(np.arange(SHAPE[0])[:, None, None] < 10, 200, 100) * inside
    return Body(grey.astype("uint8"), inside, (2.0, 1.0, 1.5))


@pytest.fixture
def stand():
    brain = box()._replace(
        inside=np.pad(np.ones((4, 20, 30), bool), ((4, 12), (5, 5), (5, 5))), is_whole=False
    )
    return Stand(NAMES, lambda name, part: box() if part == WHOLE else brain)


def test_from_the_front_the_left_is_at_the_right_and_sizes_are_in_mm():
    seen = surface.picture_of(box(), Pose(0, 0, 0.5), 120)[..., 0]
    rows, columns = np.nonzero(seen)
    ratio = (np.ptp(rows) + 1) / (np.ptp(columns) + 1)
    assert ratio == pytest.approx((30 * 1.5) / (12 * 2.0), rel=0.15)
    middle = columns.min() + np.ptp(columns) // 2
    row = rows.min() + np.ptp(rows) // 2
    assert seen[row, middle + 6] == 200 and seen[row, middle - 6] == 100  # grey values of the cut


def test_from_the_left_the_front_is_at_the_left_and_the_short_side_is_low():
    seen = surface.picture_of(box(), Pose(90, 0, 0.0), 120)[..., 0] > 0
    rows, columns = np.nonzero(seen)
    first, last = columns.min() + 3, columns.max() - 3
    assert seen[:, first].sum() < seen[:, last].sum()  # the front is cut short
    assert np.nonzero(seen[:, first])[0].min() > np.nonzero(seen[:, last])[0].min()  # at its top


def test_what_is_cut_away_is_gone():
    assert not surface.picture_of(box(), Pose(90, 0, 1.0), 60).any()
    areas = [(surface.picture_of(box(), Pose(90, 0, cut), 60) > 0).sum() for cut in (0, 0.3, 0.6)]
    assert areas[0] > areas[1] > areas[2]


def test_the_still_needs_no_viewer_and_speaks_of_faces(stand, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipyniivue", None)  # an import would fail
    opened = HeadIn3D(stand, f"made up. {body_lab.FACES}")
    assert opened.still.png.startswith(b"\x89PNG") and "45 % cut away" in opened.still.alt
    assert "data/README.md" in opened.still.words() and "turn" in opened.still.words()
    assert "data/README.md" in opened.still.html()


def test_a_browser_without_graphics_shows_the_still(stand):
    opened = HeadIn3D(stand, "")
    opened._check.graphics = "none"
    assert opened.viewer is None and opened._screen.children[0].value == opened.still.png
    assert "WebGL" in opened._said.value
    opened.set({"turn": 10.0, "name": "b", "part": BRAIN, "cut": 1.0})  # nothing to turn, no error


def test_every_control_reaches_the_viewer(stand):
    opened = HeadIn3D(stand, "")
    opened._check.graphics = "webgl2"
    scene = opened.viewer.scene
    assert scene.render_azimuth == body_lab.FRONT - 35 and scene.render_elevation == 20
    opened.set({"turn": -40.0, "tilt": 15.0, "cut": 0.25})
    assert (scene.render_azimuth, scene.render_elevation) == (body_lab.FRONT + 40, 15)
    assert scene.clip_plane_depth_azi_elevs[0] == [0.25, body_lab.FRONT, 0]
    opened.set({"window": (0.2, 0.6)})
    assert (opened.viewer.volumes[0].cal_min, opened.viewer.volumes[0].cal_max) == (51, 153)
    first = opened.viewer.volumes[0].id
    opened.set({"part": BRAIN})
    assert opened.viewer.volumes[0].id != first and opened.viewer.volumes[0].cal_max == 153
    opened.set({"name": "b"})
    assert "b, brain alone, seen 40 degrees" in opened._check.alt


def test_the_sliders_follow_the_mouse_and_not_their_own_echo(stand):
    opened = HeadIn3D(stand, "")
    opened._check.graphics = "webgl2"
    opened.set({"turn": 50.0})
    opened.set({"turn": 60.0})
    opened._dragged(body_lab.FRONT - 50, 20)  # what was sent before comes back late
    assert opened.pose.turn == 60
    opened._dragged(body_lab.FRONT + 30.2, -11.0)
    assert opened.pose.turn == pytest.approx(-30) and opened.pose.tilt == -11
    opened._dragged(body_lab.FRONT - 350.0, 0.0)  # once around
    assert opened.pose.turn == pytest.approx(-10, abs=1)


def test_a_head_without_a_brain_says_so():
    opened = HeadIn3D(Stand(NAMES, lambda name, part: box()), "")
    opened._check.graphics = "webgl2"
    opened.set({"part": BRAIN})
    assert opened._said.value.count("No brain") == 1
    opened.set({"part": WHOLE})
    assert not opened._said.value


def test_what_the_browser_gets_is_upright_and_nameless():
    sent = body_lab._volume_of(box(), (0.0, 1.0))
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(sent["data"]))
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert image.header.get_zooms() == (2.0, 1.0, 1.5)
    np.testing.assert_array_equal(np.asarray(image.dataobj), box().grey)
    assert sent["name"] == "head.nii.gz"


def test_heads_are_read_from_their_files(tmp_path, monkeypatch):
    array = np.zeros(SHAPE, "float32")
    array[4:16, 5:25, 5:35] = 80
    brain = np.zeros(SHAPE, bool)
    brain[8:12, 10:20, 10:30] = True
    nibabel.save(nibabel.Nifti1Image(array, np.diag([2, 2, 2, 1.0])), tmp_path / "a.nii")
    (tmp_path / "bad.nii").write_bytes(b"")
    rows = {"subject": ["a", "bad"], "brain_path": ["mask", ""]}
    rows["path"] = [str(tmp_path / "a.nii"), str(tmp_path / "bad.nii")]
    monkeypatch.setattr(body_lab, "mask_of", lambda volume, given: brain if given else None)
    found = body_lab.stand_of(pd.DataFrame(rows))
    assert found.names == ["a"]
    whole, alone = found.body("a", WHOLE), found.body("a", BRAIN)
    assert (whole.inside.sum(), whole.is_whole) == (12 * 20 * 30, True)
    assert (alone.inside.sum(), alone.is_whole) == (4 * 10 * 20, False)
    assert whole.voxel_mm == (2.0, 2.0, 2.0)


def test_the_answer_is_computed(stand):
    right, words = body_lab._share_of_brain(stand).reveal()
    share = 4 * 20 * 30 / box().inside.sum()  # 2400 of 5880
    assert f"{100 * share:.0f} %" in words and right == "a quarter to a half"
