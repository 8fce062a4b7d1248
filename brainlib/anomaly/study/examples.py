"""What do single heads look like? Rows for the figures and tables of notebook 09.

As thesis 002's figures 5.1 and 5.2, and restorations against a synthetic head's lesion-free twin.
"""

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd

from brainlib import models
from brainlib.anomaly import measures, restoration, scores
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.preparation import Prepared
from brainlib.anomaly.study.detectors import Detector, Scoring


def detection_example(
    scoring: Scoring, detector: Detector, head: ScoredHead, *, threshold: float, min_pixels: int
) -> dict:
    """The slice of a test head with most lesion: a row of `anomaly_figures.detections`.

    Args:
        scoring: networks, prepared heads and settings.
        detector: that scored the head.
        head: with a lesion.
        threshold: `score >= threshold` is called lesion.
        min_pixels: components of fewer pixels are dropped.

    Returns:
        dict of image, output (the healthy version; None for the baselines), score, called, lesion,
        each (H, W), and limit (the threshold).
    """
    number = slice_of_most(head.lesion & head.brain)
    image = scoring.prepared[head.subject].images[number, ..., 0]
    output = None
    if not detector.baseline:
        recipe = scoring.recipe(detector)
        versions = scores.healthy_versions(
            scoring.networks[detector.model], image[None], method=recipe.method, **recipe.options
        )
        output = versions.mean(axis=0)[0]
    return {
        "image": image,
        "output": output,
        "score": head.score[number],
        "called": head.detection(threshold, min_pixels)[number],
        "lesion": head.lesion[number],
        "limit": threshold,
    }


def slice_of_most(mask: np.ndarray) -> int:
    """Number of the slice with most of a mask, (N, H, W) or (N, H, W, 1)."""
    return int(mask.reshape(len(mask), -1).sum(axis=1).argmax())


def errors_by_head(
    model: keras.Model, prepared: Mapping[str, Prepared], table: pd.DataFrame
) -> list[dict]:
    """Reconstruction errors in and outside of lesions: one row per head of a table.

    See `measures.errors_inside_and_outside`; a lesion counts as far as the brain mask holds it.
    """
    rows = []
    for row in table.itertuples():
        head = prepared[row.subject]
        errors = measures.errors_inside_and_outside(
            head.images,
            scores.reconstruct(model, head.images),
            head.brain,
            head.lesion & head.brain,
        )
        rows.append({"subject": row.subject, "group": row.group, **errors})
    return rows


def restored_versions(
    scoring: Scoring, images: np.ndarray, *, descent: Mapping | None = None
) -> dict[tuple[str, str], np.ndarray]:
    """What every network makes of ill slices, in every way that it can restore.

    Args:
        scoring: networks and options; a prior is among the options of "prior_restoration".
        images: (N, H, W, 1) at the size that the networks take.
        descent: options of `restoration.restore_by_descent`.

    Returns:
        {(way, model's name): (N, H, W, 1)}.
    """
    versions = {}
    for name, model in scoring.networks.items():
        versions["reconstruction", name] = scores.reconstruct(model, images)
    for name, model in scoring.networks.items():
        if models.is_vae(model):
            restored = restoration.restore_by_descent(model, images, **(descent or {}))
            versions["descent of the ELBO", name] = restored
    for name, model in scoring.networks.items():
        options = scoring.options.get((name, "prior_restoration"))
        if options is not None:
            drawn = restoration.restore_codes(model, images, **options)
            versions["codes drawn by the prior", name] = drawn.mean(axis=0)
    return versions


def healing_rows(
    versions: Mapping[tuple[str, str], np.ndarray], head: Prepared, twin: Prepared
) -> list[dict]:
    """How much of a lesion is gone, and what was spoilt elsewhere, for each restored version.

    Args:
        versions: of `restored_versions` of the head's images.
        head: the ill head.
        twin: the same head without the lesion.

    Returns:
        list of dicts: way, model, healed (share of the lesion's squared error that is gone),
        spoilt_outside (mean absolute change in the rest of the brain, grey values).
    """
    lesion, rest = head.lesion & head.brain, head.brain & ~head.lesion
    rows = []
    for (way, name), output in versions.items():
        rows.append(
            {
                "way": way,
                "model": name,
                "healed": measures.healed_share(output, head.images, twin.images, lesion),
                "spoilt_outside": float(np.abs(output - head.images)[rest].mean()),
            }
        )
    return rows


def healing_pictures(
    versions: Mapping[tuple[str, str], np.ndarray], head: Prepared, twin: Prepared
) -> dict[str, np.ndarray]:
    """The slice with most lesion: ill, without the lesion, and each version; {name: (H, W, 1)}."""
    number = slice_of_most(head.lesion & head.brain)
    return {
        "ill": head.images[number],
        "without the lesion": twin.images[number],
        **{f"{name}: {way}": output[number] for (way, name), output in versions.items()},
    }


def planted_pictures(
    networks: Mapping[str, keras.Model], images: np.ndarray, planted: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """Planted lesions and what networks make of them: {slice: {column: (H, W, 1)}}."""
    columns = {"healthy": images, "planted": planted}
    for name, model in networks.items():
        columns[name] = scores.reconstruct(model, planted)
    rows = {}
    for number in range(len(images)):
        rows[f"slice {number + 1}"] = {name: part[number] for name, part in columns.items()}
    return rows


def audit_names(networks: Mapping[str, keras.Model]) -> dict[str, keras.Model]:
    """Networks under names that say what carries a slice, such as "vae_uad (64 numbers)"."""
    named = {}
    for name, model in networks.items():
        unit = "codes" if models.is_vq(model) else "numbers"
        named[f"{name} ({models.describe(model)['latent']} {unit})"] = model
    return named
