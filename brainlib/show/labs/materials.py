"""What labs share: the slices of the run, opened without a word, and words where a model lacks."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brainlib import models
from brainlib.evaluation import studies
from brainlib.record import Run
from brainlib.training import saved

if TYPE_CHECKING:
    import keras

NO_MODEL = (
    "**The {lab} opens here once its network is trained.** This run has none yet, and no reference "
    "run with slices of this size is at hand. Run this chapter to its end, where a still of the "
    "lab stands; or in a terminal, in the project's folder: `./run_all.sh {chapter}`. Then run "
    "this cell again."
)


def load_fitting(
    run: Run, name: str, round_name: str, image_shape: Sequence[int]
) -> tuple[saved.Saved, keras.Model] | None:
    """A network that takes pictures of a shape: of the run, else of the reference run, else None.

    Args:
        run: of the notebook.
        name: folder below `models`, such as "vae".
        round_name: of this run.
        image_shape: (H, W, 1).
    """
    for file in saved.candidates(run, name, round_name):
        model = models.load(file.path)
        if tuple(model.input_shape[1:]) == tuple(image_shape):
            return file, model
    return None


def open_quietly(run: Run) -> studies.SplitSlices:
    """As `studies.open_slices`; its line about the data was printed by the chapter already."""
    with contextlib.redirect_stdout(io.StringIO()):
        return studies.open_slices(run)


def pixel_mm_of(run: Run) -> float:
    """Side of a pixel of the stored slices, in mm."""
    parameters = run.needs("02_slice_selection")["parameters"]
    return parameters["field_mm"] / parameters["size"]
