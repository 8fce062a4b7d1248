"""Who is ill: what names, masks and tables say of each person, and what only the user can say.

A person who is ill by any sign is ill in every visit. Without any sign of patients in a source
everybody counts as healthy, and that is said once. Where some people are ill by a sign and nothing
says anything of others, the user is asked: a patient among healthy heads spoils every number.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pandas as pd

from brainlib.heads.names import HEALTHY_WORD
from brainlib.heads.participants import TABLES, column_of_people, matched, read_table
from brainlib.heads.problems import first_few, problem

DRAFT_COMMAND = "python -m brainlib.heads.draft"
GROUP_COLUMNS = ("group", "diagnosis", "dx", "diag", "status", "condition", "disease", "patient")
UNKNOWN = ("", "n/a", "na", "nan", "none", "unknown", "?", "-")
PATIENT_CODES = {"true": "patient", "yes": "patient", "false": "healthy", "no": "healthy"}


def with_groups(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems): the group of every head; "" where only the user can say it.

    Args:
        table: one row per head, with subject, group ("" where nothing says it) and lesion_path.
        folder: of the heads; tables of participants lie in it or above it.
    """
    stated, problems = _groups_of_tables(table.subject, folder)
    groups = table.group.copy()
    for row, subject in table.subject.items():
        said = stated.get(subject, "")
        if groups[row] == "healthy" and said not in ("", "healthy"):
            groups[row] = said
        elif groups[row] == "":
            groups[row] = said
        elif said == "healthy" and groups[row] != "healthy":
            detail = f"a table says healthy, names or masks say {groups[row]}: taken as ill"
            problems.append(problem("group in doubt", detail, subject=subject))
    ill = groups[~groups.isin(["", "healthy"])]
    of_ill = dict(zip(table.subject[ill.index], ill))
    groups = table.subject.map(of_ill).fillna(groups)
    if not len(ill) and (groups == "").any():
        number = table.subject[groups == ""].nunique()
        detail = f"everybody ({number}): no mask, table or folder speaks of patients"
        problems.append(problem("taken as healthy", detail))
        groups = groups.replace("", "healthy")
    return table.assign(group=groups), problems


def question(table: pd.DataFrame, problems: list[dict], folder: Path) -> str:
    """The question to the user, in one line; "" where there is none."""
    homeless = [each["detail"] for each in problems if each["fault"] == "lesion of no head"]
    unknown = sorted(set(table.subject[table.group == ""]))
    if homeless and not unknown:
        unknown = sorted(set(table.subject[(table.lesion_path == "") & (table.group == "healthy")]))
    if not unknown:
        return ""
    ill = sorted(set(table.subject[~table.group.isin(["", "healthy"])]))
    sign = f"{first_few(ill)} with a lesion or a diagnosis" if ill else homeless[0].split(":")[0]
    return (
        f"{folder}: who is healthy? The folder holds patients ({sign}), and nothing says whether "
        f"{len(unknown)} others are ill, such as {first_few(unknown)}. Write a draft of heads.csv "
        f"with `{DRAFT_COMMAND} {shlex.quote(str(folder))}` and fill in its column group: healthy, "
        "or what they have."
    )


def _groups_of_tables(subjects: pd.Series, folder: Path) -> tuple[dict[str, str], list[dict]]:
    """({subject: group}, problems) of all tables of participants beside the heads or above."""
    found, problems = {}, []
    for path in (place / name for place in (folder, folder.parent) for name in TABLES):
        if not path.is_file():
            continue
        try:
            table = read_table(path, dtype=str)
        except (OSError, ValueError):
            continue  # named where demographics are read
        table.columns = [str(column).strip().lower() for column in table]
        people = column_of_people(table)
        columns = [column for column in GROUP_COLUMNS if column in table]
        if not people or not columns:
            continue
        row_of = matched(table[people], subjects)
        for subject, rows in row_of.items():
            words = [_group(word) for word in table[columns[0]].iloc[rows]]
            ill = [word for word in words if word not in ("", "healthy")]
            found.setdefault(subject, (ill + [word for word in words if word] + [""])[0])
    return found, problems


def _group(value: object) -> str:
    """`healthy` of the words for controls, "" of empty cells, else the word in small letters."""
    word = "" if pd.isna(value) else str(value).strip().lower()
    if word in UNKNOWN or word.replace(".", "").isdigit():
        return ""
    if HEALTHY_WORD.fullmatch(word):
        return "healthy"
    return PATIENT_CODES.get(word, word)
