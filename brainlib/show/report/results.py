"""The chapter on results: a section for each question, its findings first."""

from brainlib.show.findings import chapters_in_words, found_in
from brainlib.show.report import front, shown
from brainlib.show.report.document import Block, Paragraph, Section
from brainlib.show.report.saved import Saved

QUESTIONS = (
    "03_split",
    "04_vae",
    "05_vqvae",
    "06_vqgan",
    "07_ae_variants",
    "08_evaluation",
    "09_anomaly_detection",
    "12_inspector",
    "11_experiment",
)
ELSEWHERE = {"03_split": (["sets_of_people"], ["balance"])}  # figures, tables of the data's chapter
OPEN = "This chapter put no claim to the test."
ABSENT = "This question has no answer here: the chapter {name} did not finish."


def results_chapter(saved: Saved) -> Section:
    """A section for each question that the run answered, and for those that it left open."""
    known = [name for name in QUESTIONS if name in saved.results or name in saved.missing()]
    own = [name for name in saved.results if name not in chapters_in_words()]
    sections = tuple(_question(saved, name) for name in [*known, *own])
    return Section("results", "Results", (), sections)


def has_section(notebook: str) -> bool:
    """Whether the results have a section for a chapter that ran."""
    return notebook in QUESTIONS or notebook not in chapters_in_words()


def _question(saved: Saved, notebook: str) -> Section:
    words = chapters_in_words().get(notebook, {"question": notebook, "how": ""})
    key = f"results-{notebook}"
    if notebook not in saved.results:
        missing = Paragraph(ABSENT.format(name=notebook), "warning")
        return Section(key, words["question"], (missing,))
    found = [front.as_block(one) for one in found_in([saved.results[notebook]])]
    figures, tables = main_names(saved, notebook)
    pictures = shown.figures(saved, notebook, figures)
    made = shown.tables(saved, notebook, tables)
    blocks: list[Block] = [Paragraph(words["how"])] if words["how"] else []
    blocks += found or [Paragraph(OPEN, "generated")]
    blocks += shown.pointing_to([*pictures, *made])
    return Section(key, words["question"], (*blocks, *made, *pictures))


def main_names(saved: Saved, notebook: str) -> tuple[list[str], list[str]]:
    """Names of the figures and tables that stand in the text of the results."""
    words = chapters_in_words().get(notebook)
    if words is None:  # somebody's own notebook: all that it shows
        result = saved.results[notebook]
        return (
            [one["name"] for one in result["figures"]],
            [one["name"] for one in result["tables"]],
        )
    figures, tables = ELSEWHERE.get(notebook, ([], []))
    return (
        [name for name in words["figures"] if name not in figures],
        [name for name in words["tables"] if name not in tables],
    )
