"""Charts draw the numbers that they get; legends cover no line, tick labels do not touch."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from brainlib.show import plots

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def workbook_style():
    with plt.rc_context():
        plots.style()
        yield
    plt.close("all")


def assert_readable(figure):
    """No legend lies over its axes, no tick label over its neighbour, none is a power of ten."""
    figure.canvas.draw()
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None:
            assert not legend.get_window_extent().overlaps(ax.bbox)
        for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
            shown = [label for label in labels if label.get_text() and label.get_visible()]
            boxes = [label.get_window_extent() for label in shown]
            assert not any(one.overlaps(other) for one, other in zip(boxes, boxes[1:]))
            assert not any("10^" in label.get_text() for label in shown)


def history(*models, rounds=("round 1", "round 2")):
    epochs = np.arange(1, 21)
    parts = []
    for model in models:
        for name in rounds:
            loss = 0.3 * np.exp(-epochs / 8) + 0.02
            losses = {"epoch": epochs, "loss": loss, "val_loss": 1.2 * loss}
            parts.append(pd.DataFrame(losses).assign(model=model, round=name, random_seed=0))
    return pd.concat(parts)


def measured():
    names = ["VAE", "VQ-VAE", "PCA 64", "a network whose name is rather long"]
    psnr = np.array([17.0, 19, 18, 20])
    return pd.DataFrame(
        {"model": names, "psnr": psnr, "low": psnr - 0.5, "high": psnr + [1, 1, 1, np.nan]}
    )


# ------------------------------------------------------------------------------------- training


def test_training_is_solid_and_validation_dashed():
    figure, (ax,) = plots.panels(1)
    plots.curves(history("vae"), ax=ax)
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--", "--"]
    np.testing.assert_allclose(ax.lines[2].get_ydata(), 1.2 * ax.lines[0].get_ydata())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["training", "validation"]
    assert_readable(figure)


def test_one_panel_for_each_model():
    figure = plots.loss_panels(history("vae", "residual_unet", "vqgan_uad"))
    assert [ax.get_title() for ax in figure.axes] == ["vae", "residual_unet", "vqgan_uad"]
    assert all(len(ax.lines) == 4 for ax in figure.axes) and len(figure.legends) == 1
    assert_readable(figure)


def test_a_loss_below_zero_has_a_plain_axis():
    figure, (ax,) = plots.panels(1)
    table = history("vae", rounds=["round 1"])
    plots.curves(table.assign(loss=table.loss - 1), ax=ax)
    assert ax.get_yscale() == "linear"


def test_lines_bring_their_validation():
    figure, (ax,) = plots.panels(1)
    table = history("vae", rounds=["round 1"]).assign(critic=1.0)
    plots.lines(table, ax=ax, columns={"loss": "generator", "critic": "critic"}, log=True)
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-"]
    assert_readable(figure)


@pytest.mark.parametrize("low, high", [(0.31, 0.44), (0.003, 0.4), (1e-4, 3.0), (20, 4000)])
def test_logarithmic_ticks_are_decimals(low, high):
    figure, (ax,) = plots.panels(1)
    ax.plot([0, 1], [low, high])
    ax.set_yscale("log")
    plots.decimal_ticks(ax)
    assert_readable(figure)
    bottom, top = ax.get_ylim()
    words = [text.get_text().replace(",", "") for text in ax.get_yticklabels()]
    inside = [word for word in words if word and bottom <= float(word) <= top]
    assert len(inside) >= 2 and not any("e" in word for word in inside)


def test_plain_numbers():
    words = [plots.plain_number(value) for value in (0, 0.05, 0.00012, 3.14159, 12345.6, 1e-7)]
    assert words == ["0", "0.05", "0.00012", "3.14", "12,346", "1.0e-07"]


# ------------------------------------------------------------------------------------- people


def test_counts_of_people():
    figure, (ax,) = plots.panels(1)
    plots.count_bars(["Guys", "HH", "", np.nan, "HH", "HH"], ax=ax, label="site")
    counts = [bar.get_width() for bar in ax.patches]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert dict(zip(names, counts)) == {"HH": 3, "not stated": 2, "Guys": 1}
    assert_readable(figure)


def test_ages_by_sex_count_everybody_with_an_age():
    people = pd.DataFrame(
        {"age": [20, 24, 61, np.nan, 80], "sex": ["male", "female", "female", "male", ""]}
    )
    figure, (ax,) = plots.panels(1)
    plots.ages_by_sex(people, ax=ax)
    assert sum(bar.get_height() for bar in ax.patches) == 4
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["male (1)", "female (2)", "not stated (1)"]
    assert_readable(figure)
    assert plots.ages_by_sex(people.assign(age=np.nan), ax=plt.figure().subplots()).texts


def test_shares_of_strata():
    levels = ["white", "asian or asian british", "black or black british", "not stated"]
    table = pd.DataFrame({"attribute": "ethnic", "level": levels})
    for number, name in enumerate(("train", "validation", "test")):
        table[f"{name}_share"] = 0.1 * (number + 1)
    figure = plots.stratification(table)
    (ax,) = figure.axes
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], np.repeat([10, 20, 30], 4))
    assert_readable(figure)


# ------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("draw", [plots.intervals, plots.interval_bars])
def test_intervals_of_models(draw):
    figure, (ax,) = plots.panels(1)
    draw(measured(), ax=ax, value="psnr", low="low", high="high", label="model", unit="dB")
    (segments,) = (lines.get_segments() for lines in ax.collections)
    spans = [np.sort(segment[:, 0]) for segment in segments]
    np.testing.assert_allclose(spans[0], [16.5, 18])
    np.testing.assert_allclose(spans[3], [19.5, 20])  # one limit is unknown
    assert_readable(figure)


def test_panels_of_conditions_keep_the_order_of_models():
    clean, noisy = measured().assign(corruption="none"), measured()[::-1].assign(corruption="noise")
    table = pd.concat([clean, noisy])
    figure = plots.interval_panels(table, by="corruption", value="psnr", title="input:")
    assert [ax.get_title() for ax in figure.axes] == ["input: none", "input: noise"]
    points = [ax.lines[0].get_xydata() for ax in figure.axes]
    np.testing.assert_array_equal(*points)
    assert_readable(figure)


def test_learning_curve():
    people = np.array([2, 4, 8, 16, 90, 93])
    table = pd.DataFrame(
        {"people": people, "dssim": 1 / people, "low": 0.8 / people, "high": 1.3 / people}
    )
    both = pd.concat([table.assign(input="clean"), table.assign(input="seed004")])
    figure, (ax,) = plots.panels(1)
    plots.learning_curve(both, ax=ax, x="people", value="dssim", by="input")
    data_line = ax.containers[0].lines[0]
    np.testing.assert_allclose(data_line.get_ydata(orig=False), 1 / people)
    assert ax.get_ylim() == pytest.approx((0, 1.1 * 0.65)) and ax.get_xticks()[-1] == 93
    assert_readable(figure)


def test_pairs_are_joined():
    table = pd.DataFrame(
        {"divided": ["by subject", "by slice"] * 3, "draw": [0, 0, 1, 1, 2, 2], "mse": range(6)}
    )
    figure, (ax,) = plots.panels(1)
    plots.paired_lines(table, ax=ax, x="divided", y="mse", pair="draw")
    assert [list(line.get_ydata()) for line in ax.lines] == [[0, 1], [2, 3], [4, 5]]
    assert_readable(figure)


# ------------------------------------------------------------------------------------- numbers


def test_histograms_name_their_limits():
    figure, (left, right) = plots.panels(2)
    plots.histogram(RNG.gamma(3, 1500, 500), ax=left, limits={"fewest": 2345.6}, label="pixels")
    assert left.get_legend().get_texts()[0].get_text() == "fewest: 2,346"
    values = {"Guys | a": RNG.random(99), "Guys | b": RNG.random(99), "HH | c": RNG.random(99)}
    plots.distributions(values, ax=right)
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["Guys", "HH"]
    np.testing.assert_allclose([line.get_ydata().sum() for line in right.lines], 1)
    assert_readable(figure)


def test_names_beside_points_touch_nothing():
    bits = [28, 64, 128, 256, 300, 512, 640, 1024]
    names = [
        "128 in 2x2",
        "16 in 4x4",
        "256 in 4x4",
        "16 in 8x8",
        "PCA 64",
        "256 in 8x8",
        "1024 in 8x8",
        "more",
    ]
    table = pd.DataFrame({"bits": bits, "psnr": 10 + np.log2(bits), "name": names})
    figure, (ax,) = plots.panels(1, width=5.5, height=4)
    plots.rate_distortion(table, ax=ax, rate="bits", distortion="psnr", label="name")
    assert_readable(figure)
    boxes = [text.get_window_extent() for text in ax.texts]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        assert not any(
            box.contains(*point) for point in ax.transData.transform(table[["bits", "psnr"]])
        )
    other = plots.labelled_points(
        table, ax=plt.figure().subplots(), x="bits", y="psnr", label="name"
    )
    assert len(other.texts) == 8 and other.get_xlim()[0] == 0


# ------------------------------------------------------------------------------------- codes


def use_of_codes():
    epochs = np.arange(1, 11)
    parts = []
    for region, factor in (("everywhere", 1.0), ("brain", 0.5)):
        numbers = {"epoch": epochs, "in_use": 0.05 * epochs * factor, "perplexity": epochs * factor}
        parts.append(pd.DataFrame(numbers).assign(region=region))
    return pd.concat(parts)


def test_codes_in_use_and_perplexity():
    figure, (left, right) = plots.panels(2)
    plots.codes_in_use(use_of_codes(), ax=left)
    plots.perplexity(use_of_codes(), ax=right, codebook_size=16)
    np.testing.assert_allclose(left.lines[0].get_ydata()[-1], 50)
    np.testing.assert_allclose(right.lines[1].get_ydata()[-1], 5)
    assert right.lines[1].get_linestyle() == "--" and right.get_ylim() == (0, 16)
    assert_readable(figure)
    figure = plots.codebook_curves(
        {"average": use_of_codes(), "gradient": use_of_codes()}, codebook_size=16
    )
    assert [len(ax.lines) for ax in figure.axes] == [2, 3]
    assert_readable(figure)


def test_code_maps_stand_under_their_pictures():
    pictures, codes = RNG.random((3, 20, 14, 1)), RNG.integers(0, 8, (3, 5, 7))
    figure = plots.code_maps(pictures, codes, codebook_size=8)
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.images[5].get_array(), codes[2])
    left, right, bottom, top = ax.images[5].get_extent()
    np.testing.assert_allclose([right - left, bottom - top], [14, 20])
    assert ax.images[5].get_clim() == (0, 7)


def test_ranks_follow_the_first_principal_direction():
    codebook = np.array([[3.0, 0.1], [-5, 0], [0, 0], [9, -0.1]])
    ranks = plots.code_ranks(codebook)
    assert list(ranks) in ([2, 0, 1, 3], [1, 3, 2, 0])


def test_frequencies_and_vectors_of_codes():
    counts = np.array([1, 6, 3])
    figure, (left, right) = plots.panels(2)
    plots.code_frequencies(counts, np.array([1, 2, 3]), ax=left)
    np.testing.assert_allclose([bar.get_height() for bar in left.patches], [60, 30, 10, 20, 30, 10])
    plots.code_vectors(RNG.normal(size=(3, 4)), counts, counts, ax=right)
    np.testing.assert_allclose(right.collections[0].get_sizes(), 8 + 60 * counts)
    assert_readable(figure)


def test_three_planes_and_histograms_of_pictures(small_volume_for_figures):
    figure = plots.planes(small_volume_for_figures, title="IXI002")
    assert [ax.get_title().split(",")[0] for ax in figure.axes] == [
        "IXI002 sagittal",
        "IXI002 coronal",
        "IXI002 axial",
    ]
    figure = plots.with_histograms({"one": RNG.random((9, 7)), "two": RNG.random((9, 7, 1))})
    assert sum(bar.get_height() for bar in figure.axes[3].patches) == 63


@pytest.fixture
def small_volume_for_figures():
    from brainlib.heads.volumes import Volume

    array = RNG.random((7, 8, 9)).astype("float32")
    return Volume(array, (1.0, 2.0, 1.5), np.eye(4), None, ("R", "A", "S"), (7, 8, 9))
