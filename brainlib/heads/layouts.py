"""The heads of a folder: which files are heads, whose they are, and which lesions are theirs.

Who a file is of is decided in `identity`, what it shows in `names`; both from names alone. Of a
folder that holds BIDS heads only these are taken, of one with IXI's names only those; all other
names go together.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brainlib.heads import formats
from brainlib.heads.contents import may_be_tissue, shows_tissue, what_a_mask_shows
from brainlib.heads.identity import Identity, identities
from brainlib.heads.names import (
    MODALITIES,
    begins_with_name,
    file_label,
    is_of_another_modality,
    kind_of_file,
    modality_pattern,
    stem,
)
from brainlib.heads.problems import first_few, problem
from brainlib.record.checksums import HEADS_CSV  # names the heads where the layout says too little

COLUMNS = (
    "subject",
    "visit",
    "cohort",
    "synthetic",
    "group",
    "site",
    "path",
    "brain_path",
    "lesion_path",
    "twin_path",
    "sex",
    "age",
    "ethnic",
    "height_cm",
    "weight_kg",
)
CONVERT_FIRST = "Convert the scans first, for instance with dcm2niix."


@dataclass(frozen=True)
class Listing:
    """The NIfTI files of a folder, as their names describe them.

    Attributes:
        folder: where they lie, in it and below.
        paths: the files, sorted; those named as copies or as pictures made from others are not
            among them.
        kinds: of each path, head, lesion, brain, tissue or other.
        who: of each path, who it is of.
        made: pictures that a program made of another file, with that file.
        people: folders that were taken as people.
        aside: files that were not looked at, by the reason.
        doubtful: masks of which neither names nor contents say what they are of.
    """

    folder: Path
    paths: list[Path]
    kinds: dict[Path, str]
    who: dict[Path, Identity]
    made: dict[Path, Path]
    people: list[str]
    aside: dict[str, list[Path]]
    doubtful: list[Path]

    def of_kind(self, kind: str) -> list[Path]:
        return [path for path in self.paths if self.kinds[path] == kind]


def rows_of(paths: Sequence[Path | str], cohort: str) -> pd.DataFrame:
    """One row per head with all columns of `COLUMNS`: healthy, real, and otherwise unknown."""
    table = pd.DataFrame({"path": [str(path) for path in paths]})
    return table.assign(
        subject="",
        visit="",
        cohort=cohort,
        synthetic=False,
        group="healthy",
        site="",
        brain_path="",
        lesion_path="",
        twin_path="",
        sex="",
        age=np.nan,
        ethnic="",
        height_cm=np.nan,
        weight_kg=np.nan,
    )


def read_layout(folder: Path, cohort: str, modality: str) -> tuple[pd.DataFrame, list[dict]]:
    """The heads of a folder, one per person and visit, with their lesions.

    Returns:
        (table, problems): one row per head; `group` is "" where nothing says whether the person
        is ill. Then what was left out or guessed.

    Raises:
        FileNotFoundError: no such folder, no NIfTI file in it, or no head of the modality.
    """
    listing = list_folder(folder)
    heads = heads_of_modality(listing, modality)
    if not heads:
        raise FileNotFoundError(
            f"{folder}: expected heads of modality {modality}, found NIfTI files of other kinds "
            f"only, such as {listing.paths[0].name}. Check the modality, or name the heads in "
            f"{HEADS_CSV}."
        )
    first, left_out = _one_head_per_visit(listing, heads)
    table = rows_of(first, cohort)
    for column in ("visit", "site", "group"):
        table[column] = [getattr(listing.who[path], column) for path in first]
    table["subject"] = [listing.who[path].person for path in first]
    table["brain_path"] = _brains(listing, first)
    lesions, ill, unclaimed = _lesions_of_heads(listing, first)
    table["lesion_path"] = [";".join(map(str, lesions.get(path, []))) for path in first]
    table["group"] = [
        _group(group, lesions.get(path, []), person in ill)
        for path, group, person in zip(first, table.group, table.subject)
    ]
    if _is_atlas(listing):
        table.loc[table.group == "", "group"] = "stroke"
    problems = _guesses(listing) + left_out + unclaimed
    others = formats.scans_of_other_formats(folder)
    if others:
        problems.append(problem("no NIfTI", f"left out: {others}"))
    problems += _names_of_bytes(folder)
    return table, problems + _unused(listing, {*heads, *first}, table, modality)


# ---- which files there are


def list_folder(folder: Path) -> Listing:
    """The NIfTI files in a folder and below it, hidden files and folders apart.

    Raises:
        FileNotFoundError: no such folder, or no NIfTI file in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: expected a folder of heads, got nothing at this path. "
            "Check the name, or take --data phantom."
        )
    everything = [path for path in _files_below(folder) if _is_nifti(path)]
    everything = sorted(path for path in everything if _is_text(path))
    hidden = [path for path in everything if _is_hidden(path, folder)]
    paths = [path for path in everything if path not in set(hidden)]
    if not paths:
        raise FileNotFoundError(
            f"{folder}: expected NIfTI files (IXI names, BIDS sub-*/anat/*_T1w.nii.gz, BraTS "
            "*_t1.nii.gz, ATLAS *t1w*, or plain .nii/.nii.gz), found none. "
            f"{formats.scans_of_other_formats(folder) or CONVERT_FIRST}"
        )
    raw = [path for path in paths if "sourcedata" not in path.relative_to(folder).parts]
    raw = raw or paths  # BIDS keeps in sourcedata what the raw scans were made from
    aside = {"hidden files": hidden, "files in sourcedata": sorted({*paths} - {*raw})}
    made = _made_from_others(raw)
    paths = [path for path in raw if path not in made]
    kinds = {path: kind_of_file(path, folder) for path in paths}
    for path in _tissues_of_fast(paths) + _tissues_of_spm(paths):
        kinds[path] = "tissue"
    for path in [path for path in paths if kinds[path] == "lesion"]:
        if may_be_tissue(path) and shows_tissue(path):
            kinds[path] = "tissue"
    doubtful = _decide_masks(kinds)
    heads = {path for path in paths if kinds[path] == "head"}
    who, people = identities([path for path in paths if kinds[path] != "other"], folder, heads)
    return Listing(folder, paths, kinds, who, made, people, aside, doubtful)


