"""Whole heads scored with a saved model: one anomaly map a head, in the head's own space."""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib import files
from brainlib.anomaly import preparation as anomaly_prepare
from brainlib.anomaly import scores
from brainlib.anomaly.preparation import SIZE
from brainlib.heads import cohort as datasets
from brainlib.heads import masks as masking
from brainlib.heads import volumes
from brainlib.models import prior as models_prior

PREPARATION = "preparation.json"
POST = {
    "erode_px": 2,
    "median": 5,
    "min_pixels": 7,
}  # at the network's size: half of the seed's full-size steps
REFUSALS = (OSError, ValueError)


def score(model, volume_or_slices, *, method=None, **options):
    """Anomaly maps: larger where something is more anomalous, never below 0.

    Args:
        model: a model, the path of a `.keras` file, or None for the intensity baselines.
        volume_or_slices: slices of any shape that `anomaly_scores.score_slices` takes; a `volumes.Volume`; or the path
            of a NIfTI head.
        method: see `anomaly_scores.score_slices`; None: the one that was chosen for the model's file, else "absolute".
        options: of the method, and for a head those of `score_head`; what is not given is as the model's file was judged.

    Returns:
        float32 maps of the slices' shape; for a head an array of its RAS+ grid (`volumes.Volume.array`).
    """
    asked = as_trained(remembered(model), method=method, **options)
    model = scores.load(model) if isinstance(model, (str, Path)) else model
    if isinstance(volume_or_slices, (str, Path)):
        volume_or_slices = volumes.load(volume_or_slices)
    if isinstance(volume_or_slices, volumes.Volume):
        return score_head(model, volume_or_slices, **asked)[0]
    of_method = {
        name: value for name, value in asked.items() if name not in ("post", "preparation")
    }
    return scores.score_slices(model, volume_or_slices, **of_method)


def score_head(
    model, volume, *, mask=None, method="absolute", post=POST, preparation=None, **options
):
    """The anomaly map of a head.

    Args:
        model: a model, or None for the baselines.
        volume: a `volumes.Volume`.
        mask: its brain mask; DeepBrain's when absent.
        post: options of `anomaly_scores.post_process`; None leaves it out.
        preparation: options of `anomaly_prepare.prepare`. The size follows the model where it is not given.
        options: of the method.

    Returns:
        (map on `volume.array`'s grid, mean score over the brain's slices: the head's own score).
    """
    mask = masking.brain_mask(volume) if mask is None else mask
    preparation = {"size": size_for(model), **(preparation or {})}
    prepared = anomaly_prepare.prepare(volume, mask, **preparation)
    maps = scores.score_slices(model, prepared.images, method=method, **options)
    if post is not None:
        maps = scores.post_process(maps, prepared.brain, **post)
    inside = prepared.brain.any(axis=(1, 2, 3))
    per_slice = scores.slice_score(
        model,
        prepared.images[inside],
        method="absolute",
        maps=maps[inside],
        mask=prepared.brain[inside],
    )
    return anomaly_prepare.to_head(maps, prepared, volume), float(per_slice.mean())


