"""All heads of a folder scored with a saved model: one NIfTI map each, and a table of scores."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from brainlib import files
from brainlib.anomaly import preparation, scores
from brainlib.anomaly.head_maps import score_head, slice_size
from brainlib.anomaly.model_records import (
    RECORD_FILE,
    MapRecipe,
    ModelRecord,
    read_model_record,
    recipe_message,
)
from brainlib.heads import cohort, reading

WITHOUT_RECORD = (
    "It is scored as a network of axial slices prepared as in 09_anomaly_detection; what a network "
    "of other slices answers means nothing."
)
QUICK = ("steps", "samples", "restorations")  # options that one is enough of to try a method
REFUSALS = (OSError, ValueError)  # of one head: it is named, and the others go on


def score_folder(
    model: keras.Model | Path | str | None,
    folder: Path | str,
    out: Path | str,
    *,
    cache: Path | str | None = None,
    say: Callable[[str], None] = print,
    **changes: Any,
) -> pd.DataFrame:
    """Scores all heads of a folder and writes one NIfTI map each.

    The folder may have any layout that `datasets.cohort` knows. A head that cannot be read or has
    no brain is named and skipped; the others go on.

    Args:
        model: a model, the path of a `.keras` file, or None for the baselines.
        folder: of heads.
        out: folder for `<subject>[_<visit>]_anomaly.nii.gz`, in the head's own space, shape and
            orientation, and `scores.csv`.
        cache: folder of cached brain masks; `<out>/masks` when absent.
        say: receives one line per head.
        **changes: method, post, preparation, masks and options of the method, see
            `ModelRecord.recipe`. Beside a model's file the notebook leaves how it was judged; that
            holds where nothing else is given here, and a line says so.

    Returns:
        table of subject, visit, path, map_path, score (mean over the brain), fault ("" or why the
        head was skipped), seconds.
    """
    named, record = model, read_model_record(model)
    model = scores.load_model(model)
    recipe = (record or ModelRecord()).recipe(**changes)
    _refuse_unfit(named, model, recipe)
    if record is None and isinstance(named, (str, Path)):
        say(f"{named}: no {RECORD_FILE} beside it. {WITHOUT_RECORD}")
    if record and record.method:
        say(recipe_message(record, recipe))
    heads = cohort.cohort([str(folder)], ask=False)
    out = Path(out)
    rows = []
    names = files.unique_file_names(reading.head_names(heads))
    for head, name in zip(heads.itertuples(), names):
        map_path = out / f"{name}_anomaly.nii.gz"
        row = _score_one(model, head, map_path, recipe, cache=cache or out / "masks")
        rows.append(row)
        say(_head_message(row))
    table = pd.DataFrame(rows)
    files.write_csv(out / "scores.csv", table)
    return table


def _refuse_unfit(named: Any, model: keras.Model | None, recipe: MapRecipe) -> None:
    """Raises ValueError where a model cannot answer the recipe: asked once, with an empty slice.

    Args:
        named: the model as the caller gave it, for the message.
        model: the model itself.
        recipe: how maps are made.
    """
    if model is None:
        return
    who = named if isinstance(named, (str, Path)) else model.name
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 1:
        raise ValueError(
            f"{who}: expected a model of grey slices (N, H, W, 1), got one of {shape}."
        )
    quick = {name: min(value, 1) for name, value in recipe.options.items() if name in QUICK}
    options = {**recipe.options, **quick}
    sides = shape[1:3]
    try:
        _, *sides = recipe.preparation.get("size") or slice_size(model)
        empty = np.zeros((1, *sides), np.float32)
        maps = scores.score_slices(model, empty, method=recipe.method, **options)
        if not np.isfinite(maps).all():
            raise ValueError("its answer to an empty slice is no number")
    except Exception as error:  # Keras and TensorFlow raise many kinds for shapes that do not fit
        words = " ".join(str(error).rsplit("Error: ", 1)[-1].split())[:200]
        raise ValueError(
            f"{who}: expected a model that answers slices of {sides[0]}x{sides[1]} by the method "
            f"{recipe.method}, and it does not ({words or type(error).__name__}). Give a model of "
            "09_anomaly_detection, or another --method."
        ) from error


def _score_one(model, head, map_path, recipe: MapRecipe, *, cache):
    """A row of the table for one head of the cohort, its map written."""
    began = time.monotonic()
    row = {
        "subject": head.subject,
        "visit": head.visit,
        "path": head.path,
        "map_path": "",
        "score": np.nan,
        "fault": "",
    }
    try:
        volume, mask = reading.read_with_mask(head, method=recipe.masks, cache=cache)
        maps, row["score"] = score_head(model, volume, recipe, mask=mask)
        path = preparation.write_map(map_path, maps, volume)
        row["map_path"] = str(path)
    except REFUSALS as error:
        files.raise_if_no_room(error, map_path)
        row["fault"] = " ".join(str(error).split())
    return {**row, "seconds": round(time.monotonic() - began, 2)}


def _head_message(row):
    said = f"score {row['score']:.4f}, {row['map_path']}"
    if row["fault"]:
        said = f"skipped. {row['fault']}"
    return " ".join(f"{row['subject']}: {said}".split())