def _decide_masks(kinds: dict[Path, str]) -> list[Path]:
    """Says in `kinds` what files show that are only called masks; returns those that stay in doubt.

    A file that cannot be read shows what the others show.
    """
    masks = [path for path, kind in kinds.items() if kind == "mask"]
    shown = {path: what_a_mask_shows(path) for path in masks}
    known = set(shown.values()) - {""}
    usual = next((kind for kind in ("lesion", "brain mask", "tissue") if kind in known), "other")
    for path in masks:
        kinds[path] = shown[path] or usual
    return masks if masks and not known else []


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, also in linked folders that lie elsewhere; each folder once."""
    inside, seen = folder.resolve(), set()
    for place, folders, names in os.walk(folder, followlinks=True):
        yield from (Path(place, name) for name in names)
        for name in list(folders):
            path = Path(place, name)
            target = path.resolve()
            if target in seen or (path.is_symlink() and target.is_relative_to(inside)):
                folders.remove(name)
            seen.add(target)


def _is_nifti(path: Path) -> bool:
    """Whether a path is a NIfTI file by its name, and no folder."""
    return path.name.lower().endswith(formats.NIFTI) and not path.is_dir()


def _is_text(path: Path) -> bool:
    """Whether a path can be written into tables: Linux allows names of any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _names_of_bytes(folder: Path) -> list[dict]:
    """One problem for the files whose names are no text."""
    paths = [path for path in _files_below(folder) if _is_nifti(path) and not _is_text(path)]
    names = [path.name.encode(errors="backslashreplace").decode() for path in sorted(paths)]
    detail = f"left out, rename them: {first_few(names)}"
    return [problem("names that are no text", detail)] if names else []


