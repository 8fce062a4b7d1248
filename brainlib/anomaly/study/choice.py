"""What did validation lesions choose, and what is judged on test heads because of it?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from brainlib.anomaly.study.detectors import BASELINES, Detector
from brainlib.anomaly.study.validation import best_detectors

DARK = Detector("", "intensity_dark")  # without validation lesions: most lesions are dark on T1


@dataclass(frozen=True)
class Choice:
    """The detectors that are judged on test heads.

    Attributes:
        found: {detector: `validation_areas` of it}.
        networks: one detector of each network, the best first.
        baseline: the grey value, in the direction that validation lesions chose.
        by_lesions: whether validation lesions chose; otherwise all was fixed beforehand.
    """

    found: Mapping[Detector, Mapping]
    networks: tuple[Detector, ...]
    baseline: Detector
    by_lesions: bool

    @property
    def best(self) -> Detector:
        """The best detector of a network."""
        return self.networks[0]

    @property
    def judged(self) -> tuple[Detector, ...]:
        """Both directions of the grey value, then the networks."""
        return (*BASELINES, *self.networks)

    @property
    def filled(self) -> list[str]:
        """Names of the best of each network and of the better baseline."""
        return [detector.name for detector in (self.baseline, *self.networks)]

    def in_words(self) -> str:
        """A sentence about what goes on to the test heads."""
        names = ", ".join(f"*{detector.name}*" for detector in self.networks)
        how = "fixed beforehand, not chosen" if not self.by_lesions else "chosen by AUPRC"
        return (
            f"On the test heads these are judged ({how}): the grey value in both directions "
            f"and {names}. The best network here is **{self.best.name}**, the better "
            f"direction of the grey value **{self.baseline.name}**."
        )


def choose_detectors(found: Mapping[Detector, Mapping], names: Sequence[str]) -> Choice:
    """The best detector of each network and the better baseline, by pixel AUPRC on validation.

    Args:
        found: of `validate_detectors`; without validation lesions the networks are judged by the
            absolute residual and the grey value by darkness.
        names: of the networks.
    """
    best = best_detectors(found)
    networks = [detector for detector in best.values() if not detector.baseline]
    if not best:
        networks = [Detector(name, "absolute") for name in names]
    return Choice(found, tuple(networks), best.get("", DARK), bool(best))


def search_in_words(candidates: pd.DataFrame) -> str:
    """What the search by ten steps missed, in a sentence; "" without validation lesions."""
    if not len(candidates):
        return ""
    several = int((~candidates.unimodal.astype(bool)).sum())
    lost = (candidates.dice_best - candidates.dice_searched).max()
    return (
        f"The search by ten steps met {several} of {len(candidates)} curves with more than one "
        f"top or a narrow one (`unimodal` is *no*). What it missed at most: {lost:.3f} Dice."
    )
