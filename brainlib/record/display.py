"""How figures and tables appear in a notebook: where the text speaks of them, with captions."""

import html
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brainlib.record.columns import measure_heading

if TYPE_CHECKING:
    import pandas as pd

WIDEST_PX = 1000  # beside JupyterLab's side bar on a screen of 1280 pixels
SAVED_DPI, SCREEN_DPI = 150, 96
HIDDEN = ("data_source", "path", "brain_path", "lesion_path", "twin_path")
PERSON = "subject"  # the column of people's names; beside it, these are shown where asked for
PERSONAL = (
    *("sex", "sex_true", "gender", "age", "age_true", "age_group", "ethnic"),
    *("height", "height_cm", "weight", "weight_kg", "dob"),
)


def in_kernel() -> bool:
    """Whether somebody (or papermill) looks at what is displayed."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def show_figure(png: Path, caption: str) -> None:
    """Displays a saved picture at its size on paper, and its caption below."""
    if not in_kernel():
        return
    from IPython.display import Image, display

    data = Path(png).read_bytes()
    pixels = int.from_bytes(data[16:20])  # PNG: the width stands in its header
    width = min(WIDEST_PX, round(pixels * SCREEN_DPI / SAVED_DPI))
    display(Image(data=data, format="png", width=width, alt=caption))
    show_text(caption)


def show_table(frame: "pd.DataFrame", caption: str, *, rows: int, where: str) -> None:
    """Displays a table that a person can read, its caption above; the whole one is in `where`."""
    if not in_kernel():
        return
    from IPython.display import HTML, display

    if not len(frame):
        show_text(f"{caption} *No rows.*")
        return
    if len(frame) > rows:
        caption = f"{caption} The first {rows} of {len(frame)} rows; all are in `{where}`."
    show_text(caption)
    display(HTML(table_html(frame.head(rows))))


def table_html(frame: "pd.DataFrame") -> str:
    """A readable table as HTML: words to the left, numbers to the right."""
    texts = readable(frame)
    names = shown_columns(frame)
    sides = ["right" if frame[name].dtype.kind in "iuf" else "left" for name in names]
    rows = [_row("th", list(texts), sides)]
    rows += [_row("td", list(row), sides) for row in texts.itertuples(index=False)]
    return f'<table class="dataframe">{"".join(rows)}</table>'


def _row(cell: str, values: list[str], sides: list[str]) -> str:
    cells = []
    for value, side in zip(values, sides):
        cells.append(f'<{cell} style="text-align: {side}">{html.escape(str(value))}</{cell}>')
    return f"<tr>{''.join(cells)}</tr>"


def show_text(markdown: str) -> None:
    """Displays text as Markdown."""
    if not in_kernel() or not markdown:
        return
    from IPython.display import Markdown, display

    display(Markdown(markdown))


def shown_columns(frame: "pd.DataFrame", *, with_participants: bool = False) -> list[str]:
    """Names of the columns that readers see: no paths, and of named people no sex, age and size."""
    hidden = set(HIDDEN)
    if PERSON in frame and not with_participants:
        hidden.update(PERSONAL)
    return [name for name in frame if str(name).lower() not in hidden]


def readable(frame: "pd.DataFrame", *, with_participants: bool = False) -> "pd.DataFrame":
    """A table of texts for people: four significant digits, blanks for NaN, no paths of files.

    Args:
        frame: the table.
        with_participants: whether sex, age and the like stand beside people's names.
    """
    texts = frame[shown_columns(frame, with_participants=with_participants)].copy()
    for name in texts:
        texts[name] = [readable_value(value) for value in texts[name]]
    return texts.rename(columns=measure_heading)


def readable_value(value: object) -> str:
    """A number with four significant digits, "" for what is missing, "yes" and "no"."""
    if value is None or value != value:  # NaN is unlike itself
        return ""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, (int, float)) or hasattr(value, "dtype"):
        return _decimal(float(value))
    return str(value)


def _decimal(number: float) -> str:
    if abs(number) == float("inf"):
        return "infinite"
    if number == round(number):
        return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:.0f}"
    if 0 < abs(number) < 1e-4:
        return f"{number:.1e}"
    digits = f"{number:.4g}"
    return digits if "e" not in digits else f"{number:,.0f}"
