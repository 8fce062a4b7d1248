"""The synthetic cohort: whole T1 heads in IXI's geometry, with true masks (see `head`)."""

from brainlib.heads.phantom.head import (
    FACTORS,
    SITES,
    VERSION,
    Site,
    Template,
    cohort,
    geometry,
    make_head,
    people,
    spreadsheet,
)

__all__ = [name for name in dir() if not name.startswith("_")]
