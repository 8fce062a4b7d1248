"""Priors over code maps ("pages"): trained in every round, and what a code costs under each guess.

priors = studies.train_priors(run, slices, trained, train_prior)
bits = studies.bits_by_person(priors, slices)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib.evaluation.stats import bootstrap_interval
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import Round, SplitSlices
from brainlib.models.prior import CodePrior, condition_ranges
from brainlib.models.prior_draw import bits_a_code, part_of, surprise, unigram_bits
from brainlib.models.vq import VQVAE, codes_of, decode_codes
from brainlib.record import Run

KNOWN_OF_PEOPLE = ("age", "sex", "site")  # what a prior may be given
FEWEST_PEOPLE = 6  # in training, for a prior that is given anything
PARTS = ("train", "validation", "test")
AT_ONCE = 64  # pages through a prior in one batch

Ranges = Mapping[str, tuple]  # of `condition_ranges`
Known = dict[str, list]  # {name: one value per page}
TrainPrior = Callable[["Pages", "Pages", Path, int], tuple[CodePrior, pd.DataFrame]]


@dataclass(frozen=True)
class Pages:
    """Code maps of some people's slices, and what is known of those people.

    Attributes:
        codes: (N, h, w).
        known: {name: N values}, see `known_of`.
        subjects: (N,) whose slices they are of.
        ranges: what the prior takes, of `condition_ranges` of the training people; empty where it
            takes codes alone.
    """

    codes: np.ndarray
    known: Known
    subjects: np.ndarray
    ranges: Ranges


def known_of(slices: SplitSlices, subjects: Sequence[str], ranges: Ranges | None = None) -> Known:
    """Age, sex and site, as a prior takes them: {name: one value per slice}.

    Args:
        slices: of `open_slices`.
        subjects: whose slice each is.
        ranges: of the training people: what they have not is left out, and a label that they never
            had counts as missing; all that is on record when absent.
    """
    table = slices.people.set_index("subject").loc[list(subjects)]
    found = {}
    for name in KNOWN_OF_PEOPLE:
        if name in table and (ranges is None or name in ranges):
            labels = None if ranges is None else ranges[name]
            found[name] = [_value(name, value, labels) for value in table[name]]
    return found if ranges is None else {name: found[name] for name in ranges}


def _value(name: str, value: object, labels: Sequence | None) -> object:
    """An age as it is; a label, or "" where it is missing or unknown to the prior."""
    if name == "age":
        return value
    known = isinstance(value, str) and (labels is None or value in labels)
    return value if known else ""


def pages_of_round(vqvae: VQVAE, slices: SplitSlices, one_round: Round) -> dict[str, Pages]:
    """{"train", "validation", "test": `Pages`} of one round.

    A prior is given age, sex and site only where 6 or more people train.
    """
    trained_on = slices.of(one_round.train).subject
    enough = len(one_round.train) >= FEWEST_PEOPLE
    ranges = condition_ranges(known_of(slices, trained_on)) if enough else {}
    pages = {}
    for part in PARTS:
        table = slices.of(getattr(one_round, part))
        codes = codes_of(vqvae, slices.pictures(table))
        known = known_of(slices, table.subject, ranges)
        pages[part] = Pages(codes, known, table.subject.to_numpy(), ranges)
    return pages


def given_to_prior(train: Pages, validation: Pages) -> dict[str, object]:
    """What `models_prior.load_or_fit` wants to know of people, as its options."""
    return {
        "conditions": train.known,
        "validation_conditions": validation.known,
        "ranges": train.ranges,
    }


# --------------------------------------------------------------------------- training


@dataclass(frozen=True)
class TrainedPriors:
    """What `train_priors` gives.

    Attributes:
        models: (name of the round, random seed) -> prior, the run's own random seed first.
        history: one row per epoch, with the columns `round` and `random_seed`.
        pages: (name of the round, random seed) -> {part: `Pages`}.
    """

    models: dict[tuple[str, int], CodePrior]
    history: pd.DataFrame
    pages: dict[tuple[str, int], dict[str, Pages]] = field(repr=False)

    @property
    def first(self) -> CodePrior:
        """The prior of the first round and of the run's own random seed: the one shown."""
        return next(iter(self.models.values()))

    @property
    def first_pages(self) -> dict[str, Pages]:
        """The pages of `first`."""
        return next(iter(self.pages.values()))

    @property
    def first_history(self) -> pd.DataFrame:
        """The epochs of `first`."""
        name, random_seed = next(iter(self.models))
        mine = (self.history["round"] == name) & (self.history.random_seed == random_seed)
        return self.history[mine]


