"""A slice as a page of codes: change a sign, paint a disc, let the prior repair the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import ipywidgets
import numpy as np

from brainlib.models.outputs import outputs_of
from brainlib.models.prior import CodePrior, load_prior
from brainlib.models.prior_draw import restore
from brainlib.models.vq import VQVAE, codes_of, decode_codes
from brainlib.record import Run
from brainlib.show.labs import canvas
from brainlib.show.labs.lab import Lab, View, Words, chooser, slice_options, slider
from brainlib.show.labs.materials import NO_MODEL, load_fitting, open_quietly
from brainlib.show.labs.tasks import Task
from brainlib.show.plots.codebook import code_ranks
from brainlib.training import saved

Place = tuple[int, int]  # (row, column) of the page

WIDTH, GAP, TOP = 530, 6, 22
BIG = (WIDTH - 2 * GAP) // 3
LIKELIEST = 6  # codes to choose from
SMALL = (WIDTH - BIG - GAP) // 3 - GAP
MOST_BITS = 12.0  # white in the map of surprise
SLICES = 24
REPAIR_SHARE = 0.98  # of the codes of healthy slices lie below what is repaired
CHOOSE, DISC = "choose a place", "paint a disc"


class Disc(NamedTuple):
    """A grey disc in the slice.

    Attributes:
        radius: share of the slice's side; 0: none.
        grey: its grey value.
        centre: (x, y), shares of the slice.
    """

    radius: float = 0.0
    grey: float = 1.0
    centre: tuple[float, float] = (0.5, 0.45)

    def mask(self, shape: Sequence[int]) -> np.ndarray:
        """Where it is: bool (H, W)."""
        rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
        across = columns - self.centre[0] * shape[1]
        down = rows - self.centre[1] * shape[0]
        return across**2 + down**2 < (self.radius * min(shape[:2])) ** 2

    def into(self, picture: np.ndarray) -> np.ndarray:
        """A picture (H, W, 1) with the disc."""
        painted = picture.copy()
        painted[self.mask(picture.shape)] = self.grey
        return painted


@dataclass(frozen=True)
class Writing:
    """Who writes slices in codes, reads them, and finds them likely.

    Attributes:
        pictures: (N, H, W, 1) slices of people whom the network has not seen.
        titles: whose they are.
        write: slices -> pages (n, h, w).
        read: pages -> slices.
        logits: pages -> (n, h, w, K), of each code given those before it.
        ranks: (K,) places of the codes in a row in which like codes are neighbours.
        limit_bits: a code that costs more is repaired.
        repair: (page (h, w), bits) -> page; None without a prior.
        plane: of the slices; "" for no orientation letters.
    """

    pictures: np.ndarray
    titles: Sequence[str]
    write: Callable[[np.ndarray], np.ndarray]
    read: Callable[[np.ndarray], np.ndarray]
    logits: Callable[[np.ndarray], np.ndarray]
    ranks: np.ndarray
    limit_bits: float
    repair: Callable[[np.ndarray, float], np.ndarray] | None = None
    plane: str = ""

    def shares(self, page: np.ndarray) -> np.ndarray:
        """How likely every code is at every place, given those before: (h, w, K)."""
        logits = self.logits(page[None])[0]
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return weights / weights.sum(axis=-1, keepdims=True)

    def page(self, number: int, disc: Disc, edits: Mapping[Place, int]) -> np.ndarray:
        """The page of a slice with a disc in it, some codes changed by hand: (h, w)."""
        page = self.write(disc.into(self.pictures[number])[None])[0].copy()
        for place, code in edits.items():
            page[place] = code
        return page


def bits_of(page: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """What each code of a page (h, w) costs. shares: (h, w, K). -> (h, w)."""
    own = np.take_along_axis(shares, page[..., None], axis=-1)[..., 0]
    return -np.log2(np.maximum(own, 1e-12))


def view(
    writing: Writing,
    *,
    number: int,
    disc: Disc,
    edits: Mapping[Place, int],
    place: Place,
) -> View:
    """The slice, its page, what is read from it; the surprise, and the likeliest codes here.

    Args:
        writing: of the run.
        number: of the slice.
        disc: painted into it.
        edits: {place: code}, changed by hand or by the prior.
        place: that is chosen.
    """
    page = writing.page(number, disc, edits)
    shares = writing.shares(page)
    bits = bits_of(page, shares)
    likeliest = np.argsort(-shares[place])[:LIKELIEST]
    pages = np.repeat(page[None], 1 + len(likeliest), axis=0)
    pages[1:, place[0], place[1]] = likeliest
    pictures = writing.read(pages)
    paper = canvas.Canvas(WIDTH, 2 * (TOP + BIG) + GAP)
    painted = disc.into(writing.pictures[number])
    _paint_slices(paper, writing, painted, page, pictures[0], edits, title=writing.titles[number])
    for left in (0, BIG + GAP, 2 * (BIG + GAP)):
        _frame(paper, page.shape, place, left, TOP)
    below = 2 * TOP + BIG + GAP
    paper.text((2, below - 17), f"surprise: 0 to {MOST_BITS:.0f} bits", size=12)
    _paint_scale(paper, (BIG - 36, below - 14, BIG, below - 4))
    surprise = canvas.coloured(bits, cmap="magma", high=MOST_BITS)
    paper.panel(surprise, (0, below, BIG, below + BIG))
    _frame(paper, page.shape, place, 0, below)
    _paint_likeliest(paper, pictures[1:], likeliest, shares[place], page, place, below)
    return View(paper.array(), _in_words(place, bits), _numbers(page, bits, place, edits, disc))


def _paint_slices(paper, writing, painted, page, read, edits, *, title) -> None:
    """The upper row: slice, page, what is read from the page."""
    ranks = canvas.coloured(writing.ranks[page], cmap="viridis", high=len(writing.ranks) - 1)
    panels = {title: canvas.coloured(painted), "its page of codes": ranks}
    panels["read from the page"] = canvas.coloured(read)
    for number, (words, picture) in enumerate(panels.items()):
        left = number * (BIG + GAP)
        paper.text((left + 2, 4), words, size=12)
        paper.panel(picture, (left, TOP, left + BIG, TOP + BIG))
    paper.letters((0, TOP, BIG, TOP + BIG), writing.plane)
    for place in edits:
        _frame(paper, page.shape, place, BIG + GAP, TOP, colour=canvas.ORANGE)


def _paint_scale(paper: canvas.Canvas, box: canvas.Box) -> None:
    """The colours of the surprise from none to much."""
    paper.panel(canvas.coloured(np.linspace(0, 1, 50)[None], cmap="magma"), box)


def _frame(paper, shape, place, left, top, *, colour=canvas.YELLOW) -> None:
    """A frame around a place of the page, on a panel that shows all of it."""
    tall, wide = BIG / shape[0], BIG / shape[1]
    y, x = top + place[0] * tall, left + place[1] * wide
    paper.rectangle((x, y, x + wide, y + tall), edge=colour)


def _paint_likeliest(paper, pictures, codes, shares, page, place, top) -> None:
    """What the slice would be with each of the likeliest codes: the surroundings of the place."""
    paper.text((BIG + GAP + 2, top - 17), "here, with the likeliest codes", size=12)
    side = min(SMALL, BIG // 2 - 16)
    for number, (code, picture) in enumerate(zip(codes, pictures)):
        left = BIG + GAP + (number % 3) * (SMALL + GAP)
        y = top + (number // 3) * (BIG // 2 + 2)
        near = _surroundings(picture, place, page.shape)
        paper.panel(canvas.coloured(near), (left, y, left + side, y + side))
        is_here = code == page[place]
        words = f"{number + 1}: {100 * shares[code]:.0f} %{' (here)' if is_here else ''}"
        colour = canvas.YELLOW if is_here else canvas.WHITE
        paper.text((left, y + side + 1), words, size=11, colour=colour)


def _surroundings(picture: np.ndarray, place: Place, shape: Place) -> np.ndarray:
    """The part of a picture that shows a place and its neighbours, three by three at most."""
    parts = []
    for axis in (0, 1):
        step = picture.shape[axis] // shape[axis]
        first = min(max(place[axis] - 1, 0), max(shape[axis] - 3, 0))
        parts.append(slice(first * step, (first + 3) * step))
    return picture[tuple(parts)]


def _numbers(page, bits, place, edits, disc) -> str:
    """The bits of the page, of this place, and what was changed."""
    more = ""
    if disc.radius:
        inside = disc.mask((8 * page.shape[0], 8 * page.shape[1]))
        inside = inside.reshape(page.shape[0], 8, page.shape[1], 8).any(axis=(1, 3))
        more = f" Under the disc a code costs {bits[inside].mean():.1f} bits, elsewhere "
        more += f"{bits[~inside].mean():.1f}."
    changed = f" {len(edits)} codes changed." if edits else ""
    return (
        f"Page: <b>{bits.sum():.0f} bits</b>; the code at row {place[0] + 1}, column "
        f"{place[1] + 1}: <b>{bits[place]:.1f} bits</b>.{more}{changed}"
    )


def _in_words(place: Place, bits: np.ndarray) -> str:
    return (
        f"A slice, its page of {bits.shape[0]} by {bits.shape[1]} codes, and the slice read from "
        f"it. The page costs {bits.sum():.0f} bits, the code at row {place[0] + 1}, column "
        f"{place[1] + 1} {bits[place]:.1f}."
    )


# ------------------------------------------------------------------------------------- the lab


def codes(run: Run) -> Lab | Words:
    """The code lab: change a page of codes by hand, and see what the prior thinks of it.

    Args:
        run: of 05, or of any chapter after it.
    """
    slices = open_quietly(run)
    found = load_fitting(run, "vqvae", slices.first.name, slices.image_shape)
    if found is None:
        return Words(NO_MODEL.format(lab="code lab", chapter="05"))
    file, model = found
    prior = _prior_of(run, slices.first.name, model, of_this_run=file.of_this_run)
    picked = slices.spread(slices.first.test, SLICES)
    healthy = slices.pictures(slices.spread(slices.first.validation, SLICES))
    pictures = slices.pictures(picked)
    options = {"healthy": healthy, "plane": slices.plane}
    writing = writing_of(model, prior, pictures, slices.titles(picked), **options)
    note = f"{run.source_note}. VQ-VAE: {file.in_words()}."
    note += "" if prior else " No prior yet: every code is as likely as any other."
    return lab_of(writing, note)


def _prior_of(run: Run, round_name: str, model: VQVAE, *, of_this_run: bool) -> CodePrior | None:
    """The prior over the pages of a network, of the same run as that; None without any."""
    for file in saved.candidates(run, "vqvae_prior", round_name, "prior.keras"):
        prior = load_prior(file.path)
        fits = (prior.grid, prior.codebook_size) == _page_of(model)
        if fits and file.of_this_run == of_this_run:
            return prior
    return None


def _page_of(model) -> tuple[tuple[int, int], int]:
    return model.grid, model.quantizer.codebook_size


def writing_of(
    model: VQVAE,
    prior: CodePrior | None,
    pictures: np.ndarray,
    titles: Sequence[str],
    *,
    healthy: np.ndarray,
    plane: str = "",
) -> Writing:
    """A network and its prior as the lab asks them.

    Args:
        model: with a codebook.
        prior: over its pages; None: every code is as likely as any other.
        pictures: (N, H, W, 1) to write.
        titles: whose they are.
        healthy: slices from whose codes the limit of the repair is taken.
        plane: of the slices.
    """
    grid, size = _page_of(model)

    def logits(pages):
        if prior is None:
            return np.zeros((*np.shape(pages), size), "float32")
        return outputs_of_codes(prior, pages)

    def repair(page, limit):
        return restore(prior, page[None], limit, seed=0)[0, 0]

    writing = Writing(
        pictures=pictures,
        titles=titles,
        write=lambda stack: codes_of(model, stack),
        read=lambda pages: decode_codes(model, pages),
        logits=logits,
        ranks=code_ranks(np.asarray(model.quantizer.codebook)),
        limit_bits=0.0,
        repair=repair if prior else None,
        plane=plane,
    )
    limit = _limit(writing, healthy)
    return Writing(**{**writing.__dict__, "limit_bits": limit})


def outputs_of_codes(prior: CodePrior, pages: np.ndarray) -> np.ndarray:
    """Logits (n, h, w, K) of pages (n, h, w), nothing known of the person; one graph for all."""
    given = prior.inputs_for(prior.checked_maps(pages))
    if isinstance(given, dict):
        return np.asarray(prior.predict_on_batch(given))
    return outputs_of(prior, given)


def _limit(writing: Writing, healthy: np.ndarray) -> float:
    """Bits that the codes of healthy slices seldom exceed."""
    found = []
    for page in writing.write(healthy):
        found.append(bits_of(page, writing.shares(page)))
    return float(np.quantile(found, REPAIR_SHARE))


def lab_of(writing: Writing, note: str) -> Lab:
    """A page to click into, with a list of codes and a disc beside it.

    Args:
        writing: of the run.
        note: whose slices, which network.
    """
    state = {"edits": {}, "place": (0, 0), "centre": Disc().centre}
    shape = writing.write(writing.pictures[:1])[0].shape
    options = slice_options(writing.titles)
    ranks = [("as it is", 0), *[(f"{rank}. likeliest", rank) for rank in range(1, LIKELIEST + 1)]]
    controls = {
        "number": chooser("slice", options, len(options) // 2),
        "mode": chooser("a click will", (CHOOSE, DISC)),
        "rank": chooser("code here", ranks, 0),
        "radius": slider("disc radius", 0, 0.25, 0.01, readout_format=".0%"),
        "grey": slider("disc grey", 0, 1, 0.05, 1.0),
    }

    def draw(number, radius, grey, place, **_):
        disc = Disc(radius, grey, state["centre"])
        edits, chosen = dict(state["edits"]), state["place"]
        return view(writing, number=number, disc=disc, edits=edits, place=chosen)

    repair = ipywidgets.Button(description="Let the prior repair", disabled=not writing.repair)
    said = ipywidgets.HTML()
    undo = ipywidgets.Button(description="Undo all", tooltip="the page as it was written")
    lab = Lab(
        draw,
        controls,
        tasks=_tasks(writing),
        buttons=[ipywidgets.HBox([repair, undo]), said],
        steering="Click to choose a place of the page, or use the arrow keys.",
        place=_centre_of((shape[0] // 2, shape[1] // 2), shape),
        stride=(BIG / shape[1] / WIDTH, BIG / shape[0] / _height()),
        note=note,
    )
    moves = _Moves(lab, writing, state, shape, said)
    moves.connect(repair, undo)
    return lab


def _height() -> int:
    return 2 * (TOP + BIG) + GAP


def _centre_of(place: Place, shape: Place) -> tuple[float, float]:
    """Where in the picture the middle of a place lies, on the panel of the page."""
    x = BIG + GAP + (place[1] + 0.5) * BIG / shape[1]
    y = TOP + (place[0] + 0.5) * BIG / shape[0]
    return x / WIDTH, y / _height()


def in_panel(place: tuple[float, float]) -> tuple[float, float]:
    """Where in a slice a place of the lab's picture lies, whichever panel it is in: (x, y)."""
    x = (place[0] * WIDTH) % (BIG + GAP) / BIG
    y = place[1] * _height() - TOP
    y = (y - BIG - GAP - TOP if y > BIG + GAP / 2 else y) / BIG
    return min(x, 0.999), min(max(y, 0.0), 0.999)


