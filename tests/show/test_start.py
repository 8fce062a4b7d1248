"""The start page: right without a run, with half of one, and with a whole one."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from brainlib import files, record, start

NOTHING = "Nothing was run yet"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The notebooks' folder, from which the page's links are seen."""
    monkeypatch.chdir(record.NOTEBOOKS)
    return tmp_path


def half_a_run(folder):
    """01 is done with one wide figure, 02 failed."""
    error = {"kind": "error", "message": "ValueError: <no> heads"}
    entries = {
        "01_explore": {"status": "finished", "seconds": 20.0},
        "02_slice_selection": {"status": "failed", "error": error},
    }
    (folder / "results").mkdir(parents=True)
    (folder / "figures" / "01_explore").mkdir(parents=True)
    Image.new("RGB", (1500, 600), "red").save(folder / "figures" / "01_explore" / "planes.png")
    figure = {"name": "planes", "caption": "A head in *three* planes.", "source": "Synthetic"}
    result = {"notebook": "01_explore", "figures": [figure], "tables": [], "findings": []}
    (folder / "results" / "01_explore.json").write_text(json.dumps(result))
    (folder / "run.json").write_text(json.dumps({"notebooks": entries, "options": "--out there"}))
    return folder


def links(page):
    return re.findall(r'href="([^"]+)"', page)


def test_without_a_run_it_says_what_to_call(here):
    words = start.what_next(str(here / "none")).data
    assert NOTHING in words and f"./run_all.sh --out {here / 'none'}" in words
    assert "Synthetic phantom data" in start.picture(str(here / "none")).data
    assert not (here / "none").exists()


def test_every_chapter_has_its_card_and_every_link_leads_somewhere(here):
    cards = start.chapters(str(here / "none")).data
    notebooks = {path.name for path in record.NOTEBOOKS.glob("[0-9]*.ipynb")}
    assert set(links(cards)) == notebooks - {"00_start.ipynb"}
    run = half_a_run(here / "run")
    for name in ("report.html", "quality.html"):
        (run / name).write_text("<html></html>")
    found = links(start.what_next(str(run)).data)
    assert len(found) == 5 and all(Path(link).exists() for link in found)


def test_half_a_run_says_what_failed_and_goes_on(here):
    run = half_a_run(here / "run")
    words = start.what_next(str(run)).data
    assert "failed: 02_slice_selection" in words and "ValueError: &lt;no&gt; heads" in words
    assert "<code>./run_all.sh --out there</code>" in words and "1 of 11 chapters" in words
    cards = start.chapters(str(run)).data
    assert cards.count('class="status done"') == 1 and "took 20 s" in cards
    assert cards.count('class="status failed"') == 1
    picture = start.picture(str(run)).data
    assert "From chapter 01 of this run. A head in <em>three</em> planes." in picture


def test_a_card_keeps_the_width_of_its_picture(here):
    """A picture that is wider than its place is not cut at its sides; one too tall is, below."""
    path = here / "tall.png"
    Image.new("RGB", (300, 900), "blue").save(path)
    start._cropped(path, 70, 30)
    for side, expected in (((300, 900), (140, 60)), ((900, 100), (140, 60))):
        Image.new("RGB", side, "blue").save(path)
        assert size_of(start._cropped(path, 70, 30)) == expected
    assert size_of(start._fitted(path, 70, 30)) == (140, 16)


def size_of(address):
    import base64
    import io

    data = base64.b64decode(address.split(",")[1])
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def test_no_path_of_this_machine_stands_on_the_page(here):
    run = half_a_run(here / "run")
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(content | {"data": "/home/jane/heads"}))
    words = start.what_next(str(run)).data
    assert "data <code>heads</code>" in words and "jane" not in words


def test_a_run_elsewhere_is_seen_through_its_link(here, monkeypatch, tmp_path):
    project = tmp_path / "project"
    (project / "outputs").mkdir(parents=True)
    monkeypatch.setattr(files, "PROJECT", project)
    run = half_a_run(here / "elsewhere")
    assert start.as_served(run / "lab") == run / "lab"
    (project / "outputs" / "mine").symlink_to(run)
    assert start.as_served(run / "lab") == project / "outputs" / "mine" / "lab"
