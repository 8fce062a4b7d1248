"""How good are anomaly maps? Thesis 002's levels and Dice, and what it leaves open.

`heads` has a scored head, its pixels, slices and sample score; `thresholds` what a threshold does
(Dice in three ways); `intervals` bootstrap over subjects; `lesions` detection lesion by lesion;
`controls` the scanner and the lesion's own error; `copying` planted lesions and healing.

Thresholds and signs are chosen on validation heads; nothing here looks at test heads to choose.
"""

from brainlib.anomaly.measures.controls import errors_inside_and_outside, site_control
from brainlib.anomaly.measures.copying import (
    copied_share,
    copying_audit,
    healed_share,
    plant_lesions,
)
from brainlib.anomaly.measures.heads import (
    ScoredHead,
    brain_pixels,
    pixel_counter,
    sample_scores,
    slice_table,
)
from brainlib.anomaly.measures.intervals import area_intervals, auprc_difference, pixel_intervals
from brainlib.anomaly.measures.lesions import lesions_found
from brainlib.anomaly.measures.thresholds import confusion, dice_interval, false_alarm_thresholds
