"""What was left out, mended or guessed while heads were gathered: one form for all of it."""

from __future__ import annotations

# Signs of patients of whom it is not known who they are.
UNCLAIMED = ("lesion of no head", "mask in doubt")
# Kinds of problems of tables of participants; the others are about files.
ABOUT_TABLES = (
    "unreadable table",
    "no table of participants",
    "no row",
    "rows without a scan",
    "no id",
    "repeated id",
    "implausible age",
    "no age",
)


def problem(fault: str, detail: str, *, subject: str = "all") -> dict[str, str]:
    """One problem: whom it is about, its kind in a few words, and the particulars."""
    return {"subject": subject, "fault": fault, "detail": detail}


def first_few(names: list[str], most: int = 3) -> str:
    """The first names of a list, in words."""
    return ", ".join(names[:most])
