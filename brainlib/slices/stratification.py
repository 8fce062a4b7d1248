"""What stratifying could do with the people at hand: in tables, and in sentences that are true.

With few people sets cannot be alike: a set of one person is a woman or a man. So it is counted
how far off a division is, and how far off any division of whole people has to be.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from brainlib.slices import splits
from brainlib.slices.leakage import SETS, is_healthy
from brainlib.slices.strata import ATTRIBUTES, NO_DEMOGRAPHICS, strata

FEW_PEOPLE = 24  # so many have their own name in a figure


def smallest_stratum(preset: str) -> int:
    """People that a stratum needs, so that the smallest set gets one of them."""
    return math.ceil(1 / min(splits.PRESETS[preset]) - 1e-9)


def healthy_people(people: pd.DataFrame) -> pd.DataFrame:
    """Those without a lesion, one row per person."""
    return people[is_healthy(people)].drop_duplicates("subject").reset_index(drop=True)


def people_of_round(people: pd.DataFrame, one_round: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The healthy people with their set in one round as `split`.

    Args:
        people: of `splits.split`.
        one_round: of `splits.rounds`: `train`, `validation` and `test` list people.
    """
    healthy = healthy_people(people)
    return healthy.assign(split=healthy.subject.map(roles(one_round)))


def roles(one_round: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Person -> set of one round."""
    return {person: name for name in SETS for person in one_round[name]}


def first_rounds(rounds: Sequence[Mapping], most: int) -> list[dict]:
    """The first `most` rounds, all for 0; their `note` says so where some are left out."""
    if not most or most >= len(rounds):
        return list(rounds)
    chosen = []
    for one in rounds[:most]:
        trained = "is" if most == 1 else f"{most} are"
        note = f"{one['note']}, of which only the first {trained} trained"
        chosen.append({**one, "note": note})
    return chosen


def rounds_table(rounds: Sequence[Mapping]) -> pd.DataFrame:
    """One row per round: people in each set, and who tests."""
    rows = []
    for one in rounds:
        counts = {name: len(one[name]) for name in SETS}
        rows.append({"round": one["name"], **counts, "test_subjects": " ".join(one["test"])})
    return pd.DataFrame(rows)


def strata_by_set(
    people: pd.DataFrame, *, minimum: int, attributes: Sequence[str] = ATTRIBUTES
) -> pd.DataFrame:
    """One row per stratum: its levels ("any": given up when it was merged), people in each set.

    Args:
        people: healthy ones are counted; with the column `split`.
        minimum: smallest stratum, as in `splits.strata`.
        attributes: by which people are stratified, as in `splits.strata`.
    """
    healthy = healthy_people(people)
    layers, _ = strata(healthy, minimum=minimum, attributes=attributes)
    layers["split"] = layers.subject.map(dict(zip(healthy.subject, healthy.split)))
    rows = []
    for stratum, part in layers.groupby("stratum"):
        counts = {name: int((part.split == name).sum()) for name in SETS}
        rows.append({**_levels(stratum), "people": len(part), **counts})
    return pd.DataFrame(rows)


def _levels(stratum: str) -> dict[str, str]:
    """The level of each attribute in a stratum's name; nothing is known of some people."""
    if stratum == NO_DEMOGRAPHICS:
        return dict.fromkeys(ATTRIBUTES, "not stated")
    levels = [level or "not stated" for level in stratum.split(" | ")]
    return dict(zip(ATTRIBUTES, levels))


def compared_attributes(balance: pd.DataFrame) -> list[str]:
    """Attributes of which these people have more than one level: the others show nothing."""
    counts = balance[balance.attribute != "demographics"].groupby("attribute", sort=False).size()
    return list(counts[counts > 1].index)


def evenness(balance: pd.DataFrame) -> pd.DataFrame:
    """How far the sets are from alike, and how far whole people have to be.

    Args:
        balance: of `splits.balance`.

    Returns:
        One row per attribute with several levels: `attribute`; `off_percent`, the largest
        distance of a level's share in a set from its share among all, in percentage points;
        `set` and `level` where; `least_percent`, below which no division into sets of these
        sizes can come.
    """
    rows = []
    for attribute in compared_attributes(balance):
        rows.append(_evenness_row(attribute, balance[balance.attribute == attribute]))
    columns = ["attribute", "off_percent", "set", "level", "least_percent"]
    return pd.DataFrame(rows, columns=columns)


def _evenness_row(attribute: str, levels: pd.DataFrame) -> dict[str, object]:
    names = [name for name in SETS if levels[name].sum()]
    counts = levels[names].to_numpy(float)  # (levels, sets)
    sizes, overall = counts.sum(axis=0), levels.all_share.to_numpy()[:, None]
    off = np.abs(counts / sizes - overall)
    level, worst = np.unravel_index(off.argmax(), off.shape)
    nearest = np.abs(np.round(overall * sizes) / sizes - overall)  # in whole people
    return {
        "attribute": attribute.replace("_", " "),
        "off_percent": 100 * off.max(),
        "set": names[worst],
        "level": levels.level.iloc[level],
        "least_percent": 100 * nearest.max(),
    }


def evenness_in_words(people: pd.DataFrame) -> str:
    """How far the sets of a division are from alike, and what so few people cannot be asked for.

    Args:
        people: healthy ones are counted; with the column `split`.
    """
    sizes = healthy_people(people).split.value_counts()
    smallest, count = sizes.idxmin(), sizes.min()
    named = "1 person" if count == 1 else f"{count} people"
    said = f"The smallest set is {smallest} with {named}: one person is {100 / count:.0f} % of it."
    table = evenness(splits.balance(people))
    if table.empty:
        return f"{said} These people differ in nothing that the table states."
    worst = table.loc[table.off_percent.idxmax()]
    return (
        f"{said} The largest difference is {worst.off_percent:.0f} percentage points "
        f"({worst.attribute} {worst.level}, in {worst.set}). Whatever the division, sets of "
        f"these sizes cannot all come closer than {table.least_percent.max():.0f}."
    )


def set_of_people(people: pd.DataFrame, rounds: Sequence[Mapping]) -> pd.DataFrame:
    """Whose set is which in each round: one row per healthy person, like people side by side.

    Args:
        people: of `splits.split`.
        rounds: of `splits.rounds`.

    Returns:
        `subject`, `label` (the person's name; of more than 24 people what their stratum has in
        common), and one column for each round.
    """
    healthy, _ = strata(healthy_people(people), minimum=1)
    healthy = healthy.sort_values(["stratum", "age", "subject"], kind="stable")
    few = len(healthy) <= FEW_PEOPLE
    labels = [_label(row, few) for row in healthy.itertuples()]
    table = pd.DataFrame({"subject": healthy.subject.to_numpy(), "label": labels})
    for one_round in rounds:
        table[one_round["name"]] = table.subject.map(roles(one_round))
    return table


def _label(row: tuple, few: bool) -> str:
    if few:  # beside a name stands neither sex nor age
        return row.subject
    return ", ".join(word for word in (row.sex, row.ethnic, row.age_group) if word)
