"""The anomaly map of a head: one path for the study of notebook 09 and for the command.

`score_prepared` makes the maps of a prepared head by a `MapRecipe`, at the network's size or, as
thesis 002 does (section 4.2.4), at the box's voxels. `score_head` begins with a head and ends on
its own grid; `score` takes a head or slices.
"""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from brainlib.anomaly import preparation, scores
from brainlib.anomaly.measures import ScoredHead, sample_scores
from brainlib.anomaly.model_records import MapRecipe, ModelRecord, read_model_record
from brainlib.anomaly.preparation import SIZE, Prepared
from brainlib.heads import masks, volumes
from brainlib.heads.volumes import Volume

RESOLUTIONS = ("network", "full", "full_after")


class ScoredSlices(NamedTuple):
    """Post-processed maps of a head's slices, with brain and lesion of the same slices.

    maps: float32, brain and lesion: bool; each (N, H, W).
    """

    maps: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray


def score(
    model: keras.Model | Path | str | None,
    volume_or_slices: np.ndarray | Volume | Path | str,
    *,
    method: str | None = None,
    **options: Any,
) -> np.ndarray:
    """Anomaly maps: larger where something is more anomalous, never below 0.

    Args:
        model: a model, the path of a `.keras` file, or None for the intensity baselines.
        volume_or_slices: slices of any shape that `scores.score_slices` takes; a `volumes.Volume`;
            or the path of a NIfTI head.
        method: see `scores.score_slices`; None: the one that was chosen for the model's file, else
            "absolute".
        **options: of the method; for a head also `mask`, its brain mask (DeepBrain's when absent),
            and `post` and `preparation` of `ModelRecord.recipe`. What is not given is as the
            model's file was judged.

    Returns:
        float32 maps of the slices' shape; for a head an array of its RAS+ grid
        (`volumes.Volume.array`).
    """
    mask = options.pop("mask", None)
    record = read_model_record(model) or ModelRecord()
    recipe = record.recipe(method=method, **options)
    model = scores.load_model(model)
    if isinstance(volume_or_slices, (str, Path)):
        volume_or_slices = volumes.load(volume_or_slices)
    if isinstance(volume_or_slices, Volume):
        return score_head(model, volume_or_slices, recipe, mask=mask)[0]
    return scores.score_slices(model, volume_or_slices, method=recipe.method, **recipe.options)


def score_head(
    model: keras.Model | None,
    volume: Volume,
    recipe: MapRecipe | None = None,
    *,
    mask: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """The anomaly map of a head.

    Args:
        model: a model, or None for the baselines.
        volume: the head.
        recipe: how the map is made. The size of the slices follows the model where the recipe does
            not say it.
        mask: its brain mask; DeepBrain's when absent.

    Returns:
        (map on `volume.array`'s grid, the head's own score: mean over slices of the mean over the
        brain).
    """
    recipe = recipe or MapRecipe()
    mask = masks.brain_mask(volume) if mask is None else mask
    options = {"size": slice_size(model), **recipe.preparation}
    prepared = preparation.prepare(volume, mask, **options)
    scored = ScoredHead("", "", "", *score_prepared(model, prepared, recipe))
    return preparation.map_to_head(scored.score, prepared, volume), sample_scores([scored])[0]


def score_prepared(
    model: keras.Model | None,
    prepared: Prepared,
    recipe: MapRecipe | None = None,
    *,
    resolution: str = "network",
) -> ScoredSlices:
    """Post-processed maps of a prepared head.

    Args:
        model: a model, or None for the baselines.
        prepared: the head; for the full sizes with its `full` arrays.
        recipe: how the map is made; its preparation is that of the head already.
        resolution: "network": at the network's size, where slices without brain or lesion score 0;
            "full": the reconstruction is enlarged to the box's voxels and subtracted there, as
            thesis 002 does; "full_after": the map is made at the network's size and then enlarged.
    """
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution: expected network, full or full_after, got {resolution!r}.")
    recipe = recipe or MapRecipe()
    if resolution == "network":
        scored = _at_network_size(model, prepared, recipe)
    else:
        scored = _at_full_size(model, prepared, recipe, subtract_first=resolution == "full_after")
    if recipe.post is None:
        return scored
    return scored._replace(maps=scores.post_process(scored.maps, scored.brain, **recipe.post))


def _at_network_size(model, prepared, recipe):
    brain, lesion = prepared.brain[..., 0], prepared.lesion[..., 0]
    maps = np.zeros(brain.shape, np.float32)
    filled = (brain | lesion).any(axis=(1, 2))  # empty slices are not asked about
    if filled.any():
        images = prepared.images[filled, ..., 0]
        maps[filled] = scores.score_slices(model, images, method=recipe.method, **recipe.options)
    return ScoredSlices(maps, brain, lesion)


def _at_full_size(model, prepared, recipe, *, subtract_first):
    """Maps at the box's voxels. subtract_first: at the network's size, and then enlarge."""
    if prepared.full is None:
        raise ValueError("full size: expected a head prepared with full=True.")
    images = prepared.full[..., 0]
    small, method = prepared.images[..., 0], recipe.method
    if method in scores.BASELINES:
        maps = scores.score_slices(None, images, method=method)
    elif subtract_first or not scores.residual_of_method(method):
        maps = scores.score_slices(model, small, method=method, **recipe.options)
        maps = preparation.enlarge(maps, images.shape)
    else:
        versions = scores.healthy_versions(model, small, method=method, **recipe.options)
        maps = _mean_residual_at_full_size(images, versions, scores.residual_of_method(method))
    return ScoredSlices(maps, prepared.full_brain[..., 0], prepared.full_lesion[..., 0])


def _mean_residual_at_full_size(images, versions, kind):
    """images: (D, H, W); versions: (V, N, h, w) at the network's size."""
    maps = []
    for version in versions:
        enlarged = preparation.enlarge(version, images.shape)
        maps.append(scores.residual(images[..., None], enlarged[..., None], kind)[..., 0])
    return np.mean(maps, axis=0)


def slice_size(model: keras.Model | None) -> tuple[int, int, int]:
    """(slices, rows, columns) that a model's input asks for.

    They are 70 slices of 95x79, or a multiple or a part of that. A network that takes sides
    divisible by 8, say 96x80, is given the 95x79 that fit into them.
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
            f"{model.name} takes slices of {model.input_shape[1]}x{model.input_shape[2]}: expected "
            "95x79 or up to 32 pixels more, or 190x158, 48x40, 24x20 likewise. "
            "Pass preparation={'size': (slices, rows, columns)}."
        )
    return size
