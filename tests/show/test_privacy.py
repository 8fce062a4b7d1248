"""What a run tells of people: by name no sex, age and size, unless asked; nowhere a path."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from brainlib import record
from brainlib.record import display
from brainlib.show import plots, report

PEOPLE = pd.DataFrame(
    {
        "subject": ["sub-01", "../evil", "$x^{$"],
        "cohort": "clinic",
        "synthetic": False,
        "site": ["$x^{$", "\\frac{", "$$"],
        "path": "/home/jane/heads/a.nii",
        "sex": ["female", "male", ""],
        "age": [41.2345678, np.nan, 88.8888888],
        "height_cm": [171.5, 182.5, np.nan],
        "weight_kg": [63.5, 77.5, np.nan],
        "ethnic": ["white", "other", ""],
    }
)
PERSONAL = ("female", "41.2", "171.5", "63.5")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv(record.TOKEN, raising=False)
    monkeypatch.setenv(record.FINGERPRINT, "{}")
    run = record.start("01_explore", out=str(tmp_path / "run"), data="/home/jane/heads")
    run.describe_data(PEOPLE)
    run.table(PEOPLE, "cohort", caption="People, of /home/jane/heads/list.csv.")
    reasons = pd.DataFrame({"subject": ["sub-01"], "reason": ["/home/jane/heads/t1/b.nii: empty"]})
    run.table(reasons, "left_out", caption="Left out.")
    for name in PEOPLE.subject:
        figure = Figure(figsize=(2, 2))
        plots.count_bars(PEOPLE.site, ax=figure.add_subplot(title=name), label=name)
        run.figure(figure, f"../../head of {name}", caption="Drawn from /home/jane/heads/a.nii")
    run.note("table", "/mnt/elsewhere/people/IXI.xls")
    words = {"verdict": "shown", "words": "as in /home/jane/heads/x.csv"}
    run.finding("It holds", words)
    run.done()
    return run


def test_the_report_says_no_age_and_no_path(run):
    page = report.build(run.folder)[0].read_text()
    assert not any(word in page for word in PERSONAL)
    assert "/home/" not in page and "jane" not in page and "/mnt/" not in page
    assert "t1/b.nii: empty" in page and "sub-01" in page
    notes = (run.folder / "results" / "01_explore.json").read_text()
    assert "IXI.xls" in notes and "/mnt/" not in notes
    asked = report.build(run.folder, with_participants=True)[0].read_text()
    assert all(word in asked for word in PERSONAL) and "41.23" not in asked


def test_names_that_fill_the_page_are_cut_in_figures():
    long = ["b" * 300, "new\nline", "short"]
    table = pd.DataFrame({"subject": long, "label": long, "holdout": ["train", "test", "train"]})
    figure = plots.sets_of_people(table)
    names = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert max(map(len, names)) == 32 and names[1:] == ["new line", "short"]
    axes = Figure().add_subplot()
    plots.count_bars(long, ax=axes)
    assert max(len(text.get_text()) for text in axes.get_yticklabels()) <= 32


def test_ages_are_saved_to_a_tenth_and_read_again(run):
    saved = run.read("01_explore", "cohort")
    np.testing.assert_equal(saved.age.tolist(), [41.2, np.nan, 88.9])
    assert saved.path.tolist() == PEOPLE.path.tolist()  # later chapters read the heads there
    assert PEOPLE.age[0] == 41.2345678  # the caller's table is as it was


def test_names_of_people_stay_in_the_run_folder(run):
    result = json.loads((run.folder / "results" / "01_explore.json").read_text())
    made = [path for figure in result["figures"] for path in figure["files"]]
    assert len(set(made)) == 6 and all((run.folder / path).is_file() for path in made)
    assert all(path.startswith("figures/01_explore/") for path in made)
    assert not any("/." in path or "$" in path for path in made)


def test_tables_without_names_of_people_are_whole():
    counts = pd.DataFrame({"sex": ["female"], "age": [41.25], "people": [3]})
    assert display.shown_columns(counts) == ["sex", "age", "people"]
    html = display.table_html(PEOPLE)
    assert "female" not in html and "sub-01" in html
