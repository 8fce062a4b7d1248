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
