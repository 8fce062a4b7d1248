"""A head as a body: a picture of its surface, cut open from the front, seen from a direction.

The 3-D view of chapter 01 turns in the browser. This is its still, painted without one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from brainlib.heads.volumes import Volume

MOST_VOXELS = 128  # along the longest side of what is sent to the browser
AIR = 0.15  # of white; what is darker, and open to the outside, is not the head
AMBIENT, DIFFUSE = 0.15, 0.6  # how bright a surface is that the light only grazes, or meets


class Body(NamedTuple):
    """A head as the view shows it.

    Attributes:
        grey: uint8 (X, Y, Z), RAS+.
        inside: bool, of its shape: head, not air.
        voxel_mm: sides of a voxel.
        is_whole: False where only the brain is left.
    """

    grey: np.ndarray
    inside: np.ndarray
    voxel_mm: tuple[float, float, float]
    is_whole: bool = True


class Pose(NamedTuple):
    """How a head is seen.

    Attributes:
        turn: degrees from its front towards its left.
        tilt: degrees upwards.
        cut: share that is taken away from the front.
    """

    turn: float = 35.0
    tilt: float = 20.0
    cut: float = 0.45


START = Pose()


def body_of(volume: Volume, mask: np.ndarray | None, white: float) -> Body:
    """A head, or what lies in a mask of it, small enough to be turned.

    Args:
        volume: the head.
        mask: bool, of its shape; None: all of the head.
        white: the grey value that is drawn white.
    """
    every = -(-max(volume.array.shape) // MOST_VOXELS)
    thin = (slice(None, None, every),) * 3
    grey = (255 * np.clip(volume.array[thin] / white, 0, 1)).astype("uint8")
    if mask is None:
        inside = ndimage.binary_fill_holes(grey > 255 * AIR)
    else:
        inside = mask[thin]
    voxel_mm = tuple(every * side for side in volume.voxel_mm)
    return Body(np.where(inside, grey, 0).astype("uint8"), inside, voxel_mm, mask is None)


def picture_of(body: Body, pose: Pose, side: int) -> np.ndarray:
    """The head seen from a pose: uint8 (side, side, 3), lit from where one stands."""
    left = body.grey.shape[1] - round(pose.cut * body.grey.shape[1])  # counted from behind
    inside = ndimage.gaussian_filter(body.inside.astype("float32"), 0.8)
    inside[:, left:] = 0
    look, across, up = _axes(pose)
    reach = 0.8 * np.linalg.norm(np.multiply(body.grey.shape, body.voxel_mm))
    steps = np.stack([-up, across, look], axis=1) * (reach / side)  # mm per row, column, depth
    matrix = steps / np.array(body.voxel_mm)[:, None]
    offset = (np.array(body.grey.shape) - 1) / 2 - matrix @ np.full(3, (side - 1) / 2)
    shape = (side, side, side)
    solid = ndimage.affine_transform(inside, matrix, offset, shape, order=1) > 0.5
    depth = np.where(solid.any(axis=2), solid.argmax(axis=2), side)
    rows, columns = np.nonzero(depth < side)
    places = np.stack([rows, columns, depth[rows, columns]])
    voxels = matrix @ places + offset[:, None]
    shade = _shade(depth)[rows, columns]
    is_cut = voxels[1] > left - 2.5
    shade[is_cut] = ndimage.map_coordinates(body.grey, voxels[:, is_cut], order=1) / 255
    painted = np.zeros((side, side, 3), "uint8")
    painted[rows, columns] = (255 * shade[:, None]).astype("uint8")
    return painted


def _axes(pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(from the eye to the head, to the right of the picture, up in it): unit vectors in RAS."""
    turn, tilt = np.deg2rad(pose.turn), np.deg2rad(pose.tilt)
    towards_eye = np.array(
        [-np.sin(turn) * np.cos(tilt), np.cos(turn) * np.cos(tilt), np.sin(tilt)]
    )
    across = np.array([-np.cos(turn), -np.sin(turn), 0.0])
    return -towards_eye, across, np.cross(towards_eye, across)


def _shade(depth: np.ndarray) -> np.ndarray:
    """How bright a surface is, by how much it leans away: (side, side) in [0, 1]."""
    smooth = ndimage.gaussian_filter(depth.astype("float32"), 1.5)
    down, along = np.gradient(smooth)
    return AMBIENT + DIFFUSE / np.sqrt(1 + (down**2 + along**2) / 4)
