"""What the names of files and folders say: head, lesion or neither, which modality, which group."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

# Of each modality the ending of BIDS, of IXI and of BraTS 2023; then other words for it.
MODALITIES = {
    "t1": ("T1w", "T1", "T1n", "MPRAGE", "MPR", "SPGR"),
    "t2": ("T2w", "T2", "T2w"),
    "flair": ("FLAIR", "FLAIR", "T2f"),
    "t1ce": ("T1ce", "T1CE", "T1c", "T1GD", "T1post", "ceT1w"),
}
# Pictures that no chapter reads as heads.
OTHER_PICTURES = re.compile(
    r"(?<=[_-])(bold|dwi|dti|adc|swi|swan|pdw?|mra|pet|ct|asl|epi|fa|md|phasediff|magnitude\d?)"
    r"(?![a-z0-9])",
    re.I,
)
# What the last word of a BIDS name says where it is no T1w, T2w, FLAIR or UNIT1: single pictures of
# a series, maps that were computed from one, other scanners, masks.
OTHER_SUFFIX = re.compile(
    r"bold|sbref|boldref|cbv|phase[12]?|phasediff|fieldmap|epi|dwi|asl|m0scan|pet|ct|xfm|"
    r"(T1|T2|T2star|R1|R2|R2star|PD|MTR|MTV|MWF|PDT2|S0|B0|TB1|RB1|Chi|M0)map|MTsat|"
    r"TB1(TFL|EPI|AFI|DAM|SRGE)|RB1COR|MP2RAGE|MPM|MTS|MTR|MEGRE|MESE|VFA|IRT1|FLASH|T2starw?|PDw|"
    r"PDT2|PD|angio|inplaneT[12]|swi|defacemask|SEM|TEM|uCT|BF|DF|PC|DIC|FLUO|CONF|PLI|CARS|2PE|"
    r"MPE|SR|NLO|OCT|SPIM|XPCT|svs|mrsi|unloc|mrsref",
    re.I,
)
PART_OF_A_SCAN = re.compile(r"_(part-(phase|real|imag)|chunk-)", re.I)
DATA_TYPES = "func|dwi|fmap|perf|pet|meg|eeg|ieeg|beh|micr|nirs|motion|mrs|figures"
TEMPLATE = re.compile(r"tpl-[^/]+", re.I)  # an average of many people
IXI_NAME = re.compile(r"^((?:IXI|PHANTOM)\d+)-([A-Za-z]+)-(\d+)(?![A-Za-z0-9])")  # person, site
LESION = re.compile(
    r"(?<![a-z])lesions?(?![_-]?(fill|free))|_label-L_|(^|[_-])seg(m|mentations?)?(?![a-z-])", re.I
)
# Words that mean a mask where they end a name: a person may be called `tumour_01`.
LESION_AT_END = re.compile(
    r"(^|[_.-])(wmhs?|wml|tumou?r|gtv|gt|ground[_-]?truth|infarct|edema|msk)$", re.I
)
LESION_FOLDER = re.compile(
    r"(.*[_.-])?(lesions?([_-]?(masks?|labels?|rois?))?|segs?|segmentations?|annotations?)|"
    r"labelsT[rs]|gt|ground[_-]?truths?|wmh",
    re.I,
)
# Tissues, parts of the brain and what FreeSurfer, FSL, SPM and SynthSeg write beside a head.
TISSUE = re.compile(
    r"(^|[_.+-])(aparc|aseg|wmparc|ribbon|pve(seg)?|mixeltype|probseg|[adf]seg|synthseg|dlmuse|"
    r"parc|parcellations?|tissues?|brain[_-]?(segmentation|parenchyma\w*))(?![a-z])|_seg_\d|(?<=[_-])(gm|wm|csf)(?=$|[_.-])",
    re.I,
)
# Files that show no head; `anomaly`: maps that this workbook makes.
NO_HEAD = re.compile(r"(^|[_.-])((brain)?masks?|labels?|rois?|anomaly)(?![a-z])", re.I)
BRAIN_FOLDER = re.compile(r"brain|dlmuse(_seg)?", re.I)
# What programs write beside a head: fields, warps, bias, skulls.
NO_PICTURE = re.compile(
    r"(^|[_.-])((non)?lin_)?(field|coeff|warp(field|coef)?|jac(obian)?|bias([_-]?field)?|xfm|"
    r"displacement|deformation|bet_skull|firstseg|_corr)(_acpc_dc)?$|(^|[_.-])first[-_]\w*_corr$",
    re.I,
)
PLAIN_MASKS = re.compile(r"(.*[_.-])?(masks?|labels?|rois?)", re.I)
MASK_OF_SOMETHING = re.compile(
    r"brain|(^|[_.-])bet|skull|head|face|eyes?(?![a-z])|tissue|hippo|atlas|anomaly|aparc|derivatives|"
    r"label-(?!lesion)|desc-(?!lesion)",
    re.I,
)
FOLDER_WITHOUT_HEADS = re.compile(
    r"twin|derivatives|first_results|labelsT[rs]|"
    r"(.*[_.-])?((brain)?masks?|lesions?|labels?|segmentations?)",
    re.I,
)
HEALTHY_WORD = re.compile(
    r"hc|nc|cn|ctrls?|ctl|con|norms?|normals?|controls?|healthy([_ -]?(controls?|subjects?))?|"
    r"(cognitively[_ -]?)?normal([_ -]?controls?)?|control[_ -]?(group|subjects?|participants?)|"
    r"healthy[_ -]?volunteers?|hv|tdc?|typical(ly)?([_ -]?developing)?|neurotypical|unaffected",
    re.I,
)
PATIENT_WORD = re.compile(
    r"patients?|cases|ill|diseased?|tumou?rs?|strokes?|ms|lesions?|glioma|gbm|epilepsy|"
    r"dementia|alzheimers?|ad|mci|depress(ed|ion)|schizophrenia|parkinsons?",
    re.I,
)


def file_label(path: Path) -> str:
    """The name that speaks for a file: its folder's where that one is named like a file.

    Some unpackers make `BraTS-GLI-00000-000-t1n.nii/5_brain_t1.nii` of one file.
    """
    folder = path.parent.name
    return folder if re.search(r"\.nii(\.gz)?$", folder, re.I) else path.name


def stem(path: Path) -> str:
    """A file's label without .nii or .nii.gz."""
    return re.sub(r"\.nii(\.gz)?$", "", file_label(path), flags=re.I)


