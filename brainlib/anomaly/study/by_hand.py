"""One slice to do by hand what the study does on all heads: of a validation head, never a test one.

Where no validation head has a lesion, a spot is planted into a healthy one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from brainlib.anomaly.curve_counts import count_scores, dice
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
    """The slice with most lesion of the validation head whose lesion is easiest to see there.

    Easiest to see: the mean grey value differs most from that of the rest of the brain.

    Args:
        heads: of `open_heads`.
        seed: random seed of the place of a planted spot.
    """
    slices = [_slice_of_most_lesion(heads, row) for row in heads.lesions("validation").itertuples()]
    slices = [one for one in slices if one.lesion.any()]
    return max(slices, key=_contrast) if slices else _planted_slice(heads, seed)


def _slice_of_most_lesion(heads: StudyHeads, row) -> ExampleSlice:
    head = heads.prepared[row.subject]
    lesion = head.lesion & head.brain
    number = slice_of_most(lesion)
    words = f"{row.subject} ({row.group}), slice {number} of {len(lesion)}"
    return ExampleSlice(
        *(part[number, ..., 0] for part in (head.images, head.brain, lesion)), words
    )


def _contrast(one: ExampleSlice) -> float:
    """How far the mean grey values of the lesion and of the rest of the brain are apart."""
    rest = one.brain & ~one.lesion
    return abs(one.image[one.lesion].mean() - one.image[rest].mean()) if rest.any() else 0.0


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


def counts_of_a_call(call: np.ndarray, lesion: np.ndarray, brain: np.ndarray) -> pd.DataFrame:
    """The four kinds of brain pixels in a table of two by two, with its sums.

    Args:
        call: bool (H, W), what was called ill.
        lesion: bool (H, W).
        brain: bool (H, W): pixels outside of it are not counted.

    Returns:
        columns truth, called, not called, together; rows in the lesion, elsewhere, together.
    """
    rows = [
        {
            "the truth": name,
            "called": int(np.sum(call & part)),
            "not called": int(np.sum(~call & part)),
            "together": int(np.sum(part)),
        }
        for name, part in (
            ("in the lesion", lesion & brain),
            ("elsewhere", ~lesion & brain),
            ("together", brain),
        )
    ]
    return pd.DataFrame(rows)


def best_threshold(score: np.ndarray, lesion: np.ndarray, brain: np.ndarray) -> float:
    """The score from which on pixels are called where Dice is largest; for one slice, (H, W)."""
    order = np.argsort(-score[brain], kind="stable")
    values, ill = score[brain][order], lesion[brain][order]
    called = np.arange(1, len(values) + 1)
    dices = 2 * np.cumsum(ill) / (called + ill.sum())
    last_of_its_value = np.append(
        values[1:] < values[:-1], True
    )  # equal scores are called together
    return float(values[np.argmax(np.where(last_of_its_value, dices, -1))])


def threshold_on_other_heads(
    heads: StudyHeads,
    score_of: Callable[[np.ndarray], np.ndarray],
    threshold: float,
    *,
    example: ExampleSlice,
    healthy: int = 3,
) -> pd.DataFrame:
    """What a threshold of one slice does on slices of other validation heads.

    Args:
        heads: of `open_heads`.
        score_of: from a slice (H, W) to its scores (H, W).
        threshold: `score >= threshold` is called.
        example: the slice that the threshold is from; stands in the first row.
        healthy: how many healthy heads.

    Returns:
        one row per head: head, called_percent (of its brain), dice, best_dice (at the best
        threshold of its own). Healthy heads have no Dice.
    """
    ill = [_slice_of_most_lesion(heads, row) for row in heads.lesions("validation").itertuples()]
    ill = [one for one in ill if one.words != example.words and one.lesion.any()]
    rows = [
        _called_on(one, score_of(one.image), threshold)
        for one in (example, *ill, *_healthy_slices(heads, example, healthy))
    ]
    return pd.DataFrame(rows)


def _healthy_slices(heads: StudyHeads, example: ExampleSlice, count: int) -> Sequence[ExampleSlice]:
    names = heads.healthy("validation").subject
    others = [name for name in names if not example.words.startswith(f"{name},")]
    found = []
    for name in others[:count]:
        head = heads.prepared[name]
        number = int(HEIGHT * len(head.images))
        image, brain = head.images[number, ..., 0], head.brain[number, ..., 0]
        words = f"{name} (healthy), slice {number} of {len(head.images)}"
        found.append(ExampleSlice(image, brain, np.zeros_like(brain), words))
    return found


def _called_on(one: ExampleSlice, score: np.ndarray, threshold: float) -> dict:
    call = (score >= threshold) & one.brain
    row = {"head": one.words, "called_percent": 100 * call.sum() / one.brain.sum()}
    if one.lesion.any():
        own = (score >= best_threshold(score, one.lesion, one.brain)) & one.brain
        row |= {"dice": dice(call, one.lesion), "best_dice": dice(own, one.lesion)}
    return row
