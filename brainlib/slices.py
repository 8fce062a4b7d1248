"""From volumes to 2-D pictures: upright planes, the slice table, selection, geometry, intensities, storage."""

import contextlib
import functools
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from skimage.transform import resize

from brainlib import files
from brainlib.volumes import PLANES

METHODS = ("range", "middle", "nonzero_count", "nonzero_mean", "brain")
RULES = ("first_quartile", "three_sigma", "tukey")
SCALINGS = ("volume", "brain", "slice")
FIELD_MM = 240.0  # IXI's field of view
MIN_BRAIN_FRACTION = 3000 / 256**2  # seed 004: more than 3000 of 256x256 pixels, 4.58 %
RANGES = {  # as shares of the axis, half-open
    "sagittal": (50 / 150, 110 / 150),  # seed 003, section 3.1: slices 50 to 109 of 150
    "axial": (160 / 256, 190 / 256),  # seed 000, section 3.2: slices 160 to 189 of 256
    "coronal": (0.35, 0.65),  # ours: no seed cuts this plane
}
EDGES = {  # letters at the left, right, top and bottom of a picture
    "sagittal": ("A", "P", "S", "I"),
    "coronal": ("L", "R", "S", "I"),
    "axial": ("L", "R", "A", "P"),
}


# ---- pictures


def _axis(plane):
    if plane not in PLANES:
        raise ValueError(f"plane: expected one of {', '.join(PLANES)}, got {plane!r}.")
    return PLANES[plane]


def pictures(array, plane):
    """All slices of a RAS+ array, upright: (X, Y, Z) -> a view (slices, rows, columns).

    Sagittal and coronal pictures have superior up, axial ones anterior up; sagittal ones have anterior at the left,
    the others the person's left at the left. A slice's number is its index along the RAS+ axis: IXI's own numbers for
    sagittal and axial slices.
    """
    axis = _axis(plane)
    stack = np.moveaxis(array, axis, 0)  # sagittal (X, Y, Z), coronal (Y, X, Z), axial (Z, X, Y)
    upright = stack.transpose(0, 2, 1)[:, ::-1]  # rows from superior (or anterior) down
    return upright[:, :, ::-1] if plane == "sagittal" else upright


def pixel_mm(voxel_mm, plane):
    """(row, column) spacing of a plane's pictures in mm."""
    columns, rows = (side for axis, side in enumerate(voxel_mm) if axis != _axis(plane))
    return rows, columns


# ---- the slice table and the selection


def measure(volume, mask, plane, *, name):
    """One row a slice: what the selection methods need.

    Args:
        volume: a `volumes.Volume`.
        mask: bool brain mask of its shape.
        plane: "sagittal", "coronal" or "axial".
        name: the volume's name, written to the column `volume`.

    Returns:
        table with the columns volume, slice, slices (of the volume), picture_px, brain_px, nonzero_px, nonzero_mean.
    """
    stack = pictures(volume.array, plane)
    nonzero = np.count_nonzero(stack, axis=(1, 2))
    total = stack.sum(axis=(1, 2), dtype=np.float64)
    return pd.DataFrame(
        {
            "volume": name,
            "slice": np.arange(len(stack)),
            "slices": len(stack),
            "picture_px": stack[0].size,
            "brain_px": np.count_nonzero(pictures(mask, plane), axis=(1, 2)),
            "nonzero_px": nonzero,
            "nonzero_mean": np.divide(total, nonzero, out=np.zeros(len(stack)), where=nonzero > 0),
        }
    )


def select(table, method, **options):
    """The rows of a slice table that a method keeps, in their order and with their index.

    Methods and their options:
        range: `start`, `stop`, half-open; integers are slice numbers, fractions shares of each volume's axis (slice s
            of n lies at s/n). 0 or 1 beside a fraction is a share, too. Seeds 003 and 000; `RANGES` has theirs.
        middle: none. The slice n // 2 of each volume.
        nonzero_count: `rule` (see `threshold`) or `threshold`; keeps nonzero_px >= threshold. Seed 004.
        nonzero_mean: the same on nonzero_mean. Seed 004.
        brain: `min_fraction` of the picture (default 3000/65536) or `min_px`; keeps slices with more brain pixels than
            that. Seed 004. Where the table has no picture_px, pictures are taken to be IXI's 256x256.

    Raises:
        ValueError: unknown method or option, a column that the method needs is absent, or a range that holds no slice.
    """
    choose = {
        "range": _in_range,
        "middle": _middle,
        "nonzero_count": _by_column,
        "nonzero_mean": _by_column,
        "brain": _by_brain,
    }
    if method not in choose:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}.")
    column = {
        "nonzero_count": "nonzero_px",
        "nonzero_mean": "nonzero_mean",
        "brain": "brain_px",
    }.get(method, "slice")
    if column not in table:
        raise ValueError(
            f"method {method!r}: expected a column {column!r} in the slice table, got {', '.join(table.columns)}."
        )
    if not len(table):
        return table.copy()
    call = (
        functools.partial(choose[method], column=column)
        if method.startswith("nonzero")
        else choose[method]
    )
    try:
        keep = call(table, **options)
    except TypeError as error:
        raise ValueError(
            f"method {method!r}: {error}. See slices.select for the options of each method."
        ) from error
    return table[keep]