def score_prepared(
    model, prepared, *, method="absolute", post=POST, rows=None, at="network", **options
):
    """Post-processed maps of a prepared head: float32 (N, H, W), with the brain and the lesion of the same slices.

    Args:
        model: a model, or None for the baselines.
        prepared: an `anomaly_prepare.Prepared`; for the full sizes with its `full` arrays.
        method, options: see `anomaly_scores.score_slices`.
        post: options of `anomaly_scores.post_process`; None leaves it out.
        rows: numbers of the slices to score, of the network's; all when absent. Only at "network", where slices
            without any brain score 0.
        at: "network": at the network's size; "full": the reconstruction is enlarged to the box's voxels and subtracted there,
            as seed 002 does; "full_after": the map is made at the network's size and then enlarged.

    Returns:
        (maps, brain, lesion), each (N, H, W).
    """
    if at not in ("network", "full", "full_after"):
        raise ValueError(f"at: expected network, full or full_after, got {at!r}.")
    if at == "network":
        rows = np.arange(len(prepared.images)) if rows is None else np.asarray(rows)
        brain, lesion = (part[rows, ..., 0] for part in (prepared.brain, prepared.lesion))
        inside, maps = (
            (brain | lesion).any(axis=(1, 2)),
            np.zeros(brain.shape, np.float32),
        )  # empty slices are not asked about
        if inside.any():
            maps[inside] = scores.score_slices(
                model, prepared.images[rows[inside], ..., 0], method=method, **options
            )
    else:
        if rows is not None or prepared.full is None:
            raise ValueError(
                "full size: expected a head prepared with full=True, and all of its slices."
            )
        brain, lesion, images = (
            part[..., 0] for part in (prepared.full_brain, prepared.full_lesion, prepared.full)
        )
        if method in scores.BASELINES:
            maps = scores.score_slices(None, images, method=method)
        elif at == "full" and scores.compared(method):
            versions = scores.healthy_versions(
                model, prepared.images[..., 0], method=method, **options
            )
            maps = np.mean(
                [
                    scores.residual(
                        images[..., None],
                        anomaly_prepare.enlarge(one, images.shape)[..., None],
                        scores.compared(method),
                    )[..., 0]
                    for one in versions
                ],
                axis=0,
            )
        else:
            maps = anomaly_prepare.enlarge(
                scores.score_slices(model, prepared.images[..., 0], method=method, **options),
                images.shape,
            )
    return (
        (maps if post is None else scores.post_process(maps, brain, **post)),
        brain,
        lesion,
    )


def size_for(model):
    """(slices, rows, columns) that a model's input asks for: 70 slices of 95x79, or a multiple or a part of that.

    A network that takes sides divisible by 8, say 96x80, is given the 95x79 that fit into them.
    """
    if model is None or model.input_shape[1] is None:
        return SIZE
    for factor in (2, 1, 0.5, 0.25):
        size = SIZE if factor == 1 else tuple(round(side * factor) for side in SIZE)
        room = [side - wanted for side, wanted in zip(model.input_shape[1:3], size[1:])]
        if min(room) >= 0:
            break
    if min(room) < 0 or max(room) > 32:
        raise ValueError(
            f"{model.name} takes slices of {model.input_shape[1]}x{model.input_shape[2]}: expected 95x79 or up to 32 pixels more, or "
            "190x158, 48x40, 24x20 likewise. Pass preparation={'size': (slices, rows, columns)}."
        )
    return size


def remember(folder, preparation, post, *, options=None, prior=None, **judged):
    """Writes beside a model how its maps are made, for `score_folder`: what stood there is replaced.

    Args:
        folder: of the model.
        preparation, post: of its slices and of its maps.
        options: {method: its options}; a prior among them is kept as its file.
        prior: file of the prior over the model's codes.
        judged: `method`, the chosen one, `thresholds`, {where from: threshold} of its maps, and `masks`, where the brain
            masks came from.
    """
    preparation = {
        name: value for name, value in preparation.items() if name != "full"
    }  # that one is for figures
    options = {
        method: {name: value for name, value in of.items() if name != "prior"}
        for method, of in (options or {}).items()
    }
    prior = {"prior": os.path.relpath(prior, folder)} if prior else {}
    files.write_json(
        Path(folder) / PREPARATION,
        {"preparation": preparation, "post": post, "options": options, **prior, **judged},
    )


def remembered(model):
    """What `remember` wrote beside a model's file: {"preparation": ..., "post": ..., ...}; {} where there is none or `model` is no path."""
    path = Path(model).parent / PREPARATION if isinstance(model, (str, Path)) else None
    if path is None or not path.is_file():
        return {}
    told = json.loads(path.read_text(encoding="utf-8"))
    if "prior" in told:
        told["prior"] = path.parent / told["prior"]
    return {
        **told,
        "preparation": {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in told["preparation"].items()
        },
    }


