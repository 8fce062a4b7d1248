"""Which format a file has that is no NIfTI, by its name and its first bytes, and what to do."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

NIFTI = (".nii", ".nii.gz")
FIRST_BYTES = 352  # a NIfTI header, and the four bytes after it


class Format(NamedTuple):
    """A format: what it is, and how one gets NIfTI from it."""

    name: str
    remedy: str


CONVERT = (
    "Convert it: python -c \"import nibabel; nibabel.save(nibabel.load('{name}'), "
    "'{stem}.nii.gz')\"."
)
PAIR = Format("one half of a NIfTI or Analyze pair (.img and .hdr)", CONVERT)
DICOM = Format("DICOM", "Convert the whole folder: dcm2niix -z y -o NEW_FOLDER FOLDER.")
HDF5 = Format(
    "HDF5, which holds arrays, or a model of Keras 2, and no orientation of a head",
    "Export the scan as NIfTI with the program that wrote it. A model is no data.",
)
KERAS = Format("a model of Keras, no scan", "Give it to --model or to 12's model_file.")
ITK = Format(
    "ITK's format", "Convert it with ITK-SNAP, 3D Slicer or c3d: c3d {name} {stem}.nii.gz."
)
PICTURE = Format("a picture of one slice", "Take the volume that it was made from.")
PACKED = Format("an archive", "Unpack it first.")
BY_ENDING = {
    (".mgz", ".mgh", ".mgh.gz"): Format(
        "FreeSurfer's format", "Convert it: mri_convert {name} {stem}.nii.gz."
    ),
    (".img", ".hdr", ".img.gz", ".hdr.gz"): PAIR,
    (".dcm", ".dicom", ".ima"): DICOM,
    (".h5", ".hdf5"): HDF5,
    (".keras",): KERAS,
    (".mnc",): Format("MINC", "Convert it: mnc2nii {name} {stem}.nii."),
    (".brik", ".head", ".brik.gz"): Format("AFNI's format", "Convert it: 3dAFNItoNIFTI {name}."),
    (".nrrd", ".nhdr", ".mha", ".mhd"): ITK,
    (".npy", ".npz"): Format("an array of NumPy, without orientation", "Save it with its affine."),
    (".png", ".jpg", ".jpeg", ".tif", ".tiff"): PICTURE,
    (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar", ".bz2", ".xz", ".zst"): PACKED,
}
BY_BYTES = (
    (
        b"version https://git-lfs",
        Format("a pointer of Git LFS", "Fetch the file itself: git lfs pull."),
    ),
    (b"\x89HDF", HDF5),
    (
        b"\x00\x00\x00\x01\x00\x00",
        Format("FreeSurfer's format (.mgz)", "Give it that name, then mri_convert."),
    ),
    (b"PK\x03\x04", PACKED),
    (b"BZh", PACKED),
    (b"\xfd7zXZ", PACKED),
    (b"\x28\xb5\x2f\xfd", PACKED),
    (b"\x89PNG", PICTURE),
    (b"NRRD", ITK),
)
HALF = re.compile(r"\.(img|hdr)(\.gz)?$", re.I)
OTHER_HALF = {"img": "hdr", "hdr": "img"}
DICOM_NAME = re.compile(r"[^.]+|[\d.]+")  # no ending, or a number in parts
MOST_PROBED = 20  # files of such names that are opened
ANNEX = Format("a pointer of git-annex", "Fetch the file itself: datalad get, or git annex get.")
PAGE = Format("a web page", "Log in where the data are, and download the file again.")
NOT_PACKED = Format("a NIfTI file that is not gzipped", "Rename it to .nii, or gzip it.")
IS_PACKED = Format("a gzipped file", "Rename it to .nii.gz.")
TWICE = Format(
    "a file that was gzipped twice", "Unpack it once: gunzip, then name it .nii.gz again."
)


def format_of_name(path: Path) -> Format | None:
    """The format that a name ends in; None of NIfTI and of endings that nobody knows."""
    name = path.name.lower()
    for endings, found in BY_ENDING.items():
        if name.endswith(endings):
            return _of_pair(path) if found is PAIR else _filled(found, path)
    return DICOM if format_of_bytes(path) == DICOM else None


def format_of_bytes(path: Path) -> Format | None:
    """The format of a file by its first bytes, where they are not those of its name.

    Raises:
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as handle:
        begin = handle.read(FIRST_BYTES)
    is_packed, says_packed = begin[:2] == b"\x1f\x8b", path.name.lower().endswith(".gz")
    if is_packed and not says_packed:
        return IS_PACKED
    if says_packed and not is_packed and b"n+" in (begin[344:346], begin[4:6]):
        return NOT_PACKED
    if is_packed:
        begin = _unpacked(path)
        if begin[:2] == b"\x1f\x8b":
            return TWICE
    return _of_beginning(begin)


def _of_beginning(begin: bytes) -> Format | None:
    if b"annex/objects/" in begin:
        return ANNEX
    if begin[128:132] == b"DICM":
        return DICOM
    if begin.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return PAGE
    return next((found for first, found in BY_BYTES if begin.startswith(first)), None)


def _unpacked(path: Path) -> bytes:
    """The first bytes inside a gzipped file; none where it is damaged, which is said later."""
    try:
        with gzip.open(path) as handle:
            return handle.read(FIRST_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def _of_pair(path: Path) -> Format:
    """A pair, with the advice for a half whose other half is missing."""
    half = HALF.search(path.name)
    other = path.with_name(f"{path.name[: half.start()]}.{OTHER_HALF[half[1].lower()]}")
    if other.exists() or other.with_name(f"{other.name}.gz").exists():
        return _filled(PAIR, path)
    return Format(f"{PAIR.name}, and {other.name} is missing", "Copy the other half beside it.")


def _filled(found: Format, path: Path) -> Format:
    stem = path.name.partition(".")[0]
    return Format(found.name, found.remedy.format(name=path.name, stem=stem))


def scans_of_other_formats(folder: Path) -> str:
    """What lies in a folder and below, hidden files apart, that would be read if it were NIfTI."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return in_words(formats_in(paths))


def formats_in(paths: Iterable[Path]) -> dict[Format, list[Path]]:
    """{format: files} of scans of other formats than NIfTI, for the words about a folder."""
    found, probed = {}, 0
    for path in sorted(paths):
        known = next((known for ends, known in BY_ENDING.items() if _ends(path, ends)), None)
        if known is None and probed < MOST_PROBED and DICOM_NAME.fullmatch(path.name):
            probed += 1
            known = DICOM if format_of_bytes(path) == DICOM else None
        if known and known not in (PICTURE, PACKED, KERAS):
            found.setdefault(known, []).append(path)
    return found


def in_words(found: dict[Format, list[Path]]) -> str:
    """How many files there are of each format, and what to do; "" where there are none."""
    parts = []
    for known, paths in found.items():
        files = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
        parts.append(
            f"{files} {known.name}, such as {paths[0].name}. {_filled(known, paths[0]).remedy}"
        )
    return " ".join(parts)


def _ends(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings)
