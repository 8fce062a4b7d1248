"""The chapters that weigh the results: what was shown, and what threatens it."""

from collections.abc import Sequence

from brainlib.show import findings as found_things
from brainlib.show.findings import Found
from brainlib.show.report import shown
from brainlib.show.report.document import Block, Items, Paragraph, Section
from brainlib.show.report.results import has_section
from brainlib.show.report.saved import Saved

GROUPS = (
    ("shown", "discussion-shown", "What was shown"),
    ("not shown", "discussion-not-shown", "What was not shown"),
    ("too few to decide", "discussion-undecided", "What is undecided"),
)
MEANING = {
    "shown": "The whole interval of each speaks for the claim, on these data and these settings.",
    "not shown": "Not shown does not mean that the opposite is true, unless it says so.",
    "too few to decide": "Fewer than six people cannot decide a claim, however much they agree. "
    "More people would.",
}
AIMS = (
    "The workbook states in advance what its own settings should reach. Each aim is a claim like "
    "the others; a verdict of *not shown* means that it was missed or remains open."
)
AUTHOR = (
    "Weigh the findings: which of them answer your question, how they agree with the works of "
    "[sec:related], and what follows from them."
)
PUBLISHED = (
    "The theses report numbers of their own data, sizes and people. They stand here for reading "
    "beside those of this run. A difference between them is no finding: a fair comparison needs "
    "the same people, the same slices, the same scaling and the same budget."
)
SYNTHETIC = (
    "**Synthetic heads.** The networks learn a generator's rules, not anatomy, and its lesions are "
    "simpler than real ones. No result carries over to patients."
)
ONE_SOURCE = (
    "**Few sources.** Heads of one study share scanners, protocols and the kind of volunteers. "
    "Other hospitals may give other numbers."
)
SLICES = (
    "**Slices.** The networks see single 2-D slices. What only three dimensions show is out of "
    "reach."
)
MEASURES = (
    "**Measures.** MSE, PSNR and SSIM compare pixels. None of them asks a physician whether a "
    "slice still says the same."
)
SMALL = (
    "**Short training.** The profile `{profile}` uses small pictures and few epochs. Longer "
    "trainings may change ranks."
)
SEEDS = (
    "**One random seed.** Each network was trained once. Another training may differ by as much as "
    "two networks do."
)
NOT_CLINICAL = "**Use.** Nothing here is a medical device, and no number here supports a diagnosis."


def discussion_chapter(saved: Saved) -> Section:
    """What was shown, not shown, undecided, and where the author weighs it."""
    groups = [_group(saved.findings, *group) for group in GROUPS]
    groups.append(_aims(found_things.aims(saved.findings)))
    sections = [group for group in groups if group.blocks]
    sections.append(Section("author", "What follows", (Paragraph(AUTHOR, "author"),)))
    return Section("discussion", "Discussion", (), tuple(sections))


def _group(found: Sequence[Found], verdict: str, key: str, heading: str) -> Section:
    of_it = [one for one in found if one.verdict == verdict]
    if not of_it:
        return Section(key, heading, ())
    lines = tuple(_line(one) for one in of_it)
    return Section(key, heading, (Paragraph(MEANING[verdict]), Items(lines)))


def _line(found: Found) -> str:
    """A claim and where its numbers stand."""
    opposite = " *The opposite holds.*" if found.speaks_against else ""
    where = f" ([sec:results-{found.chapter}])" if has_section(found.chapter) else ""
    return f"{found.claim}{where}.{opposite}"


def _aims(aims: Sequence[Found]) -> Section:
    """What the workbook aimed at and what was reached; empty without aims."""
    lines = tuple(f"*{one.verdict}*: {one.claim} ({one.words.rstrip('.')})." for one in aims)
    return Section(
        "aims", "The aims of the workbook", (Paragraph(AIMS), Items(lines)) if aims else ()
    )


def published_chapter(saved: Saved) -> Section:
    """The theses' numbers beside ours, each with its data and setting."""
    made = []
    for notebook, result in saved.results.items():
        names = [entry["name"] for entry in result["tables"] if "published" in entry["name"]]
        made += shown.tables(saved, notebook, names, rows=40)
    texts = (Paragraph(PUBLISHED), *shown.pointing_to(made, "what the theses report"))
    return Section("published", "The published numbers", (*texts, *made) if made else ())


def limits_chapter(saved: Saved) -> Section:
    """Limits and threats to validity, those that this run has."""
    texts = [SYNTHETIC] if saved.synthetic else []
    texts += [_few_people(saved), ONE_SOURCE, SLICES, MEASURES, _many_claims(saved.findings)]
    profile = saved.record.get("profile")
    if profile in ("smoke", "quick"):
        texts.append(SMALL.format(profile=profile))
    if saved.parameter("04_vae", "random_seeds") is not None:
        one = len(saved.parameter("04_vae", "random_seeds")) == 1
        texts += [SEEDS] if one else []
    texts.append(NOT_CLINICAL)
    blocks: list[Block] = [Items(tuple(text for text in texts if text))]
    return Section("limits", "Limits and threats to validity", tuple(blocks))


def _few_people(saved: Saved) -> str:
    tested = saved.note("08_evaluation", "test_subjects")
    if tested is None:
        return ""
    few = tested < 20
    return (
        f"**Few people.** Quality is judged on {tested} test "
        f"{'person' if tested == 1 else 'people'}"
        f"{'. The intervals are wide, and one unusual head moves them.' if few else '.'}"
    )


def _many_claims(found: Sequence[Found]) -> str:
    if not found:
        return ""
    by_chance = len(found) * 0.025
    counts = found_things.counts_in_words(found)
    return (
        f"**Many claims.** {counts} If none were true, about {by_chance:.1f} of them would be "
        "called shown by chance, for intervals of 95 % leave out 2.5 % on each side."
    )
