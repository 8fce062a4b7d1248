"""New images from a VAE: from the prior, from a density fitted to the latent, between two images.

A draw from N(0, 1) is a picture of a head only where the codes of all pictures together are
N(0, 1). Often they are not; a density fitted to the codes is the plain remedy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from brainlib import models
from brainlib.models.outputs import outputs_of

if TYPE_CHECKING:
    import keras


def decode(model: keras.Model, latents: ArrayLike, *, batch_size: int = 64) -> np.ndarray:
    """Images of latents. latents: (N, D) -> (N, H, W, 1)."""
    return outputs_of(models.decoder(model), latents, batch_size=batch_size)


def fast_decoder(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """A function of latents (B, D) -> images (B, H, W, 1), traced once.

    It is made for one image at a time, as a widget asks for them.
    """
    decoder = models.decoder(model)
    return lambda latents: outputs_of(decoder, latents).astype("float32")


def milliseconds_per_picture(
    decode: Callable[[np.ndarray], np.ndarray], dimensions: int, *, repeats: int = 20
) -> float:
    """How long a decoder takes for one picture on this machine, after a first call.

    Args:
        decode: of `fast_decoder`.
        dimensions: numbers of a latent.
        repeats: pictures that are timed.
    """
    latent = np.zeros((1, dimensions))
    decode(latent)
    began = time.perf_counter()
    for _ in range(repeats):
        decode(latent)
    return 1000 * (time.perf_counter() - began) / repeats


def latent_dim(model: keras.Model) -> int:
    """How many numbers a VAE's latent has."""
    return models.decoder(model).input_shape[-1]


def sample_prior(model: keras.Model, n: int, *, seed: int, temperature: float = 1.0) -> np.ndarray:
    """Images of draws from N(0, temperature^2). -> (n, H, W, 1)."""
    latents = np.random.default_rng(seed).standard_normal((n, latent_dim(model))) * temperature
    return decode(model, latents)


@dataclass(frozen=True)
class LatentDensity:
    """A Gaussian mixture on the principal components of posterior means.

    Attributes:
        pca: from latents (N, D) to scores (N, d).
        mixture: of K Gaussians in the space of the scores.
    """

    pca: PCA
    mixture: GaussianMixture

    def sample(self, n: int, *, seed: int, temperature: float = 1.0) -> np.ndarray:
        """Draws latents (n, D).

        Args:
            n: number of draws.
            seed: random seed.
            temperature: factor on the distance from the centre of the mixture's component.
        """
        rng = np.random.default_rng(seed)
        component = rng.choice(len(self.mixture.weights_), size=n, p=self.mixture.weights_)
        roots = np.linalg.cholesky(self.mixture.covariances_)  # (K, d, d)
        noise = rng.standard_normal((n, roots.shape[-1]))
        scores = self.mixture.means_[component] + temperature * np.einsum(
            "nij,nj->ni", roots[component], noise
        )
        return self.pca.inverse_transform(scores).astype("float32")

    def at(self, scores: ArrayLike) -> np.ndarray:
        """Latents at places along the principal directions.

        Args:
            scores: (N, k) places in standard deviations, along the first k directions.

        Returns:
            (N, D).
        """
        scores = np.atleast_2d(np.asarray(scores, float))
        used = min(scores.shape[1], self.pca.n_components_)
        steps = scores[:, :used] * np.sqrt(self.pca.explained_variance_[:used])
        return (self.pca.mean_ + steps @ self.pca.components_[:used]).astype("float32")


