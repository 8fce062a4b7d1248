"""Every lab in a real browser: each control by keyboard and by mouse, and what the page then shows.

The first test needs no run and no trained network; it belongs to the default tests where a browser
is. The others look at a copy of an executed `smoke` run. All are in one file, so that one server
serves them, one after the other. BRAINLIB_BROWSER_SHOTS=FOLDER keeps screenshots.
"""

import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import control_moves as user
import pytest

from brainlib.heads.exclusions import read_exclusions

MADE_UP = """
import numpy as np
from brainlib.show.labs import corruption_lab
rows = np.random.default_rng(0).uniform(0.2, 0.8, (3, 8, 8, 1))
pictures = rows.repeat(4, axis=1).repeat(4, axis=2).astype("float32")
networks = {"copies": lambda stack: stack, "paints grey": lambda stack: 0 * stack + 0.5}
bench = corruption_lab.Bench(pictures, ["a 1", "a 2", "b 3"], networks)
corruption_lab.lab_of(bench, "made up")
"""
OF_A_RUN = """
import json
from brainlib import labs, record
folder = {folder!r}
parameters = json.load(open(folder + "/results/{chapter}.json"))["parameters"]
labs.{lab}(record.Run({chapter!r}, folder, parameters))
"""


class Lab(NamedTuple):
    """What is special about a lab.

    Attributes:
        chapter: whose parameters it gets.
        visits: (list, option): with these chosen, further sliders are there.
        first: sliders to be moved to their ends first, because others need it.
        silent: lists that change no picture by themselves.
        buttons: that are pressed in turn, by mouse and by keys.
        click: where in the picture, as shares; None where nothing can be clicked.
    """

    chapter: str
    visits: tuple = ()
    first: tuple = ()
    silent: tuple = ("Try this", "I predict")
    buttons: tuple = ()
    click: tuple[float, float] | None = None


CARDS = ".brain-lab .widget-gridbox > *"
RULES = ("nonzero_count", "nonzero_mean", "range", "brain")
LABS = {
    "slices": Lab(
        "02_slice_selection",
        visits=tuple(("rule", rule) for rule in RULES),
        click=(0.12, 0.25),
    ),
    "latent": Lab(
        "04_vae",
        visits=(("start from", "the fitted density"), ("start from", "a real person")),
        first=("way to other",),
        buttons=(
            ("Surprise me", "Back to the person"),
            ("Save as PNG",),
            ("Save as NIfTI",),
        ),
    ),
    "codes": Lab(
        "05_vqvae",
        first=("disc radius",),
        silent=("Try this", "I predict", "a click will"),
        buttons=(("Let the prior repair", "Undo all"),),
        click=(0.12, 0.25),
    ),
    "corruption": Lab("07_ae_variants", first=("square",), click=(0.3, 0.2)),
    "threshold": Lab("09_anomaly_detection", click=(0.12, 0.25)),
}


def check_words(notebook):
    """Every control has a name, and the picture says what it shows."""
    check_words_of_controls(notebook)
    assert len(notebook.alt()) > 30


