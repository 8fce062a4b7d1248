"""What does a loss of 30 mean? Thesis 000's question (section 4.2), answered with one slice."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from brainlib import metrics

FACTOR = 1000  # of the mean squared error in thesis 000's loss
LOSSES = (1, 3, 10, 30, 100)


def loss_strip(
    picture: np.ndarray,
    others: Mapping[str, np.ndarray],
    *,
    losses: Sequence[float] = LOSSES,
    seed: int = 0,
) -> tuple[pd.DataFrame, np.ndarray]:
    """One slice at growing loss: with noise of known size, and as others make it.

    The noise is scaled so that its loss is exactly the wanted one. It is not clipped.

    Args:
        picture: (H, W, 1) in [0, 1].
        others: {name: (H, W, 1)}: a reconstruction, the nearest training slice, the mean picture.
        losses: of the noisy ones, 1000 times the mean squared error.
        seed: of the noise.

    Returns:
        (table, pictures (n, H, W, 1)), the smallest loss first, the slice itself at the front. The
        table: name, loss, mse, noise_sd (standard deviation of noise with that loss), dssim, psnr.
    """
    noise = np.random.default_rng(seed).standard_normal(picture.shape)
    noise /= np.sqrt(np.mean(noise**2))
    made = {"the slice": picture}
    for loss in losses:
        sd = np.sqrt(loss / FACTOR)
        made[f"noise of sd {sd:.2f}"] = picture + sd * noise
    made |= others
    pictures = np.stack(list(made.values())).astype("float32")
    target = np.broadcast_to(picture, pictures.shape)
    mse = metrics.mse(target, pictures)
    table = pd.DataFrame({"name": list(made), "loss": FACTOR * mse, "mse": mse})
    table["noise_sd"] = np.sqrt(mse)
    table["dssim"] = metrics.dssim(target, pictures, data_range=1.0)
    table["psnr"] = metrics.psnr(target, pictures, data_range=1.0)
    order = np.argsort(mse, kind="stable")
    return table.iloc[order].reset_index(drop=True), pictures[order]


def nearest_slice(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The picture of `known` (N, H, W, 1) with the smallest mean squared error, (H, W, 1)."""
    errors = [np.mean((one - picture) ** 2) for one in known]
    return known[int(np.argmin(errors))]
