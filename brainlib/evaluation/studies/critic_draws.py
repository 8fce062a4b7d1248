"""New slices of a VQGAN: what its codes cost under a prior, and draws judged beside real slices."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation import features
from brainlib.evaluation.stats import finding, paired_difference
from brainlib.evaluation.studies import code_draws
from brainlib.evaluation.studies.code_draws import BY_PLACE, FLOOR, REBUILT, Draw, ways_to_draw
from brainlib.evaluation.studies.code_priors import PARTS, bits_by_guess
from brainlib.evaluation.studies.sharpness import Energy
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.models.prior import CodePrior
from brainlib.models.prior_draw import sample
from brainlib.models.vq import VQVAE, codes_of, decode_codes

INDEPENDENT, PRIOR, COOL = "independent codes", "from the prior", "temperature 0.7"
GUESSES = {  # as the table of chapter 06 calls those of `bits_by_guess`
    "uniform": "nothing known",
    "unigram": "shares of all places",
    "unigram_by_place": "shares of each place",
    "prior": "prior",
}

Codes = Mapping[str, np.ndarray]  # {"train", "validation", "test": maps (N, h, w)}


def codes_of_round(model: VQVAE, slices: SplitSlices) -> dict[str, np.ndarray]:
    """Code maps of the first round's slices: {"train", "validation", "test": (N, h, w)}."""
    people = {part: getattr(slices.first, part) for part in PARTS}
    return {part: codes_of(model, slices.pictures(slices.of(who))) for part, who in people.items()}


def bits_of_guesses(prior: CodePrior, codes: Codes) -> dict[str, np.ndarray]:
    """Bits that a code of each test slice costs, {guess: (N,)}, the guess that knows least first.

    Args:
        prior: over these codes.
        codes: of `codes_of_round`.
    """
    bits = bits_by_guess(prior, codes["train"], codes["test"])
    return {GUESSES[name]: values for name, values in bits.items()}


def bits_of_slices(bits: Mapping[str, np.ndarray], grid: tuple[int, int]) -> pd.DataFrame:
    """One row per guess: codes_drawn_by, bits_a_code, bits_a_slice (means over test slices)."""
    rows = []
    for guess, values in bits.items():
        mean = float(values.mean())
        bits_a_slice = mean * int(np.prod(grid))
        rows.append({"codes_drawn_by": guess, "bits_a_code": mean, "bits_a_slice": bits_a_slice})
    return pd.DataFrame(rows)


def cheaper(
    bits: Mapping[str, np.ndarray], subjects: pd.Series, other: str, *, share: float = 1.0
) -> dict[str, object]:
    """The verdict on the claim that codes cost less under the prior than under another guess.

    Args:
        bits: of `bits_of_guesses`.
        subjects: (N,) whose the test slices are.
        other: name of the guess.
        share: of the other's bits that is allowed.
    """
    found = paired_difference(bits["prior"], share * bits[other], subjects)
    name = other if share == 1 else f"{share:.0%} of the bits by {other}"
    return finding(found, a="prior", b=name, better="lower", unit="bits per code")


# --------------------------------------------------------------------------- draws


def ways_to_draw_codes(prior: CodePrior, known: np.ndarray) -> dict[str, Draw]:
    """{way: (count, random seed) -> code maps (count, h, w)}, the simple one first.

    Args:
        prior: over these codes.
        known: (N, h, w) codes of training slices, whose frequencies the simple way has.
    """
    simple = ways_to_draw(prior, known)

    def cool(count: int, seed: object) -> np.ndarray:
        return sample(prior, count, seed=seed, temperature=0.7)

    return {INDEPENDENT: simple[BY_PLACE], PRIOR: simple[code_draws.PRIOR], COOL: cool}


def held_out(slices: SplitSlices) -> np.ndarray:
    """Validation and test slices of the first round: nothing was trained on those people."""
    parts = (slices.first.validation, slices.first.test)
    return np.concatenate([slices.pictures(slices.of(people)) for people in parts])


def judge_beside(
    space: features.Space, slices: SplitSlices, *, pictures: int, seed: int
) -> features.Judge:
    """A judge that compares with `held_out` slices.

    Args:
        space: a feature network of that round.
        slices: of `open_slices`.
        pictures: on each side, at most.
        seed: of the choice among slices.
    """
    known = slices.of(slices.first.train)
    return features.Judge(
        space,
        held_out(slices),
        slices.pictures(known),
        known.subject.to_numpy(),
        pictures=pictures,
        seed=seed,
    )


def judge_codes(
    judge: features.Judge,
    model: VQVAE,
    ways: Mapping[str, Draw],
    gradient_energy: Energy,
    *,
    original_energy: float,
    seed: int,
    repeats: int,
) -> pd.DataFrame:
    """Several draws of each way, painted and judged; the floor and rebuilt slices first.

    Columns: slices (the way), random_seed, repeat, what `features.Judge` measures, energy_ratio
    (mean gradient energy over `original_energy`), pictures.

    Args:
        judge: of `judge_beside`.
        model: that paints the codes.
        ways: of `ways_to_draw_codes`.
        gradient_energy: of pictures.
        original_energy: mean gradient energy of held-out slices.
        seed: random seed of the first draw.
        repeats: number of draws.
    """
    rows = []
    for repeat in range(repeats):
        real = judge.some_known([seed, repeat])
        pictures = {FLOOR: real, REBUILT: models.reconstruct(model, real)}
        for way, draw in ways.items():
            drawn_by = seed if repeat == 0 else [seed, repeat]
            pictures[way] = decode_codes(model, draw(judge.n, drawn_by))
        for way, some in pictures.items():
            found = judge.floor([seed, repeat]) if way == FLOOR else judge(some)
            ratio = float(gradient_energy(some).mean() / original_energy)
            about = {"slices": way, "random_seed": seed, "repeat": repeat}
            rows.append({**about, **found, "energy_ratio": ratio, "pictures": judge.n})
    return pd.DataFrame(rows)
