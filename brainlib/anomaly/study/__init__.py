"""The steps of a study of anomaly detection (thesis 002): what notebook 09 calls.

In their order: `heads` and `pictures` (who takes part, what the networks see), `networks` (their
slices and settings), `detectors` (who scores, and how), `validation` (what is chosen), `ablation`
(what post-processing brings); then on test heads `levels`, `thresholds`, `verdicts`, `examples`,
and `published` beside ours.
"""

from brainlib.anomaly.study.ablation import ablation
from brainlib.anomaly.study.detectors import (
    ALL,
    BASELINES,
    Detector,
    Scoring,
    detector_table,
    group_heads,
    heads_of_group,
    possible_detectors,
)
from brainlib.anomaly.study.examples import (
    audit_names,
    detection_example,
    errors_by_head,
    healing_pictures,
    healing_rows,
    planted_pictures,
    restored_versions,
)
from brainlib.anomaly.study.heads import (
    prepare_heads,
    prepare_twin,
    reachable_lesions,
    read_head,
    split_by_lesion_mask,
)
from brainlib.anomaly.study.levels import areas_by_group, areas_by_level, sample_score_table
from brainlib.anomaly.study.networks import (
    central_slices,
    network_shape,
    pixel_mm,
    post_processing_for,
    prior_options,
    store_slices,
    voxel_ml,
)
from brainlib.anomaly.study.pictures import preparation_pictures
from brainlib.anomaly.study.published import beside_published
from brainlib.anomaly.study.thresholds import (
    detector_thresholds,
    dice_by_head,
    false_alarm_summary,
    false_alarms,
    lesions_at_thresholds,
    operating_points,
    threshold_for,
)
from brainlib.anomaly.study.validation import best_detectors, validate_detectors, validation_areas
from brainlib.anomaly.study.verdicts import compare_by_kind, compare_with_baseline, verdict_line
