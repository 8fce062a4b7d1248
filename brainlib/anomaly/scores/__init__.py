"""Anomaly scores of slices: larger where a pixel is more anomalous, never below 0.

`methods` names them, `maps` makes them, `residuals` and `likelihood` are two kinds of them,
`post_processing` is what thesis 002 does to a map (section 4.2.4).
"""

from brainlib.anomaly.scores.maps import (
    healthy_versions,
    load_model,
    reconstruct,
    score_slices,
    slice_score,
)
from brainlib.anomaly.scores.methods import (
    BASELINES,
    METHODS,
    OF_A_VAE,
    OF_CODES,
    RESIDUALS,
    RESTORATIONS,
    is_applicable,
    residual_of_method,
)
from brainlib.anomaly.scores.post_processing import detect, erode, post_process, without_small
from brainlib.anomaly.scores.residuals import residual
