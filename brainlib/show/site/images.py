"""Pictures of the pages: each is stored once, as wide as a page shows it, under its checksum."""

import base64
import functools
import hashlib
import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image

FOLDER = "pictures"
WIDEST_PX = 880  # of the column of a page
QUALITY = 46
KINDS = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp", "GIF": "gif"}


class Stored(NamedTuple):
    """A picture of the pages: its address, and its size in pixels."""

    address: str
    width: int
    height: int


class Images:
    """The pictures of a site.

    Args:
        folder: of the site.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        self.store = functools.cache(self._store)

    def of_file(self, path: Path) -> Stored:
        """A picture of a file."""
        return self.store(path.read_bytes())

    def of_address(self, address: str) -> Stored | None:
        """A picture that stands in its address, as `data:image/png;base64,...`; None for others."""
        head, _, content = address.partition(";base64,")
        if not head.startswith("data:image/") or "svg" in head:
            return None
        return self.store(base64.b64decode(content))

    def _store(self, data: bytes) -> Stored:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            kind, shape = KINDS.get(opened.format, "png"), opened
        smaller, size = _smaller(shape)
        if len(smaller) < len(data):
            data, kind = smaller, "webp"
        else:
            size = shape.size
        name = f"{FOLDER}/{hashlib.sha256(data).hexdigest()[:16]}.{kind}"
        (self.folder / name).write_bytes(data)
        return Stored(name, *size)


def _smaller(picture: Image.Image) -> tuple[bytes, tuple[int, int]]:
    """A picture as WebP, no wider than a page shows it, and its size."""
    has_glass = picture.mode in ("RGBA", "LA", "P")
    shape = picture.convert("RGBA" if has_glass else "RGB")
    if shape.width > WIDEST_PX:
        height = round(shape.height * WIDEST_PX / shape.width)
        shape = shape.resize((WIDEST_PX, height), Image.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    shape.save(stream, format="webp", quality=QUALITY, method=2)
    return stream.getvalue(), shape.size
