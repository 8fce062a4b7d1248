"""Anomaly detection after seed 002: scores, post-processing, curves, operating points, heads scored from end to end.

The work is done in `anomaly_curves` (curves of any number of pixels), `anomaly_scores` (maps of slices),
`anomaly_restore` (slices moved to what a model finds likely), `anomaly_prepare` (heads to slices and back),
`anomaly_heads` (folders of heads), `anomaly_evaluation` (levels, lesions, the copying audit) and `anomaly_study` (the
steps of a study); the names that others call are gathered here.

As a command: python -m brainlib.anomaly --model MODEL.keras --out MAPS FOLDER
"""

import sys

from brainlib.anomaly_curves import (
    Counter,
    Curves,
    OperatingPoint,
    count,
    curves,
    dice,
    operating_point,
)  # noqa: F401
from brainlib.anomaly_evaluation import (  # noqa: F401
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
from brainlib.anomaly_heads import (
    POST,
    main,
    remember,
    score,
    score_folder,
    score_head,
    score_prepared,
    size_for,
)  # noqa: F401
from brainlib.anomaly_prepare import (
    Prepared,
    cached,
    enlarge,
    prepare,
    read_lesion,
    to_head,
    write_like,
)  # noqa: F401
from brainlib.anomaly_restore import restore, restore_codes, surprise_maps, typical_threshold  # noqa: F401
from brainlib.anomaly_scores import (  # noqa: F401
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

if __name__ == "__main__":
    sys.exit(main())
