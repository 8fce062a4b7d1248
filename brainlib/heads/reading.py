"""Reading every file of a cohort, and what a file's header says, in tables that people read."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import pandas as pd

from brainlib import files
from brainlib.heads import masks, plausibility, volumes
from brainlib.heads.contents import label_map_reason
from brainlib.heads.exclusions import (  # noqa: F401 (reading.read_exclusions)
    head_names,
    read_exclusions,
    without_excluded,
)
from brainlib.heads.names import split_paths
from brainlib.heads.problems import ABOUT_TABLES, problem
from brainlib.heads.volumes import Volume

MASKS = files.DATA / "masks"  # where brain masks are kept, of all runs
LEAST_HEALTHY = 3  # people: one trains, one validates, one tests
SCALED_FROM, SCALED_TO = 0.5, 99.5  # percentiles of a head that become 0 and 1
DIRECTIONS = {
    "R": "the person's right",
    "L": "the person's left",
    "A": "the front",
    "P": "the back",
    "S": "the top",
    "I": "the neck",
}
PLANE_ACROSS = {  # what a slice across an axis in that direction shows
    "R": "sagittal",
    "L": "sagittal",
    "A": "coronal",
    "P": "coronal",
    "S": "axial",
    "I": "axial",
}

# ---- who takes part


def first_of_each_group(cohort: pd.DataFrame, count: int) -> pd.DataFrame:
    """All heads of the first `count` people of each source and group; 0: of everybody."""
    if not count:
        return cohort
    people = cohort.drop_duplicates("subject")
    first = people.groupby(["cohort", "group"], sort=False).head(count)
    return cohort[cohort.subject.isin(first.subject)].reset_index(drop=True)


def first_visits(cohort: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """(cohort, problems): one head per person, the first visit's; the other visits are listed.

    Of people with a lesion it is the first visit with a mask.

    Two heads of one person resemble each other like two slices of one head. The chapters count
    people, so each takes part with one head.
    """
    used = _in_order_of_use(cohort).drop_duplicates("subject").index
    used = cohort[cohort.index.isin(used)]
    return used.reset_index(drop=True), other_visits(cohort, used)[1]


def other_visits(cohort: pd.DataFrame, used: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """(heads, problems): what a cohort holds besides the heads in use, next to be used first.

    Args:
        cohort: with all visits.
        used: the rows of it that are in use.
    """
    others = _in_order_of_use(cohort[~cohort.path.isin(used.path)])
    problems = [
        problem(
            "another visit",
            f"left out: {head.visit}, {Path(head.path).name}",
            subject=head.subject,
        )
        for head in others.sort_index().itertuples()
    ]
    return others.reset_index(drop=True), problems


def _in_order_of_use(cohort: pd.DataFrame) -> pd.DataFrame:
    """The cohort with the heads of an ill person that have a mask before those that have none."""
    has_mask = (cohort.lesion_path != "") & (cohort.group != "healthy")
    order = has_mask.sort_values(ascending=False, kind="stable").index
    return cohort.loc[order]


def who_is_who(
    cohort: pd.DataFrame, problems: list[dict], excluded: pd.DataFrame | None = None
) -> pd.DataFrame:
    """How a source was understood, person by person: one row per head.

    Args:
        cohort: of `datasets.cohort`, with all visits.
        problems: its `attrs["problems"]`.
        excluded: of `read_exclusions`.

    Returns:
        subject, visit, group, head and lesion (names of files), use ("first choice", "another
        visit", "exclude.csv"), left_out (number of the person's other files that `problems` names).
    """
    left_out = pd.Series(
        [each["subject"] for each in problems if each["detail"].startswith("left out")], dtype=str
    ).value_counts()
    trusted = cohort if excluded is None else without_excluded(cohort, excluded)
    first, _ = first_visits(trusted)
    use = pd.Series("another visit", cohort.index)
    use = use.mask(cohort.path.isin(first.path), "first choice")
    use = use.mask(~cohort.path.isin(trusted.path), "exclude.csv")
    return pd.DataFrame(
        {
            "subject": cohort.subject,
            "visit": cohort.visit,
            "group": cohort.group,
            "head": cohort.path.map(_file_names),
            "lesion": cohort.lesion_path.map(_file_names),
            "use": use,
            "left_out": cohort.subject.map(left_out).fillna(0).astype(int),
        }
    )


def _file_names(paths: str) -> str:
    """The names of files whose paths are joined by ";"."""
    return ", ".join(Path(path).name for path in split_paths(paths))


def with_masks_from(cohort: pd.DataFrame, folder: Path | str) -> pd.DataFrame:
    """The cohort with brain masks that were computed elsewhere; unchanged without a folder.

    Raises:
        ValueError: see `masks.find_masks`.
    """
    if not folder:
        return cohort
    names = head_names(cohort)
    found = masks.find_masks(folder, names)
    print(f"{len(found)} of {len(cohort)} heads have a mask in {folder}")
    return cohort.assign(brain_path=names.map(found).fillna(cohort.brain_path))


def refuse_too_few(usable: pd.DataFrame, left_out: pd.DataFrame) -> None:
    """Raises ValueError where fewer than three healthy heads can be read."""
    healthy = int((usable.group == "healthy").sum())
    if healthy >= LEAST_HEALTHY:
        return
    reasons = "; ".join(left_out.reason.head(3)) or "none"
    raise ValueError(
        f"data: expected at least {LEAST_HEALTHY} readable healthy heads for a split, "
        f"got {healthy}. First reasons: {reasons}"
    )


# ---- every file


class TriedHeads(NamedTuple):
    """What became of the heads of a cohort.

    Attributes:
        used: rows of the heads in use, one per person.
        results: what was made of each of them.
        left_out: one row per head that cannot be used: subject, visit, path, reason.
    """

    used: pd.DataFrame
    results: list
    left_out: pd.DataFrame


def try_heads(
    cohort: pd.DataFrame,
    use: Callable[[Any], Any],
    *,
    others: pd.DataFrame | None = None,
    say: Callable[[str], None] = lambda words: None,
) -> TriedHeads:
    """Uses the head of each person; where it cannot be used, the person's next one is tried.

    Args:
        cohort: one row per person.
        use: makes something of a row; it raises OSError or ValueError where the head cannot be
            used, with the reason in words.
        others: further heads of these people, see `other_visits`.
        say: is told how far it is, every ten heads.
    """
    parts = [cohort] if others is None else [cohort, others[list(cohort)]]
    rows = pd.concat(parts, ignore_index=True)
    heads_of = {name: list(part.itertuples()) for name, part in rows.groupby("subject")}
    used, results, left_out = [], [], []
    for number, subject in enumerate(cohort.subject, 1):
        for head in heads_of[subject]:
            try:
                results.append(use(head))
            except (OSError, ValueError) as error:
                files.raise_if_no_room(error)
                reason = " ".join(str(error).split())
                known = {"subject": subject, "visit": head.visit, "path": head.path}
                left_out.append({**known, "reason": reason})
                continue
            used.append(head.Index)
            break
        if number % 10 == 0 or number == len(cohort):
            say(f"head {number}/{len(cohort)}")
    refused = pd.DataFrame(left_out, columns=["subject", "visit", "path", "reason"])
    return TriedHeads(rows.loc[used].reset_index(drop=True), results, refused)


def read_every_file(
    cohort: pd.DataFrame, others: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reads each head of a cohort whole; what cannot be used is named, and the others go on.

    Where a person's head cannot be used, the person's next one is tried. A head that is there
    twice, under another name or stored along other axes, counts once: as two people it could train
    and test at once.

    Args:
        cohort: of `datasets.cohort`, one row per person.
        others: further heads of these people, see `other_visits`.

    Returns:
        (heads, left_out): one row per readable head, with the columns of `describe_head` after
        subject, visit, cohort, site, group and path; and one row per other one, with subject,
        visit, path and reason.
    """
    name_of_picture: dict[tuple, str] = {}

    def describe(person: Any) -> dict[str, object]:
        volume = read_head(person.path)
        read_lesion(person.lesion_path, volume)
        _refuse_second_copy(volume, person.subject, name_of_picture)
        known = ("subject", "visit", "cohort", "site", "group", "path")
        return {**{name: getattr(person, name) for name in known}, **describe_head(volume)}

    tried = try_heads(cohort, describe, others=others)
    table = pd.DataFrame(tried.results) if tried.results else tried.used
    return table, tried.left_out


def _refuse_second_copy(volume: Volume, subject: str, name_of_picture: dict[tuple, str]) -> None:
    """Raises ValueError where another subject has the same voxels; notes this one otherwise."""
    picture = (volume.array.shape, zlib.crc32(np.ascontiguousarray(volume.array)))
    first = name_of_picture.setdefault(picture, subject)
    if first != subject:
        raise ValueError(
            f"{volume.path}: expected another person, found the same picture as {first}, voxel "
            "for voxel; it counts once. Remove one of the two files."
        )


def describe_head(volume: Volume) -> dict[str, object]:
    """What a head's file holds, in numbers.

    Returns:
        dict: stored_axes, stored_shape (voxels), voxel_mm (RAS+ order), largest, median_inside
        (of the voxels above a tenth of the 99th percentile), p99, zero_share, notes, and low and
        high, the 0.5th and the 99.5th percentile, which become 0 and 1 when a head is scaled.
    """
    low, p99, high = np.percentile(volume.array, [SCALED_FROM, 99, SCALED_TO])
    return {
        "stored_axes": "".join(volume.stored_axes),
        "stored_shape": "x".join(map(str, volume.stored_shape)),
        "voxel_mm": "x".join(f"{side:.4g}" for side in volume.voxel_mm),
        "largest": float(volume.array.max()),
        "median_inside": float(np.median(volume.array[volume.array > 0.1 * p99])),
        "p99": float(p99),
        "zero_share": float((volume.array == 0).mean()),
        "notes": "; ".join(volume.notes),
        "low": float(low),
        "high": float(high),
    }


def grey_values(
    cohort: pd.DataFrame,
    *,
    heads_per_site: int = 2,
    scaled: bool = False,
) -> dict[str, np.ndarray]:
    """Grey values of the voxels that are no background, of a few heads of each site.

    Args:
        cohort: readable heads, of `datasets.cohort`.
        heads_per_site: so many of each source and site, the first.
        scaled: whether each head's own percentiles become 0 and 1.

    Returns:
        {"site | subject": numbers (n,)}, as `plots.distributions` takes them.
    """
    values = {}
    few = cohort.groupby(["cohort", "site"], sort=True).head(heads_per_site)
    for person in few.sort_values("site", kind="stable").itertuples():
        array = volumes.load(person.path).array
        low, high = np.percentile(array, [SCALED_FROM, SCALED_TO])
        inside = array[array > 0.05 * high]
        if scaled:
            inside = np.clip((inside - low) / (high - low), 0, 1)
        values[f"{person.site or person.cohort} | {person.subject}"] = inside
    return values


# ---- one head with its masks


def read_head(path: Path | str) -> Volume:
    """A head that may be one: read by `volumes.load`, and looked at.

    Raises:
        OSError, ValueError: it cannot be read; it shows labels, or its field of view is no head's.
    """
    volume = volumes.load(path)
    plausibility.refuse_field_of_view(volume)
    reason = label_map_reason(volume.array)
    if reason:
        raise plausibility.refusal("label map", volume.path, f"a label map ({reason})")
    return volume


def read_lesion(
    lesion_path: str, volume: Volume, brain: np.ndarray | None = None
) -> np.ndarray | None:
    """The lesion of a head: the union of all its files.

    Args:
        lesion_path: paths separated by ";".
        volume: the head.
        brain: its brain mask, where it is known.

    Returns:
        bool array of `volume.array`'s shape; None for "".

    Raises:
        OSError: a file cannot be read.
        ValueError: a file does not lie on the head's grid; the lesion is most of the brain, or not
            in the head.
    """
    paths = split_paths(lesion_path)
    if not paths:
        return None
    lesion = np.logical_or.reduce([volumes.read_labels(path, volume) for path in paths])
    plausibility.refuse_lesion(lesion, volume, lesion_path, brain)
    return lesion


def read_with_mask(
    person: Any,
    *,
    method: str = "deepbrain",
    cache: Path | str = MASKS,
) -> tuple[Volume, np.ndarray]:
    """A head and its brain mask.

    Args:
        person: a row of the cohort, with `path` and `brain_path`.
        method: "deepbrain", or "given" for the mask that came with the data.
        cache: folder in which DeepBrain's masks are kept.

    Returns:
        (volume, mask): the mask is bool, of the shape of `volume.array`.

    Raises:
        OSError, ValueError: as `read_head` and `masks.cached_mask`; or the mask has no brain's size
            or lies beside the head.
    """
    volume = read_head(person.path)
    given = person.brain_path if method == "given" else ""
    mask = masks.cached_mask(volume, cache=cache, method=method, given=given)
    whose = "" if given else "DeepBrain's"
    plausibility.refuse_brain(mask, volume, given or volume.path, whose)
    return volume, mask


# ---- what a header says


def header_table(path: Path | str) -> pd.DataFrame:
    """The lines of a NIfTI header that matter here: columns field and value, both text."""
    image = nibabel.load(path)
    header = image.header
    sides = tuple(round(float(side), 4) for side in header.get_zooms())
    codes = (int(header["qform_code"]), int(header["sform_code"]))
    lines = {
        "file": Path(path).name,
        "shape (voxels)": image.shape,
        "voxel size (mm)": sides,
        "data type": image.get_data_dtype(),
        "axes as stored": "".join(nibabel.aff2axcodes(image.affine)),
        "slope, intercept": (image.dataobj.slope, image.dataobj.inter),
        "qform, sform code": codes,
    }
    return pd.DataFrame(lines.items(), columns=["field", "value"]).astype(str)


def axes_in_words(codes: tuple[str, ...]) -> str:
    """What axis codes such as ("P", "S", "R") mean, as one sentence."""
    parts = []
    for axis, code in enumerate(codes):
        parts.append(
            f"axis {axis} runs to {DIRECTIONS[code]} ({code}), so a slice across it is "
            f"**{PLANE_ACROSS[code]}**"
        )
    return "; ".join(parts)


def pixel_sizes(volume: Volume) -> pd.DataFrame:
    """How large the pixels of each plane are: plane, slices, slice_mm, pixel_mm, longest_side_mm.

    `slice_mm` lies between two slices, `pixel_mm` is "rows x columns".
    """
    rows = []
    for plane, axis in volumes.PLANES.items():
        columns_mm, rows_mm = np.delete(volume.voxel_mm, axis)
        rows.append(
            {
                "plane": plane,
                "slices": volume.array.shape[axis],
                "slice_mm": volume.voxel_mm[axis],
                "pixel_mm": f"{rows_mm:.4g} x {columns_mm:.4g}",
                "longest_side_mm": max(rows_mm, columns_mm),
            }
        )
    return pd.DataFrame(rows)


def faults_of(problems: list[dict], cohort: pd.DataFrame) -> pd.DataFrame:
    """The faults of the tables of participants, of a cohort's people: subject, fault, detail.

    Args:
        problems: `cohort.attrs["problems"]` of `datasets.cohort`, which may name more people.
        cohort: the people in use; where two sources share a name, it stands behind the source's.
    """
    names = {"all", *cohort.subject}
    for source, subject in zip(cohort.cohort, cohort.subject):
        names.add(subject.removeprefix(f"{source}-"))
    known = [
        each for each in problems if each["subject"] in names and each["fault"] in ABOUT_TABLES
    ]
    return pd.DataFrame(known, columns=["subject", "fault", "detail"])


def remarks_on_files(problems: list[dict]) -> pd.DataFrame:
    """What was left out, guessed or not used of a source's files: subject, fault, detail.

    What concerns the whole source comes first, then what concerns single people.
    """
    about = [each for each in problems if each["fault"] not in ABOUT_TABLES]
    about.sort(key=lambda each: each["subject"] != "all")
    return pd.DataFrame(about, columns=["subject", "fault", "detail"])
