"""One synthetic head: a person's shape, tissues, contrast and lesion, seen by a site's scanner.

The head is `atlas`, given a person's size, shape, ventricles and folds, a site's contrast, and a
scanner's noise. It is synthetic: it teaches and it tests, and proves nothing about patients.

All randomness of a head comes from four streams (shape, tissue, lesion, scanner) of its seed and
number. What is drawn from a stream, and in which order, makes the head: change neither without a
new `VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from brainlib.heads.phantom import atlas as codes
from brainlib.heads.phantom import lesions
from brainlib.heads.phantom.atlas import BOX_MM, LATTICE_MM, bspline, lift
from brainlib.heads.phantom.lesions import Lesion
from brainlib.heads.phantom.template import Template, smooth_noise

VERSION = 1  # raised whenever a head of a seed changes
FACTORS = {"full": 1, "half": 2, "quarter": 4}  # voxels of IXI's size, twice and four times that
SCALE = np.array([0.918, 0.908, 0.916])  # MNI's brain is larger than people's (P, S, R)
SEX_SCALE = {"male": 1.025, "female": 0.979}
CONTROL_MM = 7.5  # spacing of the control points that a scan's positions are interpolated from
# Wavelength and standard deviation of the shape's variation, in mm.
WARP_MM = ((120, 3.6), (48, 1.9), (22, 1.15))


@dataclass(frozen=True)
class Site:
    """What a site's scanner makes of tissues; white matter is 1 in all of the levels.

    Attributes:
        levels: two grey values of white matter; a share `second` of its heads has the second.
        fluid, grey, fat, marrow, muscle: levels of those tissues.
        noise: standard deviation, as a share of white matter.
        blur: standard deviation in voxels of full size.
        bias: strength of the receive field.
        zero_below: the background is cut below this, in units of the noise's deviation.
        slices: along the axis from left to right, at full size.
        suppressed: whether weak signals fall off as their square.
        second: see `levels`.
    """

    levels: tuple[float, float]
    fluid: float
    grey: float
    fat: float
    marrow: float
    muscle: float
    noise: float
    blur: float
    bias: float
    zero_below: float
    slices: int
    suppressed: bool = True
    second: float = 0.0


SITES = {
    "Guys": Site(
        (480, 1290), 0.27, 0.70, 1.25, 0.85, 0.52, 0.022, 0.45, 0.10, 1.2, 150, second=1 / 3
    ),
    "HH": Site((540, 540), 0.20, 0.64, 1.35, 0.80, 0.50, 0.018, 0.35, 0.12, 1.2, 150),
    "IOP": Site(
        (3100, 3100), 0.30, 0.73, 1.15, 0.80, 0.55, 0.0125, 0.60, 0.08, 1.65, 146, suppressed=False
    ),
}


def _vary(rng: np.random.Generator, level: float, deviation: float) -> float:
    """A level times a lognormal factor of that standard deviation of its logarithm."""
    return level * float(np.exp(deviation * rng.standard_normal()))


def _ageing(age: float) -> float:
    """Age in years as the recipe takes it: 0 at 50, 1 at 85, negative for the young."""
    return (age - 50) / 35


def geometry(size: str, site: str) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """(shape, voxel_mm) of a site's heads, axes P, S, R.

    Raises:
        ValueError: an unknown size.
    """
    if size not in FACTORS:
        raise ValueError(f"size: expected one of {', '.join(FACTORS)}, got {size!r}.")
    factor = FACTORS[size]
    shape = (256 // factor, 256 // factor, SITES[site].slices // factor)
    return shape, (0.9375 * factor, 0.9375 * factor, 1.2 * factor)


def make_head(
    template: Template,
    *,
    seed: int,
    number: int,
    site: str = "Guys",
    sex: str = "male",
    age: float = 45.0,
    kind: str = "healthy",
    size: str = "half",
    lesion_free: bool = False,
) -> dict:
    """One head.

    Args:
        template: a `Template`.
        seed: of the cohort; the head depends on it, on `number` and on nothing else that is random.
        number: of the person.
        site: a name of `SITES`.
        sex: "male" or "female".
        age: in years.
        kind: "healthy", "tumour" or "stroke".
        size: a name of `FACTORS`.
        lesion_free: the same head without its lesion: the twin.

    Returns:
        dict: image int16 and labels uint8 (tissue: 1 fluid, 2 grey, 3 white; plus 16 x lesion
        label), both of `geometry`'s shape; lesion_ml, the true volume.
    """
    streams = np.random.SeedSequence([20240, seed, number]).spawn(4)
    shaping, tissue_rng, lesion_rng, scanner = [np.random.default_rng(part) for part in streams]
    shape, voxel_mm = geometry(size, site)
    zoom = _zoom(shaping, sex)
    lesion = None
    if kind != "healthy" and not lesion_free:
        voxels_per_ml = 1000 / (template.resolution**3 * np.prod(zoom))
        lesion = lesions.draw(kind, template, lesion_rng, voxels_per_ml)
    coordinates = _coordinates(template, shaping, zoom, shape, voxel_mm, age, lesion)
    contrast = _contrast(SITES[site], scanner, age)
    grey_values, tissue = _brain(template, tissue_rng, age, contrast, lesion)
    head = _paint_head(template, tissue_rng, contrast, grey_values, age)
    image = _sample(head, coordinates, order=1)
    labels = _sample(_label_volume(template, tissue, lesion), coordinates, order=0)
    return {
        "image": _scan(image, SITES[site], scanner, voxel_mm, size),
        "labels": labels,
        "lesion_ml": float(np.count_nonzero(labels >= 16) * np.prod(voxel_mm) / 1000),
    }


# ---- shape: which point of the atlas each voxel of the scan shows


def _zoom(rng: np.random.Generator, sex: str) -> np.ndarray:
    """Size of a person's head against the atlas along P, S, R: (3,)."""
    whole = SCALE * SEX_SCALE["male" if sex == "male" else "female"]
    return whole * np.exp(0.026 * rng.standard_normal()) * np.exp(0.018 * rng.standard_normal(3))


