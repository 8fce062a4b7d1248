"""Every lab in a real browser: each control by keyboard and by mouse, and what the page then shows.

The first test needs no run and no trained network; it belongs to the default tests where a browser
is. The others look at an executed `smoke` run. BRAINLIB_BROWSER_SHOTS=FOLDER keeps screenshots.
"""

import os
from functools import partial
from pathlib import Path

import pytest

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
LABS = {  # lab: (chapter, a slider that always changes the picture)
    "slices": ("02_slice_selection", "slice"),
    "latent": ("04_vae", "direction 1"),
    "codes": ("05_vqvae", "disc radius"),
    "corruption": ("07_ae_variants", "dropout"),
    "threshold": ("09_anomaly_detection", "slice"),
}


def differs(notebook, read, before):
    """Whether what is read from the page becomes something else within some seconds."""
    for _ in range(50):
        if read() != before:
            return True
        notebook.page.wait_for_timeout(100)
    return False


def move_sliders(notebook):
    """Every slider by an arrow key and by a click on its track: its readout follows."""
    sliders = notebook.page.locator(".brain-lab .widget-slider:not(:has(.noUi-handle-upper))")
    for number in range(sliders.count()):
        slider = sliders.nth(number)
        readout = slider.locator(".widget-readout")
        handle = slider.locator(".noUi-handle").first
        assert handle.get_attribute("aria-label") and handle.get_attribute("tabindex") == "0"
        before = readout.inner_text()
        handle.focus()
        handle.press("ArrowRight")
        notebook.page.wait_for_timeout(200)
        if readout.inner_text() == before:  # at its end
            handle.press("ArrowLeft")
        name = handle.get_attribute("aria-label")
        assert differs(notebook, readout.inner_text, before), name
        before = readout.inner_text()
        track = slider.locator(".noUi-target").first
        box = track.bounding_box()
        for share in (0.35, 0.65):
            track.click(position={"x": share * box["width"], "y": box["height"] / 2})
            notebook.page.wait_for_timeout(200)
            if readout.inner_text() != before:
                break
        assert differs(notebook, readout.inner_text, before), name


def move_choosers(notebook):
    """Every list by an arrow key and by choosing: its value follows."""
    choosers = notebook.page.locator(".brain-lab .widget-dropdown select")
    for number in range(choosers.count()):
        one = choosers.nth(number)
        count = one.locator("option").count()
        if count < 2 or not one.is_enabled():
            continue
        chosen = partial(one.evaluate, "e => e.selectedIndex")
        before = chosen()
        one.focus()
        one.press("ArrowUp" if before == count - 1 else "ArrowDown")
        assert differs(notebook, chosen, before), one.get_attribute("aria-label")
        moved = chosen()
        one.select_option(index=before)
        assert differs(notebook, chosen, moved), one.get_attribute("aria-label")
        notebook.wait_for_kernel()  # another task brings other predictions


def check_words(notebook):
    """Every control has a name, and the picture says what it shows."""
    nameless = notebook.page.evaluate(
        """() => [...document.querySelectorAll('.brain-lab select, .brain-lab .noUi-handle,'
        + '.brain-lab input')].filter(e => !e.getAttribute('aria-label') && !e.labels?.length
        && !e.closest('label')).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not nameless, nameless
    assert len(notebook.alt()) > 30


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
        page.wait_for_timeout(800)
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


def picture_follows(notebook):
    """A click into the picture and an arrow key on it move what can be moved there."""
    image = notebook.page.locator(".brain-lab-picture").first
    if image.get_attribute("tabindex") != "0":
        return
    box = image.bounding_box()
    notebook.changes(
        lambda: image.click(position={"x": 0.12 * box["width"], "y": 0.25 * box["height"]})
    )
    image.focus()
    notebook.changes(lambda: image.press("ArrowRight"))


def predict_and_reveal(notebook):
    """The prediction is chosen and judged."""
    page = notebook.page
    predict = notebook.control("I predict").locator("select")
    predict.select_option(index=1)
    button = page.locator(".brain-lab button:has-text('Reveal')")
    button.focus()
    button.press("Enter")
    page.wait_for_selector(".brain-lab [role=status] b:has-text(':')", timeout=120_000)


def test_a_lab_answers_to_mouse_and_keyboard(open_lab):
    notebook = open_lab(MADE_UP)
    check_words(notebook)
    dropout = notebook.control("dropout").locator(".noUi-handle")
    alt = notebook.alt()
    notebook.changes(lambda: dropout.press("ArrowRight"))
    assert notebook.alt() != alt
    notebook.changes(lambda: notebook.control("square").locator(".noUi-handle").press("PageUp"))
    picture_follows(notebook)
    predict_and_reveal(notebook)
    check_room(notebook, "made_up")
    notebook.check()


@pytest.mark.slow
@pytest.mark.parametrize("lab", LABS)
def test_every_control_of_a_lab_moves(lab, smoke_run, open_lab):
    chapter, slider = LABS[lab]
    notebook = open_lab(OF_A_RUN.format(folder=str(smoke_run), chapter=chapter, lab=lab))
    check_words(notebook)
    handle = notebook.control(slider).locator(".noUi-handle")
    notebook.changes(lambda: handle.press("ArrowRight"))
    check_room(notebook, lab)
    move_sliders(notebook)
    move_choosers(notebook)
    if lab in ("slices", "codes", "threshold"):
        picture_follows(notebook)
    predict_and_reveal(notebook)
    notebook.check()


@pytest.mark.slow
def test_a_lab_that_was_saved_and_has_no_kernel_shows_its_still(open_lab, jupyterlab):
    notebook = open_lab(MADE_UP)
    still = notebook.page.locator(".brain-lab-still")
    assert still.count() == 1 and not still.is_visible()
    notebook.command("docmanager:save")
    notebook.page.wait_for_timeout(3000)
    notebook.command("kernelmenu:shutdown")
    notebook.page.wait_for_timeout(2000)
    notebook.page.reload()
    notebook.page.wait_for_selector(".brain-lab-still img", timeout=60_000)
    words = notebook.page.locator("text=model not found")
    assert not any(one.is_visible() for one in words.all())
