"""Maps of slices in the head's own space: what a viewer lays over the head.

Thesis 002 stays in its box; a map is of use to others only on the head that it was made from.
"""

import numpy as np
from scipy import ndimage

from brainlib.anomaly.preparation.box import box_shape
from brainlib.anomaly.preparation.heads import Prepared
from brainlib.heads.volumes import Volume
from brainlib.heads.writing import write as write_map

__all__ = ["map_to_head", "write_map"]


def map_to_head(maps: np.ndarray, prepared: Prepared, volume: Volume) -> np.ndarray:
    """Maps of slices on the grid of the head's RAS+ array, linearly; 0 outside of the box.

    Args:
        maps: (N, H, W) or (N, H, W, 1) at any size of the box: the network's or 1 mm.
        prepared: what `prepare` made of the head.
        volume: the head.

    Returns:
        float32 array of `volume.array`'s shape.
    """
    stack = np.asarray(maps, np.float32)
    stack = stack[..., 0] if stack.ndim == 4 else stack
    box = stack[:, ::-1].transpose(2, 1, 0)  # axial pictures backwards: (D, H, W) -> (X, Y, Z)
    # pixel i of the small map covers the box from i * factor on
    factor = np.array(box_shape(prepared.voxel_mm)) / box.shape
    transform = np.linalg.inv(prepared.affine) @ volume.affine
    scale = np.diag(transform[:3, :3]) / factor  # the box lies along the head's own axes
    shift = (transform[:3, 3] - (factor - 1) / 2) / factor
    return ndimage.affine_transform(
        box, scale, shift, output_shape=volume.array.shape, order=1, mode="grid-constant", cval=0.0
    )
