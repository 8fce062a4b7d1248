"""The words of a figure as people read them, whatever the code calls what it shows."""

import textwrap
from typing import TYPE_CHECKING

from brainlib.record.names import in_words

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

NARROWEST = 12  # letters of a line that was broken before


def use_words(figure: "Figure") -> None:
    """Replaces names of the code in titles, labels, legends and the names along axes."""
    from matplotlib.text import Text

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _name_ticks(axis)
    for text in figure.findobj(Text):
        words = _in_lines(text.get_text())
        if words != text.get_text():
            text.set_text(words)


def _name_ticks(axis: "Axis") -> None:
    """Ticks with names instead of numbers get the words; their places stay."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    names = axis.get_major_formatter()
    if isinstance(names, (FixedFormatter, FuncFormatter, StrCategoryFormatter)):
        axis.set_major_formatter(FuncFormatter(lambda place, at: _in_lines(str(names(place, at)))))


def _in_lines(name: object) -> str:
    """The name in words, broken where it was broken before; a number as text."""
    text = str(name)
    words = in_words(text)
    if words == text or "\n" not in text:
        return words
    width = max(NARROWEST, *(len(line) for line in text.splitlines()))
    lines = [textwrap.fill(line, width, break_long_words=False) for line in words.splitlines()]
    return "\n".join(lines)
