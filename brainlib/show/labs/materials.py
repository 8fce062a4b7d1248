"""What labs share: the slices of the run, opened without a word, and words where a model lacks."""

import contextlib
import io

from brainlib.evaluation import studies
from brainlib.record import Run

NO_MODEL = (
    "**The {lab} opens here once its network is trained.** This run has none yet, and no reference "
    "run with slices of this size is at hand. Run this chapter to its end, where a still of the "
    "lab stands; or in a terminal, in the project's folder: `./run_all.sh {chapter}`. Then run "
    "this cell again."
)


def open_quietly(run: Run) -> studies.SplitSlices:
    """As `studies.open_slices`; its line about the data was printed by the chapter already."""
    with contextlib.redirect_stdout(io.StringIO()):
        return studies.open_slices(run)


def pixel_mm_of(run: Run) -> float:
    """Side of a pixel of the stored slices, in mm."""
    parameters = run.needs("02_slice_selection")["parameters"]
    return parameters["field_mm"] / parameters["size"]
