"""What do the networks of the study see, and which settings follow from the slices' size?

Thesis 002, sections 4.2.1 (networks) and 4.2.4 (post-processing, at the full size).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from brainlib import models, slices
from brainlib.anomaly import preparation, restoration, scores
from brainlib.anomaly.model_records import POST
from brainlib.anomaly.preparation import Prepared
from brainlib.models import vq as models_vq
from brainlib.training import code_prior

ENOUGH_BRAIN = 0.02  # share of a slice that is brain, from which it is trained on
POST_BY_PIXEL_MM = {  # the thesis's steps, scaled to the pixels' side
    1: {"erode_px": 3, "median": 9, "min_pixels": 7},
    2: POST,
    4: {"erode_px": 1, "median": 3, "min_pixels": 3},
}


def network_shape(
    name: str, size: Sequence[int], options: Mapping | None = None
) -> tuple[int, int]:
    """(H, W) that a model takes for slices: the next sides that it can halve.

    Args:
        name: of the model.
        size: (slices, rows, columns) of a prepared head.
        options: of the model.
    """
    stride = 1
    if name == "vqvae":
        stride = 2 ** (options or {}).get("depth", 6)
    elif name in models.TABLE:
        stride = models.TABLE[name].stride
    return tuple(-(-side // stride) * stride for side in size[1:])


def store_slices(
    prepared: Mapping[str, Prepared], path: Path | str, *, shape: Sequence[int]
) -> dict[str, np.ndarray]:
    """Writes the slices with brain as one `.npy` file for training.

    Args:
        prepared: {subject: `Prepared`}.
        path: of the file.
        shape: (H, W) of the stored slices; smaller ones are filled up with 0 at the bottom and the
            right.

    Returns:
        dict of arrays, one row per stored slice: subject, slice (number in the box).
    """
    chosen = {
        name: np.flatnonzero(head.brain.mean(axis=(1, 2, 3)) >= ENOUGH_BRAIN)
        for name, head in prepared.items()
    }
    subjects, numbers = [], []
    with slices.Writer(Path(path), (sum(map(len, chosen.values())), *shape, 1)) as stored:
        for name, head in prepared.items():
            missing = [(0, want - got) for want, got in zip(shape, head.images.shape[1:3])]
            stored.add(np.pad(head.images[chosen[name]], [(0, 0), *missing, (0, 0)]))
            subjects += [name] * len(chosen[name])
            numbers += list(chosen[name])
    return {"subject": np.array(subjects), "slice": np.array(numbers)}


def central_slices(
    prepared: Mapping[str, Prepared], subjects: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Every second slice of the middle of heads: (images, brain), both (N, H, W, 1)."""
    images, brains = [], []
    for name in subjects:
        number = len(prepared[name].images)
        middle = slice(int(0.4 * number), int(0.7 * number), 2)
        images.append(prepared[name].images[middle])
        brains.append(prepared[name].brain[middle])
    return np.concatenate(images), np.concatenate(brains)


def pixel_mm(size: Sequence[int]) -> float:
    """Side of a pixel of slices of `size` (slices, rows, columns), in mm."""
    return preparation.BOX_MM[2] / size[0]


def voxel_ml(size: Sequence[int]) -> float:
    """Volume of a voxel of maps of `size` (slices, rows, columns), in ml."""
    return float(np.prod(preparation.BOX_MM) / np.prod(size) / 1000)


def post_processing_for(size: Sequence[int]) -> dict[str, int]:
    """Options of `post_process` for slices of `size`: the thesis's steps, scaled to the pixels."""
    nearest = min(POST_BY_PIXEL_MM, key=lambda mm: abs(np.log(mm / pixel_mm(size))))
    return dict(POST_BY_PIXEL_MM[nearest])


def prior_options(
    model: keras.Model,
    images: np.ndarray,
    validation: np.ndarray,
    *,
    folder: Path | str,
    quantile: float = 0.98,
    restorations: int = 4,
    seed: int = 0,
    **options: Any,
) -> tuple[dict[str, dict], pd.DataFrame]:
    """Trains the prior over a VQ model's codes, or loads it.

    Args:
        model: a VQ model.
        images: healthy slices (N, H, W, 1) that the model takes.
        validation: the same of other people.
        folder: of this prior alone.
        quantile: share of the codes of healthy validation slices that restoration leaves alone.
        restorations: draws of each slice.
        seed: of training and draws.
        **options: of `code_prior.load_or_fit`.

    Returns:
        ({method of `scores.OF_CODES`: its options}, history).
    """
    codes, others = (models_vq.codes_of(model, part) for part in (images, validation))
    prior, history = code_prior.load_or_fit(
        codes,
        others,
        codebook_size=model.quantizer.codebook_size,
        folder=folder,
        seed=seed,
        **options,
    )
    restoring = {
        "prior": prior,
        "threshold_bits": restoration.surprise_threshold(
            model, validation, prior=prior, quantile=quantile
        ),
        "restorations": restorations,
        "seed": seed,
    }
    of_methods = dict.fromkeys(scores.OF_CODES, restoring)
    return of_methods | {"prior_surprise": {"prior": prior}}, history
