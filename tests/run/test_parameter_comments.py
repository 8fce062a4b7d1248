"""Choices of a parameter that are too many for one line."""

import pytest

from brainlib.run import parameters
from brainlib.run.refused import Refused


def test_choices_go_on_in_lines_that_begin_with_a_bar():
    cell = (
        'model = "a"  # one of: a | b\n# | c (the large one)\n'
        "# for sweeps and long runs\nepochs = 3  # at most\n"
    )
    found = parameters.read_parameters(cell, "a notebook")
    assert found["model"].choices == ("a", "b", "c")
    assert found["epochs"].comment == "at most"


def test_a_choice_that_is_not_there_is_refused():
    found = parameters.read_parameters('model = "a"  # one of: a | b\n# | c\n', "a notebook")
    parameters.conform(found["model"], "c", "model")
    with pytest.raises(Refused, match="c"):
        parameters.conform(found["model"], "d", "model")


def test_the_comment_of_a_value_in_brackets_stands_beside_it():
    found = parameters.read_parameters('model = (\n    "a"  # one of: a | b\n)\n', "a notebook")
    assert found["model"].choices == ("a", "b")
