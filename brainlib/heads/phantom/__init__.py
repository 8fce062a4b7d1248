"""The synthetic cohort: whole T1 heads in IXI's geometry, with true masks.

`atlas` is the head that all are warped from, `head` makes one person's, `lesions` draws what is
wrong with it, `population` says who there is and keeps the files.
"""

from brainlib.heads.phantom.head import (
    FACTORS,
    SITES,
    VERSION,
    Site,
    geometry,
    make_head,
)
from brainlib.heads.phantom.population import cohort, people, spreadsheet
from brainlib.heads.phantom.template import Template

__all__ = [name for name in dir() if not name.startswith("_")]
