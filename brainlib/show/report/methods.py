"""The chapter on methods: from the parameters of the run, with the networks' diagrams."""

from collections.abc import Mapping
from typing import Any

from brainlib.record.names import in_words
from brainlib.show.findings import chapters_in_words
from brainlib.show.report import shown
from brainlib.show.report.document import Block, Paragraph, Section
from brainlib.show.report.saved import Saved

NETWORKS = ("04_vae", "05_vqvae", "06_vqgan", "07_ae_variants", "09_anomaly_detection")
MEASURES = (
    "**Rebuilding and restoring.** The mean squared error (MSE) and the peak signal-to-noise ratio "
    "(PSNR) compare pixel by pixel. The structural similarity (SSIM) compares small windows "
    "[@wang2004]; DSSIM = (1 − SSIM)/2 is 0 for equal pictures.",
    "**Drawing.** The Fréchet distance compares drawn with real slices in a fixed feature space "
    "[@heusel2017]. Precision says how many drawn slices look real, recall how much of what is "
    "real is drawn [@kynkaanniemi2019]. Real slices of other people give the floor.",
    "**Finding lesions.** AUROC and AUPRC judge a score over all thresholds, and AUPRC stands "
    "beside the prevalence that chance reaches. The Dice coefficient judges one threshold, which "
    "is chosen on validation people.",
)
STATISTICS = (
    "Each person counts once, with the mean over that person's slices. Differences are paired: the "
    "same people, the same slices. Intervals hold 95 %, Student's for paired differences and a "
    "bootstrap over people for means. Where several pairs are compared, p values are corrected "
    "after Holm [@holm1979]. A claim is called shown only where the whole interval speaks for it, "
    "and only with six people or more: with five, no sign test can reach p < 0.05 on both sides."
)
SOFTWARE = (
    "The networks are built in Keras [@chollet2015] and TensorFlow [@abadi2015]. Snakemake "
    "[@molder2021] decides which chapter runs again. [sec:reproducibility] has the versions."
)


def methods_chapter(saved: Saved) -> Section:
    """Networks and training, measures, statistics, software."""
    networks = [_network(saved, name) for name in NETWORKS if name in saved.results]
    measures = Section("measures", "Measures", tuple(Paragraph(text) for text in MEASURES))
    statistics = Section("statistics", "Statistics", (Paragraph(STATISTICS),))
    software = Section("software", "Software", (Paragraph(SOFTWARE),))
    sections = (*(one for one in networks if one.blocks), measures, statistics, software)
    return Section("methods", "Methods", (), sections)


def settings_in_words(saved: Saved, notebook: str) -> list[Paragraph]:
    """Sentences from the parameters of a chapter; those that name an unknown one are left out."""
    parameters = saved.results.get(notebook, {}).get("parameters", {})
    values = {name: in_words(_value(value)) for name, value in parameters.items()}
    values |= {"length": _length(parameters), "others_length": _length(parameters, "others_")}
    sentences = []
    for template in chapters_in_words().get(notebook, {}).get("settings", []):
        try:
            sentences.append(template.format_map(values))
        except KeyError:
            continue
    return [Paragraph(" ".join(sentences), "generated")] if sentences else []


def _length(parameters: Mapping[str, Any], whose: str = "") -> str:
    """How long a network is trained: so many steps, or so many passes over the pictures."""
    steps, epochs = parameters.get(f"{whose}steps"), parameters.get(f"{whose}epochs")
    parts = f", looked at {epochs} times on validation people" if epochs else ""
    return f"{steps} steps{parts}" if steps else f"{epochs} epochs"


def _network(saved: Saved, notebook: str) -> Section:
    words = chapters_in_words()[notebook]
    diagrams = shown.figures(saved, notebook, words.get("methods", []))
    blocks: list[Block] = [Paragraph(words["how"]), *settings_in_words(saved, notebook)]
    blocks += shown.pointing_to(diagrams, "how the network is built")
    return Section(f"methods-{notebook[:2]}", words["title"], (*blocks, *diagrams))


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(one) for one in value) or "none"
    return "none" if value == "" else str(value)
