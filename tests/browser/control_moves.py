"""How a user moves each kind of control, by keyboard and by mouse, and what must follow."""

from collections.abc import Callable, Collection
from functools import partial

from jupyterlab_page import OpenNotebook

SLIDERS = ".brain-lab .widget-slider"
LISTS = ".brain-lab .widget-dropdown"
NUMBERS = ".brain-lab .widget-text:has(input[type=number])"
BOXES = ".brain-lab .widget-checkbox"


def label_of(control) -> str:
    """What stands before a control."""
    return control.locator(".widget-label, label").first.text_content().strip()


def visible(notebook: OpenNotebook, selector: str) -> dict:
    """{label: control} of those of a kind that are there."""
    found = [one for one in notebook.page.locator(selector).all() if one.is_visible()]
    return {label_of(one): one for one in found}


def move_sliders(notebook: OpenNotebook, done: Collection[str] = ()) -> set[str]:
    """Moves every slider that is there; the number beside it and the picture follow.

    Args:
        notebook: with a lab.
        done: labels of those that were moved already.

    Returns:
        Labels of all that were moved.
    """
    sliders = visible(notebook, SLIDERS)
    for label, slider in sliders.items():
        if label not in done:
            _slide_by_keys(notebook, slider, label)
            _slide_by_mouse(notebook, slider, label)
    return set(done) | set(sliders)


def _slide_by_keys(notebook: OpenNotebook, slider, label: str) -> None:
    """One step changes the number, a jump to the farther end the picture: each of the handles."""
    readout = slider.locator(".widget-readout").inner_text
    for handle in slider.locator(".noUi-handle").all():
        assert handle.get_attribute("aria-label") and handle.get_attribute("tabindex") == "0"
        step = "ArrowLeft" if _share(handle) > 0.5 else "ArrowRight"
        notebook.changes(partial(handle.press, step), readout, f"{label}, {step}")
    handle = slider.locator(".noUi-handle").last
    end = "Home" if _share(handle) > 0.9 else "End"
    notebook.changes(lambda: handle.press(end), words=f"the picture by {label}, {end}")


def _slide_by_mouse(notebook: OpenNotebook, slider, label: str) -> None:
    """The handle is dragged to the middle, or away from it."""
    handle, track = slider.locator(".noUi-handle").last, slider.locator(".noUi-target").first
    share = 0.3 if _share(handle) > 0.5 else 0.7
    readout = slider.locator(".widget-readout").inner_text
    before = readout()

    def drag():
        box = track.bounding_box()
        handle.hover()
        notebook.page.mouse.down()
        place = (box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        notebook.page.mouse.move(*place, steps=4)
        notebook.page.mouse.up()

    notebook.changes(drag, words=f"the picture while {label} is dragged")
    notebook.until(lambda: readout() != before, f"the number of {label}")


def _share(handle) -> float:
    """Where a handle stands on its way, from 0 to 1."""
    names = ("aria-valuemin", "aria-valuemax", "aria-valuenow")
    low, high, now = (float(handle.get_attribute(name)) for name in names)
    return (now - low) / (high - low) if high > low else 0.0


def move_lists(notebook: OpenNotebook, silent: Collection[str]) -> None:
    """Chooses in every list that is there, by arrow keys and by mouse.

    Args:
        notebook: with a lab.
        silent: labels of those that change no picture by themselves.
    """
    for label, control in visible(notebook, LISTS).items():
        options = control.locator("option").count()
        if options < 2:
            continue
        chosen = control.locator("select")

        index = partial(chosen.evaluate, "one => one.selectedIndex")
        first = index()
        key = "ArrowUp" if first == options - 1 else "ArrowDown"
        notebook.changes(partial(chosen.press, key), index, f"{label}, {key}")
        notebook.changes(partial(chosen.select_option, index=first), index, label)
        if label not in silent:
            _some_option_draws(notebook, chosen, options, label)


def _some_option_draws(notebook: OpenNotebook, chosen, options: int, label: str) -> None:
    """One of the options shows another picture."""
    before, first = notebook.drawn(), chosen.evaluate("one => one.selectedIndex")
    for number in range(min(options, 4)):
        chosen.select_option(index=number)
        notebook.wait_for_kernel()
    notebook.until(lambda: notebook.drawn() != before, f"the picture by {label}", longest_s=10)
    chosen.select_option(index=first)  # others may be there only with this
    notebook.wait_for_kernel()


def move_numbers(notebook: OpenNotebook, look: Callable | None = None) -> None:
    """Every number field: an arrow key, typing, and its arrows under the mouse."""
    for label, control in visible(notebook, NUMBERS).items():
        field = control.locator("input")
        for act in (_type_in, _step_down, _click_up):
            notebook.changes(partial(act, notebook, field), look, f"the picture by {label}")


def _type_in(notebook: OpenNotebook, field) -> None:
    field.fill("2")
    field.press("Enter")


def _step_down(notebook: OpenNotebook, field) -> None:
    field.press("ArrowDown")


def _click_up(notebook: OpenNotebook, field) -> None:
    """The upper of the two arrows that a field has under the mouse."""
    field.hover()
    box = field.bounding_box()
    notebook.page.mouse.click(box["x"] + box["width"] - 9, box["y"] + 0.3 * box["height"])


def move_boxes(notebook: OpenNotebook) -> None:
    """Every checkbox by the mouse and by the space bar: the picture follows twice."""
    for label, control in visible(notebook, BOXES).items():
        box = control.locator("input")
        notebook.changes(box.click, words=f"the picture by {label}, clicked")
        notebook.changes(partial(box.press, "Space"), words=f"the picture by {label}, Space")


def press_buttons(notebook: OpenNotebook, names: Collection[str]) -> None:
    """Presses buttons in this order, first by mouse and then by keys; the lab shows what came."""
    buttons = [notebook.page.locator(f".brain-lab button:text-is('{name}')") for name in names]
    look = notebook.seen
    for name, button in zip(names, buttons):
        notebook.changes(button.click, look, f"what {name!r} does, clicked")
        notebook.wait_for_kernel()
    for name, button in zip(names, buttons):
        notebook.changes(partial(button.press, "Enter"), look, f"what {name!r} does, Enter")
        notebook.wait_for_kernel()


def answer_every_task(notebook: OpenNotebook) -> None:
    """Each task is set up, an answer predicted, the right one revealed by key."""
    choice = notebook.control("Try this").locator("select")
    for number in range(choice.locator("option").count()):
        choice.select_option(index=number)
        notebook.wait_for_kernel()
        notebook.page.locator(".brain-lab button:text-is('Set up')").click()
        notebook.wait_for_kernel()
        notebook.control("I predict").locator("select").select_option(index=1)
        notebook.page.locator(".brain-lab button:text-is('Reveal')").press("Enter")
        verdict = ".brain-lab [role=status] b:text-matches('^(Right|Not so): ')"
        notebook.page.wait_for_selector(verdict, timeout=300_000)


def click_into_picture(notebook: OpenNotebook, share: tuple[float, float]) -> None:
    """A click into the picture and an arrow key on it move what can be moved there."""
    image = notebook.page.locator(".brain-lab-picture").first
    assert image.get_attribute("tabindex") == "0" and image.get_attribute("title")
    box = image.bounding_box()
    place = {"x": share[0] * box["width"], "y": share[1] * box["height"]}
    notebook.changes(lambda: image.click(position=place), words="the picture by a click")
    notebook.changes(lambda: image.press("ArrowRight"), words="the picture by ArrowRight")
