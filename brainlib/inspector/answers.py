"""The answers of several models beside each other: as a table, in words, as a verdict."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from brainlib.inspector.report import Report

COLUMNS = ["model", "kind", "name", "value", "unit", "expected", "flagged", "why", "todo"]


def all_findings(reports: Mapping[str, Report]) -> pd.DataFrame:
    """One row per model and question: `COLUMNS`; `name` is the question's.

    Args:
        reports: {name of the model: its report}.
    """
    parts = []
    for name, report in reports.items():
        parts.append(report.table().assign(model=name, kind=report.kind))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def answers(findings: pd.DataFrame, questions: Sequence[str]) -> pd.DataFrame:
    """One row per model, one column per question: what was measured, and whether it is a fault.

    Args:
        findings: of `all_findings`.
        questions: names of questions.
    """
    table = pd.DataFrame({"model": findings.model.unique()})
    for question in questions:
        rows = findings[findings.name == question].set_index("model")
        told = {name: _in_a_cell(row.value, row.flagged) for name, row in rows.iterrows()}
        table[question] = [told.get(name, "not asked") for name in table.model]
    return table


def _in_a_cell(value: float, flagged: bool) -> str:
    words = "cannot be told" if np.isnan(value) else f"{value:.3g}"
    return f"{words}, FAULT" if flagged else words


def reasons(findings: pd.DataFrame, questions: Sequence[str]) -> str:
    """What is at fault, as a list in Markdown: the question, what to do, each model and why."""
    asked = _of(findings, questions)
    faults = asked[asked.flagged]
    if not len(faults):
        return "No model is at fault here." if len(asked) else "No model was asked."
    lines = []
    for question, rows in faults.groupby("name", sort=False):
        lines.append(f"- **{question}**. {rows.todo.iloc[0]}")
        lines += [f"    - `{row.model}`: {row.why}" for row in rows.itertuples()]
    return "\n".join(lines)


def verdict(findings: pd.DataFrame, questions: Sequence[str]) -> dict[str, object]:
    """Whether all models are sound in these questions, as `run.finding` takes it.

    Returns:
        `verdict` ("shown" where no model is at fault, "not shown", or "not asked"), `words`,
        `models` (how many were asked) and `faulty` (how many are at fault).
    """
    asked = _of(findings, questions)
    models = asked.model.nunique()
    if not models:
        words = "no model of this run can be asked this."
        return {"verdict": "not asked", "words": words, "models": 0, "faulty": 0}
    faults = asked[asked.flagged]
    numbers = {"models": models, "faulty": faults.model.nunique()}
    if not len(faults):
        return {"verdict": "shown", "words": f"no fault in {_counted(models)}.", **numbers}
    by_question = faults.groupby("name", sort=False).model.agg(", ".join)
    named = "; ".join(f"{question} ({names})" for question, names in by_question.items())
    words = f"faults in {numbers['faulty']} of {_counted(models)}: {named}."
    return {"verdict": "not shown", "words": words, **numbers}


def _of(findings: pd.DataFrame, questions: Sequence[str]) -> pd.DataFrame:
    """The answers to some questions."""
    return findings[findings.name.isin(questions)]


def _counted(models: int) -> str:
    return "1 model" if models == 1 else f"{models} models"
