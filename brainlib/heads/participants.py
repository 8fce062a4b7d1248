"""Who the heads are of: sex, age and more from IXI's table or BIDS's participants.tsv; faults of the tables are listed."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

ZERO_IS_MISSING = (
    "HEIGHT",
    "WEIGHT",
    "ETHNIC_ID",
    "MARITAL_ID",
    "OCCUPATION_ID",
    "QUALIFICATION_ID",
)
TABLES = ("IXI.xls", "IXI.xlsx", "IXI.csv", "participants.tsv")
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


def read_ixi_table(path):
    """The demographics of IXI.xls, or of a table with its columns (.xlsx, .csv).

    Of repeated ids the first row is kept; that gives seed 004's shares. 0 means missing, but for DATE_AVAILABLE.

    Returns:
        (participants, problems): one row a subject with subject ("IXI012"), sex, age, ethnic, height_cm, weight_kg; and a
        list of dicts (subject, fault, detail).
    """
    path = Path(path)
    raw = read_table(path, dtype={"IXI_ID": str})
    raw = raw.rename(columns={name: "SEX_ID" for name in raw if str(name).startswith("SEX_ID")})
    missing = {"IXI_ID", "SEX_ID", "AGE"} - set(raw)
    if missing:
        raise ValueError(
            f"{path}: expected the columns of IXI.xls, missing {', '.join(sorted(missing))}, "
            f"got {', '.join(map(str, raw.columns))}."
        )
    raw["subject"], raw["SEX_ID"] = raw.IXI_ID.map(_ixi_id), sex(raw.SEX_ID)
    for column in [name for name in ZERO_IS_MISSING if name in raw]:
        raw[column] = pd.to_numeric(raw[column], errors="coerce").replace(0, np.nan)
    table, problems = _first_rows(raw, path.name)
    age, more = ages(table.AGE, table.subject)
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
    return participants, problems + more


def read_table(path, **options):
    """A table of Excel or of text; in text the line of column names tells what separates them."""
    try:
        if path.suffix.lower() not in (".csv", ".tsv"):
            return pd.read_excel(path, engine="calamine", **options)
        text = path.read_text("utf-8-sig", errors="replace")
        return pd.read_csv(
            io.StringIO(text), sep=max("\t;,", key=text.partition("\n")[0].count), **options
        )
    except OSError:
        raise
    except Exception as error:  # every reader has errors of its own, and none names the file
        raise ValueError(
            f"{path}: expected a table with a line of column names, got {error or type(error).__name__}. "
            "Save it again from a spreadsheet."
        ) from error


def _ixi_id(value):
    """IXI012 of 12, 12.0, "012" and "IXI012"; "" of an empty cell."""
    text = "" if pd.isna(value) else str(value).strip()
    match = re.fullmatch(r"([A-Z]*)0*(\d+)(\.0*)?", text, re.I)
    return f"{match[1].upper() or 'IXI'}{int(match[2]):03d}" if match else text


def _first_rows(raw, name):
    """One row a subject, the first; returns (table, problems)."""
    unnamed = raw.subject.fillna("") == ""
    problems = (
        [
            {
                "subject": "all",
                "fault": "no id",
                "detail": f"{unnamed.sum()} rows of {name}, left out",
            }
        ]
        if unnamed.any()
        else []
    )
    raw = raw[~unnamed]
    for subject, rows in raw[raw.subject.duplicated(keep=False)].groupby("subject"):
        first = rows.iloc[0]
        for _, other in rows.iloc[1:].iterrows():
            differs = [
                column
                for column in raw
                if column not in ("IXI_ID", "subject") and not _same(first[column], other[column])
            ]
            problems.append(
                {
                    "subject": subject,
                    "fault": "repeated id",
                    "detail": "first row kept; differs in "
                    + (
                        ", ".join(
                            f"{column} ({first[column]} against {other[column]})"
                            for column in differs
                        )
                        or "nothing"
                    ),
                }
            )
    return raw.drop_duplicates("subject").reset_index(drop=True), problems


def ages(values, subjects):
    """Ages in years, NaN where there is none that a person can have; returns (ages, problems)."""
    age = pd.to_numeric(values.astype(str).str.replace(",", "."), errors="coerce")
    implausible = (age <= 0) | (age > 120)
    problems = [
        {
            "subject": subject,
            "fault": "implausible age",
            "detail": f"{value} years, taken as missing",
        }
        for subject, value in zip(subjects[implausible], values[implausible])
    ]
    problems += [
        {"subject": subject, "fault": "no age", "detail": "left empty"}
        for subject in subjects[age.isna()]
    ]
    return age.mask(implausible), problems


def sex(values):
    """male, female or "" of the letters, words and numbers that tables have for them."""
    return values.astype(str).str.strip().str.lower().map(SEX).fillna("")


def _same(first, second):
    return (pd.isna(first) and pd.isna(second)) or first == second


def join(table, folder):
    """Adds demographics from IXI's table or BIDS's participants.tsv, beside or one above the folder."""
    problems = []
    for path in (place / name for place in (folder, folder.parent) for name in TABLES):
        if path.exists():
            try:
                return _joined(
                    table,
                    *(_read_participants if path.suffix == ".tsv" else read_ixi_table)(path),
                    path.name,
                    problems,
                )
            except ValueError as error:
                problems.append(
                    {
                        "subject": "all",
                        "fault": "unreadable table",
                        "detail": " ".join(str(error).split()),
                    }
                )
    return table, problems or [
        {
            "subject": "all",
            "fault": "no table of participants",
            "detail": f"none of {', '.join(TABLES)}",
        }
    ]


def _joined(table, participants, faults, name, problems):
    problems = problems + [fault for fault in faults if fault["subject"] in {"all", *table.subject}]
    known = participants.set_index("subject")
    for column in known.columns:
        found = table.subject.map(known[column])
        table[column] = found.fillna("") if column in ("sex", "ethnic") else found.astype(float)
    unknown = table.subject[~table.subject.isin(known.index)]
    problems += [
        {"subject": subject, "fault": "no row", "detail": f"not in {name}"} for subject in unknown
    ]
    without = len(set(known.index) - set(table.subject))
    if without:
        problems.append(
            {
                "subject": "all",
                "fault": "rows without a scan",
                "detail": f"{without} rows of {name}",
            }
        )
    return table, problems


def _read_participants(path):
    raw = read_table(path, dtype=str)
    raw.columns = [str(column).strip().lower() for column in raw]
    if "participant_id" not in raw:
        raise ValueError(
            f"{path}: expected a column participant_id, got {', '.join(raw.columns)}. Name the column of BIDS's subjects so."
        )
    raw["subject"] = (
        raw.participant_id.fillna("").str.strip().str.replace("^(?!sub-)(?=.)", "sub-", regex=True)
    )
    raw, problems = _first_rows(raw, path.name)
    empty = pd.Series("", raw.index)
    age, more = ages(raw["age"], raw.subject) if "age" in raw else (np.nan, [])
    return pd.DataFrame(
        {"subject": raw.subject, "sex": sex(raw.get("sex", raw.get("gender", empty))), "age": age}
    ), problems + more
