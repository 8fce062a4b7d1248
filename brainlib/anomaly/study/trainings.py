"""The networks of a study: one of each kind in every round, and how each of them is asked.

Thesis 002 trains each of its networks once (section 4.2.3).
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from brainlib import models
from brainlib.anomaly import scores
from brainlib.anomaly.model_records import ModelRecord
from brainlib.anomaly.study.detectors import ALL, Detector, Scoring
from brainlib.anomaly.study.networks import prior_options
from brainlib.anomaly.study.people import StudyHeads
from brainlib.evaluation import features
from brainlib.evaluation.studies import Round
from brainlib.record import Run
from brainlib.training import Recipe, perceptual, recipe

TrainOne = Callable[[str, Round, Path, Mapping], tuple[keras.Model, pd.DataFrame]]
PROBE = 64  # slices on which the time of a network is taken


@dataclass(frozen=True)
class TrainedNetworks:
    """The networks of a study, trained on healthy people alone.

    Attributes:
        models: {name of the round: {name of the network: model}}.
        history: one row per epoch, with the columns model and round.
        options: {name of the network: its options}.
    """

    models: Mapping[str, Mapping[str, keras.Model]]
    history: pd.DataFrame
    options: Mapping[str, Mapping]

    @property
    def first(self) -> Mapping[str, keras.Model]:
        """Those of the first round: {name: model}."""
        return next(iter(self.models.values()))

    def history_of(self, name: str) -> pd.DataFrame:
        """The epochs of a network in the first round."""
        first = next(iter(self.models))
        return self.history[(self.history.model == name) & (self.history["round"] == first)]


def model_folder(run: Run, name: str, one_round: Round) -> Path:
    """Where a network of a round lies; `python -m brainlib.anomaly` finds it there."""
    return run.path("models", f"uad_{name}", one_round.name)


def recipe_for(name: str, usual: str, epochs: int) -> str | Recipe:
    """The recipe of a network; "fast" is that of its family, and a VQGAN's lets its critic in.

    Ours lets it in after a third of the epochs. Thesis 002 says nothing of it; with its recipe the
    critic joins after 100 epochs, or a third of fewer.
    """
    if name != "vqgan_uad":
        families = {"fast": "fast-vae" if name.startswith("vae") else "fast-vqvae"}
        return families.get(usual, usual)
    if usual == "002":
        return recipe("002", loss="l1", adversarial_start=min(100, epochs // 3))
    own = "fast-vqgan" if usual == "fast" else "vqgan"
    return recipe(own, adversarial_start=epochs // 3)


@dataclass
class PerceptualLoss:
    """Through which network a VQGAN's perceptual loss looks (thesis 002, section 3.3).

    VGG16 where its weights are at hand, else a feature network that is trained here on the slices
    of the round's training people.

    Attributes:
        run: its folder `models/uad_features/<round>` gets each feature network.
        heads: of `open_heads`.
        vgg16: file of VGG16's weights; "": Keras's own copy, where it has one.
        training: epochs, steps_an_epoch and seed of the feature network.
    """

    run: Run
    heads: StudyHeads
    vgg16: str
    training: Mapping
    _names: dict = field(default_factory=dict, repr=False)

    def options_for(self, name: str, one_round: Round, options: Mapping) -> dict[str, Any]:
        """What `training.load_or_fit` needs for a network: maps for a VQGAN, nothing for others."""
        if name != "vqgan_uad":
            return {}
        weights = perceptual.vgg16_weights(self.vgg16)
        if weights:
            maps = perceptual.vgg16_maps(weights)
        else:
            maps = perceptual.maps_of(self._feature_space(name, one_round, options))
        self._names[one_round.name] = maps.name
        return {"maps": maps}

    def _feature_space(self, name, one_round, options):
        images, subjects, places = self.heads.training_slices(one_round, name, options)
        folder = self.run.path("models", "uad_features", one_round.name)
        return features.train(images, subjects, places, folder, **self.training)

    @property
    def name(self) -> str:
        """The network that it looked through in the first round that asked; "" where none did."""
        return next(iter(self._names.values()), "")

    def in_words(self) -> str:
        """Which network it was, as a sentence."""
        if not self.name:
            return "No VQGAN among the networks, so no perceptual loss."
        return f"The VQGAN's perceptual loss looks through: **{self.name}**."


def train_each_round(
    run: Run,
    heads: StudyHeads,
    names: Sequence[str],
    train_one: TrainOne,
    options: Mapping[str, Mapping],
) -> TrainedNetworks:
    """Trains every network once in every round, or loads what is there.

    Beside each lies a record of how its slices were prepared.

    Args:
        run: its folder `models/uad_<name>/<round>` gets each network.
        heads: of `open_heads`.
        names: of the networks.
        train_one: (name, round, folder, options) -> (model, history).
        options: {name: options of the network}.
    """
    networks, histories = {}, []
    for one_round in heads.rounds:
        networks[one_round.name] = {}
        for name in names:
            folder = model_folder(run, name, one_round)
            model, history = train_one(name, one_round, folder, options.get(name, {}))
            networks[one_round.name][name] = model
            ModelRecord(heads.preparation, heads.post, heads.mask_method).save(folder)
            histories.append(history.assign(model=name, round=one_round.name))
    history = pd.concat(histories, ignore_index=True)
    return TrainedNetworks(networks, history, options)


def networks_table(networks: TrainedNetworks, heads: StudyHeads) -> pd.DataFrame:
    """The networks of the first round: weights, what carries a slice, and time.

    Returns:
        one row per network: model, trainable, latent_numbers, pixels, bits, epochs,
        training_seconds, ms_a_slice.
    """
    tests = [heads.prepared[name].images for name in heads.healthy("test").subject]
    probe = np.concatenate(tests)[:PROBE]
    rows = []
    for name, model in networks.first.items():
        about, history = models.describe(model), networks.history_of(name)
        rows.append(
            {
                "model": name,
                "trainable": about["trainable"],
                "latent_numbers": about["latent"],
                "pixels": about["pixels"],
                "bits": about.get("bits", np.nan),
                "epochs": int(history.epoch.max()),
                "training_seconds": history.seconds.sum(),
                "ms_a_slice": 1000 * _seconds(model, probe) / len(probe),
            }
        )
    return pd.DataFrame(rows)


def _seconds(model: keras.Model, images: np.ndarray) -> float:
    """Seconds of one reconstruction, once it is traced."""
    scores.reconstruct(model, images)
    began = time.perf_counter()
    scores.reconstruct(model, images)
    return time.perf_counter() - began


# ----------------------------------------------------------------------------- how they are asked


@dataclass
class ScoringByRound:
    """How the networks of each round score heads; priors over codes are trained when asked for.

    Attributes:
        run: its folder `models/uad_<name>_prior/<round>` gets each prior.
        heads: of `open_heads`.
        networks: of `train_each_round`.
        methods: ways to score, of `scores.METHODS`.
        descent: options of `restoration.restore_by_descent`.
        samples: draws behind the reconstruction probability.
        prior: settings of `prior_options`: epochs, width, restorations, seed, ...
    """

    run: Run
    heads: StudyHeads
    networks: TrainedNetworks
    methods: Sequence[str]
    descent: Mapping
    samples: int
    prior: Mapping
    _rows: list = field(default_factory=list, repr=False)

    def of(self, one_round: Round, detectors: Collection[Detector] | None = None) -> Scoring:
        """The networks of a round with all options that scoring needs.

        Args:
            one_round: of the heads' rounds.
            detectors: those that will score, all methods where it is left out; without one that
                asks a prior none is trained.
        """
        methods = self.methods
        if detectors is not None:
            methods = [detector.method for detector in detectors]
        networks = self.networks.models[one_round.name]
        options = self._options_without_prior()
        if any(method.startswith("prior") for method in methods):
            for name, model in networks.items():
                if models.is_vq(model):
                    options |= self._prior_options(name, model, one_round)
        return Scoring(networks, self.heads.prepared, self.heads.post, options)

    @property
    def priors(self) -> pd.DataFrame:
        """The priors that were trained so far, one row each.

        Columns: model, round, bits_a_code (on healthy validation slices), bits_without_prior,
        replaced_from_bits (codes that cost more are replaced by restoration).
        """
        columns = ["model", "round", "bits_a_code", "bits_without_prior", "replaced_from_bits"]
        return pd.DataFrame(self._rows, columns=columns)

    def _options_without_prior(self) -> dict[Any, Mapping]:
        restoring = [name for name in self.methods if name.startswith("restoration")]
        options = {name: dict(self.descent) for name in restoring}
        return options | {"reconstruction_probability": {"samples": self.samples}}

    def _prior_options(self, name, model, one_round):
        own = self.networks.options.get(name, {})
        train, validation = self.heads.batches(one_round, name, own)
        options, history = prior_options(
            model,
            train.images(),
            validation.images(),
            folder=self.run.path("models", f"uad_{name}_prior", one_round.name),
            **self.prior,
        )
        row = {
            "model": name,
            "round": one_round.name,
            "bits_a_code": min(history.val_bits),
            "bits_without_prior": float(np.log2(model.quantizer.codebook_size)),
            "replaced_from_bits": options["prior_restoration"]["threshold_bits"],
        }
        self._rows.append(row)
        return {(name, method): given for method, given in options.items()}


def save_records(
    run: Run,
    heads: StudyHeads,
    scoring: Scoring,
    thresholds: Mapping[Detector, Mapping],
    methods: Sequence[str],
) -> None:
    """Writes beside each network of the first round how its maps are made and were judged.

    `python -m brainlib.anomaly` then makes the maps that the notebook judged.

    Args:
        run: of the notebook.
        heads: of `open_heads`.
        scoring: of the first round.
        thresholds: {detector: `detector_thresholds` of it}; baselines need no record.
        methods: all that were asked; the record keeps the options of those that fit.
    """
    for detector, limits in thresholds.items():
        if detector.baseline:
            continue
        name, prior, options = detector.model, None, {}
        for method in methods:
            if scores.is_applicable(method, scoring.networks[name]):
                options[method] = scoring.recipe(Detector(name, method)).options
        if (name, "prior_surprise") in scoring.options:
            prior = run.path("models", f"uad_{name}_prior", heads.first.name, "prior.keras")
        record = ModelRecord(
            heads.preparation,
            heads.post,
            heads.mask_method,
            detector.method,
            options,
            prior,
            limits[ALL],
        )
        record.save(model_folder(run, name, heads.first))
