"""From the slices that were chosen to the stored pictures that networks read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from brainlib.heads import reading
from brainlib.slices.preparation import prepare
from brainlib.slices.store import Writer


def every_nth(chosen: pd.DataFrame, step: int) -> pd.DataFrame:
    """Of each head's chosen slices the first, and every `step`-th after it."""
    return chosen[chosen.groupby("volume").cumcount() % step == 0]


def index_of_pictures(chosen: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """One row per picture to store, head by head in the cohort's order; `row` is its place.

    Args:
        chosen: rows of the slice table, with `volume` and `slice`.
        cohort: one row per head: subject, cohort, group, site, synthetic.

    Raises:
        ValueError: no slice was chosen.
    """
    if chosen.empty:
        raise ValueError("no slice is kept. Choose another method or plane.")
    people = cohort[["subject", "cohort", "group", "site", "synthetic"]]
    index = chosen.merge(people, left_on="volume", right_on="subject").drop(columns="volume")
    of_heads = [index[index.subject == subject] for subject in cohort.subject]
    index = pd.concat(of_heads, ignore_index=True)
    index.insert(0, "row", np.arange(len(index)))
    return index


def store_pictures(
    images_path: Path | str,
    brains_path: Path | str,
    cohort: pd.DataFrame,
    index: pd.DataFrame,
    *,
    plane: str,
    size: int,
    method: str = "deepbrain",
    cache: Path | str = reading.MASKS,
    **options: object,
) -> None:
    """Writes the pictures of `index` and their brain masks as two arrays (N, size, size, 1).

    Both are written whole or not at all, head by head, so that memory holds one head.

    Args:
        images_path: of the pictures, float32 in [0, 1].
        brains_path: of their brain masks, bool.
        cohort: one row per head: subject, path, brain_path.
        index: of `index_of_pictures`.
        plane: of the slices.
        size: side of a picture in pixels.
        method: of the masks, as in `masking.cached_mask`.
        cache: folder in which masks are kept.
        **options: of `slices.prepare`: scaling, field_mm, brain_only, centre.
    """
    shape = (len(index), size, size, 1)
    with Writer(images_path, shape) as images, Writer(brains_path, shape, "bool") as brains:
        for head in cohort.itertuples():
            numbers = index.slice[index.subject == head.subject].tolist()
            if not numbers:
                continue
            volume, brain = reading.read_with_mask(head, method=method, cache=cache)
            prepared = prepare(volume, brain, numbers, plane=plane, size=size, **options)
            images.add(prepared["image"])
            brains.add(prepared["brain"])