class _Moves:
    """What remembers: the changed codes, the chosen place, the middle of the disc."""

    def __init__(self, lab, writing, state, shape, said):
        self.lab, self.writing, self.state, self.shape = lab, writing, state, shape
        self.said = said
        self._clicked()
        lab.picture.unobserve(lab.redraw, "place")
        lab.picture.observe(self._clicked, "place")
        lab.controls["rank"].observe(self._chosen, "value")
        lab.controls["number"].observe(self._forget, "value")
        lab.redraw()

    def connect(self, repair: ipywidgets.Button, undo: ipywidgets.Button) -> None:
        """What the buttons do."""
        repair.on_click(self._repair)
        undo.on_click(self._forget)

    def _clicked(self, _=None) -> None:
        x, y = in_panel(self.lab.picture.place)
        if self.lab.controls["mode"].value == DISC:
            self.state["centre"] = (x, y)
        else:
            self.state["place"] = (int(y * self.shape[0]), int(x * self.shape[1]))
            with self.lab.one_move():
                self.lab.controls["rank"].value = 0
        self.lab.redraw()

    def _chosen(self, _) -> None:
        rank, place = self.lab.controls["rank"].value, self.state["place"]
        if not rank:
            return
        page = self._page(self.state["edits"])
        code = int(np.argsort(-self.writing.shares(page)[place])[rank - 1])
        self.state["edits"] = {**self.state["edits"], place: code}
        self.lab.redraw()

    def _page(self, edits) -> np.ndarray:
        values = {name: control.value for name, control in self.lab.controls.items()}
        disc = Disc(values["radius"], values["grey"], self.state["centre"])
        return self.writing.page(values["number"], disc, edits)

    def _repair(self, _) -> None:
        page, limit = self._page(self.state["edits"]), self.writing.limit_bits
        above = int((bits_of(page, self.writing.shares(page)) > limit).sum())
        repaired = self.writing.repair(page, limit)
        self._say(
            f"{above} of {page.size} codes cost more than {limit:.1f} bits; drawn anew, "
            f"{int((repaired != page).sum())} of them became another code."
        )
        written = self._page({})
        places = zip(*np.nonzero(repaired != written))
        self.state["edits"] = {
            (int(row), int(column)): int(repaired[row, column]) for row, column in places
        }
        self.lab.redraw()

    def _say(self, words: str) -> None:
        self.said.value = f'<div class="brain-lab-words" role="status">{words}</div>'

    def _forget(self, _) -> None:
        self.state["edits"] = {}
        self._say("")
        with self.lab.one_move():
            self.lab.controls["rank"].value = 0


