"""Brain masks: DeepBrain's trained graph in TensorFlow 2, or masks that were computed elsewhere."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage
from skimage.transform import resize

from brainlib import files
from brainlib.heads import volumes

GRAPH_SHA256 = "6be50752ff151808dc7f8059fef39852759de8502d831949b40e991502225a2a"
FIELD_MM = 256.0  # field of view on which DeepBrain does best
BRAIN_ML = (700, 2300)  # volumes of human brains with their outer fluid, generously
_SIDE = 128  # the graph's input is a cube of this side


def brain_probability(volume: volumes.Volume, *, field_mm: float = FIELD_MM) -> np.ndarray:
    """DeepBrain's probability that a voxel is brain.

    Thesis 004, section 5.2.1.2; the network is Itzcovich's `deepbrain` 0.1, which squeezes any
    field of view into a cube and so sees heads of different proportions. It does best where that
    field is a cube of 256 mm: padding the ten real heads of ixi-sample (180 x 240 x 240 mm) to it
    raised Dice against their parcellation on every one, from 0.958 to 0.975 on average (0.977 with
    the largest piece alone).

    Args:
        volume: the head.
        field_mm: the head is padded with zeros to at least this side before the squeeze; 0 squeezes
            it as it is, as the thesis did.

    Returns:
        float32 array of the volume's shape, 0 to 1.
    """
    # The network learned from P, S, R: coronal, axial, sagittal.
    head = nibabel.apply_orientation(_from_zero(volume.array), _between("RAS", "PSR"))
    sides_mm = np.array(volume.voxel_mm)[[1, 2, 0]]
    missing = np.maximum(np.round(field_mm / sides_mm).astype(int) - head.shape, 0)
    before = missing // 2
    padded = np.pad(head, np.stack([before, missing - before], axis=1))
    probability = _probability_of_field(padded)
    inside = tuple(slice(start, start + side) for start, side in zip(before, head.shape))
    upright = nibabel.apply_orientation(probability[inside], _between("PSR", "RAS"))
    return np.ascontiguousarray(upright, dtype=np.float32)


def _probability_of_field(head: np.ndarray) -> np.ndarray:
    """DeepBrain's answer on a field of view of any shape, axes P, S, R: the same shape."""
    cube = resize(head, (_SIDE,) * 3, mode="constant", anti_aliasing=True)
    # The network learned with the maximum as 1; a few hot voxels must not make the head dark.
    top = min(float(cube.max()), 2.0 * float(np.percentile(cube, 99.9)))
    cube = np.clip(cube / top, 0, 1).astype(np.float32)
    probability = _network()(cube[None, ..., None]).reshape((_SIDE,) * 3)
    return resize(probability, head.shape, mode="constant", anti_aliasing=True)


def _from_zero(array: np.ndarray) -> np.ndarray:
    """Grey values with the background at 0: scanners and converters leave an offset, even below."""
    low, high = np.percentile(array[::2, ::2, ::2], (0.1, 99.5))
    offset = low if low < -0.02 * (high - low) or low > 0.1 * high else 0.0
    return np.maximum(array - np.float32(offset), 0)


