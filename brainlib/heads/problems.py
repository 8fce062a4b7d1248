"""What was left out, mended or guessed while heads were gathered: one form for all of it."""

from __future__ import annotations


def problem(fault: str, detail: str, *, subject: str = "all") -> dict[str, str]:
    """One problem: whom it is about, its kind in a few words, and the particulars."""
    return {"subject": subject, "fault": fault, "detail": detail}


def first_few(names: list[str], most: int = 3) -> str:
    """The first names of a list, in words."""
    return ", ".join(names[:most])
