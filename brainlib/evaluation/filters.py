"""Classical filters that restore pictures without learning: what a network has to beat.

- "median": the median of a small window (Tukey, 1977). It removes single wrong pixels.
- "nl means": a pixel becomes the mean of pixels whose surroundings look like its own (non-local
  means; Buades et al., 2005; of MR images Manjon et al., 2010).
- "total variation": the picture with the least total variation near the given one (Rudin, Osher
  and Fatemi, 1992; Chambolle, 2004).
- "biharmonic": blanked squares are found and filled by the smoothest surface through their borders
  (Damelin and Hoang, 2018). Nothing else is changed.
- "filters in turn": the median where a pixel is much darker than it, biharmonic filling, then
  non-local means. The strongest of the five where a picture is damaged in several ways.

The filters are those of scikit-image and SciPy. Each has one or two strengths; `choose` takes
those with the smallest mean squared error on validation pictures:

    chosen = filters.choose(clean, damaged)           # of validation people
    restored = chosen["median"](pictures)             # (N, H, W, 1) -> (N, H, W, 1)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, inpaint_biharmonic

SEARCH = {"patch_size": 3, "patch_distance": 4}  # pixels; what non-local means compares
DARK = 0.2  # grey value; a blanked square is darker, also where a picture was scaled again
FLAT = 1e-3  # grey values; the noise of a picture is larger than that


def median(pictures: np.ndarray, *, size: int = 3) -> np.ndarray:
    """The median of windows of size x size pixels. (N, H, W, 1) -> the same."""
    return ndimage.median_filter(pictures, size=(1, size, size, 1))


def nl_means(pictures: np.ndarray, *, strength: float = 0.06) -> np.ndarray:
    """Non-local means. (N, H, W, 1) -> the same.

    strength: grey values by which two patches may differ and still count as alike; 0 changes
    nothing.
    """
    if strength == 0:
        return pictures.copy()
    images = pictures[..., 0]
    cleaned = [denoise_nl_means(image, h=strength, **SEARCH) for image in images]
    return np.stack(cleaned)[..., None].astype(pictures.dtype)


def total_variation(pictures: np.ndarray, *, weight: float = 0.05) -> np.ndarray:
    """Total-variation denoising. (N, H, W, 1) -> the same. weight: the larger, the smoother."""
    cleaned = [denoise_tv_chambolle(image, weight=weight) for image in pictures[..., 0]]
    return np.stack(cleaned)[..., None].astype(pictures.dtype)


def biharmonic(pictures: np.ndarray, *, side: int = 5) -> np.ndarray:
    """Fills blanked squares from their borders. (N, H, W, 1) -> the same.

    side: pixels; the smallest square that counts as blanked, see `blanked`.
    """
    filled = pictures.copy()
    for picture, hole in zip(filled, blanked(pictures, side=side)):
        if hole.any():
            picture[..., 0] = inpaint_biharmonic(picture[..., 0], hole[..., 0])
    return filled


def blanked(pictures: np.ndarray, *, side: int) -> np.ndarray:
    """Where pictures seem to be blanked: bool (N, H, W, 1).

    These are flat, dark patches of side x side pixels or more that do not touch the picture's
    border: the background of a picture without noise is flat and dark, too.
    """
    window = (1, side, side, 1)
    highest = ndimage.maximum_filter(pictures, size=window)
    lowest = ndimage.minimum_filter(pictures, size=window)
    centres = (highest - lowest < FLAT) & (highest < DARK)
    # An even window is centred to one side: its mirror image brings the patch back to its place.
    patches = ndimage.maximum_filter(centres, size=window, origin=(0, *[-1 + side % 2] * 2, 0))
    return np.stack([_inside(patch[..., 0]) for patch in patches])[..., None]


def _inside(patches: np.ndarray) -> np.ndarray:
    """Those of the connected patches (H, W) that do not touch the border."""
    labels, _ = ndimage.label(patches)
    borders = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return patches & ~np.isin(labels, borders[borders > 0])


def in_turn(
    pictures: np.ndarray, *, outlier: float = 0.15, strength: float = 0.03, side: int = 5
) -> np.ndarray:
    """The median of dark outliers alone, biharmonic filling, then non-local means.

    Args:
        pictures: (N, H, W, 1).
        outlier: grey values by which a pixel is darker than the median of its 3x3 window to be
            replaced by it: a dropped pixel is dark.
        strength: of `nl_means`.
        side: of `biharmonic`.

    Returns:
        (N, H, W, 1).
    """
    medians = median(pictures)
    mended = np.where(medians - pictures > outlier, medians, pictures)  # first: a dropped pixel
    filled = biharmonic(mended, side=side)  # at a square's border would darken its filling
    return nl_means(filled, strength=strength)


# --------------------------------------------------------------------------- their strengths


@dataclass(frozen=True)
class Filter:
    """A filter with its strengths: called with pictures (N, H, W, 1), it gives restored ones.

    Attributes:
        name: as tables call it.
        function: (pictures, **settings) -> pictures.
        settings: its strengths.
    """

    name: str
    function: Callable[..., np.ndarray]
    settings: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Restored pictures, in [0, 1]."""
        return np.clip(self.function(pictures, **self.settings), 0, 1)

    @property
    def in_words(self) -> str:
        """Such as "size 3"."""
        return ", ".join(f"{name} {value:g}" for name, value in self.settings.items())


TRIED = {
    "median": (median, [{"size": 3}, {"size": 5}]),
    "nl means": (nl_means, [{"strength": value} for value in (0.03, 0.06, 0.12)]),
    "total variation": (total_variation, [{"weight": value} for value in (0.02, 0.05, 0.1)]),
    "biharmonic": (biharmonic, [{"side": value} for value in (4, 5, 8)]),
    "filters in turn": (
        in_turn,
        [
            {"outlier": 0.15, "strength": 0.0},
            {"outlier": 0.2, "strength": 0.03},
            {"outlier": 0.3, "strength": 0.03},
        ],
    ),
}
NAMES = tuple(TRIED)


def choose(clean: np.ndarray, damaged: np.ndarray) -> dict[str, Filter]:
    """Every filter with the strengths that restore these pictures best, by mean squared error.

    Args:
        clean: (N, H, W, 1), of validation people: never of those who are tested.
        damaged: the same pictures, damaged.
    """
    errors = tried(clean, damaged)
    best = errors.loc[errors.groupby("filter", sort=False).mse.idxmin()]
    return {row.filter: row.with_settings for row in best.itertuples()}


def tried(clean: np.ndarray, damaged: np.ndarray) -> pd.DataFrame:
    """Mean squared error of every filter with every strength of `TRIED`.

    Args:
        clean, damaged: as of `choose`.

    Returns:
        One row per filter and settings: `filter`, `settings` (in words), `mse` and
        `with_settings`, the `Filter` itself.
    """
    if clean.shape != damaged.shape or not len(clean):
        raise ValueError(
            "expected the same pictures clean and damaged, at least one, "
            f"got shapes {clean.shape} and {damaged.shape}."
        )
    rows = []
    for name, (function, several) in TRIED.items():
        for settings in several:
            one = Filter(name, function, settings)
            error = float(np.mean((one(damaged) - clean) ** 2))
            about = {"filter": name, "settings": one.in_words, "mse": error}
            rows.append({**about, "with_settings": one})
    return pd.DataFrame(rows)
