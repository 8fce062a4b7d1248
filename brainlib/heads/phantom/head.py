"""The synthetic cohort: whole T1 heads in IXI's geometry, healthy, tumour-like and stroke-like, with true masks.

A head is the atlas of `phantom_atlas`, given a person's size, shape, ventricles and folds, a site's contrast, and a
scanner's noise. Everything made here is synthetic: it teaches and it tests, and proves nothing about patients.
"""

import gzip
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from scipy import ndimage
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from brainlib import files
from brainlib.heads.phantom import atlas as phantom_atlas
from brainlib.heads.phantom import lesions
from brainlib.heads.phantom.atlas import bspline, lift

VERSION = 1  # raised whenever a head of a seed changes
FACTORS = {"full": 1, "half": 2, "quarter": 4}  # voxels of IXI's size, twice and four times that
FIRST_NUMBER = {"healthy": 1, "tumour": 401, "stroke": 701}
SCALE = np.array([0.918, 0.908, 0.916])  # MNI's brain is larger than people's (P, S, R)
WARP_MM = (
    (120, 3.6),
    (48, 1.9),
    (22, 1.15),
)  # wavelength and standard deviation of the shape's variation
README = "Synthetic heads, made by brainlib.phantom from the MNI152 templates. They are no people; nothing here says anything about patients.\n"


@dataclass(frozen=True)
class Site:
    """Contrast of a site, white matter = 1. levels: its grey values of white matter, the second in `second` of its heads;
    noise: standard deviation; blur: in voxels of full size; zero_below: background cut in units of noise."""

    levels: tuple
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


class Template:
    """The atlas with what many heads need of it; brain vectors are attributes (fluid, grey, white, depth, ...)."""

    def __init__(self, atlas):
        self.resolution = int(atlas["resolution"])
        for name, array in atlas.items():
            if name != "resolution":
                setattr(self, name, array)
        self.inside = np.flatnonzero(self.brain)
        hits = np.argwhere(self.brain)
        self._box = tuple(
            slice(low, high + 1) for low, high in zip(hits.min(axis=0), hits.max(axis=0))
        )
        self._box_brain = self.brain[self._box]
        self._bases = {
            spacing: [bspline(side, self.resolution, spacing) for side in self._box_brain.shape]
            for spacing in phantom_atlas.NOISE_MM
        }
        self.head_bases = [bspline(side, self.resolution, 5) for side in self.code.shape]

    def noise(self, rng, spacing):
        """Smooth noise over brain voxels from white noise on control points every `spacing` mm."""
        bases = self._bases[spacing]
        return lift(
            rng.standard_normal([base.shape[1] for base in bases], dtype=np.float32), bases
        )[self._box_brain]

    def index(self, atlas_mm, axis):
        """Array index of a position in atlas mm along an axis."""
        low = phantom_atlas.BOX_MM[axis][0] + (self.resolution - 1) / 2
        return (atlas_mm - low) / self.resolution


# ---- one head


def geometry(size, site):
    """(shape, voxel_mm) of a site's heads, axes P, S, R."""
    if size not in FACTORS:
        raise ValueError(f"size: expected one of {', '.join(FACTORS)}, got {size!r}.")
    factor = FACTORS[size]
    return (256 // factor, 256 // factor, SITES[site].slices // factor), (
        0.9375 * factor,
        0.9375 * factor,
        1.2 * factor,
    )


