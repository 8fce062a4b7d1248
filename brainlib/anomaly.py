"""Anomaly detection after seed 002: scores, post-processing, curves, operating points, heads scored from end to end.

The work is done in `anomaly_curves` (curves of any number of pixels), `anomaly_scores` (maps of slices),
`anomaly_prepare` (heads to slices and back) and `anomaly_evaluation` (levels, lesions, the copying audit); their names
are gathered here.
"""

from brainlib.anomaly_curves import Counter, Curves, OperatingPoint, count, curves, dice, operating_point  # noqa: F401
from brainlib.anomaly_scores import (  # noqa: F401
    BASELINES, METHODS, OF_A_VAE, RESIDUALS, detect, erode, post_process, reconstruct, residual, restore, score_slices, slice_score)

score = score_slices
