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
from brainlib.anomaly.head_maps import score_head
from brainlib.anomaly.model_records import (
    RECORD_FILE,
    MapRecipe,
    ModelRecord,
    read_model_record,
    recipe_message,
)
from brainlib.heads import cohort, reading

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
    record = read_model_record(model)
    _check_model_file(model, record, say)
    model = scores.load_model(model)
    recipe = (record or ModelRecord()).recipe(**changes)
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


def _check_model_file(model, record, say):
    """Refuses a model's file that is not there, and says where nothing is known about one."""
    if not isinstance(model, (str, Path)):
        return
    if not Path(model).is_file():
        raise FileNotFoundError(
            f"{model}: expected a .keras file of a trained model, got nothing at this path. "
            "09_anomaly_detection leaves some in models/uad_*/."
        )
    if record is None:
        say(
            f"{model}: no {RECORD_FILE} beside it. It is scored as a network of axial slices "
            "prepared as in 09_anomaly_detection; what a network of other slices answers means "
            "nothing."
        )


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
        files.raise_if_no_room(error)
        row["fault"] = " ".join(str(error).split())
    return {**row, "seconds": round(time.monotonic() - began, 2)}


def _head_message(row):
    if row["fault"]:
        return f"{row['subject']}: skipped. {row['fault']}"
    return f"{row['subject']}: score {row['score']:.4f}, {row['map_path']}"