def threshold(values, rule="first_quartile"):
    """The lower limit that a rule of seed 004, section 5.2.1.2, sets on a column of the slice table.

    first_quartile is the one that the seed took for both intensity methods; three_sigma (mean - 3 standard deviations)
    and tukey (Q1 - 1.5 IQR) it rejected, since nearly everything passes them. NaN counts for nothing.
    """
    values = np.asarray(values, dtype=float)
    first, third = np.nanquantile(values, [0.25, 0.75])
    limits = {
        "first_quartile": first,
        "three_sigma": np.nanmean(values) - 3 * np.nanstd(values),
        "tukey": first - 1.5 * (third - first),
    }
    if rule not in limits:
        raise ValueError(f"rule: expected one of {', '.join(limits)}, got {rule!r}.")
    return float(limits[rule])


def _slices_of_volume(table):
    if "slices" in table:
        return table["slices"]
    if "volume" not in table:
        raise ValueError(
            f"expected a column 'slices' or 'volume' in the slice table, got {', '.join(table.columns)}."
        )
    return table.groupby("volume")["slice"].transform("max") + 1


def _in_range(table, *, start, stop):
    if not start < stop:
        raise ValueError(f"range: expected start below stop, got {start} and {stop}.")
    whole = [isinstance(end, (int, np.integer)) for end in (start, stop)]
    if any(whole) and not all(whole) and (start, stop)[whole.index(True)] not in (0, 1):
        raise ValueError(
            f"range: expected two integers (slice numbers) or two fractions (shares of the axis), got {start} and {stop}."
        )
    if all(whole):
        keep = table["slice"].between(start, stop, inclusive="left")
    else:
        if not (0 <= start and stop <= 1):
            raise ValueError(
                f"range: expected shares of the axis between 0.0 and 1.0, got {start} and {stop}."
            )
        position = (
            table["slice"] / _slices_of_volume(table) + 1e-9
        )  # 50/150 must not fall below itself
        keep = position.between(start, stop + 1e-9, inclusive="left")
    if not keep.any():
        raise ValueError(
            f"range: expected slices of numbers {table['slice'].min()} to {table['slice'].max()} in it, got none between "
            f"{start} and {stop}. Choose a range inside the axis, or shares of it such as 0.3 and 0.7."
        )
    return keep


def _middle(table):
    return table["slice"] == _slices_of_volume(table) // 2


_rule_limit = threshold  # `_by_column` has an argument of that name


def _by_column(table, *, column, rule="first_quartile", threshold=None):
    limit = _rule_limit(table[column], rule) if threshold is None else threshold
    return table[column] >= limit


def _by_brain(table, *, min_fraction=None, min_px=None):
    if min_fraction is not None and min_px is not None:
        raise ValueError("brain: expected min_fraction or min_px, got both.")
    if min_fraction is not None and not 0 <= min_fraction <= 1:
        raise ValueError(
            f"brain: expected min_fraction between 0 and 1, got {min_fraction}. Divide per cent by 100."
        )
    if min_px is None:
        pixels = table["picture_px"] if "picture_px" in table else 256**2
        min_px = (MIN_BRAIN_FRACTION if min_fraction is None else min_fraction) * pixels
    return table["brain_px"] > min_px


# ---- geometry and intensities


def scale_limits(array, mask, scaling):
    """(low, high) grey values that become 0 and 1: robust percentiles of the volume.

    "volume": from the 0.5th percentile of all voxels to the 99.5th, so slices of a head stay comparable.
    "brain": from the same low end to the 99.5th of the brain's voxels, so that brains of several sites are comparable
        whatever the fat around them does.
    "slice": None; each slice has its own minimum and maximum, as the seeds had it.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"scaling: expected one of {', '.join(SCALINGS)}, got {scaling!r}.")
    if scaling == "slice":
        return None
    low = np.percentile(array, 0.5)
    high = np.percentile(array[mask] if scaling == "brain" else array, 99.5)
    return float(low), float(max(high, low + 1e-6 * max(abs(low), 1)))


def scale(picture, limits):
    """Grey values to [0, 1], clipped; `limits` from `scale_limits`, None for the picture's own range."""
    low, high = (float(picture.min()), float(picture.max())) if limits is None else limits
    if high <= low:
        return np.zeros_like(picture, dtype=np.float32)
    return np.clip((picture - low) / (high - low), 0, 1).astype(np.float32)


