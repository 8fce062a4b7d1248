"""A table for people: intervals in one cell, baselines first, the best in bold where decided."""

import pandas as pd

from brainlib.record.columns import column_heading, known_columns
from brainlib.show.report.human_tables import MOST_COLUMNS, for_people


def _texts(row):
    return [cell.text for cell in row]


def shown(frame, **options):
    table = for_people(frame, key="a/b", caption="C.", **options)
    rows = [_texts(row) for row in table.rows]
    return table, [column.heading for column in table.columns], rows


QUALITY = pd.DataFrame(
    {
        "model": ["vae", "PCA 8", "unet", "mean picture"],
        "dssim": [0.2461, 0.1955, 0.1462, 0.278],
        "dssim_low": [0.241, 0.19, 0.1441, 0.26],
        "dssim_high": [0.251, 0.201, 0.1489, 0.296],
        "people": [8, 8, 8, 8],
    }
)


def test_interval_baselines_and_the_best():
    table, headings, rows = shown(QUALITY)
    assert headings == ["Model", "DSSIM ↓", "People"]
    assert rows[0] == ["mean picture", "0.278 [0.260, 0.296]", "8"]
    assert [row[0] for row in rows] == ["mean picture", "PCA 8", "vae", "unet"]
    assert rows[3][1] == "0.146 [0.144, 0.149]"
    assert [row[1].bold for row in table.rows] == [False, False, False, True]


def test_no_bold_where_nothing_is_decided():
    few = QUALITY.assign(people=5)
    wide = QUALITY.assign(dssim_low=0.1, dssim_high=0.3)
    for frame in (few, wide):
        table, _, _ = shown(frame)
        assert not any(row[1].bold for row in table.rows)


def test_seven_columns_and_the_rest_by_name():
    frame = pd.DataFrame({f"c{number}": [number, number + 1] for number in range(9)})
    table, headings, _ = shown(frame, csv="tables/a/b.csv")
    assert len(headings) == MOST_COLUMNS
    assert "Left out here: C7, C8." in table.note and "`tables/a/b.csv`" in table.note


def test_what_is_the_same_in_all_rows_is_said_once():
    frame = pd.DataFrame({f"c{number}": [number, number + 1] for number in range(7)})
    table, headings, _ = shown(frame.assign(round="fold0"))
    assert "Round" not in headings and table.note == "In all rows: Round: fold0."


def test_measures_stand_side_by_side():
    rows = []
    for model, value in (("vae", 0.5), ("input", 0.25)):
        for metric in ("dssim", "psnr"):
            limits = {"mean": value, "low": value - 0.01, "high": value + 0.01}
            rows.append({"corruption": "none", "model": model, "metric": metric, **limits, "n": 7})
    _, headings, texts = shown(pd.DataFrame(rows))
    assert headings == ["Corruption", "Model", "DSSIM ↓", "PSNR (dB) ↑", "n"]
    assert texts[0][1:3] == ["input", "0.250 [0.240, 0.260]"]


def test_numbers_of_people_who_are_named_stay_away():
    frame = pd.DataFrame({"subject": ["A", "B"], "age": [20.0, 30.0], "slices": [3, 4]})
    assert shown(frame)[1] == ["Person", "Slices"]
    assert shown(frame, with_participants=True)[1] == ["Person", "Age (years)", "Slices"]


def test_a_negative_number_and_none():
    frame = pd.DataFrame({"model": ["a", "b"], "gain": [-0.25, None]})
    assert shown(frame)[2] == [["a", "−0.250"], ["b", "–"]]


def test_the_list_of_columns_is_well_formed():
    assert {one.better for one in known_columns().values()} == {"", "higher", "lower"}
    assert column_heading("psnr") == "PSNR (dB) ↑" and column_heading("own_thing") == "Own thing"
