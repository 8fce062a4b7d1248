"""The report holds what chapters saved, in three forms; nothing is computed again."""

import json
import re
from html.parser import HTMLParser

import docx
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from pypdf import PdfReader

from brainlib.record import NotRunYet
from brainlib.run.__main__ import main
from brainlib.show import chapters, findings, pages, report
from brainlib.show.report import inline, saved, whole
from brainlib.show.report.document import Figure, Table, blocks, label

PAIRED = {"people": 5, "above": 0, "below": 5}


def write_result(folder, notebook, *, found=(), notes=None, source="Synthetic phantom data"):
    """A chapter's result with one figure and one table of its main text."""
    words = findings.chapters_in_words()[notebook]
    figures, tables = folder / "figures" / notebook, folder / "tables" / notebook
    for place in (figures, tables, folder / "results"):
        place.mkdir(parents=True, exist_ok=True)
    name, kept = (words["figures"] or ["loss"])[0], (words["tables"] or ["quality"])[0]
    figure = plt.figure(figsize=(2, 1))
    figure.add_subplot().plot([0, 1], [1, 3])
    figure.savefig(figures / f"{name}.png")
    figure.savefig(figures / f"{name}.pdf")
    plt.close("all")
    frame = pd.DataFrame({"model": ["vae", "mean picture"], "psnr": [21.5, 9.0], "people": [5, 5]})
    frame.to_csv(tables / f"{kept}.csv", index=False)
    result = {
        "notebook": notebook,
        "parameters": {"seed": 3, "epochs": 2, "random_seeds": [0]},
        "data_note": f"{source} (n = 7 subjects)",
        "notes": notes or {},
        "findings": list(found),
        "figures": [entry(name, f"figures/{notebook}/{name}.png", source)],
        "tables": [entry(kept, f"tables/{notebook}/{kept}.csv", source)],
    }
    (folder / "results" / f"{notebook}.json").write_text(json.dumps(result))


def entry(name, path, source):
    return {
        "name": name,
        "caption": f"The `{name}` of all.",
        "source": source,
        "files": {path: "0"},
    }


def finding(claim, verdict, words, **numbers):
    return {"claim": claim, "verdict": verdict, "words": words, **numbers}


