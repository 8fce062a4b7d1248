"""The head that all phantoms are warped from: MNI152 brain maps inside a modelled skull, face and neck.

Everything lies in a box in atlas mm with axes P, S, R (posterior, superior, right), as IXI's files do. The brain is
nilearn's T1, grey- and white-matter template; the rest is a volume of tissue codes drawn from smoothly joined ellipsoids.
"""

import numpy as np
from nilearn import datasets as nilearn_datasets
from scipy import ndimage

from brainlib import files

BOX_MM = ((-128, 136), (-170, 108), (-104, 104))  # P, S, R
RECIPE = 1  # raised whenever the atlas changes: the key of its cache
# Codes 0 to 119: outside the brain, inside the vault, at code / 4 mm from the brain's hull. Others:
AIR, SKIN, FAT, MUSCLE, BONE, MARROW, EYE, LENS, MUCOSA, CORD, CANAL_FLUID, RIM_FLUID = range(
    200, 212
)
LATTICE_MM = 6  # of the coarse fields: hull distance and ventricle push
NOISE_MM = (3.5, 6, 9)  # control-point spacings of smooth noise inside the brain


def bspline(count, step_mm, spacing_mm):
    """Cubic B-spline basis: (count, controls); sample i lies at i * step_mm, controls every spacing_mm."""
    position = np.arange(count) * step_mm / spacing_mm
    controls = int(np.ceil(position[-1])) + 3
    distance = np.abs(position[:, None] - (np.arange(controls)[None] - 1))
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def lift(lattice, bases):
    """Evaluates a control lattice (a, b, c) on the grid of three bases: (n1, n2, n3)."""
    return np.matmul(np.matmul(bases[1], np.tensordot(bases[0], lattice, 1)), bases[2].T)


def load(cache, resolution):
    """The atlas at 1 or 2 mm as a dict of arrays, built once and kept with a checksum in the folder `cache`."""
    path = cache / f"atlas-{RECIPE}-{resolution}mm.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            atlas = {name: stored[name] for name in stored.files if name != "check"}
            if str(stored["check"]) == _check(atlas):
                return atlas
    except Exception:  # missing, cut off or damaged: built again
        pass
    atlas = build(resolution)
    with files.whole_file(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, check=_check(atlas), **atlas)
    return atlas


def _check(atlas):
    return files.digest(
        {
            name: [list(array.shape), float(np.sum(array, dtype=np.float64))]
            for name, array in sorted(atlas.items())
        }
    )


