"""The threshold lab without a browser, on heads of which a plain square is the lesion."""

import numpy as np
import pytest

from brainlib.anomaly.preparation import Prepared
from brainlib.show.labs import threshold_lab
from brainlib.show.labs.threshold_lab import BOTH, BRIGHTER, DARKER, GREY, Ward

NETWORK = "knows health"
SHAPE = (3, 10, 12, 1)


def head(*, lesion, depth=-0.4, noise=0.0):
    rng = np.random.default_rng(1)
    images = np.full(SHAPE, 0.6, "float32") + noise * rng.normal(size=SHAPE).astype("float32")
    mask = np.zeros(SHAPE, bool)
    mask[1, 2:6, 3:8] = lesion
    images[mask] += depth
    return Prepared(images, np.ones(SHAPE, bool), mask, np.eye(4))


@pytest.fixture
def ward():
    ill = {"A": head(lesion=True), "B": head(lesion=True, depth=0.3, noise=0.02)}
    healthy = {"C": head(lesion=False, noise=0.02)}
    post = {"erode_px": 0, "median": 0, "min_pixels": 0}
    networks = {NETWORK: lambda stack: np.full_like(stack, 0.6)}
    return Ward(ill, healthy, networks, post, voxel_ml=0.5, pixel_mm=2.0)


def test_the_sign_decides_what_is_found(ward):
    truth = ward.truth("A")
    for sign, found in ((BOTH, 20), (DARKER, 20), (BRIGHTER, 0)):
        called = ward.called("A", NETWORK, sign, 0.2)
        assert called.sum() == found and not (called & ~truth).any()
    assert ward.called("B", NETWORK, BRIGHTER, 0.2).sum() == 20
    assert ward.called("A", GREY, DARKER, 0.2).sum() == 20


def test_counts_are_those_of_the_call():
    called, truth = np.zeros((2, 3, 4), bool), np.zeros((2, 3, 4), bool)
    called[0, 0], truth[0, :, :2] = True, True  # 4 called, 6 ill, 2 of them called
    found = threshold_lab.confusion(called, truth)
    assert (found["tp"], found["fp"], found["fn"]) == (2, 2, 4)
    assert (found["precision"], found["recall"], found["dice"]) == (0.5, 1 / 3, 0.4)


def test_healthy_heads_pay_for_a_low_threshold(ward):
    assert ward.false_alarm_ml(NETWORK, BOTH, 0.5) == 0
    everything = ward.false_alarm_ml(NETWORK, BOTH, 0.0)
    assert everything == np.prod(SHAPE) * 0.5


def test_the_curve_of_a_perfect_score_has_all_the_area(ward):
    recall, precision, area = ward.curve("A", NETWORK, DARKER)
    assert area == pytest.approx(1) and precision[0] == 1 and recall[-1] == 1
    assert precision[-1] == pytest.approx(20 / np.prod(SHAPE))  # everything called: chance


def test_the_truth_is_hidden_until_it_is_asked_for(ward):
    opened = threshold_lab.lab_of(ward, "made up")
    hidden = opened._numbers.value
    assert "tp" not in hidden and "Dice" not in opened.picture.alt
    opened.controls["truth"].value = True
    assert "<td>20</td>" in opened._numbers.value and "Dice 1.000" in opened.picture.alt
    assert "away" in opened._numbers.value or "lies in it" in opened._numbers.value
    opened.controls["name"].value = "B"
    assert opened.controls["truth"].value is False


def test_a_guess_is_judged_by_its_distance(ward):
    lesion = ward.truth("A")[1]  # rows 2 to 5, columns 3 to 7 of 10 by 12
    assert threshold_lab._guess_in_words((5.5 / 12, 0.35), lesion, 2.0).endswith("lies in it.")
    words = threshold_lab._guess_in_words((10.5 / 12, 0.35), lesion, 2.0)
    assert "6 mm" in words  # column 10 is three columns from column 7


def test_every_control_changes_the_picture(ward):
    opened = threshold_lab.lab_of(ward, "")
    size = opened.picture.width, opened.picture.height
    steps = [{"number": 0}, {"number": 1}, {"truth": True}, {"sign": BRIGHTER}, {"scorer": GREY}]
    steps += [{"sign": DARKER}, {"threshold": 0.5}, {"name": "B"}, {"place": (0.05, 0.2)}]
    for values in steps:
        before = opened.picture.value
        opened.set(values)
        assert opened.picture.value != before, values
        assert (opened.picture.width, opened.picture.height) == size


def test_answers_are_computed(ward):
    for task in threshold_lab._tasks(ward):
        right, words = task.reveal()
        assert right in task.answers and any(sign.isdigit() for sign in words)
    assert threshold_lab._which_sign(ward).reveal()[0] == BOTH  # one lesion is dark, one bright
