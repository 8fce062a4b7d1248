"""Tumour-like and stroke-like lesions, drawn on the atlas's brain: where, how large, how they look.

Made to teach and to test: ellipsoids with noisy surfaces at a wanted volume, darker than white
matter on T1.
"""

from dataclasses import dataclass, field

import numpy as np

from brainlib.heads.phantom.template import Template

KINDS = ("tumour", "stroke")


@dataclass
class Lesion:
    """What a lesion does to a head.

    Attributes:
        labels: uint8 over brain voxels: 0 none, 1 oedema or cavity, 2 core, 3 necrosis.
        layers: painted in this order, each (share, level, strength, darken_only): how much of each
            brain voxel it covers, 0 to 1; its grey value, a dict of "white", a share of white
            matter, or "fluid", a share of the head's own fluid, with "grain" times "texture" on it;
            how far the voxel goes to that value; whether it may only become darker.
        pushes: (centre in atlas P,S,R mm, radius in mm, displacement in mm).
        wanted_ml: the volume that was drawn.
    """

    labels: np.ndarray
    layers: list = field(default_factory=list)
    pushes: list = field(default_factory=list)
    wanted_ml: float = 0.0

    def paint(self, grey_values: np.ndarray, fluid_level: float) -> np.ndarray:
        """Grey values of the brain's voxels (white matter 1) with the lesion in them."""
        result = grey_values
        for share, level, strength, darken_only in self.layers:
            target = fluid_level * level["fluid"] if "fluid" in level else level["white"]
            target = target * (1 + level.get("grain", 0) * level["texture"])
            if darken_only:
                target = np.minimum(result, target)
            result = result + strength * share * (target - result)
        return result


