"""Model cards: what each network is, was trained on, reaches and must not be used for."""

from typing import Any

import pandas as pd

from brainlib.show.report.document import Cell, Column, Paragraph, Section, Table
from brainlib.show.report.saved import Saved

ABOUT = (
    "A model card says in one place what a network is and what it is not for [@mitchell2019]. Each "
    "model lies in the run folder, under `models/`."
)
USE = "Research and teaching on 2-D slices of T1-weighted brain MRI prepared as in [sec:methods]"
NOT_FOR = "Diagnosis, single patients, other contrasts, other scanners without a new test"
CARDS = (  # name, chapter, table of properties, what its output is
    ("VAE", "04_vae", "Rebuilds slices; draws new ones from its latent space"),
    ("VQ-VAE", "05_vqvae", "Rebuilds slices from codes; draws new ones through a prior over codes"),
    ("VQGAN", "06_vqgan", "Rebuilds slices sharply; draws new ones through a prior over codes"),
    ("Restoring autoencoders", "07_ae_variants", "Give back the clean slice of a damaged one"),
    (
        "Anomaly detectors",
        "09_anomaly_detection",
        "Rebuild healthy slices; what is left is the score",
    ),
)


def model_cards(saved: Saved) -> Section:
    """A card for each kind of network that the run trained."""
    cards = [_card(saved, *card) for card in CARDS if card[1] in saved.results]
    return Section("models", "Model cards", (Paragraph(ABOUT), *cards))


def _card(saved: Saved, name: str, notebook: str, task: str) -> Table:
    parameters = saved.results[notebook]["parameters"]
    rows = [
        ("Task", task),
        ("Intended use", USE),
        ("Not for", NOT_FOR),
        ("Trained on", _trained_on(saved)),
        ("Weights", _weights(saved, notebook)),
        ("Training", _training(parameters)),
        ("Measured", _measured(saved, notebook)),
        ("File", _files(saved.note(notebook, "models"))),
    ]
    cells = tuple((Cell(label), Cell(text)) for label, text in rows if text)
    caption = f"Model card: {name}."
    return Table(f"models/{notebook}", caption, (Column("What"), Column("Of this model")), cells)


def _trained_on(saved: Saved) -> str:
    split = saved.table("03_split", "split")
    if split is None:
        return saved.source
    training = int((split["split"] == "train").sum())
    return f"{training} people of the first division; {saved.source}"


def _weights(saved: Saved, notebook: str) -> str:
    """Numbers of weights, from the table of models or of a model's properties."""
    table = saved.table(notebook, "models")
    if table is not None:
        named = [one for one in ("weights", "parameters", "trainable") if one in table]
        pairs = zip(table["model"], table[named[0]]) if named else ()
        return "; ".join(f"{model}: {_count(value)}" for model, value in pairs)
    properties = saved.table(notebook, "model")
    if properties is None:
        return ""
    found = dict(zip(properties["property"], properties["value"]))
    return _count(found.get("parameters"))


def _training(parameters: dict[str, Any]) -> str:
    named = (
        "steps",
        "epochs",
        "learning_rate",
        "batch_size",
        "loss",
        "recipe",
        "likelihood",
        "beta",
        "width",
    )
    parts = [f"{name.replace('_', ' ')} {parameters[name]}" for name in named if name in parameters]
    return ", ".join(parts)


def _measured(saved: Saved, notebook: str) -> str:
    """The first finding of the chapter: effect, interval and people."""
    found = [one for one in saved.findings if one.chapter == notebook]
    return f"{found[0].claim}: {found[0].verdict} ({found[0].words.rstrip('.')})" if found else ""


def _files(models: Any) -> str:
    if not isinstance(models, dict):
        return ""
    return ", ".join(f"`{path}`" for path in models.values() if isinstance(path, str))


def _count(value: Any) -> str:
    number = pd.to_numeric(value, errors="coerce")
    return "" if pd.isna(number) else f"{int(number):,}"
