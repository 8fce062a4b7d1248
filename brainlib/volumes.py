"""Reading T1 volumes: canonical orientation through the affine, voxel sizes in mm, one-line refusals of bad files."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}       # the RAS+ axis that a slice's number runs along
SUFFIXES = (".nii", ".nii.gz")
MAX_VOXELS = 2**30                                       # 4 GB as float32; the largest head of the field is 1/20 of it
_MM = {"meter": 1000.0, "micron": 0.001}                 # NIfTI's units of length, in mm


@dataclass(frozen=True)
class Volume:
    """A head in RAS+ orientation.

    Attributes:
        array: float32 (X, Y, Z); axis 0 runs from left to right, 1 from posterior to anterior, 2 from inferior to
            superior. Every value is finite.
        voxel_mm: side lengths of a voxel along those three axes, in mm.
        affine: (4, 4), from the array's indices to scanner mm.
        path: the file that it came from.
        stored_axes: axis codes as stored, such as ("P", "S", "R").
        stored_shape: shape as stored.
        notes: what was mended while reading, in words.
    """

    array: np.ndarray
    voxel_mm: tuple
    affine: np.ndarray
    path: Path
    stored_axes: tuple
    stored_shape: tuple
    notes: tuple = ()


def load(path):
    """Reads a NIfTI volume (.nii, .nii.gz) into RAS+ orientation.

    One singleton frame is squeezed. Scattered NaN and infinite voxels become 0 and are noted. Oblique volumes keep
    their grid: axes are flipped and swapped to the nearest anatomical ones, nothing is resampled.

    Raises:
        OSError: the file is missing, a folder, empty, truncated, or not NIfTI.
        ValueError: it is NIfTI but no usable head: several frames, 2-D, absurd dimensions, unknown data type, constant,
            not finite, zero voxel size.
        Both messages are one line: file, what was expected, what came, what to do.
    """
    path = Path(path)
    image = _open(path)
    shape = _checked_shape(path, image.header)
    affine = _checked_affine(path, image)
    array, notes = _checked_array(path, image, shape)
    orientation = nibabel.io_orientation(affine)
    stored_axes = nibabel.aff2axcodes(affine)
    ras = np.ascontiguousarray(nibabel.apply_orientation(array, orientation))
    ras_affine = affine @ nibabel.orientations.inv_ornt_aff(orientation, shape)
    voxel_mm = tuple(float(side) for side in np.linalg.norm(ras_affine[:3, :3], axis=0))
    if int(image.header["qform_code"]) == 0 and int(image.header["sform_code"]) == 0:
        notes.append("the header states no orientation (qform and sform codes are 0); NIfTI's default was taken")
    return Volume(ras, voxel_mm, ras_affine, path, stored_axes, shape, tuple(notes))


def to_stored(array, volume):
    """Turns an array on a volume's RAS+ grid back to the axis order and direction of its file."""
    stored = nibabel.orientations.axcodes2ornt(volume.stored_axes)
    return nibabel.apply_orientation(array, nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), stored))


def _refuse(kind, path, expected, came, do):
    """The one form of all refusals, on one line."""
    text = f"{path}: expected {expected}, got {came}. {do}"
    return kind(" ".join(text.split()))


def _open(path):
    if path.is_dir():
        raise _refuse(IsADirectoryError, path, "a NIfTI file", "a folder", "Pass a file of it, or the folder to --data.")
    if not path.exists():
        raise _refuse(FileNotFoundError, path, "a NIfTI file", "nothing at this path", "Check the name.")
    if not path.name.lower().endswith(SUFFIXES):
        raise _refuse(OSError, path, "a name ending in .nii or .nii.gz", f"'{path.suffix}'",
                      "Convert it to NIfTI, for instance with dcm2niix.")
    if path.stat().st_size == 0:
        raise _refuse(OSError, path, "a NIfTI file", "an empty file", "Copy or download it again.")
    try:
        image = nibabel.load(path)
    except nibabel.spatialimages.HeaderDataError as error:
        raise _refuse(ValueError, path, "a valid NIfTI header", str(error), "Write the file again.") from error
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError, zlib.error, ValueError) as error:
        raise _refuse(OSError, path, "a NIfTI file", f"something else ({error})",
                      "Copy or download it again, or convert it to NIfTI.") from error
    if not isinstance(image, nibabel.Nifti1Pair):        # Nifti2 included: nibabel derives it from this class
        raise _refuse(OSError, path, "a NIfTI file", type(image).__name__, "Convert it to NIfTI.")
    return image