def _coordinates(
    template: Template,
    rng: np.random.Generator,
    zoom: np.ndarray,
    shape: tuple[int, int, int],
    voxel_mm: tuple[float, float, float],
    age: float,
    lesion: Lesion | None,
) -> list[np.ndarray]:
    """Array indices in the atlas of each voxel of the scan: three arrays of `shape`."""
    bases = [bspline(side, step, CONTROL_MM) for side, step in zip(shape, voxel_mm)]
    fields_mm = np.array(shape) * voxel_mm
    positions = _posed(rng, zoom, fields_mm, [base.shape[1] for base in bases])
    positions = _warped(template, rng, positions, age)
    if lesion:
        for centre, radius, push in lesion.pushes:
            positions -= _push(positions, centre, radius, push)
    lattice = positions.astype(np.float32)
    return [template.index(lift(axis, bases), place) for place, axis in enumerate(lattice)]


def _turn(rng: np.random.Generator) -> np.ndarray:
    """Rotation of a head that lies a little askew: (3, 3)."""
    turn = np.eye(3)
    angles = np.deg2rad(np.array([1.8, 1.8, 7]) * rng.standard_normal(3))
    for (first, second), angle in zip(((0, 2), (1, 2), (0, 1)), angles):
        step = np.eye(3)
        step[first, first] = step[second, second] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    return turn


def _posed(
    rng: np.random.Generator, zoom: np.ndarray, fields_mm: np.ndarray, controls: list[int]
) -> np.ndarray:
    """Atlas positions in mm of the scan's control points, by size and pose: (3, *controls)."""
    turn = _turn(rng)
    # The atlas point (18, 8, 0) lands here: the vertex 30 mm below the upper edge, the midline
    # 1 mm off centre.
    target = np.array([fields_mm[0] / 2, fields_mm[1] - 30 - 78 * zoom[1], fields_mm[2] / 2 - 1])
    target = target + [4, 4, 0.9] * rng.standard_normal(3)
    axes = [(np.arange(count) - 1) * CONTROL_MM for count in controls]
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    from_target = points - target[:, None, None, None]
    turned = np.tensordot(np.diag(1 / zoom) @ turn, from_target, 1)
    return turned + np.array([18.0, 8, 0])[:, None, None, None]


