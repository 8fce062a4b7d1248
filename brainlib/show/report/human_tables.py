"""A table for people: at most seven columns, intervals beside their mean, baselines first.

The whole table stays as CSV; what people need not see is named below what they see.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from brainlib import record
from brainlib.record.columns import column_in_words
from brainlib.show.report.document import Cell, Column, Table

MOST_COLUMNS, MOST_ROWS, MOST_TEXT_COLUMNS = 7, 20, 3
FEWEST_PEOPLE = 6  # fewer cannot decide which is best, as brainlib.evaluation.stats has it
PEOPLE = ("people", "subjects", "test_subjects", "n")
COMPARED = ("model", "network", "method", "detector", "codes_from", "codes_by", "guess", "slices")
BASELINES = (
    "doing nothing",
    "nothing",
    "corrupted input",
    "input",
    "original",
    "grey value",
    "intensity",
    "mean picture",
    "mean image",
    "uniform",
    "unigram",
    "plain squares",
    "nearest",
    "pca",
)
NOTHING = "–"
OF_CODE = ("layer", "inputs")  # columns that hold names of the code
LONG_NUMBER = re.compile(r"-?\d+\.\d{5,}")


@dataclass
class Shown:
    """A column on its way into the table: values, and the limits of their intervals."""

    name: str
    values: list
    low: list | None = None
    high: list | None = None
    spread: list | None = None

    @property
    def numeric(self) -> bool:
        """Whether numbers stand in it."""
        return pd.api.types.is_numeric_dtype(pd.Series(self.values)) and not _all_bool(self.values)

    def texts(self) -> list[str]:
        """The cells as people read them; names of layers as code."""
        if self.name in OF_CODE:
            return [f"`{value}`" if _words(value) != NOTHING else NOTHING for value in self.values]
        if not self.numeric:
            return [_words(value) for value in self.values]
        if self.low is not None:
            rows = zip(self.values, self.low, self.high)
            known = column_in_words(self.name).decimals
            return [_with_limits(value, low, high, known) for value, low, high in rows]
        decimals = _decimals(self)
        texts = [_number(value, decimals) for value in self.values]
        if self.spread is not None:
            pairs = zip(texts, self.spread)
            return [_with_spread(text, spread, decimals) for text, spread in pairs]
        return texts


def for_people(
    frame: pd.DataFrame,
    *,
    key: str,
    caption: str,
    csv: str = "",
    rows: int = MOST_ROWS,
    with_participants: bool = False,
) -> Table:
    """A table as the report shows it.

    Args:
        frame: the whole table, as the run saved it.
        key: of references, such as "04_vae/quality".
        caption: what it says.
        csv: path of the whole table, relative to the run folder.
        rows: so many are shown.
        with_participants: whether sex, age and the like stand beside people's names.
    """
    columns = record.display.shown_columns(frame, with_participants=with_participants)
    if "verdict" in columns:  # the findings above the table hold the sentence
        columns = [name for name in columns if name != "words"]
    frame = _measures_side_by_side(frame[columns])
    frame = baselines_first(frame)
    shown, constant = _without_constants(_columns(frame))
    chosen, left_out = _at_most_seven(shown)
    cut = [_first(column, rows) for column in chosen]
    bold = {column.name: decided_best(frame, column) for column in chosen}
    return Table(
        key=key,
        caption=caption,
        columns=tuple(_heading(column) for column in cut),
        rows=_rows(cut, bold),
        note=_note(constant, left_out, len(frame), min(rows, len(frame)), csv),
        csv=csv,
    )


def baselines_first(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of baselines before those of models, within what is compared."""
    name = _compared(frame)
    if name is None or len(frame) > 3 * MOST_ROWS:
        return frame
    places = [_baseline_place(value) for value in frame[name]]
    before = _texts_before(frame, name)
    order = frame.assign(_place=places, _row=range(len(frame)))
    for other in before:
        order[f"_{other}"] = pd.factorize(order[other])[0]
    keys = [*(f"_{other}" for other in before), "_place", "_row"]
    return order.sort_values(keys)[list(frame)].reset_index(drop=True)


def decided_best(frame: pd.DataFrame, column: Shown) -> list[bool]:
    """Whether each row is the best beyond doubt: its interval touches that of no other row."""
    better = column_in_words(column.name).better
    no_one = [False] * len(frame)
    if column.low is None or not better or len(frame) < 2 or not _enough_people(frame):
        return no_one
    groups = _groups(frame)
    best = list(no_one)
    for rows in groups:
        winner = _winner(
            [column.low[row] for row in rows], [column.high[row] for row in rows], better
        )
        if winner is not None:
            best[rows[winner]] = True
    return best


