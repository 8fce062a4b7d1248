"""Ten slides of the main results, and a poster, both as PDF from the same document."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import typst

from brainlib.show.report.document import (
    Document,
    Figure,
    Finding,
    Items,
    Paragraph,
    Section,
    blocks,
    walk,
)
from brainlib.show.report.pdf_writer import TypstWriter, plain, typst_string, write_small
from brainlib.show.report.pictures import size_of

STYLE = Path(__file__).with_name("slides.typ")
ON_ONE_SLIDE, MOST_LIMITS, MOST_PICTURES = 4, 5, 4
SLIDE_MM, POSTER_MM = (226, 84), (262, 92)  # room for a picture: width, height
PICTURES = (  # the first that is there, of each chapter
    ("09_anomaly_detection/detections", "09_anomaly_detection/false_alarms"),
    ("08_evaluation/corrupted", "07_ae_variants/restorations"),
    ("04_vae/samples", "04_vae/reconstructions"),
    ("06_vqgan/close_up", "05_vqvae/reconstructions"),
)
QUESTION = (
    "Networks that know only healthy heads press slices into few numbers and rebuild them. What do "
    "they rebuild, draw, restore and find, compared with simple references, on people whom they "
    "have not seen?"
)


def write_slides(document: Document, path: Path) -> Path:
    """Writes at most ten slides as PDF and returns the path."""
    return _compile(path, lambda writer: _slides(document, writer), document)


def write_poster(document: Document, path: Path) -> Path:
    """Writes a poster of one page (A1) as PDF and returns the path."""
    return _compile(path, lambda writer: _poster(document, writer), document)


def _compile(path: Path, parts_of, document: Document) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        writer = TypstWriter(document, place, marked=False)
        source = "\n\n".join(['#import "style.typ": *', *parts_of(writer)])
        (place / "style.typ").write_text(STYLE.read_text(encoding="utf-8"), encoding="utf-8")
        (place / "main.typ").write_text(source, encoding="utf-8")
        made = typst.compile(place / "main.typ", root=place, ignore_system_fonts=True)
    return write_small(made, path)


def _slides(document: Document, writer: TypstWriter) -> list[str]:
    found = [block for block in _front(document).blocks if isinstance(block, Finding)]
    parts = [
        "#show: slides-style",
        f"#slide([{plain(document.title)}])[{_title(document, writer)}]",
    ]
    parts.append(f"#slide([The question])[{QUESTION}\n\n{_data(document, writer)}]")
    for start in range(0, min(len(found), 2 * ON_ONE_SLIDE), ON_ONE_SLIDE):
        some = "".join(_found(one, writer) for one in found[start : start + ON_ONE_SLIDE])
        parts.append(f"#slide([What was found])[{some}]")
    for figure in main_pictures(document):
        parts.append(
            f"#slide([{_heading_of(document, figure)}])[{_shown(figure, writer, SLIDE_MM)}]"
        )
    parts.append(f"#slide([Limits])[{_limits(document, writer)}]")
    return parts


def _poster(document: Document, writer: TypstWriter) -> list[str]:
    found = [block for block in _front(document).blocks if isinstance(block, Finding)]
    left = [f"#part([The question])[{QUESTION}]", f"#part([Data])[{_data(document, writer)}]"]
    findings = "".join(_found(one, writer) for one in found[: 2 * ON_ONE_SLIDE])
    left += [
        f"#part([What was found])[{findings}]",
        f"#part([Limits])[{_limits(document, writer)}]",
    ]
    right = []
    for figure in main_pictures(document):
        picture = _shown(figure, writer, POSTER_MM)
        right.append(f"#part([{_heading_of(document, figure)}])[{picture}]")
    head = f'#text(size: 3em, weight: "bold")[{plain(document.title)}] #v(0.4em)'
    columns = (
        f"#grid(columns: (1fr, 1fr), column-gutter: 18mm, [{''.join(left)}], [{''.join(right)}])"
    )
    return ["#show: poster-style", head, _title(document, writer), columns]


def main_pictures(document: Document) -> list[Figure]:
    """The figures that stand for the results, at most four."""
    figures = {block.key: block for block in blocks(document) if isinstance(block, Figure)}
    chosen = []
    for candidates in PICTURES:
        chosen += [figures[key] for key in candidates if key in figures][:1]
    return chosen[:MOST_PICTURES]


def _front(document: Document) -> Section:
    return next(section for section in document.front if section.key == "findings")


def _title(document: Document, writer: TypstWriter) -> str:
    wanted = ("Author", "Place", "Date of the run", "Data")
    lines = [f"{plain(name)}: {plain(value)}" for name, value in document.facts if name in wanted]
    warnings = [f"#warning[{writer.line(text)}]" for text in document.warnings]
    return " \\\n".join(lines) + "\n\n" + "".join(warnings)


def _data(document: Document, writer: TypstWriter) -> str:
    texts = [block.text for block in _front(document).blocks if isinstance(block, Paragraph)]
    return "\n\n".join(writer.line(text) for text in texts[:1])


def _found(found: Finding, writer: TypstWriter) -> str:
    claim, words = writer.line(found.claim), writer.line(found.words)
    return f"#found([{claim}], {typst_string(found.verdict)}, [{words}])"


def _shown(figure: Figure, writer: TypstWriter, room: tuple[float, float]) -> str:
    """A picture in its room, with its caption."""
    width, height = size_of(figure.path)
    wide = min(room[0], room[1] * width / height)
    caption = f"{writer.line(figure.caption)} {plain(figure.credit)}."
    picture = f'#align(center, image("{writer.picture(figure)}", width: {wide:.0f}mm))'
    return f"{picture}\n#text(size: 0.75em, fill: quiet)[{caption}]"


def _heading_of(document: Document, figure: Figure) -> str:
    """The heading of the section in which a figure stands."""
    for section in walk((*document.body, *document.appendix)):
        if figure in section.blocks:
            return plain(section.heading)
    return ""


def _limits(document: Document, writer: TypstWriter) -> str:
    section = next((one for one in document.body if one.key == "limits"), None)
    texts: Sequence[str] = ()
    for block in section.blocks if section else ():
        texts = block.texts if isinstance(block, Items) else texts
    return "\n".join(f"- {writer.line(text)}" for text in texts[:MOST_LIMITS])
