"""The profiles of the theses have what the theses say: each fact with its section."""

from pathlib import Path

import pytest

from brainlib import training
from brainlib.run import catalogue, settings
from brainlib.slices import splits
from brainlib.slices.selection import MIN_BRAIN_FRACTION, RANGES

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SLICES, SPLIT, VAE, VQVAE = "02_slice_selection", "03_split", "04_vae", "05_vqvae"
VQGAN, RESTORERS, ANOMALIES = "06_vqgan", "07_ae_variants", "09_anomaly_detection"
EXPERIMENT = "11_experiment"

FACTS = [  # profile, section of the thesis, notebook, parameter, value
    ("paper-000", "3.2 and table 3.1", SLICES, "plane", "axial"),
    ("paper-000", "3.2, figures 3.4 and 3.5", SLICES, "method", "range"),
    ("paper-000", "table 3.1", SLICES, "size", 128),
    ("paper-000", "3.2 (all slices of the range)", SLICES, "every", 1),
    ("paper-000", "3.2, storing data", SPLIT, "preset", "000"),
    ("paper-000", "3.3.1, figure 3.10", VAE, "latent_dim", 1024),
    ("paper-000", "figure 3.8", VAE, "width", 1.0),
    ("paper-000", "3.3.1, equation 3.1", VAE, "likelihood", "seed"),
    ("paper-000", "3.3.1 (no warm-up)", VAE, "beta_warm_up", 0),
    ("paper-000", "3.3.7.1", VAE, "epochs", 500),
    ("paper-000", "3.3.7.1 (whole epochs)", VAE, "steps", 0),
    ("paper-000", "3.3.7.1 (no early stop)", VAE, "recipe", "000"),
    ("paper-000", "the author's program", VAE, "learning_rate", 5e-4),
    ("paper-000", "the author's program", VAE, "batch_size", 64),
    ("paper-000", "3.3.7.1 (whole epochs)", VQVAE, "steps", 0),
    ("paper-000", "3.3.7.1 (no early stop)", VQVAE, "recipe", "000-vqvae"),
    ("paper-000", "figure 3.11", VQVAE, "depth", 6),
    ("paper-000", "figure 3.11", VQVAE, "code_dim", 16),
    ("paper-000", "figure 3.11", VQVAE, "width", 1.0),
    ("paper-000", "3.3.2", VQVAE, "codebook", "gradient"),
    ("paper-000", "3.3.2", VQVAE, "kmeans_start", False),
    ("paper-000", "3.3.2", VQVAE, "restart_after", 0),
    ("paper-000", "the author's program (MNIST)", VQVAE, "loss_weight", 0.0949),
    ("paper-000", "3.3.7.1", VQVAE, "epochs", 500),
    ("paper-000", "the author's program", VQVAE, "learning_rate", 1e-3),
    ("paper-000", "the author's program", VQVAE, "batch_size", 64),
    ("paper-002", "4.1.1", SPLIT, "preset", "002"),
    ("paper-002", "4.1.2", ANOMALIES, "size", [70, 95, 79]),
    ("paper-002", "4.1.2", ANOMALIES, "voxel_mm", 1.0),
    ("paper-002", "4.1.2", ANOMALIES, "smoothing", "curvature_flow"),
    ("paper-002", "4.2.1", ANOMALIES, "width", 1.0),
    ("paper-002", "4.2.1", ANOMALIES, "models_used", ["vae_uad", "vqvae_uad", "vqgan_uad"]),
    ("paper-002", "4.2.3", ANOMALIES, "recipe", "002"),
    ("paper-002", "4.2.3", ANOMALIES, "epochs", 1200),
    ("paper-002", "4.2.3 (whole epochs)", ANOMALIES, "steps", 0),
    ("paper-002", "4.2.3", ANOMALIES, "learning_rate", 1e-4),
    ("paper-002", "4.2.3", ANOMALIES, "batch_size", 16),
    ("paper-002", "4.2.4", ANOMALIES, "median", 9),
    ("paper-002", "4.2.4 and table 5.4", ANOMALIES, "thesis_order", "all"),
    ("paper-002", "4.2.2", ANOMALIES, "latent_dims", [32, 64, 128, 256]),
    ("paper-002", "4.2.1, figure 4.4", VQGAN, "depth", 4),
    ("paper-002", "4.2.1, figure 4.4", VQGAN, "blocks", [2, 3]),
    ("paper-002", "equation 3.14", VQGAN, "adversarial_weight", 1.0),
    ("paper-002", "4.2.3", VQGAN, "epochs", 1200),
    ("paper-002", "4.2.3 (whole epochs)", VQGAN, "steps", 0),
    ("paper-002", "4.2.3", VQGAN, "recipe", "002"),
    ("paper-002", "4.2.3", VQGAN, "others_recipe", "002"),
    ("paper-003", "3.1", SLICES, "plane", "sagittal"),
    ("paper-003", "3.1", SLICES, "method", "range"),
    ("paper-003", "4.1", SLICES, "size", 256),
    ("paper-003", "table 3.1", SPLIT, "preset", "003-counts"),
    ("paper-003", "4.3.1", RESTORERS, "corruption", "seed003"),
    ("paper-003", "5", RESTORERS, "resnet_epochs", 100),
    ("paper-003", "5", RESTORERS, "resnet_steps", 0),
    ("paper-003", "4.3 and tables 5.1 to 5.3", RESTORERS, "resnet_recipe", "own"),
    ("paper-003", "tables 5.1 to 5.3 (batch by network)", RESTORERS, "resnet_batch", 0),
    ("paper-003", "tables 5.2 and 5.3", RESTORERS, "resnet_losses", ["mse", "dssim_contrib"]),
    ("paper-004", "figure 5.11", RESTORERS, "blocks", ["full_pre", "original"]),
    ("paper-003", "table 4.3", RESTORERS, "width", 1.0),
    ("paper-003", "5", EXPERIMENT, "epochs", 100),
    ("paper-003", "tables 5.1 to 5.3 (batch by network)", EXPERIMENT, "batch_size", 0),
    ("paper-004", "5.2.1.1", SLICES, "plane", "sagittal"),
    ("paper-004", "5.2.1.2", SLICES, "method", "brain"),
    ("paper-004", "5.2.1.2", SLICES, "mask", "deepbrain"),
    ("paper-004", "5.2.2", SLICES, "size", 128),
    ("paper-004", "5.2.2", SLICES, "scaling", "slice"),
    ("paper-004", "table 5.1", SPLIT, "preset", "004"),
    ("paper-004", "5.4.3, as its program has it", RESTORERS, "corruption", "seed004_code"),
    ("paper-004", "5.4.5", RESTORERS, "recipe", "004"),
    ("paper-004", "5.4.5", RESTORERS, "epochs", 100),
    ("paper-004", "5.4.5", RESTORERS, "steps", 0),
    ("paper-004", "5.4.5", RESTORERS, "loss", "mse"),
    ("paper-004", "5.4.5", RESTORERS, "batch_size", 32),
    ("paper-004", "5.4.4", RESTORERS, "width", 1.0),
]