def _winner(low: list[float], high: list[float], better: str) -> int | None:
    """Place of the interval that lies wholly on the better side of all others."""
    if len(low) < 2 or any(math.isnan(value) for value in [*low, *high]):
        return None
    if better == "lower":
        low, high = [-value for value in high], [-value for value in low]
    place = max(range(len(low)), key=low.__getitem__)
    others = [value for row, value in enumerate(high) if row != place]
    return place if low[place] > max(others) else None


def _groups(frame: pd.DataFrame) -> list[list[int]]:
    """Rows that are compared with each other: the same in all texts before the model's name."""
    name = _compared(frame)
    texts = _texts_before(frame, name) if name else []
    if not texts:
        return [list(range(len(frame)))]
    keys = frame[texts].astype(str).agg("|".join, axis=1)
    return [
        list(rows) for rows in keys.reset_index(drop=True).groupby(keys.to_numpy()).groups.values()
    ]


def _enough_people(frame: pd.DataFrame) -> bool:
    counts = [frame[name].min() for name in PEOPLE if name in frame]
    return bool(counts) and min(counts) >= FEWEST_PEOPLE


def _compared(frame: pd.DataFrame) -> str | None:
    """The column that names what is compared, such as the model; None where there is none."""
    found = [name for name in COMPARED if name in frame and _holds_texts(frame[name])]
    return found[0] if found else None


def _texts_before(frame: pd.DataFrame, name: str) -> list[str]:
    """The columns of texts that stand before one, such as the corruption before the model."""
    names = list(frame)
    return [other for other in names[: names.index(name)] if _holds_texts(frame[other])]