def train_priors(
    run: Run, slices: SplitSlices, trained: Trained, train_prior: TrainPrior
) -> TrainedPriors:
    """Trains (or loads) a prior over the codes of every network of `trained`.

    Args:
        run: its folder `models/vqvae_prior/<round>` (and `seed<n>` below it) gets each prior.
        slices: of `open_slices`.
        trained: VQ-VAEs of `train_each_round`.
        train_prior: (training pages, validation pages, folder, random seed) -> (prior, history).
    """
    rounds = {one.name: one for one in slices.rounds}
    priors, histories, all_pages = {}, [], {}
    for (round_name, random_seed), vqvae in trained.models.items():
        pages = pages_of_round(vqvae, slices, rounds[round_name])
        own = random_seed == run.parameters["seed"]
        below = () if own else (f"seed{random_seed}",)
        folder = run.path("models", "vqvae_prior", round_name, *below)
        prior, history = train_prior(pages["train"], pages["validation"], folder, random_seed)
        key = (round_name, random_seed)
        priors[key], all_pages[key] = prior, pages
        known = {"round": round_name, "random_seed": random_seed}
        histories.append(pd.DataFrame(history).assign(**known))
    return TrainedPriors(priors, pd.concat(histories, ignore_index=True), all_pages)


# --------------------------------------------------------------------------- what codes cost


def bits_by_person(priors: TrainedPriors, slices: SplitSlices) -> pd.DataFrame:
    """Bits per code of each test person under each guess, means over slices, rounds and seeds.

    Columns: subject, uniform (all codes alike), unigram (each with its share), unigram_by_place
    (with its share at that place), prior; and where the first prior is given something of people
    prior_nothing_known and prior_others_age_and_sex (of the next test person, at the own site).
    """
    tables = [
        guesses(priors.models[key], pages, slices).assign(subject=pages["test"].subjects)
        for key, pages in priors.pages.items()
    ]
    kinds = [name for name in tables[0] if name != "subject"]
    table = pd.concat(tables, ignore_index=True)
    return table.groupby("subject")[kinds].mean().reset_index()


def guesses(prior: CodePrior, pages: Mapping[str, Pages], slices: SplitSlices) -> pd.DataFrame:
    """Bits per code of every test page under each guess: one row per page."""
    test = pages["test"]
    bits = bits_by_guess(prior, pages["train"].codes, test.codes, conditions=test.known or None)
    if test.ranges and len(np.unique(test.subjects)) > 1:
        others = others_age_and_sex(test, slices)
        bits["prior_nothing_known"] = bits_a_code(prior, test.codes)[1]
        bits["prior_others_age_and_sex"] = bits_a_code(prior, test.codes, others)[1]
    return pd.DataFrame(bits)


def bits_by_guess(
    prior: CodePrior,
    known: np.ndarray,
    codes: np.ndarray,
    *,
    conditions: Known | None = None,
) -> dict[str, np.ndarray]:
    """Bits per code of each page under each guess, the guess that knows least first.

    Args:
        prior: over these codes.
        known: (N, h, w) pages of training slices, whose shares the simple guesses know.
        codes: (M, h, w) pages.
        conditions: what the prior is told of each page.

    Returns:
        {"uniform", "unigram", "unigram_by_place", "prior": (M,)}.
    """
    size = prior.codebook_size
    return {
        "uniform": np.full(len(codes), np.log2(size)),
        "unigram": unigram_bits(known, codes, size)[1],
        "unigram_by_place": unigram_bits(known, codes, size, by_place=True)[1],
        "prior": bits_a_code(prior, codes, conditions)[1],
    }


def others_age_and_sex(pages: Pages, slices: SplitSlices) -> Known:
    """What is known of people, with the age and sex of the next person and the own site."""
    people = list(dict.fromkeys(pages.subjects))
    next_one = dict(zip(people, np.roll(people, 1)))
    of_others = known_of(slices, [next_one[one] for one in pages.subjects], pages.ranges)
    return {name: pages.known[name] if name == "site" else of_others[name] for name in of_others}


def bits_table(bits: pd.DataFrame, grid: tuple[int, int], *, seed: int = 0) -> pd.DataFrame:
    """Bits per code under each guess, with 95 % intervals by bootstrap over people.

    Args:
        bits: of `bits_by_person`.
        grid: (h, w) of a page.
        seed: random seed of the bootstrap.

    Returns:
        One row per guess: codes_by, bits_a_code, low, high, bits_a_picture, below_unigram (share
        of the unigram's bits that is saved), subjects.
    """
    rows = []
    for guess in bits.columns.drop("subject"):
        found = bootstrap_interval(bits[guess], bits.subject, seed=seed)
        rows.append(
            {
                "codes_by": guess.replace("_", " "),
                "bits_a_code": found.mean,
                "low": found.low,
                "high": found.high,
                "bits_a_picture": found.mean * np.prod(grid),
                "below_unigram": 1 - found.mean / bits.unigram.mean(),
                "subjects": len(bits),
            }
        )
    return pd.DataFrame(rows)


# --------------------------------------------------------------------------- one page, looked at