def build(resolution):
    """Builds the atlas on a grid of `resolution` mm (1 or 2). Returns a dict of arrays; vectors run over brain voxels."""
    t1, grey, white = (
        _block_mean(_in_box(image), resolution)
        for image in (
            nilearn_datasets.load_mni152_template(resolution=1),
            nilearn_datasets.load_mni152_gm_template(resolution=1),
            nilearn_datasets.load_mni152_wm_template(resolution=1),
        )
    )
    brain = ndimage.binary_fill_holes(t1 > 0.02)
    axes = np.meshgrid(
        *[
            low + (resolution - 1) / 2 + resolution * np.arange((high - low) // resolution)
            for low, high in BOX_MM
        ],
        indexing="ij",
        sparse=True,
    )
    p, s, r = (axis.astype(np.float32) for axis in axes)
    hull = _hull_distance(brain, resolution)
    code = _head_codes(p, s, r, hull, resolution)
    fluid = np.clip(1 - grey - white, 0, 1) * brain
    ventricles = _ventricles(fluid, t1, -hull, p, s, r, resolution)
    valley = np.clip(
        ndimage.gaussian_filter(t1, 2.2 / resolution)
        - ndimage.gaussian_filter(t1, 0.6 / resolution),
        0,
        0.25,
    )
    coarse = LATTICE_MM // resolution
    push = np.stack(
        np.gradient(
            ndimage.gaussian_filter(ventricles.astype(np.float32), 5 / resolution)[
                ::coarse, ::coarse, ::coarse
            ]
        )
    )
    return {
        "resolution": np.array(resolution),
        "code": code,
        "brain": brain,
        "hull_coarse": hull[::coarse, ::coarse, ::coarse].astype(np.float32),
        "push": (push / np.sqrt((push**2).sum(axis=0)).max()).astype(np.float32),
        **_brain_vectors(brain, t1, grey, white, fluid, -hull, valley, p, s, r),
    }


def _in_box(image):
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


def _block_mean(array, size):
    a, b, c = (side // size for side in array.shape)
    return (
        array[: a * size, : b * size, : c * size]
        .reshape(a, size, b, size, c, size)
        .mean(axis=(1, 3, 5))
        .astype(np.float32)
    )


def _hull_distance(brain, resolution):
    """Signed distance in mm from the brain's smooth hull, the inner surface of the skull; negative inside."""
    coarse = _block_mean(brain.astype(np.float32), 2 // resolution) >= 0.5  # always on a 2 mm grid
    distance = ndimage.distance_transform_edt
    closed = distance(distance(~coarse) < 7) > 7  # closing by 14 mm
    hull = ndimage.gaussian_filter((closed | coarse).astype(np.float32), 1.5) > 0.5
    signed = ndimage.gaussian_filter((distance(~hull) - distance(hull)).astype(np.float32) * 2, 0.7)
    return signed if resolution == 2 else ndimage.zoom(signed, 2, order=1)


def _ellipsoid(p, s, r, centre, radii):
    """Approximate signed distance in mm from an ellipsoid mirrored over the midline. centre, radii: right, anterior, superior."""
    scaled = (
        ((-p - centre[1]) / radii[1]) ** 2
        + ((s - centre[2]) / radii[2]) ** 2
        + ((np.abs(r) - centre[0]) / radii[0]) ** 2
    )
    return (np.sqrt(scaled) - 1) * np.float32(min(radii))


def _smooth_min(first, second, width):
    """Minimum of two distances with a rounded joint of `width` mm."""
    share = np.clip(0.5 + 0.5 * (second - first) / width, 0, 1)
    return second * (1 - share) + first * share - width * share * (1 - share)


def _head_surface(p, s, r, hull):
    """Signed distance from the skin: vault and temporal muscle, face, neck, jaw, nose and ears, joined smoothly."""
    y = -p
    temporal = 6 * np.exp(-(((y - 18) / 38) ** 2) - ((s + 12) / 26) ** 2) * (np.abs(r) > 35)
    neck_axis = -28 + 0.18 * (s + 70)
    neck = np.maximum((np.sqrt((r / 59) ** 2 + ((y - neck_axis) / 58) ** 2) - 1) * 58, s + 45)
    head = hull - 12.8 - temporal
    for part, width in (
        (_ellipsoid(p, s, r, (0, 34, -68), (63, 58, 66)), 14),
        (neck, 22),
        (_ellipsoid(p, s, r, (0, 46, -112), (45, 44, 34)), 14),
        (_ellipsoid(p, s, r, (0, 92, -58), (15, 20, 22)), 7),
    ):
        head = _smooth_min(head, part, width)
    return np.minimum(head, _ellipsoid(p, s, r, (84, -22, -42), (7, 17, 29))).astype(
        np.float32
    ), temporal


def _head_codes(p, s, r, hull, resolution):
    """Tissue codes of the whole box (uint8): skin, fat, muscle, skull, face, spine; the brain itself stays RIM_FLUID."""
    y = -p
    head, temporal = _head_surface(p, s, r, hull)
    inside = head < 0
    lattice = (
        np.random.default_rng(7)
        .standard_normal([(high - low) // 6 + 4 for low, high in BOX_MM])
        .astype(np.float32)
    )
    texture = ndimage.zoom(lattice, 6 // resolution, order=1)[
        tuple(slice(side) for side in hull.shape)
    ]
    code = np.where(inside, MUSCLE, AIR).astype(np.uint8)
    code[(head > -(4.5 + 2.5 * texture + np.where((y < -60) & (s < -30), 2, 0))) & inside] = FAT
    # Fat between the neck's muscles comes in lobules: thin bright sheets there look like cortex to DeepBrain.
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


def _face(code, p, s, r, hull, head, texture):
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


def _neck(code, p, s, r, inside, head, texture):
    """Airway, jaw bone, vertebrae, spinal canal and cord, written into `code`."""
    y = -p

    def tube(centre, across, along):
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


def _ventricles(fluid, t1, depth, p, s, r, resolution):
    """The lateral and third ventricles: deep fluid near the middle, in pieces of more than 0.4 ml."""
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


def _brain_vectors(brain, t1, grey, white, fluid, depth, valley, p, s, r):
    """What is needed of each brain voxel, as vectors in the order of np.flatnonzero(brain)."""
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
