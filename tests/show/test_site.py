"""The pages of a run: whole, without a network, and every link leads somewhere."""

import base64
import functools
import io
import json
import re
import shutil
import subprocess
from urllib.parse import unquote

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from brainlib import record, start
from brainlib.show import site
from brainlib.show.site import building, images, links, notebooks, texts

CHROMIUM = shutil.which("chromium")
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "srcset"}
FORMULA = "The bound is $\\ln p(x) \\ge \\mathbb{E}_q[\\ln p(x|z)]$, and\n\n$$\\frac{a}{b}$$\n"


def executed(name, *, png=b"", failed=False):
    """An executed chapter: a formula, links, a figure, and outputs that name the machine."""
    notebook = nbformat.v4.new_notebook()
    words = "[glossary](glossary.md#kl), [next](02_slice_selection.ipynb), [code](Snakefile)"
    notebook.cells.append(nbformat.v4.new_markdown_cell(f"# {name}\n\n{FORMULA}\n\n{words}"))
    cell = nbformat.v4.new_code_cell('data = "/home/jane/heads"  # where')
    output = {"name": "stdout", "text": "read /home/jane/heads/a.nii and /mnt/else/b.nii\n"}
    cell.outputs.append(nbformat.v4.new_output("stream", **output))
    if png:
        data = {"image/png": base64.b64encode(png).decode(), "text/plain": "<Image>"}
        about = {"image/png": {"alt": "A <caption>", "width": 300}}
        cell.outputs.append(nbformat.v4.new_output("display_data", data=data, metadata=about))
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "Lab()"}
    cell.outputs.append(nbformat.v4.new_output("display_data", data=widget))
    notebook.cells.append(cell)
    notebook.metadata["widgets"] = {"state": {"a": {"state": "of a widget"}}}
    return notebook


