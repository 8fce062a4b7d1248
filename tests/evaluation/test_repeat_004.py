"""Table 5.3 of thesis 004: which networks, which people, the tolerance, and the command."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brainlib import models
from brainlib.evaluation import repeat_004
from brainlib.heads import cohort as cohorts

SAMPLE = Path(
    os.environ.get("BRAINLIB_IXI_SAMPLE", Path(__file__).parents[3] / "shared/ixi-sample")
)


def people_of(count):
    names = [f"IXI{number:03d}" for number in range(count)]
    rows = pd.DataFrame({"subject": names, "group": "healthy", "cohort": "ixi"})
    rng = np.random.default_rng(0)
    return rows.assign(
        age=rng.uniform(20, 80, count),
        sex=rng.choice(["male", "female"], count),
        ethnic=rng.choice(["White", "Asian"], count),
    )


def test_ten_of_the_twelve_networks_were_released():
    records = repeat_004.records_of_table()
    assert len(repeat_004.published_table()) == 12 and len(records) == 10
    first = records[0]
    assert (first["model"], first["loss"], first["psnr"]) == ("residual_unet", "mse", 44.9)
    assert all(record["augmentation"] for record in records)


def test_47_people_are_drawn_from_a_cohort_like_ixi_and_all_of_a_small_one():
    everybody = people_of(581)
    drawn = repeat_004.test_people(everybody)
    assert len(drawn) in (46, 47) and set(drawn.subject) < set(everybody.subject)
    assert len(repeat_004.test_people(people_of(10))) == 10
    assert repeat_004.test_people(everybody, ["IXI007"]).subject.tolist() == ["IXI007"]
    with pytest.raises(ValueError, match="1 of 2 names are not in the data, the first is IXI999"):
        repeat_004.test_people(everybody, ["IXI007", "IXI999"])


@pytest.fixture
def measured():
    record = {"model": "residual_unet", "loss": "mse", "l2": False}
    record |= {"mse": 4e-5, "dssim": 3e-3, "psnr": 44.0}
    rows = []
    for subject, slices, psnr in (("a", 10, 43.0), ("b", 30, 45.0)):
        for name in ("clean", "damaged"):
            about = {"subject": subject, "input": name, "network": 0, "slices": slices}
            rows.append({**about, "mse": 4e-5, "dssim": 3e-3, "psnr": psnr})
    return pd.DataFrame(rows), [record]


def test_means_are_over_slices_as_in_the_thesis_and_the_tolerance_decides(measured):
    by_person, records = measured
    row = repeat_004.repeated_table(by_person, records, same_people=True).iloc[0]
    assert row.psnr_clean == pytest.approx(44.5) and row.people == 2 and row.slices == 40
    assert row.psnr_clean_low < 44 < row.psnr_clean_high and row.repeats == "yes"
    records[0]["psnr"] = 43.4
    assert repeat_004.repeated_table(by_person, records, same_people=True).repeats[0] == "no"
    others = repeat_004.repeated_table(by_person, records, same_people=False)
    assert others.repeats.tolist() == ["other people"]


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs the real heads of ixi-sample")
def test_the_command_runs_on_real_heads(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(SAMPLE))
    one = cohorts.cohort("ixi-sample", ask=False).head(1)
    monkeypatch.setattr(repeat_004.cohorts, "cohort", lambda data, ask: one)
    monkeypatch.setattr(models, "released", lambda name, **how: name)
    monkeypatch.setattr(models, "reconstruct", lambda name, inputs: inputs * 0.99)
    words = ["--data", "ixi-sample", "--out", str(tmp_path), "--every", "30"]
    assert repeat_004.main(words) == 0
    table = pd.read_csv(tmp_path / "table_5_3.csv")
    assert len(table) == 10 and (table.repeats == "other people").all() and table.slices[0] >= 2
    assert (table.psnr_clean > 40).all() and (table.psnr_damaged < table.psnr_clean).all()
    assert "Tolerance: 1 dB of PSNR, 25% of MSE and DSSIM" in capsys.readouterr().out


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs the real heads of ixi-sample")
def test_weights_that_cannot_be_reached_are_said_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BRAINLIB_IXI_SAMPLE", str(SAMPLE))
    words = ["--data", "ixi-sample", "--out", str(tmp_path), "--weights", str(tmp_path / "w")]
    assert repeat_004.main([*words, "--url", "http://127.0.0.1:9/"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "127.0.0.1:9" in error
    assert not (tmp_path / "table_5_3.csv").exists()
