"""`python -m brainlib.anomaly`: scores every head of a folder with a model of notebook 09."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from brainlib.anomaly import scores
from brainlib.anomaly.folders import REFUSALS, score_folder
from brainlib.anomaly.model_records import AS_TRAINED, ModelRecord, read_model_record
from brainlib.anomaly.preparation import SMOOTHING
from brainlib.models import prior as models_prior


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 1 where a head was skipped, 2 where nothing could be done."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        _check_method(parser, options)
        table = score_folder(options.model, options.folder, options.out, **_changes(options))
    except REFUSALS as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return _report(table, Path(options.out) / "scores.csv")


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m brainlib.anomaly",
        description="Scores every head of a folder and writes one NIfTI anomaly map a head.",
    )
    parser.add_argument(
        "folder",
        help="folder of heads: NIfTI files, BIDS, IXI's names, BraTS, ATLAS or a table heads.csv",
    )
    parser.add_argument("--out", required=True, help="folder for the maps and scores.csv")
    parser.add_argument(
        "--model",
        help="a .keras file that the workbook trained; not needed for the intensity baselines",
    )
    _add_map_options(parser)
    _add_preparation_options(parser)
    return parser


def _add_map_options(parser):
    parser.add_argument(
        "--method",
        choices=scores.METHODS,
        help="default: the one that was chosen for the model, or absolute",
    )
    parser.add_argument(
        "--prior",
        help="prior.keras of the model's codes, for the methods prior_... "
        "(default: that of the notebook)",
    )
    parser.add_argument(
        "--raw", action="store_true", help="no post-processing: the maps as they come"
    )


def _add_preparation_options(parser):
    parser.add_argument(
        "--masks",
        choices=("deepbrain", "given"),
        help="where brain masks come from (default: as the model was judged, or deepbrain)",
    )
    parser.add_argument(
        "--smoothing",
        choices=SMOOTHING,
        help="default: as the model was trained, or curvature_flow",
    )
    parser.add_argument(
        "--voxel-mm",
        type=float,
        help="voxels of the box that heads are brought to "
        "(default: as the model was trained, or 1; 2 is faster)",
    )
    parser.add_argument(
        "--n4", action="store_true", help="estimate and divide out the bias field first"
    )


def _check_method(parser, options):
    """Ends the command where the method needs a model or a prior that is not there."""
    record = _record(options)
    method = _method(options)
    if options.model is None and method not in scores.BASELINES:
        parser.error(
            f"--method {method} needs --model; only {' and '.join(scores.BASELINES)} do without."
        )
    if method in scores.OF_CODES and options.prior is None and record.prior is None:
        parser.error(
            f"--method {method} needs --prior, the prior over the model's codes that "
            "09_anomaly_detection leaves in models/."
        )


def _record(options):
    return read_model_record(options.model) or ModelRecord()


def _method(options):
    return options.method or _record(options).method or "absolute"


def _changes(options):
    """What the command line changes of the model's record: arguments of `score_folder`."""
    given = {
        "smoothing": options.smoothing,
        "voxel_mm": options.voxel_mm,
        "n4": options.n4,
    }
    changes = {
        "method": options.method,
        "masks": options.masks,
        "post": None if options.raw else AS_TRAINED,
        "preparation": {name: value for name, value in given.items() if value},
    }
    if options.prior and _method(options) in scores.OF_CODES:
        changes["prior"] = models_prior.load_prior(options.prior)
    return changes


def _report(table: pd.DataFrame, path):
    """Prints how many heads were scored; the command's exit code."""
    skipped = int((table.fault != "").sum())
    scored = f"{len(table) - skipped} of {len(table)} heads scored"
    print(f"{scored}{f', {skipped} skipped' if skipped else ''}: {path}")
    return 1 if skipped else 0