def start_page():
    """The start page without its outputs: no kernel is needed for it."""
    return nbformat.read(record.NOTEBOOKS / "00_start.ipynb", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run in which 01 is done and 02 failed; nothing else ran. Its pages are written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(record.TOKEN, raising=False)
        patch.setenv(record.FINGERPRINT, "{}")
        folder = small_run(tmp_path_factory.mktemp("site") / "run")
        site.build(folder, start_page())
    return folder


def small_run(place):
    """Results, executed notebooks, record and quality page of a run."""
    run = record.start("01_explore", out=str(place), data="/home/jane/heads")
    figure = Figure(figsize=(9, 6))
    noise = np.random.default_rng(0).normal(size=(60, 90))
    figure.add_subplot().imshow(noise)
    run.figure(figure, "planes", caption="A head in three planes.")
    people = {"subject": ["sub-01"], "age": [41.2], "sex": ["female"], "site": ["Guys"]}
    run.table(pd.DataFrame(people), "cohort", caption="People.")
    run.done()
    (run.folder / "notebooks").mkdir()
    png = (run.folder / "figures" / "01_explore" / "planes.png").read_bytes()
    nbformat.write(executed("01 Explore", png=png), run.folder / "notebooks" / "01_explore.ipynb")
    failed = run.folder / "notebooks" / "02_slice_selection.ipynb"
    nbformat.write(executed("02 Slices"), failed)
    entries = {"01_explore": {"status": "finished"}, "02_slice_selection": {"status": "failed"}}
    content = {"notebooks": entries, "data": "/home/jane/heads", "profile": "smoke"}
    (run.folder / "run.json").write_text(json.dumps(content))
    (run.folder / "quality.html").write_text("<html><body><h1>Quality</h1></body></html>")
    return run.folder


@pytest.fixture
def made(folder):
    return folder / "pages"


@functools.cache
def soups(made):
    """Every page as it is parsed; nothing changes them."""
    return {
        path.name: BeautifulSoup(path.read_text(), "html.parser") for path in made.glob("*.html")
    }


def names_in(page):
    return {one["id"] for one in page.find_all(id=True)}


def test_every_page_is_there_and_says_what_is_missing(folder):
    names = {path.name for path in (folder / "pages").glob("*.html")}
    chapters = {f"{one.name}.html" for one in record.read_state(folder).chapters}
    assert chapters | {"index.html", "report.html", "quality.html", "glossary.html"} < names
    assert {"readme.html", "data.html", "sweeps.html"} < names
    pages = soups(folder / "pages")
    words = pages["index.html"].select_one(".warning").text
    assert words == "Chapters of the run run that failed: 02_slice_selection."
    assert "This run has not done this chapter" in pages["04_vae.html"].text
    assert not pages["01_explore.html"].select(".warning")


def test_every_link_of_every_page_leads_somewhere(made):
    pages = soups(made)
    named = {name: names_in(page) for name, page in pages.items()}
    checked = 0
    for name, page in pages.items():
        for link in page.find_all("a", href=True):
            if re.match("https?:|mailto:", link["href"]):
                continue
            target, _, anchor = link["href"].partition("#")
            assert (target or name) in pages, f"{name}: {link['href']}"
            assert not anchor or unquote(anchor) in named[target or name], f"{name}: {link['href']}"
            checked += 1
    assert checked > 500
    assert not pages["01_explore.html"].find("a", string="code")  # the Snakefile has no page


def test_nothing_is_loaded_from_elsewhere(made):
    for name, page in soups(made).items():
        for tag, attribute in LOADS.items():
            for part in page.find_all(tag, {attribute: True}):
                address = part[attribute]
                assert "//" not in address and (made / address).is_file(), f"{name}: {address}"
        assert "mathjax" not in str(page).lower().replace("mathjax was", "")
    assert "url(" not in (made / "site.css").read_text()


def test_formulas_are_drawn_by_the_browser(made):
    page = soups(made)["01_explore.html"]
    bound, fraction = page.find_all("math")[:2]
    assert "𝔼" in bound.text and "\\" not in page.find("main").text
    assert fraction["display"] == "block" and fraction.find("mfrac").text == "ab"
    assert soups(made)["glossary.html"].find("math")


def test_a_figure_is_stored_once_and_keeps_its_words(made):
    pages = soups(made)
    picture = pages["01_explore.html"].find("img")
    assert picture["alt"] == "A <caption>" and picture["style"] == "width: 300px"
    assert picture["src"] in str(pages["report.html"])
    assert (made / picture["src"]).is_file()


def test_no_person_and_no_machine_is_named(made, folder):
    for path in made.glob("*.html"):
        text = path.read_text()
        assert "jane" not in text and "/mnt/" not in text and "41.2" not in text, path.name
        assert str(folder) not in text, path.name
    page = soups(made)["01_explore.html"]
    assert "read a.nii and b.nii" in page.text and 'data = "heads"' in page.text


def test_widgets_leave_their_words_and_no_state(made):
    text = (made / "01_explore.html").read_text()
    assert "of a widget" not in text and "Lab()" in text and "<script" not in text


def test_pages_are_whole_or_as_they_were(made, folder, monkeypatch):
    def broken(*_, **__):
        raise OSError("no room")

    before = (made / "index.html").read_bytes()
    monkeypatch.setattr(building.writing, "write", broken)
    with pytest.raises(OSError, match="no room"):
        site.build(folder, start_page())
    assert (made / "index.html").read_bytes() == before
    assert not list(folder.glob(".pages-*"))


def test_a_folder_without_results_has_no_pages(tmp_path):
    with pytest.raises(record.NotRunYet):
        site.build(tmp_path, start_page())
    assert not list(tmp_path.iterdir())


def test_headings_are_named_as_on_github():
    html = texts.as_html("## Faces, and `people`\n\n## Faces, and people\n\n### *A* b")
    names = re.findall(r'id="([^"]+)"', html)
    assert names == ["faces-and-people", "faces-and-people-1", "a-b"]


@pytest.mark.parametrize("latex", ["\\frac{", "\\nonsense", "}{", "a < b"])
def test_a_formula_that_cannot_be_read_stays_as_it_is(latex):
    assert "<script" not in texts.formula(latex) and "a < b" not in texts.formula(latex)


def test_large_pictures_become_as_wide_as_a_page_shows_them(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (700, 1400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    stored = images.Images(tmp_path).of_file(tmp_path / "noise.png")
    assert (stored.width, stored.height) == (images.WIDEST_PX, images.WIDEST_PX // 2)
    with Image.open(tmp_path / stored.address) as picture:
        assert picture.format == "WEBP" and picture.size == (stored.width, stored.height)


def test_small_pictures_stay_as_they_are(tmp_path):
    store = images.Images(tmp_path)
    stream = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(stream, format="png")
    address = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    stored = store.of_address(address)
    assert (stored.width, stored.height) == (3, 2)
    assert store.of_address(address) == stored and len(list(tmp_path.rglob("*.*"))) == 1
    assert store.of_address("pictures/elsewhere.png") is None


def test_what_is_folded_in_jupyterlab_is_folded_here():
    cell = nbformat.v4.new_code_cell("import numpy", metadata={"jupyter": {"source_hidden": True}})
    html = notebooks.as_html(nbformat.v4.new_notebook(cells=[cell]))
    assert (
        BeautifulSoup(html, "html.parser").find("details").find("pre").text.strip()
        == "import numpy"
    )


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on the PATH")
def test_a_browser_draws_a_page_from_files_alone(made, tmp_path):
    """What Chromium has after loading the page: the formula and the picture have a size."""
    measure = """<script>addEventListener("load", () => {
      const formula = document.querySelector("mfrac").getBoundingClientRect().height;
      const picture = document.querySelector("main img").naturalWidth > 300;
      document.title = `formula ${formula > 15} picture ${picture}`;
    })</script>"""
    page = made / "measured.htm"
    page.write_text((made / "01_explore.html").read_text().replace("</body>", measure + "</body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000"]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--proxy-server=127.0.0.1:9"]
    command = [CHROMIUM, *flags, "--dump-dom", page.as_uri()]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "<title>formula true picture true</title>" in answer.stdout


def test_the_start_page_leads_into_the_pages(folder, made, monkeypatch):
    """Links of its cards and lists, made in a notebook, become links between pages."""
    monkeypatch.chdir(record.NOTEBOOKS)
    html = start.chapters(str(folder)).data + start.what_next(str(folder)).data
    soup = BeautifulSoup(html, "html.parser")
    chapters = [path.stem for path in record.NOTEBOOKS.glob("*.ipynb")]
    known = {record.NOTEBOOKS / f"{name}.ipynb": f"{name}.html" for name in chapters}
    known |= {folder / "quality.html": "quality.html"}
    links.lead(soup, (record.NOTEBOOKS,), known)
    found = {link["href"] for link in soup.select("a[href]")}
    assert {"01_explore.html", "11_experiment.html", "quality.html"} <= found
    assert not any(".ipynb" in link or ".md" in link for link in found)
