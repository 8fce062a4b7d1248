"""What a codebook does: its use, epoch by epoch, and the patches that each code stands for."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd

from brainlib import files
from brainlib.models import vq as models_vq
from brainlib.models.layers.vq import code_mask, perplexity, share_in_use

REGIONS = ("everywhere", "brain")


def codebook_use(
    codes: np.ndarray, codebook_size: int, masks: np.ndarray | None = None
) -> pd.DataFrame:
    """How many codes are in use: one row for `region` everywhere, one for the brain.

    The columns are `perplexity`, its share of the codebook, `in_use` and the number of `places`.
    Half of a head's picture is background, which takes few codes: a low perplexity everywhere need
    not be a fault.

    Args:
        codes: (N, h, w).
        codebook_size: number of codes K.
        masks: bool (N, H, W) or (N, H, W, 1), the brain in the pictures; without them one row.
    """
    codes = np.asarray(codes)
    of_brain = None if masks is None else code_mask(masks, codes.shape[1:])
    rows = []
    for region, mask in zip(REGIONS, (None, of_brain)):
        if region == "brain" and mask is None:
            continue
        value = perplexity(codes, codebook_size, mask=mask)
        rows.append(
            {
                "region": region,
                "perplexity": value,
                "perplexity_share": value / codebook_size,
                "in_use": share_in_use(codes, codebook_size, mask=mask),
                "places": int(codes.size if mask is None else mask.sum()),
            }
        )
    return pd.DataFrame(rows)


class CodebookWatch(keras.callbacks.Callback):
    """Writes `codebook_use` of the same pictures after each epoch to a CSV.

    The column `epoch` counts from 1. A training that goes on where it was killed goes on with its
    rows.

    Args:
        images: (N, H, W, 1), rather of validation than of training.
        masks: (N, H, W) bool, the brain in them, or None.
        path: of the CSV.
    """

    def __init__(self, images: np.ndarray, masks: np.ndarray | None, path: Path | str):
        super().__init__()
        self.images, self.masks, self.path = np.asarray(images, "float32"), masks, path

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        quantizer = self.model.quantizer
        codes = models_vq.codes_of(self.model, self.images)
        found = codebook_use(codes, quantizer.codebook_size, self.masks)
        found.insert(0, "epoch", epoch + 1)
        found["restarts"] = int(quantizer.restarts.numpy())
        before = read_watch(self.path)
        if len(before):
            found = pd.concat([before[before.epoch <= epoch], found])
        files.write_csv(self.path, found)


def read_watch(path: Path | str) -> pd.DataFrame:
    """The table of `CodebookWatch`; empty when there is none."""
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        return pd.DataFrame({"epoch": []})


def patches_of_codes(
    images: np.ndarray, codes: np.ndarray, codebook_size: int, *, around: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """The mean picture around the places that chose a code.

    Args:
        images: (N, H, W, 1), those that the codes are of.
        codes: (N, h, w); H and W are multiples of h and w, or cells differ by a pixel.
        codebook_size: number of codes K.
        around: cells shown on each side of the place's own.

    Returns:
        (K, P, Q) mean patches, NaN where a code was never chosen, and (K,) how often each was.
    """
    images, codes = np.asarray(images, "float32")[..., 0], np.asarray(codes)
    cell = [images.shape[axis] / codes.shape[axis] for axis in (1, 2)]
    reach = [max(1, round(side * (0.5 + around))) for side in cell]
    padded = np.pad(images, ((0, 0), *[(far, far) for far in reach]), mode="edge")
    total = np.zeros((codebook_size, 2 * reach[0], 2 * reach[1]))
    for row, column in np.ndindex(*codes.shape[1:]):
        # Padding moved the centre of the cell by `reach`: there the patch begins.
        top, left = round((row + 0.5) * cell[0]), round((column + 0.5) * cell[1])
        patches = padded[:, top : top + 2 * reach[0], left : left + 2 * reach[1]]
        np.add.at(total, codes[:, row, column], patches)
    counts = np.bincount(codes.ravel(), minlength=codebook_size)
    with np.errstate(invalid="ignore"):
        return total / np.where(counts > 0, counts, np.nan)[:, None, None], counts