def _is_hidden(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


# SPM and CAT12: y_ deformations, c1 to c6 and p0 to p3 tissues; m bias-corrected, w normalised,
# r resliced, s smoothed.
SPM_PREFIX = re.compile(r"(i?y_|u_|avg_|s\d{0,2}|m0|m|w|r|c[1-6]|p[0-3]|i)+?", re.I)
SPM_TISSUE = re.compile(
    r"i?y_|u_|.*(c[1-6]|p[0-3])", re.I
)  # of these prefixes no picture is a head
SPM_ENDING = re.compile(r"_(affine|rigid)$", re.I)
COPY = re.compile(r"^(copy of|kopie von) |[ _-]*\b(copy|kopie)( ?\d+)?$| \(\d+\)$", re.I)


def _made_from_others(paths: Sequence[Path]) -> dict[Path, Path]:
    """{picture: what SPM made it from}: a prefix counts only where the file without it is there.

    A single letter before a name without digits may as well be a name of its own (`ark`, `mark`):
    it counts where it stands before several names.
    """
    originals = defaultdict(list)
    for path in paths:
        originals[stem(path)].append(path)
    found, uses = {}, defaultdict(set)
    for path in paths:
        name = SPM_ENDING.sub("", stem(path))
        for prefix, rest in _prefixes(name):
            if rest in originals:
                found[path] = (prefix, _nearest(path, originals[rest]))
                uses[prefix].add(rest)
        same = COPY.sub("", stem(path))
        if same != stem(path) and same in originals:
            found[path] = ("copy", _nearest(path, originals[same]))
    return {
        path: original
        for path, (prefix, original) in found.items()
        if len(prefix) > 1 or len(uses[prefix]) > 1 or re.search(r"\d", stem(original))
    }


def _prefixes(name: str) -> list[tuple[str, str]]:
    """Each prefix of SPM's that a name may begin with, and the rest."""
    cuts = [(name[:length], name[length:]) for length in range(1, min(8, len(name) - 1))]
    return [(prefix, rest) for prefix, rest in cuts if SPM_PREFIX.fullmatch(prefix)]


def _tissues_of_spm(paths: Sequence[Path]) -> list[Path]:
    """Tissues and deformations of SPM (`c1anna`) where the scan that they are of is not there.

    `wmanna` or `y_anna` beside them tells that what comes before `anna` is a prefix.
    """
    prefixes_of, rests_of = defaultdict(set), defaultdict(list)
    for path in paths:
        for prefix, rest in _prefixes(stem(path)):
            if rest[0].isalnum():
                prefixes_of[rest].add(prefix)
                if SPM_TISSUE.fullmatch(prefix):
                    rests_of[path].append(rest)
    spm = {rest for rest, found in prefixes_of.items() if len(found) > 1 and _no_digit(found)}
    return [path for path, rests in rests_of.items() if spm & set(rests)]


def _no_digit(words: set[str]) -> bool:
    return any(not re.search(r"\d", word) for word in words)


def _nearest(path: Path, others: Sequence[Path]) -> Path:
    """The file that shares most folders with a path."""
    return max(others, key=lambda other: len(os.path.commonpath([path, other])))


def _tissues_of_fast(paths: Sequence[Path]) -> list[Path]:
    """Segmentations beside FAST's other outputs (`x_pve_0`, `x_mixeltype`): tissues, no lesions."""
    beside = re.compile(r"_(pve(seg|_\d)|mixeltype)$", re.I)
    bases = {
        (path.parent, beside.sub("", stem(path))) for path in paths if beside.search(stem(path))
    }
    return [
        path
        for path in paths
        if stem(path).endswith("_seg") and (path.parent, stem(path)[:-4]) in bases
    ]


# ---- which of them are heads


def heads_of_modality(listing: Listing, modality: str) -> list[Path]:
    """The heads by the first way of naming that has any, the preferred ones of a visit first."""
    channel = _channel(listing.folder, modality)
    heads = [
        path
        for path in listing.of_kind("head")
        if not is_of_another_modality(path, modality) and _is_channel(path, channel)
    ]
    ending = re.compile(rf"_({'|'.join(BIDS_SUFFIXES[modality])})$", re.I)
    ways = (
        [path for path in heads if listing.who[path].rule == "bids" and ending.search(stem(path))],
        [path for path in heads if listing.who[path].rule == "ixi" and _states(path, modality)],
        [path for path in heads if modality == "t1" or _states(path, modality)],
    )
    heads = next((way for way in ways if way), [])
    return sorted(heads, key=lambda path: _preference(listing, path, modality))


def _states(path: Path, modality: str) -> bool:
    """Whether a name states the modality; T1 is what is meant where none is stated."""
    return modality == "t1" or bool(modality_pattern(modality).search(file_label(path)))


def _channel(folder: Path, modality: str) -> str:
    """nnU-Net's number of a modality by its dataset.json; "0000" where that says nothing."""
    try:
        described = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        names = described.get("channel_names") or described.get("modality") or {}
        words = {word.lower() for word in MODALITIES[modality]}
        for number, name in names.items():
            if str(name).lower() in words or str(name).lower().split("-")[0] in words:
                return f"{int(number):04d}"
    except (OSError, ValueError, AttributeError):
        pass
    return "0000"


def _is_channel(path: Path, channel: str) -> bool:
    """False for nnU-Net's pictures of another channel: `case_0001.nii.gz` in imagesTr."""
    if not re.fullmatch("imagesT[rs]", path.parent.name, re.I):
        return True
    number = re.search(r"_(\d{4})$", stem(path))
    return number is None or number[1] == channel


def _preference(listing: Listing, path: Path, modality: str) -> tuple:
    """Order of a visit's heads: raw before processed, native before normalised, short names."""
    parts = path.relative_to(listing.folder).parts
    name = stem(path)
    return (
        listing.who[path].visit != "",
        listing.who[path].visit,
        "derivatives" in parts,
        "_desc-" in name,
        bool(MADE.search(name)) or "MNINonLinear" in parts,
        "_echo-" in name,
        name.lower().endswith("_unit1"),
        not modality_pattern(modality).search(name),
        len(name),
        path,
    )


BIDS_SUFFIXES = {"t1": ("T1w", "UNIT1"), "t2": ("T2w",), "flair": ("FLAIR",), "t1ce": ("T1w",)}
MADE = re.compile(r"[_-](brain|bet|hdbet|n4|space-|mni|stripped|warped|reg|norm)", re.I)


def _one_head_per_visit(listing: Listing, heads: list[Path]) -> tuple[list[Path], list[dict]]:
    """(heads, problems): the preferred head of each visit, by path; the others are listed."""
    first, left_out = {}, []
    for path in heads:
        visit = listing.who[path][:2]
        if visit in first:
            detail = f"left out: {_name(listing, path)}; used: {_name(listing, first[visit])}"
            left_out.append(problem("several scans", detail, subject=visit[0]))
        else:
            first[visit] = path
    for path, original in listing.made.items():
        if original in first.values():
            detail = f"left out: {_name(listing, path)}, made from {original.name}"
            left_out.append(problem("processed copy", detail, subject=listing.who[original].person))
    return sorted(first.values()), left_out


def _guesses(listing: Listing) -> list[dict]:
    problems = []
    if listing.doubtful:
        detail = f"{_counted(listing, listing.doubtful)}, of a brain or of a lesion"
        problems.append(problem("mask in doubt", detail))
    for kind in ("lesion", "brain mask"):
        masks = [
            path for path in listing.of_kind(kind) if kind_of_file(path, listing.folder) == "mask"
        ]
        if masks:
            detail = f"{_counted(listing, masks)}, by what they hold"
            problems.append(problem(f"masks taken as {kind}s", detail))
    return problems + _guessed_people(listing)


def _guessed_people(listing: Listing) -> list[dict]:
    if not listing.people:
        return []
    detail = (
        f"{len(listing.people)}, such as {first_few(listing.people)}, as the names of their files "
        f"repeat. If one person has several folders, name the heads in {HEADS_CSV}"
    )
    return [problem("folders taken as subjects", detail)]


# ---- whose brain mask, whose lesion


def _brains(listing: Listing, heads: Sequence[Path]) -> list[str]:
    """The brain mask of each head in folders of such masks, of the same person and visit."""
    brains = {listing.who[path][:2]: str(path) for path in _brain_files(listing)}
    return [brains.get(listing.who[head][:2], "") for head in heads]


def _brain_files(listing: Listing) -> list[Path]:
    named = [path for path in listing.of_kind("brain") if listing.who[path].rule in ("ixi", "bids")]
    return named + listing.of_kind("brain mask")


def _lesions_of_heads(
    listing: Listing, heads: Sequence[Path]
) -> tuple[dict[Path, list[Path]], set[str], list[dict]]:
    """({head: lesion files}, people with a lesion, problems): each to the head of its visit.

    Where the names differ, to the head whose name it begins with, the nearest and longest; else to
    the only head of its folder.
    """
    by_visit = {listing.who[head][:2]: head for head in heads}
    first_of = {}
    for head in heads:
        first_of.setdefault(listing.who[head].person, head)
    owned, ill, problems = defaultdict(list), set(), []
    for lesion in listing.of_kind("lesion"):
        who = listing.who[lesion]
        head = by_visit.get(who[:2])
        if head is None and who.visit == "":
            head = first_of.get(who.person)
        head = head or _head_by_name(listing, lesion, heads)
        if head is not None:
            owned[head].append(lesion)
            ill.add(listing.who[head].person)
        elif who.person not in first_of:
            detail = (
                f"{_name(listing, lesion)}: of nobody's head, or of several. Name it in {HEADS_CSV}"
            )
            problems.append(problem("lesion of no head", detail))
        else:  # of a visit without a head in use: the person is ill all the same
            ill.add(who.person)
            problems.append(
                problem(
                    "lesion of another visit",
                    f"not used: {_name(listing, lesion)}",
                    subject=who.person,
                )
            )
    return dict(owned), ill, problems


def _head_by_name(listing: Listing, lesion: Path, heads: Sequence[Path]) -> Path | None:
    """The head that a lesion's name goes on from; else the only one of its folder."""
    closeness = {}
    for head in heads:
        key = listing.who[head].person
        if begins_with_name(file_label(lesion), key):
            closeness[head] = len(os.path.commonpath([head, lesion])), len(key)
    if not closeness:
        closeness = {head: (1, 1) for head in heads if head.parent == lesion.parent}
    nearest = [head for head in closeness if closeness[head] == max(closeness.values())]
    return nearest[0] if len({listing.who[head].person for head in nearest}) == 1 else None


def _is_atlas(listing: Listing) -> bool:
    """Whether a BIDS folder is ATLAS 2.0, all patients: it keeps the masks of some to itself."""
    return any("_desc-T1lesion_mask" in path.name for path in listing.of_kind("lesion"))


def _group(group: str, lesions: Sequence[Path], is_ill: bool) -> str:
    """The group of a head by names, masks and its person's other visits; "" where nothing says."""
    if group not in ("", "healthy"):
        return group
    if not lesions and not is_ill:
        return group
    is_stroke = any("T1lesion" in str(path) or "atlas" in str(path).lower() for path in lesions)
    return "stroke" if is_stroke else "lesion"


# ---- what is left


def _unused(listing: Listing, heads: set[Path], table: pd.DataFrame, modality: str) -> list[dict]:
    """Problems: every file that is neither a head in use, nor another scan, nor a lesion.

    Those that may be heads of another layout come first; of the rest the kinds are counted.
    """
    used = {str(path) for path in heads} | set(table.brain_path)
    others = [
        path
        for path in listing.paths
        if str(path) not in used and listing.kinds[path] != "lesion" and path.parent.name != "twin"
    ]
    of_kinds = defaultdict(list)
    for path in others:
        of_kinds[_what_it_is(listing, path, modality)].append(path)
    unclear = of_kinds.pop(UNCLEAR, []) + of_kinds.get(MASKS, [])
    problems = []
    if unclear and _may_be_missed(listing, unclear):
        of_kinds.pop(MASKS, None)
        detail = (
            f"{_counted(listing, unclear)}: no heads in the layout of the others. If they are, "
            f"name all heads in {HEADS_CSV}"
        )
        problems.append(problem("files not used", detail))
    aside = {**of_kinds, **listing.aside}
    return problems + [
        problem(kind, _counted(listing, paths)) for kind, paths in aside.items() if paths
    ]


UNCLEAR, MASKS = "files not used", "masks and labels"


def _what_it_is(listing: Listing, path: Path, modality: str) -> str:
    """What a file that is not used was taken for, in words."""
    if is_of_another_modality(path, modality):
        return "pictures of another kind"
    unused = "brain masks of no head in use"
    words = {"head": UNCLEAR, "tissue": "tissue maps", "brain": unused, "brain mask": unused}
    return words.get(listing.kinds[path], MASKS)


def _may_be_missed(listing: Listing, paths: Sequence[Path]) -> bool:
    """Whether files that are not used lie outside of BIDS's folders, or might be heads."""
    in_bids = re.compile("(^|/)sub-[^/]+/")
    return any(
        listing.kinds[path] == "head" or not in_bids.search(_name(listing, path)) for path in paths
    )


def _counted(listing: Listing, paths: Sequence[Path]) -> str:
    """How many files, with some names."""
    ordered = sorted(paths, key=lambda path: listing.kinds.get(path) != "head")
    names = [_name(listing, path) for path in ordered]
    if len(names) == 1:
        return f"1 NIfTI file, {names[0]}"
    return f"{len(names)} NIfTI files, such as {first_few(names)}"


def _name(listing: Listing, path: Path) -> str:
    """A file's path below the folder."""
    return path.relative_to(listing.folder).as_posix()
