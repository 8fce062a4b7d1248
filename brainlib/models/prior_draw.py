"""Code maps through a prior: what each code costs, new maps, and unlikely codes replaced."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from brainlib.models.prior import CodePrior

LEAST_TEMPERATURE = 1e-6  # below it the likeliest code is taken
MAPS_OF_ALL_PLACES = 10  # weight of the shares of all places beside those of one

Values = Mapping[str, Any]  # of conditions: {name: one value, or one per map}
Inputs = np.ndarray | dict[str, np.ndarray]  # codes, or {"codes", "conditions"}


def surprise(
    prior: CodePrior, codes: np.ndarray, *, conditions: Values | None = None, batch_size: int = 64
) -> np.ndarray:
    """Bits that each code costs, given those before it. codes: (N, h, w) -> (N, h, w) float32."""
    codes = prior.checked_maps(codes)
    given = prior.inputs_for(codes, conditions)
    found = [np.zeros((0, *codes.shape[1:]), "float32")]
    for part in _batches(len(codes), batch_size):
        _, bits = _logits_and_bits(prior, part_of(given, part))
        found.append(bits)
    return np.concatenate(found)


def bits_a_code(
    prior: CodePrior, codes: np.ndarray, conditions: Values | None = None, *, batch_size: int = 64
) -> tuple[float, np.ndarray]:
    """Bits per code of maps (N, h, w): (mean, one number per map (N,))."""
    return _mean(surprise(prior, codes, conditions=conditions, batch_size=batch_size))


def unigram_bits(
    train_codes: np.ndarray, codes: np.ndarray, codebook_size: int, *, by_place: bool = False
) -> tuple[float, np.ndarray]:
    """Bits per code when each is drawn on its own, with the shares that codes have in training.

    Shares are counted from one of each code on, so that one that training never met costs many
    bits, not infinitely many.

    Args:
        train_codes: (M, h, w), whose shares are counted.
        codes: (N, h, w), whose bits are measured.
        codebook_size: number of codes K.
        by_place: each place has its own shares; they begin as those of all places, with the weight
            of ten maps.

    Returns:
        (mean, one number per map (N,)).
    """
    shares = _shares(train_codes, codebook_size, by_place)  # (h*w, K)
    codes = np.asarray(codes)
    flat = codes.reshape(len(codes), -1)  # (N, h*w)
    of_codes = np.take_along_axis(shares, flat.T, axis=1).T  # (N, h*w)
    return _mean(-np.log2(of_codes.reshape(codes.shape)))


def _shares(codes: np.ndarray, codebook_size: int, by_place: bool) -> np.ndarray:
    """(h*w, K): the shares of each place, all the same unless `by_place`."""
    codes = np.asarray(codes).reshape(len(codes), -1)  # (M, h*w)
    everywhere = np.bincount(codes.ravel(), minlength=codebook_size) + 1.0  # (K,)
    everywhere /= everywhere.sum()
    if not by_place:
        return np.tile(everywhere, (codes.shape[1], 1))
    counts = np.stack([np.bincount(place, minlength=codebook_size) for place in codes.T])
    counts = counts + MAPS_OF_ALL_PLACES * everywhere  # (h*w, K)
    return counts / counts.sum(axis=1, keepdims=True)


def _mean(bits: np.ndarray) -> tuple[float, np.ndarray]:
    by_map = bits.reshape(len(bits), -1).mean(axis=1)  # (N,)
    return float(by_map.mean()), by_map


# --------------------------------------------------------------------------------------- new maps


def sample(
    prior: CodePrior,
    n: int,
    *,
    temperature: float = 1.0,
    seed: Any = 0,
    conditions: Values | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Draws maps (n, h, w) int32, code by code in reading order.

    Args:
        prior: of `prior.build_prior`.
        n: number of maps.
        temperature: 1 draws as the prior says, lower ones keep to likely codes; 0 always takes the
            likeliest.
        seed: of `numpy.random.default_rng`; a map depends on it and on its number, not on `n` or
            `batch_size`.
        conditions: {name: one value, or n}, see `prior.build_prior`.
        batch_size: maps that are drawn at once.
    """
    noise = np.random.default_rng(seed).random((n, *prior.grid))
    codes = np.zeros((n, *prior.grid), "int32")
    given = prior.inputs_for(codes, conditions)
    for part in _batches(n, batch_size):
        inputs = part_of(given, part)
        drawn = _codes_in(inputs)  # a view: what is drawn is the network's next input
        for row, column in np.ndindex(*prior.grid):
            logits = np.asarray(prior.predict_on_batch(inputs))[:, row, column]  # (B, K)
            drawn[:, row, column] = draw(logits, noise[part, row, column], temperature)
        codes[part] = drawn
    return codes


