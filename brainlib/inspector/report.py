"""The inspector's report: all questions that a model and a batch of images can answer.

report = inspector.inspect("model.keras", images)
report.table()                                       # one row per question
inspector_figures.report_figure(report)
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from brainlib.evaluation import probes
from brainlib.inspector import (
    data_checks,
    latent_checks,
    loss,
    network_checks,
    people_checks,
)
from brainlib.inspector.findings import Finding
from brainlib.inspector.latents import Codes, Posterior, codes, posterior
from brainlib.inspector.networks import reconstruct, unwrapped
from brainlib.inspector.reading import as_images, load
from brainlib.models.layers.vq import code_shares


@dataclass(frozen=True)
class Report:
    """What was found about one model.

    Attributes:
        name: of the model.
        kind: "VAE", "VQ-VAE" or "autoencoder"; "unknown" where its numbers are not finite.
        findings: tuple of `Finding`.
        arrays: what the figure draws: `inputs` and `outputs` by probe, `targets`,
            `variance_lost` by probe (N,), `kl` by unit, `shares` of codes, `dead` by layer.
    """

    name: str
    kind: str
    findings: tuple[Finding, ...]
    arrays: dict

    def table(self) -> pd.DataFrame:
        """One row per finding."""
        return pd.DataFrame([asdict(finding) for finding in self.findings])

    def flagged(self) -> list[str]:
        """Names of the findings that are faults."""
        return [finding.name for finding in self.findings if finding.flagged]

    def __getitem__(self, name: str) -> Finding:
        by_name = {finding.name: finding for finding in self.findings}
        if name not in by_name:
            raise KeyError(f"finding: expected one of {', '.join(by_name)}, got {name!r}.")
        return by_name[name]


@dataclass
class _Inspection:
    """A model at work: what went in, what came out, and what was found so far.

    Attributes:
        model: as it was given; it may only train the network.
        network: from image to image.
        inputs: {probe: (N, H, W, C)}; "brains" are the images.
        outputs: {probe: (N, H, W, C)} of the network.
        targets: (N, H, W, C) for the brains.
        batch_size: pictures at a time.
        arrays: what the figure draws.
    """

    model: keras.Model
    network: keras.Model
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    targets: np.ndarray
    batch_size: int
    arrays: dict = field(init=False)

    def __post_init__(self):
        if self.brains_out.shape != self.targets.shape:
            raise ValueError(
                f"{self.network.name}: expected outputs like its targets, {self.targets.shape}, "
                f"got {self.brains_out.shape}."
            )
        self.arrays = {"inputs": self.inputs, "outputs": self.outputs, "targets": self.targets}

    @property
    def brains(self) -> np.ndarray:
        return self.inputs["brains"]

    @property
    def brains_out(self) -> np.ndarray:
        return self.outputs["brains"]


def inspect(
    model: keras.Model | Path | str,
    images: np.ndarray,
    *,
    targets: np.ndarray | None = None,
    outputs: np.ndarray | None = None,
    subjects: Sequence | None = None,
    sources: Sequence | None = None,
    train_subjects: Sequence | None = None,
    train_images: np.ndarray | None = None,
    loss_weights: tuple[float, float] | None = None,
    loss_variance: float | None = None,
    seed: int = 0,
    batch_size: int = 16,
) -> Report:
    """Asks a model and a batch of images all questions that they can answer.

    Args:
        model: from image to image, or the path of a `.keras` file.
        images: (N, H, W, C), 2 or more, as the model takes them; 24 or more of several people
            are a good measure.
        targets: what the model should give; the images themselves when absent.
        outputs: reconstructions as somebody shows them beside the images, to see whether they
            belong together.
        subjects: whose image each is, (N,).
        sources: the site or the data set of each image, (N,), of healthy people; needs subjects.
        train_subjects: whose images the model was trained (or validated, for the other set) on.
        train_images: pictures it was trained on, (M, H, W, C).
        loss_weights: (factor of the mean squared error, factor of the KL), where the model does
            not say.
        loss_variance: the data variance by which a VQ-VAE's loss divides its error, where the
            model does not say.
        seed: random seed of the probes.
        batch_size: pictures at a time.

    Returns:
        a `Report`.
    """
    inspection = _run_probes(model, images, targets, seed, batch_size)
    broken = network_checks.not_finite(inspection.network, inspection.brains_out)
    findings = [broken, *_about_data(inspection, outputs, loss_variance)]
    findings += _about_people(inspection, subjects, sources, train_subjects, train_images)
    kind = "unknown"
    if not broken.flagged:
        kind, of_latent = _about_latent(inspection, loss_weights)
        findings += [*of_latent, *_about_network(inspection)]
    answered = tuple(finding for finding in findings if finding is not None)
    return Report(inspection.model.name, kind, answered, inspection.arrays)


def _run_probes(
    model: keras.Model | Path | str,
    images: np.ndarray,
    targets: np.ndarray | None,
    seed: int,
    batch_size: int,
) -> _Inspection:
    """Sends the images and the other probes through a model."""
    model = load(model) if isinstance(model, (str, Path)) else model
    network = unwrapped(model)
    images = as_images(images, "images")
    targets = images if targets is None else as_images(targets, "targets", images.shape)
    inputs = probes.probes(images, seed=seed)
    outputs = {}
    for name, pictures in inputs.items():
        outputs[name] = reconstruct(network, pictures, batch_size=batch_size)
    return _Inspection(model, network, inputs, outputs, targets, batch_size)


def _about_data(
    inspection: _Inspection, shown_outputs: np.ndarray | None, loss_variance: float | None
) -> Iterator[Finding | None]:
    """Whether pictures, outputs and the loss's scale belong together."""
    targets, made = inspection.targets, inspection.brains_out
    yield data_checks.targets_out_of_reach(inspection.network, targets, made)
    yield data_checks.data_variance(inspection.model, inspection.brains, loss_variance)
    if not np.isfinite(made).all():
        return
    if shown_outputs is None:
        yield data_checks.outputs_of_other_images(targets, made)
    else:
        shown_outputs = as_images(shown_outputs, "outputs", targets.shape)
        yield data_checks.outputs_of_other_images(targets, shown_outputs, made)


