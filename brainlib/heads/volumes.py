"""Reading T1 volumes: canonical orientation through the affine, voxel sizes in mm, one-line refusals of bad files."""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

PLANES = {"sagittal": 0, "coronal": 1, "axial": 2}  # the RAS+ axis that a slice's number runs along
SUFFIXES = (".nii", ".nii.gz")
MAX_VOXELS = 2**30  # 4 GB as float32; the largest head of the field is 1/20 of it
SIDES_MM = (0.05, 20.0)  # voxels of heads, generously: other sides mean a wrong unit or header
# NIfTI's codes of length, in mm. Many real files leave it at 0 and mean mm; so is an unknown code read, with a note:
# a size that is no head's is refused all the same.
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}


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
        OSError: the file is missing, a folder, empty, truncated, damaged, or not NIfTI.
        ValueError: it is NIfTI but no usable head: several frames, 2-D, absurd dimensions, unknown data type, constant,
            not finite, voxels of no head's size.
        Both messages are one line: file, what was expected, what came, what to do.
    """
    path = Path(path)
    ras, ras_affine, image, affine = _read(path)
    notes = _finite_picture(path, ras)
    voxel_mm = tuple(float(side) for side in np.linalg.norm(ras_affine[:3, :3], axis=0))
    if int(image.header["qform_code"]) == 0 and int(image.header["sform_code"]) == 0:
        notes.append(
            "the header states no orientation (qform and sform codes are 0); NIfTI's default was taken"
        )
    if _unit(image.header) not in _MM:
        notes.append(
            f"the header states an unknown unit of length (xyzt_units {int(image.header['xyzt_units'])}); mm was taken"
        )
    stored_shape = tuple(int(side) for side in image.shape[:3])
    return Volume(
        ras, voxel_mm, ras_affine, path, nibabel.aff2axcodes(affine), stored_shape, tuple(notes)
    )


def read_labels(path, volume, *, grey=False):
    """True where a mask or parcellation has a label above 0: bool, on the RAS+ grid of the head `volume`.

    A mask of shares between 0 and 1 (a probability map, or one that was resampled linearly) is cut at half of its largest value.

    grey: whether a picture may stand for its mask, such as a head without its skull: all that is above 0.

    Raises:
        OSError, ValueError: as `load`, but a mask may be constant; or it does not lie on the head's grid: another shape, or
            voxels that lie elsewhere in the scanner; or it holds infinite values, or fractions between labels.
    """
    path = Path(path)
    labels, affine, *_ = _read(path)
    remedy = "Resample it to the head's grid by nearest neighbour, or copy the head's affine where only the mask's header is wrong."
    if labels.shape != volume.array.shape:
        raise _refuse(
            ValueError,
            path,
            f"a mask of shape {volume.array.shape} (in RAS+ order), as {volume.path} has",
            labels.shape,
            remedy,
        )
    corners = np.array([*np.ndindex(2, 2, 2)]) * (
        np.array(labels.shape) - 1
    )  # nothing between them lies further off
    apart = np.abs(
        nibabel.affines.apply_affine(np.linalg.inv(volume.affine) @ affine, corners) - corners
    ).max()
    if apart > 0.5:
        raise _refuse(
            ValueError,
            path,
            f"a mask on the grid of {volume.path}",
            f"one up to {apart:.3g} voxels away from it",
            remedy,
        )
    if np.isinf(labels).any():
        raise _refuse(
            ValueError,
            path,
            "finite labels",
            f"{int(np.isinf(labels).sum())} infinite values",
            "Write the mask anew.",
        )
    top = float(np.nanmax(labels, initial=0))
    if np.nanmax(np.abs(labels - np.rint(labels)), initial=0) < 1e-3:
        return labels > 0.5
    if top > 1.5 and grey:
        return labels > 0
    if top > 1.5:  # splines overshoot 1 by less
        raise _refuse(
            ValueError,
            path,
            "whole labels, or shares from 0 to 1",
            f"fractions up to {top:.4g}",
            "Resample it by nearest neighbour, or write 0 and 1.",
        )
    return labels > min(top, 1) / 2


def _read(path):
    """(array in RAS+ orientation, its affine in mm, nibabel's image, the affine in mm as stored) of a sound 3-D file."""
    image = _open(path)
    shape = _checked_shape(path, image.header)
    affine = _checked_affine(path, image)
    orientation = nibabel.io_orientation(affine)
    ras = np.ascontiguousarray(nibabel.apply_orientation(_voxels(path, image, shape), orientation))
    return ras, affine @ nibabel.orientations.inv_ornt_aff(orientation, shape), image, affine


def to_stored(array, volume):
    """Turns an array on a volume's RAS+ grid back to the axis order and direction of its file."""
    stored = nibabel.orientations.axcodes2ornt(volume.stored_axes)
    return nibabel.apply_orientation(
        array, nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), stored)
    )


def _refuse(kind, path, expected, came, do):
    """The one form of all refusals, on one line."""
    text = f"{path}: expected {expected}, got {came}. {do}"
    return kind(" ".join(text.split()))


