"""The heads of a run as a grid: sort them by a measure, tick those that you do not trust."""

from __future__ import annotations

import functools
from collections.abc import Callable
from html import escape
from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd

from brainlib import files
from brainlib.heads import exclusions, reading
from brainlib.record import NotRunYet, Run, headless
from brainlib.show.head_page import MEASURES, head_picture
from brainlib.show.labs import canvas
from brainlib.show.labs.lab import STYLE, Words
from brainlib.show.labs.picture import Picture

ODDEST, REASON = "oddest first", "looked at in JupyterLab"
ABOUT = (
    "Tick the heads that you do not trust; <b>z</b> says how many robust standard deviations the "
    "oddest of a head's measures lies from the cohort's median."
)
WIDTH = 270
PAGE = 12  # heads shown at a time


class QualityGrid:
    """Cards of heads whose boxes write `exclude.csv`.

    Attributes:
        sort: by which measure.
        upwards: whether the smallest come first.
        page: which twelve heads are shown.
        boxes: {subject: its checkbox}.
        box: the whole as one widget.
    """

    def __init__(
        self, ranked: pd.DataFrame, picture: Callable[[str], np.ndarray], exclude: Path
    ) -> None:
        """Shows the oddest heads.

        Args:
            ranked: one row per head: subject, site, group, outlier, why and the measures.
            picture: subject -> picture of the head.
            exclude: path of `exclude.csv`.
        """
        self.ranked, self.exclude, self._picture = ranked.set_index("subject"), exclude, picture
        named = [
            (f"{one.words} ({one.unit})".replace(" ()", ""), key) for key, one in MEASURES.items()
        ]
        options = [(ODDEST, "outlier"), *[pair for pair in named if pair[1] in ranked]]
        self.sort = ipywidgets.Dropdown(description="sort by", options=options, style=STYLE)
        self.upwards = ipywidgets.Checkbox(
            description="smallest first", indent=False, layout=ipywidgets.Layout(width="130px")
        )
        pages = -(-len(ranked) // PAGE)
        self.page = ipywidgets.BoundedIntText(
            description=f"page of {pages}", min=1, max=max(pages, 1), value=1, style=STYLE
        )
        out = set(exclusions.read_exclusions(exclude).subject)
        self.boxes = {name: self._checkbox(name, name in out) for name in self.ranked.index}
        self._cards = ipywidgets.GridBox(
            layout=ipywidgets.Layout(grid_template_columns="repeat(3, 276px)")
        )
        self._said = ipywidgets.HTML()
        for control in (self.sort, self.upwards, self.page):
            control.observe(self._arrange, "value")
        self._arrange()
        top = ipywidgets.HBox([self.sort, self.upwards, self.page])
        about = ipywidgets.HTML(f'<div class="brain-lab-words">{ABOUT}</div>')
        self.box = ipywidgets.VBox([top, about, self._said, self._cards])
        self.box.add_class("brain-lab")

    def _checkbox(self, name: str, is_out: bool) -> ipywidgets.Checkbox:
        box = ipywidgets.Checkbox(description=f"leave out {name}", value=is_out, indent=False)
        box.observe(self._write, "value")
        return box

    def order(self) -> list[str]:
        """All heads by the chosen measure, the largest first, or the smallest."""
        upwards = self.upwards.value
        ranked = self.ranked.sort_values(self.sort.value, ascending=upwards, kind="stable")
        return list(ranked.index)

    def _arrange(self, _: object = None) -> None:
        first = PAGE * (self.page.value - 1)
        self._cards.children = [self._card(name) for name in self.order()[first : first + PAGE]]

    def _card(self, name: str) -> ipywidgets.VBox:
        row = self.ranked.loc[name]
        picture = self._picture(name)
        height = WIDTH * picture.shape[0] // picture.shape[1]
        shown = Picture(
            value=canvas.png_bytes(picture),
            alt=f"{name} in three planes, its brain mask outlined",
            width=WIDTH,
            height=height,
        )
        key = self.sort.value
        measure = f"z {row.outlier:.1f}" if key == "outlier" else MEASURES[key].shown(row[key])
        words = f"<b>{measure}</b> {escape(str(row.why) or 'unsuspicious')}"
        note = ipywidgets.HTML(f'<div class="brain-lab-words">{words}</div>')
        return ipywidgets.VBox([shown, self.boxes[name], note])

    def _write(self, _: object) -> None:
        """Writes the ticked heads; reasons of others that stood there before are kept."""
        before = exclusions.read_exclusions(self.exclude)
        ticked = [name for name, box in self.boxes.items() if box.value]
        reasons = dict(zip(before.subject, before.reason))
        others = [name for name in before.subject if name not in self.boxes]
        rows = [f"{name},{reasons.get(name) or REASON}" for name in (*others, *ticked)]
        files.write_text(self.exclude, "\n".join(["subject,reason", *rows]) + "\n")
        self._said.value = (
            f'<div class="brain-lab-words" role="status">{len(rows)} left out in '
            f"{escape(str(self.exclude))}. Run 03 again.</div>"
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.box)


def quality(run: Run) -> QualityGrid | Words:
    """The grid of a run's heads; headless the page that says the same.

    Args:
        run: of 02 or a later chapter.
    """
    if headless():
        return Words("In JupyterLab, boxes stand here that write `exclude.csv`.")
    try:
        ranked = run.read("02_slice_selection", "quality")
        cohort = run.read("01_explore", "cohort").set_index("subject")
    except NotRunYet as error:
        return Words(f"**The grid of heads opens at the end of chapter 02.** {error}")
    ranked["why"] = ranked.why.fillna("")

    @functools.cache
    def picture(name):
        row = cohort.loc[name]
        return head_picture(row.path, row.brain_path, masks=reading.MASKS)

    return QualityGrid(ranked, picture, run.folder / "exclude.csv")
