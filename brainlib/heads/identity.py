"""Who a file is of: the person, the visit and the site, from names alone.

The rules, first to last; the first that knows a name decides, and the reasons are these:

1. `bids`: `sub-X[_ses-Y]` in the file's name. The standard says what each part means.
2. `KNOWN_NAMES`: the names of large public sets, in the file's or a folder's name. Their authors
   say which number is the person's and which the visit's, and in some sets all are patients.
3. `bids` again, of folders: `sub-X/ses-Y/T1.nii.gz`.
4. Plain names. Words for a visit (`visit2`, `baseline`, a date) name the visit. Words for what was
   scanned or done (`T1`, `brain`, `n4`) end a name. A name that goes on from another's
   (`anna_x` beside `anna`) is the same person. A last digit is a visit where several names have
   the same digits (`p01_1`, `p01_2`, `p02_1`, `p02_2`), else part of the name.
5. Folders, where the same file names repeat in many (`P1/mri/T1.nii.gz`): what tells them apart,
   without words for visits, groups and kinds of files.

Whatever is in doubt becomes one person, never two: that costs a head, two people cost the result.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from brainlib.heads.names import (
    FOLDER_WITHOUT_HEADS,
    LESION_FOLDER,
    MODALITIES,
    OTHER_PICTURES,
    group_of_word,
    stem,
)


class Identity(NamedTuple):
    """Who a file is of.

    Attributes:
        person: the name that all visits of a person share.
        visit: as it is written, such as "ses-2"; "" where none is named.
        site: where the name says it.
        group: what names say of the person: healthy, a word for an illness, or "".
        rule: bids, ixi, known or plain.
    """

    person: str
    visit: str = ""
    site: str = ""
    group: str = ""
    rule: str = "plain"


# Names of public sets: pattern, group of all people in it. Where they differ in more than the
# groups `person` and `visit`, the set's own description says so.
KNOWN_NAMES = (
    (r"^(?P<person>(?:IXI|PHANTOM)\d+)-(?P<site>[A-Za-z]+)-\d+(?![A-Za-z0-9])", ""),
    (r"^(?P<person>BraTS-[A-Za-z]+-\d+)-(?P<visit>\d{3})(?!\d)", "tumour"),  # from 2023
    (r"^(?P<person>BraTS\w*?_\w*?)(?=_(?:t1|t1ce|t2|flair|segm?|\d{4})$|$)", "tumour"),  # MSD, too
    (r"^(?P<person>UPENN-GBM-\d+)_(?P<visit>\d\d)(?!\d)", "tumour"),
    (r"^(?P<person>UCSF-PDGM-\d+)(?:_(?P<visit>FU\d+d?))?", "tumour"),
    (r"^(?P<person>[A-Za-z0-9]+)_t1w_deface_stx", "stroke"),  # ATLAS R1.2
    (r"^(?P<person>[A-Za-z0-9]+)_LesionSmooth", "stroke"),
    (r"(?<!\d)(?P<person>\d{3}_S_\d{4,5})(?:.*_(?P<date>\d{8}))?", ""),  # ADNI
    (r"^(?P<person>OAS[12]_\d{4})(?:_(?P<visit>MR\d+))?", ""),  # OASIS 1 and 2
    (r"^(?P<person>OAS3\d{4})(?:_(?:MR_)?(?P<visit>d\d{4}))?", ""),  # OASIS 3
    (r"^(?P<person>\d{6})_3T_T1w_MPR\d", ""),  # HCP, unprocessed
    (r"^(?P<person>\d{7})_2\d{4}_(?P<visit>\d)_\d(?!\d)", ""),  # UK Biobank
)
KNOWN = tuple((re.compile(pattern, re.I), group) for pattern, group in KNOWN_NAMES)
IS_IXI = re.compile(r"(IXI|PHANTOM)\d+$", re.I)
# Of these sets a name is one person's in every source.
PUBLIC_ID = re.compile(
    r"IXI\d{3}|\d{3}_S_\d{4,5}|OAS[12]_\d{4}|OAS3\d{4}|UPENN-GBM-\d+|UCSF-PDGM-\d+|BraTS-[A-Z]+-\d+",
    re.I,
)

DATE = r"(?:19|20)\d\d[-.]?(?:0[1-9]|1[0-2])[-.]?(?:0[1-9]|[12]\d|3[01])(?:\d{6}|[_T]\d[\d_.]*)?"
VISIT = (
    r"(?:ses|session|visit|tp|time|timepoint|wave|month|year|week|follow[_-]?up|fu)[_ -]?\d{1,4}|"
    r"v\d{1,2}|m\d\d|y\d|w\d|d\d{4}|t0|t\d\d|baseline|bl|follow[_-]?up|fu|pre|post|"
    r"pre[_-]?op|post[_-]?op|\d{1,3}(?:mo|months?|yr|years?|wk|weeks?)|" + DATE
)
VISIT_WORD = re.compile(rf"(?<![A-Za-z0-9])(?:{VISIT})(?![A-Za-z0-9])", re.I)
VISIT_FOLDER = re.compile(rf"{VISIT}|(?:19|20)\d\d|ses(sion)?[_-][\w-]+|visit[_-]?\w+", re.I)
DESCRIPTION = re.compile(
    "|".join(word for words in MODALITIES.values() for word in words)
    + r"|lesion\w*|label|segm?|segmentations?|(brain)?masks?|rois?|brain|bet|hdbet|n4|bias|biascorr"
    r"|restore|restored|stx|deface|defaced|mni\w*|reg|registered|norm|normali[sz]ed|warped|strip"
    r"|stripped|skullstripped|resampled|iso|[12]mm|ds|preproc|acpc|anomaly|desc|space|run|acq|rec"
    r"|img|image|anat|mri|t1map|orig|raw|nu|dlmuse|synthseg|pve|pveseg|mixeltype|aseg|dseg|final",
    re.I,
)
NOT_FIRST = re.compile(
    r"(rep|run|scan|acq|echo|series)\d+|wmhs?|wml|tumou?r|gtv|gt|infarct|edema|msk|truth|ground",
    re.I,
)
# Words that many people's names begin with: what follows tells who it is.
GENERIC = re.compile(
    r"(sub(jects?|j)?|p|pat(ients?)?|case|controls?|ctrl|hc|healthy|participants?|person|id|scan|"
    r"head|img|image|file|data|vol(ume)?|brain|mri?|t1w?|study|site\w*|cent(er|re)\w*|s|c)",
    re.I,
)
FOLDER_OF_MASKS = re.compile(r"lesions?|tumou?rs?[_-]?masks?", re.I)
# Folders that say what lies in them, and nothing about who.
STRUCTURE = re.compile(
    r"t1w?|t2w?|flair|anat|mri|mninonlinear|unprocessed|3t|nii|nifti|niftis|scans?|"
    r"imagest[rs]|train(ing)?|test(ing)?|val(idation)?|stripped|first_results|masks?|"
    r"((raw|(pre|un|post)?[_ -]?processed|orig\w*|native|co?registered)[_ -]?)?(data|images?)|"
    r"raw|rawdata|(pre|post)?[_ -]?processed|orig|native|co?registered|"
    r"sourcedata|derivatives|results|t1w_mpr\d|mprage|brain|dlmuse(_seg)?",
    re.I,
)


def identities(
    paths: Sequence[Path], folder: Path, heads: Collection[Path]
) -> tuple[dict[Path, Identity], list[str]]:
    """Who each file is of, and the people's folders where these gave the names.

    Args:
        paths: heads, masks and all else; none is opened.
        folder: that holds them.
        heads: those that may be heads: their names tell how the folder is built.
    """
    known, rest = {}, []
    for path in paths:
        identity = (
            _bids_file(path, folder) or _known_set(path, folder) or _bids_folder(path, folder)
        )
        if identity:
            known[path] = identity
        else:
            rest.append(path)
    plain, people = _plain_names(rest, folder, heads)
    return _in_one_spelling(known | plain), people


def _in_one_spelling(found: dict[Path, Identity]) -> dict[Path, Identity]:
    """Names that differ in small and large letters alone are one person's."""
    spelling = {}
    for identity in found.values():
        spelling.setdefault(identity.person.casefold(), identity.person)
    return {
        path: identity._replace(person=spelling[identity.person.casefold()])
        for path, identity in found.items()
    }


