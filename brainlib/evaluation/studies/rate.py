"""Rate and distortion: the bits that a slice costs, and how well it comes back from them.

rates = studies.rate_distortion(comparison)
studies.rates_by_model(rates)

A network that bypasses its code, as the restoring autoencoders do, has no rate, and is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation import stats
from brainlib.evaluation.studies.baselines import linear_code
from brainlib.evaluation.studies.model_comparison import (
    ModelComparison,
    batches_of,
    training_pictures,
)
from brainlib.evaluation.studies.quality import measured
from brainlib.evaluation.studies.quantised_pca import MOST_NUMBERS, quantise, quantised_name
from brainlib.evaluation.studies.saved_networks import Network
from brainlib.evaluation.studies.split_slices import Round
from brainlib.models.layers import kl_by_dimension
from brainlib.models.layers.vq import bits_an_image

CURVE = (64, 128, 256, 512, 1024, 2048)  # bits of a slice at which rounded PCA is tried
PCA_CURVE = "PCA, rounded"
OF_A_PAGE = "codes, each as long as any other"
OF_A_POSTERIOR = "KL of the posterior: in theory"
OF_A_PRIOR = "codes, by how likely the prior takes them to be"
OF_LEVELS = "rounded numbers"


@dataclass(frozen=True)
class Rated:
    """What came back of some slices, and what each cost.

    Attributes:
        bits: (N,) of each slice.
        output: (N, H, W, 1).
    """

    bits: np.ndarray
    output: np.ndarray


def bits_of_slices_in(model: keras.Model, pictures: np.ndarray) -> np.ndarray | None:
    """Bits that a network's code of each picture costs: (N,); None where it has no code to count.

    The page of a VQ-VAE or VQGAN has `places * log2(codes)`. A VAE's draw from its posterior can be
    sent for the KL divergence from N(0, 1) to the posterior, in theory (bits back: Hinton and van
    Camp, 1993; Townsend et al., 2019).

    Args:
        model: a network of `models.build`.
        pictures: (N, H, W, 1).
    """
    if models.is_vq(model):
        bits = bits_an_image(model.quantizer.codebook.shape[0], model.grid)
        return np.full(len(pictures), float(bits))
    if models.is_vae(model):
        mean, log_var, _ = models.outputs_of(models.encoder(model), pictures)
        nats = np.asarray(kl_by_dimension(mean, log_var), float).sum(axis=-1)
        return nats / np.log(2)
    return None


def rate_distortion(
    comparison: ModelComparison, *, slices_per_person: int = 0, curve: Iterable[int] = CURVE
) -> pd.DataFrame:
    """Bits and quality of every network with a code, and of rounded PCA at as many bits.

    Each round's test people alone; clean slices. A VAE decodes a draw from its posterior, which is
    what its bits pay for, and not the mean. Several random seeds count as their mean.

    Args:
        comparison: whose networks are rated.
        slices_per_person: at most, evenly spread; 0 for all.
        curve: further bits of a slice for PCA.

    Returns:
        One row per slice and model: `subject`, `row`, `model`, `bits_are` (in words), `rival` (the
        PCA with as many bits; "" of a PCA), `bits_a_slice`, mse, dssim, ssim, psnr (dB).
    """
    parts = []
    for one_round in comparison.slices.rounds:
        table = comparison.test_slices(one_round, slices_per_person)
        rated = [
            _of_network(comparison, one_round, table, name, network)
            for name, network in comparison.networks.items()
        ]
        rated = [part for part in rated if len(part)]
        wanted = {int(round(part.bits_a_slice.mean())) for part in rated} | set(curve)
        parts += rated
        parts += list(_of_pca(comparison, one_round, table, sorted(wanted)))
    return pd.concat(parts, ignore_index=True)


def _of_network(
    comparison: ModelComparison, one_round: Round, table: pd.DataFrame, name: str, network: Network
) -> pd.DataFrame:
    """The rows of one network; none where it has no rate."""
    trainings = network.of_round(one_round.name)
    kind = OF_A_PAGE if models.is_vq(trainings[0]) else OF_A_POSTERIOR
    parts = []
    for random_seed, model in enumerate(trainings):
        for some in batches_of(table):
            target = comparison.slices.pictures(some)
            bits = bits_of_slices_in(model, target)
            if bits is None:
                return pd.DataFrame()
            draws = models.is_vae(model)
            output = models.reconstruct(model, target, sample=draws, seed=comparison.seed)
            rows = _rows(some, target, Rated(bits, np.clip(output, 0, 1)))
            parts.append(rows.assign(random_seed=random_seed))
    rows = pd.concat(parts).groupby(["subject", "row"], sort=False).mean().reset_index()
    rival = quantised_name(int(round(rows.bits_a_slice.mean())))
    rows = rows.drop(columns="random_seed")
    return rows.assign(model=name, bits_are=kind, rival=rival)


def _of_pca(
    comparison: ModelComparison, one_round: Round, table: pd.DataFrame, wanted: Iterable[int]
) -> Iterator[pd.DataFrame]:
    known = training_pictures(comparison.slices, one_round)
    code = linear_code(known, min(MOST_NUMBERS, len(known) - 1), seed=comparison.seed)
    for bits in wanted:
        rounded = quantise(code, known, bits)
        for some in batches_of(table):
            target = comparison.slices.pictures(some)
            rows = _rows(some, target, Rated(np.full(len(some), bits), rounded.rebuild(target)))
            yield rows.assign(model=quantised_name(bits), bits_are=OF_LEVELS, rival="")


def _rows(table: pd.DataFrame, target: np.ndarray, rated: Rated) -> pd.DataFrame:
    rows = measured(target, rated.output, table.subject)
    return rows.assign(row=table.row.to_numpy(), bits_a_slice=rated.bits)


def rates_by_model(rates: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Bits and PSNR of each model over people: rounded PCA first, each kind by its bits.

    Args:
        rates: of `rate_distortion`.
        seed: of the bootstrap.

    Returns:
        One row per model: `model`, `bits_are`, `bits_a_slice`, `psnr` with `low` and `high` (95 %
        over people), `dssim`, `people`. PCA at bits that only some rounds asked for is left out.
    """
    everybody = rates.subject.nunique()
    rows = []
    for (name, kind), part in rates.groupby(["model", "bits_are"], sort=False):
        if kind == OF_LEVELS and part.subject.nunique() < everybody:
            continue
        interval = stats.bootstrap_interval(part.psnr, part.subject, seed=seed)
        by_person = part.groupby("subject")[["bits_a_slice", "dssim"]].mean().mean()
        about = {"model": name, "bits_are": kind, "bits_a_slice": by_person.bits_a_slice}
        about |= {"psnr": interval.mean, "low": interval.low, "high": interval.high}
        rows.append({**about, "dssim": by_person.dssim, "people": part.subject.nunique()})
    table = pd.DataFrame(rows).sort_values("bits_a_slice", ignore_index=True)
    pca_first = (table.bits_are != OF_LEVELS).sort_values(kind="stable").index
    return table.loc[pca_first].reset_index(drop=True)


