"""Dividing subjects into training, validation and test: by subject, stratified, deterministic, checked for leakage."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

SETS = ("train", "validation", "test")

# Shares of training, validation and test. Seed 000 has no validation set: a tenth of its training subjects is taken.
PRESETS = {
    "004": (0.782, 0.138, 0.080),
    "003": (0.77, 0.15, 0.08),
    "003-counts": (447 / 581, 86 / 581, 48 / 581),  # table 3.1 to the subject
    "002": (0.7, 0.1, 0.2),
    "000": (0.9 * 0.9, 0.9 * 0.1, 0.1),  # 90/10, as its text says
    "000-counts": (0.933 * 0.9, 0.933 * 0.1, 0.067),  # 93.3/6.7, as its counts of images are
}
LESION_SHARES = (0.0, 1 / 3, 2 / 3)

ATTRIBUTES = ("cohort", "sex", "ethnic", "age_group")
DROP_ORDER = ("age_group", "ethnic", "sex", "cohort")  # what a rare stratum gives up first
AGE_GROUPS = {"[0,25)": (0, 25), "[25,65)": (25, 65), "[65,inf)": (65, np.inf)}
NO_DEMOGRAPHICS = "no demographics"
HOLD_OUT_FROM = 20  # healthy subjects; with fewer, cross-validation


class LeakageError(ValueError):
    """A subject is in more than one set, or a lesion subject in training."""


# ------------------------------------------------------------------------------------------------ the split


def split(participants, *, preset="002", fractions=None, seed=0, minimum=None):
    """Gives every subject a set.

    Healthy subjects are stratified by cohort, sex, ethnic group and age group. Those without demographics go to
    training, unless that is everybody of their cohort, or more than training holds: then they are drawn at random.
    Lesion subjects never train: a third of each group goes to validation, the rest to test. The result depends on the
    subjects and on `seed`, not on the order of the rows.

    Args:
        participants: table with `subject`; `sex`, `age` (years), `ethnic`, `group` and `cohort` where known. Rows of
            one subject stay together.
        preset: a name of `PRESETS`.
        fractions: own shares (train, validation, test) in place of a preset; they are scaled to sum 1.
        minimum: smallest stratum, in subjects; by default as many as give each set one.

    Returns:
        The rows of `participants` with a column `split`. `attrs["merged"]`: the strata that were merged and
        `attrs["notes"]`: other departures from the plan, both in words.
    """
    shares = _shares(preset, fractions)
    table = subjects(participants)
    healthy, lesion = table[table.group == "healthy"], table[table.group != "healthy"]
    sizes = dict(zip(SETS, set_sizes(len(healthy), shares)))
    layers, merged = strata(healthy, minimum=minimum or _enough(shares))
    pinned, notes = _pinned(layers, sizes["train"])
    rng = np.random.default_rng(seed)
    free = layers[~layers.subject.isin(pinned)]
    chosen = dict.fromkeys(pinned, "train")
    chosen |= _spread(free, {**sizes, "train": sizes["train"] - len(pinned)}, rng)
    for _, part in lesion.groupby(["cohort", "group"]):
        counts = dict(zip(SETS, _largest_remainder(len(part), LESION_SHARES)))
        chosen |= _spread(part.assign(stratum="lesion"), counts, rng)
    result = participants.assign(split=participants["subject"].astype(str).map(chosen))
    result.attrs = {**participants.attrs, "merged": merged, "notes": notes}
    check(result)
    return result


def subjects(participants):
    """One row a subject, sorted by subject, with the columns that strata need; what is missing becomes "" or NaN."""
    if "subject" not in participants or not len(participants):
        raise ValueError(
            "expected a table of participants with a column 'subject', got "
            f"{len(participants)} rows with columns {list(participants.columns)}"
        )
    table = pd.DataFrame({"subject": participants["subject"].astype(str)})
    for column, default in {"cohort": "", "group": "healthy", "sex": "", "ethnic": ""}.items():
        values = (
            participants[column]
            if column in participants
            else pd.Series(default, participants.index)
        )
        table[column] = (
            values.astype(object).fillna(default).replace("", default).astype(str)
        )  # categories take no new value
    table["age"] = (
        pd.to_numeric(participants["age"].astype(object), errors="coerce")
        if "age" in participants
        else np.nan
    )
    for column in ("cohort", "group"):
        doubles = table.groupby("subject")[column].agg(lambda values: sorted(set(values)))
        doubles = doubles[doubles.str.len() > 1]
        if len(doubles):
            raise ValueError(
                f"expected each subject in one {column}, but {doubles.index[0]} is in "
                f"{' and '.join(doubles.iloc[0])} ({len(doubles)} such subjects). Give them different names."
            )
    known_first = ["subject", "sex", "ethnic", "age"]  # "" sorts last when descending, NaN always
    table = table.sort_values(known_first, ascending=[True, False, False, True])
    return table.drop_duplicates("subject").reset_index(drop=True)


def set_sizes(count, shares):
    """Subjects in training, validation and test: largest remainder, and no set is left empty."""
    if count < 3:
        raise ValueError(
            f"expected 3 healthy subjects or more (one for training, validation and test each), got {count}. "
            "Add subjects, or take --data phantom."
        )
    sizes = _largest_remainder(count, shares)
    for index in np.flatnonzero(sizes == 0):
        sizes[np.argmax(sizes)] -= 1
        sizes[index] = 1
    return [int(size) for size in sizes]


def _largest_remainder(count, shares):
    exact = count * np.asarray(shares, float)
    sizes = np.floor(exact + 1e-9).astype(int)
    for index in np.argsort(sizes - exact, kind="stable")[: count - sizes.sum()]:
        sizes[index] += 1
    return sizes


def _shares(preset, fractions):
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


def _enough(shares):
    return int(np.ceil(1 / min(shares) - 1e-9))


def _pinned(layers, room):
    """Subjects without demographics that training takes, and what to say about them."""
    without = layers.subject[layers.stratum == NO_DEMOGRAPHICS].tolist()
    if not without:
        return [], []
    if len(without) > room:
        return [], [
            f"{len(without)} subjects have no demographics, training holds {room}: they were drawn at random"
        ]
    return without, [f"{len(without)} subjects without demographics went to training"]


def _spread(layers, counts, rng):
    """Deals subjects out so that every stratum gets its share of every set, and the totals are exact.

    Subjects are shuffled inside their stratum, strata are laid end to end, and each subject goes to the set that is
    furthest behind its share; so any stretch of the row, each stratum too, is within two subjects of its share.
    """
    shuffled = layers.iloc[rng.permutation(len(layers))].sort_values("stratum", kind="stable")
    order = np.roll(shuffled.subject.to_numpy(), rng.integers(len(shuffled) or 1))
    names, totals = list(counts), np.array(list(counts.values()))
    given = np.zeros(len(names), int)
    chosen = {}
    for position, subject in enumerate(order, start=1):
        behind = totals * position / len(order) - given
        behind[given >= totals] = -np.inf
        best = int(np.argmax(behind))
        given[best] += 1
        chosen[subject] = names[best]
    return chosen


# ------------------------------------------------------------------------------------------------ strata


def age_group(age):
    """[0,25), [25,65) or [65,inf) for ages in years; "" where the age is missing."""
    edges = [0, 25, 65, np.inf]
    return pd.cut(age, edges, right=False, labels=list(AGE_GROUPS)).astype(object).fillna("")


def strata(participants, *, minimum=10):
    """Strata of cohort x sex x ethnic group x age group, the rare ones merged.

    An unstated ethnic group counts as `other`, as in seed 004. A stratum of fewer than `minimum` subjects gives up
    attributes in the order of `DROP_ORDER` until it, together with others that did the same, is large enough.
    An attribute that nobody has is not used.

    Returns:
        (table, merged): one row a subject with the levels and `stratum`; what was merged, in words.
    """
    table = subjects(participants)
    table["age_group"] = age_group(table.age)
    table["ethnic"] = np.where(table.ethnic == "white", "white", "other")
    lacks = _without_demographics(table)
    levels = table[list(ATTRIBUTES)].copy()
    merged = []
    for attribute in DROP_ORDER:
        label = levels.agg(" | ".join, axis=1)
        rare = label.map(label[~lacks].value_counts()).lt(minimum) & ~lacks
        rare &= levels[attribute] != "any"
        if levels.loc[~lacks, attribute].nunique() > 1:
            counts = label[rare].value_counts().sort_index()
            merged += [
                f"{_words(name)} ({count} subjects): {attribute.replace('_', ' ')} dropped"
                for name, count in counts.items()
            ]
        levels.loc[rare, attribute] = "any"
    table["stratum"] = levels.agg(" | ".join, axis=1).mask(lacks, NO_DEMOGRAPHICS)
    return table, merged


def _words(label):
    return ", ".join(part for part in label.split(" | ") if part) or "all"


def _without_demographics(table):
    """True for subjects that lack sex or age, where others of their cohort have them."""
    lacks = pd.Series(False, table.index)
    for _, part in table.groupby("cohort"):
        missing = pd.DataFrame({name: part[name] == "" for name in ("sex", "age_group")})
        used = missing.columns[~missing.all()]
        missing = missing[used].any(axis=1)
        lacks[part.index] = missing & ~missing.all()
    return lacks


# ------------------------------------------------------------------------------------------------ folds and rounds


def folds(participants, *, folds=5, seed=0):
    """Divides the healthy subjects into folds, stratified; sizes differ by one at most.

    Returns:
        One row a healthy subject with a column `fold` (0 to k - 1). Fewer subjects than folds give as many folds as
        subjects, and `attrs["notes"]` says so.
    """
    healthy = subjects(participants).query("group == 'healthy'")
    if len(healthy) < 3 or folds < 3:
        raise ValueError(
            "expected 3 folds or more and 3 healthy subjects or more (one fold tests, one validates, the "
            f"others train), got {folds} folds and {len(healthy)} subjects. Add subjects or folds."
        )
    count = min(folds, len(healthy))
    layers, merged = strata(healthy, minimum=count)
    sizes = dict(enumerate(_largest_remainder(len(healthy), [1 / count] * count)))
    fold = _spread(layers, sizes, np.random.default_rng(seed))
    table = healthy.assign(fold=healthy.subject.map(fold).astype(int)).reset_index(drop=True)
    notes = (
        [f"{folds} folds asked for, {count} made: there are {count} healthy subjects"]
        if count < folds
        else []
    )
    table.attrs = {"merged": merged, "notes": notes}
    return table


_folds = folds  # `rounds` has an argument of that name


def rounds(split_table, *, folds=5, seed=0, hold_out_from=HOLD_OUT_FROM):
    """Trainings that an evaluation is made of: one hold-out round, or cross-validation where subjects are few.

    In cross-validation every healthy subject is tested exactly once. Validation comes from the fold after the tested one,
    and is never more than a third of those that are not tested: of five people in three folds one would be left to learn from.
    Lesion subjects keep their set of `split_table` in every round and are not listed here.

    Returns:
        A list of dictionaries: `name` ("holdout" or "fold0", ...), `train`, `validation`, `test` (sorted subjects) and
        `note` (words).
    """
    healthy = split_table
    if "group" in split_table:
        healthy = split_table[_is_healthy(split_table)]
    number = healthy["subject"].nunique()
    if number >= hold_out_from:
        check(split_table)
        parts = {name: _sorted_subjects(healthy[healthy["split"] == name]) for name in SETS}
        return [{"name": "holdout", **parts, "note": f"{number} healthy subjects, one division"}]
    if number < 3:
        set_sizes(number, (1, 1, 1))  # raises, and says how many are needed
    table = _folds(healthy, folds=folds, seed=seed)
    count = table.fold.max() + 1
    note = "; ".join(
        [
            f"{number} healthy subjects, fewer than {hold_out_from}: {count} folds",
            *table.attrs["notes"],
        ]
    )
    result = []
    for fold in range(count):
        following = np.flatnonzero(table.fold == (fold + 1) % count)
        most = max(1, (table.fold != fold).sum() // 3)
        chosen = np.random.default_rng([seed, fold]).permutation(following)[:most]
        role = np.where(
            table.fold == fold,
            "test",
            np.where(np.isin(np.arange(len(table)), chosen), "validation", "train"),
        )
        result.append(
            {
                "name": f"fold{fold}",
                **{name: _sorted_subjects(table[role == name]) for name in SETS},
                "note": note,
            }
        )
    return result


def read_exclusions(path):
    """Subjects that a person does not trust: a table of subject and reason, from a file of lines `subject,reason`.

    The reason and the heading may be missing; semicolons and tabs separate as well. No file: nobody.

    Raises:
        ValueError: a line holds no subject, or the file is no text in UTF-8.
    """
    rows = []
    try:
        text = Path(path).read_text(encoding="utf-8-sig") if Path(path).exists() else ""
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected text in UTF-8, got another encoding ({error}). "
            "Save it as UTF-8 ('CSV UTF-8' in Excel)."
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        subject, _, reason = (
            part.strip().strip('"') for part in re.sub("[;\t]", ",", line, count=1).partition(",")
        )
        if not subject and reason:
            raise ValueError(
                f"{path}: expected lines of subject,reason, got {line!r} in line {number}. Name the subject first."
            )
        if subject and not (number == 1 and subject.lower() == "subject"):
            rows.append({"subject": subject, "reason": reason})
    return pd.DataFrame(rows, columns=["subject", "reason"])


def _sorted_subjects(table):
    return sorted(table["subject"].astype(str).unique())


# ------------------------------------------------------------------------------------------------ checks


def check(table):
    """Stops if a subject is in two sets, or a lesion subject in training.

    Args:
        table: subjects, volumes or slices, with columns `subject` and `split` (and `group` where known).

    Raises:
        LeakageError: names the subjects.
    """
    missing = {"subject", "split"} - set(table.columns)
    if missing:
        raise ValueError(
            f"expected columns subject and split, missing: {', '.join(sorted(missing))}"
        )
    odd = sorted(set(map(str, table["split"])) - set(SETS))  # None and NaN too, by their names
    if odd:
        raise ValueError(f"expected a set of {', '.join(SETS)} in every row, got {', '.join(odd)}")
    pairs = table[["subject", "split"]].drop_duplicates()
    twice = pairs[pairs.duplicated("subject", keep=False)].sort_values(["subject", "split"])
    if len(twice):
        sets = twice.groupby("subject")["split"].agg(" and ".join)
        raise LeakageError(
            f"{len(sets)} subjects are in more than one set: "
            + _first(f"{subject} ({names})" for subject, names in sets.items())
            + ". Divide subjects, never volumes or slices."
        )
    if "group" in table:
        ill = table[(table["split"] == "train") & ~_is_healthy(table)]
        if len(ill):
            raise LeakageError("lesion subjects are in training: " + _first(_sorted_subjects(ill)))


def _is_healthy(table):
    return table["group"].isna() | table["group"].isin(["healthy", ""])


def _first(names, most=10):
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def balance(table):
    """How alike the sets are: each level of each attribute by set, over healthy subjects with demographics.

    Returns:
        One row a level: `attribute`, `level`, the counts `train`, `validation`, `test`, the shares `train_share`, ...,
        `all_share`, and `difference`, the largest distance of a set's share from the share among all.
    """
    layers, _ = strata(table)
    sets = (
        table.assign(subject=table["subject"].astype(str))
        .drop_duplicates("subject")
        .set_index("subject")
    )
    layers["split"] = layers.subject.map(sets["split"])
    if "site" in table:
        layers["site"] = layers.subject.map(sets["site"]).fillna("")
    layers = layers[layers.group == "healthy"]
    stated = layers[layers.stratum != NO_DEMOGRAPHICS]
    rows = []
    for attribute in [
        name for name in (*ATTRIBUTES, "site") if name in layers and set(layers[name]) != {""}
    ]:
        counts = pd.crosstab(stated[attribute], stated["split"]).reindex(
            columns=list(SETS), fill_value=0
        )
        rows += [
            _balance_row(attribute, level, counts.loc[level], counts.sum())
            for level in counts.index
        ]
    counts = pd.crosstab(layers.stratum == NO_DEMOGRAPHICS, layers["split"]).reindex(
        columns=list(SETS), fill_value=0
    )
    if True in counts.index:
        rows.append(_balance_row("demographics", "none", counts.loc[True], counts.sum()))
    return pd.DataFrame(rows)


def _balance_row(attribute, level, counts, totals):
    shares = {f"{name}_share": counts[name] / max(totals[name], 1) for name in SETS}
    overall = counts.sum() / max(totals.sum(), 1)
    difference = max(
        abs(share - overall)
        for name, share in shares.items()
        if totals[name.removesuffix("_share")]
    )
    return {
        "attribute": attribute,
        "level": level or "not stated",
        **{name: int(counts[name]) for name in SETS},
        **shares,
        "all_share": overall,
        "difference": difference,
    }