def known_person(name: str) -> str:
    """The person of a name of a known set, such as IXI012 of IXI012-HH-1211; else the name."""
    for pattern, _ in KNOWN:
        match = pattern.search(name)
        if match:
            return match["person"]
    return name


def order_of_visit(visit: str) -> tuple:
    """A key that sorts visits as they happened: before and baseline first, numbers as numbers."""
    is_first = bool(re.match("pre|bl|baseline|t0", visit, re.I))
    parts = re.split(r"(\d+)", visit.lower())
    return not is_first, [int(part) if part.isdigit() else part for part in parts]


# ---- BIDS


def _bids_file(path: Path, folder: Path) -> Identity | None:
    match = re.match(r"(sub-[^_]+)(?:_(ses-[^_]+))?", stem(path), re.I)
    if not match:
        return None
    visit = match[2] or _folder_part(path, folder, r"ses-[^/]+")
    visit = visit or _folder_part(path, folder, VISIT_FOLDER.pattern)
    return Identity(match[1], visit, group=_group_of_folders(path, folder), rule="bids")


def _bids_folder(path: Path, folder: Path) -> Identity | None:
    person = _folder_part(path, folder, r"sub-[^/_]+")
    if not person:
        return None
    visit = _folder_part(path, folder, r"ses-[^/]+") or _visit_in(stem(path))
    return Identity(person, visit, group=_group_of_folders(path, folder))