def as_trained(told, *, method=None, post="as_trained", preparation=None, **options):
    """Options of `score_head`, its method among them, in which `told` (see `remembered`) holds wherever nothing else was given."""
    method = method or told.get("method", "absolute")
    options = {**told.get("options", {}).get(method, {}), **options}
    if method in scores.OF_CODES and "prior" in told and "prior" not in options:
        options["prior"] = models_prior.load(told["prior"])
    return {
        "method": method,
        **options,
        "post": told.get("post", POST) if post == "as_trained" else post,
        "preparation": {**told.get("preparation", {}), **(preparation or {})},
    }


def score_folder(
    model,
    folder,
    out,
    *,
    method=None,
    masks=None,
    cache=None,
    post="as_trained",
    preparation=None,
    say=print,
    **options,
):
    """Scores all heads of a folder (any layout that `datasets.cohort` knows) and writes one NIfTI map a head.

    A head that cannot be read or has no brain is named and skipped; the others go on.

    Args:
        model: a model, the path of a `.keras` file, or None for the baselines.
        folder: of heads.
        out: folder for `<subject>_anomaly.nii.gz`, in the head's own space, shape and orientation, and `scores.csv`.
        method, options: see `score`.
        masks: "deepbrain", or "given" for the masks that came with the heads, where there are any; None: as the model's file
            was judged, else "deepbrain".
        cache: folder of cached brain masks; `<out>/masks` when absent.
        post, preparation: see `score_head`. Beside a model's file the notebook leaves what it was trained and judged with, the
            method, its options and thresholds; that holds where nothing else is given here, and a line says so.
        say: told one line a head.

    Returns:
        table of subject, path, map_path, score (mean over the brain), seconds, fault ("" or why the head was skipped).
    """
    told = remembered(model)
    if isinstance(model, (str, Path)):
        if not Path(model).is_file():
            raise FileNotFoundError(
                f"{model}: expected a .keras file of a trained model, got nothing at this path. 09_anomaly_detection leaves some in models/uad_*/."
            )
        if not told:
            say(
                f"{model}: no {PREPARATION} beside it. It is scored as a network of axial slices prepared as in 09_anomaly_detection; what a network of other slices answers means nothing."
            )
        model = scores.load(model)
    options, masks = (
        as_trained(told, method=method, post=post, preparation=preparation, **options),
        masks or told.get("masks", "deepbrain"),
    )
    if told.get("method"):
        say(_as_judged(told, {**options, "masks": masks}))
    heads = datasets.cohort([str(folder)])
    out = Path(out)
    rows = []
    for head in heads.itertuples():
        began, row = (
            time.monotonic(),
            {
                "subject": head.subject,
                "path": head.path,
                "map_path": "",
                "score": float("nan"),
                "fault": "",
            },
        )
        try:
            volume = volumes.load(head.path)
            mask = masking.cached_mask(
                volume, cache=cache or out / "masks", method=masks, given=head.brain_path
            )
            maps, row["score"] = score_head(model, volume, mask=mask, **options)
            name = re.sub(r"[^\w.-]", "_", head.subject)
            row["map_path"] = str(
                anomaly_prepare.write_like(out / f"{name}_anomaly.nii.gz", maps, volume)
            )
        except REFUSALS as error:
            row["fault"] = " ".join(str(error).split())
        rows.append({**row, "seconds": round(time.monotonic() - began, 2)})
        say(
            f"{head.subject}: "
            + (
                f"skipped. {row['fault']}"
                if row["fault"]
                else f"score {row['score']:.4f}, {row['map_path']}"
            )
        )
    table = pd.DataFrame(rows)
    files.write_csv(out / "scores.csv", table)
    return table