def window(shape, spacing_mm, brain_box, *, field_mm, centre=None):
    """The square of field_mm that is cut from pictures, as start and stop in mm for rows and columns.

    It lies in the middle of the picture, moved only as far as the brain needs to stay inside; with `centre`
    (row, column in pixels: the brain's centre of mass) it lies around that. It may reach beyond the picture.
    """
    edges = []
    for side, spacing, box, middle in zip(shape, spacing_mm, brain_box, centre or (None, None)):
        start = (
            (side * spacing - field_mm) / 2
            if middle is None
            else (middle + 0.5) * spacing - field_mm / 2
        )
        if middle is None and side * spacing > field_mm:
            start = min(max(start, (box[1] + 1) * spacing - field_mm), box[0] * spacing)
        edges.append((start, start + field_mm))
    return edges


def fit_square(picture, spacing_mm, edges, size):
    """Cuts or pads a picture to a square window and resizes it: (rows, columns) -> float32 (size, size).

    Pixels are brought to the new spacing first (bilinear, anti-aliased where it shrinks), with their aspect kept, then
    rows and columns are cut or padded with the picture's smallest value.
    """
    step = (edges[0][1] - edges[0][0]) / size
    shape = [
        max(1, round(side * spacing / step)) for side, spacing in zip(picture.shape, spacing_mm)
    ]
    resampled = resize(
        picture.astype(np.float32),
        shape,
        order=1,
        mode="edge",
        anti_aliasing=True,
        preserve_range=True,
    )
    result = np.full((size, size), picture.min(), np.float32)
    source, target = [], []
    for side, (start, _) in zip(shape, edges):
        first = round(start / step)
        source.append(slice(max(first, 0), min(first + size, side)))
        target.append(
            slice(max(-first, 0), max(-first, 0) + max(0, source[-1].stop - source[-1].start))
        )
    result[tuple(target)] = resampled[tuple(source)]
    return result


def prepare(
    volume,
    mask,
    numbers,
    *,
    plane,
    size,
    scaling="volume",
    field_mm=FIELD_MM,
    brain_only=False,
    centre=False,
    lesion=None,
):
    """Network-ready pictures of some slices of a head.

    Args:
        volume: a `volumes.Volume`.
        mask: bool brain mask of its shape.
        numbers: slice numbers along the plane's axis.
        plane: "sagittal", "coronal" or "axial".
        size: side of the square pictures in pixels.
        scaling: see `scale_limits`.
        field_mm: side of the square in mm; smaller pictures are padded, larger ones cut around the brain.
        brain_only: everything outside the mask becomes the smallest value.
        centre: put the brain's centre of mass (over the whole head) in the middle.
        lesion: optional bool mask of the volume's shape.

    Returns:
        dict of `image` float32 (n, size, size, 1) in [0, 1], `brain` and, if there is a lesion mask, `lesion`: bool
        (n, size, size, 1).
    """
    spacing = pixel_mm(volume.voxel_mm, plane)
    brains = pictures(mask, plane)
    silhouette = brains.any(axis=0)
    box = [
        (int(hit[0]), int(hit[-1]))
        if len(hit := np.flatnonzero(silhouette.any(axis=1 - axis)))
        else (0, side - 1)
        for axis, side in enumerate(silhouette.shape)
    ]
    middle = None
    if centre and mask.any():
        middle = tuple(
            float(np.average(np.arange(side), weights=brains.sum(axis=(0, 2 - axis))))
            for axis, side in enumerate(silhouette.shape)
        )
    edges = window(silhouette.shape, spacing, box, field_mm=field_mm, centre=middle)
    limits = scale_limits(volume.array, mask, scaling)
    array = np.where(mask, volume.array, volume.array.min()) if brain_only else volume.array
    stack = pictures(array, plane)
    fit = functools.partial(fit_square, spacing_mm=spacing, edges=edges, size=size)
    layers = {"image": (stack, np.float32), "brain": (brains, bool)}
    if lesion is not None:
        layers["lesion"] = (pictures(lesion, plane), bool)
    result = {}
    for key, (source, dtype) in layers.items():
        result[key] = np.zeros((len(numbers), size, size, 1), dtype)
        for row, number in enumerate(numbers):
            fitted = fit(source[number])
            result[key][row, ..., 0] = scale(fitted, limits) if key == "image" else fitted > 0.5
    return result


# ---- storage


