"""One answer of the inspector: what was measured, what was expected, what to do about it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One answer: what was measured, what was expected, and what to do where it is a fault.

    Attributes:
        name: of the question, the same for every model.
        value: what was measured; NaN where it cannot be known.
        unit: of the value.
        expected: what a sound model has, in words.
        flagged: whether it is a fault.
        why: one sentence on what the value means here.
        todo: what to do about it; "" where nothing is wrong.
    """

    name: str
    value: float
    unit: str
    expected: str
    flagged: bool
    why: str
    todo: str = ""


def finding(
    name: str, value: float, unit: str, *, expected: str, flagged: object, why: str, todo: str
) -> Finding:
    """A `Finding` that says what to do only where something is wrong."""
    flagged = bool(flagged)
    return Finding(name, float(value), unit, expected, flagged, why, todo if flagged else "")


def unanswered(name: str, unit: str, *, expected: str, why: str) -> Finding:
    """A `Finding` where the model does not say what is needed to answer."""
    return Finding(name, math.nan, unit, expected, False, why)
