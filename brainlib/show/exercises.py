"""Exercises at the end of a chapter: a blank, a check that answers with a hint, a run for trials.

answer = None                                    # the blank, in a cell tagged `exercise`

if exercises.answered(answer):                   # in a cell tagged `check`; None: says what to do
    exercises.check(answer, 1000 * mse + nats, hints={mse + nats: "Where is the 1000?"})

What is expected is computed from the run when the check is asked, so it is true of any data. In a
run without a reader the blanks are None and the checks cost nothing.
"""

import math
import numbers
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from brainlib.record import Run, display

TO_DO = "*To do: put your answer in place of `None` in the cell above; run it, then this one.*"
RIGHT, NOT_YET = "Right.", "Not yet."
LOOK_AGAIN = "Read the question again; the section that it names has what is needed."
TOLERANCE = 0.01  # of numbers, relative


def trial_run(run: Run) -> Run:
    """A run of its own in `exercises/` of the run folder: trials replace nothing of the run.

    Its models, figures and tables count in no result. It lasts, so a trial that was trained once
    is loaded the next time.
    """
    folder = run.path("exercises", run.notebook)
    folder.mkdir(parents=True, exist_ok=True)
    trial = Run(run.notebook, folder, run.parameters)
    trial.source_note = run.source_note
    return trial


def answered(*answers: object, words: Sequence[str] = ()) -> bool:
    """Whether each blank holds an answer; where one does not, says what to do.

    Args:
        answers: what stands in the blanks: None until somebody answers.
        words: those that can be answered, where others make no sense.
    """
    if any(answer is None for answer in answers):
        display.show_text(TO_DO)
        return False
    unknown = [answer for answer in answers if words and answer not in words]
    if unknown:
        known = " or ".join(f'`"{word}"`' for word in words)
        display.show_text(f"*The answer `{unknown[0]!r}` is not known here: write {known}.*")
        return False
    return True


def check(
    answer: Any,
    expected: Any,
    *,
    right: str = "",
    hints: Mapping[Hashable, str] | Sequence[tuple[Any, str]] = (),
    tolerance: float = TOLERANCE,
) -> bool:
    """Shows whether an answer is right, else a hint that depends on it; returns which.

    Args:
        answer: what the reader put into the blank: a number, a word, a set of names, an array.
        expected: the right answer, computed from this run.
        right: what it shows, in words; stands behind "Right.".
        hints: {an answer that is wrong: what leads on from there}, or pairs of them (arrays).
        tolerance: of numbers and arrays, relative to the expected value (arrays: to the largest).
    """
    if is_same(answer, expected, tolerance=tolerance):
        return check_that(True, right=right)
    for wrong, words in hints.items() if isinstance(hints, Mapping) else hints:
        if is_same(answer, wrong, tolerance=tolerance):
            return check_that(False, hint=words)
    return check_that(False, hint=general_hint(answer, expected))


def check_that(solved: bool, *, right: str = "", hint: str = LOOK_AGAIN) -> bool:
    """Shows whether an exercise is solved that more than one answer can solve; returns it.

    Args:
        solved: whether it is.
        right: shown then, behind "Right.".
        hint: shown otherwise, behind "Not yet.".
    """
    verdict, words = (RIGHT, right) if solved else (NOT_YET, hint)
    display.show_text(f"**{verdict}** {words}".rstrip())
    return bool(solved)


def is_same(answer: Any, expected: Any, *, tolerance: float = TOLERANCE) -> bool:
    """Whether two answers say the same: words but for capitals, numbers within a tolerance."""
    if isinstance(expected, str):
        return isinstance(answer, str) and _plain(answer) == _plain(expected)
    if _is_names(expected):
        return _is_names(answer) and _names(answer) == _names(expected)
    if isinstance(expected, np.ndarray):
        found = np.asarray(answer)
        return found.shape == expected.shape and _wrong_share(found, expected, tolerance) == 0
    if not (_is_number(answer) and _is_number(expected)):
        return type(answer) is type(expected) and answer == expected
    return math.isclose(answer, expected, rel_tol=tolerance, abs_tol=1e-12)


def general_hint(answer: Any, expected: Any) -> str:
    """What a wrong answer tells without knowing the exercise."""
    if isinstance(expected, np.ndarray):
        return _hint_for_array(np.asarray(answer), expected)
    if _is_names(expected):
        return _hint_for_names(answer, expected)
    if _is_number(expected):
        return _hint_for_number(answer, expected)
    return LOOK_AGAIN


def _hint_for_number(answer: Any, expected: float) -> str:
    if not _is_number(answer):
        return f"A number is expected here, and this is {_kind(answer)}."
    if answer != answer:
        return "This is NaN, not a number: look for 0 / 0, or for the logarithm of 0."
    slips = {
        -expected: "The size is right, the sign is not.",
        100 * expected: "This is a hundred times too large: a share is expected, not per cent.",
        expected / 100: "This is a hundredth of it: per cent are expected, not a share.",
        expected / math.log(2): "Too large by a factor of 1.44: are these bits in place of nats?",
        expected * math.log(2): "Too small by a factor of 0.69: are these nats in place of bits?",
    }
    if expected and not isinstance(expected, bool):
        slips[1 / expected] = "This is 1 divided by what is expected."
    for slip, words in slips.items():
        if is_same(answer, slip):
            return words
    return f"It is too {'large' if answer > expected else 'small'}."


def _hint_for_names(answer: Any, expected: Collection[str]) -> str:
    if not _is_names(answer) and not isinstance(answer, str):
        return f"A set of names is expected here, such as {{'a', 'b'}}; this is {_kind(answer)}."
    given, wanted = _names(answer), _names(expected)
    return (
        f"{len(given & wanted)} of {len(wanted)} are found, "
        f"and {len(given - wanted)} of yours do not belong to them."
    )


def _hint_for_array(answer: np.ndarray, expected: np.ndarray) -> str:
    if answer.shape != expected.shape:
        return f"The shape should be {expected.shape}, and this one is {answer.shape}."
    share = _wrong_share(answer, expected, TOLERANCE)
    return f"The shape is right; {100 * share:.3g} % of the values are not."


def _wrong_share(answer: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """Share of the values that differ by more than the tolerance times the largest one."""
    if expected.dtype.kind == "b" or answer.dtype.kind not in "biuf":
        return float(np.mean(answer != expected))
    largest = float(np.max(np.abs(expected), initial=0.0))
    return float(np.mean(~(np.abs(answer - expected) <= tolerance * largest + 1e-12)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_names(value: Any) -> bool:
    """Whether it is a collection of words."""
    kinds = (set, frozenset, list, tuple)
    return isinstance(value, kinds) and all(isinstance(one, str) for one in value)


def _names(value: Any) -> set[str]:
    return {_plain(one) for one in ([value] if isinstance(value, str) else value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, (numbers.Real, np.number)) and not isinstance(value, (bool, np.bool_))


def _kind(value: Any) -> str:
    words = {str: "text", bool: "true or false", list: "a list", tuple: "a tuple", set: "a set"}
    return words.get(type(value), f"a {type(value).__name__}")
