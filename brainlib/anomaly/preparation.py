"""Seed 002's way from a head to slices (section 4.1.2), and the way back of a map to the head's own space.

The brain is put into a box of 140 x 190 x 158 mm (height, length, width) of 1 mm voxels along the head's own axes; the
network sees it at half of that: 70 axial slices of 95 x 79.
"""

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
from scipy import ndimage
from skimage.restoration import denoise_tv_chambolle
from skimage.transform import resize

from brainlib import files, slices
from brainlib.heads import volumes

BOX_MM = (158, 190, 140)  # width, length, height: RAS+ order, voxels of 1 mm
SIZE = (70, 95, 79)  # slices, rows, columns that the network sees
SMOOTHING = ("curvature_flow", "total_variation", "none")
PERCENTILES = (1.0, 99.0)
VERSION = 2  # raised whenever the same options give other slices


@dataclass(frozen=True)
class Prepared:
    """A head as the network sees it.

    Attributes:
        images: float32 (N, H, W, 1) in [0, 1], axial slices from below upwards, anterior up; 0 outside of the brain.
        brain, lesion: bool (N, H, W, 1); `lesion` is empty where the head has none.
        full: the same in the box's voxels, float32 (140, 190, 158, 1) at 1 mm, before it was halved; None if it was not kept.
        full_brain, full_lesion: bool of that shape, or None.
        affine: (4, 4), from indices of the box (RAS+ order, 158 x 190 x 140 at 1 mm) to scanner mm.
        voxel_mm: of the box.
        notes: what did not fit, in words.
    """

    images: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray
    affine: np.ndarray
    voxel_mm: float = 1.0
    full: np.ndarray | None = None
    full_brain: np.ndarray | None = None
    full_lesion: np.ndarray | None = None
    notes: tuple = ()


