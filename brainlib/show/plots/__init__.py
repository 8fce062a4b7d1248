"""Figures of the workbook, all under one name: `from brainlib import plots`.

Functions draw on axes or return a figure; they neither show nor save. How figures look stands in
`look.py`, pictures of heads in `pictures.py`, charts of numbers in `charts.py`, what a codebook
does in `codebook.py`, networks beside each other in `networks.py`, which slices are kept in
`selection.py`, how a VQGAN trains in `vqgan.py`.
"""

from brainlib.show.plots.charts import (
    ages_by_sex,
    count_bars,
    curves,
    distributions,
    histogram,
    interval_bars,
    interval_panels,
    intervals,
    labelled_points,
    learning_curve,
    line_panels,
    lines,
    loss_panels,
    paired_lines,
    rate_distortion,
    shares,
    stratification,
    vae_panels,
)
from brainlib.show.plots.codebook import (
    code_frequencies,
    code_map,
    code_maps,
    code_ranks,
    code_vectors,
    codebook_curves,
    codes_in_use,
    likely_codes,
    page_of_patches,
    perplexity,
    sway_map,
)
from brainlib.show.plots.look import (
    BLUE,
    COLOURS,
    GREEN,
    ORANGE,
    PURPLE,
    REFERENCE_LINE,
    SETS,
    SKY,
    VERMILION,
    YELLOW,
    decimal_ticks,
    legend_beside,
    marker_of,
    message,
    panels,
    plain_number,
    shared_legend,
    style,
    ticks_apart,
    wrapped,
)
from brainlib.show.plots.networks import metric_bars, p_value_maps, validation_curves
from brainlib.show.plots.people import sets_of_people
from brainlib.show.plots.pictures import (
    Scale,
    brain,
    comparison,
    montage,
    planes,
    with_histograms,
)
from brainlib.show.plots.selection import (
    brain_by_place,
    framed_slices,
    kept_bars,
    slices_across,
)
from brainlib.show.plots.vqgan import adversarial_training, close_ups

__all__ = [name for name in dir() if not name.startswith("_")]
