"""The quality page of a cohort: every head with its mask's outline, the oddest first."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from brainlib import files, slices
from brainlib.heads import reading, volumes
from brainlib.show import pages, plots

ODD = "a measure lies more than 3.5 robust standard deviations from the cohort's median"
OUTLINES = (
    "Look at the outlines: the mask should hold the whole brain and nothing else. To leave a "
    "person out, add a line 'subject,reason' to exclude.csv in the run folder; all "
    "chapters respect it."
)


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
    figures = []
    for row in ranked.itertuples():
        head = heads.loc[row.subject]
        volume, mask = reading.read_with_mask(head, method=method, cache=masks)
        picture = pages.data_url(pages.png_of(three_planes(volume, mask)))
        figures.append({"caption": _caption(row), "source": picture})
    table = pages.table(ranked, caption="All measures")
    heading = "Heads, the oddest first"
    odd = int((ranked["why"] != "").sum())
    page = pages.render(
        title="Quality of the heads and their masks",
        opening=[f"{source}. {len(ranked)} heads, {odd} of them odd: {ODD}.", OUTLINES],
        sections=[pages.section("heads", heading, figures=figures, tables=[table])],
        footer=[source],
    )
    files.write_text(path, page)
    return Path(path)


def _caption(row) -> str:
    """What stands under a head: who it is, and what is odd about it."""
    verdict = f"ODD: {row.why}" if row.why else "unsuspicious"
    who = f"{row.subject} ({row.site}, {row.group})"
    return f"{who} - {verdict}; largest robust z {row.outlier:.1f}"


def three_planes(volume: volumes.Volume, mask: np.ndarray) -> Figure:
    """Figure: the slice with most brain in each plane (sagittal: the middle one), outlined.

    Args:
        volume: the head.
        mask: bool brain mask of its shape.
    """
    figure = Figure(figsize=(8.4, 2.9), dpi=80, layout="constrained")
    top = float(np.percentile(volume.array[::2, ::2, ::2], 99.5))
    for ax, plane in zip(figure.subplots(1, 3), volumes.PLANES):
        brains = slices.pictures(mask, plane)
        most = int(np.argmax(brains.sum(axis=(1, 2))))
        number = len(brains) // 2 if plane == "sagittal" else most
        plots.brain(
            slices.pictures(volume.array, plane)[number],
            ax=ax,
            plane=plane,
            mask=brains[number],
            window=(0, top),
            spacing_mm=slices.pixel_mm(volume.voxel_mm, plane),
            title=f"{plane} {number}",
        )
    return figure
