"""The start page: a picture of the run, a card per chapter, how far the run is, what to call next.

`notebooks/00_start.ipynb` shows it in JupyterLab, and it is the first of the pages that
`./run_all.sh --pages` writes. It reads what a run saved and computes nothing.
"""

import functools
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from IPython.display import HTML
from PIL import Image

from brainlib import files, record
from brainlib.record import Chapter, RunState
from brainlib.show import findings, pages

CARD_PX, CARD_HEIGHT_PX = 260, 140  # a card's picture; three cards fit beside JupyterLab's side bar
PICTURE_PX, PICTURE_HEIGHT_PX = 470, 470
SHARPNESS = 2  # pixels of a picture for each one of the page: screens of high density
PICTURES = record.NOTEBOOKS / "pictures"
FIRST = (  # pictures of a run for the top of the page: the first that is there
    ("07_ae_variants", "damages"),
    ("09_anomaly_detection", "detections"),
    ("04_vae", "walks"),
    ("04_vae", "reconstructions"),
    ("01_explore", "planes"),
)
WITHOUT_RUN = (
    PICTURES / "slice_browser.png",
    "The slice browser of 01 on a synthetic head. As soon as a run has results, one of its own "
    "pictures stands here.",
)
STATUS = {  # what a card says
    record.DONE: "done",
    "failed": "failed",
    "interrupted": "interrupted",
    "running": "running now",
    record.NOT_RUN: "not run yet",
}


class Card(NamedTuple):
    """What the start page shows of a chapter."""

    number: str
    question: str
    minutes: str
    status: str
    words: str
    link: str
    picture: str
    alt: str


class Link(NamedTuple):
    """A page that the start page leads to."""

    words: str
    about: str
    address: str


def picture(out: str) -> HTML:
    """A picture that a run made, with its caption; the workbook's own without a run.

    Args:
        out: the run folder, relative to notebooks/.
    """
    path, caption, credit = _first_picture(_folder(out))
    size = (PICTURE_PX, PICTURE_HEIGHT_PX)
    return _shown("picture", source=_fitted(path, *size), caption=caption, credit=credit)


def chapters(out: str) -> HTML:
    """A card per chapter: question, picture, minutes, and whether the run has done it."""
    state = record.read_state(_folder(out))
    cards = [_card(chapter, state) for chapter in state.chapters]
    return _shown("chapters", cards=cards)


def what_next(out: str) -> HTML:
    """How far the run is, which command goes on, and the pages that there are to read."""
    state = record.read_state(_folder(out))
    return _shown(
        "state",
        words=state_in_words(state),
        errors=[one for one in state.chapters if one.why],
        commands=commands(state),
        links=[*run_links(state.folder), *other_links()],
    )


def state_in_words(state: RunState) -> str:
    """One or two sentences on how far a run is."""
    name = f"The run `{state.folder.name}`"
    done = len(state.named(record.DONE))
    of = f"{done} of {sum(not one.apart for one in state.chapters)} chapters are done"
    data = state.record.get("data", "")
    made = f", profile `{state.record['profile']}`" if state.record.get("profile") else ""
    made += f", data `{_sources(data)}`" if data else ""
    sentences = {
        "none": "Nothing was run yet. The first command makes the run: a quarter of an hour on two "
        "cores, with synthetic heads.",
        "running": f"{name} is running now{made}: {of}. Run this cell again to see more.",
        "finished": f"{name} is finished{made}. {_findings_in_words(state.folder)}",
        "in part": f"{name}{made}: {of}.",
    }
    stopped = f"{name} stopped before its end{made}: {of}; {_stopped_in_words(state)}."
    return sentences.get(state.status, stopped)


def _sources(data: str) -> str:
    """The sources of data without the folders that they lie in."""
    return ",".join(Path(source).name for source in data.split(","))


def _findings_in_words(folder: Path) -> str:
    return findings.counts_in_words(findings.found_in(findings.read_results(folder)))


def _stopped_in_words(state: RunState) -> str:
    parts = []
    for status in ("failed", "interrupted"):
        names = state.named(status)
        if names:
            parts.append(f"{status}: {', '.join(names)}")
    return "; ".join(parts)


def commands(state: RunState) -> list[tuple[str, str]]:
    """What to call next, as (command, what it does): in a terminal, in the project's folder."""
    out = " ".join(state.out)
    if state.status == "running":
        return []
    if state.status == "none":
        first = [(state.go_on, "runs all chapters")]
        return [*first, ("./run_all.sh --data ixi-sample", "runs them on ten real heads (6 MB)")]
    if state.status != "finished":
        return [
            (state.go_on, "goes on where it was; what is done stays"),
            (f"{state.go_on} --keep-going", "writes the report from what is there, whatever fails"),
        ]
    return [
        ("./run_all.sh --data ixi-sample", "the same on ten real heads (6 MB)"),
        ("./run_all.sh 04 -p 04_vae.beta=0.5 --out outputs/beta", "one chapter, another parameter"),
        (f"./run_all.sh --pages {out}".strip(), "this run as pages for the web"),
        ("./run_all.sh --list", "every chapter with its parameters"),
    ]


def run_links(folder: Path) -> list[Link]:
    """The pages that a run has to read."""
    known = {
        "report.html": ("Report", "findings first, then the parts of a thesis"),
        "report.pdf": ("Report as PDF", "the same for paper"),
        "quality.html": (
            "Quality page",
            "every head with its brain mask; press *Trust HTML* above it to sort",
        ),
    }
    there = {name: words for name, words in known.items() if (folder / name).exists()}
    return [Link(*words, _address(folder / name)) for name, words in there.items()]