@pytest.fixture(scope="module")
def resolved():
    """{profile: {notebook: parameters}} of the theses' profiles."""
    table = catalogue.read_table(NOTEBOOKS / "Snakefile")
    notebooks = catalogue.read_notebooks(list(table), table, NOTEBOOKS)
    found = {}
    for name in ("paper-000", "paper-002", "paper-003", "paper-004"):
        profile = settings.read_profile(name, table, notebooks, NOTEBOOKS)
        assert "own setting" in profile.note
        found[name] = settings.parameters_of(notebooks, profile, [], data="ixi", out="o")
    return found


@pytest.mark.parametrize("profile, section, notebook, name, value", FACTS)
def test_a_profile_has_the_theses_fact(resolved, profile, section, notebook, name, value):
    assert resolved[profile][notebook][name] == value, section


def test_codebooks_of_thesis_002_are_left_alone(resolved):
    options = resolved["paper-002"][ANOMALIES]["model_options"]
    for name in ("vqvae_uad", "vqgan_uad"):
        left = {key: options[name][key] for key in ("codebook", "kmeans_start", "restart_after")}
        assert left == {"codebook": "gradient", "kmeans_start": False, "restart_after": 0}


def test_a_sweep_leaves_the_profiles_codebook_as_it_is(resolved):
    """What a point does not name in a dictionary is the profile's, not the notebook's."""
    table = catalogue.read_table(NOTEBOOKS / "Snakefile")
    notebooks = catalogue.read_notebooks(list(table), table, NOTEBOOKS)
    profile = settings.read_profile("paper-002", table, notebooks, NOTEBOOKS)
    known = settings.with_dictionaries_of(profile, notebooks)[ANOMALIES].parameters
    point = settings.conform(known["model_options"], {"vqvae_uad": {"code_dim": 32}}, "here")
    assert point["vqvae_uad"]["code_dim"] == 32 and not point["vqvae_uad"]["kmeans_start"]
    assert notebooks[ANOMALIES].parameters["model_options"].default["vqvae_uad"]["kmeans_start"]


def test_what_the_names_stand_for_is_the_theses():
    assert RANGES["axial"] == (160 / 256, 190 / 256)  # thesis 000, section 3.2
    assert RANGES["sagittal"] == (50 / 150, 110 / 150)  # thesis 003, section 3.1
    assert MIN_BRAIN_FRACTION == 3000 / 256**2  # thesis 004, section 5.2.1.2
    assert splits.PRESETS["002"] == (0.7, 0.1, 0.2)  # thesis 002, section 4.1.1
    assert splits.stratified_by("003-counts") == ("cohort", "sex", "ethnic")  # 003, section 3.2
    assert "age_group" in splits.stratified_by("004")  # thesis 004, section 5.3
    for name in ("000", "000-vqvae"):  # thesis 000: 500 epochs, nothing stops them
        plan = training.RECIPES[name]
        assert (plan.epochs, plan.batch_size, plan.optimizer) == (500, 64, "adam")
        assert (plan.stop_patience, plan.plateau_factor) == (0, 0)
    plan = training.RECIPES["004"]  # section 5.4.5
    assert (plan.optimizer, plan.stop_patience, plan.plateau_factor) == ("rmsprop", 20, 0.2)
    plan = training.RECIPES["003"]  # sections 4.3 and 5.1
    assert (plan.optimizer, plan.plateau_patience, plan.stop_patience) == ("rmsprop", 2, 0)
    sizes = {"003-big-dssim": 24, "003-resnet50": 8, "003-resnet50_short": 16}  # tables 5.1 to 5.3
    assert {name: training.RECIPES[name].batch_size for name in sizes} == sizes
