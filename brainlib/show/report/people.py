"""The chapter on the data: how many heads, who was left out, who is in which set."""

import re
from collections import Counter

import pandas as pd

from brainlib.show.findings import chapters_in_words
from brainlib.show.report import shown
from brainlib.show.report.document import (
    Block,
    Column,
    Figure,
    Items,
    Paragraph,
    Section,
    Table,
    cells,
)
from brainlib.show.report.flow import draw_flow
from brainlib.show.report.methods import settings_in_words
from brainlib.show.report.saved import Saved

SETS = {"train": "Training", "validation": "Validation", "test": "Test"}
NAME = re.compile(r"\b(?:IXI|PHANTOM|sub-|BraTS|OAS)\w+")
LICENCES = {
    "phantom": "**Synthetic heads** are made on this machine from the MNI152 maps [@fonov2011] "
    "that nilearn carries [@abraham2014]. They may be used freely.",
    "ixi": "**IXI** [@ixi] is under CC BY-SA 3.0: name the source, and share what is made from it "
    "under the same licence.",
    "other": "**Other data** stay under the licence of whoever published them.",
}


def data_chapter(saved: Saved) -> Section:
    """Source and licence, flow of heads and people, demographics, files, slices and sets."""
    sections = [_sources(saved), _flow(saved), _demographics(saved)]
    sections += [
        _chapter(saved, "01_explore", "The files"),
        _chapter(saved, "02_slice_selection", "Slices"),
    ]
    sections.append(
        _chapter(saved, "03_split", "Sets", figures=("sets_of_people",), tables=("balance",))
    )
    kept = tuple(one for one in sections if one.blocks)
    return Section("data", "Data", (), kept)


def _sources(saved: Saved) -> Section:
    text = f"{saved.source}." if saved.source else "The data were not described."
    kinds = ["phantom"] if saved.synthetic else []
    kinds += ["ixi"] if saved.from_ixi else []
    blocks = (
        Paragraph(text, "generated"),
        Items(tuple(LICENCES[kind] for kind in kinds or ["other"])),
    )
    return Section("sources", "Source and licence", blocks)


def flow_counts(saved: Saved) -> dict[str, object]:
    """How many heads were found and left out (by reason), people, and people of each set."""
    heads = saved.table("01_explore", "who_is_who")
    reasons = Counter()
    for notebook in ("01_explore", "02_slice_selection"):
        left_out = saved.table(notebook, "left_out")
        if left_out is not None:
            reasons.update(reason_in_general(reason) for reason in left_out["reason"])
    excluded = saved.table("03_split", "excluded")
    if excluded is not None:
        reasons["named in exclude.csv"] += len(excluded)
    split = saved.table("03_split", "split")
    sets = {} if split is None else split["split"].value_counts().to_dict()
    found = None if heads is None else len(heads)
    return {"heads": found, "left_out": dict(reasons), "people": saved.people, "sets": sets}


def reason_in_general(reason: object) -> str:
    """Why a head was left out, without the name of a person or the path of a file."""
    text = re.sub(r"\S*/\S*:?\s*", "", str(reason))
    text = NAME.sub("another head", text)
    return text.split(". ")[0].strip(" .:")


def _flow(saved: Saved) -> Section:
    counts = flow_counts(saved)
    blocks: list[Block] = [Paragraph(_flow_in_words(counts), "generated")]
    if counts["people"]:
        path = draw_flow(counts, saved.folder / "report" / "cohort_flow.png")
        caption = "From the heads that were found to the people of each set."
        blocks.append(Figure("data/cohort_flow", path, caption, shown.credit(saved.source)))
    return Section("flow", "From heads to people", tuple(blocks))


def _flow_in_words(counts: dict) -> str:
    if not counts["people"]:
        return "The run does not say how many people it has."
    left_out = sum(counts["left_out"].values())
    found = f"{counts['heads']} heads were found. " if counts["heads"] else ""
    why = "; ".join(f"{count} x {reason}" for reason, count in counts["left_out"].items())
    out = f"{left_out} were left out ({why}). " if left_out else "None was left out. "
    sets = ", ".join(f"{SETS.get(name, name)} {count}" for name, count in counts["sets"].items())
    return (
        f"{found}{out}{counts['people']} people remain"
        f"{': ' + sets if sets else ''}. [fig:data/cohort_flow] draws it."
    )


def _demographics(saved: Saved) -> Section:
    split = saved.table("03_split", "split")
    if split is None or not {"age", "sex", "split"} <= set(split):
        return Section("demographics", "People", ())
    words = "[tab:data/demographics] describes the people of each set together."
    return Section("demographics", "People", (Paragraph(words), demographics(split)))


def demographics(split: pd.DataFrame) -> Table:
    """People of each set together: how many, women, age; columns `split`, `sex`, `age`."""
    groups = [(SETS[name], split[split["split"] == name]) for name in SETS]
    groups = [(name, rows) for name, rows in groups if len(rows)] + [("All", split)]
    columns = ("Set", "People", "Women", "Age (years)", "Age known", "Sites")
    numeric = (False, True, True, True, True, False)
    return Table(
        "data/demographics",
        "People of each set: how many, how many women, mean age ± standard deviation.",
        tuple(Column(*pair) for pair in zip(columns, numeric)),
        tuple(cells(*_person_row(name, rows)) for name, rows in groups),
    )


def _person_row(name: str, rows: pd.DataFrame) -> list[str]:
    ages = pd.to_numeric(rows["age"], errors="coerce").dropna()
    known_sex = rows["sex"].isin(["female", "male"])
    women = int((rows["sex"] == "female").sum())
    share = f"{women} ({women / known_sex.sum():.0%})" if known_sex.any() else "–"
    age = f"{ages.mean():.1f} ± {ages.std():.1f}" if len(ages) > 1 else "–"
    sites = ", ".join(sorted(set(rows["site"].dropna().astype(str)))) if "site" in rows else "–"
    return [name, str(len(rows)), share, age, str(len(ages)), sites]


def _chapter(
    saved: Saved, notebook: str, heading: str, figures: tuple = (), tables: tuple = ()
) -> Section:
    """A section made of a chapter's own words, settings, figures and tables."""
    words = chapters_in_words()[notebook]
    pictures = shown.figures(saved, notebook, figures or words["figures"])
    made = shown.tables(saved, notebook, tables or words["tables"])
    texts = [Paragraph(words["how"])] if notebook in saved.results else []
    texts += settings_in_words(saved, notebook)
    texts += shown.pointing_to([*pictures, *made])
    return Section(f"data-{notebook[:2]}", heading, (*texts, *pictures, *made))
