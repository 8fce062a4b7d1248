"""New images from a VAE: from the prior, from a density fitted to the latent, and on the way between two images."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from brainlib import models
from brainlib.models.outputs import outputs_of


def decode(model, latents, *, batch_size=64):
    """Images of latents. latents: (N, D) -> (N, H, W, 1)."""
    return outputs_of(models.decoder(model), latents, batch_size=batch_size)


def fast_decoder(model):
    """A function of latents (B, D) -> images (B, H, W, 1), traced once: for one image at a time, as a widget asks."""
    decoder = models.decoder(model)
    return lambda latents: outputs_of(decoder, latents).astype("float32")


def latent_dim(model):
    """Numbers of a VAE's latent."""
    return models.decoder(model).input_shape[-1]


def sample_prior(model, n, *, seed, temperature=1.0):
    """Images of draws from N(0, temperature^2). -> (n, H, W, 1)."""
    latents = np.random.default_rng(seed).standard_normal((n, latent_dim(model))) * temperature
    return decode(model, latents)


@dataclass(frozen=True)
class LatentDensity:
    """A Gaussian mixture on the principal components of posterior means."""

    pca: PCA
    mixture: GaussianMixture

    def sample(self, n, *, seed, temperature=1.0):
        """Draws latents (n, D). temperature: factor on the distance from the centre of the mixture's component."""
        rng = np.random.default_rng(seed)
        component = rng.choice(len(self.mixture.weights_), size=n, p=self.mixture.weights_)
        roots = np.linalg.cholesky(self.mixture.covariances_)  # (K, d, d)
        noise = rng.standard_normal((n, roots.shape[-1]))
        scores = self.mixture.means_[component] + temperature * np.einsum(
            "nij,nj->ni", roots[component], noise
        )
        return self.pca.inverse_transform(scores).astype("float32")

    def at(self, scores):
        """Latents at places in standard deviations along the principal directions. (N, k) -> (N, D), k as you like."""
        scores = np.atleast_2d(np.asarray(scores, float))
        kept = min(scores.shape[1], self.pca.n_components_)
        steps = scores[:, :kept] * np.sqrt(self.pca.explained_variance_[:kept])
        return (self.pca.mean_ + steps @ self.pca.components_[:kept]).astype("float32")


def fit_latent(model, images, *, components=(1, 2, 4, 8), variance=0.99, max_dimensions=64, seed=0):
    """Fits a density to a VAE's latents: principal components, then a Gaussian mixture.

    Args:
        model: a VAE.
        images: (N, H, W, 1) training images; 2 or more.
        components: numbers of Gaussians to try; the one with the lowest BIC is taken.
        variance: share of the latent means' variance that the principal components keep.
        max_dimensions: most principal components; never more than a quarter of the images.
        seed: of the mixture's start.
    """
    means = models.latent_of(model, images)  # (N, D)
    if len(means) < 2:
        raise ValueError(f"a latent density needs at least 2 images, got {len(means)}.")
    pca = PCA(svd_solver="full").fit(means)
    kept = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), variance)) + 1
    kept = max(1, min(kept, max_dimensions, len(means) // 4))
    pca = PCA(n_components=kept, svd_solver="full").fit(means)
    scores = pca.transform(means)  # (N, kept)
    floor = 1e-6 * max(float(scores.var(axis=0).max()), 1e-12)
    fitted = [
        GaussianMixture(count, covariance_type="full", reg_covar=floor, random_state=seed).fit(
            scores
        )
        for count in components
        if count <= max(1, len(means) // (4 * kept))
    ]
    return LatentDensity(pca, min(fitted, key=lambda mixture: mixture.bic(scores)))


def sample_fitted(model, density, n, *, seed, temperature=1.0):
    """Images of draws from a fitted latent density. -> (n, H, W, 1)."""
    return decode(model, density.sample(n, seed=seed, temperature=temperature))


def interpolate(model, first, second, *, steps=8):
    """Images on the straight way between the posterior means of two images.

    first, second: (H, W, 1) -> (steps, H, W, 1); the ends are the reconstructions of the two.
    """
    means = models.latent_of(model, np.stack([first, second]))  # (2, D)
    share = np.linspace(0, 1, steps)[:, None]
    return decode(model, (1 - share) * means[0] + share * means[1])


def walk(model, density, direction, *, steps=7, reach=2.5):
    """Images along one principal direction of the latent, from -reach to +reach standard deviations. -> (steps, H, W, 1)."""
    if not 0 <= direction < density.pca.n_components_:
        raise ValueError(
            f"direction: expected 0 to {density.pca.n_components_ - 1}, got {direction}."
        )
    scores = np.zeros((steps, direction + 1))
    scores[:, direction] = np.linspace(-reach, reach, steps)
    return decode(model, density.at(scores))


def covariate_effect(means, covariates):
    """What covariates do to the latent mean: a linear model a latent dimension.

    Args:
        means: (S, D) latent means, one row a subject.
        covariates: {name: (S,) numbers}; subjects with a missing one are left out.

    Returns:
        (intercept (D,), {name: slope (D,) a unit}, number of subjects).
    """
    table = np.column_stack([np.asarray(values, float) for values in covariates.values()])
    known = np.isfinite(table).all(axis=1)
    if known.sum() < table.shape[1] + 2:
        raise ValueError(
            f"{', '.join(covariates)}: expected at least {table.shape[1] + 2} subjects with all of them, got {known.sum()}."
        )
    design = np.column_stack([np.ones(known.sum()), table[known]])
    found = np.linalg.lstsq(design, np.asarray(means)[known], rcond=None)[0]
    return found[0], dict(zip(covariates, found[1:])), int(known.sum())