def make_head(
    template,
    *,
    seed,
    number,
    site="Guys",
    sex="male",
    age=45.0,
    kind="healthy",
    size="half",
    lesion_free=False,
):
    """One head.

    Args:
        template: a `Template`.
        seed, number: the head depends on both and on nothing else that is random.
        site: of `SITES`; sex: "male" or "female"; age in years.
        kind: "healthy", "tumour" or "stroke".
        lesion_free: the same head without its lesion: the twin.

    Returns:
        dict: image int16 and labels uint8 (tissue: 1 fluid, 2 grey, 3 white; plus 16 x lesion label), both of
        `geometry`'s shape; lesion_ml, the true volume.
    """
    streams = [
        np.random.default_rng(part)
        for part in np.random.SeedSequence([20240, seed, number]).spawn(4)
    ]
    shaping, tissue_rng, lesion_rng, scanner = streams
    shape, voxel_mm = geometry(size, site)
    zoom = (
        SCALE
        * (1.025 if sex == "male" else 0.979)
        * np.exp(0.026 * shaping.standard_normal())
        * np.exp(0.018 * shaping.standard_normal(3))
    )
    lesion = None
    if kind != "healthy" and not lesion_free:
        lesion = lesions.draw(
            kind, template, lesion_rng, 1000 / (template.resolution**3 * np.prod(zoom))
        )
    bases = [bspline(side, step, 7.5) for side, step in zip(shape, voxel_mm)]
    lattice = _positions(template, shaping, zoom, shape, voxel_mm, bases, age, lesion)
    contrast = _contrast(SITES[site], scanner, age)
    grey_values, tissue = _brain(template, tissue_rng, age, contrast, lesion)
    head = _paint_head(template, tissue_rng, contrast, grey_values, age)
    coordinates = [template.index(lift(axis, bases), place) for place, axis in enumerate(lattice)]
    image = ndimage.map_coordinates(
        head, coordinates, order=1, mode="constant", cval=0.0, prefilter=False
    )
    labels_atlas = np.zeros(template.code.shape, np.uint8)
    labels_atlas.reshape(-1)[template.inside] = tissue + (16 * lesion.labels if lesion else 0) * (
        tissue > 0
    )
    labels = ndimage.map_coordinates(
        labels_atlas, coordinates, order=0, mode="constant", cval=0, prefilter=False
    )
    return {
        "image": _scan(image, SITES[site], scanner, voxel_mm, size),
        "labels": labels,
        "lesion_ml": float(np.count_nonzero(labels >= 16) * np.prod(voxel_mm) / 1000),
    }


def _positions(template, rng, zoom, shape, voxel_mm, bases, age, lesion):
    """Atlas positions in mm of the control points every 7.5 mm of the scan: (3, controls...)."""
    fields_mm = np.array(shape) * voxel_mm
    turn = np.eye(3)
    for (first, second), angle in zip(
        ((0, 2), (1, 2), (0, 1)), np.deg2rad(np.array([1.8, 1.8, 7]) * rng.standard_normal(3))
    ):
        step = np.eye(3)
        step[first, first] = step[second, second] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turn = turn @ step
    # The atlas point (18, 8, 0) lands here: the vertex 30 mm below the upper edge, the midline 1 mm off centre.
    target = np.array(
        [fields_mm[0] / 2, fields_mm[1] - 30 - 78 * zoom[1], fields_mm[2] / 2 - 1]
    ) + [4, 4, 0.9] * rng.standard_normal(3)
    controls = tuple(base.shape[1] for base in bases)
    points = np.stack(
        np.meshgrid(*[(np.arange(count) - 1) * 7.5 for count in controls], indexing="ij")
    )
    positions = (
        np.tensordot(np.diag(1 / zoom) @ turn, points - target[:, None, None, None], 1)
        + np.array([18.0, 8, 0])[:, None, None, None]
    )

    def coarse(array):
        return ndimage.map_coordinates(
            array,
            [
                (axis - low) / phantom_atlas.LATTICE_MM
                for axis, (low, _) in zip(positions, phantom_atlas.BOX_MM)
            ],
            order=1,
            mode="nearest",
        )

    inside = 0.3 + 0.7 / (
        1 + np.exp((coarse(template.hull_coarse) - 2) / 4)
    )  # fine variation mostly in the brain
    for wavelength, deviation in WARP_MM:
        for axis in range(3):
            wave = ndimage.gaussian_filter(
                rng.standard_normal(controls), wavelength / 7.5 / 2.6, mode="wrap"
            )
            positions[axis] += wave * (deviation / wave.std()) * (inside if wavelength < 60 else 1)
    widening = np.clip(
        1.1 + 2.2 * (age - 50) / 35 + 0.9 * rng.standard_normal(), -1.2, 5
    )  # mm, of the ventricles
    positions += widening * np.stack([coarse(axis) for axis in template.push])
    for centre, radius, push in lesion.pushes if lesion else ():
        offset = positions - np.asarray(centre)[:, None, None, None]
        distance = np.sqrt((offset**2).sum(axis=0)) + 1e-3
        positions -= (
            offset
            / distance
            * (
                push
                * np.where(distance < radius, distance / radius, np.exp(-(distance - radius) / 14))
            )
        )
    return positions.astype(np.float32)