def brain_mask(
    volume: volumes.Volume, *, threshold: float = 0.5, field_mm: float = FIELD_MM
) -> np.ndarray:
    """Brain mask of a volume: bool, same shape as `volume.array`.

    The largest connected piece of DeepBrain's voxels above `threshold`. A head that is
    skull-stripped already, which DeepBrain has never seen, gives its own non-background voxels.

    Args:
        volume: the head.
        threshold: probability from which a voxel is brain.
        field_mm: as in `brain_probability`.

    Raises:
        ValueError: no voxel passes the threshold, so that the volume holds no brain that DeepBrain
            knows.
    """
    stripped = _stripped_brain(volume)
    if stripped is not None:
        return stripped
    mask = _largest_piece(brain_probability(volume, field_mm=field_mm) > threshold)
    if not mask.any():
        raise ValueError(
            f"{volume.path}: expected a T1 head, but DeepBrain finds no brain in it. "
            "Check the picture in 01_explore, or give a mask of your own."
        )
    return mask


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece: DeepBrain sometimes finds a little brain in the mouth."""
    pieces, count = ndimage.label(mask)
    if not count:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def _stripped_brain(volume: volumes.Volume) -> np.ndarray | None:
    """The brain of a skull-stripped head, or None for a whole head.

    Stripped means: more than half of the voxels share the smallest value, and the others, holes
    filled, have the size of a brain. A whole head with its neck has three times that.
    """
    inside = volume.array > volume.array.min()
    if np.count_nonzero(inside) > 0.5 * inside.size:
        return None
    inside = ndimage.binary_fill_holes(inside)
    millilitres = np.count_nonzero(inside) * float(np.prod(volume.voxel_mm)) / 1000
    return inside if BRAIN_ML[0] <= millilitres <= BRAIN_ML[1] else None


def _between(start: str, end: str) -> np.ndarray:
    """Orientation transform of nibabel between two triples of axis codes."""
    codes = nibabel.orientations.axcodes2ornt
    return nibabel.orientations.ornt_transform(codes(start), codes(end))


def read_mask(path: Path | str, volume: volumes.Volume) -> np.ndarray:
    """A mask or parcellation computed elsewhere (label > 0 is brain), on the volume's RAS+ grid.

    Raises:
        OSError, ValueError: it cannot be read, it does not lie on the volume's grid, or it is
            empty.
    """
    mask = volumes.read_labels(path, volume, grey=True)
    if not mask.any():
        raise ValueError(
            f"{path}: expected labels above 0 where brain is, got none. Check the file."
        )
    return mask


def find_masks(folder: Path | str, subjects: Iterable[str]) -> dict[str, str]:
    """Masks computed elsewhere: {subject: path} of the files that are named after subjects.

    A file's name is the subject's, or it and a suffix that begins with no letter and no digit.
    HD-BET writes `p1_bet`, a picture, beside `p1_bet_mask`: the mask counts.

    Raises:
        ValueError: there is no such folder, a subject has several files, or nobody has one.
    """
    subjects = list(subjects)
    found = {}
    paths = sorted(
        path
        for path in Path(folder).rglob("*")
        if path.name.lower().endswith((".nii", ".nii.gz")) and path.is_file()
    )
    for subject in subjects:
        name = re.compile(rf"{re.escape(subject)}([^0-9A-Za-z].*)?\.nii(\.gz)?", re.I)
        own = [path for path in paths if name.fullmatch(path.name)]
        if len(own) > 1:
            own = [path for path in own if not re.search(r"_bet\.nii", path.name, re.I)]
        if len(own) > 1:
            names = ", ".join(path.name for path in own[:3])
            raise ValueError(
                f"mask_folder: expected one file for {subject} in {folder}, got {names}. "
                "Move the others away."
            )
        if own:
            found[subject] = str(own[0])
    if not found:
        example = f"{next(iter(subjects), 'subject')}_mask.nii.gz"
        raise ValueError(
            f"mask_folder: expected files in {folder} that are named as the subjects, such as "
            f"{example}; got {len(paths)} others."
        )
    return found


def cached_mask(
    volume: volumes.Volume,
    *,
    cache: Path | str,
    method: str = "deepbrain",
    given: str = "",
    threshold: float = 0.5,
    field_mm: float = FIELD_MM,
) -> np.ndarray:
    """The brain mask of a volume, computed once and kept with a checksum.

    Args:
        volume: the head.
        cache: folder of the cached masks (packed bits, .npz). Where it cannot be written, a warning
            says so once.
        method: "deepbrain", or "given" for the mask file `given` (DeepBrain's, with a warning,
            where `given` is "").
        given: path of a mask that was computed elsewhere.
        threshold: as in `brain_mask`.
        field_mm: as in `brain_probability`.

    Returns:
        bool array of `volume.array`'s shape.
    """
    if method not in ("deepbrain", "given"):
        raise ValueError(f"method: expected 'deepbrain' or 'given', got {method!r}.")
    if method == "given" and given:
        return read_mask(given, volume)
    if method == "given":
        warnings.warn(
            f"{volume.path}: no brain mask came with this head; DeepBrain's is taken.", stacklevel=2
        )
    key = files.digest(
        "deepbrain, largest piece, from zero",
        GRAPH_SHA256,
        threshold,
        field_mm,
        files.sha256(volume.path),
    )
    path = Path(cache) / f"{key}.npz"
    mask = _read_packed(path, volume.array.shape)
    if mask is None:
        mask = brain_mask(volume, threshold=threshold, field_mm=field_mm)
        _write_packed(path, mask)
    return mask


def _write_packed(path: Path, mask: np.ndarray) -> None:
    packed = np.packbits(mask)
    content = {"bits": packed, "shape": mask.shape, "check": _check(packed)}
    files.write_cache(path, lambda handle: np.savez(handle, **content))


def _read_packed(path: Path, shape: tuple[int, int, int]) -> np.ndarray | None:
    """The cached mask, or None if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            packed = stored["bits"]
            if tuple(stored["shape"]) != shape or str(stored["check"]) != _check(packed):
                return None
            return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape).astype(bool)
    except Exception:  # missing, cut off, another format: all mean 'make it again'
        return None


def _check(packed: np.ndarray) -> str:
    return files.digest(packed.tobytes().hex())


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice overlap of two bool arrays of one shape: 2 |A and B| / (|A| + |B|); 1 for two empty."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(first & second) / total if total else 1.0


@functools.cache
def _network() -> Callable[[np.ndarray], np.ndarray]:
    """DeepBrain's frozen graph: (1, 128, 128, 128, 1) -> probabilities; read once per process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf  # here, not above: reading a cached mask needs no TensorFlow

    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString(_graph_path().read_bytes())
    # Its dropout, which is off: where it has no seed, TensorFlow's deterministic mode refuses it.
    for node in graph_def.node:
        if node.op == "RandomUniform":
            node.attr["seed"].i = 1

    def run(image, training):
        return tf.import_graph_def(graph_def, {"img:0": image, "training:0": training}, ["prob:0"])

    image, training = (1, _SIDE, _SIDE, _SIDE, 1), ()
    signature = [tf.TensorSpec(image, tf.float32), tf.TensorSpec(training, tf.bool)]
    wrapped = tf.compat.v1.wrap_function(run, signature)
    return lambda image: wrapped(tf.constant(image), tf.constant(False))[0].numpy()


def _graph_path() -> Path:
    """Where the installed wheel keeps its graph; the package is TensorFlow 1 and never imported."""
    spec = importlib.util.find_spec("deepbrain")
    if spec is None:
        raise FileNotFoundError(
            "deepbrain: expected the package deepbrain 0.1, which carries the trained graph, to be "
            "installed. Run ./run_all.sh --prepare, or pip install deepbrain==0.1."
        )
    path = Path(spec.submodule_search_locations[0]) / "models" / "graph.pb"
    if not path.exists() or files.sha256(path) != GRAPH_SHA256:
        raise OSError(
            f"{path}: expected DeepBrain's graph with SHA-256 {GRAPH_SHA256[:12]}..., "
            "got another file or none. Install deepbrain==0.1 again."
        )
    return path
