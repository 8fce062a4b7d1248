"""Anomaly detection after thesis 002: scores of slices and heads, thresholds, how good they are.

In the order in which things are made: `preparation` (heads to slices and back), `restoration` and
`scores` (maps of slices), `curve_counts` (areas and thresholds of any number of pixels), `measures`
(heads, lesions, intervals, the copying audit), `model_records` and `head_maps` (how the map of a
head is made), `folders` and `command` (all heads of a folder), `study` (the steps of notebook 09).
What others call is gathered here.

As a command: python -m brainlib.anomaly --model MODEL.keras --out MAPS FOLDER
"""

from brainlib import models as _models  # noqa: F401 first: it starts TensorFlow in silence
from brainlib.anomaly.command import main
from brainlib.anomaly.curve_counts import (
    Curves,
    OperatingPoint,
    ScoreCounter,
    count_scores,
    curves,
    dice,
    operating_point,
)
from brainlib.anomaly.folders import score_folder
from brainlib.anomaly.head_maps import score, score_head, score_prepared, slice_size
from brainlib.anomaly.measures import (
    ScoredHead,
    area_intervals,
    auprc_difference,
    brain_pixels,
    confusion,
    copied_share,
    copying_audit,
    dice_interval,
    errors_inside_and_outside,
    false_alarm_thresholds,
    healed_share,
    lesions_found,
    pixel_counter,
    pixel_intervals,
    plant_lesions,
    sample_scores,
    site_control,
    slice_table,
)
from brainlib.anomaly.model_records import POST, MapRecipe, ModelRecord, read_model_record
from brainlib.anomaly.preparation import (
    Prepared,
    enlarge,
    map_to_head,
    prepare,
    prepare_cached,
    write_map,
)
from brainlib.anomaly.restoration import (
    restore_by_descent,
    restore_codes,
    surprise_maps,
    surprise_threshold,
)
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
from brainlib.heads.reading import read_lesion

__all__ = [name for name in dir() if not name.startswith("_")]