def _contrast(site, rng, age):
    """Levels of a person's tissues at a site, white matter = 1."""

    def vary(level, deviation):
        return level * float(np.exp(deviation * rng.standard_normal()))

    return {
        "fluid": vary(site.fluid, 0.08),
        "grey": vary(site.grey, 0.025) * (1 + 0.02 * (age - 50) / 35),
        "fat": vary(site.fat, 0.10),
        "marrow": vary(site.marrow, 0.12),
        "muscle": vary(site.muscle, 0.06),
    }


def _brain(template, rng, age, contrast, lesion):
    """Grey values and tissue labels (0 outside, 1 fluid, 2 grey, 3 white) of the brain's voxels, drawn for one person."""
    old = (age - 50) / 35
    first, second = (
        1.6 * template.noise(rng, 3.5) + 0.9 * template.noise(rng, 9) for _ in range(2)
    )
    sharp, drawn = 1 + 0.6 * template.free, 2.1 * template.free
    fluid, grey, white = (
        sharp * np.log(share + 0.015) for share in (template.fluid, template.grey, template.white)
    )
    fluid += (
        drawn * first
        + 0.75 * old * (1 + np.exp(-np.maximum(template.depth, 0) / 6))
        + template.free * (0.45 + 9 * template.valley * sharp)
    )
    grey -= 0.12 * old
    white += drawn * second
    rim = max(
        0, 0.15 + 2.1 * (age - 20) / 60 + 0.35 * rng.standard_normal()
    )  # mm of fluid around the brain of the old
    edge = template.depth + 0.5 * first - rim
    fluid += 7 / (1 + np.exp(np.clip(3 * edge, -30, 30)))
    logits = np.stack([fluid, grey, white])
    shares = np.exp(logits - logits.max(axis=0))
    shares /= shares.sum(axis=0)
    values = shares[0] * contrast["fluid"] + shares[1] * contrast["grey"] + shares[2]
    values += (
        0.6
        * (1 - contrast["grey"])
        / float(template.levels[2] - template.levels[1])
        * template.texture
    )  # the template's own grain
    if lesion:
        values = lesion.paint(values, contrast["fluid"])
    return np.maximum(values, 0.03), np.where(edge < 0, 0, 1 + shares.argmax(axis=0)).astype(
        np.uint8
    )


def _paint_head(template, rng, contrast, brain_values, age):
    """The atlas as a picture of one person: levels by tissue code, with a smooth unevenness, and the brain in it."""

    def vary(value, deviation):
        return value * float(np.exp(deviation * rng.standard_normal()))

    rim, inner, marrow, outer = (
        vary(1.2 + 0.5 * max((age - 50) / 35, 0), 0.2),
        vary(1.6, 0.15),
        vary(3.0, 0.35),
        vary(1.6, 0.15),
    )
    ends = np.cumsum(
        [rim, inner, marrow, outer]
    )  # mm from the brain: fluid, bone, marrow, bone, then fat
    distance = np.arange(120) * 0.25
    levels = np.zeros(256, np.float32)
    levels[:120] = np.select(
        [distance < end for end in ends],
        [contrast["fluid"] * 0.8, 0.09, contrast["marrow"] * 0.8, 0.08],
        contrast["fat"] * 0.92,
    )
    codes = phantom_atlas
    for code, level in {
        codes.SKIN: 0.75,
        codes.FAT: contrast["fat"],
        codes.MUSCLE: contrast["muscle"],
        codes.BONE: 0.10,
        codes.MARROW: contrast["marrow"],
        codes.EYE: contrast["fluid"] * 1.05,
        codes.LENS: 0.5,
        codes.MUCOSA: 0.6,
        codes.CORD: 0.85,
        codes.CANAL_FLUID: contrast["fluid"],
        codes.RIM_FLUID: contrast["fluid"] * 0.95,
    }.items():
        levels[code] = level
    head = levels[template.code]
    head *= 1 + 0.16 * lift(
        rng.standard_normal([base.shape[1] for base in template.head_bases], dtype=np.float32),
        template.head_bases,
    )
    head.reshape(-1)[template.inside] = brain_values
    return head


