"""A made-up head for the tests of this folder: an ellipsoid, written in any orientation."""

import nibabel
import numpy as np

SHAPE, VOXEL_MM = (34, 42, 30), (4.4, 4.0, 4.8)  # in RAS+, coarse


def head():
    """A skull-stripped ellipsoid with three landmarks of their own: (array, mask) in RAS+."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
    mask = (grid[0] / 0.85) ** 2 + (grid[1] / 0.85) ** 2 + (grid[2] / 0.85) ** 2 < 1
    array = np.where(mask, 400 + 200 * grid[1] + 100 * grid[0] + 60 * grid[2], 0).astype(np.float32)
    return array, mask


def stored(array, codes, path):
    """Writes a RAS+ array in another orientation; the affine says where everything is."""
    affine = np.diag([*VOXEL_MM, 1.0])
    affine[:3, 3] = -60, -80, -50
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(codes)
    )
    turned = nibabel.apply_orientation(array, turn)
    nibabel.save(
        nibabel.Nifti1Image(turned, affine @ nibabel.orientations.inv_ornt_aff(turn, array.shape)),
        path,
    )
    return path
