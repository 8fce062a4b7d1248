"""Rebuilt pictures: how near, how sharp, and whether a critic made them sharper; people count once.

by_person = studies.sharpness_by_person(quality)                   # of rebuilt_quality
summary = studies.sharpness_summary(by_person)
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation.stats import (
    PairedDifference,
    bootstrap_interval,
    compare_pair,
    holm,
    paired_difference,
    verdict,
)
from brainlib.evaluation.stats import finding as finding_of
from brainlib.evaluation.studies.quality import measured
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices

MEASURED = ("mse", "psnr", "ssim", "energy", "original_energy")
SUMMARISED = ("psnr", "ssim", "energy_ratio", "energy_gap")
COMPARED = {"psnr": "higher", "ssim": "higher", "energy_gap": "lower"}  # and what is better
ALLOWED_DB = 2.0  # that a VQGAN may lose against a VQ-VAE

Energy = Callable[[np.ndarray], np.ndarray]  # pictures (N, H, W, 1) -> (N,)


def rebuilt_quality(
    trained: Mapping[str, Trained], slices: SplitSlices, gradient_energy: Energy
) -> pd.DataFrame:
    """One row per network, round, random seed and test person: means over that person's slices.

    Columns: model, round, random_seed, subject, mse, psnr (dB), ssim, energy (of the rebuilt
    slices) and original_energy.

    Args:
        trained: name -> `Trained`; each network sees the test people of its own round alone.
        slices: of `open_slices`.
        gradient_energy: of pictures.
    """
    rounds = {one.name: one for one in slices.rounds}
    rows = []
    for name, several in trained.items():
        for (round_name, random_seed), model in several.models.items():
            table = slices.of(rounds[round_name].test)
            target = slices.pictures(table)
            output = models.reconstruct(model, target)
            energies = {
                "energy": gradient_energy(output),
                "original_energy": gradient_energy(target),
            }
            each = measured(target, output, table.subject, **energies)
            means = each.groupby("subject")[list(MEASURED)].mean().reset_index()
            known = {"model": name, "round": round_name, "random_seed": random_seed}
            rows.append(means.assign(**known))
    return pd.concat(rows, ignore_index=True)


def sharpness_by_person(quality: pd.DataFrame) -> pd.DataFrame:
    """One row per model and test person, means over random seeds.

    Columns: model, subject, those of `rebuilt_quality`, energy_ratio (over the original's energy;
    1 is as sharp) and energy_gap (the size of its logarithm; 0 is as sharp).
    """
    groups = quality.groupby(["model", "subject"], sort=False)
    table = groups[list(MEASURED)].mean().reset_index()
    table["energy_ratio"] = table.energy / table.original_energy
    table["energy_gap"] = np.abs(np.log(table.energy_ratio))
    return table


def sharpness_summary(by_person: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Means over test people with 95 % intervals by bootstrap, one row per model.

    Columns: model, subjects, and psnr, ssim, energy_ratio and energy_gap, each with its `_low`
    and `_high`.

    Args:
        by_person: of `sharpness_by_person`.
        seed: random seed of the bootstrap.
    """
    rows = []
    for name, part in by_person.groupby("model", sort=False):
        row = {"model": name, "subjects": part.subject.nunique()}
        for metric in SUMMARISED:
            found = bootstrap_interval(part[metric], part.subject, seed=seed)
            row |= {metric: found.mean, f"{metric}_low": found.low, f"{metric}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def comparisons_with(by_person: pd.DataFrame, model: str, *, seed: int = 0) -> pd.DataFrame:
    """A model minus each other one, person by person, corrected for their number (Holm).

    Columns: measure, better_is, comparison, difference, low, high (bootstrap over people), p_t,
    d_z, subjects, p_t_holm.

    Args:
        by_person: of `sharpness_by_person`.
        model: whose differences from the others are taken.
        seed: random seed of the bootstrap.
    """
    others = [name for name in by_person.model.unique() if name != model]
    rows = []
    for measure, better in COMPARED.items():
        for other in others:
            ours, theirs, people = pair(by_person, measure, model, other)
            tests = compare_pair(ours, theirs, people)
            spread = bootstrap_interval(ours - theirs, people, seed=seed)
            rows.append(
                {
                    "measure": measure,
                    "better_is": better,
                    "comparison": f"{model} - {other}",
                    "difference": spread.mean,
                    "low": spread.low,
                    "high": spread.high,
                    **{name: tests[name] for name in ("p_t", "d_z", "subjects")},
                }
            )
    table = pd.DataFrame(rows)
    return table.assign(p_t_holm=holm(table.p_t))


def pair(
    by_person: pd.DataFrame, measure: str, model: str, other: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A measure of two models on the people that both rebuilt: (model's, other's, people)."""
    wide = by_person.pivot(index="subject", columns="model", values=measure)
    both = wide[[model, other]].dropna()
    return both[model].to_numpy(), both[other].to_numpy(), both.index.to_numpy()


# --------------------------------------------------------------------------- the two targets


def sharper(by_person: pd.DataFrame, model: str, other: str) -> dict[str, object]:
    """The verdict on the claim that a model's gradient energy is nearer to the originals'."""
    found = paired_difference(*pair(by_person, "energy_gap", model, other))
    return finding_of(found, a=model, b=other, better="lower", unit="in |log ratio|")


def not_much_worse(
    by_person: pd.DataFrame, model: str, other: str, *, allowed: float = ALLOWED_DB
) -> dict[str, object]:
    """The verdict on the claim that a model's PSNR is at most `allowed` dB below another's."""
    ours, theirs, people = pair(by_person, "psnr", model, other)
    found = paired_difference(ours, theirs, people)
    above = paired_difference(ours, theirs - allowed, people)
    said = verdict(above)
    interval = "" if np.isnan(found.low) else f" [{found.low:.2f}, {found.high:.2f}]"
    words = (
        f"{said}: {model} - {other} = {found.difference:.2f} dB{interval}; at most {allowed:g} dB "
        f"are lost on {above.above} of {above.people} {_people(above)}."
    )
    return {"verdict": said, "words": words, **found._asdict()}


def _people(found: PairedDifference) -> str:
    return "person" if found.people == 1 else "people"


def targets_table(quality: pd.DataFrame, findings: Mapping[str, Mapping]) -> pd.DataFrame:
    """Both targets of a VQGAN against a VQ-VAE: one row each.

    Columns: target, measured, met (by the mean over people), verdict (of the interval over
    people), random_seeds_that_meet_it.

    Args:
        quality: of `rebuilt_quality`.
        findings: {target: what `sharper` and `not_much_worse` found}, in this order.
    """
    means = quality.groupby(["random_seed", "model"])[["psnr", "energy", "original_energy"]].mean()
    psnr = means.psnr.unstack()
    gap = np.abs(np.log(means.energy / means.original_energy)).unstack()
    by_seed = (gap["VQGAN"] < gap["VQ-VAE"], psnr["VQGAN"] >= psnr["VQ-VAE"] - ALLOWED_DB)
    sharp, near = findings.values()
    met = (sharp["difference"] < 0, near["difference"] >= -ALLOWED_DB)
    rows = []
    for (target, found), seeds, is_met in zip(findings.items(), by_seed, met):
        rows.append(
            {
                "target": target,
                "measured": str(found["words"]).partition(": ")[2],
                "met": bool(is_met),
                "verdict": found["verdict"],
                "random_seeds_that_meet_it": f"{int(seeds.sum())} of {len(seeds)}",
            }
        )
    return pd.DataFrame(rows)