def _scan(image, site, rng, voxel_mm, size):
    """What a scanner makes of a head: blur, bias field, Rician noise, the maker's background, whole numbers (int16)."""
    blur = site.blur / FACTORS[size]
    if blur > 0.2:
        image = ndimage.gaussian_filter(image, blur, truncate=2.0)
    bases = [bspline(side, step, 75) for side, step in zip(image.shape, voxel_mm)]
    field = site.bias * 1.6 * rng.standard_normal([base.shape[1] for base in bases])
    image = image * lift(np.exp(field - field.mean()).astype(np.float32), bases)
    level = site.levels[1 if rng.random() < site.second else 0] * float(
        np.exp(0.06 * rng.standard_normal())
    )
    sigma = site.noise * level * float(np.exp(0.12 * rng.standard_normal()))
    real, imaginary = (sigma * rng.standard_normal(image.shape, dtype=np.float32) for _ in range(2))
    magnitude = np.hypot(image * level + real, imaginary)
    cut = site.zero_below * sigma
    if site.suppressed:  # Philips: weak signals fall off as their square
        magnitude = np.minimum(magnitude, magnitude**2 / (4 * sigma))
        cut = site.zero_below**2 / 4 * sigma
    return np.rint(np.where(magnitude < cut, 0, magnitude)).astype(np.int16)


# ---- the cohort


def people(counts, seed):
    """Who is in the cohort: one row a head with subject, group, number, site, sex, age; a head's row depends on its number only."""
    rows = []
    for group, count in counts.items():
        for number in range(FIRST_NUMBER[group], FIRST_NUMBER[group] + count):
            rng = np.random.default_rng([7, seed, number])
            site = rng.choice(["Guys", "HH", "IOP"], p=[0.55, 0.32, 0.13])
            young = rng.random() < 0.65  # two humps, as IXI's ages have
            age = float(np.clip(rng.normal(36, 10) if young else rng.normal(63, 8), 20, 86))
            rows.append(
                {
                    "subject": f"PHANTOM{number:03d}",
                    "group": group,
                    "number": number,
                    "site": str(site),
                    "sex": "female" if rng.random() < 0.556 else "male",
                    "age": round(age, 2),
                    "height_cm": 0,
                    "weight_kg": int(rng.normal(72, 11)),
                    "ethnic_id": int(rng.choice([1, 3, 4], p=[0.8, 0.12, 0.08])),
                }
            )
            rows[-1]["height_cm"] = int(rng.normal(177 if rows[-1]["sex"] == "male" else 164, 7))
    return pd.DataFrame(rows)


def cohort(folder, *, healthy=40, tumour=12, stroke=12, seed=0, size="half", jobs=2, progress=True):
    """Makes the synthetic cohort in a folder; what is there and intact is not made again.

    Args:
        folder: gets t1/, brain/, lesion/, twin/ (.nii.gz, axes P, S, R), IXI.csv (IXI.xls's columns and faults), subjects.csv.
        healthy, tumour, stroke: heads of each group. A head depends on (seed, number in its group) only.
        size: "full" (IXI's voxels), "half" or "quarter".
        jobs: processes.

    Returns:
        the folder.
    """
    folder = Path(folder)
    counts = {"healthy": healthy, "tumour": tumour, "stroke": stroke}
    geometry(size, "HH")
    listed = people(counts, seed)
    known = _known(folder, seed, size)
    todo = [
        row for row in listed.to_dict("records") if not _intact(folder, known.get(row["subject"]))
    ]
    if todo:
        files.write_text(folder / "README.txt", README)
        phantom_atlas.load(
            folder.parent, 1 if size == "full" else 2
        )  # once, before the workers want it
        for result in tqdm(
            _made(todo, folder, seed, size, jobs),
            total=len(todo),
            desc="synthetic heads",
            disable=not progress,
        ):
            known[result["subject"]] = result
            files.write_json(
                folder / "heads.json",
                {"version": VERSION, "seed": seed, "size": size, "heads": known},
            )
    table = pd.DataFrame([known[subject] for subject in sorted(known)]).drop(columns="files")
    files.write_csv(folder / "subjects.csv", table)
    files.write_csv(
        folder / "IXI.csv",
        spreadsheet(
            people({"healthy": 400, "tumour": 300, "stroke": 300}, seed).merge(table[["subject"]])
        ),
    )
    return folder


def _known(folder, seed, size):
    """Records of the heads that lie in the folder, by subject; none if they were made in another way."""

    try:
        record = json.loads((folder / "heads.json").read_text())
    except (OSError, ValueError):
        return {}
    return (
        record["heads"]
        if (record["version"], record["seed"], record["size"]) == (VERSION, seed, size)
        else {}
    )


def _intact(folder, record):
    return bool(record) and all(
        (folder / name).is_file() and files.sha256(folder / name) == known
        for name, known in record["files"].items()
    )


