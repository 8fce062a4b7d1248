"""The chapter on VQGANs: feature networks, sizes, who won, time against gain, thesis 002."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation import features
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.models.layers.vq import perplexity, share_in_use
from brainlib.models.vq import codes_of, latent_numbers
from brainlib.models.vqgan import discriminator
from brainlib.record import NOTEBOOKS, Run

NAMES_002 = {"vae_uad": "VAE", "vqvae_uad": "VQ-VAE", "vqgan_uad": "VQGAN"}
WEIGHTS_002 = {  # at 95x79 and width 1; the VAE's published 1,915,041 hold a layer that is unused
    "vae_uad": 1667361,
    "vqvae_uad": 1005825,
    "vqgan_uad": 73445826,
}
PUBLISHED_002 = {  # weights, and the order of reconstruction errors that section 6.2 has in words
    "VAE": (1915041, "middle"),
    "VQ-VAE": (1005825, "lowest"),
    "VQGAN": (73445826, "highest"),
}
ORDER = ("lowest", "middle", "highest")
DATA_002 = "IXI and another healthy set, 1859 heads, axial 95x79, skull stripped"
GUESSES, CERTAIN = 0.95, 0.1  # the critic's hinge loss: 1 for a guess, 0 where it has won


def feature_spaces(
    run: Run, slices: SplitSlices, *, epochs: int, steps_an_epoch: int, seed: int
) -> dict[str, features.Space]:
    """Trains (or loads) a feature network on the training people of each round.

    Args:
        run: its folder `models/vqgan/features/<round>` gets each.
        slices: of `open_slices`.
        epochs, steps_an_epoch, seed: of the training.

    Returns:
        {name of the round: `features.Space`}.
    """
    spaces = {}
    for one_round in slices.rounds:
        known = slices.thinned(one_round.train)
        spaces[one_round.name] = features.train(
            slices.pictures(known),
            known.subject.to_numpy(),
            (known.slice / known.slices).to_numpy(),
            run.path("models", "vqgan", "features", one_round.name),
            epochs=epochs,
            steps_an_epoch=steps_an_epoch,
            seed=seed,
        )
    return spaces


def sizes_002(options: Mapping[str, Mapping], image_shape: tuple[int, int, int]) -> pd.DataFrame:
    """One row per model of thesis 002: its weights and its code, as built with these options.

    Columns: model, width, weights, of_the_critic, latent, bits_a_slice (NaN of a VAE), pixels,
    weights_at_95x79_width_1.

    Args:
        options: {name of `models.build`: options}.
        image_shape: (H, W, 1).
    """
    rows = []
    for name, chosen in options.items():
        about = models.describe(models.build(name, image_shape=image_shape, **chosen))
        critic = 0
        if name == "vqgan_uad":
            critic = discriminator(image_shape, width=chosen["width"]).count_params()
        rows.append(
            {
                "model": NAMES_002[name],
                "width": chosen["width"],
                "weights": about["parameters"],
                "of_the_critic": critic,
                "latent": models.shape_words(about["latent_shape"]),
                "bits_a_slice": about.get("bits", np.nan),
                "pixels": about["pixels"],
                "weights_at_95x79_width_1": WEIGHTS_002[name],
            }
        )
    return pd.DataFrame(rows)


def codes_on_test_slices(trained: Mapping[str, Trained], slices: SplitSlices) -> pd.DataFrame:
    """One row per training of a network with a codebook: which codes its test slices use.

    Columns: model, round, random_seed, codes, map, bits_a_slice, codes_in_use_percent, perplexity.
    """
    rounds = {one.name: one for one in slices.rounds}
    rows = []
    for name, several in trained.items():
        for (round_name, random_seed), model in several.models.items():
            if not models.is_vq(model):
                continue
            codes = codes_of(model, slices.pictures(slices.of(rounds[round_name].test)))
            size = model.quantizer.codebook_size
            rows.append(
                {
                    "model": name,
                    "round": round_name,
                    "random_seed": random_seed,
                    "codes": size,
                    "map": models.shape_words(model.grid),
                    "bits_a_slice": latent_numbers(model)[1],
                    "codes_in_use_percent": 100 * share_in_use(codes, size),
                    "perplexity": perplexity(codes, size),
                }
            )
    return pd.DataFrame(rows)


# --------------------------------------------------------------------------- the game, in words


def critic_in_words(history: pd.DataFrame) -> str:
    """Who won, as the critic's loss and its answers of one training tell.

    Args:
        history: one row per epoch, of one VQGAN.
    """
    heard = history[history.adversarial_steps > 0]
    if heard.empty:
        return "The critic was not let in."
    first, last = heard.iloc[0], heard.iloc[-1]
    state = "It tells them apart, and is not certain"
    if last.discriminator > GUESSES:
        state = "It still guesses"
    elif last.discriminator < CERTAIN:
        state = "It has won: it is certain, and has little left to teach"
    went = f"was {first.discriminator:.2f} in its only epoch"
    if len(heard) > 1:
        went = f"went from {first.discriminator:.2f} to {last.discriminator:.2f}"
    return (
        f"The critic was let in at epoch {int(first.epoch)}. Its loss {went}. "
        f"{state}: its mean answer was {last.score_real:+.2f} to real slices and "
        f"{last.score_rebuilt:+.2f} to rebuilt ones."
    )


def weight_in_words(history: pd.DataFrame) -> str:
    """Where the adaptive weight went in one training, and whether steps had to be skipped."""
    heard = history[history.adversarial_steps > 0]
    skipped = 100 * float(history.skipped_steps.max())
    steps = f"Steps that were skipped because a gradient was not finite: {skipped:.1f} %"
    steps += "." if skipped == 0 else " in the worst epoch."
    if heard.empty:
        return steps
    first, last = heard.adaptive_weight.iloc[0], heard.adaptive_weight.iloc[-1]
    went = f"was {first:.2g} in the critic's only epoch"
    if len(heard) > 1:
        went = f"went from {first:.2g} to {last:.2g}"
    return f"The adaptive weight, times its factor, {went}. {steps}"


# --------------------------------------------------------------------------- time and thesis 002


def time_against_gain(
    history: pd.DataFrame, summary: pd.DataFrame, sizes: pd.DataFrame
) -> pd.DataFrame:
    """What the time of a training bought on test people, beside the VAE: one row per model.

    Columns: model, weights (with the critic's), minutes (with the building of the graph), epochs,
    seconds_an_epoch, psnr, ssim, energy_ratio, minutes_against_the_vae, psnr_gained_on_the_vae,
    energy_ratio_gained_on_the_vae.

    Args:
        history: of `histories`.
        summary: of `sharpness_summary`.
        sizes: of `sizes_002`.
    """
    keys = ["model", "round", "random_seed"]
    trainings = history.groupby(keys, sort=False).agg(
        minutes=("seconds", "sum"), epochs=("epoch", "max"), seconds_an_epoch=("seconds", "median")
    )
    trainings["minutes"] /= 60
    spent = trainings.groupby("model", sort=False).mean().reset_index()
    gain = spent.merge(summary[["model", "psnr", "ssim", "energy_ratio"]], on="model")
    weights = (sizes.weights + sizes.of_the_critic).set_axis(sizes.model)
    gain.insert(1, "weights", [int(weights[name.split(" without")[0]]) for name in gain.model])
    vae = gain.set_index("model").loc["VAE"]
    gain["minutes_against_the_vae"] = gain.minutes / vae.minutes
    gain["psnr_gained_on_the_vae"] = gain.psnr - vae.psnr
    gain["energy_ratio_gained_on_the_vae"] = gain.energy_ratio - vae.energy_ratio
    return gain


def price_in_words(gain: pd.DataFrame) -> str:
    """What a VQGAN's training cost against a VQ-VAE's, and what came of it.

    Args:
        gain: of `time_against_gain`.
    """
    of = gain.set_index("model")
    plain, ours = of.loc["VQ-VAE"], of.loc["VQGAN"]
    return (
        f"A training of the VQGAN took **{ours.minutes / plain.minutes:.1f} times** as long as one "
        f"of the VQ-VAE, with {ours.weights / plain.weights:.0f} times the weights. On the test "
        f"people the gradient energy went from {plain.energy_ratio:.2g} to "
        f"{ours.energy_ratio:.2g} of the originals', and the PSNR from {plain.psnr:.1f} to "
        f"{ours.psnr:.1f} dB."
    )


def beside_thesis_002(gain: pd.DataFrame, by_person: pd.DataFrame, data: str) -> pd.DataFrame:
    """What thesis 002 printed of its three models, and ours: two rows per model.

    Columns: model, source, data, weights, epochs, error_order, dice_brats and dice_atlas (best
    total Dice in % of its table 5.3), minutes, psnr, ssim, energy_ratio.

    Args:
        gain: of `time_against_gain`.
        by_person: of `sharpness_by_person`.
        data: ours, in words.
    """
    published = pd.read_csv(NOTEBOOKS / "published" / "anomaly_2022.csv").query("table == 5.3")
    dice = published.groupby(["model", "dataset"]).dice_total.max().unstack()
    of = gain.set_index("model")
    errors = by_person.groupby("model").mse.mean().loc[list(PUBLISHED_002)]
    places = errors.rank().astype(int)
    rows = []
    for name, (weights, order) in PUBLISHED_002.items():
        theirs = dice.loc[name.replace("-", "")]
        rows.append(
            {
                "model": name,
                "source": "thesis 002",
                "data": DATA_002,
                "weights": weights,
                "epochs": 1200,
                "error_order": order,
                "dice_brats": theirs.BraTS19,
                "dice_atlas": theirs.ATLAS,
            }
        )
        ours = of.loc[name]
        rows.append(
            {
                "model": name,
                "source": "here",
                "data": data,
                "weights": int(ours.weights),
                "epochs": int(ours.epochs),
                "error_order": ORDER[places[name] - 1],
                **ours[["minutes", "psnr", "ssim", "energy_ratio"]].to_dict(),
            }
        )
    return pd.DataFrame(rows)
