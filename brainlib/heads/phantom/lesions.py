"""Tumour-like and stroke-like lesions, drawn on the brain of the atlas: where, how large, how they look.

Made to teach and to test: ellipsoids with noisy surfaces at a wanted volume, darker than white matter on T1.
"""

from dataclasses import dataclass, field

import numpy as np

KINDS = ("tumour", "stroke")


@dataclass
class Lesion:
    """What a lesion does to a head.

    Attributes:
        labels: uint8 over brain voxels: 0 none, 1 oedema or cavity, 2 core, 3 necrosis.
        layers: (share (0 to 1 over brain voxels), level, strength, darken_only), painted in this order; a level is a share
            of white matter, or None for the head's own fluid times 1.
        pushes: (centre in atlas P,S,R mm, radius in mm, displacement in mm).
        wanted_ml: the volume that was drawn.
    """

    labels: np.ndarray
    layers: list = field(default_factory=list)
    pushes: list = field(default_factory=list)
    wanted_ml: float = 0.0

    def paint(self, grey_values, fluid_level):
        """Grey values of the brain's voxels (white matter 1) with the lesion in them."""
        result = grey_values
        for share, level, strength, darken_only in self.layers:
            target = fluid_level * level["fluid"] if "fluid" in level else level["white"]
            target = target * (1 + level.get("grain", 0) * level["texture"])
            result = result + strength * share * (
                (np.minimum(result, target) if darken_only else target) - result
            )
        return result


def draw(kind, template, rng, ml_to_voxels):
    """Draws a lesion of a kind. ml_to_voxels: atlas voxels that become one millilitre of the person's head."""
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}.")
    return (_tumour if kind == "tumour" else _stroke)(template, rng, ml_to_voxels)


def _level_set(template, rng, centre, radii, voxels, roughness, penalty=0.0, spacing=9):
    """A noisy, turned ellipsoid as a level set over brain voxels, shifted so that exactly `voxels` of them are negative."""
    offset = np.stack(
        [-template.anterior - centre[0], template.superior - centre[1], template.right - centre[2]]
    )
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
    radius = np.sqrt((((turn @ offset) / np.asarray(radii, np.float32)[:, None]) ** 2).sum(axis=0))
    surface = radius + roughness * template.noise(rng, spacing) + penalty
    rank = int(np.clip(voxels, 8, surface.size - 1))
    return surface - np.partition(surface, rank)[rank]


def _soft(surface, width):
    return np.clip(0.5 - surface / width, 0, 1).astype(np.float32)


def _radii(rng, low, high, sphere):
    radii = rng.uniform(low, high, 3)
    return radii / np.prod(radii) ** (1 / 3) * sphere


def _sphere_mm(millilitres):
    return (3 * millilitres * 1000 / 4 / np.pi) ** (1 / 3)


def _centre(template, rng, allowed):
    places = np.flatnonzero(allowed)
    chosen = places[rng.integers(places.size)]
    return np.array([-template.anterior[chosen], template.superior[chosen], template.right[chosen]])


def _tumour(template, rng, ml_to_voxels):
    """Oedema along white matter, a core in it, necrosis in that; the core pushes its surroundings away."""
    whole = float(np.clip(np.exp(np.log(80) + 0.6 * rng.standard_normal()), 8, 230))
    core_share, necrosis_share = rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.6)
    centre = _centre(
        template, rng, (template.white > 0.6) & (template.depth > 12) & (template.superior > -12)
    )
    radius, shrink = _sphere_mm(whole), 0.62  # the push expands the core to its wanted size
    other_side = np.where(np.sign(template.right) == np.sign(centre[2]), 0, 0.8).astype(np.float32)
    radii = _radii(rng, 0.75, 1.3, radius)
    avoid = -0.7 * (template.white - 0.4) + other_side + 1.5 * np.maximum(template.fluid - 0.5, 0)
    oedema = _level_set(template, rng, centre, radii, whole * ml_to_voxels * 0.85, 0.30, avoid)
    core = _level_set(
        template,
        rng,
        centre,
        radii,
        whole * core_share * ml_to_voxels * shrink,
        0.22,
        0.25 * other_side,
    )
    necrosis = _level_set(
        template,
        rng,
        centre,
        radii,
        whole * core_share * necrosis_share * ml_to_voxels * shrink,
        0.30,
    )
    labels = np.select([(necrosis < 0) & (core < 0), core < 0, oedema < 0], [3, 2, 1], 0).astype(
        np.uint8
    )
    texture, core_radius = 1.8 * template.noise(rng, 3.5), radius * core_share ** (1 / 3)
    layers = [
        (
            _soft(oedema, 0.18) * (1 - template.fluid),
            {"white": rng.uniform(0.70, 0.80), "grain": 0.05, "texture": texture},
            0.75,
            True,
        ),
        (
            _soft(core, 0.10),
            {"white": rng.uniform(0.72, 0.90), "grain": 0.07, "texture": texture},
            0.85,
            False,
        ),
        (
            _soft(necrosis, 0.14) * (core < 0.05),
            {"white": rng.uniform(0.36, 0.55), "grain": 0.15, "texture": texture},
            0.90,
            False,
        ),
    ]
    return Lesion(
        labels, layers, [(centre, core_radius * 0.85, min(7.0, 0.30 * core_radius))], whole
    )


def _stroke(template, rng, ml_to_voxels):
    """One or several fluid-like cavities with a rim, on one side, rarely below the tentorium."""
    count = 1 if rng.random() < 0.58 else int(rng.integers(2, 6))
    below, side = rng.random() < 0.08, rng.choice([-1, 1])
    a, s, r = template.anterior, template.superior, template.right
    infratentorial = (a < -35) & (s < -12 + 0.35 * (-a - 60)) | (np.abs(r) < 16) & (a < -10) & (
        a > -45
    ) & (s < -8)
    region = (
        infratentorial
        if below
        else ~infratentorial & (np.sign(r) == side) & (np.abs(r) > 12) & (s > -25)
    )
    lesion = Lesion(np.zeros(r.size, np.uint8))
    grains = 1.8 * template.noise(rng, 3.5)
    for number in range(count):
        median, spread = (7.0, 1.35) if number == 0 else (0.7, 1.1)
        volume = float(
            np.clip(
                np.exp(np.log(median) + spread * rng.standard_normal()), 0.05, 25 if below else 220
            )
        )
        centre, sphere = (
            _centre(template, rng, region & (template.fluid < 0.4) & (template.depth > 3)),
            max(_sphere_mm(volume), 2),
        )
        avoid = np.where(region, 0, 0.9).astype(np.float32) + 0.35 * np.maximum(
            template.fluid - 0.5, 0
        )
        surface = _level_set(
            template,
            rng,
            centre,
            _radii(rng, 0.6, 1.5, sphere),
            volume * ml_to_voxels,
            0.38 if sphere > 8 else 0.15,
            avoid,
            spacing=9 if sphere > 10 else 6,
        )
        lesion.labels[surface < 0] = 1
        width = max(0.06, 1.6 / sphere)
        rough = surface + 0.5 * width * grains
        lesion.layers.append(
            (_soft(rough, width), {"white": rng.uniform(0.45, 0.62), "texture": 0}, 0.80, True)
        )
        lesion.layers.append(
            (
                _soft(rough + 0.9 * width, width),
                {"fluid": rng.uniform(0.85, 1.25), "grain": 0.10, "texture": grains},
                0.93,
                False,
            )
        )
        lesion.wanted_ml += volume
    return lesion
