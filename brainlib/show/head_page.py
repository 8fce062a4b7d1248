"""The quality page of a cohort: a grid of heads, their masks outlined, sorted by any measure."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from brainlib import files, slices
from brainlib.heads import masks as masking
from brainlib.heads import volumes
from brainlib.show import pages
from brainlib.show.labs import canvas

ODD = "a measure lies more than 3.5 robust standard deviations from the cohort's median"
OUTLINES = (
    "Look at the outlines: the mask should hold the whole brain and nothing else. Tick the heads "
    "that you do not trust; the lines for `exclude.csv` stand at the end. Chapter 03 and all later "
    "ones respect that file."
)
SIDE, GAP = 200, 4  # pixels of a plane


class Measure(NamedTuple):
    """How a measure of `slices.quality` is called.

    Attributes:
        words: its name.
        unit: "" where it has none.
        factor: on the number, such as 100 for per cent.
        digits: after the point.
    """

    words: str
    unit: str = ""
    factor: float = 1.0
    digits: int = 2

    def shown(self, value: float) -> str:
        """The number with its unit."""
        return f"{self.factor * value:.{self.digits}f} {self.unit}".strip()


MEASURES = {
    "brain_ml": Measure("brain volume", "ml", digits=0),
    "edge_share": Measure("mask at the border of the picture", "%", 100),
    "parts": Measure("mask outside of its largest piece", "%", 100),
    "brain_level": Measure("median of the brain / white of the head"),
    "contrast": Measure("5th to 95th percentile of the brain / median"),
    "noise": Measure("noise of the brain / median", "%", 100, 1),
}


def quality_page(
    path: Path | str,
    ranked: pd.DataFrame,
    cohort: pd.DataFrame,
    *,
    masks: Path | str,
    method: str = "deepbrain",
    source: str = "",
) -> Path:
    """Writes a page with the middle slices and mask outline of every head, the oddest first.

    Args:
        path: of the page.
        ranked: from `slices.outliers`, one row per head with `subject`, `outlier` and `why`.
        cohort: with `subject`, `path`, `brain_path`.
        masks: folder of the cached masks.
        method: as in `masking.cached_mask`.
        source: the line about the data.

    Returns:
        the path.
    """
    heads = cohort.set_index("subject")
    cards = []
    for row in ranked.itertuples():
        head = heads.loc[row.subject]
        picture = head_picture(head.path, head.brain_path, masks=masks, method=method)
        cards.append(_card(row, picture))
    grid = pages.TEMPLATES.get_template("heads.html.j2")
    odd = int((ranked["why"] != "").sum())
    section = pages.section("heads", "Heads")
    section["html"] = Markup(grid.render(heads=cards, measures=MEASURES))
    page = pages.render(
        title="Quality of the heads and their masks",
        opening=[f"{source}. {len(ranked)} heads, {odd} of them odd: {ODD}.", OUTLINES],
        sections=[section],
        footer=[source],
    )
    files.write_text(path, page)
    return Path(path)


def _card(row, picture: np.ndarray) -> dict:
    """What the grid shows of a head."""
    values = {name: float(getattr(row, name)) for name in MEASURES if hasattr(row, name)}
    verdict = f"odd: {row.why}" if row.why else "unsuspicious"
    return {
        "subject": row.subject,
        "site": row.site,
        "group": row.group,
        "why": row.why,
        "outlier": float(row.outlier),
        "numbers": values,
        "shown": {name: MEASURES[name].shown(value) for name, value in values.items()},
        "verdict": f"{verdict}; largest robust z {row.outlier:.1f}",
        "picture": pages.data_url(canvas.png_bytes(picture, small=True)),
        "alt": f"{row.subject} in three planes, its brain mask outlined",
    }


def head_picture(
    path: Path | str, brain_path: str, *, masks: Path | str, method: str = "deepbrain"
) -> np.ndarray:
    """The slice with most brain in each plane (sagittal: the middle one), outlined: (h, w, 3).

    Args:
        path: of the head.
        brain_path: of a mask that came with it; "" for none.
        masks: folder of the cached masks.
        method: as in `masking.cached_mask`.
    """
    volume = volumes.load(path)
    mask = masking.cached_mask(volume, cache=masks, method=method, given=brain_path)
    white = max(float(np.percentile(volume.array[::2, ::2, ::2], 99.5)), 1e-6)
    paper = canvas.Canvas(3 * SIDE + 2 * GAP, SIDE)
    for column, plane in enumerate(volumes.PLANES):
        brains = slices.pictures(mask, plane)
        most = int(np.argmax(brains.sum(axis=(1, 2))))
        number = len(brains) // 2 if plane == "sagittal" else most
        picture = slices.pictures(volume.array, plane)[number]
        painted = canvas.with_outline(
            canvas.coloured(picture, high=white), brains[number], canvas.BLUE
        )
        row_mm, column_mm = slices.pixel_mm(volume.voxel_mm, plane)
        tall, wide = picture.shape[0] * row_mm, picture.shape[1] * column_mm
        scale = SIDE / max(tall, wide)
        left = round(column * (SIDE + GAP) + (SIDE - wide * scale) / 2)
        top = round((SIDE - tall * scale) / 2)
        paper.panel(painted, (left, top, left + round(wide * scale), top + round(tall * scale)))
    return paper.array()
