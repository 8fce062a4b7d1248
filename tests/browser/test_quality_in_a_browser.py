"""The grid of heads in JupyterLab, and the quality page that a run leaves, in a real browser."""

from functools import partial

import control_moves as user
import pytest
from test_labs_in_a_browser import OF_A_RUN, check_words_of_controls

from brainlib.heads.exclusions import read_exclusions

CARDS = ".brain-lab .widget-gridbox > *"


@pytest.mark.slow
def test_boxes_of_the_grid_write_exclude_csv(copy_of_run, open_lab):
    exclude = copy_of_run / "exclude.csv"
    code = OF_A_RUN.format(folder=str(copy_of_run), chapter="02_slice_selection", lab="quality")
    notebook = open_lab(code)
    check_words_of_controls(notebook)
    first = notebook.page.locator(CARDS).first
    order = partial(notebook.page.locator(CARDS).all_inner_texts)
    sort = notebook.control("sort by").locator("select")
    notebook.changes(partial(sort.press, "ArrowDown"), order, "the order of the heads")
    notebook.changes(partial(sort.select_option, index=3), order, "the order of the heads")
    if first.locator("input").is_checked():
        first.locator("input").click()
        notebook.wait_for_kernel()
    name = first.locator(".widget-label-basic").inner_text().removeprefix("leave out").strip()
    status = notebook.page.locator(".brain-lab [role=status]").first
    said = partial(status.inner_text)
    first.locator("input").click()
    notebook.until(lambda: status.count() and "left out" in said(), "the grid says what it wrote")
    assert name in set(read_exclusions(exclude).subject)
    notebook.changes(partial(first.locator("input").press, "Space"), said, "one is left out less")
    assert name not in set(read_exclusions(exclude).subject)
    _turn_pages(notebook, order)
    notebook.check()


def _turn_pages(notebook, order):
    """The number field shows other heads, where there are more than one page of them."""
    label, field = next(iter(user.visible(notebook, user.NUMBERS).items()))
    if label != "page of 1":
        notebook.changes(partial(field.locator("input").press, "ArrowUp"), order, "other heads")


@pytest.mark.slow
def test_the_quality_page_sorts_and_writes_the_line_to_copy(copy_of_run, jupyterlab):
    _, _, browser = jupyterlab
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors, asked = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((copy_of_run / "quality.html").as_uri())
    cards, sort = page.locator(".card"), page.locator("#sort")

    def order(measure):
        return [float(one.get_attribute(f"data-{measure}")) for one in cards.all()]

    assert cards.count() > 1 and order("outlier") == sorted(order("outlier"), reverse=True)
    sort.select_option(value="brain_ml")
    assert order("brain_ml") == sorted(order("brain_ml"), reverse=True)
    page.locator("#upwards").press("Space")
    assert order("brain_ml") == sorted(order("brain_ml"))
    sort.press("ArrowDown")  # the next measure
    measure = sort.input_value()
    assert measure != "brain_ml" and order(measure) == sorted(order(measure))
    box = cards.first.locator(".leave-out")
    name = cards.first.get_attribute("data-subject")
    box.click()
    line = f"{name},looked at on the quality page"
    assert page.locator("#lines").input_value().splitlines() == ["subject,reason", line]
    box.press("Space")
    assert page.locator("#lines").input_value() == "subject,reason"
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
    assert not errors and not [url for url in asked if not url.startswith(("file:", "data:"))]
