"""Reading T1 volumes: canonical orientation through the affine, sizes in mm, one-line refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nibabel
import numpy as np

from brainlib import files
from brainlib.heads import formats, plausibility
from brainlib.heads.contents import are_shares

PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}  # the RAS+ axis that a slice's number runs along
MAX_VOXELS = 2**28  # 1 GB as float32; the largest head of the field is 1/5 of it
MAX_GZIP = 1032  # bytes that a byte of gzip can stand for at most
# NIfTI's codes of length, in mm. Many real files leave it at 0 and mean mm; so is an unknown code
# read, with a note: a size that is no head's is refused all the same.
MM_OF_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# Quaternions are stored as float32: files of several tools are up to some 1e-6 over unit length.
for _header in (nibabel.Nifti1Header, nibabel.Nifti2Header):
    _header.quaternion_threshold = -1e-5
RESAMPLE = (
    "Resample it to the head's grid by nearest neighbour, or copy the head's affine where only the "
    "mask's header is wrong."
)


@dataclass(frozen=True)
class Volume:
    """A head in RAS+ orientation.

    Attributes:
        array: float32 (X, Y, Z); axis 0 runs from left to right, 1 from posterior to anterior, 2
            from inferior to superior. Every value is finite.
        voxel_mm: side lengths of a voxel along those three axes, in mm.
        affine: (4, 4), from the array's indices to scanner mm.
        path: the file that it came from.
        stored_axes: axis codes as stored, such as ("P", "S", "R").
        stored_shape: shape as stored.
        notes: what was mended while reading, in words.
    """

    array: np.ndarray
    voxel_mm: tuple[float, float, float]
    affine: np.ndarray
    path: Path
    stored_axes: tuple[str, str, str]
    stored_shape: tuple[int, ...]
    notes: tuple[str, ...] = ()


# ---- what others call


def load(path: Path | str) -> Volume:
    """Reads a NIfTI volume (.nii, .nii.gz) into RAS+ orientation.

    One singleton frame is squeezed. Scattered NaN and infinite voxels become 0 and are noted.
    Oblique volumes keep their grid: axes are flipped and swapped to the nearest anatomical ones,
    nothing is resampled.

    Raises:
        OSError: the file is missing, a folder, empty, truncated, damaged, or not NIfTI.
        ValueError: it is NIfTI but no usable head: several frames, 2-D, absurd dimensions, unknown
            data type, constant, not finite, voxels of no head's size, sform and qform that
            contradict each other.
            Both messages are one line: file, what was expected, what came, what to do.
    """
    path = Path(path)
    scan = _read(path)
    notes = _mend_values(path, scan.array) + _header_notes(path, scan.image.header)
    voxel_mm = tuple(float(side) for side in np.linalg.norm(scan.affine[:3, :3], axis=0))
    stored_axes = nibabel.aff2axcodes(scan.stored_affine)
    stored_shape = tuple(int(side) for side in scan.image.shape[:3])
    return Volume(scan.array, voxel_mm, scan.affine, path, stored_axes, stored_shape, tuple(notes))


def first_readable(paths: Sequence[Path | str]) -> tuple[int, Volume]:
    """(place, Volume) of the first head of a list that can be read.

    Raises:
        ValueError: none can; it gives the first reason.
    """
    first_reason = "the list is empty"
    for place, path in enumerate(paths):
        try:
            return place, load(path)
        except (OSError, ValueError) as error:
            files.raise_if_no_room(error)
            if place == 0:
                first_reason = str(error)
    raise ValueError(
        f"expected at least one head that can be read, got none of {len(paths)}. "
        f"The first reason: {first_reason}"
    )


def read_labels(path: Path | str, volume: Volume, *, grey: bool = False) -> np.ndarray:
    """True where a mask or parcellation has a label above 0, on the RAS+ grid of the head.

    A mask of shares between 0 and 1 (a probability map, or one that was resampled linearly), or
    of shares of 255, is cut at half of its largest value.

    Args:
        path: the mask.
        volume: the head.
        grey: whether a picture may stand for its mask, such as a head without its skull: all that
            is above 0.

    Returns:
        bool array of `volume.array`'s shape.

    Raises:
        OSError, ValueError: as `load`, but a mask may be constant; or it does not lie on the head's
            grid: another shape, or voxels that lie elsewhere in the scanner; or it holds infinite
            values, or fractions between labels.
    """
    path = Path(path)
    labels, affine, *_ = _read(path)
    _refuse_another_grid(path, labels, affine, volume)
    if np.isinf(labels).any():
        infinite = f"{int(np.isinf(labels).sum())} infinite values"
        raise _refusal(ValueError, path, "finite labels", infinite, "Write the mask anew.")
    highest = float(np.nanmax(labels, initial=0))
    if not grey and are_shares(labels):
        return labels > highest / 2
    if np.nanmax(np.abs(labels - np.rint(labels)), initial=0) < 1e-3:
        return labels > 0.5
    if highest <= 1.5:  # shares: splines overshoot 1 by less
        return labels > min(highest, 1) / 2
    if grey:
        return labels > 0
    raise _refusal(
        ValueError,
        path,
        "whole labels, or shares from 0 to 1",
        f"fractions up to {highest:.4g}",
        "Resample it by nearest neighbour, or write 0 and 1.",
    )


# ---- reading


class _Scan(NamedTuple):
    """A sound 3-D file, as read."""

    array: np.ndarray  # float32, in RAS+ orientation
    affine: np.ndarray  # of that array, in mm
    image: nibabel.Nifti1Pair
    stored_affine: np.ndarray  # of the voxels as stored, in mm


def _read(path: Path) -> _Scan:
    image = _open(path)
    shape = _checked_shape(path, image.header)
    stored_affine = _checked_affine(path, image)
    orientation = nibabel.io_orientation(stored_affine)
    voxels = _voxels(path, image, shape)
    array = np.ascontiguousarray(nibabel.apply_orientation(voxels, orientation))
    affine = stored_affine @ nibabel.orientations.inv_ornt_aff(orientation, shape)
    return _Scan(array, affine, image, stored_affine)


def _refuse_another_grid(
    path: Path, labels: np.ndarray, affine: np.ndarray, volume: Volume
) -> None:
    """Raises ValueError where a mask has another shape than its head, or lies elsewhere."""
    if labels.shape != volume.array.shape:
        expected = f"a mask of shape {volume.array.shape} (in RAS+ order), as {volume.path} has"
        raise _refusal(ValueError, path, expected, labels.shape, RESAMPLE)
    # The corners are enough: nothing between them lies further off.
    corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(labels.shape) - 1)
    to_head = np.linalg.inv(volume.affine) @ affine
    apart = np.abs(nibabel.affines.apply_affine(to_head, corners) - corners).max()
    if apart > 0.5:
        expected = f"a mask on the grid of {volume.path}"
        found = f"one up to {apart:.3g} voxels away from it"
        raise _refusal(ValueError, path, expected, found, RESAMPLE)


def _refusal(
    kind: type[Exception], path: Path, expected: str, came: object, remedy: str
) -> Exception:
    """The error of a refusal; all of them have this form, on one line."""
    text = f"{path}: expected {expected}, got {came}. {remedy}"
    return kind(" ".join(text.split()))


def _open(path: Path) -> nibabel.Nifti1Pair:
    """The file, unread beyond its header; refused where it is no NIfTI file."""
    _refuse_wrong_files(path)
    try:
        image = nibabel.load(path)
    except nibabel.spatialimages.HeaderDataError as error:
        raise _refusal(
            ValueError, path, "a valid NIfTI header", str(error), "Write the file again."
        ) from error
    except Exception as error:  # a damaged header makes nibabel stumble over whatever it holds
        files.raise_if_no_room(error, path)
        raise _refusal(
            OSError,
            path,
            "a NIfTI file",
            f"something else ({error})",
            "Copy or download it again, or convert it to NIfTI.",
        ) from error
    if not isinstance(image, nibabel.Nifti1Pair):  # nibabel derives Nifti2 from this class
        raise _refusal(OSError, path, "a NIfTI file", type(image).__name__, "Convert it to NIfTI.")
    first_byte = image.header.single_vox_offset
    if image.dataobj.offset < first_byte:  # nibabel lets 0 pass, and takes the header for voxels
        raise _refusal(
            ValueError,
            path,
            f"voxels from byte {first_byte} on, after the header",
            f"vox_offset {image.dataobj.offset}",
            "Correct vox_offset, or copy or convert the file again.",
        )
    return image


def _refuse_wrong_files(path: Path) -> None:
    """Raises OSError where a path holds nothing that could be a NIfTI file."""
    if path.is_dir():
        raise _refusal(
            IsADirectoryError,
            path,
            "a NIfTI file",
            "a folder",
            "Pass a file of it, or the folder to --data.",
        )
    if path.is_symlink() and not path.exists():
        raise _refusal(
            FileNotFoundError,
            path,
            "a NIfTI file",
            f"a link to {path.readlink()}, where nothing is",
            "Fetch the file itself, for instance with datalad get or git annex get.",
        )
    if not path.exists():
        raise _refusal(
            FileNotFoundError, path, "a NIfTI file", "nothing at this path", "Check the name."
        )
    if not path.name.lower().endswith(formats.NIFTI):
        found = formats.format_of_name(path) or formats.Format(
            f"'{path.suffix}'", "Convert it to NIfTI, for instance with dcm2niix."
        )
        wanted = "a name ending in .nii or .nii.gz"
        raise _refusal(OSError, path, wanted, found.name, found.remedy)
    if path.stat().st_size == 0:
        raise _refusal(OSError, path, "a NIfTI file", "an empty file", "Copy or download it again.")
    _refuse_other_formats(path)


def _refuse_other_formats(path: Path) -> None:
    """Raises OSError where a file is not what its name says, such as a pointer of git."""
    try:
        found = formats.format_of_bytes(path)
    except PermissionError as error:
        remedy = "Give yourself the right to read it: chmod u+r."
        raise _refusal(
            OSError, path, "a NIfTI file", "one that must not be read", remedy
        ) from error
    if found:
        raise _refusal(OSError, path, "a NIfTI file as its name says", found.name, found.remedy)


def _checked_shape(path: Path, header: nibabel.Nifti1Header) -> tuple[int, int, int]:
    """Shape (X, Y, Z) by the header alone, so that an absurd one never reaches memory."""
    axes = max(0, min(7, int(header["dim"][0])))
    stored = [int(side) for side in header["dim"][1 : 1 + axes]]
    shape = list(stored)
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) > 3:
        raise _refusal(
            ValueError,
            path,
            "one 3-D volume",
            f"shape {tuple(stored)}: several frames",
            "Save one frame, e.g. image.slicer[..., 0].",
        )
    if len(shape) < 3 or 1 in shape:
        raise _refusal(
            ValueError,
            path,
            "a 3-D volume",
            f"shape {tuple(stored)}: a single slice",
            "Pass the whole volume.",
        )
    if min(shape) < 1 or np.prod([float(side) for side in shape]) > MAX_VOXELS:
        raise _refusal(
            ValueError,
            path,
            f"sides of at least 2 and at most {MAX_VOXELS} voxels in all",
            f"shape {tuple(stored)}",
            "The header is damaged or this is no head: copy the file again.",
        )
    return tuple(shape)


def _checked_affine(path: Path, image: nibabel.Nifti1Pair) -> np.ndarray:
    """The affine in mm, checked to be finite, of full rank and of a head's voxels."""
    affine = np.array(image.affine, dtype=float)
    affine[:3] *= MM_OF_UNIT.get(_unit(image.header), 1.0)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    zooms = _stored_zooms(image)
    finite = np.isfinite(affine).all() and np.isfinite(zooms).all()
    if finite and (zooms != 0).all() and _is_of_heads(affine, sides):
        return affine
    came = f"voxel sizes {_rounded(zooms)} in the header's unit and axes of {_rounded(sides)} mm"
    raise plausibility.refusal("voxel", path, came)


