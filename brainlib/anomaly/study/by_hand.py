"""One slice to do by hand what the study does on all heads: of a validation head, never a test one.

Where no validation head has a lesion, a spot is planted into a healthy one.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from brainlib.anomaly.curve_counts import count_scores
from brainlib.anomaly.measures import plant_lesions
from brainlib.anomaly.study.examples import slice_of_most
from brainlib.anomaly.study.people import StudyHeads
from brainlib.anomaly.study.validation import search_point

PLANTED_CONTRAST, PLANTED_RADIUS_MM = -0.4, 12.0
HEIGHT = 0.55  # share of the slices below the one that a spot is planted into


class ExampleSlice(NamedTuple):
    """A slice with a lesion.

    Attributes:
        image: (H, W) in [0, 1].
        brain: bool (H, W).
        lesion: bool (H, W), the part that lies in the brain.
        words: whose slice it is.
    """

    image: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray
    words: str


def example_slice(heads: StudyHeads, *, seed: int = 0) -> ExampleSlice:
    """The slice with most lesion of the first validation head that has one.

    Args:
        heads: of `open_heads`.
        seed: random seed of the place of a planted spot.
    """
    ill = heads.lesions("validation")
    for row in ill.itertuples():
        head = heads.prepared[row.subject]
        lesion = head.lesion & head.brain
        if lesion.any():
            number = slice_of_most(lesion)
            words = f"{row.subject} ({row.group}), slice {number} of {len(lesion)}"
            pictures = (part[number, ..., 0] for part in (head.images, head.brain, lesion))
            return ExampleSlice(*pictures, words)
    return _planted_slice(heads, seed)


def _planted_slice(heads: StudyHeads, seed: int) -> ExampleSlice:
    name = heads.healthy("validation").subject.iloc[0]
    head = heads.prepared[name]
    number = int(HEIGHT * len(head.images))
    image, brain = head.images[number : number + 1], head.brain[number : number + 1]
    planted, share = plant_lesions(
        image,
        brain,
        contrast=PLANTED_CONTRAST,
        radius_px=PLANTED_RADIUS_MM / heads.pixel_mm,
        seed=seed,
    )
    words = (
        f"{name}, a healthy head, slice {number} of {len(head.images)}, with a dark spot "
        "planted into it, because no validation head of these data has a lesion"
    )
    inside = brain[0, ..., 0]
    return ExampleSlice(planted[0, ..., 0], inside, (share[0, ..., 0] > 0.5) & inside, words)


def compare_maps(
    maps: Mapping[str, np.ndarray], lesion: np.ndarray, brain: np.ndarray
) -> pd.DataFrame:
    """How well maps of one slice tell its lesion from the rest of the brain.

    Args:
        maps: {name: scores (H, W), larger where more anomalous}.
        lesion: bool (H, W).
        brain: bool (H, W).

    Returns:
        one row per map, in the order given: score, auroc, auprc, prevalence, best_dice (at the
        best of all thresholds).
    """
    rows = []
    for name, score in maps.items():
        counter = count_scores(np.asarray(score)[brain], lesion[brain])
        areas = counter.curves()
        rows.append(
            {
                "score": name,
                "auroc": areas.auroc,
                "auprc": areas.auprc,
                "prevalence": areas.prevalence,
                "best_dice": search_point(counter).best_dice,
            }
        )
    return pd.DataFrame(rows)
