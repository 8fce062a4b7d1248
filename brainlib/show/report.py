"""The report of a run and the quality page of a cohort, from what notebooks saved."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from brainlib import files, slices
from brainlib.heads import masks as masking
from brainlib.heads import volumes
from brainlib.show import labs as widgets
from brainlib.show import pages, plots

SECTIONS = {  # notebook -> (heading, what it is about, for a stranger)
    "01_explore": (
        "The scans",
        "Which heads were used, how their files differ by scanner, and what is wrong with the "
        "table of participants.",
    ),
    "02_slice_selection": (
        "From heads to pictures",
        "A head is cut into slices; only those with enough brain are kept. Five rules are "
        "compared on the same heads.",
    ),
    "03_split": (
        "Who trains, who tests",
        "Subjects, never slices, are divided, so that no network is tested on a person that it "
        "has seen.",
    ),
    "04_vae": (
        "A variational autoencoder",
        "It presses each picture into a few numbers, rebuilds it, and draws new pictures from "
        "numbers at random.",
    ),
    "05_vqvae": ("A vector-quantised autoencoder", "Pictures as words of a learned codebook."),
    "06_vqgan": ("An adversarial one", "A second network judges how real a picture looks."),
    "07_ae_variants": (
        "Autoencoders that restore",
        "Residual and skip-connection networks learn to mend corrupted pictures.",
    ),
    "08_evaluation": (
        "How good are they?",
        "All models on the same test subjects, on clean and on corrupted pictures, beside "
        "simple references.",
    ),
    "09_anomaly_detection": (
        "Finding what does not belong",
        "Networks that know healthy brains only, looking at others.",
    ),
    "12_inspector": (
        "What is wrong with these models?",
        "Every question that a model and a few pictures can answer.",
    ),
}
ROWS_SHOWN, ROWS_UNFOLDED = 25, 12
SYNTHETIC = (
    "Made with synthetic heads. It shows how the methods work; no number in it says anything "
    "about patients."
)
COMPUTED = (
    "Every number below was computed by the run that wrote this page; the executed notebooks "
    "beside it hold the code of each figure. Intervals are 95 % bootstrap intervals over subjects, "
    "since slices of one head are not independent."
)
ODD = "a measure lies more than 3.5 robust standard deviations from the cohort's median"
OUTLINES = (
    "Look at the outlines: the mask should hold the whole brain and nothing else. To leave a "
    "subject out, add a line 'subject,reason' to exclude.csv in the run folder; notebook 03 and "
    "all later ones respect it."
)


def build(
    folder: Path | str, *, title: str = "Autoencoders on brain MRI", partial: Sequence[str] = ()
) -> Path:
    """Writes `report.html` from what a run saved: results, figures and tables.

    No network, no GPU and no model is needed.

    Args:
        folder: the run folder.
        title: of the page.
        partial: names of notebooks whose results are missing; the page says so in its first line.

    Returns:
        the path of the page.
    """
    folder = Path(folder)
    results = _read_results(folder)
    source = next((result["data_note"] for result in results if result.get("data_note")), "")
    banners = []
    if partial:
        banners.append(("bad", f"This report is partial. Missing: {', '.join(partial)}."))
    if "ynthetic" in source:
        banners.append(("", SYNTHETIC))
    parameters = {}
    for result in results:
        parameters |= result["parameters"]
    where = f"Run folder: {folder.name}. Random seed {parameters.get('seed')}."
    footer = [f"{where} Parameters of each notebook: results/*.json and run.json."]
    if "brain-development.org" in source:
        footer.append("IXI data: brain-development.org/ixi-dataset, CC BY-SA 3.0.")
    counters = {"figure": 0, "table": 0}
    page = pages.render(
        title=title,
        banners=banners,
        opening=[f"{source}.", COMPUTED],
        sections=[_section(folder, result, counters) for result in results],
        footer=footer,
    )
    files.write_text(folder / "report.html", page)
    return folder / "report.html"


def _read_results(folder: Path) -> list[dict[str, Any]]:
    """What the notebooks of a run handed on, in their order, but for the report's own."""
    paths = sorted((folder / "results").glob("[0-9]*.json"))
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    results = [result for result in results if not result["notebook"].startswith("10")]
    if not results:
        wanted = "expected results of notebooks to report on, found none"
        raise FileNotFoundError(f"{folder}: {wanted}. Run ./run_all.sh first.")
    return results


