"""The calls of notebook 09 on made-up heads: who takes part, by hand, choice, words, in brief."""

from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from made_up_heads import BRIGHT, DARK, HEADS, POST, PREPARED, SIZE, made_up

from brainlib import anomaly_figures
from brainlib.anomaly import dice, study
from brainlib.anomaly.study import ALL, Detector
from brainlib.evaluation.studies import Round

matplotlib.use("Agg")
ROUND = Round("fold0", "", train=("H0",), validation=("H1",), test=("H2", "H3"))


def heads_of_study(people=HEADS, **changes):
    """`open_heads` without a run folder: H4 and H7 validate, the other ill heads test."""
    people = people.assign(lesion_path="", split="test", twin_path="")
    people.loc[people.group != "healthy", "lesion_path"] = "lesion.nii.gz"
    people.loc[people.subject.isin(["H4", "H7"]), "split"] = "validation"
    settings = {
        "people": people,
        "prepared": PREPARED,
        "faults": {},
        "rounds": (ROUND,),
        "preparation": {"size": SIZE},
        "post": POST,
        "mask_method": "deepbrain",
        "folder": Path(),
    }
    return study.StudyHeads(**settings | changes)


HEALTHY_ONLY = HEADS[HEADS.group == "healthy"]


def judged_heads(people=HEADS):
    heads = heads_of_study(people)
    scoring = study.Scoring({}, PREPARED, POST)
    found, _ = study.validate_detectors(scoring, study.BASELINES, heads.lesions("validation"))
    choice = study.Choice(found, (DARK,), BRIGHT, by_lesions=len(heads.lesions("test")) > 0)
    return scoring, study.score_test_heads(scoring, choice, heads)


def test_people_stand_in_their_parts():
    heads = heads_of_study()
    assert list(heads.healthy("test").subject) == ["H2", "H3"]
    assert list(heads.lesions("validation").subject) == ["H4", "H7"]
    assert len(heads.lesions("test")) == 4 and not len(heads.unmasked("test"))
    assert heads.counts().set_index("group").test.to_dict() == {
        "healthy": 2,
        "tumour": 2,
        "stroke": 2,
    }
    assert "2 validation heads" in study.lesions_in_words(heads)
    without = heads_of_study(HEALTHY_ONLY)
    assert "no test lesions" in study.lesions_in_words(without)
    unmasked = heads_of_study(prepared={**PREPARED, "H5": PREPARED["H0"]})
    assert unmasked.without_lesion_at_size() == ["H5"]
    assert "H5" in study.lesions_in_words(unmasked)


def test_batches_hold_the_healthy_of_a_round(tmp_path):
    heads = heads_of_study(folder=tmp_path, every=2)
    train, validation = heads.batches(ROUND, "vae_uad", batch_size=2, seed=1)
    assert len(train) == len(validation) == 3  # of slices 1 to 6, every second
    np.testing.assert_array_equal(train.images(), PREPARED["H0"].images[2:7:2])
    again, _ = heads.batches(ROUND, "vae_uad", batch_size=2, seed=1)
    assert again.digest() == train.digest()


def test_the_slice_by_hand_is_of_a_validation_head_or_planted():
    image, brain, lesion, words = study.example_slice(heads_of_study())
    assert words.startswith(("H4 (", "H7 (")) and lesion.any() and not (lesion & ~brain).any()
    planted = study.example_slice(heads_of_study(HEALTHY_ONLY))
    assert planted.words.startswith("H1, a healthy head") and planted.lesion.any()
    assert planted.image[planted.lesion].mean() < planted.image[planted.brain].mean() - 0.2
    assert image.shape == planted.image.shape == SIZE[1:]


def test_the_slice_by_hand_is_the_one_whose_lesion_is_easiest_to_see():
    faint = made_up(7, ill=True)
    faint = replace(faint, images=np.where(faint.lesion, 0.55, faint.images))
    heads = heads_of_study(prepared={**PREPARED, "H4": faint})
    assert study.example_slice(heads).words.startswith("H7 (")
    heads = heads_of_study(prepared={**PREPARED, "H7": faint})
    assert study.example_slice(heads).words.startswith("H4 (")


def test_counts_of_a_call_add_up():
    call, lesion, brain = (np.zeros((4, 5), bool) for _ in range(3))
    brain[:3] = True  # 15 pixels
    lesion[0, :4] = True
    call[0, 2:] = True  # 2 of the lesion, 1 elsewhere
    call[3] = True  # outside of the brain: not counted
    table = study.counts_of_a_call(call, lesion, brain)
    assert table.called.tolist() == [2, 1, 3]
    assert table["not called"].tolist() == [2, 10, 12]
    assert table.together.tolist() == [4, 11, 15]