def _as_judged(told, options):
    """A line: the method, its options, and the thresholds of the maps where they are those of the chosen method."""
    method = options["method"]
    numbers = ", ".join(f"{name} {options[name]:.4g}" for name in told["options"].get(method, {}))
    numbers = f" ({numbers})" if numbers else ""
    if method != told["method"]:
        return f"method {method}{numbers}, as asked; 09_anomaly_detection chose {told['method']}, whose thresholds do not hold for it."
    judged = {
        **told["options"].get(method, {}),
        "post": told.get("post"),
        **told.get("preparation", {}),
        "masks": told.get("masks", options["masks"]),
    }
    changed = [
        name
        for name, value in judged.items()
        if (options["preparation"] | options).get(name) != value
    ]
    if changed:
        return f"method {method}{numbers}; its thresholds of 09_anomaly_detection do not hold, {', '.join(changed)} {'are others' if len(changed) > 1 else 'is another'} here."
    limits = ", ".join(
        f"{limit:.4g} ({kind})"
        for kind, limit in told.get("thresholds", {}).items()
        if limit is not None
    )
    pieces = (
        f", and pieces of fewer than {told['post']['min_pixels']} of its pixels in a slice are dropped"
        if (told.get("post") or {}).get("min_pixels", 0) > 1
        else ""
    )
    return f"method {method}{numbers}, as judged in 09_anomaly_detection. Thresholds: {limits or 'none'}; they were judged before maps are enlarged to the head{pieces}."


def main(arguments=None):
    """The command; returns 1 where a head was skipped, 2 where nothing could be done."""
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
    parser.add_argument(
        "--method",
        choices=scores.METHODS,
        help="default: the one that was chosen for the model, or absolute",
    )
    parser.add_argument(
        "--prior",
        help="prior.keras of the model's codes, for the methods prior_... (default: that of the notebook)",
    )
    parser.add_argument(
        "--masks",
        choices=("deepbrain", "given"),
        help="where brain masks come from (default: as the model was judged, or deepbrain)",
    )
    parser.add_argument(
        "--smoothing",
        choices=anomaly_prepare.SMOOTHING,
        help="default: as the model was trained, or curvature_flow",
    )
    parser.add_argument(
        "--voxel-mm",
        type=float,
        help="voxels of the box that heads are brought to (default: as the model was trained, or 1; 2 is faster)",
    )
    parser.add_argument(
        "--n4", action="store_true", help="estimate and divide out the bias field first"
    )
    parser.add_argument(
        "--raw", action="store_true", help="no post-processing: the maps as they come"
    )
    chosen = parser.parse_args(arguments)
    told = remembered(chosen.model)
    method = chosen.method or told.get("method", "absolute")
    if chosen.model is None and method not in scores.BASELINES:
        parser.error(
            f"--method {method} needs --model; only {' and '.join(scores.BASELINES)} do without."
        )
    if method in scores.OF_CODES and chosen.prior is None and "prior" not in told:
        parser.error(
            f"--method {method} needs --prior, the prior over the model's codes that 09_anomaly_detection leaves in models/."
        )
    try:
        options = (
            {"prior": models_prior.load(chosen.prior)}
            if chosen.prior and method in scores.OF_CODES
            else {}
        )
        table = score_folder(
            chosen.model,
            chosen.folder,
            chosen.out,
            method=chosen.method,
            **options,
            masks=chosen.masks,
            post=None if chosen.raw else "as_trained",
            preparation={
                name: value
                for name, value in (
                    ("smoothing", chosen.smoothing),
                    ("voxel_mm", chosen.voxel_mm),
                    ("n4", chosen.n4),
                )
                if value
            },
        )
    except REFUSALS as error:
        print(error, file=sys.stderr)
        return 2
    skipped = int((table.fault != "").sum())
    print(
        f"{len(table) - skipped} of {len(table)} heads scored"
        + (f", {skipped} skipped" if skipped else "")
        + f": {Path(chosen.out) / 'scores.csv'}"
    )
    return 1 if skipped else 0