def _about_people(
    inspection: _Inspection,
    subjects: Sequence | None,
    sources: Sequence | None,
    train_subjects: Sequence | None,
    train_images: np.ndarray | None,
) -> Iterator[Finding | None]:
    """Whether people were seen in training, and whether the error knows their scanner."""
    _check_lengths(len(inspection.brains), subjects=subjects, sources=sources)
    if sources is not None and subjects is None:
        raise ValueError(
            "sources: expected subjects, too, since slices of one head are not independent. "
            "Give subjects=..."
        )
    if sources is not None and np.isfinite(inspection.brains_out).all():
        errors = ((inspection.targets - inspection.brains_out) ** 2).mean(axis=(1, 2, 3))
        yield people_checks.error_knows_source(errors, sources, subjects)
    if subjects is not None and train_subjects is not None:
        yield people_checks.subjects_in_training(subjects, train_subjects)
    if train_images is not None:
        train_images = as_images(train_images, "train_images")
        yield people_checks.pictures_in_training(inspection.brains, train_images)


def _check_lengths(count: int, **by_image: Sequence | None) -> None:
    for name, values in by_image.items():
        if values is not None and len(values) != count:
            raise ValueError(
                f"{name}: expected one for each of the {count} images, got {len(values)}."
            )


def _about_latent(
    inspection: _Inspection, given_weights: tuple[float, float] | None
) -> tuple[str, list[Finding | None]]:
    """(kind of the model, findings about its latent)."""
    network, brains = inspection.network, inspection.brains
    findings = [latent_checks.latent_size(network)]
    found = posterior(network, brains, batch_size=inspection.batch_size)
    if found is not None:
        return "VAE", findings + _about_posterior(inspection, found, given_weights)
    coded = codes(network, brains, batch_size=inspection.batch_size)
    if coded is not None:
        return "VQ-VAE", findings + _about_codes(inspection, coded)
    findings.append(network_checks.depends_on_input(brains, inspection.brains_out))
    return "autoencoder", findings


def _about_posterior(
    inspection: _Inspection, found: Posterior, given_weights: tuple[float, float] | None
) -> list[Finding | None]:
    inspection.arrays["kl"] = found.kl().mean(axis=0)
    error = float(np.mean((inspection.targets - inspection.brains_out) ** 2))
    weights = loss.loss_weights(inspection.model, inspection.inputs, given=given_weights)
    pixels = math.prod(inspection.brains.shape[1:])
    return [
        latent_checks.posterior_bits(found),
        latent_checks.active_units(found),
        latent_checks.posterior_against_prior(found),
        latent_checks.assumed_variance(weights, pixels, error),
    ]


def _about_codes(inspection: _Inspection, found: Codes) -> list[Finding | None]:
    inspection.arrays["shares"] = code_shares(found.codes, len(found.codebook))
    return [latent_checks.code_bits(found), latent_checks.codebook_use(found)]


def _about_network(inspection: _Inspection) -> list[Finding | None]:
    """Whether the network is alive and up to date, and whether it copies."""
    network, brains = inspection.network, inspection.brains
    options = {"batch_size": inspection.batch_size}
    by_layer = network_checks.dead_units(network, brains, **options)
    lost = {}
    for name, pictures in inspection.inputs.items():
        lost[name] = probes.variance_lost(pictures, inspection.outputs[name])
    inspection.arrays |= {"dead": by_layer, "variance_lost": lost}
    medians = {name: float(np.median(shares)) for name, shares in lost.items()}
    moved = network_checks.batch_norm_moved(network)
    findings = [
        network_checks.dead_unit_share(by_layer),
        moved,
        network_checks.copying(medians),
    ]
    if moved is not None and not moved.flagged:
        findings.append(network_checks.batch_norm_fits_images(network, brains, **options))
    return findings