def _is_of_heads(affine: np.ndarray, sides: np.ndarray) -> bool:
    """Whether three axes are independent and as long as voxels of heads are."""
    if not all(plausibility.passes("voxel", side) for side in sides):
        return False
    return abs(np.linalg.det(affine[:3, :3] / sides)) >= 1e-3


def _stored_zooms(image: nibabel.Nifti1Pair) -> np.ndarray:
    """The header's pixdim as the file has it: nibabel turns sides of 0 into 1 as it loads."""
    with image.file_map["image"].get_prepare_fileobj("rb") as stored:
        header = type(image.header).from_fileobj(stored, check=False)
    return np.array(header["pixdim"][1:4], dtype=float)


def _rounded(numbers: np.ndarray) -> tuple[float, ...]:
    """Numbers to four digits, to be read by people."""
    return tuple(float(f"{number:.4g}") for number in numbers)


def _unit(header: nibabel.Nifti1Header) -> int:
    """NIfTI's code of the unit of length; the bits above are the unit of time."""
    return int(header["xyzt_units"]) & 7


def _header_notes(path: Path, header: nibabel.Nifti1Header) -> list[str]:
    """What a header leaves open, and what was assumed.

    Raises:
        ValueError: its sform and its qform contradict each other.
    """
    notes = []
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if sform is not None and qform is not None:
        notes += filter(None, [plausibility.refuse_contradiction(path, sform, qform)])
    if int(header["qform_code"]) == 0 and int(header["sform_code"]) == 0:
        notes.append(
            "the header states no orientation (qform and sform codes are 0); "
            "NIfTI's default was taken"
        )
    if _unit(header) not in MM_OF_UNIT:
        code = int(header["xyzt_units"])
        notes.append(
            f"the header states an unknown unit of length (xyzt_units {code}); mm was taken"
        )
    return notes


