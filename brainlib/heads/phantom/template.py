"""The atlas with what many heads need of it: brain voxels in a row, bases of smooth noise."""

import numpy as np

from brainlib.heads.phantom.atlas import BOX_MM, NOISE_MM, bspline, lift


class Template:
    """The atlas with what many heads need of it.

    The atlas's arrays are attributes: `code` and `brain` on its grid, and one number per brain
    voxel in `fluid`, `grey`, `white`, `depth`, `right`, `anterior`, `superior` and others, in the
    order of `inside`.

    Args:
        atlas: of `atlas.load_atlas`.
    """

    def __init__(self, atlas: dict[str, np.ndarray]):
        self.resolution = int(atlas["resolution"])
        for name, array in atlas.items():
            if name != "resolution":
                setattr(self, name, array)
        self.inside = np.flatnonzero(self.brain)
        hits = np.argwhere(self.brain)
        bounds = zip(hits.min(axis=0), hits.max(axis=0))
        self._box = tuple(slice(low, high + 1) for low, high in bounds)
        self._box_brain = self.brain[self._box]
        self._bases = {spacing: self._noise_bases(spacing) for spacing in NOISE_MM}
        self.head_bases = [bspline(side, self.resolution, 5) for side in self.code.shape]

    def _noise_bases(self, spacing: float) -> list[np.ndarray]:
        return [bspline(side, self.resolution, spacing) for side in self._box_brain.shape]

    def noise(self, rng: np.random.Generator, spacing: float) -> np.ndarray:
        """Smooth noise over brain voxels, from N(0, 1) on control points every `spacing` mm."""
        return smooth_noise(rng, self._bases[spacing])[self._box_brain]

    def index(self, atlas_mm: np.ndarray, axis: int) -> np.ndarray:
        """Array index of positions in atlas mm along an axis."""
        low = BOX_MM[axis][0] + (self.resolution - 1) / 2
        return (atlas_mm - low) / self.resolution


def smooth_noise(rng: np.random.Generator, bases: list[np.ndarray]) -> np.ndarray:
    """Noise of N(0, 1) on the control points of three bases, evaluated on their grid."""
    controls = [base.shape[1] for base in bases]
    return lift(rng.standard_normal(controls, dtype=np.float32), bases)
