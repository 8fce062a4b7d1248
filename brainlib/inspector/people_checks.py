"""Questions about people: were they seen in training, and does the error know their scanner?"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from brainlib.inspector.findings import Finding, finding

FEWEST_SUBJECTS = 3  # of one source, to say anything about it


def subjects_in_training(subjects: Sequence, train_subjects: Sequence) -> Finding:
    """Whether people of the training set are among those of the test or the validation set."""
    tested = set(map(str, subjects))
    shared = sorted(tested & set(map(str, train_subjects)))
    why = "No subject is in both sets."
    if shared:
        why = f"In both sets: {', '.join(shared[:5])}{' ...' if len(shared) > 5 else ''}."
    return finding(
        "subjects seen in training",
        len(shared),
        f"of {len(tested)} subjects",
        expected="0",
        flagged=shared,
        why=why,
        todo="Divide by subject, not by slice, and train again.",
    )


def pictures_in_training(images: np.ndarray, train_images: np.ndarray) -> Finding:
    """Whether images (N, H, W, C) are among the training images (M, H, W, C).

    Equal are pictures that differ by a thousandth of a grey value; rounding to a file of 8 bits
    has 0.002.
    """
    flat, flat_train = (
        np.asarray(some, "float32").reshape(len(some), -1) for some in (images, train_images)
    )
    nearest = cdist(flat, flat_train, "sqeuclidean").min(axis=1) / flat.shape[1]
    seen = nearest < 0.003**2
    count = int(seen.sum())
    return finding(
        "pictures seen in training",
        count,
        f"of {len(images)} pictures",
        expected="0",
        flagged=seen.any(),
        why=f"{count} of {len(images)} pictures are training pictures, grey value by grey value.",
        todo="Test on pictures of people that the model has not seen.",
    )


class _Separation(NamedTuple):
    """How well the error separates one source's people from all others'."""

    p: float
    area: float  # AUROC, 0.5 or more
    source: str


def error_knows_source(errors: np.ndarray, sources: Sequence, subjects: Sequence) -> Finding | None:
    """Whether the error alone says where healthy people were scanned.

    Thesis 002 set healthy IXI against BraTS: such an error detects the source of the data. None
    where fewer than two sources have three subjects.

    Args:
        errors: (N,) one number per image.
        sources: (N,) the site or data set of each image.
        subjects: (N,) whose image it is. Subjects, not slices, are counted.
    """
    by_source = _subject_means(errors, sources, subjects)
    if len(by_source) < 2:
        return None
    separations = [_separation(by_source, source) for source in by_source]
    best = min(separations, key=lambda separation: separation.p)
    people = sum(map(len, by_source.values()))
    # Several sources are tested, so that one in a hundred is shared among them.
    return finding(
        "source told by the error",
        best.area,
        "AUROC over subjects",
        expected="p over 0.01",
        flagged=best.p * len(by_source) < 0.01,
        why=f"The error alone tells {best.source} from the other sources with an AUROC of "
        f"{best.area:.3g} (p {best.p:.2g}, {people} subjects).",
        todo="A score from this error detects scanners: compare sick and healthy people of one "
        "source only.",
    )


def _subject_means(
    errors: np.ndarray, sources: Sequence, subjects: Sequence
) -> dict[str, list[float]]:
    """{source: mean error of each of its subjects}, of sources with enough subjects."""
    errors_of: dict[str, dict[str, list[float]]] = {}
    for error, source, subject in zip(errors, sources, subjects):
        people = errors_of.setdefault(str(source), {})
        people.setdefault(str(subject), []).append(float(error))
    means = {}
    for source, people in errors_of.items():
        if len(people) >= FEWEST_SUBJECTS:
            means[source] = [np.mean(values) for values in people.values()]
    return means


def _separation(by_source: Mapping[str, list[float]], source: str) -> _Separation:
    """One source against all others, by Mann and Whitney's test."""
    own, rest = by_source[source], []
    for other, values in by_source.items():
        if other != source:
            rest += values
    test = mannwhitneyu(own, rest)
    pairs = len(own) * len(rest)
    area = max(test.statistic, pairs - test.statistic) / pairs
    return _Separation(test.pvalue, area, source)
