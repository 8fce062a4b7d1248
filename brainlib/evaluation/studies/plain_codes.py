"""Codes without a network: a picture as squares, each replaced by the nearest of a few squares.

It is vector quantisation in its oldest form (Linde, Buzo and Gray, 1980), and the baseline that a
VQ-VAE of as many bits has to beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import MiniBatchKMeans

from brainlib.evaluation.studies.quality import measured
from brainlib.evaluation.studies.split_slices import Round, SplitSlices

PLAIN_CODES = "plain squares"
MOST_PICTURES = 300  # from which squares are learned


def cut(pictures: np.ndarray, side: int) -> np.ndarray:
    """Pictures as the squares that they consist of, row by row.

    (N, H, W, 1) -> (N, h, w, side * side), where h = H / side and w = W / side.

    Raises:
        ValueError: a side of the pictures is no multiple of `side`.
    """
    count, height, width = np.shape(pictures)[:3]
    if height % side or width % side:
        raise ValueError(f"cut: expected sides that are multiples of {side}, got {height}x{width}.")
    grid = (height // side, width // side)
    cells = np.reshape(pictures, (count, grid[0], side, grid[1], side))
    return cells.swapaxes(2, 3).reshape(count, *grid, side * side)


def join(squares: np.ndarray) -> np.ndarray:
    """The way back of `cut`: (N, h, w, side * side) -> (N, H, W, 1)."""
    count, rows, columns, pixels = squares.shape
    side = round(pixels**0.5)
    cells = squares.reshape(count, rows, columns, side, side).swapaxes(2, 3)
    return cells.reshape(count, rows * side, columns * side, 1)


@dataclass(frozen=True)
class PlainCodes:
    """A codebook of squares, of `plain_codes`.

    Attributes:
        codebook: (K, side * side).
        side: of a square, in pixels.
    """

    codebook: np.ndarray
    side: int

    def codes(self, pictures: np.ndarray) -> np.ndarray:
        """The nearest code of each square. (N, H, W, 1) -> (N, h, w)."""
        squares = cut(pictures, self.side)
        flat = squares.reshape(-1, self.side**2)  # (N * h * w, pixels)
        cross = flat @ self.codebook.T  # (N * h * w, K)
        distance = (self.codebook**2).sum(axis=1) - 2 * cross  # |square|^2 is the same for all
        return distance.argmin(axis=1).reshape(squares.shape[:3])

    def rebuild(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, 1) from their codes alone."""
        return join(self.codebook[self.codes(pictures)])


def plain_codes(
    slices: SplitSlices, one_round: Round, *, side: int, codebook_size: int, seed: int = 0
) -> PlainCodes:
    """Learns a codebook of squares from a round's training slices, by k-means.

    Args:
        slices: of `open_slices`.
        one_round: whose training people.
        side: of a square, in pixels.
        codebook_size: number of codes; fewer where there are fewer squares.
        seed: random seed of k-means.
    """
    known = slices.pictures(slices.thinned(one_round.train))
    return plain_codes_of(known, side=side, codebook_size=codebook_size, seed=seed)


def plain_codes_of(
    pictures: np.ndarray, *, side: int, codebook_size: int, seed: int = 0
) -> PlainCodes:
    """Learns a codebook of squares from pictures (N, H, W, 1), of 300 or so at most.

    side, codebook_size, seed: as of `plain_codes`.
    """
    some = pictures[:: max(1, len(pictures) // MOST_PICTURES)]
    squares = cut(some, side).reshape(-1, side * side)
    count = min(codebook_size, len(squares))
    means = MiniBatchKMeans(count, batch_size=4096, max_iter=30, n_init=1, random_state=seed)
    return PlainCodes(means.fit(squares).cluster_centers_.astype("float32"), side)


def plain_quality(
    slices: SplitSlices,
    *,
    side: int,
    codebook_size: int,
    random_seeds: Sequence[int] = (0,),
    label: str = "model",
) -> pd.DataFrame:
    """The squares' quality in every round, in the columns of `quality_by_person`.

    Args:
        slices: of `open_slices`.
        side: of a square, in pixels.
        codebook_size: number of codes.
        random_seeds: of k-means.
        label: what the column of names is called.
    """
    rows = []
    for random_seed in random_seeds:
        for one_round in slices.rounds:
            sizes = {"side": side, "codebook_size": codebook_size}
            plain = plain_codes(slices, one_round, seed=random_seed, **sizes)
            test = slices.of(one_round.test)
            target = slices.pictures(test)
            each = measured(target, plain.rebuild(target), test.subject)
            means = each.groupby("subject").mean().reset_index()
            known = {label: PLAIN_CODES, "round": one_round.name, "random_seed": random_seed}
            rows.append(means.assign(**known))
    return pd.concat(rows, ignore_index=True)