def draw(logits: np.ndarray, noise: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Codes drawn from logits (N, K) with uniform numbers (N,) in [0, 1). -> (N,) int32."""
    if temperature < 0:
        raise ValueError(f"temperature: expected 0 or more, got {temperature}.")
    if temperature < LEAST_TEMPERATURE:
        return logits.argmax(axis=1).astype("int32")
    logits = np.asarray(logits, float) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    total = np.cumsum(weights, axis=1)  # (N, K)
    # The first code whose cumulative weight is above the noise.
    codes = (noise[:, None] * total[:, -1:] >= total).sum(axis=1)
    return codes.clip(max=logits.shape[1] - 1).astype("int32")


def sample_independent(
    train_codes: np.ndarray,
    n: int,
    codebook_size: int,
    *,
    by_place: bool = False,
    seed: Any = 0,
) -> np.ndarray:
    """Draws maps (n, h, w) whose codes know nothing of each other; see `unigram_bits`."""
    shares = _shares(train_codes, codebook_size, by_place)  # (h*w, K)
    noise = np.random.default_rng(seed).random((n, len(shares)))
    codes = np.zeros((n, len(shares)), "int32")
    for place, shares_there in enumerate(shares):
        logits = np.log(np.tile(shares_there, (n, 1)))  # (n, K)
        codes[:, place] = draw(logits, noise[:, place])
    return codes.reshape(n, *np.shape(train_codes)[1:])


# ------------------------------------------------------------------------------------ restoration


def restore(
    prior: CodePrior,
    codes: np.ndarray,
    threshold_bits: float,
    *,
    seed: Any = 0,
    samples: int = 1,
    temperature: float = 1.0,
    conditions: Values | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Replaces codes that the prior finds unlikely, in reading order.

    A code that costs more than `threshold_bits`, given the codes before it as they stand by then,
    is drawn anew (Naval Marimont and Tarroni 2021).

    Args:
        prior: of `prior.build_prior`.
        codes: (N, h, w) maps.
        threshold_bits: above which a code is drawn anew.
        seed: of the draws.
        samples: restorations of each map.
        temperature: of the draws, see `sample`.
        conditions: {name: one value, or N}, see `prior.build_prior`.
        batch_size: maps that are restored at once.

    Returns:
        (samples, N, h, w) int32.
    """
    codes = prior.checked_maps(codes)
    noise = np.random.default_rng(seed).random((samples, *codes.shape))
    given = prior.inputs_for(codes, conditions)
    restored = np.repeat(codes[None], samples, axis=0)
    for number in range(samples):
        for part in _batches(len(codes), batch_size):
            inputs = part_of(given, part)
            _restore_batch(prior, inputs, threshold_bits, noise[number, part], temperature)
            restored[number, part] = _codes_in(inputs)
    return restored


def _restore_batch(
    prior: CodePrior, inputs: Inputs, threshold_bits: float, noise: np.ndarray, temperature: float
) -> None:
    """Changes the codes in `inputs`. noise: (B, h, w).

    Each map goes on to its own next unlikely code, so that it takes as many passes as the worst map
    has of them.
    """
    codes = _codes_in(inputs)
    flat = codes.reshape(len(codes), -1)  # (B, h*w), a view of the codes
    noise = noise.reshape(flat.shape)
    next_place = np.zeros(len(codes), int)  # where each map has got to
    while True:
        logits, bits = _logits_and_bits(prior, inputs)
        not_passed = np.arange(flat.shape[1]) >= next_place[:, None]  # (B, h*w)
        unlikely = (bits.reshape(flat.shape) > threshold_bits) & not_passed
        maps = np.flatnonzero(unlikely.any(axis=1))
        if not len(maps):
            return
        places = unlikely[maps].argmax(axis=1)
        logits_there = logits.reshape(*flat.shape, -1)[maps, places]  # (maps, K)
        flat[maps, places] = draw(logits_there, noise[maps, places], temperature)
        next_place[maps] = places + 1


# ------------------------------------------------------------------------------------- in and out


def part_of(given: Inputs, part: slice | np.ndarray) -> Inputs:
    """A copy of some of the maps, with their conditions."""
    if isinstance(given, dict):
        return {name: values[part].copy() for name, values in given.items()}
    return given[part].copy()


def _codes_in(inputs: Inputs) -> np.ndarray:
    return inputs["codes"] if isinstance(inputs, dict) else inputs


def _batches(count: int, batch_size: int) -> list[slice]:
    return [slice(start, start + batch_size) for start in range(0, count, batch_size)]


def _logits_and_bits(prior: CodePrior, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """(logits (B, h, w, K), bits of the codes as they stand (B, h, w))."""
    logits = np.asarray(prior.predict_on_batch(inputs))
    top = logits.max(axis=-1)  # taken off, so that exp cannot overflow
    log_total = top + np.log(np.exp(logits - top[..., None]).sum(axis=-1))
    of_codes = np.take_along_axis(logits, _codes_in(inputs)[..., None], axis=-1)[..., 0]
    return logits, (log_total - of_codes) / math.log(2)