def _open(path):
    if path.is_dir():
        raise _refuse(
            IsADirectoryError,
            path,
            "a NIfTI file",
            "a folder",
            "Pass a file of it, or the folder to --data.",
        )
    if not path.exists():
        raise _refuse(
            FileNotFoundError, path, "a NIfTI file", "nothing at this path", "Check the name."
        )
    if not path.name.lower().endswith(SUFFIXES):
        raise _refuse(
            OSError,
            path,
            "a name ending in .nii or .nii.gz",
            f"'{path.suffix}'",
            "Convert it to NIfTI, for instance with dcm2niix.",
        )
    if path.stat().st_size == 0:
        raise _refuse(OSError, path, "a NIfTI file", "an empty file", "Copy or download it again.")
    try:
        image = nibabel.load(path)
    except nibabel.spatialimages.HeaderDataError as error:
        raise _refuse(
            ValueError, path, "a valid NIfTI header", str(error), "Write the file again."
        ) from error
    except Exception as error:  # a damaged header makes nibabel stumble over whatever it holds
        raise _refuse(
            OSError,
            path,
            "a NIfTI file",
            f"something else ({error})",
            "Copy or download it again, or convert it to NIfTI.",
        ) from error
    if not isinstance(
        image, nibabel.Nifti1Pair
    ):  # Nifti2 included: nibabel derives it from this class
        raise _refuse(OSError, path, "a NIfTI file", type(image).__name__, "Convert it to NIfTI.")
    if (
        image.dataobj.offset < image.header.single_vox_offset
    ):  # nibabel lets 0 pass, and takes the header for voxels
        raise _refuse(
            ValueError,
            path,
            f"voxels from byte {image.header.single_vox_offset} on, after the header",
            f"vox_offset {image.dataobj.offset}",
            "Correct vox_offset, or copy or convert the file again.",
        )
    return image


def _checked_shape(path, header):
    """Shape (X, Y, Z) by the header alone, so that an absurd one never reaches memory."""
    stored = [int(side) for side in header["dim"][1 : 1 + max(0, min(7, int(header["dim"][0])))]]
    shape = list(stored)
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) > 3:
        raise _refuse(
            ValueError,
            path,
            "one 3-D volume",
            f"shape {tuple(stored)}: several frames",
            "Save one frame, e.g. image.slicer[..., 0].",
        )
    if len(shape) < 3 or 1 in shape:
        raise _refuse(
            ValueError,
            path,
            "a 3-D volume",
            f"shape {tuple(stored)}: a single slice",
            "Pass the whole volume.",
        )
    if min(shape) < 1 or np.prod([float(side) for side in shape]) > MAX_VOXELS:
        raise _refuse(
            ValueError,
            path,
            f"sides of at least 2 and at most {MAX_VOXELS} voxels in all",
            f"shape {tuple(stored)}",
            "The header is damaged or this is no head: copy the file again.",
        )
    return tuple(shape)


def _checked_affine(path, image):
    """The affine in mm, checked to be finite, of full rank and of a head's voxels."""
    affine = np.array(image.affine, dtype=float)
    affine[:3] *= _MM.get(_unit(image.header), 1.0)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    with image.file_map["image"].get_prepare_fileobj(
        "rb"
    ) as stored:  # nibabel turns sides of 0 into 1 as it loads
        header = type(image.header).from_fileobj(stored, check=False)
    zooms = np.array(header["pixdim"][1:4], dtype=float)
    if (
        not np.isfinite(affine).all()
        or not np.isfinite(zooms).all()
        or (sides < SIDES_MM[0]).any()
        or (sides > SIDES_MM[1]).any()
        or (zooms == 0).any()
        or abs(np.linalg.det(affine[:3, :3] / sides)) < 1e-3
    ):
        raise _refuse(
            ValueError,
            path,
            f"an affine of three independent axes with voxel sizes of {SIDES_MM[0]:g} to {SIDES_MM[1]:g} mm",
            f"voxel sizes {tuple(float(f'{side:.4g}') for side in zooms)} in the header's unit and axes of "
            f"{tuple(float(f'{side:.4g}') for side in sides)} mm",
            "Set pixdim, qform, sform or xyzt_units of the header.",
        )
    return affine


def _unit(header):
    return int(header["xyzt_units"]) & 7  # the bits above are the unit of time


def _voxels(path, image, shape):
    """The voxels as stored, float32. A .gz is read to its end: only there are the checksum and the length of what it holds."""
    kind = image.get_data_dtype()
    if kind.names or kind.kind not in "iuf":
        raise _refuse(
            ValueError,
            path,
            "one real number a voxel",
            f"data type {kind}",
            "Save the grey values as integers or floats.",
        )
    try:
        with nibabel.openers.ImageOpener(
            path
        ) as stored:  # one stream for both, so that it is unpacked once
            array = np.asarray(
                type(image).from_stream(stored.fobj).dataobj, dtype=np.float32
            ).reshape(shape)
            while stored.read(2**20):
                pass
    except Exception as error:
        raise _refuse(
            OSError,
            path,
            f"{int(np.prod(shape))} voxels of {kind}",
            f"a truncated or damaged file ({error})",
            "Copy or download it again.",
        ) from error
    return array


def _finite_picture(path, array):
    """Notes on what was mended in a head's array: NaN and infinite voxels become 0 in place."""
    notes = []
    finite = np.isfinite(array)
    missing = int(array.size - np.count_nonzero(finite))
    if (
        missing > 0.95 * array.size
    ):  # NaN as background is a habit of some tools; NaN as head is not
        raise _refuse(
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
        raise _refuse(
            ValueError,
            path,
            "a picture",
            f"every voxel equal to {array.flat[0]:g}",
            "Exclude this file or copy it again.",
        )
    return notes


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
    raise ValueError(
        f"expected at least one head that can be read, got none of {len(paths)}. The first reason: {reason}"
    )