def other_links() -> list[Link]:
    """The pages that the workbook has to read, whatever was run."""
    book = record.NOTEBOOKS
    known = {
        book / "glossary.md": ("Glossary", "every term in two sentences"),
        files.PROJECT / "README.md": ("README", "commands, options, how it is built"),
        files.PROJECT / "data" / "README.md": ("Data", "sources, folders, masks, faces"),
    }
    return [Link(*words, _address(path)) for path, words in known.items() if path.exists()]


# Cards


def _card(chapter: Chapter, state: RunState) -> Card:
    path, alt = _card_picture(chapter.name, state.folder)
    number, question = title_of(chapter.name)
    words = STATUS.get(chapter.status, chapter.status)
    if chapter.apart and chapter.status == record.NOT_RUN:
        words = "runs when it is named"
    return Card(
        number=number,
        question=question,
        minutes=_minutes(chapter, state.record.get("profile", "quick")),
        status=chapter.status.replace(" ", "-"),
        words=words,
        link=f"{chapter.name}.ipynb",
        picture=_cropped(path, CARD_PX, CARD_HEIGHT_PX) if path else "",
        alt=alt,
    )


@functools.cache
def title_of(notebook: str) -> tuple[str, str]:
    """The number of a chapter and its heading, such as ("04", "VAE: can a few ...?")."""
    number, _, rest = notebook.partition("_")
    try:
        content = json.loads((record.NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))
        heading = "".join(content["cells"][0]["source"]).splitlines()[0]
    except (OSError, ValueError, LookupError):
        return number, rest
    return number, re.sub(r"^#\s*\d*\s*", "", heading) or rest


def _minutes(chapter: Chapter, profile: str) -> str:
    """How long a chapter took, or how long it may take."""
    if chapter.seconds is not None:
        return f"took {_in_minutes(chapter.seconds / 60)}"
    budget = _budgets(profile).get(chapter.name)
    return f"up to {_in_minutes(budget)}" if budget else ""


def _in_minutes(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 1 else f"{minutes:.0f} min"


@functools.cache
def _budgets(profile: str) -> dict[str, float]:
    try:
        text = (record.NOTEBOOKS / "profiles" / f"{profile}.yaml").read_text(encoding="utf-8")
    except OSError:
        return {}
    return (yaml.safe_load(text) or {}).get("minutes", {})


def _card_picture(notebook: str, folder: Path) -> tuple[Path | None, str]:
    """The picture of a chapter's card and what it shows: of the run, else the workbook's own."""
    known = findings.chapters_in_words().get(notebook, {})
    for name in [known.get("card"), *known.get("figures", [])]:
        path = folder / "figures" / notebook / f"{name}.png"
        if path.exists():
            return path, f"Figure {name} of this run"
    path = PICTURES / "chapters" / f"{notebook}.webp"
    return (path, "From a run on synthetic heads") if path.exists() else (None, "")


def _first_picture(folder: Path) -> tuple[Path, str, str]:
    """Path, caption and credit of the picture at the top."""
    for notebook, name in FIRST:
        path = folder / "figures" / notebook / f"{name}.png"
        if path.exists():
            entry = _figure_entry(folder, notebook, name)
            chapter = f"From chapter {notebook[:2]} of this run. "
            return path, chapter + entry.get("caption", ""), entry.get("source", "")
    return *WITHOUT_RUN, record.SYNTHETIC_NOTE


def _figure_entry(folder: Path, notebook: str, name: str) -> dict[str, Any]:
    """What a chapter says of its figure; empty where it did not come to its end."""
    for result in findings.read_results(folder):
        for entry in result["figures"] if result["notebook"] == notebook else []:
            if entry["name"] == name:
                return entry
    return {}


# Pictures


def _cropped(path: Path, width: int, height: int) -> str:
    """A picture as wide as the place, what is too tall cut off below: the address that holds it."""
    with Image.open(path) as opened:
        shape = opened.convert("RGB")
    wide = SHARPNESS * width
    shape = shape.resize((wide, round(shape.height * wide / shape.width)), Image.LANCZOS)
    paper = Image.new("RGB", (wide, SHARPNESS * height), "white")
    paper.paste(shape, (0, max(0, (paper.height - shape.height) // 2)))
    return _webp(paper)


def _fitted(path: Path, width: int, height: int) -> str:
    """A whole picture that fits into a place: the address that holds it."""
    with Image.open(path) as opened:
        shape = opened.convert("RGB")
    shape.thumbnail((SHARPNESS * width, SHARPNESS * height), Image.LANCZOS)
    return _webp(shape)


def _webp(shape: Image.Image) -> str:
    stream = io.BytesIO()
    shape.save(stream, format="webp", quality=70)
    return pages.data_url(stream.getvalue(), "webp")


# Places


def _folder(out: str) -> Path:
    return (record.NOTEBOOKS / out).resolve()


def _address(path: Path) -> str:
    """A path as a link of the notebook that is running names it."""
    return Path(os.path.relpath(as_served(path), as_served(Path.cwd()))).as_posix()


def as_served(path: Path) -> Path:
    """A path below the project: of a run elsewhere, the one that its link in outputs/ gives it."""
    path = path.resolve()
    if path.is_relative_to(files.PROJECT):
        return path
    for link in _links():
        if path.is_relative_to(link.resolve()):
            return link / path.relative_to(link.resolve())
    return path


def _links() -> Sequence[Path]:
    outputs = files.PROJECT / "outputs"
    return [one for one in outputs.iterdir() if one.is_symlink()] if outputs.is_dir() else []


def _shown(part: str, **content: Any) -> HTML:
    """A part of the page."""
    template = pages.TEMPLATES.get_template("start.html.j2")
    return HTML(template.render(part=part, **content))
