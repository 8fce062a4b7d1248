"""Code maps through a prior: what each code costs, new maps, and unlikely codes replaced."""

import math

import numpy as np

LEAST_TEMPERATURE = 1e-6  # below it the likeliest code is taken


def surprise(prior, codes, *, conditions=None, batch_size=64):
    """Bits that each code costs, given those before it. codes: (N, h, w) -> (N, h, w) float32."""
    codes = prior.maps(codes)
    given = prior.given(codes, conditions)
    found = [_bits(prior, part_of(given, part))[1] for part in _parts(len(codes), batch_size)]
    return np.concatenate(found) if found else np.zeros(codes.shape, "float32")


def bits_a_code(prior, codes, conditions=None, *, batch_size=64):
    """Bits a code of maps (N, h, w): (mean, one number a map (N,))."""
    return _mean(surprise(prior, codes, conditions=conditions, batch_size=batch_size))


def unigram_bits(train_codes, codes, codebook_size, *, by_place=False):
    """Bits a code when each is drawn on its own, with the shares that codes have in training: (mean, a map (N,)).

    Shares are counted from one of each code on, so that one that training never met costs many bits, not infinitely many.

    Args:
        train_codes, codes: (M, h, w) and (N, h, w).
        by_place: each place has its own shares; they begin as those of all places, with the weight of ten maps.
    """
    shares, codes = _shares(train_codes, codebook_size, by_place), np.asarray(codes)
    return _mean(
        -np.log2(
            np.take_along_axis(shares, codes.reshape(len(codes), -1).T, axis=1).T.reshape(
                codes.shape
            )
        )
    )


def _shares(codes, size, by_place):
    """(h * w, K): the shares of each place, all the same unless `by_place`."""
    codes = np.asarray(codes).reshape(len(codes), -1)
    everywhere = np.bincount(codes.ravel(), minlength=size) + 1.0
    everywhere /= everywhere.sum()
    if not by_place:
        return np.tile(everywhere, (codes.shape[1], 1))
    counts = np.stack([np.bincount(place, minlength=size) for place in codes.T]) + 10 * everywhere
    return counts / counts.sum(axis=1, keepdims=True)


def _mean(bits):
    each = bits.reshape(len(bits), -1).mean(axis=1)
    return float(each.mean()), each


# ------------------------------------------------------------------------------------------------ new maps


def sample(prior, n, *, temperature=1.0, seed=0, conditions=None, batch_size=64):
    """Draws maps (n, h, w) int32.

    Args:
        temperature: 1 draws as the prior says, lower ones keep to likely codes; 0 always takes the likeliest.
        seed: a map depends on it and on its number, not on `n` or `batch_size`.
        conditions: {name: one value, or n}, see `build`.
    """
    noise = np.random.default_rng(seed).random((n, *prior.grid))
    codes = np.zeros((n, *prior.grid), "int32")
    given = prior.given(codes, conditions)
    for part in _parts(n, batch_size):
        some = part_of(given, part)
        for row, column in np.ndindex(*prior.grid):
            logits = np.asarray(prior.predict_on_batch(some))
            _codes(some)[:, row, column] = draw(
                logits[:, row, column], noise[part, row, column], temperature
            )
        codes[part] = _codes(some)
    return codes


def draw(logits, noise, temperature=1.0):
    """Codes drawn from logits (N, K) with uniform numbers (N,) in [0, 1). -> (N,) int32."""
    if temperature < 0:
        raise ValueError(f"temperature: expected 0 or more, got {temperature}.")
    if temperature < LEAST_TEMPERATURE:
        return logits.argmax(axis=1).astype("int32")
    logits = np.asarray(logits, float) / temperature
    total = np.cumsum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    return (
        (noise[:, None] * total[:, -1:] >= total)
        .sum(axis=1)
        .clip(max=logits.shape[1] - 1)
        .astype("int32")
    )


def sample_independent(train_codes, n, codebook_size, *, by_place=False, seed=0):
    """Draws maps (n, h, w) whose codes know nothing of each other; see `unigram_bits`."""
    shares = _shares(train_codes, codebook_size, by_place)
    noise = np.random.default_rng(seed).random((n, len(shares)))
    codes = np.stack(
        [
            draw(np.log(np.tile(place, (n, 1))), noise[:, number])
            for number, place in enumerate(shares)
        ],
        axis=1,
    )
    return codes.reshape(n, *np.shape(train_codes)[1:])


def restore(
    prior,
    codes,
    threshold_bits,
    *,
    seed=0,
    samples=1,
    temperature=1.0,
    conditions=None,
    batch_size=64,
):
    """Replaces codes that the prior finds unlikely, in reading order (Naval Marimont and Tarroni 2021).

    A code that costs more than `threshold_bits`, given the codes before it as they stand by then, is drawn anew.

    Args:
        codes: (N, h, w) maps.
        samples: restorations of each map.

    Returns:
        (samples, N, h, w) int32.
    """
    codes = prior.maps(codes)
    noise = np.random.default_rng(seed).random((samples, *codes.shape))
    given, restored = prior.given(codes, conditions), np.repeat(codes[None], samples, axis=0)
    for number in range(samples):
        for part in _parts(len(codes), batch_size):
            some = part_of(given, part)
            _restore(
                prior,
                some,
                threshold_bits,
                noise[number, part].reshape(len(_codes(some)), -1),
                temperature,
            )
            restored[number, part] = _codes(some)
    return restored


def _restore(prior, given, threshold, noise, temperature):
    """Each map goes on to its own next unlikely code, so that it takes as many passes as the worst map has of them."""
    codes = _codes(given)
    flat, place = (
        codes.reshape(len(codes), -1),
        np.zeros(len(codes), int),
    )  # a view; where each map has got to
    while True:
        logits, bits = _bits(prior, given)
        unlikely = (bits.reshape(flat.shape) > threshold) & (
            np.arange(flat.shape[1]) >= place[:, None]
        )
        rows = np.flatnonzero(unlikely.any(axis=1))
        if not len(rows):
            return
        where = unlikely[rows].argmax(axis=1)
        flat[rows, where] = draw(
            logits.reshape(*flat.shape, -1)[rows, where], noise[rows, where], temperature
        )
        place[rows] = where + 1


# ------------------------------------------------------------------------------------------------ in and out


def _codes(given):
    return given["codes"] if isinstance(given, dict) else given


def part_of(given, part):
    """A copy of some of the maps."""
    return (
        {name: values[part].copy() for name, values in given.items()}
        if isinstance(given, dict)
        else given[part].copy()
    )


def _parts(count, batch_size):
    return [slice(start, start + batch_size) for start in range(0, count, batch_size)]


def _bits(prior, given):
    """(logits (N, h, w, K), bits of the codes as they stand (N, h, w))."""
    logits = np.asarray(prior.predict_on_batch(given))
    top = logits.max(axis=-1)
    mine = np.take_along_axis(logits, _codes(given)[..., None], axis=-1)[..., 0]
    return logits, (top + np.log(np.exp(logits - top[..., None]).sum(axis=-1)) - mine) / math.log(2)