def read_so_far(page: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """A page (h, w) as it is known when a place is reached: NaN there and at all places after."""
    known = page.astype(float)
    known.ravel()[place[0] * page.shape[1] + place[1] :] = np.nan
    return known


def sway_on_place(
    prior: CodePrior,
    page: np.ndarray,
    place: tuple[int, int],
    *,
    conditions: Known | None = None,
    replacements: int = 6,
    seed: int = 0,
) -> np.ndarray:
    """How much each code of a page sways the prior's guess at one place.

    Each code in turn is replaced by others, drawn at random. Measured is the share of probability
    that moves from some codes to others at the place (the total variation distance).

    Args:
        prior: over such pages.
        page: (h, w) codes.
        place: (row, column) of the guess.
        conditions: {name: one value}, see `prior.build_prior`.
        replacements: of each code.
        seed: random seed of the replacements.

    Returns:
        (h, w), 0 to 1, means over the replacements; 0 at the place itself and at all after it,
        because a prior sees only what was read before.
    """
    rng = np.random.default_rng(seed)
    count = page.size
    changed = np.repeat(page[None], count * replacements, axis=0)
    which = np.repeat(np.arange(count), replacements)  # the place that is changed in each page
    steps = rng.integers(1, prior.codebook_size, len(which))  # never 0: always another code
    flat = changed.reshape(len(changed), count)
    flat[np.arange(len(which)), which] = (page.ravel()[which] + steps) % prior.codebook_size
    before, *after = chances_at(prior, np.concatenate([page[None], changed]), place, conditions)
    moved = np.abs(np.array(after) - before).sum(axis=1) / 2
    return moved.reshape(count, replacements).mean(axis=1).reshape(page.shape)


def share_of_neighbours(moved: np.ndarray, place: tuple[int, int]) -> float:
    """The share of the whole sway (h, w) that the touching codes have: left, and three above."""
    row, column = place
    touching = np.zeros(moved.shape, bool)
    touching[max(row - 1, 0) : row + 1, max(column - 1, 0) : column + 2] = True
    return float(moved[touching].sum() / max(moved.sum(), 1e-12))


def sway_in_words(moved: np.ndarray, place: tuple[int, int]) -> str:
    """Which code sways the guess at a place most, how much its neighbours do, and those after."""
    row, column = np.unravel_index(moved.argmax(), moved.shape)
    after = moved.ravel()[place[0] * moved.shape[1] + place[1] :].max()
    return (
        f"The code at row {row}, column {column} has most sway: {moved.max():.0%}. Those that "
        f"touch the place have {share_of_neighbours(moved, place):.0%} of all sway. The place "
        f"itself and the codes after it have {after:.0%}: the network cannot look ahead."
    )


def chances_at(
    prior: CodePrior,
    pages: np.ndarray,
    place: tuple[int, int],
    conditions: Mapping | None = None,
) -> np.ndarray:
    """The prior's probabilities of each code at one place of pages (N, h, w) -> (N, K)."""
    given = prior.inputs_for(prior.checked_maps(pages), conditions)
    parts = [slice(first, first + AT_ONCE) for first in range(0, len(pages), AT_ONCE)]
    logits = np.concatenate(
        [prior.predict_on_batch(part_of(given, part))[:, place[0], place[1]] for part in parts]
    ).astype(float)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def place_in_picture(
    place: tuple[int, int], grid: tuple[int, int], image_shape: Sequence[int]
) -> np.ndarray:
    """The pixels that a place of a page stands for, bool (H, W)."""
    height, width = image_shape[0] // grid[0], image_shape[1] // grid[1]
    pixels = np.zeros(tuple(image_shape[:2]), bool)
    top, left = place[0] * height, place[1] * width
    pixels[top : top + height, left : left + width] = True
    return pixels


def page_while_read(page: np.ndarray, steps: int, *, filler: int) -> np.ndarray:
    """A page with the codes read so far and `filler` at all places after them.

    Args:
        page: (h, w) codes.
        steps: number of stages; the last is the whole page.
        filler: a code, such as that of the background.

    Returns:
        (steps, h, w).
    """
    flat = np.ravel(page)
    stages = np.full((steps, flat.size), filler, dtype=flat.dtype)
    for stage, end in zip(stages, np.linspace(0, flat.size, steps + 1)[1:].round().astype(int)):
        stage[:end] = flat[:end]
    return stages.reshape(steps, *np.shape(page))


def with_disc(pictures: np.ndarray, *, grey: float = 1.0, radius: float = 0.1) -> np.ndarray:
    """Pictures (N, H, W, 1) with a disc painted into the upper middle.

    Args:
        pictures: square ones.
        grey: of the disc.
        radius: as a share of the pictures' side.
    """
    side = pictures.shape[1]
    rows, columns = np.mgrid[:side, :side]
    distance = (rows - 0.42 * side) ** 2 + (columns - 0.55 * side) ** 2
    marked = pictures.copy()
    marked[:, distance < (radius * side) ** 2] = grey
    return marked


def surprise_limit(prior: CodePrior, pages: Pages, *, share: float = 0.98) -> float:
    """Bits that this share of these pages' codes does not exceed."""
    return float(np.quantile(surprise(prior, pages.codes, conditions=pages.known or None), share))


def mean_picture_of(vqvae: VQVAE, drawn_pages: Collection[np.ndarray]) -> np.ndarray:
    """The mean over several restorations: (samples, N, h, w) codes -> (N, H, W, 1)."""
    return np.mean([decode_codes(vqvae, pages) for pages in drawn_pages], axis=0)
