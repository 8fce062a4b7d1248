"""All heads of a cohort with their brain masks: one row per slice, one row per head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainlib.heads import reading
from brainlib.heads.quality import quality
from brainlib.slices.selection import measure


@dataclass(frozen=True)
class MeasuredHeads:
    """What `measure_heads` found.

    Attributes:
        slices: one row per slice, see `slices.measure`.
        quality: one row per head: subject, site, group and the measures of `slices.quality`.
        left_out: one row per head without a usable mask: subject, visit, path and reason.
        cohort: the heads in use, one row per person.
    """

    slices: pd.DataFrame
    quality: pd.DataFrame
    left_out: pd.DataFrame
    cohort: pd.DataFrame


def measure_heads(
    cohort: pd.DataFrame,
    plane: str,
    *,
    others: pd.DataFrame | None = None,
    method: str = "deepbrain",
    cache: Path | str = reading.MASKS,
    say: Callable[[str], None] = print,
) -> MeasuredHeads:
    """Finds the brain in each head of a cohort and measures all slices of a plane.

    A head without a usable mask, or with a lesion that cannot be one, is left out and named; the
    person's next head is tried, and the others go on.

    Args:
        cohort: one row per person: subject, visit, site, group, path, brain_path, lesion_path.
        plane: "sagittal", "coronal" or "axial".
        others: further heads of these people.
        method: of the masks, as in `masking.cached_mask`.
        cache: folder in which masks are kept.
        say: is told how far it is, every ten heads.

    Raises:
        ValueError: no head has a usable mask; it gives the first reasons.
    """

    def measured(head: Any) -> tuple[pd.DataFrame, dict]:
        volume, brain = reading.read_with_mask(head, method=method, cache=cache)
        reading.read_lesion(head.lesion_path, volume, brain)
        known = {"subject": head.subject, "site": head.site, "group": head.group}
        table = measure(volume, brain, plane, name=head.subject)
        return table, {**known, **quality(volume, brain)}

    tried = reading.try_heads(cohort, measured, others=others, say=say)
    if not tried.results:
        reasons = "; ".join(tried.left_out.reason.head(3))
        raise ValueError(
            f"none of the {len(cohort)} heads has a usable brain mask. First reasons: {reasons}"
        )
    tables, qualities = zip(*tried.results)
    slices = pd.concat(tables, ignore_index=True)
    return MeasuredHeads(slices, pd.DataFrame(qualities), tried.left_out, tried.used)


def median_of_brain(images: np.ndarray, brains: np.ndarray) -> np.ndarray:
    """Median grey value of each picture's brain; NaN where there is none.

    Args:
        images: (n, H, W, 1).
        brains: bool (n, H, W, 1).

    Returns:
        (n,).
    """
    medians = np.full(len(images), np.nan)
    for number, (image, brain) in enumerate(zip(images, brains)):
        if brain.any():
            medians[number] = np.median(image[brain])
    return medians