def _holds_texts(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _baseline_place(value: object) -> int:
    """Place among the baselines; models come after all of them."""
    text = str(value).lower()
    for place, name in enumerate(BASELINES):
        if text == name or (name == "pca" and text.startswith("pca")):
            return place
    return len(BASELINES)


def _measures_side_by_side(frame: pd.DataFrame) -> pd.DataFrame:
    """A column for each measure, where a table has one row per measure."""
    needed = {"metric", "mean", "low", "high", "model"}
    if not needed <= set(frame) or frame["metric"].nunique() > 4:
        return frame
    texts = [name for name in ("corruption", "input", "model") if name in frame]
    if frame.duplicated([*texts, "metric"]).any():
        return frame
    counts = [name for name in ("n", "people", "subjects") if name in frame][:1]
    wide = frame[texts].drop_duplicates().set_index(texts)
    for metric, rows in frame.groupby("metric", sort=False):
        rows = rows.set_index(texts)
        names = {"mean": metric, "low": f"{metric}_low", "high": f"{metric}_high"}
        wide = wide.join(rows[list(names)].rename(columns=names))
    if counts:
        wide = wide.join(frame.groupby(texts)[counts[0]].max())
    return wide.reset_index()


def _columns(frame: pd.DataFrame) -> list[Shown]:
    """The columns, limits and spreads beside the mean that they belong to."""
    names, shown = [str(name) for name in frame], []
    frame = frame.set_axis(names, axis=1)
    taken = set()
    for place, name in enumerate(names):
        if name in taken:
            continue
        column = Shown(name, frame[name].tolist())
        low, high = _limits(names, place)
        spread = _spread(names, name)
        if column.numeric and low:
            column.low, column.high = frame[low].tolist(), frame[high].tolist()
            taken |= {low, high}
        elif column.numeric and spread:
            column.spread = frame[spread].tolist()
            taken.add(spread)
        shown.append(column)
    return [column for column in shown if column.name not in taken]


def _limits(names: Sequence[str], place: int) -> tuple[str, str] | tuple[None, None]:
    name = names[place]
    if {f"{name}_low", f"{name}_high"} <= set(names):
        return f"{name}_low", f"{name}_high"
    if list(names[place + 1 : place + 3]) == ["low", "high"]:
        return "low", "high"
    return None, None


def _spread(names: Sequence[str], name: str) -> str | None:
    candidates = [f"{name}_std", f"{name.removesuffix('_mean')}_std"]
    return next((one for one in candidates if one in names and one != name), None)


def _without_constants(columns: list[Shown]) -> tuple[list[Shown], list[str]]:
    """Columns that differ between rows, and in words those that do not, where space is short."""
    columns = [column for column in columns if _says_something(column)] or columns[:1]
    if len(columns) <= MOST_COLUMNS or len(columns[0].values) < 2:
        return columns, []
    different, constant = [], []
    for column in columns:
        texts = set(column.texts())
        if len(texts) > 1:
            different.append(column)
        else:
            constant.append(f"{column_in_words(column.name).label}: {texts.pop()}")
    return different or columns[:1], constant if different else []


def _says_something(column: Shown) -> bool:
    return any(text not in ("", NOTHING) for text in column.texts())


def _at_most_seven(columns: list[Shown]) -> tuple[list[Shown], list[str]]:
    """The columns that people need most, in their order, and the labels of the others."""
    texts = [column for column in columns if not column.numeric]
    ranked = texts[:MOST_TEXT_COLUMNS]
    numbers = [column for column in columns if column.numeric]
    ranked += sorted(numbers, key=_rank)
    ranked += texts[MOST_TEXT_COLUMNS:]
    chosen = {column.name for column in ranked[:MOST_COLUMNS]}
    left_out = [column_in_words(column.name).label for column in ranked[MOST_COLUMNS:]]
    return [column for column in columns if column.name in chosen], left_out


def _rank(column: Shown) -> int:
    """Measures with a better side first, then counts of people, then the rest."""
    if column_in_words(column.name).better:
        return 0 if column.low is not None or column.spread is not None else 1
    return 1 if column.name in PEOPLE or column.low is not None else 2


def _heading(column: Shown) -> Column:
    words = column_in_words(column.name)
    return Column(words.heading, column.numeric)


def _first(column: Shown, rows: int) -> Shown:
    """A column's first rows; a long column of numbers keeps the decimals of all."""
    parts = (column.low, column.high, column.spread)
    low, high, spread = (None if part is None else part[:rows] for part in parts)
    return Shown(column.name, column.values[:rows], low, high, spread)


def _rows(columns: list[Shown], bold: dict[str, list[bool]]) -> tuple[tuple[Cell, ...], ...]:
    made = []
    for column in columns:
        marks = bold[column.name]
        made.append([Cell(text, mark) for text, mark in zip(column.texts(), marks)])
    return tuple(zip(*made))


def _note(constant: list[str], left_out: list[str], all_rows: int, rows: int, csv: str) -> str:
    """What stands below a table."""
    parts = [f"In all rows: {'; '.join(constant)}."] if constant else []
    where = f" `{csv}`" if csv else " the CSV file"
    if rows < all_rows:
        parts.append(f"The first {rows} of {all_rows:,} rows.")
    if left_out:
        parts.append(f"Left out here: {', '.join(left_out)}.")
    if rows < all_rows or left_out:
        parts.append(f"The whole table is in{where}.")
    return " ".join(parts)


def _all_bool(values: Sequence[object]) -> bool:
    return all(isinstance(value, bool) for value in values)


def _words(value: object) -> str:
    text = record.display.readable_value(value)
    if LONG_NUMBER.fullmatch(text):  # a number in a column of texts
        text = record.display.readable_value(float(text))
    return text if text != "" else NOTHING


def _decimals(column: Shown) -> int:
    """Decimals of a column: as `columns.csv` says, else three digits of what is typical."""
    known = column_in_words(column.name).decimals
    values = [abs(value) for value in column.values if _finite(value) and value]
    whole = all(float(value).is_integer() for value in values)
    if known is not None:
        small = _digits_of(max(values), 2) if values and not whole else 0
        return 0 if whole and known < 3 else min(max(known, small), known + 4)
    if not values or whole:
        return 0
    typical = sorted(values)[len(values) // 2]
    return min(max(_digits_of(typical, 3), 0), 7)


def _digits_of(size: float, significant: int) -> int:
    """Decimals that show so many significant digits of a number of this size."""
    return max(0, significant - 1 - math.floor(math.log10(size)))


def _finite(value: object) -> bool:
    return value is not None and not isinstance(value, str) and math.isfinite(value)


def _number(value: float, decimals: int) -> str:
    if value is None or value != value:
        return NOTHING
    if not math.isfinite(value):
        return "infinite" if value > 0 else "-infinite"
    return f"{round(float(value), decimals) + 0.0:,.{decimals}f}".replace("-", "−")


def _with_limits(value: float, low: float, high: float, known: int | None) -> str:
    """A mean with its limits, all with two digits of half the interval's width."""
    if not (_finite(low) and _finite(high)):
        return _number(value, 3 if known is None else known)
    half = (high - low) / 2
    needed = _digits_of(half, 2) if half > 0 else 0
    decimals = needed if known is None else min(max(known, needed - 1), known + 3)
    limits = f"[{_number(low, decimals)}, {_number(high, decimals)}]"
    return f"{_number(value, decimals)} {limits}"


def _with_spread(text: str, spread: float, decimals: int) -> str:
    return f"{text} ± {_number(spread, decimals)}" if _finite(spread) and text != NOTHING else text
