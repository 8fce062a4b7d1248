"""The pages beside the notebooks: what they link to and name is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("notebooks/[!.]*/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_tests_are_there(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    tests = re.findall(r"`(tests/[\w/]+\.(?:py|sh))`", text)
    missing += [name for name in tests if not (ROOT / name).exists()]
    assert not missing


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8")) < 12_600


def test_every_term_of_the_glossary_leads_to_its_chapter_and_back():
    text = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    names = re.findall(r'<a id="([\w-]+)"></a>', text)
    assert len(names) == len(set(names)) > 50
    for chapter in sorted((ROOT / "notebooks").glob("0*.ipynb")):
        cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        said = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert "(glossary.md)" in said, chapter.name
        linked = set(re.findall(r"\(glossary\.md#([\w-]+)\)", said))
        assert linked, chapter.name
        assert linked <= set(names), chapter.name


def citations(text):
    """(first author, year) of works that a text names as "(He et al., 2016)", "Lloyd, 1982"."""
    text = " ".join(text.replace("\n> ", " ").split())
    names = r"([A-Z][\w-]+)(?:,? (?:and|et|al\.|van|[A-Z][\w-]+))*"
    return set(re.findall(rf"\b{names},? \(?((?:19|20)\d\d)\)", text))


def listed(works, author, year):
    """Whether one of the lines is a work of this author and year."""
    return any(author in work and f"({year})" in work for work in works)


def test_every_work_that_a_chapter_names_can_be_looked_up():
    page = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    works = page.partition("## Works that the chapters name")[2].splitlines()
    named = set()
    for chapter in sorted((ROOT / "notebooks").glob("[01]*.ipynb")):
        cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            if cell["cell_type"] == "markdown":
                named |= citations("".join(cell["source"]))
    assert {("Kingma", "2014"), ("Holm", "1979"), ("Shannon", "1949")} <= named
    named.discard(("BraTS", "2019"))  # data
    missing = [one for one in sorted(named) if not listed(works, *one)]
    assert not missing
