"""Does a network copy lesions, does a larger code, and does a restoration heal?

Thesis 002, sections 5.4 and 6.2. Doing nothing and the grey value stand first.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from brainlib.anomaly import measures, scores
from brainlib.anomaly.study.choice import DARK
from brainlib.anomaly.study.detectors import Detector, Scoring
from brainlib.anomaly.study.examples import (
    audit_names,
    errors_by_head,
    healing_pictures,
    healing_rows,
    restored_versions,
)
from brainlib.anomaly.study.heads import prepare_twin
from brainlib.anomaly.study.networks import central_slices
from brainlib.anomaly.study.people import MASKS, StudyHeads
from brainlib.anomaly.study.trainings import TrainedNetworks, TrainOne, model_folder
from brainlib.record import Run

COPY, GREY = "the slice itself (a perfect copy)", "the grey value, dark is ill (no network)"
NOTHING = "nothing is done"


class HealthySlices(NamedTuple):
    """Slices from the middle of healthy test heads, into which lesions are planted.

    images: (N, H, W, 1); brain: bool of that shape; subjects: how many people.
    """

    images: np.ndarray
    brain: np.ndarray
    subjects: int


def healthy_slices(heads: StudyHeads) -> HealthySlices:
    """Every second slice of the middle of the first round's healthy test heads."""
    names = list(heads.healthy("test").subject)
    return HealthySlices(*central_slices(heads.prepared, names), len(names))


def audited_networks(
    run: Run, heads: StudyHeads, networks: TrainedNetworks, train_one: TrainOne, copier: Mapping
) -> dict[str, keras.Model]:
    """The networks of the first round, and a VQ-VAE with a fine map of codes.

    Args:
        run: its folder `models/uad_copier/<round>` gets the VQ-VAE.
        heads: of `open_heads`.
        networks: of `train_each_round`.
        train_one: as of `train_each_round`.
        copier: options of the VQ-VAE; empty: none is trained.

    Returns:
        {"vae_uad (64 numbers)": model}.
    """
    audited = audit_names(networks.first)
    if copier:
        folder = model_folder(run, "copier", heads.first)
        model, _ = train_one("vqvae", heads.first, folder, copier)
        audited |= audit_names({"vqvae": model})
    return audited


def audit_table(
    audited: Mapping[str, keras.Model],
    healthy: HealthySlices,
    *,
    contrasts: Sequence[float],
    radii_mm: Sequence[float],
    pixel_mm: float,
    seed: int = 0,
) -> pd.DataFrame:
    """`measures.copying_audit` of each network: the share of a planted change that it repeats.

    Returns:
        table of contrast, radius_px, painted_back, std, slices, model, radius_mm, subjects.
    """
    radii_px = [radius / pixel_mm for radius in radii_mm]
    tables = []
    for name, model in audited.items():
        rows = measures.copying_audit(
            model,
            healthy.images,
            healthy.brain,
            contrasts=contrasts,
            radii_px=radii_px,
            seed=seed,
        )
        tables.append(pd.DataFrame(rows).assign(model=name))
    audit = pd.concat(tables)
    return audit.assign(radius_mm=audit.radius_px * pixel_mm, subjects=healthy.subjects)


def copying_table(
    audited: Mapping[str, keras.Model],
    audit: pd.DataFrame,
    healthy: HealthySlices,
    heads: StudyHeads,
) -> pd.DataFrame:
    """Who copies, who rebuilds healthy slices well, who finds validation lesions by the residual.

    Args:
        audited: of `audited_networks`.
        audit: of `audit_table`.
        healthy: of `healthy_slices`.
        heads: of `open_heads`.

    Returns:
        table of model, painted_back (mean over contrasts, the largest radius), healthy_mse,
        auprc_negative_residual. A perfect copy and the grey value stand first.
    """
    ill = heads.lesions("validation")
    scoring = Scoring(audited, heads.prepared, heads.post)
    counter = _pixels(scoring, DARK, ill)
    prevalence, grey = (counter.prevalence, counter.auprc) if len(ill) else (np.nan, np.nan)
    rows = [
        {"model": COPY, "painted_back": 1.0, "healthy_mse": 0.0, "auprc": prevalence},
        {"model": GREY, "painted_back": np.nan, "healthy_mse": np.nan, "auprc": grey},
    ]
    for name, model in audited.items():
        large = audit[(audit.model == name) & (audit.radius_px == audit.radius_px.max())]
        error = scores.reconstruct(model, healthy.images) - healthy.images
        areas = _pixels(scoring, Detector(name, "negative"), ill)
        rows.append(
            {
                "model": name,
                "painted_back": large.painted_back.mean(),
                "healthy_mse": float(np.mean(error[healthy.brain] ** 2)),
                "auprc": areas.auprc if areas else np.nan,
            }
        )
    return pd.DataFrame(rows).rename(columns={"auprc": "auprc_negative_residual"})


def _pixels(scoring, detector, ill):
    """Areas by pixel on validation lesions; None without any."""
    if not len(ill):
        return None
    return measures.pixel_counter(scoring.score(detector, ill)).curves()


def painted_back_by(
    copying: pd.DataFrame, audited: Mapping[str, keras.Model], model: keras.Model
) -> float:
    """What a network paints back in `copying_table`."""
    name = next(name for name, other in audited.items() if other is model)
    return float(copying.set_index("model").painted_back[name])


