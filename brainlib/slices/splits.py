"""Dividing subjects into training, validation and test, as the theses' protocol has it.

By subject, never by slice; stratified as far as there are subjects enough, and said so where there
are not; deterministic; checked for leakage. What subjects are alike is in `strata`, what the sets
came to hold in `balance`, what must never be in `leakage`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from brainlib.heads.exclusions import read_exclusions  # noqa: F401 (splits.read_exclusions)
from brainlib.slices.balance import balance, what_sets_lack  # noqa: F401 (splits.balance)
from brainlib.slices.leakage import SETS, LeakageError, check, is_healthy, sorted_subjects  # noqa: F401
from brainlib.slices.strata import (
    ATTRIBUTES,
    NO_DEMOGRAPHICS,
    one_row_per_subject,
    strata,
    what_strata_hold,
)

# Shares of training, validation and test. Thesis 000 has no validation set: a tenth of its training
# subjects is taken.
PRESETS = {
    "004": (0.782, 0.138, 0.080),
    "003": (0.77, 0.15, 0.08),
    "003-counts": (447 / 581, 86 / 581, 48 / 581),  # table 3.1 to the subject
    "002": (0.7, 0.1, 0.2),
    "000": (0.9 * 0.9, 0.9 * 0.1, 0.1),  # 90/10, as its text says
    "000-counts": (0.933 * 0.9, 0.933 * 0.1, 0.067),  # 93.3/6.7, as its counts of images are
}
OWN_STRATA = {  # thesis 003, section 3.2: sex and ethnic group, no age
    "003": ("cohort", "sex", "ethnic"),
    "003-counts": ("cohort", "sex", "ethnic"),
}
LESION_SHARES = (0.0, 1 / 3, 2 / 3)
HOLD_OUT_FROM = 20  # healthy subjects; with fewer, cross-validation

# ---- one division


def split(
    participants: pd.DataFrame,
    *,
    preset: str = "002",
    fractions: Sequence[float] | None = None,
    seed: int = 0,
    minimum: int | None = None,
) -> pd.DataFrame:
    """Gives every subject a set.

    Healthy subjects are stratified by cohort, sex, ethnic group and age group (thesis 003's presets
    leave out the age). Those without
    demographics go to training, unless that is everybody of their cohort, or more than training
    holds: then they are drawn at random. Lesion subjects never train: a third of each group goes to
    validation, the rest to test. The result depends on the subjects and on `seed`, not on the order
    of the rows.

    Args:
        participants: table with `subject`; `sex`, `age` (years), `ethnic`, `group` and `cohort`
            where known. Rows of one subject stay together.
        preset: a name of `PRESETS`.
        fractions: own shares (train, validation, test) in place of a preset; they are scaled to
            sum 1.
        seed: of the division.
        minimum: smallest stratum, in subjects; by default as many as give each set one.

    Returns:
        The rows of `participants` with a column `split`. `attrs["merged"]`: the strata that were
        merged; `attrs["notes"]`: whom training was given, what the strata hold and which levels a
        set lacks. Both in words.

    Raises:
        ValueError: fewer than three healthy subjects, or an unknown preset.
    """
    shares = _shares(preset, fractions)
    table = one_row_per_subject(participants)
    healthy, lesion = table[table.group == "healthy"], table[table.group != "healthy"]
    sizes = dict(zip(SETS, set_sizes(len(healthy), shares)))
    layers, merged = strata(
        healthy,
        minimum=minimum or _subjects_for_each_set(shares),
        attributes=ATTRIBUTES if fractions else stratified_by(preset),
    )
    trained, notes = _trained_without_demographics(layers, sizes["train"])
    rng = np.random.default_rng(seed)
    to_deal = layers[~layers.subject.isin(trained)]
    set_of = dict.fromkeys(trained, "train")
    set_of |= _deal_out(to_deal, {**sizes, "train": sizes["train"] - len(trained)}, rng)
    for _, group in lesion.groupby(["cohort", "group"]):
        lesion_sizes = dict(zip(SETS, _largest_remainder(len(group), LESION_SHARES)))
        set_of |= _deal_out(group.assign(stratum="lesion"), lesion_sizes, rng)
    result = participants.assign(split=participants["subject"].astype(str).map(set_of))
    check(result)
    notes += [what_strata_hold(layers), *what_sets_lack(result)]
    result.attrs = {**participants.attrs, "merged": merged, "notes": notes}
    return result


def stratified_by(preset: str) -> tuple[str, ...]:
    """The attributes by which a preset stratifies people."""
    return OWN_STRATA.get(preset, ATTRIBUTES)


def set_sizes(count: int, shares: Sequence[float]) -> list[int]:
    """Subjects in training, validation and test: largest remainder, and no set is left empty."""
    if count < 3:
        raise ValueError(
            "expected 3 healthy subjects or more (one for training, validation and test each), "
            f"got {count}. Add subjects, or take --data phantom."
        )
    sizes = _largest_remainder(count, shares)
    for empty in np.flatnonzero(sizes == 0):
        sizes[np.argmax(sizes)] -= 1
        sizes[empty] = 1
    return [int(size) for size in sizes]


def _largest_remainder(count: int, shares: Sequence[float]) -> np.ndarray:
    """Whole numbers that sum to `count`, as near to the shares as can be (Hamilton's method)."""
    exact = count * np.asarray(shares, float)
    sizes = np.floor(exact + 1e-9).astype(int)
    missing = count - sizes.sum()
    for index in np.argsort(sizes - exact, kind="stable")[:missing]:
        sizes[index] += 1
    return sizes


def _shares(preset: str, fractions: Sequence[float] | None) -> tuple[float, ...]:
    """Shares of training, validation and test: a preset's, or one's own, scaled to sum 1."""
    if fractions is None:
        if preset not in PRESETS:
            raise ValueError(f"expected a split preset of {', '.join(PRESETS)}, got {preset!r}")
        return PRESETS[preset]
    shares = np.asarray(fractions, float)
    if shares.shape != (3,) or not (shares > 0).all() or not np.isfinite(shares).all():
        raise ValueError(
            f"expected three positive shares (train, validation, test), got {fractions!r}"
        )
    return tuple(shares / shares.sum())


def _subjects_for_each_set(shares: Sequence[float]) -> int:
    """How large a stratum must be to give each set one subject."""
    return int(np.ceil(1 / min(shares) - 1e-9))


def _trained_without_demographics(layers: pd.DataFrame, room: int) -> tuple[list[str], list[str]]:
    """(subjects without demographics that training takes, what to say about them)."""
    without = layers.subject[layers.stratum == NO_DEMOGRAPHICS].tolist()
    if not without:
        return [], []
    if len(without) > room:
        note = (
            f"{len(without)} subjects have no demographics, training holds {room}: "
            "they were drawn at random"
        )
        return [], [note]
    return without, [f"{len(without)} subjects without demographics went to training"]


def _deal_out(layers: pd.DataFrame, sizes: dict, rng: np.random.Generator) -> dict:
    """Deals subjects out so that every stratum gets its share of every set; totals are exact.

    Subjects are shuffled inside their stratum, strata are laid end to end, and each subject goes to
    the set that is furthest behind its share; so any stretch of the row, each stratum too, is
    within two subjects of its share.

    Args:
        layers: table of subject and stratum.
        sizes: {set: subjects}.
        rng: of the division.

    Returns:
        {subject: set}.
    """
    shuffled = layers.iloc[rng.permutation(len(layers))].sort_values("stratum", kind="stable")
    order = np.roll(shuffled.subject.to_numpy(), rng.integers(len(shuffled) or 1))
    names, totals = list(sizes), np.array(list(sizes.values()))
    dealt = np.zeros(len(names), int)
    set_of = {}
    for position, subject in enumerate(order, start=1):
        behind = totals * position / len(order) - dealt
        behind[dealt >= totals] = -np.inf
        furthest = int(np.argmax(behind))
        dealt[furthest] += 1
        set_of[subject] = names[furthest]
    return set_of


# ---- folds and rounds


def assign_folds(participants: pd.DataFrame, *, folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """Gives every healthy subject a fold, stratified; sizes differ by one at most.

    Returns:
        One row per healthy subject with a column `fold` (0 to k - 1). Fewer subjects than folds
        give as many folds as subjects, and `attrs["notes"]` says so.

    Raises:
        ValueError: fewer than three folds or subjects.
    """
    healthy = one_row_per_subject(participants).query("group == 'healthy'")
    if len(healthy) < 3 or folds < 3:
        raise ValueError(
            "expected 3 folds or more and 3 healthy subjects or more (one fold tests, one "
            f"validates, the others train), got {folds} folds and {len(healthy)} subjects. "
            "Add subjects or folds."
        )
    count = min(folds, len(healthy))
    layers, merged = strata(healthy, minimum=count)
    sizes = dict(enumerate(_largest_remainder(len(healthy), [1 / count] * count)))
    fold_of = _deal_out(layers, sizes, np.random.default_rng(seed))
    table = healthy.assign(fold=healthy.subject.map(fold_of).astype(int)).reset_index(drop=True)
    notes = []
    if count < folds:
        notes = [f"{folds} folds asked for, {count} made: there are {count} healthy subjects"]
    table.attrs = {"merged": merged, "notes": notes}
    return table


def rounds(
    split_table: pd.DataFrame,
    *,
    folds: int = 5,
    seed: int = 0,
    hold_out_from: int = HOLD_OUT_FROM,
) -> list[dict]:
    """Trainings that an evaluation is made of: one hold-out round, or cross-validation.

    Cross-validation where subjects are few: every healthy subject is tested exactly once. Lesion
    subjects keep their set of `split_table` in every round and are not listed here.

    Args:
        split_table: of `split`.
        folds: of the cross-validation.
        seed: of the folds.
        hold_out_from: healthy subjects from which on there is one division.

    Returns:
        A list of dictionaries: `name` ("holdout" or "fold0", ...), `train`, `validation`, `test`
        (sorted subjects) and `note` (words).
    """
    healthy = split_table[is_healthy(split_table)] if "group" in split_table else split_table
    count = healthy["subject"].nunique()
    if count >= hold_out_from:
        check(split_table)
        sets = {name: sorted_subjects(healthy[healthy["split"] == name]) for name in SETS}
        return [{"name": "holdout", **sets, "note": f"{count} healthy subjects, one division"}]
    if count < 3:
        set_sizes(count, (1, 1, 1))  # raises, and says how many are needed
    table = assign_folds(healthy, folds=folds, seed=seed)
    made = table.fold.nunique()
    note = f"{count} healthy subjects, fewer than {hold_out_from}: {made} folds"
    note = "; ".join([note, *table.attrs["notes"]])
    result = []
    for fold in range(made):
        set_of = _sets_of_round(table.fold, fold, seed)
        sets = {name: sorted_subjects(table[set_of == name]) for name in SETS}
        result.append({"name": f"fold{fold}", **sets, "note": note})
    return result


def _sets_of_round(fold_of: pd.Series, tested: int, seed: int) -> np.ndarray:
    """The set of each subject in the round that tests one fold.

    Validation comes from the fold after the tested one, and is never more than a third of those
    that are not tested: of five people in three folds one would be left to learn from.
    """
    following = np.flatnonzero(fold_of == (tested + 1) % fold_of.nunique())
    most = max(1, (fold_of != tested).sum() // 3)
    validation = np.random.default_rng([seed, tested]).permutation(following)[:most]
    set_of = np.full(len(fold_of), "train", dtype=object)
    set_of[validation] = "validation"
    set_of[fold_of == tested] = "test"
    return set_of
