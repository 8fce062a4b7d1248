"""All heads of a cohort with their brain masks: one row per slice, one row per head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib import files
from brainlib.heads import reading
from brainlib.heads.quality import quality
from brainlib.slices.selection import measure


@dataclass(frozen=True)
class MeasuredHeads:
    """What `measure_heads` found.

    Attributes:
        slices: one row per slice, see `slices.measure`.
        quality: one row per head: subject, site, group and the measures of `slices.quality`.
        left_out: one row per head without a usable mask: subject and reason.
    """

    slices: pd.DataFrame
    quality: pd.DataFrame
    left_out: pd.DataFrame


def measure_heads(
    cohort: pd.DataFrame,
    plane: str,
    *,
    method: str = "deepbrain",
    cache: Path | str = reading.MASKS,
    say: Callable[[str], None] = print,
) -> MeasuredHeads:
    """Finds the brain in each head of a cohort and measures all slices of a plane.

    A head without a usable mask is left out and named; the others go on.

    Args:
        cohort: one row per head: subject, site, group, path, brain_path.
        plane: "sagittal", "coronal" or "axial".
        method: of the masks, as in `masking.cached_mask`.
        cache: folder in which masks are kept.
        say: is told how far it is, every ten heads.

    Raises:
        ValueError: no head has a usable mask; it gives the first reasons.
    """
    tables, qualities, left_out = [], [], []
    for number, head in enumerate(cohort.itertuples(), 1):
        try:
            volume, brain = reading.read_with_mask(head, method=method, cache=cache)
        except (OSError, ValueError) as error:
            files.raise_if_no_room(error)
            left_out.append({"subject": head.subject, "reason": str(error)})
            continue
        tables.append(measure(volume, brain, plane, name=head.subject))
        known = {"subject": head.subject, "site": head.site, "group": head.group}
        qualities.append({**known, **quality(volume, brain)})
        if number % 10 == 0 or number == len(cohort):
            say(f"head {number}/{len(cohort)}")
    refused = pd.DataFrame(left_out, columns=["subject", "reason"])
    if not tables:
        reasons = "; ".join(refused.reason.head(3))
        raise ValueError(
            f"none of the {len(cohort)} heads has a usable brain mask. First reasons: {reasons}"
        )
    return MeasuredHeads(pd.concat(tables, ignore_index=True), pd.DataFrame(qualities), refused)


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