def _section(folder: Path, result: dict[str, Any], counters: dict[str, int]) -> dict[str, Any]:
    """The section of a notebook; its figures and tables are numbered on."""
    name = result["notebook"]
    heading, about = SECTIONS.get(name, (name, ""))
    figures, tables = [], []
    for entry in result["figures"]:
        counters["figure"] += 1
        path = next(path for path in entry["files"] if path.endswith(".png"))
        source = _data_url((folder / path).read_bytes())
        caption = entry["caption"] or entry["name"]
        figures.append({"number": counters["figure"], "caption": caption, "source": source})
    for entry in result["tables"]:
        path = next(iter(entry["files"]))
        frame = pd.read_csv(folder / path, keep_default_na=False, na_values=[""])
        if len(frame):
            counters["table"] += 1
            tables.append(_table(frame, entry, path, counters["table"]))
    return pages.section(
        name,
        heading,
        paragraphs=[about] if about else [],
        facts=[(key.replace("_", " "), _words(value)) for key, value in result["notes"].items()],
        figures=figures,
        tables=tables,
    )


def _table(frame: pd.DataFrame, entry: dict[str, Any], path: str, number: int) -> dict[str, Any]:
    cut = f"First {ROWS_SHOWN} of {len(frame)} rows; all are in {path}."
    return pages.table(
        frame.head(ROWS_SHOWN),
        number=number,
        caption=entry["caption"] or entry["name"],
        open=len(frame) <= ROWS_UNFOLDED,
        more=cut if len(frame) > ROWS_SHOWN else "",
    )


def _words(value: Any) -> str:
    """A note in words."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(item) for item in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(item)}" for key, item in value.items())
    return str(value)


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def quality_page(
    path: Path | str,
    ranked: pd.DataFrame,
    cohort: pd.DataFrame,
    *,
    masks: Path | str,
    method: str = "deepbrain",
    source: str = "",
) -> Path:
    """Writes a page with the middle slices and mask outline of every head, the oddest first.

    Args:
        path: of the page.
        ranked: from `slices.outliers`, one row per head with `subject`, `outlier` and `why`.
        cohort: with `subject`, `path`, `brain_path`.
        masks: folder of the cached masks.
        method: as in `masking.cached_mask`.
        source: the line about the data.

    Returns:
        the path.
    """
    heads = cohort.set_index("subject")
    figures = []
    for row in ranked.itertuples():
        volume = volumes.load(heads.path[row.subject])
        given = heads.brain_path[row.subject]
        mask = masking.cached_mask(volume, cache=masks, method=method, given=given)
        verdict = f"ODD: {row.why}" if row.why else "unsuspicious"
        who = f"{row.subject} ({row.site}, {row.group})"
        caption = f"{who} - {verdict}; largest robust z {row.outlier:.1f}"
        picture = _data_url(widgets.png(_three_planes(volume, mask)))
        figures.append({"caption": caption, "source": picture})
    odd = int((ranked["why"] != "").sum())
    page = pages.render(
        title="Quality of the heads and their masks",
        opening=[f"{source}. {len(ranked)} heads, {odd} of them odd: {ODD}.", OUTLINES],
        sections=[
            pages.section(
                "heads",
                "Heads, the oddest first",
                figures=figures,
                tables=[pages.table(ranked, caption="All measures")],
            )
        ],
        footer=[source],
    )
    files.write_text(path, page)
    return Path(path)


def _three_planes(volume: volumes.Volume, mask: np.ndarray) -> Figure:
    """Figure: the slice with most brain in each plane, with the mask's outline."""
    figure = Figure(figsize=(8.4, 2.9), dpi=80, layout="constrained")
    top = float(np.percentile(volume.array[::2, ::2, ::2], 99.5))
    for ax, plane in zip(figure.subplots(1, 3), volumes.PLANES):
        brains = slices.pictures(mask, plane)
        number = (
            int(np.argmax(brains.sum(axis=(1, 2)))) if plane != "sagittal" else len(brains) // 2
        )
        plots.brain(
            slices.pictures(volume.array, plane)[number],
            ax=ax,
            plane=plane,
            mask=brains[number],
            window=(0, top),
            spacing_mm=slices.pixel_mm(volume.voxel_mm, plane),
            title=f"{plane} {number}",
        )
    return figure