def planted_slices(
    healthy: HealthySlices, *, contrast: float, radius_px: float, seed: int = 0, count: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """The first healthy slices and the same with a planted lesion, each (count, H, W, 1)."""
    images, brain = healthy.images[:count], healthy.brain[:count]
    planted, _ = measures.plant_lesions(
        images, brain, contrast=contrast, radius_px=radius_px, seed=seed
    )
    return images, planted


# --------------------------------------------------------------------------------- size of the code


def vaes_by_latent(
    run: Run,
    heads: StudyHeads,
    networks: TrainedNetworks,
    train_one: TrainOne,
    latent_dims: Sequence[int],
) -> dict[int, keras.Model]:
    """VAEs of thesis 002 by the numbers in their code; that of the study is not trained twice.

    Args:
        run: its folder `models/uad_vae_uad_<numbers>/<round>` gets each of them.
        heads: of `open_heads`.
        networks: of `train_each_round`.
        train_one: as of `train_each_round`.
        latent_dims: sizes beside the study's own.

    Returns:
        {numbers in the code: model}, the smallest first; none where the study has no vae_uad.
    """
    if "vae_uad" not in networks.first:
        return {}
    own_options = networks.options.get("vae_uad", {})
    own = own_options.get("latent_dim", 128)
    vaes = {}
    for latent in sorted({own, *latent_dims}):
        vaes[latent] = networks.first["vae_uad"]
        if latent != own:
            options = {**own_options, "latent_dim": latent}
            folder = model_folder(run, f"vae_uad_{latent}", heads.first)
            vaes[latent], _ = train_one("vae_uad", heads.first, folder, options)
    return vaes


def errors_by_latent(vaes: Mapping[int, keras.Model], heads: StudyHeads) -> pd.DataFrame:
    """Errors in and outside of validation lesions, by size of the code.

    Without validation lesions: of healthy test heads. A question of design is not for test lesions.

    Returns:
        table of latent_dim, subject, group, l1_inside, l1_outside, l1_ratio, l2_...
    """
    design = heads.lesions("validation")
    design = design if len(design) else heads.healthy("test")
    rows = []
    for latent, model in vaes.items():
        for row in errors_by_head(model, heads.prepared, design):
            rows.append({"latent_dim": latent, **row})
    return pd.DataFrame(rows)


def copied_by_latent(
    vaes: Mapping[int, keras.Model], healthy: HealthySlices, **lesion: Any
) -> pd.DataFrame:
    """How much of one kind of planted lesion is painted back, by size of the code.

    Args:
        vaes: of `vaes_by_latent`.
        healthy: of `healthy_slices`.
        **lesion: contrasts, radii_px and seed of `measures.copying_audit`.
    """
    rows = []
    for latent, model in vaes.items():
        for row in measures.copying_audit(model, healthy.images, healthy.brain, **lesion):
            rows.append({"latent_dim": latent, **row})
    return pd.DataFrame(rows)


# ------------------------------------------------------------------------------------------ healing


class Healing(NamedTuple):
    """Restorations beside lesion-free twins.

    table: one row per head, way and network; pictures: {kind of lesion: {name: (H, W, 1)}}.
    """

    table: pd.DataFrame
    pictures: dict[str, dict[str, np.ndarray]]


def heal_test_lesions(heads: StudyHeads, scoring: Scoring, *, descent: Mapping) -> Healing:
    """Every restoration of the test lesions that have a lesion-free twin: synthetic ones.

    Args:
        heads: of `open_heads`.
        scoring: of the first round.
        descent: options of `restoration.restore_by_descent`.

    Returns:
        a table of subject, group, way, model, healed, spoilt_outside, and of each kind of lesion
        the first head's pictures; without rows where there is no twin.
    """
    test = heads.lesions("test")
    if "twin_path" not in test:
        return Healing(pd.DataFrame(), {})
    rows, pictures = [], {}
    for row in test[test.twin_path != ""].itertuples():
        head = heads.prepared[row.subject]
        twin = prepare_twin(row, masks=MASKS, mask_method=heads.mask_method, **heads.preparation)
        versions = {(NOTHING, ""): head.images}
        versions |= restored_versions(scoring, head.images, descent=descent)
        about = {"subject": row.subject, "group": row.group}
        rows += [{**about, **healing} for healing in healing_rows(versions, head, twin)]
        del versions[NOTHING, ""]  # the ill slice stands there already
        pictures.setdefault(row.group, healing_pictures(versions, head, twin))
    return Healing(pd.DataFrame(rows), pictures)


def healing_means(healing: Healing) -> pd.DataFrame:
    """Means over the heads of each kind: model, way, group, healed, spoilt_outside, heads."""
    if not len(healing.table):
        return healing.table
    by_way = healing.table.groupby(["model", "way", "group"])
    means = by_way[["healed", "spoilt_outside"]].mean()
    return means.assign(heads=by_way.size()).reset_index()


def photographs_table(
    networks: Mapping[str, keras.Model], photographs: np.ndarray, brains: np.ndarray
) -> pd.DataFrame:
    """How well each network repeats photographs, beside healthy slices (thesis 002, section 5.4).

    Args:
        networks: {name: model}.
        photographs: (N, H, W, 1) in [0, 1].
        brains: healthy slices (M, H, W, 1).

    Returns:
        One row per network: model, error_photographs and error_brains (mean absolute error), and
        both divided by the standard deviation of the pictures' grey values.
    """
    rows = []
    for name, model in networks.items():
        row = {"model": name}
        for kind, pictures in (("photographs", photographs), ("brains", brains)):
            error = np.abs(scores.reconstruct(model, pictures) - pictures).mean()
            row[f"error_{kind}"] = error
            row[f"of_their_spread_{kind}"] = error / pictures.std()
        rows.append(row)
    return pd.DataFrame(rows)
