"""exclude.csv: the people and heads that the user does not trust."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd


def read_exclusions(path: Path | str, heads: pd.DataFrame | None = None) -> pd.DataFrame:
    """Subjects that a person does not trust: a table of subject and reason.

    The file has lines `subject,reason`. The reason and the heading may be missing; semicolons and
    tabs separate as well. No file: nobody. A subject with its visit behind it (`p1_visit2`) names
    that head alone.

    Args:
        path: of the file.
        heads: a cohort, with all visits; then a column `known` says whether it has such a person.

    Raises:
        ValueError: a line holds no subject, or the file is no text in UTF-8.
    """
    rows = []
    for number, line in enumerate(_lines(Path(path)), 1):
        cells = re.sub("[;\t]", ",", line, count=1).partition(",")
        subject, _, reason = (cell.strip().strip('"') for cell in cells)
        if not subject and reason:
            raise ValueError(
                f"{path}: expected lines of subject,reason, got {line!r} in line {number}. "
                "Name the subject first."
            )
        is_heading = number == 1 and subject.lower() == "subject"
        if subject and not is_heading:
            rows.append({"subject": subject, "reason": reason})
    table = pd.DataFrame(rows, columns=["subject", "reason"])
    if heads is not None:
        table["known"] = table.subject.isin({*heads.subject, *head_names(heads)})
    return table


def head_names(cohort: pd.DataFrame) -> pd.Series:
    """A name for each head alone: the person's, with the visit where there are several."""
    return cohort.subject.where(cohort.visit == "", cohort.subject + "_" + cohort.visit)


def without_excluded(cohort: pd.DataFrame, excluded: pd.DataFrame) -> pd.DataFrame:
    """The heads that `exclude.csv` does not name: by the person, or by person and visit."""
    named = cohort.subject.isin(excluded.subject) | head_names(cohort).isin(excluded.subject)
    return cohort[~named].reset_index(drop=True)


def _lines(path: Path) -> list[str]:
    """The lines of a text in UTF-8; none where there is no file."""
    if not path.exists():
        return []
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected text in UTF-8, got another encoding ({error}). "
            "Save it as UTF-8 ('CSV UTF-8' in Excel)."
        ) from error
