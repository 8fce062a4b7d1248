"""Damage a slice and watch networks mend it, beside doing nothing and beside a classical filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import ipywidgets
import numpy as np

from brainlib import metrics, models
from brainlib.evaluation import filters, studies
from brainlib.record import Run
from brainlib.show.labs import canvas
from brainlib.show.labs.lab import Lab, View, Words, chooser, slice_options, slider
from brainlib.show.labs.materials import NO_MODEL, load_fitting, open_quietly
from brainlib.show.labs.tasks import Task
from brainlib.slices import corruptions

Restore = Callable[[np.ndarray], np.ndarray]  # slices (N, H, W, 1) -> (N, H, W, 1)

ALL = "all networks"
WIDTH, GAP, TOP, BARS = 530, 6, 22, 116
SLICES = 24  # of people whom no network has seen
UNITS = {
    "dropout": "share of the pixels that are set to 0",
    "noise": "standard deviation, in grey values from 0 to 1",
    "blur": "standard deviation of the blur, in pixels",
    "side": "side of a black square, as a share of the slice's side",
    "bias": "standard deviation of the logarithm of the receive field",
    "rician": "standard deviation in both channels, in grey values from 0 to 1",
}
FILTERS: dict[str, Restore | None] = {
    "none": None,
    "median 3x3": filters.median,
    "non-local means": filters.nl_means,
    "total variation": filters.total_variation,
    "filters in turn": filters.in_turn,
}


class Damage(NamedTuple):
    """How strongly a slice is damaged, and where.

    Attributes:
        dropout: share of the pixels.
        noise: standard deviation, grey values.
        blur: standard deviation, pixels.
        side: of a blanked square, share of the slice's side.
        bias: standard deviation of the receive field's logarithm.
        rician: standard deviation in both channels, grey values.
        roll: random seed.
        centre: (x, y) of the square, shares of the slice.
    """

    dropout: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    side: float = 0.0
    bias: float = 0.0
    rician: float = 0.0
    roll: int = 0
    centre: tuple[float, float] = (0.5, 0.5)

    def of(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, 1), damaged."""
        height, width = pictures.shape[1:3]
        half = self.side * min(height, width) / 2
        x, y = self.centre[0] * width, self.centre[1] * height
        return corruptions.corrupt_exactly(
            pictures,
            seed=self.roll,
            dropout=self.dropout,
            noise_sigma=self.noise,
            blur_sigma=self.blur,
            bias=self.bias,
            rician_sigma=self.rician,
            square=(y - half, x - half, y + half, x + half),
        )


