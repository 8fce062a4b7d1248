"""Bits of a slice and what comes back: closed forms, and PCA at as many bits."""

import numpy as np
import pandas as pd
import pytest

from brainlib import models, studies
from brainlib.evaluation.studies import ModelComparison, Round, SplitSlices
from brainlib.evaluation.studies import rate as of_rates


class Untrained:
    """Stands for a saved network of one training."""

    training = {"trained_on": "clean pictures", "width": 0.1}
    random_seeds = (0,)

    def __init__(self, model):
        self.model = model

    def of_round(self, name):
        return [self.model]


@pytest.fixture(scope="module")
def pictures():
    """Pictures of 64x32 with few degrees of freedom, so that PCA has something to gain."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(0, 1, (6, 64 * 32))
    shares = rng.dirichlet(np.ones(6), 60)
    return (shares @ patterns).reshape(60, 64, 32, 1).astype("float32")


@pytest.fixture(scope="module")
def vae():
    return models.build("vae", image_shape=(64, 32), width=0.05, latent_dim=3, seed=1)


@pytest.fixture(scope="module")
def vqvae():
    return models.build("vqvae", image_shape=(64, 32), width=0.05, depth=2, codebook_size=32)


@pytest.fixture
def comparison(tmp_path, pictures, vae, vqvae):
    names = np.repeat(["a", "b", "c", "d", "e", "f"], 10)
    index = pd.DataFrame({"subject": names, "slice": np.tile(np.arange(10), 6)})
    np.save(tmp_path / "images.npy", pictures)
    rounds = (Round("holdout", "", ("a", "b", "c"), ("d",), ("e", "f")),)
    index = index.assign(slices=10, row=np.arange(60))
    slices = SplitSlices(tmp_path / "images.npy", index, pd.DataFrame(), rounds, "axial")
    copying = models.build("residual_unet", image_shape=(64, 32), width=0.05)
    networks = {"vae": vae, "vqvae": vqvae, "residual_unet": copying}
    networks = {name: Untrained(model) for name, model in networks.items()}
    return ModelComparison(slices, {}, networks)


def test_a_page_costs_its_places_times_the_logarithm_of_the_codes(vqvae, pictures):
    bits = of_rates.bits_of_slices_in(vqvae, pictures[:3])
    np.testing.assert_array_equal(bits, [16 * 8 * 5] * 3)  # 64x32 halved twice; 32 codes


def test_a_posterior_costs_its_kl(vae, pictures, monkeypatch):
    mean = np.array([[0.0, 0, 0], [2, 0, 0]])
    log_var = np.log(np.array([[1.0, 1, 1], [1, 1, 0.25]]))
    monkeypatch.setattr(models, "outputs_of", lambda encoder, images: (mean, log_var, mean))
    bits = of_rates.bits_of_slices_in(vae, pictures[:2])
    nats = 0.5 * 4 + 0.5 * (0.25 - 1 + np.log(4))
    np.testing.assert_allclose(bits, [0, nats / np.log(2)], rtol=1e-6)  # of float32


def test_networks_with_a_code_are_rated_and_others_are_not(comparison):
    rates = studies.rate_distortion(comparison, curve=(8, 64))
    assert set(rates[rates.rival != ""].model) == {"vae", "vqvae"}
    assert rates.subject.unique().tolist() == ["e", "f"]
    by_model = studies.rates_by_model(rates)
    assert by_model.bits_are.iloc[0] == of_rates.OF_LEVELS and set(by_model.people) == {2}
    pca = by_model[by_model.bits_are == of_rates.OF_LEVELS]
    assert {"PCA in 8 bits", "PCA in 64 bits", "PCA in 640 bits"} <= set(pca.model)
    assert pca.bits_a_slice.is_monotonic_increasing and pca.psnr.iloc[-1] > pca.psnr.iloc[0] + 3


def test_a_network_meets_pca_of_as_many_bits_person_by_person(comparison):
    rates = studies.rate_distortion(comparison, curve=())
    found = {name: (rival, paired) for name, rival, paired in studies.against_as_many_bits(rates)}
    rival, paired = found["vqvae"]
    assert rival == "PCA in 640 bits" and paired.people == 2
    mean = rates.groupby(["model", "subject"]).psnr.mean()
    assert paired.difference == pytest.approx((mean["vqvae"] - mean[rival]).mean())
    assert paired.difference < -5 and paired.below == 2  # it was never trained


def test_a_prior_moves_a_page_to_fewer_bits_at_the_same_quality(comparison):
    rates = studies.rate_distortion(comparison, slices_per_person=4, curve=())
    by_model = studies.rates_by_model(rates)
    more = studies.with_priors(by_model, {"vqvae": 40.0})
    assert len(more) == len(by_model) + 1
    pages = more[more.model == "vqvae"]
    assert pages.bits_a_slice.tolist() == [640, 40] and pages.psnr.nunique() == 1
    points = studies.rate_points(more)
    assert set(points.family) == {of_rates.PCA_CURVE, "vae", "vqvae"}
    assert points.label.tolist()[-1] == "by its prior"
    assert points.label.tolist()[:-1] == ["", "vae", "vqvae"]
    assert set(points[points.family == of_rates.PCA_CURVE].label) == {""}
    assert "PCA in 0 bits" in set(more.model)  # beside the VAE, which was never trained
    assert points.bits_a_slice.min() > 0 and len(points) == len(more) - 1
