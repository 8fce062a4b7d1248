"""Which lesions are found, and how much is called beside them? Thesis 002 counts pixels only."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from brainlib.anomaly.measures.heads import ScoredHead

SIZES_ML = (0, 1, 10, np.inf)  # of lesions: small, middle, large
NEIGHBOURS = np.ones((3, 3, 3))  # a lesion is a 3-D component, corners included


def lesions_found(
    heads: Sequence[ScoredHead],
    threshold: float,
    *,
    voxel_ml: float,
    min_pixels: int = 7,
    min_overlap: float = 0.1,
    sizes: Sequence[float] = SIZES_ML,
) -> list[dict]:
    """Detection lesion by lesion (3-D components of the truth).

    A map that calls everything finds every lesion with no false piece, and has the rest of the
    brain as its false volume.

    Args:
        heads: scored heads.
        threshold: `score >= threshold` is called lesion.
        voxel_ml: volume of a voxel of the maps, in ml.
        min_pixels: components of fewer pixels in a slice are dropped.
        min_overlap: a lesion is found if this share of it is called lesion.
        sizes: limits of the classes of size, in ml.

    Returns:
        list of dicts: size ("1 to 10 ml"), lesions, found, share; and last the class "false
        pieces", those that touch no lesion, with `per_head`, and `ml_per_head`: all that is called
        outside of lesions.
    """
    sizes_ml, overlaps, false_pieces, false_voxels = [], [], 0, 0
    for head in heads:
        found = head.detection(threshold, min_pixels)
        sizes_px, shares = _lesion_overlaps(found, head.lesion)
        sizes_ml += list(sizes_px * voxel_ml)
        overlaps += list(shares)
        false_voxels += np.count_nonzero(found & ~head.lesion)
        false_pieces += _false_pieces(found, head.lesion)
    sizes_ml, hit = np.array(sizes_ml), np.array(overlaps) >= min_overlap
    rows = [_size_row(low, high, sizes_ml, hit) for low, high in zip(sizes, sizes[1:])]
    number = max(len(heads), 1)
    false = {
        "size": "false pieces",
        "lesions": 0,
        "found": false_pieces,
        "share": np.nan,
        "per_head": false_pieces / number,
        "ml_per_head": false_voxels * voxel_ml / number,
    }
    return [*rows, false]


def _lesion_overlaps(found, lesion):
    """(voxels, share that is called lesion) of each lesion of a head; both (L,)."""
    pieces, number = ndimage.label(lesion, structure=NEIGHBOURS)
    sizes_px = np.bincount(pieces.ravel(), minlength=number + 1)[1:]
    hit_px = np.bincount(pieces[found], minlength=number + 1)[1:]
    return sizes_px, hit_px / np.maximum(sizes_px, 1)


def _false_pieces(found, lesion):
    """Number of the called components that touch no lesion."""
    called, _ = ndimage.label(found, structure=NEIGHBOURS)
    return len(set(np.unique(called)) - set(np.unique(called[lesion])) - {0})


def _size_row(low, high, sizes_ml, hit):
    inside = np.zeros(0, bool)
    if len(sizes_ml):
        inside = (sizes_ml >= low) & (sizes_ml < high)
    return {
        "size": _size_name(low, high),
        "lesions": int(inside.sum()),
        "found": int(hit[inside].sum()),
        "share": float(hit[inside].mean()) if inside.any() else np.nan,
        "per_head": np.nan,
        "ml_per_head": np.nan,
    }


def _size_name(low, high):
    if high == np.inf:
        return f"over {low:g} ml"
    if low == 0:
        return f"under {high:g} ml"
    return f"{low:g} to {high:g} ml"
