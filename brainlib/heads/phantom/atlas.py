"""The head that all phantoms are warped from: MNI152 brain maps in a modelled skull, face and neck.

Everything lies in a box in atlas mm with axes P, S, R (posterior, superior, right), as IXI's files
do. The brain is nilearn's T1, grey- and white-matter template; the rest is a volume of tissue codes
drawn from smoothly joined ellipsoids. In this file p, s, r are those axes in mm, ready to be
broadcast to the box's grid, and y = -p runs to the front, as the MNI space's y does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from nilearn import datasets as nilearn_datasets
from scipy import ndimage

from brainlib import files

BOX_MM = ((-128, 136), (-170, 108), (-104, 104))  # P, S, R
RECIPE = 1  # raised whenever the atlas changes: the key of its cache
# Codes 0 to 119: outside of the brain, in the vault, at code / 4 mm from the brain's hull. Others:
AIR, SKIN, FAT, MUSCLE, BONE, MARROW, EYE, LENS, MUCOSA, CORD, CANAL_FLUID, RIM_FLUID = range(
    200, 212
)
LATTICE_MM = 6  # of the coarse fields: hull distance and ventricle push
NOISE_MM = (3.5, 6, 9)  # control-point spacings of smooth noise inside the brain


def bspline(count: int, step_mm: float, spacing_mm: float) -> np.ndarray:
    """Cubic B-spline basis: float32 (count, controls).

    Sample i lies at i * step_mm; the first control point lies one spacing_mm before sample 0.
    """
    position = np.arange(count) * step_mm / spacing_mm
    controls = int(np.ceil(position[-1])) + 3
    distance = np.abs(position[:, None] - (np.arange(controls)[None] - 1))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def lift(lattice: np.ndarray, bases: list[np.ndarray]) -> np.ndarray:
    """Evaluates a control lattice (a, b, c) on the grid of three bases: (n1, n2, n3).

    bases: of `bspline`, of shapes (n1, a), (n2, b) and (n3, c).
    """
    return np.matmul(np.matmul(bases[1], np.tensordot(bases[0], lattice, 1)), bases[2].T)


def load_atlas(cache: Path, resolution: int) -> dict[str, np.ndarray]:
    """The atlas of `build_atlas`, built once and kept with a checksum in the folder `cache`."""
    path = cache / f"atlas-{RECIPE}-{resolution}mm.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            atlas = {name: stored[name] for name in stored.files if name != "check"}
            if str(stored["check"]) == _check(atlas):
                return atlas
    except Exception:  # missing, cut off or damaged: NumPy and zipfile raise whatever they like
        pass
    atlas = build_atlas(resolution)
    files.write_cache(path, lambda handle: np.savez(handle, check=_check(atlas), **atlas))
    return atlas


def _check(atlas: dict[str, np.ndarray]) -> str:
    """A checksum of names, shapes and sums."""
    content = {
        name: [list(array.shape), float(np.sum(array, dtype=np.float64))]
        for name, array in sorted(atlas.items())
    }
    return files.digest(content)


def build_atlas(resolution: int) -> dict[str, np.ndarray]:
    """Builds the atlas on a grid of `resolution` mm (1 or 2).

    Returns:
        dict: resolution; code (uint8) and brain (bool) on the grid; hull_coarse, the distance from
        the brain's hull in mm, and push, the direction (3, ...) in which ventricles widen, on a
        grid of `LATTICE_MM`; and the vectors over brain voxels of `_brain_vectors`.
    """
    t1 = _template_map(nilearn_datasets.load_mni152_template, resolution)
    grey = _template_map(nilearn_datasets.load_mni152_gm_template, resolution)
    white = _template_map(nilearn_datasets.load_mni152_wm_template, resolution)
    brain = ndimage.binary_fill_holes(t1 > 0.02)
    p, s, r = _axes_mm(resolution)
    hull = _hull_distance(brain, resolution)
    code = _head_codes(p, s, r, hull, resolution)
    fluid = np.clip(1 - grey - white, 0, 1) * brain
    ventricles = _ventricles(fluid, t1, -hull, p, s, r, resolution)
    valley = _valleys(t1, resolution)
    coarse = LATTICE_MM // resolution
    return {
        "resolution": np.array(resolution),
        "code": code,
        "brain": brain,
        "hull_coarse": hull[::coarse, ::coarse, ::coarse].astype(np.float32),
        "push": _ventricle_push(ventricles, resolution),
        **_brain_vectors(brain, t1, grey, white, fluid, -hull, valley, p, s, r),
    }


def _template_map(load_template: Callable, resolution: int) -> np.ndarray:
    """One of nilearn's MNI152 maps on the box's grid."""
    return _block_mean(_in_box(load_template(resolution=1)), resolution)


def _axes_mm(resolution: int) -> list[np.ndarray]:
    """Positions of the grid's voxels along P, S, R in mm, sparse: they broadcast to its shape."""
    first = (resolution - 1) / 2  # a block of 1 mm voxels has its middle there
    axes = [
        low + first + resolution * np.arange((high - low) // resolution) for low, high in BOX_MM
    ]
    return [axis.astype(np.float32) for axis in np.meshgrid(*axes, indexing="ij", sparse=True)]


def _valleys(t1: np.ndarray, resolution: int) -> np.ndarray:
    """How much darker than its surroundings each voxel is, at most 0.25: the cortex's furrows."""
    around = ndimage.gaussian_filter(t1, 2.2 / resolution)
    here = ndimage.gaussian_filter(t1, 0.6 / resolution)
    return np.clip(around - here, 0, 0.25)


def _ventricle_push(ventricles: np.ndarray, resolution: int) -> np.ndarray:
    """Direction towards the ventricles on the coarse grid, at most 1 long: float32 (3, ...)."""
    coarse = LATTICE_MM // resolution
    smooth = ndimage.gaussian_filter(ventricles.astype(np.float32), 5 / resolution)
    push = np.stack(np.gradient(smooth[::coarse, ::coarse, ::coarse]))
    return (push / np.sqrt((push**2).sum(axis=0)).max()).astype(np.float32)


def _in_box(image: nibabel.Nifti1Image) -> np.ndarray:
    """A 1 mm template image on the box's grid, axes P, S, R."""
    array = np.asarray(image.dataobj, np.float32).transpose(1, 2, 0)[::-1]
    affine = image.affine
    corner = (-(affine[1, 3] + image.shape[1] - 1), affine[2, 3], affine[0, 3])
    result = np.zeros([high - low for low, high in BOX_MM], np.float32)
    source, target = [], []
    for first, (low, _), side, room in zip(corner, BOX_MM, array.shape, result.shape):
        start = int(first - low)
        source.append(slice(max(0, -start), min(side, room - start)))
        target.append(slice(max(0, start), min(room, start + side)))
    result[tuple(target)] = array[tuple(source)]
    return result


def _block_mean(array: np.ndarray, size: int) -> np.ndarray:
    """Mean over cubes of `size` voxels: float32 (a, b, c) of an array (a*size, b*size, c*size)."""
    a, b, c = (side // size for side in array.shape)
    whole = array[: a * size, : b * size, : c * size]
    blocks = whole.reshape(a, size, b, size, c, size)
    return blocks.mean(axis=(1, 3, 5)).astype(np.float32)


def _hull_distance(brain: np.ndarray, resolution: int) -> np.ndarray:
    """Distance in mm from the brain's smooth hull, the inside of the skull; negative in it."""
    coarse = _block_mean(brain.astype(np.float32), 2 // resolution) >= 0.5  # always on a 2 mm grid
    distance = ndimage.distance_transform_edt
    closed = distance(distance(~coarse) < 7) > 7  # closing by 14 mm
    hull = ndimage.gaussian_filter((closed | coarse).astype(np.float32), 1.5) > 0.5
    signed = ndimage.gaussian_filter((distance(~hull) - distance(hull)).astype(np.float32) * 2, 0.7)
    return signed if resolution == 2 else ndimage.zoom(signed, 2, order=1)


def _ellipsoid(p, s, r, centre, radii) -> np.ndarray:
    """Approximate signed distance in mm from an ellipsoid that is mirrored over the midline.

    centre, radii: in mm to the right, to the front and up.
    """
    scaled = (
        ((-p - centre[1]) / radii[1]) ** 2
        + ((s - centre[2]) / radii[2]) ** 2
        + ((np.abs(r) - centre[0]) / radii[0]) ** 2
    )
    return (np.sqrt(scaled) - 1) * np.float32(min(radii))


def _smooth_min(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Minimum of two distances with a rounded joint of `width` mm."""
    share = np.clip(0.5 + 0.5 * (second - first) / width, 0, 1)
    return second * (1 - share) + first * share - width * share * (1 - share)


def _head_surface(p, s, r, hull) -> tuple[np.ndarray, np.ndarray]:
    """(signed distance from the skin in mm, thickness of the temporal muscle in mm).

    Vault and temporal muscle, face, neck, jaw, nose and ears are joined smoothly.
    """
    y = -p
    temporal = 6 * np.exp(-(((y - 18) / 38) ** 2) - ((s + 12) / 26) ** 2) * (np.abs(r) > 35)
    neck_axis = -28 + 0.18 * (s + 70)
    neck = np.maximum((np.sqrt((r / 59) ** 2 + ((y - neck_axis) / 58) ** 2) - 1) * 58, s + 45)
    head = hull - 12.8 - temporal
    face = _ellipsoid(p, s, r, (0, 34, -68), (63, 58, 66))
    jaw = _ellipsoid(p, s, r, (0, 46, -112), (45, 44, 34))
    nose = _ellipsoid(p, s, r, (0, 92, -58), (15, 20, 22))
    for part, width in ((face, 14), (neck, 22), (jaw, 14), (nose, 7)):
        head = _smooth_min(head, part, width)
    ears = _ellipsoid(p, s, r, (84, -22, -42), (7, 17, 29))
    return np.minimum(head, ears).astype(np.float32), temporal


def _head_codes(p, s, r, hull, resolution) -> np.ndarray:
    """Tissue codes of the whole box (uint8): skin, fat, muscle, skull, face, spine.

    The brain itself stays RIM_FLUID. What is written later covers what was there before.
    """
    y = -p
    head, temporal = _head_surface(p, s, r, hull)
    inside = head < 0
    texture = _texture(hull.shape, resolution)
    code = np.where(inside, MUSCLE, AIR).astype(np.uint8)
    fat_mm = 4.5 + 2.5 * texture + np.where((y < -60) & (s < -30), 2, 0)
    code[(head > -fat_mm) & inside] = FAT
    # Fat between the neck's muscles comes in lobules: thin bright sheets there look like cortex to
    # DeepBrain.
    code[inside & (texture > 1.0) & (s < -50) & (code == MUSCLE)] = FAT
    base = (hull < 9 + 5 * ((s < -35) & (y > -70) & (y < 45))) & inside & (s < -25)
    code[base] = BONE
    code[base & (texture > 0.45) & (hull > 4)] = MARROW
    vault_zone = (hull < 17) & (s >= -25 + 6 * texture) | (hull < 17) & (y < -62) & (s > -48)
    vault = vault_zone & (hull >= 0) & inside
    code[vault] = np.clip(hull * 4, 0, 119).astype(np.uint8)[vault]
    code[vault & (hull > 8) & (hull < 8 + temporal * 1.3 - 1.5)] = MUSCLE
    code[(hull >= 0) & (hull < 3) & inside & ~vault_zone & (s > -75)] = RIM_FLUID
    code[hull < 0] = RIM_FLUID
    _face(code, p, s, r, hull, head, texture)
    _neck(code, p, s, r, inside, head, texture)
    code[(head > -2) & inside] = SKIN
    return code


def _texture(shape: tuple, resolution: int) -> np.ndarray:
    """Uneven noise of about N(0, 1) on the box's grid, the same in every atlas."""
    controls = [(high - low) // 6 + 4 for low, high in BOX_MM]
    lattice = np.random.default_rng(7).standard_normal(controls).astype(np.float32)
    fine = ndimage.zoom(lattice, 6 // resolution, order=1)
    return fine[tuple(slice(side) for side in shape)]


def _face(code, p, s, r, hull, head, texture) -> None:
    """Tongue, nasal cavity, sinuses, mastoid cells, orbits and eyes, written into `code`."""
    y = -p
    hollows = (
        ((0, 60, -98), (30, 34, 22), MUSCLE),
        ((0, 64, -58), (13, 30, 24), MUCOSA),
        ((30, 52, -66), (15, 17, 18), AIR),
        ((8, 28, -44), (10, 12, 9), AIR),
        ((9, 77, -8), (13, 6, 10), AIR),
        ((52, -34, -50), (13, 15, 16), AIR),
    )
    for centre, radii, kind in hollows:
        shape = _ellipsoid(p, s, r, centre, radii)
        within = (shape < 0) & (hull > 4) & (head < -4)
        code[within] = kind
        if centre[0] == 52:
            code[within & (texture > -0.2)] = BONE  # mastoid cells
        if kind == MUCOSA:
            code[within & (texture > -0.1)] = AIR
        if kind == AIR:
            code[(shape >= 0) & (shape < 2) & (hull > 4) & (head < -4)] = BONE
    orbit = _ellipsoid(p, s, r, (28, 48, -36), (17, 24, 16)) < 0
    code[orbit & (hull > 3) & (head < -5)] = FAT
    eye = _ellipsoid(p, s, r, (32, 61, -36), (12, 12, 12))
    code[(eye < 0) & (head < -2)] = EYE
    code[(eye >= 0) & (eye < 1.3) & orbit] = MUSCLE
    code[_ellipsoid(p, s, r, (32, 70, -36), (4.5, 2.2, 4.5)) < 0] = LENS
    nerve = np.sqrt((np.abs(r) - (18 + 0.33 * (y - 25))) ** 2 + (s + 37) ** 2) < 2.6
    code[nerve & (y > 25) & (y < 50)] = MUSCLE


def _neck(code, p, s, r, inside, head, texture) -> None:
    """Airway, jaw bone, vertebrae, spinal canal and cord, written into `code`."""
    y = -p

    def tube(centre, across, along):  # 1 on its surface, less within
        return np.sqrt((r / across) ** 2 + ((y - centre) / along) ** 2)

    code[(tube(14, 11, 7) < 1) & (s < -62) & (s > -175) & inside] = AIR
    arc = np.sqrt((r / 36) ** 2 + ((y - 42) / 40) ** 2)
    jaw = (
        (np.abs(arc - 1) < 0.08)
        & (y > 30 + 0.12 * (s + 100))
        & (s < -82)
        & (s > -122 + 4 * texture)
        & inside
        & (head < -5)
    )
    code[jaw] = BONE
    code[jaw & (np.abs(arc - 1) < 0.045) & (s < -104) & (s > -118)] = MARROW
    body, canal, cord, below = tube(-19, 12, 9), tube(-41, 11, 9), tube(-42, 6.5, 5), s < -66
    code[(body < 1) & (s < -74)] = MARROW
    code[((body < 1) & (np.mod(s, 18) < 4) | (np.abs(body - 1) < 0.12)) & (s < -74)] = BONE
    code[(canal < 1.35) & below] = BONE
    code[(canal < 1) & below] = CANAL_FLUID
    code[(cord < 1) & below] = CORD


def _ventricles(fluid, t1, depth, p, s, r, resolution) -> np.ndarray:
    """The lateral and third ventricles: deep fluid near the middle, in pieces over 0.4 ml."""
    deep = (
        (fluid > 0.6)
        & (t1 < 0.62)
        & (depth > 22)
        & (np.abs(r) < 34)
        & (s > -22)
        & (s < 36)
        & (-p > -62)
        & (-p < 42)
    )
    pieces, count = ndimage.label(deep)
    sizes = ndimage.sum_labels(deep, pieces, np.arange(1, count + 1))
    return np.isin(pieces, 1 + np.flatnonzero(sizes > 400 / resolution**3))


def _brain_vectors(brain, t1, grey, white, fluid, depth, valley, p, s, r) -> dict[str, np.ndarray]:
    """What is needed of each brain voxel, as vectors in the order of np.flatnonzero(brain).

    Shares of fluid, grey and white; texture, what the template's T1 has beside the mean levels of
    the three; those levels; depth below the hull in mm; valley of `_valleys`; free, how far tissue
    may be drawn anew; right, anterior, superior: the position in mm.
    """
    total = (grey + white + fluid)[brain]
    shares = {
        "fluid": fluid[brain] / total,
        "grey": grey[brain] / total,
        "white": white[brain] / total,
    }
    mixing = np.stack(list(shares.values()), axis=1)
    levels = np.linalg.lstsq(mixing, t1[brain], rcond=None)[0]
    right, anterior, superior = (
        np.broadcast_to(axis, brain.shape)[brain].astype(np.float32) for axis in (r, -p, s)
    )
    stem = (np.abs(right) < 22) & (anterior < -8) & (anterior > -48) & (superior < 12)
    # Where tissue may be drawn anew: cortex and cerebellum yes, deep nuclei and brain stem hardly.
    free = (1 - 0.8 * np.clip((depth[brain] - 14) / 10, 0, 1)) * np.where(stem, 0.15, 1)
    return {
        **shares,
        "texture": t1[brain] - mixing @ levels.astype(np.float32),
        "levels": levels,
        "depth": depth[brain],
        "valley": valley[brain],
        "free": free.astype(np.float32),
        "right": right,
        "anterior": anterior,
        "superior": superior,
    }
