"""Who the heads are of: sex, age and more from IXI's table or BIDS's participants.tsv.

Faults of the tables are listed, as dicts of `problems`.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib.heads.identity import known_person
from brainlib.heads.problems import problem
from brainlib.heads.tables import column_of_people, read_table, with_plain_columns
from brainlib.record.checksums import TABLES_OF_PEOPLE

# Columns of IXI.xls in which 0 means missing. In DATE_AVAILABLE it does not.
ZERO_IS_MISSING = (
    "HEIGHT",
    "WEIGHT",
    "ETHNIC_ID",
    "MARITAL_ID",
    "OCCUPATION_ID",
    "QUALIFICATION_ID",
)
SEX = {
    "m": "male",
    "male": "male",
    "1": "male",
    "1.0": "male",
    "f": "female",
    "female": "female",
    "2": "female",
    "2.0": "female",
}
OLDEST = 120  # years
YEARS = r"(?i)^0*(\d+(?:[.,]\d+)?)\s*(?:y|yrs?|years?|\+)$"  # DICOM's 045Y, BIDS's 89+
MISSING = ("n/a", "na", "nan", "none", "null", "-", "?")  # as the name of a person
MOST_DIGITS = 40  # of a number


# ---- onto the heads


def add_demographics(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[dict]]:
    """Adds demographics from the first table that can be read, in the folder or one above it.

    Args:
        table: one row per subject, with `subject`.
        folder: of the heads.

    Returns:
        (table, problems): with sex, age and, from IXI's table, ethnic, height_cm, weight_kg.
    """
    problems = []
    for path in (place / name for place in (folder, folder.parent) for name in TABLES_OF_PEOPLE):
        if not path.exists():
            continue
        read = read_ixi_table if path.stem == "IXI" else read_bids_table
        try:
            participants, faults = read(path)
        except ValueError as error:
            reason = " ".join(str(error).split())
            problems.append(problem("unreadable table", reason))
            continue
        table, unmatched = _joined(table, participants, path.name)
        subjects = {"all", *table.subject}
        problems += [fault for fault in faults if fault["subject"] in subjects]
        return table, problems + unmatched
    if not problems:
        problems = [problem("no table of participants", f"none of {', '.join(TABLES_OF_PEOPLE)}")]
    return table, problems


def _joined(
    table: pd.DataFrame, participants: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems): the participants' columns on the subjects' rows; who is in one only."""
    row_of = {
        subject: rows[0] for subject, rows in matched(participants.subject, table.subject).items()
    }
    known = participants.iloc[list(row_of.values())].set_axis(list(row_of), axis=0)
    known = known.drop(columns="subject")
    for column in known.columns:
        values = table.subject.map(known[column])
        is_text = column in ("sex", "ethnic")
        table[column] = values.fillna("") if is_text else values.astype(float)
    unknown = table.subject[~table.subject.isin(known.index)].drop_duplicates()
    problems = [problem("no row", f"not in {name}", subject=subject) for subject in unknown]
    without_scan = len(participants) - len(set(row_of.values()))
    if without_scan:
        problems.append(problem("rows without a scan", f"{without_scan} rows of {name}"))
    return table, problems


def matched(names: pd.Series, subjects: pd.Series) -> dict[str, list[int]]:
    """{subject: places of the rows that are of it}: a table's names against the heads'.

    A name counts with or without BIDS's `sub-`, in any case, and by the person that the name of a
    known set holds (`IXI012-HH-1211` is IXI012).
    """
    places = {}
    for place, name in enumerate(names.fillna("").astype(str).str.strip()):
        if name:
            for key in _keys(name):
                places.setdefault(key, []).append(place)
    found = {}
    for subject in subjects.unique():
        known = [key for key in _keys(subject) if key in places]
        if known:
            found[subject] = places[known[0]]
    return found


def _keys(name: str) -> list[str]:
    """Spellings under which a person's name is looked up."""
    name = unicodedata.normalize("NFC", name)  # an accent is written in two ways
    short = name.casefold().removeprefix("sub-")
    number = short.lstrip("0") if short.isdigit() else short  # spreadsheets drop zeros of 001
    return list(dict.fromkeys([name, short, known_person(name).casefold(), number]))


# ---- the tables


