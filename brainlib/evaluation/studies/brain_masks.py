"""Does a brain extractor find the brain again once a corrupted head is restored?

Thesis 004 names it as future work (its section 6.1): brain masks of the original, the corrupted and
the restored head, and how far they agree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from brainlib.evaluation.restore import Preparation
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.heads import masks, reading
from brainlib.heads.volumes import Volume
from brainlib.record import Run
from brainlib.slices import corruptions, cut_head

Restore = Callable[[np.ndarray], np.ndarray]
CORRUPTED = "corrupted"


def mask_agreement(
    run: Run,
    slices: SplitSlices,
    ways: Mapping[str, Restore],
    people: Sequence[str],
    *,
    corruption: str,
    seed: int = 0,
    strength: float = 1.0,
) -> pd.DataFrame:
    """Dice of DeepBrain's mask of each version of a head with that of the original head.

    Every slice with brain is cut, corrupted and restored at the pictures' size. What changed is
    added to the head, so that the head keeps its detail and the damage is all that differs.

    Args:
        run: of the chapter: 02 says how slices are prepared.
        slices: of `open_slices`.
        ways: {name: function of pictures (n, H, W, 1) that restores}.
        people: whose heads.
        corruption: preset.
        seed: random seed of the corruption.
        strength: factor on the preset.

    Returns:
        One row per person and version: `subject`, `version` ("corrupted", then the names of
        `ways`) and `dice`.
    """
    as_in_02 = run.needs("02_slice_selection")["parameters"]
    options = {name: as_in_02[name] for name in asdict(Preparation())}
    heads = slices.people.set_index("subject")
    rows = []
    for subject in people:
        volume, brain = reading.read_with_mask(heads.loc[subject], method="deepbrain")
        cut = cut_head(volume, brain, size=slices.image_shape[0], **options)
        damaged = corruptions.corrupt(cut.pictures, corruption, seed=seed, strength=strength)
        versions = {CORRUPTED: damaged}
        versions |= {name: restore(damaged) for name, restore in ways.items()}
        for name, pictures in versions.items():
            head = cut.put_back(np.clip(pictures, 0, 1), keep_detail=True)
            found = _mask_or_none(replace(volume, array=head))
            dice = 0.0 if found is None else masks.dice(found, brain)
            rows.append({"subject": subject, "version": name, "dice": dice})
    return pd.DataFrame(rows)


def _mask_or_none(volume: Volume) -> np.ndarray | None:
    """DeepBrain's mask; None where it finds no brain at all."""
    try:
        return masks.brain_mask(volume)
    except ValueError:
        return None