def _voxels(path: Path, image: nibabel.Nifti1Pair, shape: tuple[int, int, int]) -> np.ndarray:
    """The voxels as stored: float32 of `shape`.

    A .gz is read to its end: only there are the checksum and the length of what it holds.
    """
    kind = image.get_data_dtype()
    if kind.names or kind.kind not in "iuf":
        raise _refusal(
            ValueError,
            path,
            "one real number a voxel",
            f"data type {kind}",
            "Save the grey values as integers or floats.",
        )
    packed, unpacked = path.stat().st_size, float(np.prod(shape)) * kind.itemsize
    if path.name.lower().endswith(".gz") and unpacked > MAX_GZIP * packed:
        raise _refusal(
            OSError,
            path,
            f"{unpacked / 1e6:.3g} MB of voxels, as its header says",
            f"a file of {packed / 1e6:.3g} MB, which cannot hold them",
            "Copy or download it again.",
        )
    try:
        with nibabel.openers.ImageOpener(path) as stored:  # one stream: it is unpacked once
            data = type(image).from_stream(stored.fobj).dataobj
            array = np.asarray(data, dtype=np.float32).reshape(shape)
            while stored.read(2**20):
                pass
    except Exception as error:
        files.raise_if_no_room(error, path)
        raise _refusal(
            OSError,
            path,
            f"{int(np.prod(shape))} voxels of {kind}",
            f"a truncated or damaged file ({error})",
            "Copy or download it again.",
        ) from error
    return array


def _mend_values(path: Path, array: np.ndarray) -> list[str]:
    """Sets NaN and infinite voxels of a head to 0, in place; returns notes on what was mended."""
    notes = []
    finite = np.isfinite(array)
    missing = int(array.size - np.count_nonzero(finite))
    # NaN as background is a habit of some tools; NaN as head is not.
    if missing > 0.95 * array.size:
        raise _refusal(
            ValueError,
            path,
            "finite values",
            f"{missing} of {array.size} voxels NaN or infinite",
            "Write the file again, with 0 for missing voxels.",
        )
    if missing:
        array[~finite] = 0
        notes.append(f"{missing} voxels were NaN or infinite and are 0 now")
    if array.min() == array.max():
        raise _refusal(
            ValueError,
            path,
            "a picture",
            f"every voxel equal to {array.flat[0]:g}",
            "Exclude this file or copy it again.",
        )
    return notes
