"""HTML pages that need no network: the quality page of a cohort and the report of a run."""

import base64
import json
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from brainlib import files, slices
from brainlib.heads import masks as masking
from brainlib.heads import volumes
from brainlib.show import labs as widgets
from brainlib.show import plots

STYLE = """
body{font:16px/1.55 system-ui,sans-serif;margin:0 auto;max-width:1100px;padding:1.5em;color:#1a1a1a;background:#fff}
h1{line-height:1.2}h2{border-bottom:2px solid #0072B2;padding-bottom:.2em;margin-top:2.2em}
figure{margin:1.4em 0}figure img{max-width:100%;border:1px solid #eee}figcaption{font-size:.9em;color:#333}
table{border-collapse:collapse;font-size:.85em;margin:.5em 0}td,th{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}thead th{border-bottom:2px solid #555}
.scroll{overflow-x:auto}.banner{background:#fff4d6;border-left:6px solid #E69F00;padding:.7em 1em;margin:1em 0}
.bad{background:#fde4dc;border-left-color:#D55E00}nav a{margin-right:1em}code{background:#f3f3f3;padding:0 .25em}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1em}dt{font-weight:600}dd{margin:0}
footer{margin-top:3em;font-size:.85em;color:#555;border-top:1px solid #ddd;padding-top:1em}
"""

PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{ title }}</title>
<style>{{ style|safe }}</style></head><body>
<h1>{{ title }}</h1>
{% for kind, text in banners %}<div class="banner {{ kind }}">{{ text }}</div>{% endfor %}
{% for paragraph in opening %}<p>{{ paragraph }}</p>{% endfor %}
{% if sections|length > 1 %}<nav>{% for section in sections %}<a href="#{{ section.id }}">{{ section.heading }}</a> {% endfor %}</nav>{% endif %}
{% for section in sections %}
<section id="{{ section.id }}"><h2>{{ section.heading }}</h2>
{% for paragraph in section.paragraphs %}<p>{{ paragraph }}</p>{% endfor %}
{% if section.facts %}<dl>{% for name, value in section.facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>{% endif %}
{% for figure in section.figures %}<figure><img src="{{ figure.source }}" alt="{{ figure.caption }}" loading="lazy">
<figcaption>{% if figure.number %}<b>Figure {{ figure.number }}.</b> {% endif %}{{ figure.caption }}</figcaption></figure>{% endfor %}
{% for table in section.tables %}<details{% if table.open %} open{% endif %}><summary>{% if table.number %}<b>Table {{ table.number }}.</b> {% endif %}{{ table.caption }}</summary>
<div class="scroll">{{ table.html|safe }}</div>{% if table.more %}<p>{{ table.more }}</p>{% endif %}</details>{% endfor %}
</section>{% endfor %}
<footer>{% for line in footer %}<div>{{ line }}</div>{% endfor %}</footer>
</body></html>
""")

SECTIONS = {  # notebook -> (heading, what it is about, for a stranger)
    "01_explore": (
        "The scans",
        "Which heads were used, how their files differ by scanner, and what is wrong with the table of participants.",
    ),
    "02_slice_selection": (
        "From heads to pictures",
        "A head is cut into slices; only those with enough brain are kept. Five rules are compared on the same heads.",
    ),
    "03_split": (
        "Who trains, who tests",
        "Subjects, never slices, are divided, so that no network is tested on a person that it has seen.",
    ),
    "04_vae": (
        "A variational autoencoder",
        "It presses each picture into a few numbers, rebuilds it, and draws new pictures from numbers at random.",
    ),
    "05_vqvae": ("A vector-quantised autoencoder", "Pictures as words of a learned codebook."),
    "06_vqgan": ("An adversarial one", "A second network judges how real a picture looks."),
    "07_ae_variants": (
        "Autoencoders that restore",
        "Residual and skip-connection networks learn to mend corrupted pictures.",
    ),
    "08_evaluation": (
        "How good are they?",
        "All models on the same test subjects, on clean and on corrupted pictures, beside simple references.",
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
ROWS_SHOWN = 25


def build(folder, *, title="Autoencoders on brain MRI", partial=()):
    """Writes `report.html` from what a run saved: results, figures and tables. No network, no GPU, no model is needed.

    Args:
        folder: the run folder.
        title: of the page.
        partial: names of notebooks whose results are missing; the page then says so in its first line.

    Returns:
        the path of the page.
    """
    folder = Path(folder)
    results = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((folder / "results").glob("[0-9]*.json"))
    ]
    results = [result for result in results if not result["notebook"].startswith("10")]
    if not results:
        raise FileNotFoundError(
            f"{folder}: expected results of notebooks to report on, found none. Run ./run_all.sh first."
        )
    counters = {"figure": 0, "table": 0}
    sections = [_section(folder, result, counters) for result in results]
    source = next((result["data_note"] for result in results if result.get("data_note")), "")
    banners = (
        [("bad", "This report is partial. Missing: " + ", ".join(partial) + ".")] if partial else []
    )
    if "ynthetic" in source:
        banners.append(
            (
                "",
                "Made with synthetic heads. It shows how the methods work; no number in it says anything about patients.",
            )
        )
    opening = [
        f"{source}.",
        "Every number below was computed by the run that wrote this page; the executed notebooks beside "
        "it hold the code of each figure. Intervals are 95 % bootstrap intervals over subjects, since slices of one "
        "head are not independent.",
    ]
    parameters = {name: value for result in results for name, value in result["parameters"].items()}
    footer = [
        f"Run folder: {folder.name}. Seed {parameters.get('seed')}. Parameters of each notebook: results/*.json and run.json.",
        "IXI data: brain-development.org/ixi-dataset, CC BY-SA 3.0."
        if "brain-development.org" in source
        else "",
    ]
    page = PAGE.render(
        title=title,
        style=STYLE,
        banners=banners,
        opening=opening,
        sections=sections,
        footer=filter(None, footer),
    )
    files.write_text(folder / "report.html", page)
    return folder / "report.html"


def _section(folder, result, counters):
    name = result["notebook"]
    heading, about = SECTIONS.get(name, (name, ""))
    figures, tables = [], []
    for entry in result["figures"]:
        counters["figure"] += 1
        path = next(path for path in entry["files"] if path.endswith(".png"))
        figures.append(
            {
                "number": counters["figure"],
                "caption": entry["caption"] or entry["name"],
                "source": _inline(folder / path),
            }
        )
    for entry in result["tables"]:
        table = pd.read_csv(folder / next(iter(entry["files"])), keep_default_na=False)
        if not len(table):
            continue
        counters["table"] += 1
        tables.append(
            {
                "number": counters["table"],
                "caption": entry["caption"] or entry["name"],
                "open": len(table) <= 12,
                "html": _html(table.head(ROWS_SHOWN)),
                "more": f"First {ROWS_SHOWN} of {len(table)} rows; all are in {next(iter(entry['files']))}."
                if len(table) > ROWS_SHOWN
                else "",
            }
        )
    facts = [(key.replace("_", " "), _words(value)) for key, value in result["notes"].items()]
    return {
        "id": name,
        "heading": heading,
        "paragraphs": [about] if about else [],
        "facts": facts,
        "figures": figures,
        "tables": tables,
    }


def _words(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(item) for item in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(item)}" for key, item in value.items())
    return str(value)


def _html(table):
    hidden = [
        column
        for column in ("data_source", "path", "brain_path", "lesion_path", "twin_path")
        if column in table
    ]
    shown = table.drop(columns=hidden)
    for column in shown:
        numbers = pd.to_numeric(shown[column].replace("", np.nan), errors="coerce")
        if numbers.notna().any() and numbers.notna().sum() == (shown[column] != "").sum():
            whole = (numbers.dropna() % 1 == 0).all()
            shown[column] = [
                "" if np.isnan(number) else f"{number:,.0f}" if whole else f"{number:.4g}"
                for number in numbers
            ]
    return shown.to_html(index=False, border=0)


def _inline(path):
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()


def quality_page(path, ranked, cohort, *, masks, method="deepbrain", source=""):
    """Writes a page with the middle slices and the mask outline of every head, the oddest first.

    Args:
        path: of the page.
        ranked: table from `slices.outliers`, one row a head with `subject`, `outlier` and `why`.
        cohort: table with `subject`, `path`, `brain_path`.
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
        mask = masking.cached_mask(
            volume, cache=masks, method=method, given=heads.brain_path[row.subject]
        )
        picture = base64.b64encode(widgets.png(_three_planes(volume, mask))).decode()
        verdict = f"ODD: {row.why}" if row.why else "unsuspicious"
        figures.append(
            {
                "caption": f"{row.subject} ({row.site}, {row.group}) - {verdict}; largest robust z {row.outlier:.1f}",
                "source": "data:image/png;base64," + picture,
            }
        )
    odd = int((ranked["why"] != "").sum())
    section = {
        "id": "heads",
        "heading": "Heads, the oddest first",
        "paragraphs": [],
        "facts": [],
        "figures": figures,
        "tables": [{"caption": "All measures", "html": _html(ranked), "open": False}],
    }
    opening = [
        f"{source}. {len(ranked)} heads, {odd} of them odd: a measure lies more than 3.5 robust standard deviations from the cohort's median.",
        "Look at the outlines: the mask should hold the whole brain and nothing else. To leave a subject out, add a line "
        "'subject,reason' to exclude.csv in the run folder; notebook 03 and all later ones respect it.",
    ]
    page = PAGE.render(
        title="Quality of the heads and their masks",
        style=STYLE,
        banners=[],
        opening=opening,
        sections=[section],
        footer=[source],
    )
    files.write_text(path, page)
    return Path(path)


def _three_planes(volume, mask):
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