def check_words_of_controls(notebook):
    """Every control has a name."""
    nameless = notebook.page.evaluate(
        """() => [...document.querySelectorAll('.brain-lab select, .brain-lab .noUi-handle,'
        + '.brain-lab input')].filter(e => !e.getAttribute('aria-label') && !e.labels?.length
        && !e.closest('label')).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not nameless, nameless


def check_room(notebook, name):
    """At both widths and in both themes nothing is cut off and nothing has to be scrolled."""
    page = notebook.page
    shots = os.environ.get("BRAINLIB_BROWSER_SHOTS")
    for width, theme in ((1280, "Light"), (1920, "Dark"), (1280, "Dark"), (1920, "Light")):
        page.set_viewport_size({"width": width, "height": 900 if width == 1280 else 1080})
        notebook.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
        page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === String(light)", arg=theme == "Light"
        )
        page.evaluate("() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
        page.locator(".brain-lab").first.evaluate("e => e.scrollIntoView({block: 'start'})")
        sizes = page.evaluate(
            """() => { const lab = document.querySelector('.brain-lab');
            const out = lab.closest('.jp-OutputArea-output');
            const screen = document.querySelector('.jp-WindowedPanel-outer');
            return [lab.scrollWidth, out.clientWidth, lab.offsetHeight, screen.clientHeight]; }"""
        )
        if shots:
            page.screenshot(path=str(Path(shots) / f"{name}_{width}_{theme}.png"))
        assert sizes[0] <= sizes[1] and sizes[2] <= sizes[3], (width, theme, sizes)


def test_a_lab_answers_to_mouse_and_keyboard(open_lab):
    notebook = open_lab(MADE_UP)
    check_words(notebook)
    alt = notebook.alt()
    dropout = notebook.control("dropout").locator(".noUi-handle")
    notebook.changes(lambda: dropout.press("ArrowRight"))
    assert notebook.alt() != alt
    notebook.changes(lambda: notebook.control("square").locator(".noUi-handle").press("PageUp"))
    user.click_into_picture(notebook, (0.3, 0.2))
    user.answer_every_task(notebook)
    check_room(notebook, "made_up")
    notebook.check()


def move_first(notebook, lab):
    """Moves the sliders without which other controls change nothing."""
    for label in lab.first:
        handle = notebook.control(label).locator(".noUi-handle")
        notebook.changes(partial(handle.press, "PageUp"))


@pytest.mark.slow
@pytest.mark.parametrize("name", LABS)
def test_every_control_of_a_lab_moves(name, copy_of_run, open_lab):
    lab = LABS[name]
    notebook = open_lab(OF_A_RUN.format(folder=str(copy_of_run), chapter=lab.chapter, lab=name))
    check_words(notebook)
    check_room(notebook, name)
    move_first(notebook, lab)
    moved = user.move_sliders(notebook)
    for label, option in lab.visits:
        notebook.control(label).locator("select").select_option(label=option)
        notebook.wait_for_kernel()
        moved = user.move_sliders(notebook, moved)
        user.move_numbers(notebook)
    assert len(moved) == notebook.page.locator(user.SLIDERS).count()
    if not lab.visits:
        user.move_numbers(notebook)
    user.move_boxes(notebook)
    if lab.click:
        user.click_into_picture(notebook, lab.click)
    for names in lab.buttons:
        user.press_buttons(notebook, names)
    move_first(notebook, lab)  # the buttons took it back
    user.move_lists(notebook, lab.silent)
    user.answer_every_task(notebook)
    notebook.check()


@pytest.mark.slow
def test_a_lab_that_was_saved_and_has_no_kernel_shows_its_still(open_lab):
    notebook = open_lab(MADE_UP)
    still = notebook.page.locator(".brain-lab-still")
    assert still.count() == 1 and not still.is_visible()
    notebook.save()
    notebook.shut_down()
    notebook.page.reload()
    notebook.page.wait_for_selector(".brain-lab-still img", timeout=60_000)
    words = notebook.page.locator("text=model not found")
    assert not any(one.is_visible() for one in words.all())


@pytest.mark.slow
def test_the_head_turns_in_3d(copy_of_run, open_lab):
    code = OF_A_RUN.format(folder=str(copy_of_run), chapter="01_explore", lab="head_in_3d")
    notebook = open_lab(code, drawn=".brain-lab canvas[aria-label]")
    canvas = notebook.page.locator(".brain-lab canvas").first
    canvas.evaluate("one => one.scrollIntoView({block: 'start'})")
    notebook.until(lambda: len(set(canvas.screenshot())) > 100, "a head is drawn")
    check_words_of_controls(notebook)
    for label in ("turn (°)", "tilt (°)", "cut away", "window"):
        handle = notebook.control(label).locator(".noUi-handle").last
        notebook.changes(partial(handle.press, "PageDown"), canvas.screenshot, label)
    said = canvas.get_attribute("aria-label")
    box = canvas.bounding_box()
    notebook.page.mouse.move(box["x"] + 250, box["y"] + 200)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 330, box["y"] + 180, steps=8)
    notebook.page.mouse.up()
    follows = "the sliders follow the mouse"
    notebook.until(lambda: canvas.get_attribute("aria-label") != said, follows)
    for label in ("head", "show"):
        chosen = notebook.control(label).locator("select")
        notebook.changes(partial(chosen.press, "ArrowDown"), canvas.screenshot, label)
    user.answer_every_task(notebook)
    check_room(notebook, "head_in_3d")
    notebook.check()


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
def test_the_quality_page_sorts_and_writes_the_line_to_copy(copy_of_run, browser):
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