BETTER = finding(
    "The VAE beats doing nothing",
    "shown",
    "shown: VAE - nothing = 12.5 dB [11, 14], better on 7 of 7 people.",
    low=11,
    high=14,
    people=7,
)
SHARPER = finding("It is < sharp", "not shown", "by 0.1 [-1, 1].", low=-1, high=1)
HARMFUL = finding(
    "The network restores",
    "not shown",
    "not shown: network - doing nothing = 0.14 DSSIM [0.12, 0.15], worse on 7 of 7 people.",
    low=0.12,
    high=0.15,
    people=7,
)
MET = finding("Codes in use: 80 % or more", "shown", "98 %.", aim="80 %", met=True)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_result(folder, "01_explore", notes={"subjects": 7})
    write_result(folder, "04_vae", found=[SHARPER, BETTER], notes={"kl_nats": 10.0})
    write_result(folder, "05_vqvae", found=[MET])
    write_result(folder, "07_ae_variants", found=[HARMFUL])
    failed = {"status": "failed", "error": {"first_line": "ValueError: no room"}}
    record = {
        "status": "failed",
        "profile": "quick",
        "command": "./run_all.sh --out /secret/place/run",
        "versions": {"python": "3.11.7"},
        "notebooks": {"09_anomaly_detection": failed, "10_report": {"status": "running"}},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def made(run_folder):
    words = {"author": "Ana Díaz", "place": "Barcelona", "title": "Ein Titel"}
    paths = report.build(run_folder, forms=report.FORMS, marked=True, **words)
    return dict(zip(report.FORMS, paths))


@pytest.fixture(scope="module")
def document(run_folder):
    return whole.whole_report(saved.read_run(run_folder), whole.TitlePage())


class Page(HTMLParser):
    """Addresses of a page, what links point to, and its words."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.words, self.sources = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.ids += [known["id"]] if "id" in known else []
        self.links += [known["href"]] if tag == "a" else []
        self.sources += [known["src"]] if "src" in known else []

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_whole_and_needs_no_network(made, document):
    text = made["html"].read_text(encoding="utf-8")
    page = Page(text)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert all(source.startswith("data:image/") for source in page.sources)
    assert len(page.sources) == sum(isinstance(block, Figure) for block in blocks(document))
    assert "http://" not in text and "https://" not in text and "url(" not in text
    words = " ".join(page.words)
    assert "Ana Díaz" in words and "Resumen" in words and "/secret" not in words
    assert "It is &lt; sharp" in text and 'class="marked"' in text


def test_the_pdf_has_words_links_and_every_figure(made, document):
    reader = PdfReader(made["pdf"])
    words = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    for wanted in ("Ein Titel", "Ana Díaz", "Resumen", "Worse than doing nothing", "Bibliography"):
        assert wanted in words
    for block in blocks(document):
        if isinstance(block, (Figure, Table)):
            assert f"{document.labels[label(block)]}." in words
    assert "not shown, the opposite holds" in words
    assert reader.metadata.title == "Ein Titel"


def test_no_small_table_is_cut_by_a_page(made, document):
    reader = PdfReader(made["pdf"])
    pages_of_text = [" ".join(page.extract_text().split()) for page in reader.pages]
    small = [one for one in blocks(document) if isinstance(one, Table) and len(one.rows) <= 14]
    assert len(small) > 5
    for table in small:
        number = f"{document.labels[label(table)]}."
        last = inline.plain(table.rows[-1][0].text, document.labels)[:6]
        page = [text for text in pages_of_text if number in text][-1]
        assert last in page[page.rindex(number) :]


def test_links_of_the_pdf_lead_somewhere(made):
    reader = PdfReader(made["pdf"])
    links = []
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            links.append(annotation.get_object())
    assert len(links) > 30
    assert all("/Dest" in link or "/A" in link for link in links)


def test_the_docx_has_styles_captions_and_links(made, document):
    word = docx.Document(str(made["docx"]))
    styles = [line.style.name for line in word.paragraphs]
    assert styles.count("Finding") >= 4 and "For the author" in styles and "Title" in styles
    assert styles.count("Caption") == sum(
        isinstance(block, (Figure, Table)) for block in blocks(document)
    )
    assert len(word.tables) == sum(isinstance(block, Table) for block in blocks(document))
    assert len(word.inline_shapes) == sum(isinstance(block, Figure) for block in blocks(document))
    xml = word.element.xml
    marks = set(re.findall(r'w:bookmarkStart [^>]*w:name="([^"]+)"', xml))
    links = set(re.findall(r'w:hyperlink [^>]*w:anchor="([^"]+)"', xml))
    assert links and links <= marks and max(map(len, marks)) <= 40


def test_word_counts_figures_and_renews_the_contents(made, document):
    word = docx.Document(str(made["docx"]))
    fields = re.findall(r'w:instr="([^"]+)"|<w:instrText[^>]*>([^<]+)<', word.element.xml)
    fields = [(one or other).strip() for one, other in fields]
    counted = sum(isinstance(block, (Figure, Table)) for block in blocks(document))
    assert sum(field.startswith("SEQ ") for field in fields) == counted
    assert [field.split()[0] for field in fields].count("TOC") == 3
    assert "PAGE" in word.sections[0].footer._element.xml
    headings = [line for line in word.paragraphs if line.style.name == "Heading 1"]
    assert headings[-1].paragraph_format.page_break_before


def test_columns_of_word_have_room_and_small_tables_stand_whole(made):
    word = docx.Document(str(made["docx"]))
    for table in word.tables:
        assert sum(column.width.mm for column in table.columns) <= 163
        assert not table.autofit
    small = word.tables[-2]._tbl.tr_lst
    kept = [row.tc_lst[0].p_lst[0].pPr.keepNext is not None for row in small]
    assert kept == [True] * (len(small) - 1) + [False]


NOT_FOR_READERS = re.compile(r"[A-Za-z]\w*_\w+|\bseed\d{3}|\b\w+ uad\b|\d\.\d{8,}")


def test_no_name_of_the_code_stands_in_the_text(tmp_path):
    """Outside of code, file names and the tables of parameters."""
    words = "skip_connection_cae - doing nothing = -0.05 DSSIM [-0.06, -0.04]."
    found = finding("Input seed004: vae uad restoration negative finds more", "shown", words)
    for notebook in ("07_ae_variants", "09_anomaly_detection"):
        write_result(tmp_path, notebook, found=[found])
    table = tmp_path / "tables" / "07_ae_variants" / "models.csv"
    names = ["skip_connection_cae", "some_layer", "nonzero_count"]
    frame = {"model": names, "p_t_holm": [0.1, 0.2, 0.3], "best_of_5": [2.4000000953674316, 1, 2]}
    pd.DataFrame(frame).to_csv(table, index=False)
    made = whole.whole_report(saved.read_run(tmp_path), whole.TitlePage())
    texts = []
    for block in blocks(made):
        if not getattr(block, "key", "").startswith(("parameters/", "tables/")):
            texts += whole._texts(block)
    pieces = [piece for text in texts for piece in inline.pieces(text, made.labels)]
    read = [piece.text for piece in pieces if piece.kind != "code"]
    assert [text for text in read if NOT_FOR_READERS.search(text)] == []
    assert any("anomaly VAE (restoration, darker)" in text for text in read)
    assert "some_layer" in [piece.text for piece in pieces if piece.kind == "code"]


def test_what_is_worse_than_doing_nothing_is_said_first(document):
    first = document.front[0]
    assert first.key == "findings"
    warning = [block.text for block in first.blocks if getattr(block, "kind", "") == "warning"]
    assert "The network restores" in warning[0] and "0.14 DSSIM [0.12, 0.15]" in warning[0]
    found = [block for block in first.blocks if hasattr(block, "verdict")]
    assert [one.verdict for one in found] == ["not shown, the opposite holds", "not shown"]


def test_an_aim_is_counted_whichever_way_it_came_out_and_may_stand_on_the_first_page():
    """What `chapters.yaml` names, in the chapters' own words; each pattern is of some claim."""
    said = [
        ("04_vae", "The VAE rebuilds unseen people better than PCA 32"),
        ("09_anomaly_detection", "Tumour: a VAE finds more than the grey value (its own choice)"),
        ("08_evaluation", "Input none, PSNR: the best network beats doing nothing"),
    ]
    results = []
    for chapter, claim in said:
        claims = [finding(claim, "not shown", "by 0.")]
        results.append({"notebook": chapter, "findings": claims})
    found = findings.found_in(results)
    assert [one.chapter for one in findings.aims(found)] == ["04_vae", "09_anomaly_detection"]
    assert findings.aims_in_words(findings.aims(found)).startswith("Aims of the workbook: 0 of 2")
    assert len(findings.first_page(found)) == 3


def test_the_claim_that_matters_most_stands_for_its_chapter():
    other = finding("The VAE rebuilds better than PCA 8", "not shown", "by -1 [-2, 3].")
    results = [{"notebook": "04_vae", "findings": [SHARPER, other]}]
    assert findings.first_page(findings.found_in(results))[0].claim == other["claim"]
    marked = {**SHARPER, "first_page": True}
    results = [{"notebook": "04_vae", "findings": [other, marked]}]
    assert findings.first_page(findings.found_in(results))[0].claim == SHARPER["claim"]


@pytest.mark.parametrize(
    ("chapter", "easy", "hard"),
    [
        ("05_vqvae", "better than: PCA 14", "better than: PCA in 448 bits"),
        (
            "08_evaluation",
            "Input seed004, DSSIM: the best network beats doing nothing",
            "Input seed004, PSNR: the best network beats the best filter",
        ),
    ],
)
def test_the_first_page_names_the_strongest_rival(chapter, easy, hard):
    claims = [finding(easy, "shown", "by 3."), finding(hard, "not shown", "by -1.")]
    results = [{"notebook": chapter, "findings": claims}]
    assert findings.first_page(findings.found_in(results))[0].numbers["claim"] == hard


def test_findings_as_lines_for_a_terminal(run_folder):
    lines = findings.in_lines(run_folder)
    assert lines[0] == "4 claims were put to the test: 2 shown, 2 not shown."
    assert lines[1] == "  - The network restores"
    assert lines[2].startswith("      not shown, the opposite holds: network - doing nothing")
    assert lines[-1] == "  Aims of the workbook: 1 of 1 met, 1 of them beyond doubt."


def test_a_run_that_failed_says_so(document):
    assert document.warnings[0] == "This report is partial. Missing: 09_anomaly_detection."
    assert document.warnings[1] == "09_anomaly_detection did not finish: ValueError: no room."
    keys = [section.key for section in document.body if section.key == "results"]
    assert keys and "sec:results-09_anomaly_detection" in document.labels


def test_the_spanish_abstract_has_the_same_numbers(document):
    spanish = next(section for section in document.front if section.key == "resumen")
    assert spanish.language == "es"
    text = spanish.blocks[0].text
    assert "ocurre lo contrario (diferencia de 0.14 DSSIM [0.12, 0.15]; 7 personas)" in text
    assert "The network" not in text and "7 cabezas sintéticas" in text


def test_what_the_text_refers_to_is_there(document):
    assert document.labels["tab:introduction/theses"].startswith("Table ")
    assert {one.key for one in document.references} >= {"kingma2014", "arnaiz2020", "holm1979"}
    figures = [block for block in blocks(document) if isinstance(block, Figure)]
    assert all(block.credit == "Synthetic phantom" for block in figures)


def test_two_runs_stand_side_by_side(run_folder, tmp_path):
    write_result(tmp_path / "b", "04_vae", found=[{**BETTER, "verdict": "not shown"}])
    paths = report.compare([run_folder, tmp_path / "b"], forms=("html",), title="A and B")
    words = " ".join(Page(paths[0].read_text()).words)
    assert "The VAE beats doing nothing" in words and "A and B" in words
    assert paths[0].parent.name == f"comparison-{run_folder.name}-b"


def test_slides_and_a_poster_are_short(made):
    assert 4 <= len(PdfReader(made["slides"]).pages) <= 10
    poster = PdfReader(made["poster"])
    assert len(poster.pages) == 1 and "Ein Titel" in poster.pages[0].extract_text()


def test_the_command_writes_the_report_again(run_folder, capsys):
    words = ["--report", "html", "--out", str(run_folder), "--author", "B. Person"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "4 claims were put to the test" in said and "report.html" in said
    assert "B. Person" in (run_folder / "report" / "report.html").read_text()
    assert main(["--report", "odt", "--out", str(run_folder)]) == 2
    assert main(["--compare", str(run_folder)]) == 2
    assert "--report odt: expected some of html" in capsys.readouterr().err


def test_nothing_to_report_says_what_to_run(tmp_path):
    with pytest.raises(NotRunYet, match=r"run_all\.sh --out"):
        report.build(tmp_path)
    with pytest.raises(ValueError, match="expected some of html, pdf, docx"):
        report.build(tmp_path, forms=["odt"])


def test_a_chapter_has_one_row_in_the_summary(run_folder):
    results = chapters.read_results(run_folder)
    table = chapters.summary(results)
    assert table.chapter.tolist() == ["01_explore", "04_vae", "05_vqvae", "07_ae_variants"]
    assert table[["shown", "not shown", "too few to decide"]].sum().tolist() == [2, 2, 0]
    assert chapters.counts_in_words(results[:1]).startswith("No chapter")


def test_pages_write_emphasis_but_no_html_of_others():
    assert pages.with_emphasis("`a<b` of *x_y* <b>") == (
        "<code>a&lt;b</code> of <em>x_y</em> &lt;b&gt;"
    )
