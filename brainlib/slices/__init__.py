"""From volumes to stored 2-D pictures and batches.

The names that others call are gathered here; `splits`, `pipeline`, `corruptions` and
`augmentation` are modules of their own, imported where they are needed.
"""

from brainlib.heads.quality import outliers, quality
from brainlib.slices.measuring import MeasuredHeads, measure_heads, median_of_brain
from brainlib.slices.planes import EDGES, pictures, pixel_mm, volume_of
from brainlib.slices.preparation import (
    FIELD_MM,
    SCALINGS,
    fit_square,
    from_square,
    prepare,
    scale,
    scale_limits,
    window,
)
from brainlib.slices.rules import (
    COLUMN_OF_RULE,
    count_kept,
    has_brain,
    kept_per_head,
    limits_of_rules,
)
from brainlib.slices.selection import (
    METHODS,
    MIN_BRAIN_FRACTION,
    RANGES,
    RULES,
    measure,
    select,
    threshold,
)
from brainlib.slices.store import Writer, export_png, read
from brainlib.slices.storing import every_nth, index_of_pictures, store_pictures
from brainlib.slices.whole_heads import HeadSlices, cut_head, slices_with_brain

__all__ = [name for name in dir() if not name.startswith("_")]