class Writer(contextlib.AbstractContextManager):
    """Writes pictures head by head into one .npy that training maps into memory; whole or not at all.

    Args:
        path: the .npy file.
        shape: (N, H, W, 1) of the whole array, known from the selection.
        dtype: of the stored numbers.
    """

    def __init__(self, path, shape, dtype="float32"):
        self._stack = contextlib.ExitStack()
        self._temporary = self._stack.enter_context(files.whole_file(path))
        self._array = np.lib.format.open_memmap(
            self._temporary, mode="w+", dtype=dtype, shape=tuple(shape)
        )
        self._filled = 0

    def add(self, images):
        """Appends images (n, H, W, 1)."""
        if self._filled + len(images) > len(self._array):
            raise ValueError(
                f"expected {len(self._array)} pictures in all, got {self._filled + len(images)}."
            )
        self._array[self._filled : self._filled + len(images)] = images
        self._filled += len(images)

    def __exit__(self, kind, error, trace):
        if kind is None and self._filled != len(self._array):
            kind, error = (
                ValueError,
                ValueError(f"expected {len(self._array)} pictures, got {self._filled}."),
            )
            self._stack.__exit__(kind, error, None)
            raise error
        self._array.flush()
        del self._array
        return self._stack.__exit__(kind, error, trace)


def read(path):
    """Memory-mapped pictures (N, H, W, 1), read-only."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def export_png(folder, images, names, *, bits=8):
    """Writes pictures in [0, 1] as grey PNG files, one a slice.

    Args:
        folder: made if needed.
        images: (N, H, W, 1) in [0, 1].
        names: N file names without suffix, such as "IXI012_072".
        bits: 8 (as the seeds stored them, 1/255 steps) or 16.

    Returns:
        list of the paths written.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits: expected 8 or 16, got {bits}.")
    top, kind = (2**bits - 1, np.uint8 if bits == 8 else np.uint16)
    paths = []
    for image, name in zip(images, names, strict=True):
        path = Path(folder) / f"{name}.png"
        with files.whole_file(path) as temporary:
            Image.fromarray(np.rint(np.clip(image[..., 0], 0, 1) * top).astype(kind)).save(
                temporary, format="PNG"
            )
        paths.append(path)
    return paths


# ---- quality


def quality(volume, mask):
    """Measures of a head that give bad scans and bad masks away.

    Returns:
        dict: brain_ml; edge_share, the share of the brain mask's voxels on the border of the field of view; parts, the
        share of the mask outside its largest connected piece; brain_level, the brain's median over the head's 99.5th
        percentile; contrast, the 5th to 95th percentile range of the brain over its median; noise, the standard
        deviation of noise as the second difference along axis 0 inside the brain shows it, over the median.
    """
    from scipy import ndimage

    voxel_ml = float(np.prod(volume.voxel_mm)) / 1000
    inside = volume.array[mask]
    median = max(float(np.median(inside)), 1e-6)
    border = np.ones_like(mask)
    border[1:-1, 1:-1, 1:-1] = False
    pieces, count = ndimage.label(mask)
    largest = np.bincount(pieces.ravel())[1:].max() if count else 0
    second = np.diff(volume.array, n=2, axis=0)[mask[:-2] & mask[1:-1] & mask[2:]]
    deviation = (
        1.4826 * np.median(np.abs(second - np.median(second))) / np.sqrt(6)
    )  # white noise: variance 1+4+1
    return {
        "brain_ml": np.count_nonzero(mask) * voxel_ml,
        "edge_share": np.count_nonzero(mask & border) / mask.sum(),
        "parts": 1 - largest / mask.sum(),
        "brain_level": median / max(float(np.percentile(volume.array, 99.5)), 1e-6),
        "contrast": float(np.subtract(*np.percentile(inside, [95, 5]))) / median,
        "noise": float(deviation) / median,
    }


def outliers(table, columns, *, limit=3.5):
    """Adds `outlier` (largest robust z-score over the columns) and `why` (the measures beyond the limit, in words).

    Robust z: 0.6745 |x - median| / MAD (Iglewicz and Hoaglin, 1993); the MAD has a floor of 2 % of the median, so
    that measures that hardly vary raise no alarm. Rows are returned with the worst first.
    """
    scores = {}
    for column in columns:
        values = table[column].astype(float)
        distance = (values - values.median()).abs()
        spread = max(float(distance.median()), 0.02 * abs(float(values.median())), 1e-3)
        scores[column] = 0.6745 * distance / spread
    scores = pd.DataFrame(scores)
    why = [
        ", ".join(
            f"{column} {table.loc[row, column]:.3g} (median {table[column].median():.3g})"
            for column in columns
            if scores.loc[row, column] > limit
        )
        for row in table.index
    ]
    return table.assign(outlier=scores.max(axis=1), why=why).sort_values(
        "outlier", ascending=False, kind="stable"
    )