def _warped(
    template: Template, rng: np.random.Generator, positions: np.ndarray, age: float
) -> np.ndarray:
    """Positions of control points with a person's own shape and ventricles; changed in place."""
    hull_mm = _at(template.hull_coarse, positions)
    inside = 0.3 + 0.7 / (1 + np.exp((hull_mm - 2) / 4))  # fine variation mostly in the brain
    for wavelength, deviation in WARP_MM:
        for axis in range(3):
            white = rng.standard_normal(positions.shape[1:])
            wave = ndimage.gaussian_filter(white, wavelength / CONTROL_MM / 2.6, mode="wrap")
            where = inside if wavelength < 60 else 1
            positions[axis] += wave * (deviation / wave.std()) * where
    widening_mm = 1.1 + 2.2 * (age - 50) / 35 + 0.9 * rng.standard_normal()  # of the ventricles
    widening_mm = np.clip(widening_mm, -1.2, 5)
    positions += widening_mm * np.stack([_at(axis, positions) for axis in template.push])
    return positions


def _at(coarse: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """A coarse field of the atlas at positions in mm."""
    places = [(axis - low) / LATTICE_MM for axis, (low, _) in zip(positions, BOX_MM)]
    return ndimage.map_coordinates(coarse, places, order=1, mode="nearest")


def _push(positions: np.ndarray, centre: np.ndarray, radius: float, push: float) -> np.ndarray:
    """How far a growing core shifts each position, in mm: full at its rim, fading beyond."""
    offset = positions - np.asarray(centre)[:, None, None, None]
    distance = np.sqrt((offset**2).sum(axis=0)) + 1e-3
    within, beyond = distance / radius, np.exp(-(distance - radius) / 14)
    return offset / distance * (push * np.where(distance < radius, within, beyond))


def _sample(volume: np.ndarray, coordinates: list[np.ndarray], *, order: int) -> np.ndarray:
    """A volume of the atlas's grid at the scan's voxels; 0 outside of it. order: 1 linear."""
    return ndimage.map_coordinates(
        volume, coordinates, order=order, mode="constant", cval=0, prefilter=False
    )


# ---- tissue: grey values and labels on the atlas's grid


def _contrast(site: Site, rng: np.random.Generator, age: float) -> dict[str, float]:
    """Levels of a person's tissues at a site, white matter = 1."""
    return {
        "fluid": _vary(rng, site.fluid, 0.08),
        "grey": _vary(rng, site.grey, 0.025) * (1 + 0.02 * (age - 50) / 35),
        "fat": _vary(rng, site.fat, 0.10),
        "marrow": _vary(rng, site.marrow, 0.12),
        "muscle": _vary(rng, site.muscle, 0.06),
    }


def _brain(
    template: Template,
    rng: np.random.Generator,
    age: float,
    contrast: dict[str, float],
    lesion: Lesion | None,
) -> tuple[np.ndarray, np.ndarray]:
    """(grey values, tissues 0 outside, 1 fluid, 2 grey, 3 white) of one person's brain voxels."""
    shares, edge_mm = _tissue_shares(template, rng, age)
    values = shares[0] * contrast["fluid"] + shares[1] * contrast["grey"] + shares[2]
    grey_to_white = float(template.levels[2] - template.levels[1])
    values += 0.6 * (1 - contrast["grey"]) / grey_to_white * template.texture  # its own grain
    if lesion:
        values = lesion.paint(values, contrast["fluid"])
    tissues = np.where(edge_mm < 0, 0, 1 + shares.argmax(axis=0)).astype(np.uint8)
    return np.maximum(values, 0.03), tissues


def _tissue_shares(
    template: Template, rng: np.random.Generator, age: float
) -> tuple[np.ndarray, np.ndarray]:
    """(shares of fluid, grey, white (3, voxels), mm from the person's own brain surface).

    The atlas's shares, as logits, with smooth noise where tissue may be drawn anew, and more fluid
    in the old: in ventricles, valleys of the cortex and around the brain.
    """
    old = _ageing(age)
    first = 1.6 * template.noise(rng, 3.5) + 0.9 * template.noise(rng, 9)
    second = 1.6 * template.noise(rng, 3.5) + 0.9 * template.noise(rng, 9)
    sharp, drawn = 1 + 0.6 * template.free, 2.1 * template.free
    fluid = sharp * np.log(template.fluid + 0.015)
    grey = sharp * np.log(template.grey + 0.015)
    white = sharp * np.log(template.white + 0.015)
    fluid += (
        drawn * first
        + 0.75 * old * (1 + np.exp(-np.maximum(template.depth, 0) / 6))
        + template.free * (0.45 + 9 * template.valley * sharp)
    )
    grey -= 0.12 * old
    white += drawn * second
    rim_mm = 0.15 + 2.1 * (age - 20) / 60 + 0.35 * rng.standard_normal()  # fluid around the brain
    edge_mm = template.depth + 0.5 * first - max(0, rim_mm)
    fluid += 7 / (1 + np.exp(np.clip(3 * edge_mm, -30, 30)))
    logits = np.stack([fluid, grey, white])
    shares = np.exp(logits - logits.max(axis=0))
    shares /= shares.sum(axis=0)
    return shares, edge_mm


def _label_volume(template: Template, tissue: np.ndarray, lesion: Lesion | None) -> np.ndarray:
    """Tissues and lesion of brain voxels on the atlas's grid: uint8, tissue + 16 x lesion label."""
    labels = np.zeros(template.code.shape, np.uint8)
    lesion_labels = 16 * lesion.labels if lesion else 0
    labels.reshape(-1)[template.inside] = tissue + lesion_labels * (tissue > 0)
    return labels


def _paint_head(
    template: Template,
    rng: np.random.Generator,
    contrast: dict[str, float],
    brain_values: np.ndarray,
    age: float,
) -> np.ndarray:
    """The atlas as a picture of one person, on its grid, white matter = 1, the brain in it."""
    levels = _levels_by_code(rng, contrast, age)
    head = levels[template.code]
    head *= 1 + 0.16 * smooth_noise(rng, template.head_bases)
    head.reshape(-1)[template.inside] = brain_values
    return head


def _levels_by_code(rng: np.random.Generator, contrast: dict[str, float], age: float) -> np.ndarray:
    """Grey value of each tissue code of the atlas: (256,)."""
    rim = _vary(rng, 1.2 + 0.5 * max(_ageing(age), 0), 0.2)
    inner, marrow, outer = _vary(rng, 1.6, 0.15), _vary(rng, 3.0, 0.35), _vary(rng, 1.6, 0.15)
    # In mm from the brain: fluid, bone, marrow, bone, then fat.
    ends = np.cumsum([rim, inner, marrow, outer])
    distance = np.arange(120) * 0.25
    levels = np.zeros(256, np.float32)
    levels[:120] = np.select(
        [distance < end for end in ends],
        [contrast["fluid"] * 0.8, 0.09, contrast["marrow"] * 0.8, 0.08],
        contrast["fat"] * 0.92,
    )
    levels[codes.SKIN] = 0.75
    levels[codes.FAT] = contrast["fat"]
    levels[codes.MUSCLE] = contrast["muscle"]
    levels[codes.BONE] = 0.10
    levels[codes.MARROW] = contrast["marrow"]
    levels[codes.EYE] = contrast["fluid"] * 1.05
    levels[codes.LENS] = 0.5
    levels[codes.MUCOSA] = 0.6
    levels[codes.CORD] = 0.85
    levels[codes.CANAL_FLUID] = contrast["fluid"]
    levels[codes.RIM_FLUID] = contrast["fluid"] * 0.95
    return levels


# ---- scanner: from a picture to stored grey values


def _scan(
    image: np.ndarray,
    site: Site,
    rng: np.random.Generator,
    voxel_mm: tuple[float, float, float],
    size: str,
) -> np.ndarray:
    """What a scanner makes of a head: int16 of the image's shape.

    Blur, bias field, Rician noise, the maker's background, whole numbers.
    """
    blur = site.blur / FACTORS[size]
    if blur > 0.2:
        image = ndimage.gaussian_filter(image, blur, truncate=2.0)
    image = image * _bias_field(site, rng, image.shape, voxel_mm)
    level = _vary(rng, site.levels[1 if rng.random() < site.second else 0], 0.06)
    sigma = _vary(rng, site.noise * level, 0.12)
    real = sigma * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(image.shape, dtype=np.float32)
    magnitude = np.hypot(image * level + real, imaginary)
    cut = site.zero_below * sigma
    if site.suppressed:  # Philips: weak signals fall off as their square
        magnitude = np.minimum(magnitude, magnitude**2 / (4 * sigma))
        cut = site.zero_below**2 / 4 * sigma
    return np.rint(np.where(magnitude < cut, 0, magnitude)).astype(np.int16)


def _bias_field(
    site: Site,
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    voxel_mm: tuple[float, float, float],
) -> np.ndarray:
    """The receive coil's smooth field, about 1: float32 of `shape`."""
    bases = [bspline(side, step, 75) for side, step in zip(shape, voxel_mm)]
    field = site.bias * 1.6 * rng.standard_normal([base.shape[1] for base in bases])
    return lift(np.exp(field - field.mean()).astype(np.float32), bases)
