"""Which heads take part in the study, and how much of their lesions can be found at all?

Thesis 002, section 4.1.1: healthy people train, lesion cohorts are split into validation and test.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brainlib import files
from brainlib.anomaly import preparation, scores
from brainlib.anomaly.folders import REFUSALS
from brainlib.anomaly.preparation import Prepared
from brainlib.heads import reading, volumes


def prepare_heads(
    table: pd.DataFrame,
    *,
    cache: Path | str,
    masks: Path | str,
    mask_method: str = "deepbrain",
    say: Callable[[str], None] = print,
    full: Collection[str] = (),
    **options: Any,
) -> tuple[dict[str, Prepared], dict[str, str]]:
    """Brings the heads of a cohort to the network's slices; what is there already is read.

    Args:
        table: rows with subject, path, brain_path, lesion_path ("" for none).
        cache: folder of prepared heads.
        masks: folder of brain masks.
        mask_method: see `masking.cached_mask`.
        say: told about heads that cannot be used; they are left out.
        full: subjects whose slices in the box's own voxels are kept, too: 27 MB each at 1 mm.
        **options: of `preparation.prepare`.

    Returns:
        ({subject: `Prepared`}, {subject: why it was left out}).
    """
    prepared, faults = {}, {}
    for row in table.itertuples():
        try:
            volume, mask = reading.read_with_mask(row, method=mask_method, cache=masks)
            lesion = reading.read_lesion(row.lesion_path, volume, mask)
            prepared[row.subject] = preparation.prepare_cached(
                volume, mask, cache=cache, lesion=lesion, full=row.subject in full, **options
            )
        except REFUSALS as error:
            files.raise_if_no_room(error)
            faults[row.subject] = " ".join(str(error).split())
            say(f"{row.subject}: left out. {faults[row.subject]}")
    if not prepared:
        reason = next(iter(faults.values()), "the table is empty")
        raise ValueError(
            f"expected at least one head that can be used, got none of {len(table)}: {reason}"
        )
    return prepared, faults


def prepare_twin(
    row: Any, *, masks: Path | str, mask_method: str = "deepbrain", **options: Any
) -> Prepared:
    """The lesion-free twin of a synthetic head, cut out with the ill head's own mask.

    So both lie on each other. row: of the cohort's table, with twin_path; options: of `prepare`.
    """
    _, mask = reading.read_with_mask(row, method=mask_method, cache=masks)
    twin = volumes.load(row.twin_path)
    return preparation.prepare(twin, mask, **{**options, "full": False})


def split_by_lesion_mask(
    table: pd.DataFrame, prepared: Mapping[str, Prepared] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ill heads whose lesions are drawn, and ill heads without a mask.

    Only the first can be judged by slice and by pixel.

    Args:
        table: rows with subject, group, lesion_path.
        prepared: {subject: `Prepared`}; with it, an ill head of whose lesion nothing is left at the
            network's size counts as one without a mask: an empty file, a lesion outside of the box,
            or one smaller than half a pixel.
    """
    ill = table[table.group != "healthy"]
    drawn = ill.lesion_path != ""
    if prepared is not None:
        left = [name not in prepared or bool(prepared[name].lesion.any()) for name in ill.subject]
        drawn &= np.array(left, bool)
    return ill[drawn], ill[~drawn]


def reachable_lesions(
    table: pd.DataFrame, prepared: Mapping[str, Prepared], *, erode_px: int
) -> pd.DataFrame:
    """How much of each lesion any score can find at all.

    A mask of healthy brains leaves out dark lesions at its rim; what is outside scores 0 whatever
    the network does.

    Args:
        table: rows with subject and group; those that were not prepared are left out.
        prepared: {subject: `Prepared`}.
        erode_px: of the post-processing.

    Returns:
        table of subject, group, lesion_voxels, in_mask, in_eroded_mask (shares).
    """
    rows = []
    for row in table[table.subject.isin(prepared)].itertuples():
        brain = prepared[row.subject].brain[..., 0]
        lesion = prepared[row.subject].lesion[..., 0]
        voxels = int(lesion.sum())
        eroded = scores.erode(brain, erode_px)
        rows.append(
            {
                "subject": row.subject,
                "group": row.group,
                "lesion_voxels": voxels,
                "in_mask": float((lesion & brain).sum() / max(voxels, 1)),
                "in_eroded_mask": float((lesion & eroded).sum() / max(voxels, 1)),
            }
        )
    columns = ["subject", "group", "lesion_voxels", "in_mask", "in_eroded_mask"]
    return pd.DataFrame(rows, columns=columns)