def test_the_best_threshold_is_that_of_trying_them_all():
    rng = np.random.default_rng(3)
    score, lesion = rng.integers(0, 6, (7, 9)) / 5, rng.random((7, 9)) < 0.3
    brain = rng.random((7, 9)) < 0.8
    lesion &= brain
    tried = {one: dice((score >= one) & brain, lesion) for one in np.unique(score[brain])}
    found = study.best_threshold(score, lesion, brain)
    assert tried[found] == max(tried.values()) > min(tried.values())


def test_a_threshold_of_one_slice_is_tried_on_other_validation_heads():
    heads = heads_of_study()
    example = study.example_slice(heads)
    table = study.threshold_on_other_heads(heads, lambda image: 1 - image, 0.75, example=example)
    assert table["head"].str[:2].tolist() in (["H4", "H7", "H1"], ["H7", "H4", "H1"])
    np.testing.assert_allclose(table.dice[:2], 1)  # all that is darker than 0.25 is lesion
    assert np.isnan(table.dice[2]) and table.called_percent[2] == 0
    words = study.elsewhere_in_words(table)
    assert "Dice is **1.00**" in words and "it calls 0.0 %" in words
    wide = pd.DataFrame(
        {"head": "x", "called_percent": [5, 10, 2.5, 4], "dice": [0.5] + 3 * [np.nan]}
    )
    assert "calls 2.5 to 10.0 %" in study.elsewhere_in_words(wide)
    planted = heads_of_study(HEALTHY_ONLY)
    example = study.example_slice(planted)
    table = study.threshold_on_other_heads(planted, lambda image: image, 0.0, example=example)
    assert len(table) == 1 and table.called_percent[0] == 100  # H1 itself is no other head
    assert "No other validation head" in study.elsewhere_in_words(table)


def test_maps_of_a_slice_are_compared_beside_chance():
    lesion = np.zeros((4, 5), bool)
    lesion[0, :2] = True
    brain = np.ones((4, 5), bool)
    maps = {"chance": np.zeros((4, 5)), "grey value": 1.0 - lesion, "residual": 1.0 * lesion}
    table = study.compare_maps(maps, lesion, brain).set_index("score")
    assert table.auprc["chance"] == table.prevalence["chance"] == pytest.approx(0.1)
    assert table.auroc.tolist() == [0.5, 0, 1] and table.best_dice["residual"] == 1
    assert "**more** than the grey value" in study.best_map_in_words(table.reset_index())


def test_without_validation_lesions_nothing_is_chosen():
    choice = study.choose_detectors({}, ["a", "b"])
    assert choice.networks == (Detector("a", "absolute"), Detector("b", "absolute"))
    assert not choice.by_lesions and choice.baseline == DARK
    assert choice.judged == (BRIGHT, DARK, *choice.networks)
    assert "fixed beforehand" in choice.in_words()
    found = {
        detector: {"tumour": {"auprc": value}}
        for detector, value in ((DARK, 0.1), (BRIGHT, 0.2), (Detector("a", "negative"), 0.15))
    }
    choice = study.choose_detectors(found, ["a"])
    assert choice.best.method == "negative" and choice.baseline == BRIGHT and choice.by_lesions


def test_verdicts_become_findings():
    row = {
        "group": "tumour",
        "network": "net",
        "baseline": "dark",
        "auprc": 0.5,
        "baseline_auprc": 0.4,
        "difference": 0.1,
        "low": 0.05,
        "high": 0.2,
        "head_difference": 0.1,
        "better_on": 7,
        "p": 0.01,
        "subjects": 7,
        "says": "the network beats the grey value",
    }
    few = {**row, "subjects": 3, "low": np.nan, "p": np.nan, "says": "too few"}
    lost = {**row, "says": "the grey value beats the network"}
    findings = [found for _, found in study.verdict_findings(pd.DataFrame([row, few, lost]))]
    assert [found["verdict"] for found in findings] == ["shown", "too few to decide", "not shown"]
    assert "[+0.050, +0.200]" in findings[0]["words"] and "nan" not in findings[1]["words"]
    ((_, found),) = study.verdict_findings(pd.DataFrame())
    assert found["verdict"] == "too few to decide"


def test_the_tables_of_test_heads():
    scoring, judged = judged_heads()
    assert set(judged.scored) == {BRIGHT, DARK} and judged.source == "own lesions"
    levels = study.levels_table(judged, n=10)
    brief = study.levels_in_brief(levels)
    assert list(brief.level) == ["sample"] * 2 + ["slice"] * 2 + ["pixel"] * 2
    assert "[" in brief.auprc.iloc[-1]
    verdict = study.verdict_table(judged)
    assert list(verdict.group) == ["tumour", "stroke", ALL]
    operating = study.operating_table(judged)
    assert {"own lesions", "one for all"} <= set(operating.threshold_from)
    assert len(study.operating_in_brief(operating, judged.choice)) < len(operating)
    lesions = study.lesions_in_brief(study.lesions_table(judged))
    assert list(lesions.detector.unique()) == [BRIGHT.name, DARK.name]
    assert lesions["under 1 ml"].str.contains(" of ").all()
    summary = study.summary_table(judged, verdict, levels, operating, painted_back=0.5)
    assert summary.painted_back.tolist() == [0.5] * 3 and "slice_auroc" in summary
    figure = anomaly_figures.detections(study.best_and_worst(scoring, judged))
    assert len(figure.axes) == 4 * 5 + 1


