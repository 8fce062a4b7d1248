"""Names of the code become words where people read, and stay in code."""

import matplotlib.pyplot as plt
import pytest

from brainlib.anomaly.scores import BASELINES, METHODS
from brainlib.models import NAMES
from brainlib.record.figure_words import use_words
from brainlib.record.names import in_words
from brainlib.slices.corruptions import PRESETS
from brainlib.slices.selection import METHODS as RULES
from brainlib.training.losses import NAMES as LOSSES

CODE_NAMES = [*NAMES, *LOSSES, *(name for name in (*PRESETS, *RULES) if name != "none")]


@pytest.mark.parametrize("name", [one for one in CODE_NAMES if "_" in one or "seed" in one])
def test_every_name_of_the_code_has_words(name):
    for text in (name, f"Of {name}, two."):
        words = in_words(text)
        assert name not in words and "_" not in words


@pytest.mark.parametrize("network", ["vae_uad", "vqvae_uad", "vqgan_uad"])
def test_every_detector_has_words(network):
    for method in set(METHODS) - set(BASELINES):
        detector = f"{network} {method}".replace("_", " ")  # as the anomaly study names it
        words = in_words(detector)
        assert " uad" not in words and words.endswith(")") and words.count("(") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Stroke: vae uad restoration negative finds more",
            "Stroke: anomaly VAE (restoration, darker) finds more",
        ),
        ("skip_connection_cae - doing nothing", "skip-connection CAE - doing nothing"),
        ("slices damaged as in seed004 nearer", "slices damaged as in thesis 004 nearer"),
        ("Input seed003_test, DSSIM", "Input damaged as in thesis 003's test, DSSIM"),
        ("paired; p_t_holm: corrected", "paired; p (t, Holm): corrected"),
        ("error residual_unet", "error residual U-Net"),
        ("female, white, [25,65)", "female, white, 25 to 64"),
        ("Psnr gained on the vae", "PSNR gained on the VAE"),
    ],
)
def test_texts_in_words(text, words):
    assert in_words(text) == words == in_words(words)


@pytest.mark.parametrize(
    "text", ["`vae_uad`", "models/vae", "vae.keras", "04_vae", "a vae-like net", "VQ-VAE", "range"]
)
def test_code_files_and_plain_words_stay(text):
    assert in_words(text) == text


def test_a_figure_speaks_in_words():
    figure, axes = plt.subplots(1, 2)
    axes[0].barh(["residual_unet", "mean picture"], [1, 2], label="seed004")
    axes[0].set_title("vae_uad: 8 weights")
    axes[0].legend()
    axes[1].bar([0, 1], [1, 2])
    axes[1].set_xticks([0, 1], ["vae uad\ndssim\n(n = 8)", "PCA 8"])
    axes[1].set_ylabel("log_mse")
    axes[0].xaxis.set_major_formatter(lambda place, _: round(place))  # a number, not a text
    use_words(figure)
    figure.draw_without_rendering()
    rows = [label.get_text() for label in axes[0].get_yticklabels()]
    places = [label.get_text() for label in axes[1].get_xticklabels()]
    legend = [text.get_text() for text in axes[0].get_legend().get_texts()]
    plt.close(figure)
    assert rows == ["residual U-Net", "mean picture"]
    assert places == ["anomaly VAE\n(DSSIM)\n(n = 8)", "PCA 8"]
    assert legend == ["damage of thesis 004"]
    assert axes[0].get_title() == "anomaly VAE: 8 weights" and axes[1].get_ylabel() == "log MSE"


def test_ticks_may_be_named_by_numbers():
    figure, ax = plt.subplots()
    ax.set_xticks([0, 1], [8, 64])  # sizes of a code, as they stand in a table
    use_words(figure)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    plt.close(figure)
    assert labels == ["8", "64"]
