"""Which slices deserve training: the slice table, and the methods that choose from it."""

import functools

import numpy as np
import pandas as pd

from brainlib.slices.planes import pictures

METHODS = ("range", "middle", "nonzero_count", "nonzero_mean", "brain")
RULES = ("first_quartile", "three_sigma", "tukey")
MIN_BRAIN_FRACTION = 3000 / 256**2  # seed 004: more than 3000 of 256x256 pixels, 4.58 %
RANGES = {  # as shares of the axis, half-open
    "sagittal": (50 / 150, 110 / 150),  # seed 003, section 3.1: slices 50 to 109 of 150
    "axial": (160 / 256, 190 / 256),  # seed 000, section 3.2: slices 160 to 189 of 256
    "coronal": (0.35, 0.65),  # ours: no seed cuts this plane
}


def measure(volume, mask, plane, *, name):
    """One row a slice: what the selection methods need.

    Args:
        volume: a `volumes.Volume`.
        mask: bool brain mask of its shape.
        plane: "sagittal", "coronal" or "axial".
        name: the volume's name, written to the column `volume`.

    Returns:
        table with the columns volume, slice, slices (of the volume), picture_px, brain_px, nonzero_px, nonzero_mean.
    """
    stack = pictures(volume.array, plane)
    nonzero = np.count_nonzero(stack, axis=(1, 2))
    total = stack.sum(axis=(1, 2), dtype=np.float64)
    return pd.DataFrame(
        {
            "volume": name,
            "slice": np.arange(len(stack)),
            "slices": len(stack),
            "picture_px": stack[0].size,
            "brain_px": np.count_nonzero(pictures(mask, plane), axis=(1, 2)),
            "nonzero_px": nonzero,
            "nonzero_mean": np.divide(total, nonzero, out=np.zeros(len(stack)), where=nonzero > 0),
        }
    )


def select(table, method, **options):
    """The rows of a slice table that a method keeps, in their order and with their index.

    Methods and their options:
        range: `start`, `stop`, half-open; integers are slice numbers, fractions shares of each volume's axis (slice s
            of n lies at s/n). 0 or 1 beside a fraction is a share, too. Seeds 003 and 000; `RANGES` has theirs.
        middle: none. The slice n // 2 of each volume.
        nonzero_count: `rule` (see `threshold`) or `threshold`; keeps nonzero_px >= threshold. Seed 004.
        nonzero_mean: the same on nonzero_mean. Seed 004.
        brain: `min_fraction` of the picture (default 3000/65536) or `min_px`; keeps slices with more brain pixels than
            that. Seed 004. Where the table has no picture_px, pictures are taken to be IXI's 256x256.

    Raises:
        ValueError: unknown method or option, a column that the method needs is absent, or a range that holds no slice.
    """
    choose = {
        "range": _in_range,
        "middle": _middle,
        "nonzero_count": _by_column,
        "nonzero_mean": _by_column,
        "brain": _by_brain,
    }
    if method not in choose:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}.")
    column = {
        "nonzero_count": "nonzero_px",
        "nonzero_mean": "nonzero_mean",
        "brain": "brain_px",
    }.get(method, "slice")
    if column not in table:
        raise ValueError(
            f"method {method!r}: expected a column {column!r} in the slice table, got {', '.join(table.columns)}."
        )
    if not len(table):
        return table.copy()
    call = (
        functools.partial(choose[method], column=column)
        if method.startswith("nonzero")
        else choose[method]
    )
    try:
        keep = call(table, **options)
    except TypeError as error:
        raise ValueError(
            f"method {method!r}: {error}. See slices.select for the options of each method."
        ) from error
    return table[keep]


def threshold(values, rule="first_quartile"):
    """The lower limit that a rule of seed 004, section 5.2.1.2, sets on a column of the slice table.

    first_quartile is the one that the seed took for both intensity methods; three_sigma (mean - 3 standard deviations)
    and tukey (Q1 - 1.5 IQR) it rejected, since nearly everything passes them. NaN counts for nothing.
    """
    values = np.asarray(values, dtype=float)
    first, third = np.nanquantile(values, [0.25, 0.75])
    limits = {
        "first_quartile": first,
        "three_sigma": np.nanmean(values) - 3 * np.nanstd(values),
        "tukey": first - 1.5 * (third - first),
    }
    if rule not in limits:
        raise ValueError(f"rule: expected one of {', '.join(limits)}, got {rule!r}.")
    return float(limits[rule])


def _slices_of_volume(table):
    if "slices" in table:
        return table["slices"]
    if "volume" not in table:
        raise ValueError(
            f"expected a column 'slices' or 'volume' in the slice table, got {', '.join(table.columns)}."
        )
    return table.groupby("volume")["slice"].transform("max") + 1


def _in_range(table, *, start, stop):
    if not start < stop:
        raise ValueError(f"range: expected start below stop, got {start} and {stop}.")
    whole = [isinstance(end, (int, np.integer)) for end in (start, stop)]
    if any(whole) and not all(whole) and (start, stop)[whole.index(True)] not in (0, 1):
        raise ValueError(
            f"range: expected two integers (slice numbers) or two fractions (shares of the axis), got {start} and {stop}."
        )
    if all(whole):
        keep = table["slice"].between(start, stop, inclusive="left")
    else:
        if not (0 <= start and stop <= 1):
            raise ValueError(
                f"range: expected shares of the axis between 0.0 and 1.0, got {start} and {stop}."
            )
        position = (
            table["slice"] / _slices_of_volume(table) + 1e-9
        )  # 50/150 must not fall below itself
        keep = position.between(start, stop + 1e-9, inclusive="left")
    if not keep.any():
        raise ValueError(
            f"range: expected slices of numbers {table['slice'].min()} to {table['slice'].max()} in it, got none between "
            f"{start} and {stop}. Choose a range inside the axis, or shares of it such as 0.3 and 0.7."
        )
    return keep


def _middle(table):
    return table["slice"] == _slices_of_volume(table) // 2


_rule_limit = threshold  # `_by_column` has an argument of that name


def _by_column(table, *, column, rule="first_quartile", threshold=None):
    limit = _rule_limit(table[column], rule) if threshold is None else threshold
    return table[column] >= limit


def _by_brain(table, *, min_fraction=None, min_px=None):
    if min_fraction is not None and min_px is not None:
        raise ValueError("brain: expected min_fraction or min_px, got both.")
    if min_fraction is not None and not 0 <= min_fraction <= 1:
        raise ValueError(
            f"brain: expected min_fraction between 0 and 1, got {min_fraction}. Divide per cent by 100."
        )
    if min_px is None:
        pixels = table["picture_px"] if "picture_px" in table else 256**2
        min_px = (MIN_BRAIN_FRACTION if min_fraction is None else min_fraction) * pixels
    return table["brain_px"] > min_px