def prepare(
    volume,
    mask,
    *,
    lesion=None,
    smoothing="curvature_flow",
    n4=False,
    percentiles_of="brain",
    voxel_mm=1.0,
    size=SIZE,
    full=False,
    steps=None,
):
    """Brings a head to the network's slices.

    Args:
        volume: a `volumes.Volume`.
        mask: bool brain mask of its shape; everything outside becomes 0 (skull strip), the box lies around it (crop).
        lesion: optional bool mask of its shape.
        smoothing: "curvature_flow" (ITK's, five steps of 1/16), "total_variation" (scikit-image's, a similar look) or
            "none".
        n4: whether the bias field is estimated and divided out first (N4ITK); off in the seed.
        percentiles_of: "brain" clips at the 1st and 99th percentile of brain voxels; "box" of all voxels, where the
            empty space around the brain makes the lower one 0.
        voxel_mm: of the box. 1 is the seed's; 2 does every step at the network's size, eight times faster, and loses
            nothing on heads whose voxels are no smaller.
        size: (slices, rows, columns) of the result.
        full: whether the slices of the box's own voxels are kept, too.
        steps: optional dict that receives the head after every step: name -> array in the box (RAS+ order).

    Raises:
        ValueError: no brain in the mask, or none left of it at the network's size, or an unknown option.
    """
    if smoothing not in SMOOTHING:
        raise ValueError(f"smoothing: expected one of {', '.join(SMOOTHING)}, got {smoothing!r}.")
    if percentiles_of not in ("brain", "box"):
        raise ValueError(f"percentiles_of: expected brain or box, got {percentiles_of!r}.")
    matrix, offset, notes = _box(volume, mask, voxel_mm)
    shape = box_shape(voxel_mm)
    image, brain = (
        _sample(volume.array, matrix, offset, shape),
        _sample(mask, matrix, offset, shape) > 0.5,
    )
    if not brain.any():
        raise ValueError(_too_small(volume, mask))
    truth = (
        _sample(lesion, matrix, offset, shape) > 0.5
        if lesion is not None and np.any(lesion)
        else np.zeros_like(brain)
    )
    steps = {} if steps is None else steps
    steps[f"resampled to {voxel_mm:g} mm"] = image
    steps["brain only"] = image = np.where(brain, image - image[brain].min(), 0).astype(np.float32)
    if n4:
        steps["N4"] = image = without_bias(image, brain)
    if smoothing != "none":
        steps[smoothing.replace("_", " ")] = image = smooth(image, brain, smoothing)
    low, high = np.percentile(image[brain] if percentiles_of == "brain" else image, PERCENTILES)
    image = np.clip((image - low) / max(high - low, 1e-12), 0, 1) * brain
    steps["clipped and scaled"] = image = image.astype(np.float32)
    affine = volume.affine @ np.block(
        [[matrix, offset[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]]
    )
    whole = {"full": image, "full_brain": brain, "full_lesion": truth}
    whole = {
        name: np.ascontiguousarray(slices.pictures(array, "axial"))[..., None]
        for name, array in whole.items()
    }
    small = {
        name: shrink(whole[key][..., 0], size)[..., None]
        for name, key in (("images", "full"), ("brain", "full_brain"), ("lesion", "full_lesion"))
    }
    if not small["brain"].any():
        raise ValueError(_too_small(volume, mask))
    return Prepared(
        **small, affine=affine, voxel_mm=voxel_mm, notes=notes, **(whole if full else {})
    )


def _too_small(volume, mask):
    return (
        f"{volume.path}: expected a brain mask of a brain, got one of {np.count_nonzero(mask)} voxels ({np.count_nonzero(mask) * np.prod(volume.voxel_mm) / 1000:.3g} ml), of which "
        "nothing is left at the network's size. Look at it on the quality page, or give a mask of your own."
    )


def read_lesion(lesion_path, volume):
    """The lesion of a head: bool of `volume.array`'s shape, the union of all files (separated by ";"); None for "".

    Raises:
        OSError, ValueError: a file cannot be read, or does not lie on the head's grid.
    """
    parts = [volumes.read_labels(path, volume) for path in str(lesion_path).split(";") if path]
    return np.logical_or.reduce(parts) if parts else None


def shrink(stack, size):
    """A stack (D, H, W) at another size, anti-aliased as scikit-image's `resize` does it; masks by majority."""
    factors = [side // wanted for side, wanted in zip(stack.shape, size)]
    values = stack.astype(np.float32)
    if any(side != wanted * factor for side, wanted, factor in zip(stack.shape, size, factors)):
        values = resize(values, size, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    else:  # whole factors: the same numbers, several times faster
        if stack.dtype != bool:
            values = ndimage.gaussian_filter(
                values, [(factor - 1) / 2 for factor in factors], mode="nearest"
            )
        for axis, factor in enumerate(factors):
            values = (
                _centre_mean(values, axis, factor)
                if stack.dtype != bool
                else _mean(values, axis, factor)
            )
    return values > 0.5 if stack.dtype == bool else values.astype(np.float32).clip(0, 1)


def _mean(values, axis, factor):
    shape = (*values.shape[:axis], values.shape[axis] // factor, factor, *values.shape[axis + 1 :])
    return values.reshape(shape).mean(axis=axis + 1)


def _centre_mean(values, axis, factor):
    """Linear interpolation at the centres of groups of `factor`: the middle one, or the mean of the middle two."""
    parts = [
        np.take(values, range(start, values.shape[axis], factor), axis=axis)
        for start in {(factor - 1) // 2, factor // 2}
    ]
    return sum(parts) / len(parts)


def enlarge(stack, size=BOX_MM[::-1]):
    """Slices (D, H, W) at the padded size, linearly: what the seed does with reconstructions before it subtracts."""
    return resize(
        np.asarray(stack, np.float32),
        size,
        order=1,
        mode="edge",
        anti_aliasing=False,
        preserve_range=True,
    ).astype(np.float32)


def box_shape(voxel_mm):
    """Voxels of the box, in RAS+ order: whole ones, also where they do not divide it."""
    return tuple(round(side / voxel_mm) for side in BOX_MM)


def _box(volume, mask, voxel_mm):
    """(matrix, offset, notes): voxel of the head = matrix @ box index + offset; the brain's extent in the box's middle."""
    if not mask.any():
        raise ValueError(
            f"{volume.path}: expected a brain mask with a brain in it, got an empty one."
        )
    ends = [
        np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))[[0, -1]]
        for axis in range(3)
    ]
    extent_mm = [(high - low + 1) * side for (low, high), side in zip(ends, volume.voxel_mm)]
    notes = tuple(
        f"the brain is {extent:.0f} mm {name}, the box {box} mm: cut"
        for extent, box, name in zip(extent_mm, BOX_MM, ("wide", "long", "high"))
        if extent > box
    )
    matrix = np.diag(voxel_mm / np.array(volume.voxel_mm))
    return matrix, np.mean(ends, axis=1) - matrix @ ((np.array(box_shape(voxel_mm)) - 1) / 2), notes


def _sample(array, matrix, offset, shape):
    """A head's array (or mask) in the box, linearly; where the box's voxels are larger it is blurred first (anti-aliasing)."""
    array, step = array.astype(np.float32), np.diag(matrix)  # a box voxel, in voxels of the head
    sigma = np.maximum(0, (step - 1) / 2)
    array = ndimage.gaussian_filter(array, sigma, mode="nearest") if sigma.max() > 0.05 else array
    return ndimage.affine_transform(
        array,
        step,
        offset,
        output_shape=shape,
        order=1,
        mode="grid-constant",
        cval=float(array.min()),
    )


def smooth(image, brain, kind):
    """Smoothing that keeps edges, on the brain's own extent. image: (X, Y, Z)."""
    where = ndimage.find_objects(brain.astype(np.uint8))[0]
    part = image[where]
    if kind == "curvature_flow":
        flowed = SimpleITK.CurvatureFlow(
            SimpleITK.GetImageFromArray(part), timeStep=0.0625, numberOfIterations=5
        )
        part = SimpleITK.GetArrayFromImage(flowed)
    else:
        top = max(float(part.max()), 1e-12)
        part = denoise_tv_chambolle(part / top, weight=0.02, max_num_iter=20) * top
    result = np.zeros_like(image)
    result[where] = part
    return result * brain


def without_bias(image, brain, *, shrink_by=4):
    """The image divided by its bias field as N4 estimates it on every fourth voxel. image: (X, Y, Z), brain: bool."""
    whole = SimpleITK.GetImageFromArray(image)
    small = SimpleITK.Shrink(whole, [shrink_by] * 3)
    mask = SimpleITK.Shrink(SimpleITK.GetImageFromArray(brain.astype(np.uint8)), [shrink_by] * 3)
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([30, 20, 10])
    corrector.Execute(small, mask)
    field = SimpleITK.GetArrayFromImage(SimpleITK.Exp(corrector.GetLogBiasFieldAsImage(whole)))
    field = field / np.median(field[brain])
    return (image / np.maximum(field, 1e-3)).astype(np.float32) * brain


# ------------------------------------------------------------------------------------------------ the cache


def cached(volume, mask, *, cache, lesion=None, **options):
    """`prepare`, kept in a folder under a digest of what it was made from: the file's content, both masks, the options."""
    # 1-bit masks by content: the file of a mask may be another one tomorrow
    masks = [
        files.digest(np.packbits(part).tobytes().hex()) if part is not None else ""
        for part in (mask, lesion)
    ]
    path = (
        Path(cache)
        / f"{files.digest('prepare', VERSION, files.sha256(volume.path), masks, options)}.npz"
    )
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
            notes = tuple(str(note) for note in found.pop("notes"))
            if str(found.pop("check")) == _check(found):
                found["voxel_mm"] = float(found["voxel_mm"])
                return Prepared(
                    **{
                        name: array.astype(np.float32)
                        if getattr(array, "dtype", None) == np.float16
                        else array
                        for name, array in found.items()
                    },
                    notes=notes,
                )
    except Exception:  # missing, cut off, another format: all mean 'make it again'
        pass
    made = prepare(volume, mask, lesion=lesion, **options)
    arrays = {
        name: value for name, value in vars(made).items() if name != "notes" and value is not None
    }
    arrays = {
        name: array.astype(np.float16) if name == "full" else array
        for name, array in arrays.items()
    }
    with files.whole_file(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, check=_check(arrays), notes=np.array(made.notes, dtype=str), **arrays)
    return made


def _check(arrays):
    return files.digest(
        [
            (name, float(np.sum(array, dtype=np.float64)), np.shape(array))
            for name, array in sorted(arrays.items())
        ]
    )


# ------------------------------------------------------------------------------------------------ the way back


def to_head(maps, prepared, volume):
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
    factor = (
        np.array(box_shape(prepared.voxel_mm)) / box.shape
    )  # pixel i of the small map covers the box from i * factor on
    transform = np.linalg.inv(prepared.affine) @ volume.affine
    scale = np.diag(transform[:3, :3]) / factor  # the box lies along the head's own axes
    shift = (transform[:3, 3] - (factor - 1) / 2) / factor
    return ndimage.affine_transform(
        box, scale, shift, output_shape=volume.array.shape, order=1, mode="grid-constant", cval=0.0
    )


def write_like(path, array, volume):
    """Writes an array of a head's RAS+ grid as NIfTI in the orientation in which the head is stored.

    The file has the head's stored shape (3-D), axes and position, so that viewers lay the two over each other.
    """
    ras = nibabel.orientations.axcodes2ornt("RAS")
    stored = nibabel.orientations.axcodes2ornt(volume.stored_axes)
    back = nibabel.orientations.ornt_transform(ras, stored)
    turned = np.ascontiguousarray(nibabel.apply_orientation(np.asarray(array, np.float32), back))
    image = nibabel.Nifti1Image(
        turned, volume.affine @ nibabel.orientations.inv_ornt_aff(back, volume.array.shape)
    )
    image.header.set_xyzt_units("mm")
    with files.whole_file(path) as temporary:
        nibabel.save(image, temporary)
    return Path(path)
