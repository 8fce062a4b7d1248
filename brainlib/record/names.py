"""What networks, rules, scores and damages are called for people: `skip_connection_cae` in words.

`names.csv` beside this file is the one list. Figures, captions and findings read it, and so does
the report; code, parameters and file names keep the names that a program understands.
"""

import csv
import functools
import re
from pathlib import Path

from brainlib.record.columns import known_columns

CODE = re.compile(r"(`[^`]*`)")
EDGE_BEFORE, EDGE_AFTER = r"(?<![\w./`-])", r"(?![\w/`]|\.\w|-\w)"


def in_words(text: str) -> str:
    """A text in which names of the code are replaced by what people call them.

    What stands between backticks is meant as code and stays.
    """
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else _words_of(part) for part in parts)


def _words_of(text: str) -> str:
    pattern, words = _known()
    return pattern.sub(lambda found: words[" ".join(found[0].split())], text)


@functools.cache
def _known() -> tuple[re.Pattern[str], dict[str, str]]:
    """(pattern that finds every known name, {name: words}); the longest name is found first."""
    words = _columns_in_captions() | _names()
    patterns = [_over_lines(name) for name in sorted(words, key=len, reverse=True)]
    return re.compile(f"{EDGE_BEFORE}(?:{'|'.join(patterns)}){EDGE_AFTER}"), words


def _over_lines(name: str) -> str:
    """A pattern of a name whose parts may stand on several lines."""
    return r"\s+".join(map(re.escape, name.split()))


def _names() -> dict[str, str]:
    """Names of `names.csv`, and each network with each score: "anomaly VAE (DSSIM)"."""
    path = Path(__file__).with_name("names.csv")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = {row["name"]: row["words"] for row in rows if row["kind"] != "score"}
    short = [name for name, word in words.items() if word == name.upper()]
    words |= {name.capitalize(): name.upper() for name in short}  # as a heading begins
    networks = [row for row in rows if row["kind"] == "network"]
    scores = [row for row in rows if row["kind"] == "score"]
    for network in networks:
        for score in scores:
            words[f"{network['name']} {score['name']}"] = f"{network['words']} ({score['words']})"
    return words


def _columns_in_captions() -> dict[str, str]:
    """Columns whose names are no words, as captions speak of them: "p (t, Holm)"."""
    labels = {name: column.label for name, column in known_columns().items() if "_" in name}
    return {name: _within_a_sentence(label) for name, label in labels.items()}


def _within_a_sentence(label: str) -> str:
    """A label without its capital letter, but for abbreviations and names."""
    first = label.split()[0]
    if len(first) > 1 and first[1:].lower() == first[1:] and first != "Dice":
        return label[:1].lower() + label[1:]
    return label