def fit_latent(
    model: keras.Model,
    images: np.ndarray,
    *,
    components: Sequence[int] = (1, 2, 4, 8),
    variance: float = 0.99,
    max_dimensions: int = 64,
    seed: int = 0,
) -> LatentDensity:
    """Fits a density to a VAE's latents: principal components, then a Gaussian mixture.

    Args:
        model: a VAE.
        images: (N, H, W, 1) training images; 2 or more.
        components: numbers of Gaussians to try; the one with the lowest BIC is taken.
        variance: share of the latent means' variance that the principal components keep.
        max_dimensions: most principal components; never more than a quarter of the images.
        seed: random seed of the mixture's start.
    """
    means = models.latent_of(model, images)  # (N, D)
    if len(means) < 2:
        raise ValueError(f"a latent density needs at least 2 images, got {len(means)}.")
    pca = _principal_directions(means, variance, max_dimensions)
    scores = pca.transform(means)  # (N, d)
    floor = 1e-6 * max(float(scores.var(axis=0).max()), 1e-12)
    most_components = max(1, len(means) // (4 * pca.n_components_))
    mixtures = []
    for count in components:
        if count <= most_components:
            mixture = GaussianMixture(count, reg_covar=floor, random_state=seed)
            mixtures.append(mixture.fit(scores))
    return LatentDensity(pca, min(mixtures, key=lambda mixture: mixture.bic(scores)))


def _principal_directions(means: np.ndarray, variance: float, max_dimensions: int) -> PCA:
    """PCA of latent means (N, D) with as many directions as hold this share of the variance."""
    pca = PCA(svd_solver="full").fit(means)
    enough = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), variance)) + 1
    dimensions = max(1, min(enough, max_dimensions, len(means) // 4))
    return PCA(n_components=dimensions, svd_solver="full").fit(means)


def sample_fitted(
    model: keras.Model,
    density: LatentDensity,
    n: int,
    *,
    seed: int,
    temperature: float = 1.0,
) -> np.ndarray:
    """Images of draws from a fitted latent density. -> (n, H, W, 1)."""
    return decode(model, density.sample(n, seed=seed, temperature=temperature))


def sample_alone(model: keras.Model, means: ArrayLike, n: int, *, seed: int) -> np.ndarray:
    """Images of codes whose numbers were each drawn on its own, from real codes.

    Each number has the right values as often as in real codes. What is lost is how the numbers of
    a code go together.

    Args:
        model: a VAE.
        means: (N, D) posterior means of real images.
        n: number of draws.
        seed: random seed.

    Returns:
        (n, H, W, 1).
    """
    means = np.asarray(means)
    places = np.random.default_rng(seed).integers(len(means), size=(n, means.shape[1]))
    return decode(model, np.take_along_axis(means, places, axis=0))


def interpolate(
    model: keras.Model, first: np.ndarray, second: np.ndarray, *, steps: int = 8
) -> np.ndarray:
    """Images on the straight line between the posterior means of two images.

    Args:
        model: a VAE.
        first: (H, W, 1).
        second: (H, W, 1).
        steps: number of images.

    Returns:
        (steps, H, W, 1); the ends are the reconstructions of the two.
    """
    means = models.latent_of(model, np.stack([first, second]))  # (2, D)
    share = np.linspace(0, 1, steps)[:, None]
    return decode(model, (1 - share) * means[0] + share * means[1])


def walk(
    model: keras.Model,
    density: LatentDensity,
    direction: int,
    *,
    steps: int = 7,
    reach: float = 2.5,
) -> np.ndarray:
    """Images along one principal direction of the latent. -> (steps, H, W, 1).

    Args:
        model: a VAE.
        density: of `fit_latent`.
        direction: number of the principal direction, from 0.
        steps: number of images.
        reach: from -reach to +reach standard deviations.
    """
    if not 0 <= direction < density.pca.n_components_:
        raise ValueError(
            f"direction: expected 0 to {density.pca.n_components_ - 1}, got {direction}."
        )
    scores = np.zeros((steps, direction + 1))
    scores[:, direction] = np.linspace(-reach, reach, steps)
    return decode(model, density.at(scores))


def covariate_effect(
    means: np.ndarray, covariates: Mapping[str, ArrayLike]
) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """What covariates do to the latent mean: one linear model for each latent dimension.

    Args:
        means: (S, D) latent means, one row per subject.
        covariates: {name: (S,) numbers}; subjects with a missing one are left out.

    Returns:
        (intercept (D,), {name: slope (D,) per unit of the covariate}, number of subjects).
    """
    table = np.column_stack([np.asarray(values, float) for values in covariates.values()])
    known = np.isfinite(table).all(axis=1)
    fewest = table.shape[1] + 2
    if known.sum() < fewest:
        raise ValueError(
            f"{', '.join(covariates)}: expected at least {fewest} subjects with all of them, "
            f"got {known.sum()}."
        )
    design = np.column_stack([np.ones(known.sum()), table[known]])
    solution = np.linalg.lstsq(design, np.asarray(means)[known], rcond=None)[0]
    return solution[0], dict(zip(covariates, solution[1:])), int(known.sum())