def with_priors(by_model: pd.DataFrame, bits_by_prior: Mapping[str, float]) -> pd.DataFrame:
    """The same pages once more, where a prior over the codes makes likely ones cheaper.

    Args:
        by_model: of `rates_by_model`.
        bits_by_prior: network -> bits of a slice that its prior leaves.

    Returns:
        `by_model` with a row more for each of these networks, of the same quality.
    """
    known = by_model.set_index("model", drop=False)
    rows = [by_model]
    for name, bits in bits_by_prior.items():
        again = known.loc[[name]].assign(bits_a_slice=bits, bits_are=OF_A_PRIOR)
        rows.append(again)
    return pd.concat(rows, ignore_index=True)


def rate_points(by_model: pd.DataFrame) -> pd.DataFrame:
    """What a figure of rates needs: `family` (PCA is one curve) and `label` beside the table.

    Names stand at the points, because a grey print has no colours. A code of no bits at all has no
    place on a logarithmic axis.
    """
    shown = by_model[by_model.bits_a_slice > 0]
    is_pca = shown.bits_are == OF_LEVELS
    family = shown.model.where(~is_pca, PCA_CURVE)
    label = shown.model.where(~is_pca, "").where(shown.bits_are != OF_A_PRIOR, "by its prior")
    return shown.assign(family=family, label=label)


def against_as_many_bits(rates: pd.DataFrame) -> Iterator[tuple[str, str, stats.PairedDifference]]:
    """Each network against PCA that is rounded to as many bits, person by person, by PSNR.

    Args:
        rates: of `rate_distortion`.

    Yields:
        (network, rival, the paired difference in dB).
    """
    each = rates.pivot_table(index=["subject", "row"], columns="model", values="psnr")
    for name, part in rates[rates.rival != ""].groupby("model", sort=False):
        rival_of = part.set_index(["subject", "row"]).rival
        rival = pd.Series({place: each.at[place, other] for place, other in rival_of.items()})
        ours = part.set_index(["subject", "row"]).psnr
        people = ours.index.get_level_values("subject")
        names = " or ".join(dict.fromkeys(rival_of))
        yield name, names, stats.paired_difference(ours, rival.loc[ours.index], people)
