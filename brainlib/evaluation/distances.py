"""How near pictures are to real ones: distances between clouds of features, and their diversity."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import scipy.spatial
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, finest level first
SSIM_WINDOW = 11  # pixels: the coarsest level still holds a window


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance of the Gaussians fitted to two sets of features (Heusel et al. 2017).

    Args:
        first: (N, F).
        second: (M, F).

    Raises:
        ValueError: a set has fewer than 2 pictures.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if min(len(first), len(second)) < 2:
        raise ValueError(
            "a Frechet distance needs 2 pictures or more on each side, got "
            f"{len(first)} and {len(second)}."
        )
    covariances = [np.atleast_2d(np.cov(part, rowvar=False)) for part in (first, second)]
    # The trace of the root of a product AB: from the eigenvalues of root(A) B root(A), which is
    # symmetric.
    values, vectors = scipy.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(scipy.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    between = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
    traces = np.trace(covariances[0]) + np.trace(covariances[1])
    return float(max(between + traces - 2 * cross, 0.0))


def precision_recall(
    real: np.ndarray, generated: np.ndarray, *, neighbours: int = 3
) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019).

    Precision is the share of generated pictures that lie among the real, recall the share of real
    ones that lie among the generated.

    Args:
        real: features (N, F).
        generated: features (M, F).
        neighbours: a picture reaches as far as its k-th nearest neighbour.

    Raises:
        ValueError: a side has no more pictures than `neighbours`.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise ValueError(
            f"precision and recall need more than {neighbours} pictures on each side, got "
            f"{len(real)} and {len(generated)}."
        )
    return (
        _share_within(real, generated, neighbours=neighbours),
        _share_within(generated, real, neighbours=neighbours),
    )


def _share_within(inside, points, *, neighbours):
    """Share of the points that at least one of the pictures `inside` reaches."""
    nearest_ones = NearestNeighbors(n_neighbors=neighbours + 1).fit(inside)
    reach = nearest_ones.kneighbors(inside)[0][:, -1]
    distances = scipy.spatial.distance.cdist(points, inside)
    return float((distances <= reach).any(axis=1).mean())


def diversity(images: np.ndarray, *, pairs: int = 200, seed: int = 0) -> float:
    """Mean MS-SSIM of random pairs of pictures (N, H, W, 1) (Odena et al. 2017).

    It is high when they all look the same.

    Raises:
        ValueError: there are fewer than 2 pictures.
    """
    images, rng = np.asarray(images, "float32"), np.random.default_rng(seed)
    if len(images) < 2:
        raise ValueError(f"diversity needs 2 pictures or more, got {len(images)}.")
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)
    levels = min(5, int(math.log2(min(images.shape[1:3]) / SSIM_WINDOW)) + 1)
    weights = np.array(MS_SSIM_WEIGHTS[:levels])
    found = tf.image.ssim_multiscale(
        images[first], images[second], 1.0, power_factors=weights / weights.sum()
    )
    return float(np.mean(found))


def nearest(known: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest known picture of each generated one, by squared error.

    Args:
        known: (N, H, W, 1).
        generated: (M, H, W, 1).

    Returns:
        (places among the known (M,), root mean squared error (M,)).
    """
    flat, points = (
        np.asarray(part, "float32").reshape(len(part), -1) for part in (known, generated)
    )
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat)
    distance, place = search.kneighbors(points)
    return place[:, 0], distance[:, 0] / math.sqrt(flat.shape[1])


class Judge:
    """Sets clouds of pictures beside real slices of people who were not trained on.

    The same number stands on each side. All that it says depends on that number (Frechet's
    distance above all), so one judge serves a whole table.

    Args:
        space: a `features.Space`, or any function from pictures to features.
        reference: (N, H, W, 1) slices of people who were not trained on.
        known: (M, H, W, 1) training slices.
        people: (M,), whose they are.
        pictures: of a cloud, at most.
        seed: of the choice among reference slices.

    Attributes:
        n: pictures on each side.
    """

    def __init__(
        self,
        space: Callable[[np.ndarray], np.ndarray],
        reference: np.ndarray,
        known: np.ndarray,
        people: Sequence,
        *,
        pictures: int = 1500,
        seed: int = 0,
    ):
        self.space, self.known, self.people = space, known, np.asarray(people)
        self.n = min(len(reference), len(known), pictures)
        chosen = np.random.default_rng(seed).permutation(len(reference))[: self.n]
        self.held_out = space(reference[np.sort(chosen)])

    def __call__(self, pictures: np.ndarray) -> dict[str, float]:
        """Measures of `n` pictures (n, H, W, 1).

        frechet, precision, recall, ms_ssim_of_pairs, and rmse_to_nearest_training_slice, which is
        the median over 100 pictures.

        Raises:
            ValueError: it is another number of pictures.
        """
        if len(pictures) != self.n:
            raise ValueError(
                f"expected {self.n} pictures, as many as there are real ones on the other side, "
                f"got {len(pictures)}."
            )
        found = self.space(pictures)
        precision, recall = precision_recall(self.held_out, found)
        errors = nearest(self.known, pictures[:100])[1]
        return {
            "frechet": frechet(self.held_out, found),
            "precision": precision,
            "recall": recall,
            "ms_ssim_of_pairs": diversity(pictures),
            "rmse_to_nearest_training_slice": float(np.median(errors)),
        }

    def some_known(self, seed: int) -> np.ndarray:
        """(`n`, H, W, 1) training slices of a random half of the training people."""
        rng, names = np.random.default_rng(seed), np.unique(self.people)
        half = rng.permutation(names)[: -(-len(names) // 2)]
        places = np.flatnonzero(np.isin(self.people, half))
        return self.known[np.sort(rng.choice(places, self.n, replace=len(places) < self.n))]

    def floor(self, seed: int) -> dict[str, float]:
        """What training slices themselves reach; its spread over seeds is that over people."""
        return {**self(self.some_known(seed)), "rmse_to_nearest_training_slice": np.nan}
