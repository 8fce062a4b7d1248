"""Which slices deserve training: the slice table, and the methods that choose from it."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from brainlib.heads.volumes import Volume
from brainlib.slices.planes import pictures

RULES = ("first_quartile", "three_sigma", "tukey")
MIN_BRAIN_FRACTION = 3000 / 256**2  # thesis 004: more than 3000 of 256x256 pixels, 4.58 %
RANGES = {  # as shares of the axis, half-open
    "sagittal": (50 / 150, 110 / 150),  # thesis 003, section 3.1: slices 50 to 109 of 150
    "axial": (160 / 256, 190 / 256),  # thesis 000, section 3.2: slices 160 to 189 of 256
    "coronal": (0.35, 0.65),  # ours: no thesis cuts this plane
}


def measure(volume: Volume, mask: np.ndarray, plane: str, *, name: str) -> pd.DataFrame:
    """One row per slice: what the selection methods need.

    Args:
        volume: a `volumes.Volume`.
        mask: bool brain mask of its shape.
        plane: "sagittal", "coronal" or "axial".
        name: the volume's name, written to the column `volume`.

    Returns:
        table with the columns volume, slice, slices (of the volume), picture_px, brain_px,
        nonzero_px, nonzero_mean.
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


def select(table: pd.DataFrame, method: str, **options: object) -> pd.DataFrame:
    """The rows of a slice table that a method keeps, in their order and with their index.

    Methods and their options:
        range: `start`, `stop`, half-open; integers are slice numbers, fractions shares of each
            volume's axis (slice s of n lies at s/n). 0 or 1 beside a fraction is a share, too.
            Theses 003 and 000; `RANGES` has theirs.
        middle: none. The slice n // 2 of each volume.
        nonzero_count: `rule` (see `threshold`) or `threshold`; keeps nonzero_px >= threshold.
            Thesis 004.
        nonzero_mean: the same on nonzero_mean. Thesis 004.
        brain: `min_fraction` of the picture (default 3000/65536) or `min_px`; keeps slices with
            more brain pixels than that. Thesis 004. Where the table has no picture_px, pictures are
            taken to be IXI's 256x256.

    Raises:
        ValueError: unknown method or option, a column that the method needs is absent, or a range
            that holds no slice.
    """
    if method not in _CHOOSERS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}.")
    column, choose = _CHOOSERS[method]
    if column not in table:
        raise ValueError(
            f"method {method!r}: expected a column {column!r} in the slice table, "
            f"got {', '.join(table.columns)}."
        )
    if not len(table):
        return table.copy()
    try:
        chosen = choose(table, **options)
    except TypeError as error:
        raise ValueError(
            f"method {method!r}: {error}. See slices.select for the options of each method."
        ) from error
    return table[chosen]


def threshold(values: pd.Series | np.ndarray, rule: str = "first_quartile") -> float:
    """The lower limit that a rule of thesis 004, section 5.2.1.2, sets on a column of the table.

    first_quartile is the one that the thesis took for both intensity methods; three_sigma (mean - 3
    standard deviations) and tukey (Q1 - 1.5 IQR) it rejected, since nearly everything passes them.
    NaN counts for nothing.
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


def _slices_of_volume(table: pd.DataFrame) -> pd.Series:
    """Of each row, how many slices its volume has."""
    if "slices" in table:
        return table["slices"]
    if "volume" not in table:
        raise ValueError(
            "expected a column 'slices' or 'volume' in the slice table, "
            f"got {', '.join(table.columns)}."
        )
    return table.groupby("volume")["slice"].transform("max") + 1


def _in_range(table: pd.DataFrame, *, start: float, stop: float) -> pd.Series:
    if not start < stop:
        raise ValueError(f"range: expected start below stop, got {start} and {stop}.")
    if _are_slice_numbers(start, stop):
        chosen = table["slice"].between(start, stop, inclusive="left")
    else:
        chosen = _in_share(table, start, stop)
    if not chosen.any():
        first, last = table["slice"].min(), table["slice"].max()
        raise ValueError(
            f"range: expected slices of numbers {first} to {last} in it, got none between "
            f"{start} and {stop}. Choose a range inside the axis, or shares of it such as 0.3 and "
            "0.7."
        )
    return chosen


def _are_slice_numbers(start: float, stop: float) -> bool:
    """True for two integers, False for two shares; 0 or 1 beside a fraction is a share."""
    whole = [end for end in (start, stop) if isinstance(end, (int, np.integer))]
    if len(whole) == 1 and whole[0] not in (0, 1):
        raise ValueError(
            "range: expected two integers (slice numbers) or two fractions (shares of the axis), "
            f"got {start} and {stop}."
        )
    return len(whole) == 2


def _in_share(table: pd.DataFrame, start: float, stop: float) -> pd.Series:
    if not (0 <= start and stop <= 1):
        raise ValueError(
            f"range: expected shares of the axis between 0.0 and 1.0, got {start} and {stop}."
        )
    position = table["slice"] / _slices_of_volume(table)
    tolerance = 1e-9  # 50/150 must not fall below itself
    return (position + tolerance).between(start, stop + tolerance, inclusive="left")


def _middle(table: pd.DataFrame) -> pd.Series:
    return table["slice"] == _slices_of_volume(table) // 2


_limit_by_rule = threshold  # `_by_column` has an argument of that name


def _by_column(
    table: pd.DataFrame,
    *,
    column: str,
    rule: str = "first_quartile",
    threshold: float | None = None,
) -> pd.Series:
    limit = _limit_by_rule(table[column], rule) if threshold is None else threshold
    return table[column] >= limit


def _by_brain(
    table: pd.DataFrame, *, min_fraction: float | None = None, min_px: float | None = None
) -> pd.Series:
    if min_fraction is not None and min_px is not None:
        raise ValueError("brain: expected min_fraction or min_px, got both.")
    if min_fraction is not None and not 0 <= min_fraction <= 1:
        raise ValueError(
            f"brain: expected min_fraction between 0 and 1, got {min_fraction}. "
            "Divide per cent by 100."
        )
    if min_px is None:
        pixels = table["picture_px"] if "picture_px" in table else 256**2
        min_px = (MIN_BRAIN_FRACTION if min_fraction is None else min_fraction) * pixels
    return table["brain_px"] > min_px


_CHOOSERS = {  # the column that a method needs, and what chooses
    "range": ("slice", _in_range),
    "middle": ("slice", _middle),
    "nonzero_count": ("nonzero_px", functools.partial(_by_column, column="nonzero_px")),
    "nonzero_mean": ("nonzero_mean", functools.partial(_by_column, column="nonzero_mean")),
    "brain": ("brain_px", _by_brain),
}
METHODS = tuple(_CHOOSERS)
