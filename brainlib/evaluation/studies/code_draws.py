"""Pages of codes drawn in several ways, painted and judged; the simple ways first."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from brainlib import models
from brainlib.evaluation.features import Judge
from brainlib.evaluation.studies.code_priors import TrainedPriors
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.samples import FEWEST_DRAWS, judge_floor, nearer
from brainlib.models.prior import CodePrior
from brainlib.models.prior_draw import sample, sample_independent
from brainlib.models.vq import VQVAE, decode_codes

ALONE, BY_PLACE, PRIOR = "alone", "alone, by place", "prior"
REBUILT, FLOOR = "rebuilt training slices", "floor: training slices"
FLOORS = 5  # random halves of the training people, at least

Draw = Callable[[int, Sequence[int] | int], np.ndarray]  # (count, random seed) -> pages


def ways_to_draw(prior: CodePrior, codes: np.ndarray) -> dict[str, Draw]:
    """{way: (count, random seed) -> pages (count, h, w)}; the prior comes last.

    Args:
        prior: over these codes.
        codes: (N, h, w) of training slices, whose shares the simple ways know.
    """
    size = prior.codebook_size

    def alone(count: int, seed: Sequence[int] | int) -> np.ndarray:
        return sample_independent(codes, count, size, seed=seed)

    def by_place(count: int, seed: Sequence[int] | int) -> np.ndarray:
        return sample_independent(codes, count, size, by_place=True, seed=seed)

    def from_prior(count: int, seed: Sequence[int] | int) -> np.ndarray:
        return sample(prior, count, seed=seed)

    return {ALONE: alone, BY_PLACE: by_place, PRIOR: from_prior}


def judge_pages(
    judge: Judge,
    trained: Trained,
    priors: TrainedPriors,
    *,
    temperatures: Sequence[float],
    repeats: int,
) -> pd.DataFrame:
    """Every draw of pictures, judged: one row per draw, the floor last.

    Networks of the first round draw, one for each random seed. Columns: codes_from, temperature,
    random_seed, repeat, and what `features.Judge` measures.

    Args:
        judge: of `judge_of`.
        trained: VQ-VAEs.
        priors: over their codes.
        temperatures: of further draws from the prior, one of each; 1 is drawn in any case.
        repeats: draws of each way and random seed.
    """
    rows = []
    for key in _of_first_round(trained):
        vqvae, random_seed = trained.models[key], key[1]
        others = [value for value in dict.fromkeys(temperatures) if value != 1.0]
        for repeat in range(repeats):
            rows += _judged_ways(judge, trained, priors, key, repeat)
            for value in others if repeat == 0 else ():
                pages = sample(
                    priors.models[key], judge.n, temperature=value, seed=[random_seed, 0]
                )
                about = _about(PRIOR, value, random_seed, 0)
                rows.append({**about, **judge(decode_codes(vqvae, pages))})
        rebuilt = models.reconstruct(vqvae, judge.some_known([random_seed, 0]))
        rows.append({**_about(REBUILT, np.nan, random_seed, 0), **judge(rebuilt)})
    floor = judge_floor(
        judge,
        random_seed=next(iter(trained.models))[1],
        repeats=max(FLOORS, repeats),
        codes_from=FLOOR,
        temperature=np.nan,
    )
    return pd.concat([pd.DataFrame(rows), floor], ignore_index=True)


def draws_for_verdict(
    judge: Judge, trained: Trained, priors: TrainedPriors, judgements: pd.DataFrame
) -> pd.DataFrame:
    """The draws at temperature 1, and so many more that a verdict can stand on their spread.

    Args:
        judge: of `judge_of`.
        trained: VQ-VAEs.
        priors: over their codes.
        judgements: of `judge_pages`.

    Returns:
        Rows as of `judge_pages`, 5 draws or more of each way.
    """
    drawn = judgements[judgements.temperature == 1.0]
    keys = list(_of_first_round(trained))
    done = int(drawn.repeat.max()) + 1
    needed = -(-FEWEST_DRAWS // len(keys))
    rows = []
    for key in keys:
        for repeat in range(done, needed):
            rows += _judged_ways(judge, trained, priors, key, repeat)
    more = [pd.DataFrame(rows)] if rows else []
    return pd.concat([drawn, *more], ignore_index=True)


def nearer_pages(draws: pd.DataFrame, judgements: pd.DataFrame, way: str) -> dict[str, object]:
    """The verdict on the claim that pages from the prior are nearer to real slices than others.

    As `studies.nearer`, with a control: real pages, rebuilt, have to be nearer than those others.
    Where they are not, the distance does not see what a page holds, and nothing is shown.

    Args:
        draws: of `draws_for_verdict`.
        judgements: of `judge_pages`.
        way: the other way to draw, such as "alone".
    """
    of_prior, of_others = (draws[draws.codes_from == source] for source in (PRIOR, way))
    found = nearer(of_prior, of_others, a=PRIOR, b=way)
    real = judgements[judgements.codes_from == REBUILT].frechet.mean()
    if real < of_others.frechet.mean():
        return found
    control = (
        f"real pages, rebuilt, are {real:.4g} away, no nearer than codes drawn {way}: the distance "
        "does not see what a page holds. "
    )
    return {**found, "verdict": "not shown", "words": control + found["words"].capitalize()}


def _of_first_round(trained: Trained) -> Iterator[tuple[str, int]]:
    """The keys of the first round's networks, one for each random seed."""
    first_round = next(iter(trained.models))[0]
    return (key for key in trained.models if key[0] == first_round)


def _judged_ways(
    judge: Judge,
    trained: Trained,
    priors: TrainedPriors,
    key: tuple[str, int],
    repeat: int,
) -> list[dict]:
    """One draw of each way, painted by one network and judged."""
    ways = ways_to_draw(priors.models[key], priors.pages[key]["train"].codes)
    rows = []
    for way, draw in ways.items():
        pictures = decode_codes(trained.models[key], draw(judge.n, [key[1], repeat]))
        rows.append({**_about(way, 1.0, key[1], repeat), **judge(pictures)})
    return rows


def _about(source: str, temperature: float, random_seed: int, repeat: int) -> dict:
    return {
        "codes_from": source,
        "temperature": temperature,
        "random_seed": random_seed,
        "repeat": repeat,
    }


def paint(vqvae: VQVAE, way: Draw, count: int, *, seed: Sequence[int] | int) -> np.ndarray:
    """Pictures (count, H, W, 1) of pages drawn in one of `ways_to_draw`."""
    return decode_codes(vqvae, way(count, seed))