def _folder_part(path: Path, folder: Path, pattern: str) -> str:
    """The innermost folder of a pattern below `folder` and above a file; "" if there is none."""
    parts = path.relative_to(folder).parent.parts
    matching = [part for part in parts if re.fullmatch(pattern, part, re.I)]
    return matching[-1] if matching else ""


# ---- known sets


def _known_set(path: Path, folder: Path) -> Identity | None:
    folders = path.relative_to(folder).parent.parts
    for name in (stem(path), *reversed(folders)):
        is_folder = name != stem(path)
        for pattern, group in KNOWN:
            match = pattern.search(name)
            if match and (re.search(r"\d$", match["person"]) or not is_folder):
                return _of_match(match, group, path, folder)
    return None


def _of_match(match: re.Match, group: str, path: Path, folder: Path) -> Identity:
    found = match.groupdict()
    visit = found.get("visit") or _folder_part(path, folder, VISIT_FOLDER.pattern)
    visit = visit or _visit_in(match.string[match.end("person") :])
    visit = visit or found.get("date") or ""  # of ADNI's processing, not always of the scan
    rule = "ixi" if IS_IXI.match(found["person"]) else "known"
    group = group or _group_of_folders(path, folder)
    return Identity(found["person"], visit, found.get("site") or "", group, rule)


# ---- plain names

MOST_VISITS = 6  # of one person, where only numbers tell them apart
LAST_DIGITS = re.compile(r"(.*[^_\-. ])[_\-. ](\d|11|21)")  # 11 and 21: UPENN-GBM's time points


def _plain_names(
    paths: list[Path], folder: Path, heads: Collection[Path]
) -> tuple[dict[Path, Identity], list[str]]:
    """Identities of files that only their own names tell apart, and folders taken as people."""
    names = {path: _cleaned(_without_channel(path)) for path in paths}
    names = _without_last_digits(_numbered_in_folders(names, folder))
    beginnings = {name for name, _ in names.values()}
    names = {path: (_beginning(name, beginnings), visit) for path, (name, visit) in names.items()}
    own = {path: _own_parts(path, folder) for path in names}
    head_names = {path: name for path, (name, _) in names.items() if path in heads}
    person_of = _named_after_folders(head_names, own)
    of_folders = {path: _cleaned(person) for path, person in person_of.items() if person}
    of_folders = _without_last_digits(of_folders)
    found = {}
    for path, (name, visit) in names.items():
        visit = visit or _folder_part(path, folder, VISIT_FOLDER.pattern)
        if path in of_folders:
            name, visit_of_folder = of_folders[path]
            visit = visit or visit_of_folder or _numbered_visit(path, folder)
        group = _group_of_folders(path, folder) or _group_of_name(name)
        found[path] = Identity(name, visit, group=group)
    found = _apart_by_group(found)
    return found, sorted({name for name, _ in of_folders.values()})


