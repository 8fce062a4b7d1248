"""The report holds what chapters saved, their findings first; nothing is computed again."""

import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from brainlib.record import NotRunYet
from brainlib.show import chapters, pages, report


def write_result(folder, notebook, *, findings=(), notes=None):
    """A chapter's result with one figure and one table."""
    figures, tables = folder / "figures" / notebook, folder / "tables" / notebook
    for place in (figures, tables, folder / "results"):
        place.mkdir(parents=True, exist_ok=True)
    plt.figure(figsize=(1, 1)).savefig(figures / "loss.png")
    plt.close("all")
    pd.DataFrame({"model": ["nothing", "vae"], "psnr": [9.0, 21.5]}).to_csv(
        tables / "quality.csv", index=False
    )
    result = {
        "notebook": notebook,
        "parameters": {"seed": 3},
        "data_note": "Synthetic phantom data - not patients",
        "notes": notes or {},
        "findings": list(findings),
        "figures": [entry("loss", f"figures/{notebook}/loss.png")],
        "tables": [entry("quality", f"tables/{notebook}/quality.csv")],
    }
    (folder / "results" / f"{notebook}.json").write_text(json.dumps(result))


def entry(name, path):
    return {"name": name, "caption": f"The `{name}` of all.", "files": {path: "0" * 64}}


@pytest.fixture
def run_folder(tmp_path):
    better = {
        "claim": "The VAE beats doing nothing",
        "verdict": "shown",
        "words": "shown: VAE - nothing = 12.5 dB [11, 14], better on 5 of 5 people.",
    }
    sharper = {"claim": "It is < sharp", "verdict": "not shown", "words": "by 0.1 [-1, 1]."}
    write_result(tmp_path, "04_vae", findings=[better, sharper], notes={"kl_nats": 10.0})
    write_result(tmp_path, "07_ae_variants")
    return tmp_path


def test_findings_stand_first_in_their_chapter(run_folder):
    page = report.build(run_folder).read_text()
    section = page.split('id="04_vae"')[1].split("</section>")[0]
    places = [section.index(words) for words in ("The VAE beats", "kl nats", "<img", "<table")]
    assert places == sorted(places)
    assert "<em>shown</em>: VAE - nothing = 12.5 dB" in section  # the verdict stands once
    assert "It is &lt; sharp" in section and 'class="not-shown"' in section
    assert "2 claims were put to the test: 1 shown, 1 not shown." in page
    assert 'class="findings"' not in page.split('id="07_ae_variants"')[1]


def test_what_is_missing_is_said_first(run_folder):
    page = report.build(run_folder, partial=["05_vqvae"]).read_text()
    assert page.index("Missing: 05_vqvae") < page.index("no number in it says anything")
    assert "Table 2" in page and "Figure 2" in page and "Random seed 3" in page
    with pytest.raises(NotRunYet, match=r"run_all\.sh --out"):
        report.build(run_folder / "results")


def test_a_chapter_has_one_row_in_the_summary(run_folder):
    results = chapters.read_results(run_folder)
    table = chapters.summary(results)
    assert table.chapter.tolist() == ["04_vae", "07_ae_variants"]
    assert table[["shown", "not shown", "too few to decide"]].sum().tolist() == [1, 1, 0]
    assert chapters.counts_in_words(chapters.findings(results[1:])).startswith("No chapter")


def test_pages_write_emphasis_but_no_html_of_others():
    assert pages.with_emphasis("`a<b` of *x_y* <b>") == (
        "<code>a&lt;b</code> of <em>x_y</em> &lt;b&gt;"
    )