def _made(todo, folder, seed, size, jobs):
    """Makes heads, in several processes where it pays; yields their records in order."""
    work = [(row, folder, seed, size) for row in todo]
    if jobs < 2 or len(todo) < 4:
        yield from map(_make_one, work)
        return
    # spawn, not fork: the caller may be a notebook's kernel with TensorFlow's threads in it
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_make_one, work, chunksize=2)


_TEMPLATES = {}


def _make_one(work):
    """Makes and writes one head with its masks and twin; returns its record."""

    row, folder, seed, size = work
    resolution = 1 if size == "full" else 2
    if (folder.parent, resolution) not in _TEMPLATES:
        _TEMPLATES[folder.parent, resolution] = Template(
            phantom_atlas.load(folder.parent, resolution)
        )
    template = _TEMPLATES[folder.parent, resolution]
    options = {
        "seed": seed,
        "number": row["number"],
        "site": row["site"],
        "sex": row["sex"],
        "age": row["age"],
        "kind": row["group"],
        "size": size,
    }
    with threadpool_limits(1):  # the same sums in the same order, and jobs do not fight
        head = make_head(template, **options)
        twin = (
            make_head(template, **options, lesion_free=True) if row["group"] != "healthy" else None
        )
    stem = f"{row['subject']}-{row['site']}-{row['number']:04d}-T1"
    pictures = {
        f"t1/{stem}.nii.gz": head["image"],
        f"brain/{stem}_brain.nii.gz": (head["labels"] > 0).astype(np.uint8),
    }
    if twin:
        pictures[f"lesion/{stem}_lesion.nii.gz"] = (head["labels"] >= 16).astype(np.uint8)
        pictures[f"twin/{stem}_twin.nii.gz"] = twin["image"]
    for name, array in pictures.items():
        _write(folder / name, array, geometry(size, row["site"])[1])
    return {
        "subject": row["subject"],
        "group": row["group"],
        "site": row["site"],
        "sex": row["sex"],
        "age": row["age"],
        "seed": seed,
        "lesion_ml": round(head["lesion_ml"], 3),
        "t1": f"t1/{stem}.nii.gz",
        "files": {name: files.sha256(folder / name) for name in pictures},
    }


def _write(path, array, voxel_mm):
    """Writes a picture of axes P, S, R as .nii.gz, whole or not at all; the same array gives the same bytes."""
    p, s, r = voxel_mm
    middle = np.array(array.shape) / 2
    affine = np.array(
        [
            [0, 0, r, -r * middle[2]],
            [-p, 0, 0, p * middle[0]],
            [0, s, 0, -s * middle[1]],
            [0, 0, 0, 1],
        ]
    )
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"synthetic head (phantom)"
    with files.whole_file(path) as temporary:
        with (
            open(temporary, "wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as packed,
        ):
            packed.write(image.to_bytes())


def spreadsheet(listed):
    """A table with IXI.xls's columns and its kinds of fault: repeated ids that disagree, zeros, missing ages and rows, spare rows."""
    table = pd.DataFrame(
        {
            "IXI_ID": listed.subject,
            "SEX_ID (1=m, 2=f)": np.where(listed.sex == "male", 1, 2),
            "HEIGHT": listed.height_cm,
            "WEIGHT": listed.weight_kg,
            "ETHNIC_ID": listed.ethnic_id,
            "MARITAL_ID": 1 + listed.number % 5,
            "OCCUPATION_ID": 1 + listed.number % 7,
            "QUALIFICATION_ID": 1 + listed.number % 6,
            "DOB": "",
            "DATE_AVAILABLE": 1,
            "STUDY_DATE": "2006-06-01",
            "AGE": listed.age,
        }
    )
    number = listed.number.to_numpy() % 100
    table.loc[number == 5, ["HEIGHT", "WEIGHT"]] = 0  # 0 means missing
    table.loc[number == 7, "ETHNIC_ID"] = 0
    table.loc[number == 9, "AGE"] = np.nan
    repeated = table[number == 3].assign(HEIGHT=0, WEIGHT=0, AGE=lambda rows: rows.AGE + 4)
    spare = table.head(1).assign(IXI_ID="PHANTOM999", AGE=51.5)
    table = table[number != 11]  # a head without a row
    return pd.concat([table, repeated, spare], ignore_index=True).sort_values(
        "IXI_ID", kind="stable"
    )