def test_data_without_lesions_give_tables_without_rows():
    scoring, judged = judged_heads(HEALTHY_ONLY)
    tables = [
        study.verdict_table(judged),
        study.verdict_by_kind(scoring, judged),
        study.operating_table(judged),
        study.lesions_table(judged),
        study.levels_in_brief(study.levels_table(judged)),
        study.heal_test_lesions(judged.heads, scoring, descent={}).table,
    ]
    assert not any(map(len, tables)) and judged.source == "5 % false alarms"
    assert anomaly_figures.curves_by_group(judged.counters_by_group()) is None
    assert anomaly_figures.detections(study.detections_by_kind(scoring, judged)) is None
    assert anomaly_figures.detections(study.best_and_worst(scoring, judged)) is None
    empty = pd.DataFrame()
    summary = study.summary_table(judged, empty, empty, empty, painted_back=0.5)
    assert summary.to_dict("records") == [{"group": "no lesions", "painted_back": 0.5}]


def test_a_perfect_copy_and_the_grey_value_stand_first_in_the_audit():
    heads = heads_of_study()
    healthy = study.healthy_slices(heads)
    assert healthy.subjects == 2 and healthy.images.shape[1:3] == SIZE[1:]
    table = study.copying_table({}, pd.DataFrame(), healthy, heads)
    assert table.painted_back.tolist()[0] == 1 and len(table) == 2
    assert table.auprc_negative_residual[1] > table.auprc_negative_residual[0] > 0
    images, planted = study.planted_slices(healthy, contrast=-0.4, radius_px=2)
    assert (planted < images).any() and not (planted > images).any()


def test_sentences_follow_the_numbers():
    errors = pd.DataFrame(
        {"latent_dim": [8, 64], "l2_outside": [0.02, 0.01], "l2_ratio": [1.5, 2.0]}
    )
    words = study.latents_in_words(errors)
    assert "**smaller**" in words and "**larger**" in words
    assert "One size" in study.latents_in_words(errors[:1])
    copying = pd.DataFrame(
        {"model": ["copy", "a", "b"], "healthy_mse": [0, 0.1, 0.2], "painted_back": [1, 0.3, 0.9]}
    )
    assert "paints back most is *b*: 90.0 %" in study.copying_in_words(copying)
    control = pd.DataFrame(
        {"detector": ["x"], "site": ["HH"], "p_holm": [1.0], "p_smallest": [0.67]}
    )
    assert "nothing could have been found" in study.sites_in_words(control)
    assert "A scanner shows" in study.sites_in_words(control.assign(p_holm=0.01))


def test_called_and_missed_pixels_are_counted_in_the_legend():
    figure, (ax,) = anomaly_figures.plots.panels(1)
    call, lesion = np.zeros((6, 7), bool), np.zeros((6, 7), bool)
    call[0, :3], lesion[0, 1:6] = True, True
    anomaly_figures.hits(np.zeros((6, 7)), call, lesion, ax=ax)
    counts = [text.get_text().split(": ")[1] for text in ax.get_legend().get_texts()]
    assert counts == ["2", "1", "3"]  # tp, fp, fn
    matplotlib.pyplot.close(figure)


def test_calls_side_by_side_share_a_legend_and_have_titles():
    call, lesion = np.zeros((6, 7), bool), np.zeros((6, 7), bool)
    lesion[0, 1:6] = True
    figure = anomaly_figures.calls(np.zeros((6, 7)), {"none": call, "all": ~call}, lesion)
    assert [ax.get_title() for ax in figure.axes] == ["none", "all"]
    assert len(figure.legends) == 1 and len(figure.legends[0].get_texts()) == 3
    matplotlib.pyplot.close(figure)


def test_a_signed_residual_has_white_at_zero_and_even_limits():
    figure, (ax,) = anomaly_figures.plots.panels(1)
    residual = np.array([[0.1, -0.4, 0.0]])
    anomaly_figures.signed_residual(residual, ax=ax, lesion=np.zeros((1, 3), bool))
    assert ax.images[0].get_clim() == (-0.4, 0.4)
    matplotlib.pyplot.close(figure)


def test_a_score_histogram_is_in_per_cent_of_each_kind():
    figure, (ax,) = anomaly_figures.plots.panels(1)
    score = np.linspace(0, 1, 20).reshape(4, 5)
    lesion = score > 0.8
    anomaly_figures.score_histogram(score, lesion, np.ones((4, 5), bool), 0.5, ax=ax)
    heights = [bars.datavalues.sum() for bars in ax.containers]
    np.testing.assert_allclose(heights, [100, 100])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["rest of the brain (16 pixels)", "lesion (4 pixels)", "called"]
    matplotlib.pyplot.close(figure)