def draw(kind: str, template: Template, rng: np.random.Generator, ml_to_voxels: float) -> Lesion:
    """Draws a lesion of a kind.

    Args:
        kind: of `KINDS`.
        template: what the brain's voxels are.
        rng: of the lesion.
        ml_to_voxels: atlas voxels that become one millilitre of the person's head.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}.")
    draw_kind = _tumour if kind == "tumour" else _stroke
    return draw_kind(template, rng, ml_to_voxels)


# ---- shapes


def _level_set(
    template: Template,
    rng: np.random.Generator,
    centre: np.ndarray,
    radii: np.ndarray,
    voxels: float,
    roughness: float,
    penalty: np.ndarray | float = 0.0,
    spacing: float = 9,
) -> np.ndarray:
    """A noisy, turned ellipsoid as a level set over brain voxels; `voxels` of them are negative.

    Args:
        template: what the brain's voxels are.
        rng: of the lesion.
        centre: in atlas mm, axes P, S, R.
        radii: in mm, along the ellipsoid's own axes.
        voxels: how many shall be inside.
        roughness: of the surface, as a share of the radius.
        penalty: over brain voxels; where it is high, the lesion does not grow.
        spacing: of the noise in mm.
    """
    p, s, r = -template.anterior, template.superior, template.right
    offset = np.stack([p - centre[0], s - centre[1], r - centre[2]])
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
    scaled = (turn @ offset) / np.asarray(radii, np.float32)[:, None]
    radius = np.sqrt((scaled**2).sum(axis=0))
    surface = radius + roughness * template.noise(rng, spacing) + penalty
    rank = int(np.clip(voxels, 8, surface.size - 1))
    return surface - np.partition(surface, rank)[rank]


def _soft(surface: np.ndarray, width: float) -> np.ndarray:
    """1 well inside a level set, 0 well outside, a ramp of `width` between."""
    return np.clip(0.5 - surface / width, 0, 1).astype(np.float32)


def _radii(rng: np.random.Generator, low: float, high: float, sphere_mm: float) -> np.ndarray:
    """Three radii in mm of an ellipsoid with the volume of a sphere of that radius."""
    radii = rng.uniform(low, high, 3)
    return radii / np.prod(radii) ** (1 / 3) * sphere_mm


def _sphere_mm(millilitres: float) -> float:
    """Radius in mm of a sphere of that volume."""
    return (3 * millilitres * 1000 / 4 / np.pi) ** (1 / 3)


def _centre(template: Template, rng: np.random.Generator, allowed: np.ndarray) -> np.ndarray:
    """Position in atlas mm, axes P, S, R, of one of the voxels that are allowed."""
    places = np.flatnonzero(allowed)
    chosen = places[rng.integers(places.size)]
    return np.array([-template.anterior[chosen], template.superior[chosen], template.right[chosen]])


def _lognormal_ml(
    rng: np.random.Generator, median: float, spread: float, low: float, high: float
) -> float:
    """A volume in ml: lognormal, cut at both ends."""
    return float(np.clip(np.exp(np.log(median) + spread * rng.standard_normal()), low, high))


# ---- tumours


def _tumour(template: Template, rng: np.random.Generator, ml_to_voxels: float) -> Lesion:
    """Oedema along white matter, a core in it, necrosis in that; the core pushes outwards."""
    whole_ml = _lognormal_ml(rng, 80, 0.6, 8, 230)
    core_share = rng.uniform(0.2, 0.6)
    necrosis_share = rng.uniform(0.15, 0.6)
    deep_white = (template.white > 0.6) & (template.depth > 12) & (template.superior > -12)
    centre = _centre(template, rng, deep_white)
    radius = _sphere_mm(whole_ml)
    shrink = 0.62  # the push expands the core to its wanted size
    other_side = np.where(np.sign(template.right) == np.sign(centre[2]), 0, 0.8).astype(np.float32)
    radii = _radii(rng, 0.75, 1.3, radius)
    avoid = -0.7 * (template.white - 0.4) + other_side + 1.5 * np.maximum(template.fluid - 0.5, 0)
    shape = (template, rng, centre, radii)
    core_voxels = whole_ml * core_share * ml_to_voxels * shrink
    necrosis_voxels = whole_ml * core_share * necrosis_share * ml_to_voxels * shrink
    oedema = _level_set(*shape, whole_ml * ml_to_voxels * 0.85, 0.30, avoid)
    core = _level_set(*shape, core_voxels, 0.22, 0.25 * other_side)
    necrosis = _level_set(*shape, necrosis_voxels, 0.30)
    labels = np.select([(necrosis < 0) & (core < 0), core < 0, oedema < 0], [3, 2, 1], 0)
    core_radius = radius * core_share ** (1 / 3)
    return Lesion(
        labels.astype(np.uint8),
        _tumour_layers(template, rng, oedema, core, necrosis),
        [(centre, core_radius * 0.85, min(7.0, 0.30 * core_radius))],
        whole_ml,
    )


def _tumour_layers(
    template: Template,
    rng: np.random.Generator,
    oedema: np.ndarray,
    core: np.ndarray,
    necrosis: np.ndarray,
) -> list[tuple]:
    """How a tumour looks: the layers of `Lesion`, from its three level sets."""
    texture = 1.8 * template.noise(rng, 3.5)
    grey_oedema = {"white": rng.uniform(0.70, 0.80), "grain": 0.05, "texture": texture}
    grey_core = {"white": rng.uniform(0.72, 0.90), "grain": 0.07, "texture": texture}
    grey_necrosis = {"white": rng.uniform(0.36, 0.55), "grain": 0.15, "texture": texture}
    return [
        (_soft(oedema, 0.18) * (1 - template.fluid), grey_oedema, 0.75, True),
        (_soft(core, 0.10), grey_core, 0.85, False),
        (_soft(necrosis, 0.14) * (core < 0.05), grey_necrosis, 0.90, False),
    ]


# ---- strokes


def _stroke(template: Template, rng: np.random.Generator, ml_to_voxels: float) -> Lesion:
    """One or several fluid-like cavities with a rim, on one side, rarely below the tentorium."""
    count = 1 if rng.random() < 0.58 else int(rng.integers(2, 6))
    below_tentorium = rng.random() < 0.08
    side = rng.choice([-1, 1])
    region = _stroke_region(template, below_tentorium, side)
    lesion = Lesion(np.zeros(template.right.size, np.uint8))
    grains = 1.8 * template.noise(rng, 3.5)
    for number in range(count):
        median_ml, spread = (7.0, 1.35) if number == 0 else (0.7, 1.1)
        volume_ml = _lognormal_ml(rng, median_ml, spread, 0.05, 25 if below_tentorium else 220)
        _add_cavity(lesion, template, rng, region, grains, volume_ml, ml_to_voxels)
    return lesion


def _stroke_region(template: Template, below_tentorium: bool, side: int) -> np.ndarray:
    """Brain voxels where cavities may grow: cerebellum and stem, or one side of the rest."""
    a, s, r = template.anterior, template.superior, template.right
    cerebellum = (a < -35) & (s < -12 + 0.35 * (-a - 60))
    stem = (np.abs(r) < 16) & (a < -10) & (a > -45) & (s < -8)
    infratentorial = cerebellum | stem
    if below_tentorium:
        return infratentorial
    return ~infratentorial & (np.sign(r) == side) & (np.abs(r) > 12) & (s > -25)


def _add_cavity(
    lesion: Lesion,
    template: Template,
    rng: np.random.Generator,
    region: np.ndarray,
    grains: np.ndarray,
    volume_ml: float,
    ml_to_voxels: float,
) -> None:
    """Draws one cavity and its rim into a stroke."""
    centre = _centre(template, rng, region & (template.fluid < 0.4) & (template.depth > 3))
    sphere_mm = max(_sphere_mm(volume_ml), 2)
    outside = np.where(region, 0, 0.9).astype(np.float32)
    surface = _level_set(
        template,
        rng,
        centre,
        _radii(rng, 0.6, 1.5, sphere_mm),
        volume_ml * ml_to_voxels,
        0.38 if sphere_mm > 8 else 0.15,
        outside + 0.35 * np.maximum(template.fluid - 0.5, 0),
        spacing=9 if sphere_mm > 10 else 6,
    )
    lesion.labels[surface < 0] = 1
    width = max(0.06, 1.6 / sphere_mm)
    rough = surface + 0.5 * width * grains
    rim = {"white": rng.uniform(0.45, 0.62), "texture": 0}
    cavity = {"fluid": rng.uniform(0.85, 1.25), "grain": 0.10, "texture": grains}
    lesion.layers.append((_soft(rough, width), rim, 0.80, True))
    lesion.layers.append((_soft(rough + 0.9 * width, width), cavity, 0.93, False))
    lesion.wanted_ml += volume_ml
