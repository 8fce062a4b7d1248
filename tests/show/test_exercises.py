"""Checks of exercises: what counts as the same answer, and which hint a wrong one gets."""

import math

import numpy as np
import pytest

from brainlib import exercises
from brainlib.record import Run


@pytest.fixture
def said(monkeypatch):
    """What the checks showed."""
    lines = []
    monkeypatch.setattr(exercises.display, "show_text", lines.append)
    return lines


@pytest.mark.parametrize(
    "answer, expected",
    [
        (2, 2.0),
        (np.float32(0.3331), 1 / 3),
        (0.0, 0.0),
        (" More ", "more"),
        (["b", "A"], {"a", "b"}),
        (np.full((2, 3), 0.999), np.ones((2, 3))),
        (np.array([True, False]), np.array([True, False])),
        (True, True),
    ],
)
def test_the_same_answer_said_otherwise_is_right(answer, expected, said):
    assert exercises.check(answer, expected, right="So it is.")
    assert said == ["**Right.** So it is."]


@pytest.mark.parametrize(
    "answer, expected, hint",
    [
        (-3.0, 3.0, "sign"),
        (25.0, 0.25, "per cent"),
        (0.25, 25.0, "a share"),
        (10 / math.log(2), 10.0, "bits in place of nats"),
        (10 * math.log(2), 10.0, "nats in place of bits"),
        (0.2, 5.0, "1 divided by"),
        (7.0, 5.0, "too large"),
        (4.9, 5.0, "too small"),
        ("5", 5.0, "this is text"),
        (float("nan"), 5.0, "logarithm of 0"),
        (True, 1.0, "true or false"),
        ({"a", "c"}, {"a", "b", "d"}, "1 of 3 are found, and 1 of yours"),
        (7, {"a"}, "A set of names"),
        (np.ones((3, 2)), np.ones((2, 3)), "(2, 3), and this one is (3, 2)"),
        (np.array([1.0, 0.0, 1.0, 1.0]), np.ones(4), "25 %"),
        (np.array([np.nan, 1.0]), np.ones(2), "50 %"),
        ("less", "more", "Read the question"),
    ],
)
def test_a_wrong_answer_gets_a_hint_that_depends_on_it(answer, expected, hint, said):
    assert not exercises.check(answer, expected)
    assert said[0].startswith("**Not yet.**") and hint in said[0]


def test_a_known_mistake_gets_its_own_hint(said):
    hints = {2.0: "Half of it is missing.", "none": "There is one."}
    assert not exercises.check(2.001, 4.0, hints=hints)
    assert not exercises.check("None", "some", hints=hints)
    assert said == ["**Not yet.** Half of it is missing.", "**Not yet.** There is one."]


def test_a_blank_says_what_to_do_and_costs_nothing(said):
    assert not exercises.answered(None)
    assert not exercises.answered(0, None)
    assert said == 2 * [exercises.TO_DO]
    assert exercises.answered(0, "", np.zeros(2)) and len(said) == 2


def test_a_word_that_cannot_be_answered_is_named(said):
    words = ("smaller", "larger")
    assert not exercises.answered("smaller", "less", words=words)
    assert said == ["""*The answer `'less'` is not known here: write `"smaller"` or `"larger"`.*"""]
    assert exercises.answered("smaller", "larger", words=words)
    assert not exercises.answered(None, "larger", words=words) and said[-1] == exercises.TO_DO


def test_a_trial_has_a_folder_of_its_own(tmp_path):
    run = Run("04_vae", tmp_path, {"seed": 3, "data": "phantom"})
    run.source_note = "Synthetic phantom data"
    trial = exercises.trial_run(run)
    assert trial.path("models", "vae") == tmp_path / "exercises" / "04_vae" / "models" / "vae"
    assert trial.parameters == run.parameters and trial.source_note == run.source_note
    assert not (tmp_path / "models").exists()
