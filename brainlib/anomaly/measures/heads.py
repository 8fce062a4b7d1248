"""What is judged of a scored head? Its pixels, its slices, itself (thesis 002, 5.1 to 5.3)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from brainlib.anomaly import scores
from brainlib.anomaly.curve_counts import ScoreCounter, count_scores


class ScoredHead(NamedTuple):
    """A scored head.

    Attributes:
        subject: its name.
        group: "healthy" or the kind of lesion.
        site: of the scanner.
        score: float32 (N, H, W), after post-processing.
        brain: bool (N, H, W).
        lesion: bool (N, H, W), empty in the healthy.
    """

    subject: str
    group: str
    site: str
    score: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray

    @property
    def ill(self) -> bool:
        """Whether the head is of another group than the healthy."""
        return self.group != "healthy"

    @property
    def judged_pixels(self) -> np.ndarray:
        """The brain, and what its mask left out of a lesion: bool (N, H, W)."""
        return self.brain | self.lesion

    def detection(self, threshold: float, min_pixels: int) -> np.ndarray:
        """What a threshold calls lesion: bool (N, H, W)."""
        return scores.detect(
            self.score, threshold, min_pixels=min_pixels, inside=self.judged_pixels
        )


def pixel_counter(heads: Iterable[ScoredHead]) -> ScoreCounter:
    """All brain pixels of heads in one counter: 'is this pixel in a lesion?'."""
    return count_scores(brain_pixels(heads))


def brain_pixels(heads: Iterable[ScoredHead]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(score, lesion) of the brain's pixels, head by head: what `curves` takes.

    The zeros that post-processing leaves outside of the brain are no pixels that anybody has to
    judge.
    """
    for head in heads:
        pixels = head.judged_pixels
        yield head.score[pixels], head.lesion[pixels]


def slice_table(
    heads: Iterable[ScoredHead], *, min_lesion_px: int = 1, min_brain_px: int = 1
) -> dict[str, np.ndarray]:
    """One row per slice with enough brain.

    Args:
        heads: scored heads.
        min_lesion_px: a slice counts as lesional from so many lesion pixels on, at the size of the
            maps.
        min_brain_px: slices with less brain are left out.

    Returns:
        dict of subject, score (mean over the slice's brain), ill; each (M,).
    """
    columns = {"subject": [], "score": [], "ill": []}
    for head in heads:
        area = head.brain.sum(axis=(1, 2))
        enough = area >= min_brain_px
        total = (head.score * head.brain).sum(axis=(1, 2), dtype=np.float64)
        columns["subject"] += [head.subject] * np.count_nonzero(enough)
        columns["score"].append(total[enough] / area[enough])
        columns["ill"].append(head.lesion.sum(axis=(1, 2))[enough] >= min_lesion_px)
    return {
        "subject": np.array(columns["subject"]),
        "score": np.concatenate(columns["score"]),
        "ill": np.concatenate(columns["ill"]),
    }


def sample_scores(heads: Sequence[ScoredHead]) -> np.ndarray:
    """One score per head, as in thesis 002: the mean over slices of the slice's mean. (S,)."""
    return np.array([slice_table([head])["score"].mean() for head in heads])