def read_ixi_table(path: Path | str) -> tuple[pd.DataFrame, list[dict]]:
    """The demographics of IXI.xls, or of a table with its columns (.xlsx, .csv).

    Of repeated ids the first row is kept; that gives thesis 004's shares. 0 means missing, but for
    DATE_AVAILABLE.

    Returns:
        (participants, problems): one row per subject with subject ("IXI012"), sex, age (years),
        ethnic ("white", "other" or ""), height_cm, weight_kg; and a list of dicts (subject, fault,
        detail).

    Raises:
        ValueError: it is no table, or lacks columns of IXI.xls.
    """
    path = Path(path)
    raw = read_table(path)
    of_sex = [name for name in raw if name.startswith("SEX_ID")]
    raw = raw.drop(columns=of_sex[1:]).rename(columns={name: "SEX_ID" for name in of_sex})
    missing = {"IXI_ID", "SEX_ID", "AGE"} - set(raw)
    if missing:
        raise ValueError(
            f"{path}: expected the columns of IXI.xls, missing {', '.join(sorted(missing))}. "
            "Name its columns so."
        )
    raw["subject"] = raw.IXI_ID.map(_ixi_id)
    raw["SEX_ID"] = sexes(raw.SEX_ID)
    for column in [name for name in ZERO_IS_MISSING if name in raw]:
        raw[column] = numbers(raw[column]).replace(0, np.nan)
    table, repeated = _first_rows(raw, path.name)
    age, implausible = ages(table.AGE, table.subject)
    ethnic = table.get("ETHNIC_ID", pd.Series(np.nan, table.index))
    participants = pd.DataFrame(
        {
            "subject": table.subject,
            "sex": table.SEX_ID,
            "age": age,
            "ethnic": np.select([ethnic == 1, ethnic.notna()], ["white", "other"], ""),
            "height_cm": table.get("HEIGHT", np.nan),
            "weight_kg": table.get("WEIGHT", np.nan),
        }
    )
    return participants, repeated + implausible


def read_bids_table(path: Path) -> tuple[pd.DataFrame, list[dict]]:
    """The demographics of BIDS's participants.tsv, or of another table of people.

    Returns:
        (participants, problems): one row per subject with subject ("sub-01" of "01" in BIDS's
        column participant_id), sex, age (years).

    Raises:
        ValueError: it is no table, or has none of `PEOPLE_COLUMNS`.
    """
    raw = with_plain_columns(read_table(path))
    people = column_of_people(raw)
    if not people:
        # Without a line of names the first line is a person's: it is not quoted.
        raise ValueError(
            f"{path}: expected a column participant_id, got none among {len(raw.columns)}. "
            "Name the column of BIDS's subjects so."
        )
    raw["subject"] = raw[people].mask(raw[people].str.lower().isin(MISSING), "")
    if people == "participant_id":
        raw["subject"] = raw.subject.str.replace("^(?!sub-)(?=.)", "sub-", regex=True)
    raw, problems = _first_rows(raw, path.name)
    stated_sex = raw.get("sex", raw.get("gender", pd.Series("", raw.index)))
    age = np.nan
    if "age" in raw:
        age, implausible = ages(raw["age"], raw.subject)
        problems = problems + implausible
    columns = {"subject": raw.subject, "sex": sexes(stated_sex), "age": age}
    return pd.DataFrame(columns), problems


# ---- their columns


def ages(values: pd.Series, subjects: pd.Series) -> tuple[pd.Series, list[dict]]:
    """(ages in years, problems): NaN where there is none that a person can have.

    To a tenth: with the day of the scan, an age to the day is a date of birth.
    """
    texts = values.astype(str).str.strip().str.replace(YEARS, r"\1", regex=True)
    age = numbers(texts)
    implausible = (age <= 0) | (age > OLDEST)
    detail = f"not within {OLDEST} years, taken as missing"  # unquoted: it may be a date of birth
    problems = [
        problem("implausible age", detail, subject=subject) for subject in subjects[implausible]
    ]
    problems += [
        problem("no age", "left empty", subject=subject) for subject in subjects[age.isna()]
    ]
    return age.mask(implausible).round(1), problems


def numbers(values: pd.Series) -> pd.Series:
    """Numbers of texts, with a decimal point or comma; NaN where there is none."""
    texts = values.astype(str).str.replace(",", ".").str[:MOST_DIGITS]
    return pd.to_numeric(texts, errors="coerce").astype(float)


def sexes(values: pd.Series) -> pd.Series:
    """male, female or "" of the letters, words and numbers that tables have for them."""
    return values.astype(str).str.strip().str.lower().map(SEX).fillna("")


def _ixi_id(value: object) -> str:
    """IXI012 of 12, 12.0, "012" and "IXI012"; "" of an empty cell."""
    text = str(value).strip()
    match = re.fullmatch(r"([A-Z]*)0*(\d+)(\.0*)?", text, re.I)
    return f"{match[1].upper() or 'IXI'}{int(match[2]):03d}" if match else text


def _first_rows(raw: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems): of each subject the first row; rows without a subject are left out."""
    problems = []
    unnamed = raw.subject.fillna("") == ""
    if unnamed.any():
        problems.append(problem("no id", f"{unnamed.sum()} rows of {name}, left out"))
    raw = raw[~unnamed]
    for subject, rows in raw[raw.subject.duplicated(keep=False)].groupby("subject"):
        first = rows.iloc[0]
        for _, other in rows.iloc[1:].iterrows():
            detail = f"first row kept; differs in {_differences(first, other)}"
            problems.append(problem("repeated id", detail, subject=subject))
    return raw.drop_duplicates("subject").reset_index(drop=True), problems


def _differences(first: pd.Series, other: pd.Series) -> str:
    """The columns in which two rows of a table differ. Their values stay in the table."""
    names = [name for name in first.index if name not in ("IXI_ID", "subject")]
    return ", ".join(name for name in names if not _same(first[name], other[name])) or "nothing"


def _same(first: object, second: object) -> bool:
    return (pd.isna(first) and pd.isna(second)) or first == second