def _without_channel(path: Path) -> str:
    """A file's name without nnU-Net's number of the channel: `case_0000.nii.gz` in imagesTr."""
    is_nnunet = re.fullmatch("imagesT[rs]", path.parent.name, re.I)
    return re.sub(r"_\d{4}$", "", stem(path)) if is_nnunet else stem(path)


def _cleaned(name: str) -> tuple[str, str]:
    """(name, visit): without words for a visit and for what was scanned or done."""
    visit = _visit_in(name)
    if visit:
        rest = re.sub(rf"[_ .-]*{re.escape(visit)}", "", name, count=1).strip("_-. ")
        if not rest or not _without_description(rest):
            visit = ""  # nothing else tells who it is
        else:
            name = rest
    return _without_description(name) or name, visit


def _visit_in(name: str) -> str:
    match = VISIT_WORD.search(name)
    return match[0] if match else ""


def _without_description(name: str) -> str:
    """A name up to the first word that describes a file; such words before it are left out."""
    parts = re.split(r"([_\-. ]+)", name)
    words, gaps = parts[::2], parts[1::2]
    first = next((place for place, word in enumerate(words) if not _describes(word)), None)
    if first is None:
        return ""
    last = first
    while last + 1 < len(words) and not _describes(words[last + 1], after_who=True):
        last += 1
    pieces = [words[first]]
    for place in range(first, last):
        pieces += [gaps[place], words[place + 1]]
    return "".join(pieces)


def _describes(word: str, *, after_who: bool = False) -> bool:
    """Whether a word says what was scanned.

    Args:
        word: of a name.
        after_who: whether it comes after who it is: then it may say which of several scans this is,
            or what a mask shows. In front `tumour_01` is a person.
    """
    if not word or DESCRIPTION.fullmatch(word) or OTHER_PICTURES.search("_" + word):
        return True
    return after_who and bool(NOT_FIRST.fullmatch(word))


def _without_last_digits(names: dict[Path, tuple[str, str]]) -> dict[Path, tuple[str, str]]:
    """Last digits as visits, where they look like visits: see rule 4 above."""
    digits_of = defaultdict(set)
    for name, _ in names.values():
        match = LAST_DIGITS.fullmatch(name)
        if match and not GENERIC.fullmatch(match[1]):
            digits_of[match[1]].add(match[2])
    whole = {name for name, _ in names.values()}
    visits = {base for base, digits in digits_of.items() if _are_visits(base, digits_of, whole)}
    result = {}
    for path, (name, visit) in names.items():
        match = LAST_DIGITS.fullmatch(name)
        if match and match[1] in visits and not visit:
            name, visit = match[1], match[2]
        result[path] = (name, visit)
    return result


def _numbered_in_folders(
    names: dict[Path, tuple[str, str]], folder: Path
) -> dict[Path, tuple[str, str]]:
    """Last numbers as visits where what is before them is the folder's name in several folders.

    `training01/training01_02` beside `training02/training02_01`: a name with digits, few numbers.
    """
    numbers_of = defaultdict(set)
    for path, (name, _) in names.items():
        match = re.fullmatch(r"(.*\d)[_\-. ](\d{1,2})", name)
        if match and match[1] in path.relative_to(folder).parent.parts:
            numbers_of[match[1]].add(match[2])
    few = {base for base, numbers in numbers_of.items() if len(numbers) <= MOST_VISITS}
    if len(few) < 2:
        return names
    result = {}
    for path, (name, visit) in names.items():
        base, _, number = name.rpartition(re.sub(r".*([_\-. ])\d+$", r"\1", name)[-1:])
        is_visit = base in few and number.isdigit() and not visit
        result[path] = (base, number) if is_visit else (name, visit)
    return result


def _are_visits(base: str, digits_of: dict[str, set[str]], whole: set[str]) -> bool:
    """Whether the last digits behind a name count visits rather than people."""
    digits = digits_of[base]
    if base in whole or digits <= {"11", "21"}:  # anna beside anna_2; UPENN-GBM's time points
        return True
    if len(digits) > 4 or len(digits) < 2:
        return bool(re.search(r"\d$", base)) and len(digits_of) > 1 and len(digits) < 2
    return bool(re.search(r"\d$", base)) or list(digits_of.values()).count(digits) > 1


