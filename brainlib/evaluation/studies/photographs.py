"""Pictures that show no brain, through every model: who copies, and who knows heads?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from brainlib.evaluation import probes
from brainlib.evaluation.studies.model_comparison import ModelComparison

BRAINS = "brains"


def strange_pictures(brains: np.ndarray, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Brains, and pictures of other things: {kind: (n, H, W, 1) in [0, 1]}.

    Kinds: "brains", "noise" (their pixels in random order), "shuffled patches" and "photographs"
    (six that come with scikit-image).

    Args:
        brains: (n, H, W, 1) test slices.
        seed: random seed of the order.
    """
    return probes.probes(brains, seed=seed)


def lost_by_kind(comparison: ModelComparison, kinds: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The share of each kind of picture's variance that every model of the first round loses.

    0 is a copy; 1 is as bad as one flat grey. A model that loses no more of photographs than of
    brains copies, whatever it is shown.

    Args:
        comparison: whose models.
        kinds: of `strange_pictures`.

    Returns:
        One row per model: `model`, and for each kind the median over its pictures.
    """
    rows = {name: {"model": name} for name in comparison.names}
    for kind, pictures in kinds.items():
        for name, outputs in comparison.outputs_of(pictures).items():
            rows[name][kind] = float(np.median(probes.variance_lost(pictures, outputs)))
    return pd.DataFrame(list(rows.values()))
