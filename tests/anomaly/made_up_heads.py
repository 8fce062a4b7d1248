"""Prepared heads with lesions of known grey values, and the baselines' maps of them."""

import numpy as np
import pandas as pd

from brainlib.anomaly import preparation, study
from brainlib.anomaly.study import Detector

SIZE = (8, 24, 20)


POST = {"erode_px": 0, "median": 0, "min_pixels": 0}


def made_up(number, *, ill, dark=True):
    """A grey brain with noise, and a lesion that is darker (or brighter) than it."""
    rng = np.random.default_rng(number)
    brain = np.zeros((*SIZE, 1), bool)
    brain[1:7, 3:21, 3:17] = True
    lesion = np.zeros_like(brain)
    if ill:
        lesion[2:5, 6:12, 5 + number % 4 : 10] = True
    images = ((0.6 + rng.normal(0, 0.05, brain.shape)) * brain).astype(np.float32)
    images = np.where(lesion, 0.25 if dark else 0.95, images).astype(np.float32)
    return preparation.Prepared(
        images=images,
        brain=brain,
        lesion=lesion,
        affine=np.eye(4),
        full=images,
        full_brain=brain,
        full_lesion=lesion,
    )


HEADS = pd.DataFrame(
    [
        {"subject": f"H{number}", "group": group, "site": "AB"[number % 2]}
        for number, group in enumerate(["healthy"] * 4 + ["tumour"] * 3 + ["stroke"] * 3)
    ]
)


PREPARED = {
    row.subject: made_up(
        place, ill=row.group != "healthy", dark=row.group == "stroke" or place % 2 == 0
    )
    for place, row in enumerate(HEADS.itertuples())
}


DARK, BRIGHT = Detector("", "intensity_dark"), Detector("", "intensity_bright")


def scored(detector, table=HEADS):
    return study.Scoring({}, PREPARED, POST).score(detector, table)
