"""Arrays of a head's RAS+ grid, written as NIfTI in the head's own orientation."""

from pathlib import Path

import nibabel
import numpy as np

from brainlib import files
from brainlib.heads.volumes import Volume


def write(path: Path | str, array: np.ndarray, volume: Volume) -> Path:
    """Writes an array of a head's RAS+ grid as NIfTI, in the head's stored orientation.

    The file has the head's stored shape (3-D), axes and position, so that viewers lay the two over
    each other. Values are float32.

    Args:
        path: ends in .nii or .nii.gz.
        array: of `volume.array`'s shape.
        volume: the head.
    """
    ras = nibabel.orientations.axcodes2ornt("RAS")
    stored = nibabel.orientations.axcodes2ornt(volume.stored_axes)
    back = nibabel.orientations.ornt_transform(ras, stored)
    turned = np.ascontiguousarray(nibabel.apply_orientation(np.asarray(array, np.float32), back))
    affine = volume.affine @ nibabel.orientations.inv_ornt_aff(back, volume.array.shape)
    image = nibabel.Nifti1Image(turned, affine)
    image.header.set_xyzt_units("mm")
    with files.whole_file(path) as temporary:
        nibabel.save(image, temporary)
    return Path(path)
