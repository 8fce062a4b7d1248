"""What a codebook does: its use everywhere and on the brain, epoch by epoch; the patches that each code stands for."""

import keras
import numpy as np
import pandas as pd

from brainlib import files
from brainlib.models import vq as models_vq
from brainlib.models.layers.vq import code_mask, perplexity, share_in_use

REGIONS = ("everywhere", "brain")


def codebook_use(codes, codebook_size, masks=None):
    """Two rows, `region` everywhere and brain: `perplexity`, its share of the codebook, `in_use` and number of `places`.

    Half of a head's picture is background, which takes few codes: a low perplexity everywhere need not be a fault.

    Args:
        codes: (N, h, w).
        masks: bool (N, H, W) or (N, H, W, 1), the brain in the pictures; without them one row.
    """
    codes, rows = np.asarray(codes), []
    masks = None if masks is None else code_mask(masks, codes.shape[1:])
    for region in REGIONS[: 1 if masks is None else 2]:
        mask = masks if region == "brain" else None
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
    """Writes `codebook_use` of the same pictures after each epoch to a CSV, with the column `epoch` (from 1).

    A training that goes on where it was killed goes on with its rows.

    Args:
        images, masks: (N, H, W, 1), and (N, H, W) bool or None; rather of validation than of training.
        path: of the CSV.
    """

    def __init__(self, images, masks, path):
        super().__init__()
        self.images, self.masks, self.path = np.asarray(images, "float32"), masks, path

    def on_epoch_end(self, epoch, logs=None):
        quantizer = self.model.quantizer
        found = codebook_use(
            models_vq.codes_of(self.model, self.images), quantizer.codebook_size, self.masks
        )
        found.insert(0, "epoch", epoch + 1)
        found["restarts"] = int(quantizer.restarts.numpy())
        before = read_watch(self.path)
        files.write_csv(
            self.path, pd.concat([before[before.epoch <= epoch], found]) if len(before) else found
        )


def read_watch(path):
    """The table of `CodebookWatch`; empty when there is none."""
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        return pd.DataFrame({"epoch": []})


def patches_of_codes(images, codes, codebook_size, *, around=0.5):
    """The mean picture around the places that chose a code.

    Args:
        images: (N, H, W, 1), those that the codes are of.
        codes: (N, h, w); H and W are multiples of h and w, or cells differ by a pixel.
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
        top, left = (
            round((row + 0.5) * cell[0]),
            round((column + 0.5) * cell[1]),
        )  # padding moved the centre by `reach`
        np.add.at(
            total,
            codes[:, row, column],
            padded[:, top : top + 2 * reach[0], left : left + 2 * reach[1]],
        )
    counts = np.bincount(codes.ravel(), minlength=codebook_size)
    with np.errstate(invalid="ignore"):
        return total / np.where(counts > 0, counts, np.nan)[:, None, None], counts