# ----------------------------------------------------------------------------------- what to try


def _tasks(writing: Writing) -> list[Task]:
    disc = Disc(0.12, 1.0)
    begin = {"radius": disc.radius, "grey": disc.grey, "mode": DISC}
    tasks = [_surprise(writing, disc, begin), _one_sign(writing)]
    return [*tasks, _repair_task(writing, disc, begin)] if writing.repair else tasks


def _surprise(writing: Writing, disc: Disc, begin: dict) -> Task:
    answers = ("more surprising", "as surprising or less")

    def reveal():
        bits = []
        for with_it in (Disc(), disc):
            pages = [writing.page(number, with_it, {}) for number in range(len(writing.pictures))]
            bits.append(np.mean([bits_of(page, writing.shares(page)).sum() for page in pages]))
        words = (
            f"Mean over {len(writing.pictures)} slices: {bits[0]:.0f} bits a page without the "
            f"disc, {bits[1]:.0f} with it."
        )
        return answers[int(bits[1] <= bits[0])], words

    words = (
        "'Set up' paints a white disc into the slice; click to move it. No healthy head has one. "
        "Are the pages more surprising with it?"
    )
    return Task("A disc nobody has", words, answers, reveal, begin)


def _one_sign(writing: Writing) -> Task:
    answers = ("only the square under it", "its surroundings, too")

    def reveal():
        page = writing.page(0, Disc(), {})
        place = (page.shape[0] // 2, page.shape[1] // 2)
        other = page.copy()
        other[place] = np.argsort(-writing.shares(page)[place])[LIKELIEST - 1]
        before, after = writing.read(np.stack([page, other]))
        change = np.abs(after - before)[..., 0]
        tall, wide = change.shape[0] // page.shape[0], change.shape[1] // page.shape[1]
        rows = slice(place[0] * tall, (place[0] + 1) * tall)
        columns = slice(place[1] * wide, (place[1] + 1) * wide)
        inside = float(change[rows, columns].sum() / max(change.sum(), 1e-9))
        words = f"{100 * inside:.0f} % of the change lies in the square of that one code."
        return answers[int(inside < 0.9)], words

    words = "Choose a place, then another code for it. What changes in the slice that is read?"
    return Task("One sign", words, answers, reveal, {"radius": 0.0, "mode": CHOOSE})


def _repair_task(writing: Writing, disc: Disc, begin: dict) -> Task:
    answers = ("most of it goes", "most of it stays")

    def reveal():
        left = []
        for number, picture in enumerate(writing.pictures):
            inside = disc.mask(picture.shape)
            page = writing.page(number, disc, {})
            repaired = writing.repair(page, writing.limit_bits)
            clean = writing.page(number, Disc(), {})
            shown, mended, healthy = writing.read(np.stack([page, repaired, clean]))[..., 0]
            was = np.abs(shown - healthy)[inside].mean()
            left.append(np.abs(mended - healthy)[inside].mean() / max(was, 1e-6))
        words = (
            f"After the repair {100 * np.mean(left):.0f} % of the disc's difference is left (mean "
            f"over {len(left)} slices; codes of more than {writing.limit_bits:.1f} bits are drawn "
            "anew)."
        )
        return answers[int(np.mean(left) > 0.5)], words

    words = (
        "'Set up' paints the disc; press 'Let the prior repair'. Does it take the disc for an "
        "error and remove it?"
    )
    return Task("Can the prior mend it?", words, answers, reveal, begin)
