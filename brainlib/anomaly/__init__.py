"""Anomaly detection after seed 002: scores, post-processing, curves, operating points, heads scored from end to end.

The work is done in `curve_counts` (curves of any number of pixels), `scores` (maps of slices),
`restoration` (slices moved to what a model finds likely), `preparation` (heads to slices and back),
`command` (folders of heads), `judging` (levels, lesions, the copying audit) and `study` (the
steps of a study); the names that others call are gathered here.

As a command: python -m brainlib.anomaly --model MODEL.keras --out MAPS FOLDER
"""

from brainlib.anomaly.command import (
    POST,
    main,
    remember,
    score,
    score_folder,
    score_head,
    score_prepared,
    size_for,
)
from brainlib.anomaly.curve_counts import (
    Counter,
    Curves,
    OperatingPoint,
    count,
    curves,
    dice,
    operating_point,
)
from brainlib.anomaly.judging import (
    Head,
    area_intervals,
    auprc_difference,
    confusion,
    dice_interval,
    dose_response,
    errors_inside_and_outside,
    false_alarm_thresholds,
    healed,
    lesions_found,
    painted_back,
    pairs,
    pixel_counter,
    pixel_intervals,
    plant,
    sample_scores,
    site_control,
    slice_table,
)
from brainlib.anomaly.preparation import (
    Prepared,
    cached,
    enlarge,
    prepare,
    read_lesion,
    to_head,
    write_like,
)
from brainlib.anomaly.restoration import restore, restore_codes, surprise_maps, typical_threshold
from brainlib.anomaly.scores import (
    BASELINES,
    METHODS,
    OF_A_VAE,
    OF_CODES,
    RESIDUALS,
    detect,
    erode,
    healthy_versions,
    post_process,
    reconstruct,
    residual,
    score_slices,
    slice_score,
)

__all__ = [name for name in dir() if not name.startswith("_")]
