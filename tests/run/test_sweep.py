"""Sweeps on tiny notebooks: what is refused, runs once or is skipped; failures; the tables."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from test_runs import (
    ROOT,
    environment,
    make_workbook,
    processes_of,
    record,
    run_all,
    write_notebook,
)

from brainlib import files, models, training
from brainlib import record as runs
from brainlib.run import __main__ as command_line
from brainlib.run import catalogue, sweep_results, sweeps
from brainlib.run.refused import Refused

TABLE = {"02_slices": [], "11_point": ["02_slices"], "10_report": "all"}
POINT = (
    'import pandas\nif kind == "strong" and rate > 1:\n    raise ValueError("too strong")',
    'before = run.needs("02_slices")["notes"]',
    'print(run.path("tables", "02_slices", "t.csv").read_text())',
    'row = {"score": 10 * rate + seed, "kind": kind, "epochs_before": before["epochs"]}',
    'run.table(pandas.DataFrame([{**row, "name": "x"}]), "row")',
)
SWEEP = """\
title: Rates & kinds
source: made up
notebook: 11_point
results: row
parameters:
  rate: [1e-1, 2]
  seed: [0, 1, 4]
points:
  - {kind: mild, label: soft}
"""


@pytest.fixture(scope="module")
def workbook(tmp_path_factory):
    """A workbook of a step before, a point and a report; the step before counts its runs."""
    folder = tmp_path_factory.mktemp("sweep")
    once = (
        'import pandas\nrun.note("epochs", epochs)\n'
        'run.table(pandas.DataFrame({"a": [epochs]}), "t")\n'
        'run.path("slices", "images.npy").write_bytes(b"images")\n'
        f'print(epochs, file=open({str(folder / "ran.txt")!r}, "a"))\nassert epochs < 8'
    )
    notebooks = make_workbook(
        folder, TABLE, profile="minutes: {11_point: 2}\n", n02_slices=(once,), n11_point=POINT
    )
    path = notebooks / "Snakefile"
    path.write_text(re.sub(r"^APART = .*$", 'APART = ["11_point"]', path.read_text(), flags=re.M))
    (notebooks / "sweeps").mkdir()
    (notebooks / "sweeps" / "rates.yaml").write_text(SWEEP)
    return notebooks


def read(notebooks, text):
    path = notebooks.parent / "mine.yaml"
    path.write_text(text)
    table = catalogue.read_table(notebooks / "Snakefile")
    return sweeps.read(path, table, catalogue.read_notebooks(table, table, notebooks))


# The format


def test_points_are_the_products_of_grid_and_entries_and_keep_their_names(workbook):
    sweep = read(workbook, SWEEP)
    assert [point.values for point in sweep.points[:3]] == [
        {"rate": 0.1, "seed": seed, "kind": "mild"} for seed in (0, 1, 4)
    ]
    assert (
        len(sweep.points) == 6
        and sweep.needed == ("02_slices",)
        and {point.shared_name for point in sweep.points} == {"common"}
    )
    turned = read(
        workbook,
        "title: t\nnotebook: point\nresults: row\npoints:\n"
        "  - {seed: 4, kind: mild, rate: 0.1}\n"
        "  - {02_slices.epochs: [5, 3], kind: strong, sizes: [[1], [2, 3]]}\n",
    )
    assert (
        turned.points[0].name == sweep.points[2].name == "0_1-mild-4-" + turned.points[0].name[-8:]
    )  # whatever the file looks like
    assert [(point.shared, point.values["sizes"]) for point in turned.points[1:]] == [
        ({"02_slices": {"epochs": epochs}}, sizes) for epochs in (5, 3) for sizes in ([1], [2, 3])
    ]
    assert (
        len({point.shared_name for point in turned.points}) == 3
        and len({point.name for point in turned.points}) == 5
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"notebok": "x"}, "Did you mean notebook"),
        ({"notebook": "11_pint"}, "Did you mean 11_point"),
        ({"notebook": ""}, "notebook: expected a text"),
        ({"results": None}, "results: expected a text"),
        ({"parameters": {"rates": [1]}}, "Did you mean rate"),
        ({"parameters": {"rate": ["fast"]}}, "expected a number"),
        ({"parameters": {"rate": []}}, "got an empty list"),
        ({"parameters": {"rate": [1, 1.0]}}, "stands twice"),
        ({"parameters": {"kind": ["mild", "strnog"]}}, "Did you mean strong"),
        ({"parameters": {"epochs": [1.5]}}, "expected a whole number"),
        ({"parameters": {"sizes": [1, 2]}}, "expected a list of lists"),
        ({"parameters": {"02_slicse.epochs": [1]}}, "Did you mean 02_slices"),
        (
            {"parameters": {"10_report.epochs": [1]}},
            "parameters: notebook '10_report': there is none",
        ),
        ({"parameters": {"out": ["x"]}}, "is set by --out"),
        ({"parameters": [1]}, "expected names with values"),
        ({"points": []}, "points: expected a list with at least one"),
        ({"points": [3]}, "element 1: expected names"),
        (
            {"points": [{"kind": "mild"}, {"kind": "mild", "rate": 2, "seed": 4}]},
            "two points are the same",
        ),
        ({"points": [{"label": 3}]}, "label: expected a text"),
        ({"parameters": {"seed": list(range(3000))}}, "Divide the sweep"),
        ({"parameters": None, "points": None}, "found neither"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_starts(workbook, change, said):
    with pytest.raises(Refused, match=re.escape(said)):
        read(workbook, yaml.safe_dump({**yaml.safe_load(SWEEP), **change}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sweep", "rate"], "Did you mean rates?"),
        (["11", "--sweep", "rates"], "leave names of notebooks out"),
        (["--sweep", "rates", "-p", "seed=1"], "seed is set by the sweep"),
        (["--sweep", "rates", "-p", "epoch=1"], "Did you mean epochs"),
        (["--sweep", "rates", "--keep-going"], "leave --keep-going out"),
        (["--sweep", "rates", "-j", "no"], "whole number from 1"),
        (["--sweep", "rates", "--data", "phantm"], "Did you mean phantom"),
    ],
)
def test_words_beside_a_sweep_are_checked(workbook, monkeypatch, capsys, words, said):
    monkeypatch.setattr(runs, "NOTEBOOKS", workbook)
    assert command_line.main(words) == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1


def test_a_list_says_how_many_and_how_long_and_starts_nothing(workbook, monkeypatch, capsys):
    monkeypatch.setattr(runs, "NOTEBOOKS", workbook)
    before = sorted(workbook.parent.rglob("*"))
    assert command_line.main(["--sweep", "rates", "--list", "-j", "4"]) == 0
    printed = capsys.readouterr().out
    assert (
        "6 points of 11_point" in printed
        and "0 done, 6 to run: about 3:00 (2:00 a point" in printed
    )
    assert (
        "to run  label=soft, rate=0.1, seed=0, kind=mild" in printed
        and sorted(workbook.parent.rglob("*")) == before
    )


# A whole sweep


def run_sweep(workbook, path, *words):
    """./run_all.sh --sweep into `out 1`: with the space everything must cope."""
    command = [
        sys.executable,
        "-m",
        "brainlib.run",
        "--sweep",
        str(path),
        "--out",
        "out 1",
        "-p",
        "epochs=5",
        *words,
    ]
    return subprocess.run(
        command,
        env=environment(workbook),
        text=True,
        capture_output=True,
        timeout=500,
        cwd=workbook.parent,
    )


@pytest.fixture(scope="module")
def swept(workbook):
    """A sweep of two good points, one with another step before, and two that fail.

    Of these one fails itself, one its step before. Two at a time.
    """
    path = workbook.parent / "five.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                **yaml.safe_load(SWEEP),
                "parameters": {"rate": 0.5, "kind": "mild"},
                "points": [
                    {"seed": [0, 4]},
                    {"rate": 2, "kind": "strong"},
                    {"02_slices.epochs": 7},
                    {"02_slices.epochs": 8},
                ],
            }
        )
    )
    return path, workbook.parent / "out 1", run_sweep(workbook, path, "-j", "2")


def test_steps_before_run_once_a_failed_point_is_named_and_the_others_go_on(workbook, swept):
    _, out, answer = swept
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert (
        workbook.parent / "ran.txt"
    ).read_text() == "5\n7\n8\n"  # once for each way that is asked of them
    assert (
        "ValueError: too strong" in answer.stdout
        and "3 of 5 points" in answer.stdout
        and "to run it again: ./run_all.sh --sweep" in answer.stdout
    )
    assert "steps before failed, so its points did not run: out 1/shared/8-" in answer.stdout
    entries = record(out)["notebooks"]
    assert sorted(entry["status"] for entry in entries.values()) == [
        "failed",
        "finished",
        "finished",
        "finished",
        "not run",
    ]
    for name, entry in entries.items():
        if entry["status"] != "not run":
            assert (
                (out / entry["notebook"]).is_file()
                and (out / entry["log"]).is_file()
                and (out / "points" / name / "slices").is_symlink()
            )
            assert (
                (out / "points" / name / "results" / "02_slices.json")
                .resolve()
                .is_relative_to((out / "shared").resolve())
            )
    assert not processes_of(workbook)


def test_the_table_of_points_and_that_of_means_say_what_was_found(swept):
    _, out, _ = swept
    points, summary = pd.read_csv(out / "points.csv"), pd.read_csv(out / "summary.csv")
    assert list(points.status) == ["finished", "finished", "failed", "finished", "not run"]
    np.testing.assert_allclose(points.score, [5, 9, np.nan, 5, np.nan])
    np.testing.assert_allclose(points.epochs_before, [5, 5, np.nan, 7, np.nan])
    assert (
        list(summary.n) == [2, 1]
        and list(summary.kind) == ["mild"] * 2
        and list(summary["name"]) == ["x", "x"]
    )
    np.testing.assert_allclose(summary.score_mean, [7, 5])
    np.testing.assert_allclose(summary.score_sd, [np.sqrt(8), np.nan])  # n - 1 in the denominator
    page = (out / "sweep.html").read_text()
    assert (
        "Rates &amp; kinds" in page
        and "2 of 5 points are missing" in page
        and "7 \u00b1 2.8" in page
    )
    assert page.count("/notebooks/11_point.ipynb") == 5


def test_again_only_what_is_missing_runs(workbook, swept):
    path, out, _ = swept
    before = record(out)["notebooks"]
    write_notebook(workbook, "10_report")  # of no concern
    content = yaml.safe_load(path.read_text())
    content["points"] = content["points"][:1] + [{"rate": 0.25, "seed": 1}]
    path.write_text(yaml.safe_dump(content))
    plan = run_sweep(workbook, path, "--dry-run")
    assert plan.returncode == 0 and "2 done, 1 to run" in plan.stdout
    again = run_sweep(workbook, path)
    assert again.returncode == 0, again.stdout + again.stderr
    after = record(out)["notebooks"]
    assert (
        sum(
            after[name] == {**entry, "reason": "unchanged"}
            for name, entry in before.items()
            if entry["status"] == "finished"
        )
        == 2
    )
    points = pd.read_csv(out / "points.csv")
    assert set(points.status) == {"finished"} and list(points.score) == [5, 9, 3.5]
    refused = run_all(workbook, "--out", str(out))
    assert refused.returncode == 2 and "this is one of a sweep" in refused.stderr


def test_a_plain_run_leaves_notebooks_apart_out(workbook):
    plan = run_all(workbook, "--dry-run", "--out", "out 3")
    assert re.findall(r"^  (\d\d_\w+)", plan.stdout, re.M) == ["02_slices", "10_report"]
    named = run_all(workbook, "11", "--dry-run", "--out", "out 3")
    assert re.findall(r"^  (\d\d_\w+)", named.stdout, re.M) == ["02_slices", "11_point"]


# The gathering, and what is shipped


def test_means_of_points_without_seeds_or_with_lists(tmp_path, workbook):
    sweep = read(
        workbook, "title: t\nnotebook: 11\nresults: row\nparameters: {sizes: [[1], [2, 3]]}\n"
    )
    for place, point in enumerate(sweep.points):
        folder = tmp_path / "points" / point.name / "tables" / "11_point"
        folder.mkdir(parents=True)
        pd.DataFrame({"score": [place, place + 1.0]}).to_csv(
            folder / "row.csv", index=False
        )  # two rows a point
    entries = {point.name: {"status": "finished", "seconds": 90} for point in sweep.points}
    table, summary = sweep_results.write(sweep, tmp_path, entries)
    assert list(table.sizes) == ["[1]", "[1]", "[2, 3]", "[2, 3]"] and set(table.minutes) == {1.5}
    assert list(summary.n) == [2, 2] and list(summary.score_mean) == [0.5, 1.5]
    table, summary = sweep_results.write(sweep, tmp_path, {})
    assert set(table.status) == {"not run"} and not len(summary)


SHIPPED = sorted(
    set((ROOT / "notebooks" / "sweeps").glob("*.yaml"))
    - set((ROOT / "notebooks" / "sweeps").glob("002_*.yaml"))
)  # 002: test_anomaly_study


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow if "short_resnet50" in path.stem else ())
        for path in SHIPPED
    ],
    ids=lambda path: path.stem,
)
def test_shipped_sweeps_are_right_and_name_their_table(path):
    table = catalogue.read_table(ROOT / "notebooks" / "Snakefile")
    present = [name for name in table if (ROOT / "notebooks" / f"{name}.ipynb").exists()]
    sweep = sweeps.read(path, table, catalogue.read_notebooks(present, table, ROOT / "notebooks"))
    assert (
        re.search(r"thesis 00\d", sweep.source)
        and 2 <= len(sweep.points) <= 150
        and sweep.notebook == "11_experiment"
    )
    built = {}
    side = 64 if path.stem == "000_published" else 32  # six halvings, else as small as smoke's
    for point in sweep.points:  # networks, options and recipes are known before hours of training
        values = {"model": "residual_unet", "recipe": "004", **point.values}
        options = {**({"l2": True} if values.get("l2") else {}), **(values.get("options") or {})}
        network = values["model"], files.digest(options)
        if network not in built:
            built[network] = models.build(
                values["model"], image_shape=(side, side), width=0.05, **options
            )
        assert built[network].output_shape[1:] == (side, side, 1)
        training.recipe(values["recipe"])


def test_every_row_of_the_published_tables_has_its_point():
    rows = pd.read_csv(ROOT / "notebooks" / "published" / "reconstruction_residual_2020.csv")
    for augmentation, name in (("no", "004_clean"), ("yes", "004_corrupted")):
        content = yaml.safe_load((ROOT / "notebooks" / "sweeps" / f"{name}.yaml").read_text())
        grid = {
            (entry["model"], entry["loss"], one)
            for entry in content["points"]
            for one in np.atleast_1d(entry.get("l2", False)).tolist()
        }
        wanted = {
            (row.model.split("_full_pre")[0].split("_original")[0], row.loss, row.l2 == "yes")
            for row in rows[rows.augmentation == augmentation].itertuples()
        }
        assert wanted <= grid


def test_the_choices_of_the_experiment_are_networks_and_recipes():
    notebook = catalogue.read_notebooks(
        ["11_experiment"], {"11_experiment": []}, ROOT / "notebooks"
    )["11_experiment"]
    assert set(notebook.parameters["model"].choices) <= set(models.NAMES)
    assert set(notebook.parameters["recipe"].choices) <= set(training.RECIPES)
    assert json.loads((ROOT / "notebooks" / "11_experiment.ipynb").read_text())["nbformat"] == 4


def test_the_example_of_the_readme_is_right(tmp_path):
    example = re.search(
        r"```yaml\n(title: .*?)```", (ROOT / "notebooks" / "sweeps" / "README.md").read_text(), re.S
    )[1]
    (tmp_path / "example.yaml").write_text(example)
    table = catalogue.read_table(ROOT / "notebooks" / "Snakefile")
    needed = catalogue.with_needs(["11_experiment"], table)
    sweep = sweeps.read(
        tmp_path / "example.yaml",
        table,
        catalogue.read_notebooks(needed, table, ROOT / "notebooks"),
    )
    assert len(sweep.points) == 36 and len({point.shared_name for point in sweep.points}) == 2
