"""The aims of the chapter on VQ-VAEs, each with a verdict, and what the theses printed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation.stats import FEWEST_PEOPLE, in_words, paired_difference, verdict
from brainlib.models.layers.vq import bits_an_image
from brainlib.record import NOTEBOOKS

IN_USE, PERPLEXITY, BELOW_UNIGRAM = 0.8, 0.3, 0.2  # what is aimed at
MET = {"shown": "yes", "not shown": "no", "too few to decide": "too few to decide"}
OF_000 = "IXI, 128x128, 500 epochs, test slices of training people"
OF_002 = "IXI and others, 95x79, 1200 epochs"
PLACES_002 = 11 * 9  # of its code map


def aim_of_use(
    uses: pd.DataFrame, without: pd.DataFrame, measure: str, *, aim: str, at_least: float
) -> dict:
    """An aim on the codebook: it holds if it holds whichever test person is left out.

    Args:
        uses: of `use_each_round`.
        without: of `use_without_one`.
        measure: "in_use" or "perplexity_share".
        aim: in words.
        at_least: share of the codebook.

    Returns:
        aim, claim, reached, met, verdict, words, low, high.
    """
    values = uses[uses.region == "everywhere"][measure]
    people = without.without.nunique()
    low, high = float(without[measure].min()), float(without[measure].max())
    found = _verdict_of_range(low, high, people, at_least)
    style = ".0%" if measure == "in_use" else ".2f"
    reached = f"{values.mean():{style}} (lowest {values.min():{style}})"
    words = (
        f"{reached}, aimed at {at_least:{style}}; {low:{style}} to {high:{style}} with any one of "
        f"{people} test people left out."
    )
    return _aim(aim, reached, found, words, low, high)


def _verdict_of_range(low: float, high: float, people: int, at_least: float) -> str:
    """The verdict of `stats.verdict`: here the lowest of the range has to be enough."""
    if np.isnan(low) or people < 2:
        return "too few to decide"
    if high < at_least:
        return "not shown"
    if people < FEWEST_PEOPLE:
        return "too few to decide"
    return "shown" if low >= at_least else "not shown"


def aim_of_prior(bits: pd.DataFrame, *, aim: str, below: float = BELOW_UNIGRAM) -> dict:
    """The aim that a prior saves so much of the unigram's bits, person by person.

    Args:
        bits: of `bits_by_person`.
        aim: in words.
        below: share to be saved.
    """
    allowed = (1 - below) * bits.unigram
    paired = paired_difference(bits.prior, allowed, bits.subject)
    saved = 1 - bits.prior.mean() / bits.unigram.mean()
    prior, unigram = bits.prior.mean(), bits.unigram.mean()
    reached = f"{saved:.0%}: {prior:.2f} against {unigram:.2f} bits per code"
    names = {"a": "prior", "b": f"{1 - below:.0%} of the unigram's bits"}
    sentence = in_words(paired, better="lower", unit="bits per code", **names)
    words = f"{saved:.0%} of the unigram's bits saved; {sentence.partition(': ')[2]}"
    found = verdict(paired, better="lower")
    return _aim(aim, reached, found, words, paired.low, paired.high)


def aim_of_draws(aim: str, reached: str, nearer: Mapping[str, object]) -> dict:
    """The aim that draws are nearer to real slices than others.

    Args:
        aim: in words.
        reached: the two distances, in words.
        nearer: of `studies.nearer`.
    """
    return _aim(aim, reached, nearer["verdict"], nearer["words"], nearer["low"], nearer["high"])


def _aim(aim: str, reached: str, found: str, words: str, low: float, high: float) -> dict:
    return {
        "aim": aim,
        "reached": reached,
        "met": MET[found],
        "verdict": found,
        "words": words,
        "low": float(low),
        "high": float(high),
    }


def beside_published(
    codebook_size: int, grid: tuple[int, int], measured: Mapping[str, object], setting: str
) -> pd.DataFrame:
    """What theses 000 and 002 printed of their VQ-VAEs, and ours.

    Args:
        codebook_size: of our codebook.
        grid: (h, w) of our pages.
        measured: "psnr" (dB), "in_use" (%), "perplexity", "bits" (per code, by the prior).
        setting: our data and setting in words.

    Returns:
        One row per number, as text: thesis, what, published, published_data_and_setting, ours,
        our_data_and_setting.
    """
    bits = bits_an_image(codebook_size, grid)
    encoder = models.build("vqvae").encoder.count_params()
    rows = [
        ("000", "weights of the encoder", 248912, encoder, "the same network"),
        ("000", "bits per picture", 28, bits, setting),
    ]
    for count, published in ((128, 1005825), (256, 1022209)):
        same = models.describe(models.build("vqvae_uad", codebook_size=count))["trainable"]
        rows.append(("002", f"weights, {count} codes of 128", published, same, "the same network"))
    rows += [
        ("002", "bits per picture, 128 codes", 7 * PLACES_002, bits, setting),
        ("000", "test PSNR (dB)", "not printed", round(measured["psnr"], 2), setting),
        ("000, 002", "codes in use (%)", "not printed", round(measured["in_use"], 1), setting),
        ("000, 002", "perplexity", "not printed", round(measured["perplexity"], 1), setting),
        ("000, 002", "bits per code by a prior", "no prior", round(measured["bits"], 2), setting),
        *_dice_of_thesis_002(setting),
    ]
    theirs = {"000": OF_000, "002": OF_002}
    table = []
    for thesis, what, published, ours, our_setting in rows:
        table.append(
            {
                "thesis": thesis,
                "what": what,
                "published": published,
                "published_data_and_setting": theirs.get(thesis, "as above"),
                "ours": ours,
                "our_data_and_setting": our_setting,
            }
        )
    return pd.DataFrame(table).astype(str)


def _dice_of_thesis_002(setting: str) -> list[tuple]:
    """Its table 5.3: how well a VQ-VAE found lesions."""
    published = pd.read_csv(NOTEBOOKS / "published" / "anomaly_2022.csv")
    rows = []
    for row in published[(published.model == "VQVAE") & (published.table == 5.3)].itertuples():
        size = f"{row.codebook_size:.0f} codes of {row.embedding_dim:.0f}"
        what = f"total Dice (%), {row.dataset}, {size}"
        rows.append(("002", what, row.dice_total, "see notebook 09", setting))
    return rows
