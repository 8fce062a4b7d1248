"""The record of a run: what a notebook calls to begin, to show and keep, and to hand on.

run = runs.start("04_vae", globals())
run.describe_data(cohort)
run.figure(figure, "loss", caption="Loss by epoch.")
run.note("epochs", 12)
run.done()
"""

from brainlib.files import PROJECT
from brainlib.record.checksums import of_path as path_fingerprint
from brainlib.record.display import readable
from brainlib.record.fingerprints import (
    FINGERPRINT,
    IXI_COMMIT,
    data_fingerprint,
    native_chatter_off,
    threads,
    versions,
)
from brainlib.record.locks import lock, refuse_if_busy
from brainlib.record.notebooks import (
    NOTEBOOKS,
    TOKEN,
    headless,
    needs_of,
    read_apart,
    read_table,
)
from brainlib.record.run_record import (
    IXI_NOTE,
    SYNTHETIC_NOTE,
    NotRunYet,
    Run,
    start,
)
from brainlib.record.run_state import DONE, NOT_RUN, Chapter, RunState, read_state

__all__ = [name for name in dir() if not name.startswith("_")]
