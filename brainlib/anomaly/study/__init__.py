"""The steps of a study of anomaly detection (thesis 002): what notebook 09 calls.

In their order: `people` and `heads` (who takes part, what the networks see), `by_hand` (one slice),
`networks` and `trainings` (slices, networks, priors), `detectors` (who scores, and how),
`validation` and `choice` (what is chosen), `ablation` (what post-processing brings); then on test
heads `judged` with `levels`, `thresholds`, `verdicts` and `examples`; `audits` (copying, size of
the code, healing), `published` beside ours, `in_brief` for what is shown of long tables, and
`in_words` for sentences that are true of a run.
"""

from brainlib.anomaly.study.ablation import ablation, ablation_table
from brainlib.anomaly.study.audits import (
    audit_table,
    audited_networks,
    copied_by_latent,
    copying_table,
    errors_by_latent,
    heal_test_lesions,
    healing_means,
    healthy_slices,
    painted_back_by,
    photographs_table,
    planted_slices,
    vaes_by_latent,
)
from brainlib.anomaly.study.by_hand import (
    best_threshold,
    compare_maps,
    counts_of_a_call,
    example_slice,
    threshold_on_other_heads,
)
from brainlib.anomaly.study.choice import Choice, choose_detectors, search_in_words
from brainlib.anomaly.study.code_sizes import areas_by_code_size
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
    split_by_lesion_mask,
)
from brainlib.anomaly.study.in_brief import (
    ablation_in_brief,
    all_lesions,
    lesions_in_brief,
    levels_in_brief,
    operating_in_brief,
)
from brainlib.anomaly.study.in_words import (
    NO_TEST_LESIONS,
    NO_VALIDATION_LESIONS,
    best_map_in_words,
    copying_in_words,
    elsewhere_in_words,
    false_alarms_in_words,
    heads_in_words,
    healing_in_words,
    latents_in_words,
    lesions_in_words,
    reach_in_words,
    sites_in_words,
    training_in_words,
    verdict_findings,
    winners_in_words,
)
from brainlib.anomaly.study.judged import (
    JudgedHeads,
    best_and_worst,
    detections_by_kind,
    false_alarms_at_5_percent,
    false_alarms_of_rounds,
    head_scores,
    lesions_table,
    levels_table,
    operating_table,
    patients_table,
    pixel_auprcs,
    score_test_heads,
    site_control_table,
    summary_table,
    verdict_by_kind,
    verdict_table,
)
from brainlib.anomaly.study.levels import (
    areas_by_group,
    areas_by_level,
    areas_by_patient,
    sample_score_table,
)
from brainlib.anomaly.study.networks import (
    central_slices,
    network_shape,
    pixel_mm,
    post_processing_for,
    prior_options,
    store_slices,
    voxel_ml,
)
from brainlib.anomaly.study.people import StudyHeads, open_heads
from brainlib.anomaly.study.pictures import pictures_of_one_head, preparation_pictures
from brainlib.anomaly.study.published import beside_published
from brainlib.anomaly.study.thesis_order import (
    beside_the_thesis,
    residual_detectors,
    thesis_order_in_words,
)
from brainlib.anomaly.study.thresholds import (
    detector_thresholds,
    dice_by_head,
    false_alarm_summary,
    false_alarms,
    lesions_at_thresholds,
    operating_points,
    threshold_for,
)
from brainlib.anomaly.study.trainings import (
    PerceptualLoss,
    ScoringByRound,
    TrainedNetworks,
    model_folder,
    networks_table,
    recipe_for,
    save_records,
    train_each_round,
)
from brainlib.anomaly.study.validation import best_detectors, validate_detectors, validation_areas
from brainlib.anomaly.study.verdicts import compare_by_kind, compare_with_baseline, verdict_words