def kind_of_file(path: Path, folder: Path) -> str:
    """What a file shows by its own and its folders' names.

    Returns:
        head, lesion, brain, tissue, mask (of what, its contents must say) or other.
    """
    name, folders = file_label(path), path.relative_to(folder).parent.parts
    if any(TEMPLATE.match(part) for part in (name, *folders)):
        return "other"
    if any(BRAIN_FOLDER.fullmatch(part) for part in folders) and not re.search(
        "lesion", name, re.I
    ):
        return "brain"
    if TISSUE.search(stem(path)):
        return "tissue"
    if LESION.search(name) or LESION_AT_END.search(stem(path)):
        return "lesion"
    if any(LESION_FOLDER.fullmatch(part) for part in folders):
        return "lesion"
    if name.startswith("sub-"):  # a pipeline's output has BIDS names; the raw scan goes before it
        folders = [part for part in folders if part.lower() != "derivatives"]
    without_heads = any(FOLDER_WITHOUT_HEADS.fullmatch(part) for part in folders)
    if _is_plain_mask(path, folders):
        return "mask"
    is_none = NO_HEAD.search(name) or NO_PICTURE.search(stem(path))
    return "other" if without_heads or is_none else "head"


def _is_plain_mask(path: Path, folders: Sequence[str]) -> bool:
    """Whether names say mask, label or region, and not of what."""
    if MASK_OF_SOMETHING.search(stem(path)) or any(map(MASK_OF_SOMETHING.search, folders)):
        return False
    in_masks = any(PLAIN_MASKS.fullmatch(part) for part in folders)
    return in_masks or bool(re.search(r"(^|[_.-])(mask|label|roi)s?[_-]?\d*$", stem(path), re.I))


def modality_pattern(modality: str) -> re.Pattern:
    """Pattern that finds a modality in a file's name."""
    return re.compile(rf"(^|[_-])({'|'.join(MODALITIES[modality])})(?![a-z0-9])", re.I)


def is_of_another_modality(path: Path, modality: str) -> bool:
    """Whether a file's name states a modality, and not this one."""
    name = file_label(path)
    if OTHER_PICTURES.search(stem(path)) or _is_other_bids(path):
        return True
    with_contrast = re.match("sub-.*_ce-", name, re.I)
    if with_contrast and modality in ("t1", "t1ce"):
        return modality == "t1"
    if modality_pattern(modality).search(name):
        return False
    return any(modality_pattern(other).search(name) for other in MODALITIES)


def _is_other_bids(path: Path) -> bool:
    """Whether a BIDS name or its folder says that a file shows no head of any modality."""
    name = stem(path)
    if not re.match("sub-[^_]+_", name, re.I):
        return False
    if re.fullmatch(DATA_TYPES, path.parent.name, re.I) or PART_OF_A_SCAN.search(name):
        return True
    return bool(OTHER_SUFFIX.fullmatch(name.rpartition("_")[2]))


def split_paths(paths: str, folder: Path | str = "") -> list[str]:
    """The files of a cell that joins paths by ";", though a path may hold one itself.

    Args:
        paths: such as "a.nii; b.nii".
        folder: of relative paths; they become paths in it.
    """
    found, begun = [], ""
    for part in str(paths).split(";"):
        begun = f"{begun};{part}" if begun.strip() else part
        if os.path.isfile(os.path.join(folder, begun.strip())):
            found, begun = [*found, begun], ""
    parts = [part.strip() for part in [*found, *begun.split(";")]]
    # What is no file is split at every ";": whoever reads it names what is missing.
    return [os.path.join(folder, part) for part in parts if part]


def begins_with_name(text: str, name: str) -> bool:
    """Whether a file's name begins with a name that ends there: `p1_lesion` with `p1`, not `p`."""
    text, name = text.lower(), name.lower()
    return text.startswith(name) and not text[len(name)].isalnum()


def group_of_word(word: str) -> str:
    """`healthy` of words for controls, the word (singular) of words for patients, else ""."""
    word = word.strip().lower()
    if HEALTHY_WORD.fullmatch(word):
        return "healthy"
    if not PATIENT_WORD.fullmatch(word):
        return ""
    return re.sub("^(patient|case|tumour|stroke|lesion)s$", r"\1", word.replace("tumor", "tumour"))
