"""Links of pages: those to files that have a page lead there, the others become plain words."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from brainlib.record import paths
from brainlib.show.site.images import Images

UNTOUCHED = {"style", "script", "math", "title"}  # tags whose text is no text


def lead(soup: BeautifulSoup, places: Sequence[Path], addresses: Mapping[Path, str]) -> None:
    """Rewrites the links of a page.

    Args:
        soup: the page.
        places: folders in which its relative links may begin.
        addresses: file -> address of its page.
    """
    for link in soup.find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or not parts.path:
            continue
        address = _address(unquote(parts.path), places, addresses)
        if address is None:
            link.name = "span"
            del link["href"]
        else:
            link["href"] = f"{address}#{parts.fragment}" if parts.fragment else address


def _address(path: str, places: Sequence[Path], addresses: Mapping[Path, str]) -> str | None:
    """The address of the page of a file; None where it has none."""
    for place in places:
        target = (place / path).resolve()
        if target in addresses:
            return addresses[target]
    return None


def store_pictures(soup: BeautifulSoup, images: Images, places: Sequence[Path]) -> None:
    """Takes pictures out of the page: those inside it, and those that lie as files beside it."""
    for image in soup.find_all("img", src=True):
        stored = images.of_address(image["src"]) or _picture_file(image, images, places)
        if stored is None:
            continue
        image["src"] = stored.address
        image["loading"] = "lazy"
        if not image.get("width") and not image.get("height"):
            image["width"], image["height"] = stored.width, stored.height


def _picture_file(image: Tag, images: Images, places: Sequence[Path]):
    for place in places:
        path = place / unquote(image["src"])
        if "://" not in image["src"] and path.is_file():
            return images.of_file(path)
    return None


def hide_machine(parts: Iterable[Tag], folders: Sequence[Path]) -> None:
    """Shortens the paths in texts: they begin at the data and the project, as in the report."""
    for part in parts:
        for text in part.find_all(string=True):
            if "/" in text and text.parent.name not in UNTOUCHED:
                text.replace_with(type(text)(paths.without_folders(str(text), folders)))