@dataclass(frozen=True)
class Bench:
    """What is damaged and who mends it.

    Attributes:
        pictures: (N, H, W, 1) clean slices.
        titles: whose they are.
        networks: {name: restores slices}.
        plane: of the slices; "" for no orientation letters.
    """

    pictures: np.ndarray
    titles: Sequence[str]
    networks: Mapping[str, Restore]
    plane: str = ""

    @property
    def panel(self) -> tuple[int, int]:
        """(width, height) of a slice on the screen: clean, damaged, a filter, every network."""
        height, width = self.pictures.shape[1:3]
        side = min(200, WIDTH // (3 + len(self.networks)) - GAP)
        return side, side * height // width

    @property
    def height(self) -> int:
        """Of the lab's picture."""
        return TOP + 2 * self.panel[1] + GAP + BARS

    def in_slice(self, place: tuple[float, float]) -> tuple[float, float]:
        """Where in a slice a place of the lab's picture lies, whichever panel it is in."""
        side, tall = self.panel
        x = (place[0] * WIDTH) % (side + GAP) / side
        y = (place[1] * self.height - TOP) / tall
        return min(x, 1.0), min(max(y, 0.0), 1.0)


class Attempt(NamedTuple):
    """One way to answer a damaged slice.

    Attributes:
        name: "damaged" for doing nothing.
        picture: (1, H, W, 1).
        psnr: in dB against the clean slice; infinite where nothing is wrong.
        dssim: from 0 on.
    """

    name: str
    picture: np.ndarray
    psnr: float
    dssim: float


def attempts(clean: np.ndarray, damaged: np.ndarray, ways: Mapping[str, Restore]) -> list[Attempt]:
    """The damaged slice itself, then what each way makes of it, measured.

    Args:
        clean: (1, H, W, 1).
        damaged: of the same shape.
        ways: {name: restores slices}.
    """
    outputs = {"damaged": damaged}
    outputs |= {name: np.clip(restore(damaged), 0, 1) for name, restore in ways.items()}
    found = []
    for name, output in outputs.items():
        psnr = float(metrics.psnr(clean, output, data_range=1.0)[0])
        dssim = float(metrics.dssim(clean, output, data_range=1.0)[0])
        found.append(Attempt(name, output, psnr, dssim))
    return found


def view(
    bench: Bench,
    *,
    number: int,
    damage: Damage,
    network: str = ALL,
    filter_name: str = "none",
) -> View:
    """The clean slice, the damaged one, what is made of it, the errors, and bars.

    Args:
        bench: of the run.
        number: of the slice.
        damage: what is done to it.
        network: name in `bench.networks`, or `ALL`.
        filter_name: name in `FILTERS`.
    """
    clean = bench.pictures[number : number + 1]
    ways = {}
    if FILTERS[filter_name]:
        ways[filter_name] = FILTERS[filter_name]
    chosen = bench.networks if network == ALL else {network: bench.networks[network]}
    found = attempts(clean, damage.of(clean), ways | dict(chosen))
    picture = _paint(bench, clean, found, title=bench.titles[number])
    return View(picture, _in_words(bench.titles[number], found), _table(found))


def verdict(attempt: Attempt, nothing: Attempt) -> str:
    """A way against doing nothing: "better", "worse" or "the same", by DSSIM."""
    if attempt.dssim == nothing.dssim:
        return "the same"
    return "worse" if is_worse(attempt, nothing) else "better"


def is_worse(attempt: Attempt, nothing: Attempt) -> bool:
    """Whether a way ends farther from the clean slice than doing nothing, by DSSIM."""
    return attempt.dssim > nothing.dssim


def _paint(bench: Bench, clean: np.ndarray, found: Sequence[Attempt], *, title: str) -> np.ndarray:
    """Slices above, errors below them, bars at the bottom."""
    side, tall = bench.panel
    paper = canvas.Canvas(WIDTH, bench.height)
    panels = [(title, clean), *[(one.name, one.picture) for one in found]]
    below = TOP + tall + GAP
    for column, (name, picture) in enumerate(panels):
        left = column * (side + GAP)
        paper.text((left + 2, 4), _short(name, side), size=12)
        paper.panel(canvas.coloured(picture[0]), (left, TOP, left + side, TOP + tall))
        if column:
            error = canvas.error_colours(picture[0] - clean[0])
            paper.panel(error, (left, below, left + side, below + tall))
    paper.letters((0, TOP, side, TOP + tall), bench.plane)
    paper.text((2, below + 6), "error:", size=12)
    paper.text((2, below + 24), "too bright", size=12, colour=canvas.TOO_BRIGHT)
    paper.text((2, below + 42), "too dark", size=12, colour=canvas.TOO_DARK)
    _bars(paper, found, top=below + tall)
    return paper.array()


def _short(name: str, side: int) -> str:
    most = side // 8
    return name if len(name) <= most else name[: most - 1] + "."


def _bars(paper: canvas.Canvas, found: Sequence[Attempt], *, top: int) -> None:
    """One bar of DSSIM for each way; a line marks doing nothing, red is worse than that."""
    nothing = found[0]
    longest = max(0.02, *[one.dssim for one in found])
    left, right = 150, WIDTH - 140
    row = min(20, (BARS - 18) // len(found))
    for number, one in enumerate(found):
        y = top + 12 + number * row
        judged = verdict(one, nothing)
        colour = {"better": canvas.GREEN, "worse": canvas.RED}.get(judged, canvas.GREY)
        end = left + (right - left) * one.dssim / longest
        paper.text((4, y + row / 2), one.name, size=12, anchor="lm")
        paper.rectangle((left, y + 3, max(end, left + 1), y + row - 3), fill=colour)
        words = f"DSSIM {one.dssim:.4f}"
        words += " worse" if judged == "worse" else ""
        paper.text((right + 6, y + row / 2), words, size=12, anchor="lm")
    mark = left + (right - left) * nothing.dssim / longest
    paper.line([(mark, top + 10), (mark, top + 14 + row * len(found))], colour=canvas.YELLOW)


def _table(found: Sequence[Attempt]) -> str:
    """PSNR and DSSIM of every way, with a word where it is worse than doing nothing."""
    rows = ["<tr><th></th><th>PSNR (dB)</th><th>DSSIM</th><th>against doing nothing</th></tr>"]
    for number, one in enumerate(found):
        judged = verdict(one, found[0]) if number else ""
        judged = f'<span class="{judged}">{judged}</span>'
        psnr = "infinite" if np.isinf(one.psnr) else f"{one.psnr:.1f}"
        cells = (escape(one.name), psnr, f"{one.dssim:.4f}", judged)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table>{''.join(rows)}</table>"


def _in_words(title: str, found: Sequence[Attempt]) -> str:
    """What the picture shows, for those who cannot see it."""
    parts = [f"Slice {title}, clean and damaged: DSSIM {found[0].dssim:.4f}."]
    for one in found[1:]:
        judged = verdict(one, found[0])
        than = "as" if judged == "the same" else "than"
        parts.append(f"{one.name}: {one.dssim:.4f}, {judged} {than} doing nothing.")
    return " ".join(parts)


# ------------------------------------------------------------------------------------- the lab


def corruption(run: Run) -> Lab | Words:
    """The corruption lab: damage a slice by sliders, and see who brings it nearer to the clean one.

    Args:
        run: of 07, or of any chapter after 03.
    """
    slices = open_quietly(run)
    networks, origins = _networks(run, slices)
    if not networks:
        return Words(NO_MODEL.format(lab="corruption lab", chapter="07"))
    picked = slices.spread(slices.first.test, SLICES)
    bench = Bench(slices.pictures(picked), slices.titles(picked), networks, slices.plane)
    note = f"{run.source_note}. Test people, unknown to networks of this run. {origins}."
    return lab_of(bench, note)


def _networks(run: Run, slices: studies.SplitSlices) -> tuple[dict[str, Restore], str]:
    """({name: restores slices}, where they come from) of those that take slices of this size."""
    found, origins = {}, []
    for name in run.parameters.get("names") or ("residual_unet", "skip_connection_cae"):
        fitting = load_fitting(run, name, slices.first.name, slices.image_shape)
        if fitting:
            file, model = fitting
            found[name] = _restorer(model)
            origins.append(f"{name}: {file.in_words()}")
    return found, "; ".join(origins)


def _restorer(model) -> Restore:
    return lambda stack: models.reconstruct(model, stack)


def lab_of(bench: Bench, note: str) -> Lab:
    """Sliders for every damage beside the picture. note: whose slices, which networks."""
    options = slice_options(bench.titles)
    controls = {
        "number": chooser("slice", options, len(options) // 2),
        "dropout": slider(
            "dropout", 0, 0.3, 0.01, 0.05, readout_format=".0%", tooltip=UNITS["dropout"]
        ),
        "noise": slider(
            "noise", 0, 0.15, 0.005, 0.04, readout_format=".3f", tooltip=UNITS["noise"]
        ),
        "blur": slider("blur (pixels)", 0, 2.5, 0.1, tooltip=UNITS["blur"]),
        "side": slider("square", 0, 0.4, 0.02, readout_format=".0%", tooltip=UNITS["side"]),
        "bias": slider("bias field", 0, 0.5, 0.02, tooltip=UNITS["bias"]),
        "rician": slider(
            "Rician noise", 0, 0.15, 0.005, readout_format=".3f", tooltip=UNITS["rician"]
        ),
        "roll": ipywidgets.BoundedIntText(description="random seed", min=0, max=999, value=1),
        "network": chooser("network", [ALL, *bench.networks]),
        "filter_name": chooser("filter", FILTERS, "median 3x3"),
    }
    controls["roll"].style = controls["dropout"].style

    def draw(place, number, network, filter_name, **strengths):
        damage = Damage(**strengths, centre=bench.in_slice(place))
        return view(bench, number=number, damage=damage, network=network, filter_name=filter_name)

    side, tall = bench.panel
    return Lab(
        draw,
        controls,
        tasks=_tasks(bench),
        steering="Click into a slice, or use the arrow keys, to move the black square.",
        place=((1.5 * side + GAP) / WIDTH, (TOP + tall / 2) / bench.height),
        stride=(0.05 * side / WIDTH, 0.05 * tall / bench.height),
        note=note,
    )


def _tasks(bench: Bench) -> list[Task]:
    """What to try, each answered on all slices of the bench."""
    none = dict.fromkeys(("dropout", "noise", "blur", "side", "bias", "rician"), 0.0)
    answers = ("nearer to the clean slice", "farther from it")

    def reveal(network, damage):
        damaged = damage.of(bench.pictures)
        restored = np.clip(bench.networks[network](damaged), 0, 1)
        before = metrics.dssim(bench.pictures, damaged, data_range=1.0)
        after = metrics.dssim(bench.pictures, restored, data_range=1.0)
        better = int((after < before).sum())
        words = (
            f"Mean DSSIM of {len(before)} slices: {before.mean():.4f} damaged, "
            f"{after.mean():.4f} after {network}, which is nearer on {better} of them."
        )
        return answers[int(after.mean() > before.mean())], words

    def task(title, words, **strengths):
        damage, network = Damage(**strengths), next(iter(bench.networks))
        return Task(
            title,
            f"{words} Does {network} bring the slice nearer to the clean one than it was?",
            answers,
            lambda: reveal(network, damage),
            none | strengths,
        )

    return [
        task("No damage at all", "'Set up' moves every slider to 0.", roll=1),
        task("A little noise", "'Set up' adds noise of 0.02.", noise=0.02, roll=1),
        task("Many holes", "'Set up' drops 20 % of the pixels.", dropout=0.2, roll=1),
        task(
            "A bias field",
            "'Set up' adds a damage that the training never showed.",
            bias=0.3,
            roll=1,
        ),
    ]
