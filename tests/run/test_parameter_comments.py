"""What a parameter may be: choices over several lines, and options of their own."""

import pytest

from brainlib.run import command, parameters, settings
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


@pytest.mark.parametrize(
    ("cell", "value", "said"),
    [
        ("every = 2  # every n-th slice, from 1", 0, "at least 1"),
        ("healthy = 24  # heads, from 0 to 2000", 10**9, "at most 2000"),
        ("seed = 0  # of everything random", -1, "at least 0"),
        ("rates = [0.1]  # of Adam", [0.2, -0.1], "at least 0"),
    ],
)
def test_numbers_outside_of_their_limits_are_refused(cell, value, said):
    (parameter,) = parameters.read_parameters(cell, "a notebook").values()
    with pytest.raises(Refused, match=said):
        parameters.conform(parameter, value, parameter.name)


def test_numbers_may_be_below_0_where_the_default_or_the_comment_is():
    cell = "contrasts = [-0.6, 0.2]  # of lesions\nshift = 0  # from -3 to 3\nflag = True  # on\n"
    found = parameters.read_parameters(cell, "a notebook")
    assert parameters.conform(found["contrasts"], [-2.0], "contrasts") == [-2.0]
    assert parameters.conform(found["shift"], -3, "shift") == -3
    assert found["flag"].limits[1] is None and not parameters.conform(found["flag"], False, "flag")


def test_numbers_inside_of_dictionaries_are_no_less_limited():
    cell = "options = {'vae': {'latent_dim': 8, 'shift': -1, 'sizes': [1]}}  # further keys"
    (parameter,) = parameters.read_parameters(cell, "a notebook").values()
    parameters.conform(parameter, {"vae": {"shift": -3, "beta": -1}}, "options")
    for wrong in ({"latent_dim": -8}, {"sizes": [2, -1]}):
        with pytest.raises(Refused, match="options, vae, .*at least 0"):
            parameters.conform(parameter, {"vae": wrong}, "options")


def test_a_yaml_file_of_aliases_of_aliases_is_refused(tmp_path):
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    with pytest.raises(Refused, match="aliases"):
        settings.read_yaml(tmp_path / "bomb.yaml")


def test_a_folder_of_a_run_that_was_stopped_before_it_began_is_taken(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / "exclude.csv").touch()
    assert command.check_folder(tmp_path, "smoke", "phantom") == tmp_path


def test_participants_are_asked_for_by_one_word():
    asked = command.check(command.read(["10", "--with-participants", "--dry-run"]))
    assert asked.parameters["10_report"]["with_participants"] is True
    assert "-p with_participants=true" in asked.repeat_options
    usual = command.check(command.read(["10", "--dry-run"]))
    assert usual.parameters["10_report"]["with_participants"] is False
