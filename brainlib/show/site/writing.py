"""Pages are written: links and pictures in place, the list of pages beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from bs4 import BeautifulSoup
from markupsafe import Markup

from brainlib import files
from brainlib.record import paths
from brainlib.show import pages
from brainlib.show.site import links
from brainlib.show.site.contents import GROUPS, Page
from brainlib.show.site.images import Images

HERE = Path(__file__).parent
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
TEMPLATES.filters["inline"] = pages.with_emphasis
AROUND_STYLE = "display: flex; justify-content: space-between; font: 14px system-ui, sans-serif"


def write(
    made: Sequence[Page], place: Path, images: Images, *, folders: Sequence[Path], footer: str
) -> None:
    """Writes all pages into a folder.

    Args:
        made: the pages, in their order.
        place: the folder.
        images: stores their pictures.
        folders: of this machine, which outputs of cells may name.
        footer: the line at the end of each page.
    """
    addresses = {source.resolve(): page.address for page in made for source in page.sources}
    files.write_text(place / "site.css", (HERE / "site.css").read_text(encoding="utf-8"))
    for number, page in enumerate(made):
        soup = BeautifulSoup(page.body, "html.parser")
        links.lead(soup, page.places, addresses)
        links.store_pictures(soup, images, page.places)
        links.hide_machine(soup.select(".input, .output"), folders)
        page.warnings = tuple(paths.without_folders(words, folders) for words in page.warnings)
        before, after = made[:number][-1:], made[number + 1 :][:1]
        around = {"before": before[0] if before else None, "after": after[0] if after else None}
        if page.kind == "whole":
            text = _with_links_around(soup, around)
        else:
            text = _framed(soup, page, made, footer=footer, **around)
        files.write_text(place / page.address, text)


def _framed(soup: BeautifulSoup, page: Page, made: Sequence[Page], **more: Any) -> str:
    """A page with the list of all pages beside it."""
    heading = soup.find("h1")
    page.title = heading.get_text() if heading else page.short
    page.headings = [(one["id"], one.get_text()) for one in soup.find_all("h2", id=True)]
    page.body = Markup(soup)
    template = TEMPLATES.get_template("page.html.j2")
    return template.render(page=page, pages=made, groups=GROUPS, **more)


def _with_links_around(soup: BeautifulSoup, around: Mapping[str, Page | None]) -> str:
    """A page that brings its own head, with links to the pages before and after."""
    html = TEMPLATES.get_template("around.html.j2").render(**around)
    first, last = (BeautifulSoup(html, "html.parser").p for _ in range(2))
    first["style"] = last["style"] = AROUND_STYLE
    text = soup.main or soup.body
    text.insert(0, first)
    text.append(last)
    return str(soup)
