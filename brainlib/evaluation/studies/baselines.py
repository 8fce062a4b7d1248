"""Pictures without a network: the mean picture, and PCA with as many numbers as a code has."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from brainlib.evaluation.studies.quality import measured
from brainlib.evaluation.studies.split_slices import Round, SplitSlices

MEAN_PICTURE = "mean picture"


@dataclass(frozen=True)
class LinearCode:
    """Principal components of training pictures: the best linear autoencoder of so many numbers.

    Attributes:
        pca: fitted to flat pictures (N, H * W).
        image_shape: (H, W, 1).
    """

    pca: PCA
    image_shape: tuple[int, int, int]

    @property
    def numbers(self) -> int:
        """Numbers that a picture is pressed into."""
        return int(self.pca.n_components_)

    @property
    def name(self) -> str:
        """Such as "PCA 64"."""
        return f"PCA {self.numbers}"

    def rebuild(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, 1) from their scores, cut to [0, 1]."""
        return self.pictures(self.scores(pictures))

    def scores(self, pictures: np.ndarray) -> np.ndarray:
        """The numbers of pictures: (N, H, W, 1) -> (N, numbers)."""
        return self.pca.transform(pictures.reshape(len(pictures), -1))

    def mean_picture(self, pictures: np.ndarray) -> np.ndarray:
        """The mean training picture, as often as there are pictures (N, H, W, 1)."""
        return self.pictures(np.zeros((len(pictures), self.numbers)))

    def draw(self, count: int, *, seed: int | list[int]) -> np.ndarray:
        """New pictures (count, H, W, 1): scores from a Gaussian with the training's variances."""
        noise = np.random.default_rng(seed).standard_normal((count, self.numbers))
        return self.pictures(noise * np.sqrt(self.pca.explained_variance_))

    def pictures(self, scores: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, 1) of such numbers, cut to [0, 1]."""
        flat = self.pca.inverse_transform(scores)
        return np.clip(flat, 0, 1).reshape(-1, *self.image_shape).astype("float32")


def linear_code(pictures: np.ndarray, numbers: int, *, seed: int = 0) -> LinearCode:
    """PCA of training pictures.

    Args:
        pictures: (N, H, W, 1), 2 or more.
        numbers: components, N - 1 at most.
        seed: random seed of the solver.
    """
    flat = pictures.reshape(len(pictures), -1)
    count = min(numbers, len(flat) - 1)
    pca = PCA(count, svd_solver="randomized", random_state=seed).fit(flat)
    return LinearCode(pca, tuple(pictures.shape[1:]))


def baseline_quality(
    slices: SplitSlices,
    numbers: int,
    *,
    seed: int = 0,
    label: str = "model",
) -> pd.DataFrame:
    """The mean picture and PCA in every round, in the columns of `quality_by_person`.

    Both know the training slices of their round alone.

    Args:
        slices: of `open_slices`.
        numbers: components of the PCA.
        seed: random seed of the solver, and what the column `random_seed` says.
        label: what the column of names is called.
    """
    rows = []
    for one_round in slices.rounds:
        code = round_code(slices, one_round, numbers, seed=seed)
        test = slices.of(one_round.test)
        target = slices.pictures(test)
        ways = {MEAN_PICTURE: code.mean_picture, f"PCA {numbers}": code.rebuild}
        for name, rebuild in ways.items():
            each = measured(target, rebuild(target), test.subject)
            means = each.groupby("subject").mean().reset_index()
            known = {label: name, "round": one_round.name, "random_seed": seed}
            rows.append(means.assign(**known))
    return pd.concat(rows, ignore_index=True)


def round_code(slices: SplitSlices, one_round: Round, numbers: int, *, seed: int = 0) -> LinearCode:
    """PCA of a round's training slices, of 3,000 or so at most."""
    known = slices.thinned(one_round.train)
    return linear_code(slices.pictures(known), numbers, seed=seed)
