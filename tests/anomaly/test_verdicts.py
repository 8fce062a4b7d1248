"""Verdicts about networks and the grey value, and ours beside thesis 002's published numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_heads import BRIGHT, DARK, HEADS, POST, made_up, scored

from brainlib import anomaly, models
from brainlib.anomaly import measures, study
from brainlib.anomaly.study import ALL, Detector
from brainlib.run import catalogue, sweeps


def test_the_verdict_says_who_is_better_and_whether_it_is_decided():
    table = pd.DataFrame(
        [{"subject": f"S{number}", "group": "stroke", "site": ""} for number in range(6)]
    )
    prepared = {f"S{number}": made_up(number, ill=True) for number in range(6)}
    good, bad = (
        study.Scoring({}, prepared, POST).score(detector, table) for detector in (DARK, BRIGHT)
    )
    (row,) = study.compare_with_baseline(good, bad, n=100)
    assert (
        row["difference"] > 0
        and row["low"] > 0
        and row["says"] == "the network beats the grey value"
    )
    (row,) = study.compare_with_baseline(bad, good, n=100)
    assert row["high"] < 0 and row["says"] == "the grey value beats the network"
    (row,) = study.compare_with_baseline(good, good, n=100)
    assert (row["difference"], row["low"], row["high"]) == (0, 0, 0) and row["says"].startswith(
        "not decided"
    )
    (row,) = study.compare_with_baseline(good[:5], bad[:5], n=100)
    assert (
        row["low"] > 0
        and row["says"] == "above the grey value on 5 heads: too few to decide, 6 are needed"
    )
    (row,) = study.compare_with_baseline(bad[:1], good[:1], n=100)
    assert np.isnan(row["low"]) and row["says"].startswith(
        "below the grey value on 1 head: too few"
    )
    assert row["p"] != row["p"] and row["better_on"] == 0
    (row,) = study.compare_with_baseline(good, bad, n=100)
    assert (
        row["p"] == pytest.approx(2 / 2**6) and row["better_on"] == 6
    )  # all signs the same way: one of 64, twice
    with pytest.raises(ValueError, match="same subjects"):
        measures.auprc_difference(good, bad[::-1])


def test_kinds_that_were_scored_in_their_own_ways_are_not_judged_together():
    good = [head for head in scored(DARK) if head.ill]
    bad = [head for head in scored(BRIGHT) if head.ill]
    whole = study.compare_with_baseline(good, bad, n=20)
    apart = study.compare_with_baseline(good, bad, n=20, together=False)
    assert [row["group"] for row in whole] == ["tumour", "stroke", ALL] and [
        row["group"] for row in apart
    ] == ["tumour", "stroke"]
    assert [row["auprc"] for row in apart] == [row["auprc"] for row in whole[:2]]


def test_each_kind_may_have_a_detector_of_its_own():
    """The tumours were darkest on validation, the strokes brightest: each is judged in its own way.

    A kind that was never validated is judged in none.
    """
    network = Detector("net", "negative")
    auprcs = {
        Detector("net", "positive"): (0.2, 0.6),
        network: (0.5, 0.3),
        Detector("", "intensity_dark"): (0.4, 0.1),
        Detector("", "intensity_bright"): (0.1, 0.2),
    }
    found = {
        detector: {"tumour": {"auprc": tumour}, "stroke": {"auprc": stroke}}
        for detector, (tumour, stroke) in auprcs.items()
    }
    asked = []

    def score(detector, part):
        asked.append((detector.name, list(part.subject)))
        return [
            head
            for head in scored(BRIGHT if detector.baseline else DARK)
            if head.subject in set(part.subject)
        ]

    table = pd.DataFrame(
        [
            *(
                {"subject": row.subject, "group": row.group}
                for row in HEADS[HEADS.group != "healthy"].itertuples()
            ),
            {"subject": "X", "group": "else"},
        ]
    )
    rows = study.compare_by_kind(found, table, score, n=20)
    tumours, strokes = (list(table[table.group == group].subject) for group in ("tumour", "stroke"))
    assert asked == [
        ("net negative", tumours),
        ("intensity dark", tumours),
        ("net positive", strokes),
        ("intensity bright", strokes),
    ]
    assert [(row["group"], row["network"], row["baseline"]) for row in rows] == [
        ("tumour", "net negative", "intensity dark"),
        ("stroke", "net positive", "intensity bright"),
    ]
    assert all(row["difference"] > 0 for row in rows)


def test_a_verdict_is_not_for_one_large_lesion():
    """Three heads of many lesion pixels on which the network shines, five small ones without."""

    def heads(shines):
        for number in range(8):
            rng, lesion = np.random.default_rng(number), np.zeros((1, 60, 60), bool)
            lesion[0, :30, : (30 if number < 3 else 2)] = True
            gain = 4.0 if shines == (number < 3) else 0.5
            yield anomaly.ScoredHead(
                f"S{number}",
                "stroke",
                "",
                (rng.normal(size=lesion.shape) + gain * lesion).astype("float32"),
                np.ones_like(lesion),
                lesion,
            )

    (row,) = study.compare_with_baseline(list(heads(True)), list(heads(False)), n=200)
    assert row["low"] > 0 and row["p"] > 0.05 and row["better_on"] == 3
    assert row["says"].startswith("not decided: over all pixels") and "3 of 8 heads" in row["says"]


def test_published_and_ours_stand_side_by_side():
    published = pd.DataFrame(
        [
            {"table": table, "level": level, "dataset": "ATLAS", "model": "VAE", "auprc": 20.0}
            for table, level in (("5.1", "sample"), ("5.3", "pixel"), ("5.4", "pixel"))
        ]
    )
    heads = [head for head in scored(DARK) if head.ill]
    levels = pd.DataFrame(
        [
            {"detector": "x", "group": "stroke", **row}
            for row in study.areas_by_level(heads, [], n=10)
        ]
    )
    limits = {
        ALL: {"5 % false alarms": 0.5},
        "stroke": {"own lesions": 0.6, "5 % false alarms": 0.5},
    }
    operating = pd.DataFrame(
        [{"detector": "x", **row} for row in study.operating_points(heads, limits)]
    )
    beside = study.beside_published(
        published, levels, operating, data_source="made up", setting="tiny"
    )
    assert list(beside.table) == ["5.1", "5.1", "5.2", "5.3", "5.3", "5.4"] and set(
        beside[beside.data_source == "made up"].setting
    ) == {"tiny"}
    own = beside[(beside.data_source == "made up") & (beside.level == "pixel")].iloc[0]
    expected = operating[
        (operating.group == "stroke") & (operating.threshold_from == "own lesions")
    ].iloc[0]
    assert own.dice_total == pytest.approx(
        100 * expected.dice_total
    ) and own.auprc == pytest.approx(100 * levels[levels.level == "pixel"].auprc.iloc[0])
    with_median = study.beside_published(
        published, levels, operating, data_source="made up", setting="tiny", median=3
    )
    (last,) = with_median[
        (with_median.data_source == "made up") & (with_median.table == "5.4")
    ].itertuples()
    assert (
        last.dice_subject == own.dice_subject
        and last.median_filter == 3
        and np.isnan(last.auprc)
        and len(with_median) == len(beside) + 1
    )
    assert (
        len(
            study.beside_published(
                published, pd.DataFrame(), pd.DataFrame(), data_source="", setting=""
            )
        )
        == 3
    )


def test_the_theses_grid_of_codes_can_be_swept():
    root = Path(__file__).resolve().parents[2]
    table = catalogue.read_table(root / "notebooks" / "Snakefile")
    present = [name for name in table if (root / "notebooks" / f"{name}.ipynb").exists()]
    sweep = sweeps.read(
        root / "notebooks" / "sweeps" / "002_latents.yaml",
        table,
        catalogue.read_notebooks(present, table, root / "notebooks"),
    )
    grid = [
        (name, options)
        for point in sweep.points
        for name in point.values["models_used"]
        for options in [point.values["model_options"][name]]
    ]
    for name in ("vae_uad", "vqvae_uad", "vqgan_uad"):
        smallest = min(
            (options for one, options in grid if one == name),
            key=lambda options: sum(options.values()),
        )
        assert models.build(name, image_shape=(48, 40), width=0.05, **smallest).output_shape[
            1:
        ] == (48, 40, 1)
    vaes = {options["latent_dim"] for name, options in grid if name == "vae_uad"}
    pairs = {
        (name, options["code_dim"], options["codebook_size"])
        for name, options in grid
        if name != "vae_uad"
    }
    published = pd.read_csv(root / "notebooks" / "published" / "anomaly_2022.csv")
    of_codes = published[published.model != "VAE"]
    assert {32, 64, 128, 256} == vaes >= set(
        published[published.model == "VAE"].embedding_dim.astype(int)
    ) and len(vaes) + len(pairs) == 4 + 16 + 9
    assert {
        (f"{row.model.lower()}_uad", int(row.embedding_dim), int(row.codebook_size))
        for row in of_codes.itertuples()
    } <= pairs
