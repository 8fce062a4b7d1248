"""Corrupted slices and what filters and networks make of them; a person counts once."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation import stats
from brainlib.evaluation.studies.classical import Filters
from brainlib.evaluation.studies.quality import measured
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.slices import corruptions

DOING_NOTHING = "input"  # the corrupted slice itself, as tables call it
MOST_SLICES = 60  # of a person, about; up to twice as many, since every so-many-th is taken
METRICS = ["mse", "dssim", "ssim", "psnr"]
COMPARED = ["a", "b", "difference", "d_z", "p_t", "p_t_holm", "p_wilcoxon", "subjects"]


def restored_people(
    trained: Mapping[str, Trained],
    slices: SplitSlices,
    kinds: Sequence[str] | Mapping[str, corruptions.Preset],
    *,
    seed: int,
    most_slices: int = MOST_SLICES,
    filters: Filters | None = None,
) -> pd.DataFrame:
    """How far corrupted slices and their restorations are from the clean ones, by test person.

    All networks get the same corrupted slices. Each is tested on the people of its own round.

    Args:
        trained: name -> `Trained`.
        slices: of `open_slices`.
        kinds: corruptions: names of presets, or {name: `Preset`}; "none" is the clean slice.
        seed: of the corruptions.
        most_slices: of a person, about.
        filters: of `chosen_filters`.

    Returns:
        One row per corruption, model and test person: doing nothing, filters, networks. Columns:
        `input` (the corruption), `model`, `subject`, means over slices and random seeds of mse,
        dssim, ssim and psnr (dB; NaN for an untouched slice, where it is infinite), and
        `random_seeds`, how many.
    """
    presets = kinds if isinstance(kinds, Mapping) else {name: name for name in kinds}
    rows = []
    for one_round in slices.rounds:
        table = _every_so_many(slices.of(one_round.test), most_slices)
        target = slices.pictures(table)
        networks = _of_round(trained, one_round.name)
        for kind, preset in presets.items():
            inputs = corruptions.corrupt(target, preset, seed=seed, indices=table.row.to_numpy())
            outputs = [(DOING_NOTHING, 0, inputs)]
            for name, restore in (filters or {}).get(one_round.name, {}).items():
                outputs.append((name, 0, restore(inputs)))
            for name, random_seed, network in networks:
                outputs.append((name, random_seed, models.reconstruct(network, inputs)))
            for name, random_seed, output in outputs:
                known = {"input": kind, "model": name, "random_seed": random_seed}
                rows.append(measured(target, output, table.subject, **known))
    each = pd.concat(rows, ignore_index=True).replace(np.inf, np.nan)
    groups = each.groupby(["input", "model", "subject"], sort=False)
    found = groups[METRICS].mean()
    return found.assign(random_seeds=groups.random_seed.nunique()).reset_index()


def _every_so_many(table: pd.DataFrame, most_slices: int) -> pd.DataFrame:
    """Every so-many-th slice of each person, the same step for all."""
    step = max(1, len(table) // (most_slices * table.subject.nunique()))
    return table[table.groupby("subject").cumcount() % step == 0]


def _of_round(
    trained: Mapping[str, Trained], round_name: str
) -> list[tuple[str, int, keras.Model]]:
    """(name, random seed, network) of all networks that were trained in a round."""
    found = []
    for name, several in trained.items():
        for (place, random_seed), network in several.models.items():
            if place == round_name:
                found.append((name, random_seed, network))
    return found


def restoration_table(by_person: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Means over people with the 95 % interval of DSSIM, one row per corruption and model.

    Args:
        by_person: of `restored_people`.
        seed: of the bootstrap over people.
    """
    rows = []
    for (kind, name), part in by_person.groupby(["input", "model"], sort=False):
        interval = stats.bootstrap_interval(part.dssim, part.subject, seed=seed)
        rows.append(
            {
                "input": kind,
                "model": name,
                "mse": part.mse.mean(),
                "psnr": part.psnr.mean(),
                "dssim": part.dssim.mean(),
                "dssim_low": interval.low,
                "dssim_high": interval.high,
                "subjects": len(part),
                "random_seeds": int(part.random_seeds.max()),
            }
        )
    return pd.DataFrame(rows)


def restoration_comparisons(
    by_person: pd.DataFrame, corruption: str, *, among: Sequence[str] | None = None
) -> pd.DataFrame:
    """DSSIM of every pair under one corruption, doing nothing among them, paired over people.

    Args:
        by_person: of `restored_people`.
        corruption: one of its column `input`.
        among: names of the models that are compared; all when absent.

    Returns:
        One row per pair: `a`, `b`, `difference` (a - b), `d_z`, p-values and `subjects`, see
        `stats.compare_all`.
    """
    values = by_person[by_person["input"] == corruption]
    wide = values.pivot(index="subject", columns="model", values="dssim")
    named = {name: wide[name].to_numpy() for name in among or values.model.unique()}
    return pd.DataFrame(stats.compare_all(named, np.asarray(wide.index)))[COMPARED]
