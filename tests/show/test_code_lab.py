"""The code lab without a browser, on an alphabet of four greys whose pages can be told by hand."""

import numpy as np
import pytest

from brainlib.show.labs import code_lab
from brainlib.show.labs.code_lab import CHOOSE, DISC, Disc, Writing

GREYS = np.linspace(0, 0.9, 7)
SIDE, GRID = 6, (3, 4)  # pixels of a code's square; places of a page


def write(stack):
    rows, columns = GRID
    squares = stack[..., 0].reshape(len(stack), rows, SIDE, columns, SIDE).mean(axis=(2, 4))
    return np.abs(squares[..., None] - GREYS).argmin(axis=-1).astype("int32")


def read(pages):
    return GREYS[pages].repeat(SIDE, axis=1).repeat(SIDE, axis=2)[..., None].astype("float32")


def logits(pages):
    """Code k is half as likely as code k - 1, wherever it stands."""
    return np.broadcast_to(-np.log(2) * np.arange(len(GREYS)), (*pages.shape, len(GREYS)))


def repair(page, limit):
    return np.where(code_lab.bits_of(page, writing().shares(page)) > limit, 0, page)


def writing():
    pictures = read(np.arange(24).reshape(2, *GRID) % 3)
    return Writing(pictures, ["a 1", "b 2"], write, read, logits, np.arange(7), 4.0, repair)


def test_bits_are_those_of_the_prior():
    own, page = writing(), np.array([[0, 1, 2, 3]] * 3)
    total = 2 - 2.0**-6  # of the weights 1, 1/2, 1/4, ...
    np.testing.assert_allclose(
        code_lab.bits_of(page, own.shares(page))[0], np.log2(total) + np.arange(4), rtol=1e-6
    )


def test_a_disc_lies_where_it_was_put_and_an_edit_stays_through_it():
    disc = Disc(0.3, 0.9, (0.25, 0.5))
    mask = disc.mask((18, 24))
    rows, columns = np.nonzero(mask)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == (9, 6) and abs(mask.sum() - 91.6) < 6
    own = writing()
    page = own.page(0, disc, {(1, 1): 5, (2, 3): 6})
    assert page[1, 0] >= 4 and page[1, 1] == 5 and page[2, 3] == 6
    assert np.array_equal(own.pictures, writing().pictures)  # left as they were


@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 3)])
def test_a_click_chooses_the_place_under_it(place):
    x, y = code_lab.in_panel(code_lab._centre_of(place, GRID))
    assert (int(y * GRID[0]), int(x * GRID[1])) == place


def test_another_code_here_is_written_kept_and_undone():
    opened = code_lab.lab_of(writing(), "made up")
    first, alt = opened.picture.value, opened.picture.alt
    opened.picture.place = list(code_lab._centre_of((0, 3), GRID))
    assert "row 1, column 4" in opened.picture.alt and opened.picture.alt != alt
    opened.controls["rank"].value = 5  # the fifth likeliest is code 4
    changed = opened.picture.alt
    assert "4.9" in changed or "5.0" in changed  # log2(2) + 4 bits, nearly
    opened.picture.place = list(code_lab._centre_of((1, 2), GRID))
    assert opened.controls["rank"].value == 0  # what stands there is as it is
    _, undo = _buttons(opened)
    undo.click()
    assert opened.picture.value == first


def test_a_disc_surprises_and_the_prior_repairs_it():
    opened = code_lab.lab_of(writing(), "")
    opened.set({"mode": DISC, "radius": 0.25, "grey": 1.0})
    opened.picture.place = [0.1, 0.2]
    before = _bits(opened)
    repair_it, undo = _buttons(opened)
    repair_it.click()
    assert _bits(opened) < before and "codes changed" in opened._numbers.value
    undo.click()
    assert _bits(opened) == before
    opened.set({"mode": CHOOSE, "radius": 0.0})
    assert _bits(opened) < before


def _bits(opened):
    return int(opened.picture.alt.split("costs ")[1].split()[0])


def _buttons(opened):
    column = opened.box.children[1].children
    return next(one for one in column if type(one).__name__ == "HBox").children


def test_every_control_changes_the_picture_and_answers_are_computed():
    opened = code_lab.lab_of(writing(), "")
    for values in ({"number": 0}, {"rank": 3}, {"radius": 0.2}, {"grey": 0.4}):
        before = opened.picture.value
        opened.set(values)
        assert opened.picture.value != before, values
    for task in code_lab._tasks(writing()):
        right, words = task.reveal()
        assert right in task.answers and any(sign.isdigit() for sign in words)
    surprise, one_sign, mend = (task.reveal()[0] for task in code_lab._tasks(writing()))
    assert surprise == "more surprising" and one_sign == "only the square under it"