def _checked_shape(path, header):
    """Shape (X, Y, Z) by the header alone, so that an absurd one never reaches memory."""
    stored = [int(side) for side in header["dim"][1:1 + max(0, min(7, int(header["dim"][0])))]]
    shape = list(stored)
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) > 3:
        raise _refuse(ValueError, path, "one 3-D volume", f"shape {tuple(stored)}: several frames",
                      "Save one frame, e.g. image.slicer[..., 0].")
    if len(shape) < 3 or 1 in shape:
        raise _refuse(ValueError, path, "a 3-D volume", f"shape {tuple(stored)}: a single slice",
                      "Pass the whole volume.")
    if min(shape) < 1 or np.prod([float(side) for side in shape]) > MAX_VOXELS:
        raise _refuse(ValueError, path, f"sides of at least 2 and at most {MAX_VOXELS} voxels in all",
                      f"shape {tuple(stored)}", "The header is damaged or this is no head: copy the file again.")
    return tuple(shape)


def _checked_affine(path, image):
    """The affine in mm, checked to be finite and of full rank."""
    affine = np.array(image.affine, dtype=float)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    with image.file_map["image"].get_prepare_fileobj("rb") as stored:      # nibabel turns sides of 0 into 1 as it loads
        header = type(image.header).from_fileobj(stored, check=False)
    zooms = np.array(header["pixdim"][1:4], dtype=float)
    if not np.isfinite(affine).all() or not np.isfinite(zooms).all() or (sides <= 0).any() or (zooms == 0).any() \
            or abs(np.linalg.det(affine[:3, :3] / np.maximum(sides, 1e-12))) < 1e-3:
        raise _refuse(ValueError, path, "an affine of three independent axes with voxel sizes above 0 mm",
                      f"voxel sizes {tuple(float(side) for side in zooms.round(4))} mm and axes of "
                      f"{tuple(float(side) for side in sides.round(4))} mm", "Set pixdim, qform or sform of the header.")
    affine[:3] *= _MM.get(image.header.get_xyzt_units()[0], 1.0)
    return affine


def _checked_array(path, image, shape):
    kind = image.get_data_dtype()
    if kind.names or kind.kind not in "iuf":
        raise _refuse(ValueError, path, "one real number a voxel", f"data type {kind}",
                      "Save the grey values as integers or floats.")
    try:
        array = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _refuse(OSError, path, f"{int(np.prod(shape))} voxels of {kind}", f"a truncated or damaged file ({error})",
                      "Copy or download it again.") from error
    notes = []
    finite = np.isfinite(array)
    missing = int(array.size - np.count_nonzero(finite))
    if missing > 0.95 * array.size:                      # NaN as background is a habit of some tools; NaN as head is not
        raise _refuse(ValueError, path, "finite values", f"{missing} of {array.size} voxels NaN or infinite",
                      "Write the file again, with 0 for missing voxels.")
    if missing:
        array[~finite] = 0
        notes.append(f"{missing} voxels were NaN or infinite and are 0 now")
    if array.min() == array.max():
        raise _refuse(ValueError, path, "a picture", f"every voxel equal to {array.flat[0]:g}",
                      "Exclude this file or copy it again.")
    return array, notes


def first_readable(paths):
    """(place, Volume) of the first head of a list that can be read.

    Raises:
        ValueError: none can; it gives the first reason.
    """
    reason = "the list is empty"
    for place, path in enumerate(paths):
        try:
            return place, load(path)
        except (OSError, ValueError) as error:
            reason = str(error) if not place else reason
    raise ValueError(f"expected at least one head that can be read, got none of {len(paths)}. The first reason: {reason}")
