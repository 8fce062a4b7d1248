"""Who is ill: what names, masks and tables say of each person, and what only the user can say.

A person who is ill by any sign is ill in every visit. Without any sign of patients in a source
everybody counts as healthy, and that is said once. Where some people are ill by a sign and nothing
says anything of others, the user is asked: a patient among healthy heads spoils every number.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from pathlib import Path

import pandas as pd

from brainlib.heads.names import HEALTHY_WORD, group_of_word
from brainlib.heads.participants import matched
from brainlib.heads.problems import UNCLAIMED, first_few, problem
from brainlib.heads.tables import column_of_people, read_table, with_plain_columns
from brainlib.record.checksums import TABLES_OF_PEOPLE

DRAFT_COMMAND = "python -m brainlib.heads.draft"
# Columns whose every word is a group, and those that count where their words are known ones.
GROUP_COLUMNS = ("group", "research group", "diagnosis", "dx", "diag", "dx_group", "disease")
OTHER_COLUMNS = ("status", "condition", "patient", "type", "category", "cohort", "class")
SUFFIXES = (".csv", ".tsv", ".xls", ".xlsx")
CODE = "?"  # a number in a column of groups: what it stands for is in no table
UNKNOWN = ("", "n/a", "na", "nan", "none", "unknown", "?", "-")
PATIENT_CODES = {"true": "patient", "yes": "patient", "false": "healthy", "no": "healthy"}


def with_groups(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, list[dict]]:
    """(table, problems): the group of every head; "" where only the user can say it.

    Args:
        table: one row per head, with subject, group ("" where nothing says it) and lesion_path.
        folder: of the heads; tables of participants lie in it or above it.
    """
    stated, problems = _groups_of_tables(table, folder), []
    has_codes = CODE in stated.values()
    groups = table.group.copy()
    for row, subject in table.subject.items():
        said = stated.get(subject, "").replace(CODE, "")
        if groups[row] == "healthy" and said not in ("", "healthy"):
            groups[row] = said
        elif groups[row] == "" or (groups[row] == "lesion" and said not in ("", "healthy")):
            groups[row] = said  # a mask says lesion, a table says of what
        elif said == "healthy" and groups[row] != "healthy":
            detail = f"a table says healthy, names or masks say {groups[row]}: taken as ill"
            problems.append(problem("group in doubt", detail, subject=subject))
    ill = groups[~groups.isin(["", "healthy"])]
    of_ill = dict(zip(table.subject[ill.index], ill))
    groups = table.subject.map(of_ill).fillna(groups)
    if not len(ill) and not has_codes and (groups == "").any():
        number = table.subject[groups == ""].nunique()
        detail = f"everybody ({number}): no mask, table or folder speaks of patients"
        problems.append(problem("taken as healthy", detail))
        groups = groups.replace("", "healthy")
    return table.assign(group=groups), problems


def question(table: pd.DataFrame, problems: list[dict], folder: Path) -> str:
    """The question to the user, in one line; "" where there is none."""
    homeless = [each["detail"] for each in problems if each["fault"] in UNCLAIMED]
    unknown = sorted(set(table.subject[table.group == ""]))
    if homeless and not unknown:
        unknown = sorted(set(table.subject[(table.lesion_path == "") & (table.group == "healthy")]))
    if not unknown:
        return ""
    ill = sorted(set(table.subject[~table.group.isin(["", "healthy"])]))
    sign = "a table gives groups as numbers"
    if ill:
        sign = f"{first_few(ill)} with a lesion or a diagnosis"
    elif homeless:
        sign = homeless[0].split(":")[0]
    return (
        f"{folder}: who is healthy? The folder seems to hold patients ({sign}), and nothing says "
        f"whether {len(unknown)} others are ill, such as {first_few(unknown)}. Write a draft of "
        f"heads.csv with `{DRAFT_COMMAND} {shlex.quote(str(folder))}` and fill in its column "
        "group: healthy, or what they have."
    )


def _groups_of_tables(heads: pd.DataFrame, folder: Path) -> dict[str, str]:
    """{subject: group} of the tables of people that lie where the heads do.

    In the source's folder and its `phenotype`, whatever their names; above it, and in the folders
    between it and heads, by the usual names. Such a table speaks of the heads below it alone.
    """
    words = {}
    for path, subjects in _tables_of_people(heads, folder):
        try:
            table = read_table(path)
        except (OSError, ValueError):
            continue  # named where demographics are read
        table = with_plain_columns(table)
        people = column_of_people(table)
        if not people:
            continue
        for subject, rows in matched(table[people], subjects).items():
            words.setdefault(subject, []).extend(_words(table.iloc[rows]))
    return {subject: _strongest(found) for subject, found in words.items()}


def _tables_of_people(heads: pd.DataFrame, folder: Path) -> list[tuple[Path, pd.Series]]:
    """(table, subjects that it may speak of) of each table of people around the heads."""
    places = [path for path in (folder, folder / "phenotype") if path.is_dir()]
    beside = sorted(path for place in places for path in place.iterdir())
    found = [(path, heads.subject) for path in beside if path.suffix.lower() in SUFFIXES]
    above = [folder.parent / name for name in TABLES_OF_PEOPLE]
    found += [(path, heads.subject) for path in above if path.is_file()]
    inside = defaultdict(list)
    for row in heads.itertuples():
        for place in Path(row.path).parents:
            if folder in place.parents:
                inside[place].append(row.subject)
    for place, subjects in sorted(inside.items()):
        tables = [place / name for name in TABLES_OF_PEOPLE]
        found += [(path, pd.Series(subjects)) for path in tables if path.is_file()]
    return found


def _words(rows: pd.DataFrame) -> list[str]:
    """Groups that the rows of one person state."""
    words = [_group(word) for column in GROUP_COLUMNS if column in rows for word in rows[column]]
    for column in OTHER_COLUMNS:
        if column in rows:
            words += [group_of_word(str(word)) for word in rows[column]]
    return words


def _strongest(words: list[str]) -> str:
    """An illness before a code, a code before healthy, healthy before nothing."""
    ill = [word for word in words if word not in ("", CODE, "healthy")]
    return next(iter([*ill, *(word for word in (CODE, "healthy") if word in words), ""]))


def _group(value: object) -> str:
    """`healthy` of the words for controls, "" of empty cells, `?` of numbers, else the word."""
    word = "" if pd.isna(value) else str(value).strip().lower()
    if word in UNKNOWN:
        return ""
    if word.replace(".", "").isdigit():
        return CODE
    if HEALTHY_WORD.fullmatch(word):
        return "healthy"
    return PATIENT_CODES.get(word, word)
