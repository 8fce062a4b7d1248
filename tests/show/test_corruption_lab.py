"""The corruption lab without a browser: what its state shows, and what its controls change."""

import numpy as np
import pytest

from brainlib.show.labs import corruption_lab, lab
from brainlib.show.labs.corruption_lab import Bench, Damage
from brainlib.slices import corruptions

NOTHING, GREY = "copies", "paints grey"


@pytest.fixture
def bench():
    rng = np.random.default_rng(0)
    smooth = rng.uniform(0.2, 0.8, (3, 4, 5, 1)).repeat(5, axis=1).repeat(4, axis=2)
    networks = {NOTHING: lambda stack: stack, GREY: lambda stack: np.full_like(stack, 0.5)}
    return Bench(smooth.astype("float32"), ["a 1", "a 2", "b 7"], networks)  # 20 rows, 20 columns


def test_no_damage_is_the_slice_itself_and_a_square_is_where_it_was_put(bench):
    assert np.array_equal(Damage().of(bench.pictures), bench.pictures)
    damaged = Damage(side=0.2, centre=(0.75, 0.5)).of(bench.pictures)
    assert not damaged[:, 8:12, 13:17].any()  # 4 of 20 pixels around row 10, column 15
    damaged[:, 8:12, 13:17] = bench.pictures[:, 8:12, 13:17]
    assert np.array_equal(damaged, bench.pictures)


def test_given_strengths_do_what_they_say():
    pictures = np.full((2, 90, 110, 1), 0.5, "float32")
    holes = corruptions.corrupt_exactly(pictures, seed=3, dropout=0.2)
    assert set(np.unique(holes)) == {0, 0.5} and abs((holes == 0).mean() - 0.2) < 0.02
    noisy = corruptions.corrupt_exactly(pictures, seed=3, noise_sigma=0.05)
    assert abs(noisy.std() - 0.05) < 0.002
    biased = corruptions.corrupt_exactly(pictures, seed=3, bias=0.1)
    assert abs(np.log(biased[0] / 0.5).std() - 0.1) < 0.01
    assert not np.array_equal(
        noisy, corruptions.corrupt_exactly(pictures, seed=4, noise_sigma=0.05)
    )


def test_who_does_nothing_is_not_worse_and_who_paints_grey_is(bench):
    clean = bench.pictures[:1]
    nothing, copied, grey = corruption_lab.attempts(
        clean, Damage(noise=0.02).of(clean), bench.networks
    )
    assert (copied.psnr, copied.dssim) == (nothing.psnr, nothing.dssim)
    judged = [corruption_lab.verdict(one, nothing) for one in (copied, grey)]
    assert judged == ["the same", "worse"]
    shown = corruption_lab.view(bench, number=0, damage=Damage(noise=0.02))
    assert "paints grey" in shown.alt and "worse than doing nothing" in shown.alt
    assert shown.numbers.count('class="worse"') == 1


def test_every_control_changes_the_picture_and_its_size_stays(bench):
    opened = corruption_lab.lab_of(bench, "made up")
    size = opened.picture.width, opened.picture.height
    for name, control in opened.controls.items():
        before = opened.picture.value
        if name == "side":
            control.value = 0.4
        elif hasattr(control, "options"):
            control.value = _other(control)
        else:
            control.value = control.max
        assert opened.picture.value != before, name
        assert (opened.picture.width, opened.picture.height) == size
    before = opened.picture.value
    opened.picture.place = [0.3, 0.1]  # moves the square
    assert opened.picture.value != before


def _other(chooser):
    values = [one[1] if isinstance(one, tuple) else one for one in chooser.options]
    return next(value for value in values if value != chooser.value)


def test_a_prediction_is_judged_by_numbers_of_all_slices(bench):
    panel = corruption_lab.lab_of(bench, "").tasks
    panel.prediction.value = "farther from it"
    panel.reveal()
    assert "Not so" in panel.answer and "3 slices" in panel.answer  # a copy is not farther
    panel.prediction.value = "nearer to the clean slice"
    panel.reveal()
    assert "Right" in panel.answer


def test_a_task_moves_the_sliders_with_one_picture(bench):
    opened = corruption_lab.lab_of(bench, "")
    drawn = []
    opened.picture.observe(drawn.append, "value")
    holes = [task for title, task in opened.tasks.choice.options if title == "Many holes"][0]
    opened.tasks.choice.value = holes
    assert opened.controls["dropout"].value == 0.2 and opened.controls["noise"].value == 0
    assert len(drawn) == 1


def test_the_still_has_the_picture_its_words_and_what_could_be_moved(bench, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    opened = corruption_lab.lab_of(bench, "Whose data.")
    lab.show_still(opened)
    image, words = shown
    assert image.data == opened.picture.value and image.alt == opened.picture.alt
    assert "dropout" in words.data and "Whose data." in words.data
    assert opened.picture.alt in opened.still.html() or "&#x27;" in opened.still.html()
    monkeypatch.setenv("BRAINLIB_RUN_TOKEN", "a run")
    opened._ipython_display_()
    assert len(shown) == 4  # headless: the same two again, no widget


def test_words_stand_where_a_network_is_missing(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    lab.show_still(lab.Words("run chapter 07"))
    assert shown[0].data == "run chapter 07"