def _beginning(name: str, names: set[str]) -> str:
    """The shortest of the names that this one goes on from with a word; itself if there is none."""
    for match in re.finditer("[_.-](?=[A-Za-z])", name):
        start = name[: match.start()]
        if start in names and not GENERIC.fullmatch(start):
            return start
    return name


def _group_of_name(name: str) -> str:
    """A group that a name states in its first word: patient01, control_3, HC-12."""
    word = re.match(r"[A-Za-z]*", name)[0]
    return group_of_word(word) if len(word) > 1 and len(word) < len(name) else ""


def _group_of_folders(path: Path, folder: Path) -> str:
    """The group that a folder below the source states, the innermost first."""
    for part in reversed(path.relative_to(folder).parent.parts):
        if FOLDER_OF_MASKS.fullmatch(part):
            continue
        group = group_of_word(part)
        if group:
            return group
    return ""


def _apart_by_group(found: dict[Path, Identity]) -> dict[Path, Identity]:
    """People of one name in two groups' folders are two people: the group joins the name."""
    groups = defaultdict(set)
    for identity in found.values():
        groups[identity.person].add(identity.group)
    result = {}
    for path, identity in found.items():
        several = len(groups[identity.person] - {""}) > 1
        name = f"{identity.group}-{identity.person}" if several and identity.group else None
        result[path] = identity._replace(person=name or identity.person)
    return result


# ---- folders


def _named_after_folders(
    names: dict[Path, str], own: dict[Path, tuple[str, ...]]
) -> dict[Path, str]:
    """People named after their folders (`P1/mri/T1.nii.gz`): {file: person}, else empty.

    That is so for names that only say what was scanned; for names that begin with such a word and
    repeat in several people's folders; and where the same few names lie in more folders than
    there are names.

    Args:
        names: of heads.
        own: of all files, the folders that may name a person.
    """
    folders_of = defaultdict(set)
    for path, name in names.items():
        folders_of[name].add(own[path])
    repeated = {name for name, folders in folders_of.items() if len(folders) > 1}
    by_kind = {own[path] for path, name in names.items() if _says_kind(path, name in repeated)}
    people = by_kind - {()}
    if not people:
        people = set().union(*(folders_of[name] for name in repeated)) - {()}
        inside = {name for path, name in names.items() if own[path] in people}
        if len(inside) >= len(people):
            return {}
    shared = set.intersection(*(set(folder) for folder in people)) if len(people) > 1 else set()
    person = {}
    for parts in people:
        name = "-".join(part for part in parts if part not in shared) or "-".join(parts)
        person[parts] = _OF_FOLDERS.sub("", name) or name
    return {path: person[parts] for path, parts in own.items() if parts in people}


# `p1.anat` of fsl_anat; FreeSurfer's `p1_base` and `p1_tp1.long.p1_base`.
_OF_FOLDERS = re.compile(r"\.anat$|\.long\..*$|_base$", re.I)


def _says_kind(path: Path, is_repeated: bool) -> bool:
    """Whether a file's name says what was scanned and not who."""
    name = stem(path)
    if not _without_description(VISIT_WORD.sub("", name)):
        return True
    return is_repeated and _describes(re.split(r"[_\-. ]", name)[0])


def _own_parts(path: Path, folder: Path) -> tuple[str, ...]:
    """Folders of a file that may name its person."""
    parts = [part for part in path.relative_to(folder).parent.parts if _may_name_a_person(part)]
    return tuple(parts[:-1] if _numbered_visit(path, folder) else parts)


def _may_name_a_person(part: str) -> bool:
    says_more = (VISIT_FOLDER, STRUCTURE, DESCRIPTION, LESION_FOLDER, FOLDER_WITHOUT_HEADS)
    return not group_of_word(part) and not any(words.fullmatch(part) for words in says_more)


def _numbered_visit(path: Path, folder: Path) -> str:
    """The innermost folder where it is one digit below a name with digits: `p1/2/T1.nii`."""
    parts = [part for part in path.relative_to(folder).parent.parts if _may_name_a_person(part)]
    if len(parts) < 2 or not re.fullmatch(r"\d", parts[-1]) or GENERIC.fullmatch(parts[-2]):
        return ""
    return parts[-1] if re.search(r"\d", parts[-2]) else ""
