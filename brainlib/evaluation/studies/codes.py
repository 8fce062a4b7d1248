"""What codebooks do: how many codes live, what each stands for, and other codebooks beside."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from brainlib import metrics, models
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.models.layers.vq import bits_an_image, code_mask, perplexity, share_in_use
from brainlib.models.prior_draw import unigram_bits
from brainlib.models.vq import VQVAE, codes_of
from brainlib.record import Run
from brainlib.slices.pipeline import Slices
from brainlib.training.codes import (
    REGIONS,
    CodebookWatch,
    codebook_use,
    patches_of_codes,
    read_watch,
)

WATCH = "codes.csv"  # in the folder of a model
WATCHED = 200  # validation slices whose codes are counted after each epoch
COUNTED = 1000  # training slices, or so, from which a code's patch is averaged
USE_COLUMNS = (  # of `variants_table`
    "in_use_everywhere",
    "in_use_brain",
    "perplexity_everywhere",
    "perplexity_brain",
)
HALVINGS_000 = 6  # layers of stride 2 of thesis 000's encoder

TrainCodes = Callable[..., tuple[keras.Model, pd.DataFrame]]

# --------------------------------------------------------------------------- while it trains


def codebook_watch(slices: SplitSlices, validation: Slices, folder: Path) -> CodebookWatch:
    """A callback that writes validation slices in codes after each epoch, and counts the codes.

    Args:
        slices: of `open_slices`.
        validation: whose first 200 slices are watched.
        folder: gets `codes.csv`.
    """
    watched = validation.indices[:WATCHED]
    return CodebookWatch(slices.images[watched], slices.brains[watched], folder / WATCH)


def codes_by_epoch(trained: Trained) -> pd.DataFrame:
    """What the watches of several trainings wrote: one row per epoch and region."""
    tables = []
    for (round_name, random_seed), folder in trained.folders.items():
        watched = read_watch(folder / WATCH)
        tables.append(watched.assign(round=round_name, random_seed=random_seed))
    return pd.concat(tables, ignore_index=True)


# --------------------------------------------------------------------------- what codes stand for


@dataclass(frozen=True)
class CodesSeen:
    """Codes of many slices, and what each code stands for.

    Attributes:
        patches: (K, P, Q) mean picture around the places that chose a code; 0 where none did.
        counts: (K,) places that chose each code.
        on_brain: (K,) those of them on the brain.
    """

    patches: np.ndarray
    counts: np.ndarray
    on_brain: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """(K,) codes, the most frequent first."""
        return np.argsort(-self.counts)

    def frequent(self, most: int) -> np.ndarray:
        """The most frequent codes that occur at all, `most` at most."""
        return self.order[: min(most, int((self.counts > 0).sum()))]

    def titles(self, codes: Collection[int]) -> list[str]:
        """'code: share of all places' for each of these codes."""
        return [f"{code}: {self.counts[code] / self.counts.sum():.1%}" for code in codes]


def codes_seen(model: VQVAE, slices: SplitSlices, people: Collection[str]) -> CodesSeen:
    """Counts the codes of these people's slices, of about a thousand of them."""
    table = slices.of(people)
    some = table.iloc[:: max(1, len(table) // COUNTED)]
    pictures = slices.pictures(some)
    codes = codes_of(model, pictures)
    size = model.quantizer.codebook_size
    patches, counts = patches_of_codes(pictures, codes, size)
    brains = np.asarray(slices.brains[some.row.to_numpy()])
    on_brain = np.bincount(codes[code_mask(brains, model.grid)], minlength=size)
    return CodesSeen(np.nan_to_num(patches), counts, on_brain)


def painters(seen: CodesSeen, count: int) -> np.ndarray:
    """`count` codes from the frequent to the rare, among about as many as occur on the brain."""
    last = max(1, (seen.on_brain > 0).sum()) - 1
    return seen.order[np.linspace(0, last, count).astype(int)]


def use_each_round(trained: Trained, slices: SplitSlices) -> pd.DataFrame:
    """Codes of the test slices of every training: two rows each, everywhere and on the brain."""
    rounds = {one.name: one for one in slices.rounds}
    rows = []
    for (round_name, random_seed), model in trained.models.items():
        table = slices.of(rounds[round_name].test)
        found = codebook_use(
            codes_of(model, slices.pictures(table)),
            model.quantizer.codebook_size,
            slices.brains[table.row.to_numpy()],
        )
        rows.append(found.assign(round=round_name, random_seed=random_seed))
    return pd.concat(rows, ignore_index=True)


def use_without_one(trained: Trained, slices: SplitSlices) -> pd.DataFrame:
    """Codes of the test slices of every training, with each test person left out in turn.

    Columns: round, random_seed, without (whom), in_use and perplexity_share (of the codebook).
    """
    rounds = {one.name: one for one in slices.rounds}
    rows = []
    for (round_name, random_seed), model in trained.models.items():
        table = slices.of(rounds[round_name].test)
        codes = codes_of(model, slices.pictures(table))
        size = model.quantizer.codebook_size
        for person in table.subject.unique():
            others = codes[(table.subject != person).to_numpy()]
            if len(others):
                rows.append(
                    {
                        "round": round_name,
                        "random_seed": random_seed,
                        "without": person,
                        "in_use": share_in_use(others, size),
                        "perplexity_share": perplexity(others, size) / size,
                    }
                )
    return pd.DataFrame(rows)


# --------------------------------------------------------------------------- other codebooks


def most_halvings(side: int, *, smallest: int = 2) -> int:
    """How often pictures of this side can be halved, 6 at most, so that a map of 2x2 is left."""
    possible = [1]
    for step in range(1, HALVINGS_000 + 1):
        if side % 2**step == 0 and side // 2**step >= smallest:
            possible.append(step)
    return possible[-1]


def codebook_ways(restart_after: int) -> dict[str, dict]:
    """{name: options} of ways in which codes can move and start.

    Args:
        restart_after: steps after which an unused code is restarted, in those that restart.
    """
    restarts = {"restart_after": restart_after or 20}
    never = {"restart_after": 0}
    return {
        "average, restarts": {"codebook": "average", **restarts},
        "average": {"codebook": "average", **never},
        "gradient, restarts": {"codebook": "gradient", **restarts},
        "gradient": {"codebook": "gradient", **never},
        "seeds": {"codebook": "gradient", **never, "kmeans_start": False},
    }


@dataclass(frozen=True)
class Variant:
    """A training of the first round that differs in some options.

    Attributes:
        changes: the options that differ.
        model: the trained network.
        by_epoch: its codes of validation slices, epoch by epoch.
    """

    changes: dict
    model: VQVAE
    by_epoch: pd.DataFrame


def train_variant(
    run: Run,
    slices: SplitSlices,
    train_one: TrainCodes,
    folder: Path,
    *,
    batch_size: int,
    least_steps: int,
    share: float = 1.0,
    **changes: object,
) -> Variant:
    """Trains (or loads) a network of the first round with some options changed.

    Args:
        run: whose random seed it has.
        slices: of `open_slices`.
        train_one: (train, validation, folder, random seed, share=..., **changes) -> (model,
            history), as `train_each_round` takes it.
        folder: of the model.
        batch_size, least_steps: of the slices.
        share: of the length of the chapter's own training.
        **changes: options of the network.
    """
    seed = run.parameters["seed"]
    batches = {"batch_size": batch_size, "seed": seed}
    train = slices.batches(slices.first.train, least_steps=least_steps, **batches)
    validation = slices.batches(slices.first.validation, **batches)
    model, _ = train_one(train, validation, folder, seed, share=share, **changes)
    return Variant(changes, model, read_watch(folder / WATCH))


def train_variants(
    run: Run,
    slices: SplitSlices,
    train_one: TrainCodes,
    variants: Mapping[str, Mapping],
    *,
    options: Mapping[str, object],
    share: float,
    **batches: int,
) -> dict[str, Variant]:
    """Trains (or loads) the first round's network once for each set of changed options.

    Args:
        run: its folder `models/vqvae/<round>/study` gets the models.
        slices: of `open_slices`.
        train_one: as of `train_variant`.
        variants: {name: options that differ}.
        options: of the chapter's own network; what equals it is not trained again.
        share: of the length of the chapter's own training.
        **batches: batch_size and least_steps.
    """
    found = {}
    for name, changes in variants.items():
        folder = variant_folder(run, slices.first.name, changes, options, share)
        found[name] = train_variant(
            run, slices, train_one, folder, share=share, **batches, **changes
        )
    return found


def variant_folder(
    run: Run, round_name: str, changes: Mapping, options: Mapping, share: float
) -> Path:
    """The folder of a variant; that of the chapter's own network where nothing differs."""
    same = {**options, **changes} == dict(options)
    if same and share == 1:
        return run.path("models", "vqvae", round_name)
    words = [f"{name}_{value}" for name, value in sorted(changes.items())]
    return run.path("models", "vqvae", round_name, "study", "-".join(words) or "ours")


def variants_table(variants: Mapping[str, Variant], slices: SplitSlices) -> pd.DataFrame:
    """One row per variant: its bits, its codes in use and how well it rebuilds test slices.

    Columns: codebook (the name), codes, map, bits_a_picture, in_use and perplexity (everywhere and
    on the brain), restarts, and the means over test slices of mse, dssim, ssim, psnr (dB).
    """
    table = slices.of(slices.first.test)
    target = slices.pictures(table)
    brains = slices.brains[table.row.to_numpy()]
    rows = []
    for name, variant in variants.items():
        outputs = models.reconstruct(variant.model, target)
        quality = {key: np.mean(values) for key, values in metrics.measure(target, outputs).items()}
        rows.append({"codebook": name, **_use_row(variant.model, target, brains), **quality})
    return pd.DataFrame(rows)


def _use_row(model: VQVAE, pictures: np.ndarray, brains: np.ndarray) -> dict:
    """A codebook's size and use on some pictures, as one row."""
    size = model.quantizer.codebook_size
    use = codebook_use(codes_of(model, pictures), size, brains).set_index("region")
    row = {
        "codes": size,
        "map": map_words(model),
        "bits_a_picture": bits_an_image(size, model.grid),
    }
    for name in ("in_use", "perplexity"):
        for region in REGIONS:
            row[f"{name}_{region}"] = use.loc[region, name]
    return {**row, "restarts": int(model.quantizer.restarts.numpy())}


def map_words(model: VQVAE) -> str:
    """Such as "8x8": rows and columns of the code map."""
    return f"{model.grid[0]}x{model.grid[1]}"


def pages_table(named: Mapping[str, VQVAE], slices: SplitSlices) -> pd.DataFrame:
    """One row per network: what its pages of codes can say about the first round's test slices.

    Columns: model, map, bits_a_picture, codes_in_use, of, perplexity, bits_a_code_unigram (by the
    shares of codes in training), test_slices, different_pages, test_psnr (dB, mean over slices).
    """
    target = slices.pictures(slices.of(slices.first.test))
    known = slices.pictures(slices.of(slices.first.train))
    rows = []
    for name, model in named.items():
        codes, size = codes_of(model, target), model.quantizer.codebook_size
        pages = np.unique(codes.reshape(len(codes), -1), axis=0)
        rows.append(
            {
                "model": name,
                "map": map_words(model),
                "bits_a_picture": bits_an_image(size, model.grid),
                "codes_in_use": int(len(np.unique(codes))),
                "of": size,
                "perplexity": perplexity(codes, size),
                "bits_a_code_unigram": unigram_bits(codes_of(model, known), codes, size)[0],
                "test_slices": len(codes),
                "different_pages": len(pages),
                "test_psnr": float(
                    np.mean(metrics.measure(target, models.reconstruct(model, target))["psnr"])
                ),
            }
        )
    return pd.DataFrame(rows)
