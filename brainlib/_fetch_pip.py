"""Puts pip into the running virtual environment where Python came without ensurepip.

That is so on Debian and Ubuntu. Standard library only: it runs before anything is installed. The
wheel's SHA-256 is the one that PyPI states.
"""

import hashlib
import json
import os
import runpy
import sys
import tempfile
import urllib.parse
import urllib.request

INDEX = "https://pypi.org/pypi/pip/json"


def fetch(url: str) -> bytes:
    """What a URL answers; ends the program in one line where nobody does."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read()
    except OSError as error:
        sys.exit(
            f"{url}: this Python has no pip, and it could not be fetched ({error}). Call again "
            "with a network, or install the package python3-venv."
        )


def main() -> None:
    """Fetches pip's wheel, checks it, and lets it install itself."""
    published = json.loads(fetch(INDEX))["urls"]
    wheel = next(item for item in published if item["packagetype"] == "bdist_wheel")
    # Mirrors may state the address relative to the index.
    content = fetch(urllib.parse.urljoin(INDEX, wheel["url"]))
    if hashlib.sha256(content).hexdigest() != wheel["digests"]["sha256"]:
        sys.exit(f"{wheel['url']}: the checksum is not the one that PyPI states. Try again.")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, wheel["filename"])
        with open(path, "wb") as handle:
            handle.write(content)
        sys.path.insert(0, path)  # pip runs out of its own wheel and installs itself
        sys.argv = ["pip", "install", "--quiet", "--no-index", path]
        runpy.run_module("pip", run_name="__main__")


if __name__ == "__main__":
    main()
