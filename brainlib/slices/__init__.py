"""From volumes to stored 2-D pictures and batches.

The names that others call are gathered here; `splits`, `pipeline`, `corruptions` and
`augmentation` are modules of their own, imported where they are needed.
"""

from brainlib.heads.quality import outliers, quality
from brainlib.slices.planes import EDGES, pictures, pixel_mm
from brainlib.slices.preparation import (
    FIELD_MM,
    SCALINGS,
    fit_square,
    prepare,
    scale,
    scale_limits,
    window,
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

__all__ = [name for name in dir() if not name.startswith("_")]
