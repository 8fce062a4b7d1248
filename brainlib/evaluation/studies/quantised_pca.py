"""PCA whose numbers are rounded, so that a picture costs as many bits as a VQ-VAE's page.

The classical transform code: every bit goes to the component whose error is the largest, and each
component has the levels that suit its own training values best (Lloyd, 1982).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainlib.evaluation.studies.baselines import LinearCode, round_code
from brainlib.evaluation.studies.quality import measured
from brainlib.evaluation.studies.split_slices import SplitSlices

FIRST_BIT = 0.3634  # what one bit leaves of a Gaussian's variance (Max, 1960)
NEXT_BIT = 0.25  # and each further one, about
MOST_BITS = 8  # of a component
MOST_NUMBERS = 512  # with a bit: on heads about half as many as there are bits
LLOYD_STEPS = 30


def bits_of_components(variances: np.ndarray, bits: int) -> np.ndarray:
    """Whole bits for each component, `bits` in all: each goes to the largest remaining error.

    No component takes more than `MOST_BITS`, so few components leave bits over.

    Args:
        variances: (n,) of the components.
        bits: to be given away.
    """
    error, given = np.array(variances, float), np.zeros(len(variances), int)
    for _ in range(min(bits, MOST_BITS * len(given))):
        place = np.argmax(np.where(given < MOST_BITS, error, -1.0))
        error[place] *= NEXT_BIT if given[place] else FIRST_BIT
        given[place] += 1
    return given


def levels_of(values: np.ndarray, bits: int) -> np.ndarray:
    """The 2^bits levels (Lloyd) to which values (N,) are rounded with the least squared error."""
    levels = np.quantile(values, (np.arange(2**bits) + 0.5) / 2**bits)
    for _ in range(LLOYD_STEPS):
        nearest = _nearest(values, levels)
        members = np.bincount(nearest, minlength=len(levels))
        sums = np.bincount(nearest, weights=values, minlength=len(levels))
        levels = np.where(members > 0, sums / np.maximum(members, 1), levels)
    return levels


def _nearest(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The number of the nearest of rising levels for each value; of two as near, the lower one."""
    return np.searchsorted((levels[:-1] + levels[1:]) / 2, values)


@dataclass(frozen=True)
class QuantisedCode:
    """A linear code with levels for each of its numbers.

    Attributes:
        code: of `baselines.linear_code`.
        levels: of each component that has bits, by its number.
    """

    code: LinearCode
    levels: dict[int, np.ndarray]

    def rebuild(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, 1) from their rounded scores, cut to [0, 1]."""
        scores = self.code.scores(pictures)
        rounded = np.zeros_like(scores)
        for place, levels in self.levels.items():
            rounded[:, place] = levels[_nearest(scores[:, place], levels)]
        return self.code.pictures(rounded)


def quantise(code: LinearCode, pictures: np.ndarray, bits: int) -> QuantisedCode:
    """Levels for a linear code, so that a picture costs so many bits.

    Args:
        code: with components to spare: those that get no bit are left out.
        pictures: training pictures (N, H, W, 1), from whose scores the levels are learned.
        bits: of a picture.
    """
    given = bits_of_components(code.pca.explained_variance_, bits)
    scores = code.scores(pictures)
    chosen = np.flatnonzero(given)
    return QuantisedCode(
        code, {place: levels_of(scores[:, place], given[place]) for place in chosen}
    )


def quantised_pca_quality(
    slices: SplitSlices, bits: int, *, seed: int = 0, label: str = "model"
) -> pd.DataFrame:
    """Quantised PCA in every round, in the columns of `quality_by_person`.

    Args:
        slices: of `open_slices`.
        bits: of a picture.
        seed: random seed of the solver.
        label: what the column of names is called.
    """
    rows = []
    for one_round in slices.rounds:
        code = round_code(slices, one_round, min(bits, MOST_NUMBERS), seed=seed)
        known = slices.pictures(slices.thinned(one_round.train))
        test = slices.of(one_round.test)
        target = slices.pictures(test)
        rebuilt = quantise(code, known, bits).rebuild(target)
        means = measured(target, rebuilt, test.subject).groupby("subject").mean().reset_index()
        about = {label: quantised_name(bits), "round": one_round.name, "random_seed": seed}
        rows.append(means.assign(**about))
    return pd.concat(rows, ignore_index=True)


def quantised_name(bits: int) -> str:
    """What quantised PCA of so many bits is called in tables."""
    return f"PCA in {bits} bits"
