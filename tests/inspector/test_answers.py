"""Answers of several models beside each other say what each was asked and who is at fault."""

import pytest

from brainlib import inspector
from brainlib.inspector.findings import finding, unanswered

CODES = "perplexity over codes"
BITS = "bits an image"
VARIANCE = "assumed variance over squared error"


def answer(name, value, *, flagged=False):
    return finding(
        name, value, "bits", expected="32", flagged=flagged, why="So it is.", todo="Mend it."
    )


@pytest.fixture
def findings():
    vae = (answer(BITS, 154.3), unanswered(VARIANCE, "times", expected="1", why="Nobody knows."))
    vqvae = (answer(BITS, 28, flagged=True), answer(CODES, 0.0987, flagged=True))
    reports = {
        "vae": inspector.Report("network", "VAE", vae, {}),
        "vqvae": inspector.Report("network", "VQ-VAE", vqvae, {}),
    }
    return inspector.all_findings(reports)


def test_a_cell_says_value_fault_and_not_asked(findings):
    table = inspector.answers(findings, [BITS, CODES, VARIANCE])
    assert table.model.tolist() == ["vae", "vqvae"]
    assert table[BITS].tolist() == ["154", "28, FAULT"]
    assert table[CODES].tolist() == ["not asked", "0.0987, FAULT"]
    assert table[VARIANCE].tolist() == ["cannot be told", "not asked"]


def test_reasons_name_the_faults_only(findings):
    said = inspector.reasons(findings, [BITS])
    assert said == "- **bits an image**. Mend it.\n    - `vqvae`: So it is."
    assert inspector.reasons(findings, [VARIANCE]) == "No model is at fault here."
    assert inspector.reasons(findings, ["dead units"]) == "No model was asked."


def test_a_verdict_counts_models_not_answers(findings):
    found = inspector.verdict(findings, [BITS, CODES])
    assert found == {
        "verdict": "not shown",
        "words": "faults in 1 of 2 models: bits an image (vqvae); perplexity over codes (vqvae).",
        "models": 2,
        "faulty": 1,
    }
    sound = inspector.verdict(findings, [VARIANCE])
    assert sound["verdict"] == "shown" and sound["words"] == "no fault in 1 model."
    assert inspector.verdict(findings, ["dead units"])["verdict"] == "not asked"
