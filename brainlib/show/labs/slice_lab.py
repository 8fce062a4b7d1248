"""Look into a head: three planes with a crosshair, every slice in a strip, rules by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import NamedTuple

import ipywidgets
import nibabel
import numpy as np
import pandas as pd

from brainlib import slices
from brainlib.heads import masks, reading, volumes
from brainlib.heads.volumes import Volume
from brainlib.record import NotRunYet, Run, headless
from brainlib.show.labs import canvas
from brainlib.show.labs.lab import STYLE, Lab, View, Words, chooser, slider
from brainlib.show.labs.tasks import Task

WIDTH, GAP, TOP = 530, 6, 22
BIG = (WIDTH - 2 * GAP) // 3
STRIP_ROWS, THUMB = 3, 24  # of the strip of all slices
PER_ROW = WIDTH // (THUMB + 2)
PLANES = tuple(volumes.PLANES)
RULES = ("brain", "nonzero_count", "nonzero_mean", "range", "middle")
LIMITS = {"brain": "brain", "count": "nonzero_count", "mean": "nonzero_mean", "span": "range"}
NOISE = 0.06  # standard deviation of a noisy head's noise, share of its 99.5th percentile
MASK, LESION, NO_OVERLAY = "brain mask", "lesion", "nothing"


class Head(NamedTuple):
    """A head as the lab shows it.

    Attributes:
        volume: read.
        mask: bool, of its shape; None where no brain was found.
        lesion: bool, of its shape; None without any.
        group: what is known of the person.
        white: the grey value that is drawn white.
    """

    volume: Volume
    mask: np.ndarray | None
    lesion: np.ndarray | None
    group: str
    white: float


class Limits(NamedTuple):
    """What each rule keeps.

    Attributes:
        rule: name in `RULES`.
        brain: share of the picture, per cent, from which on "brain" keeps.
        count: quantile of all slices from which on "nonzero_count" keeps, per cent.
        mean: the same of "nonzero_mean".
        span: (first, last) of "range", per cent of the axis.
    """

    rule: str = "brain"
    brain: float = 100 * slices.MIN_BRAIN_FRACTION
    count: float = 25.0
    mean: float = 25.0
    span: tuple[float, float] = (33.0, 73.0)

    def keeps(self, table: pd.DataFrame) -> np.ndarray:
        """Which rows of a slice table the rule keeps: bool (n,)."""
        if self.rule == "brain":
            chosen = slices.select(table, "brain", min_fraction=self.brain / 100)
        elif self.rule == "middle":
            chosen = slices.select(table, "middle")
        elif self.rule == "range":
            place = 100 * table.slice / table.slices
            return place.between(*self.span, inclusive="left").to_numpy()
        else:
            share = self.count if self.rule == "nonzero_count" else self.mean
            column = slices.COLUMN_OF_RULE[self.rule]
            limit = float(np.percentile(table[column], share))
            chosen = slices.select(table, self.rule, threshold=limit)
        return table.index.isin(chosen.index)


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Shelf:
    """The heads of a run.

    Attributes:
        names: of all heads.
        read: name -> `Head`.
        brain_of: volume -> brain mask, for a head that was made noisy; None: the mask stays.
    """

    names: Sequence[str]
    read: Callable[[str], Head]
    brain_of: Callable[[Volume], np.ndarray] | None = None

    def __post_init__(self) -> None:
        for name, size in (("head", 3), ("noisy", 2), ("table", 12), ("strip", 6)):
            cached = functools.lru_cache(maxsize=size)(getattr(self, f"_{name}"))
            object.__setattr__(self, name, cached)

    def _head(self, name: str) -> Head:
        return self.read(name)

    def _noisy(self, name: str) -> Head:
        """The head with Rician noise; its mask is found anew, its truth is the clean one's."""
        head = self.head(name)
        rng = np.random.default_rng(0)
        sigma = NOISE * head.white
        shape = head.volume.array.shape
        real = head.volume.array + sigma * rng.standard_normal(shape, np.float32)
        noisy = np.hypot(real, sigma * rng.standard_normal(shape, np.float32))
        volume = replace(head.volume, array=noisy.astype("float32"))
        mask = self.brain_of(volume) if self.brain_of else head.mask
        return head._replace(volume=volume, mask=mask, white=white_of(volume))

    def shown(self, name: str, noisy: bool) -> Head:
        """The head, made noisy or as it is."""
        return self.noisy(name) if noisy else self.head(name)

    def _strip(
        self, name: str, plane: str, noisy: bool, window: tuple[float, float]
    ) -> tuple[int, np.ndarray]:
        """(every so-many-th slice, the strip of them as uint8 (h, w, 3))."""
        head = self.shown(name, noisy)
        stack = slices.pictures(head.volume.array, plane)
        step, fine = _every(len(stack)), max(1, max(stack.shape[1:]) // (2 * THUMB))
        paper = canvas.Canvas(WIDTH, STRIP_ROWS * (THUMB + 4))
        low, high = window[0] * head.white, max(window[1], 0.02) * head.white
        for place, picture in enumerate(stack[::step, ::fine, ::fine]):
            left, y = _thumb(place)
            box = (left, y, left + THUMB, y + THUMB)
            paper.panel(canvas.coloured(picture, low=low, high=high), box)
        return step, paper.array()

    def _table(self, name: str, plane: str, noisy: bool) -> pd.DataFrame:
        """One row per slice; `true_brain_px` is that of the clean head's mask."""
        head, clean = self.shown(name, noisy), self.head(name)
        empty = np.zeros(head.volume.array.shape, bool)
        mask = empty if head.mask is None else head.mask
        table = slices.measure(head.volume, mask, plane, name=name)
        truth = empty if clean.mask is None else clean.mask
        table["true_brain_px"] = np.count_nonzero(slices.pictures(truth, plane), axis=(1, 2))
        return table


@functools.cache
def _every(count: int) -> int:
    """Every so-many-th slice fits into the strip."""
    return -(-count // (STRIP_ROWS * PER_ROW))


def white_of(volume: Volume) -> float:
    """The grey value that is drawn white: the head's 99.5th percentile."""
    return max(float(np.percentile(volume.array[::2, ::2, ::2], 99.5)), 1e-6)


def counts(table: pd.DataFrame, kept: np.ndarray) -> dict[str, int]:
    """What a rule does to the slices of a head.

    Args:
        table: of `Shelf.table`.
        kept: bool, one per row.

    Returns:
        dict: slices, kept, lost (discarded with brain), empty (kept with hardly any), mistakes.
    """
    has_brain = (table.true_brain_px > slices.MIN_BRAIN_FRACTION * table.picture_px).to_numpy()
    lost, empty = int((has_brain & ~kept).sum()), int((kept & ~has_brain).sum())
    brain = table.true_brain_px.to_numpy()
    return {
        "slices": len(table),
        "kept": int(kept.sum()),
        "lost": lost,
        "empty": empty,
        "mistakes": lost + empty,
        "brain_lost_percent": 100 * float(brain[~kept].sum()) / max(float(brain.sum()), 1),
    }


def view(
    shelf: Shelf,
    *,
    name: str,
    plane: str,
    at: tuple[float, float, float],
    window: tuple[float, float] = (0.0, 1.0),
    overlay: str = MASK,
    limits: Limits = DEFAULT_LIMITS,
    noisy: bool = False,
) -> View:
    """Three planes through a point, all slices of one plane, what a rule keeps of them.

    Args:
        shelf: the heads.
        name: of the head.
        plane: of the strip and of the rules.
        at: the point, as shares of the three RAS axes.
        window: black and white as shares of the 99.5th percentile.
        overlay: MASK, LESION or NO_OVERLAY.
        limits: of the rules.
        noisy: whether the head is made noisy.
    """
    head = shelf.shown(name, noisy)
    table = shelf.table(name, plane, noisy)
    kept = limits.keeps(table)
    found = counts(table, kept)
    paper = canvas.Canvas(WIDTH, TOP + BIG + 26 + STRIP_ROWS * (THUMB + 4) + 4)
    marks = {MASK: (head.mask, canvas.BLUE), LESION: (head.lesion, canvas.ORANGE)}
    mask, colour = marks.get(overlay, (None, canvas.BLUE))
    for column, each in enumerate(PLANES):
        box = (column * (BIG + GAP), TOP, column * (BIG + GAP) + BIG, TOP + BIG)
        _paint_plane(paper, head, each, at, window, mask, colour, box)
    top = TOP + BIG + 24
    words = f"{plane}: all {found['slices']} slices; red frames: discarded by '{limits.rule}'"
    paper.text((2, top - 17), words, size=12)
    _paint_strip(paper, shelf, name, plane, noisy, window, kept, top)
    return View(paper.array(), _in_words(name, head, at, found, limits), _numbers(found, head))


def number_of(volume: Volume, plane: str, at: tuple[float, float, float]) -> int:
    """The slice of a plane that a point lies in."""
    axis = volumes.PLANES[plane]
    count = volume.array.shape[axis]
    return min(int(at[axis] * count), count - 1)


def _paint_plane(paper, head, plane, at, window, mask, colour, box) -> None:
    """One plane through the point, with its letters and the crosshair."""
    volume, high = head.volume, head.white
    number = number_of(volume, plane, at)
    picture = slices.pictures(volume.array, plane)[number]
    painted = canvas.coloured(picture, low=window[0] * high, high=max(window[1], 0.02) * high)
    if mask is not None:
        painted = canvas.with_outline(painted, slices.pictures(mask, plane)[number], colour)
    left, top, right, bottom = box
    row_mm, column_mm = slices.pixel_mm(volume.voxel_mm, plane)
    tall, wide = picture.shape[0] * row_mm, picture.shape[1] * column_mm
    scale = (right - left) / max(tall, wide)
    x0, y0 = left + (right - left - wide * scale) / 2, top + (bottom - top - tall * scale) / 2
    inner = (round(x0), round(y0), round(x0 + wide * scale), round(y0 + tall * scale))
    paper.panel(painted, inner)
    paper.text((left + 2, 4), f"{plane} {number}", size=12)
    x, y = in_picture(plane, at)
    x, y = x0 + x * wide * scale, y0 + y * tall * scale
    paper.line([(x, inner[1]), (x, inner[3])], colour=canvas.YELLOW)
    paper.line([(inner[0], y), (inner[2], y)], colour=canvas.YELLOW)
    paper.letters(box, plane)


def in_picture(plane: str, at: tuple[float, float, float]) -> tuple[float, float]:
    """Where a point lies in a plane's upright picture: (x, y) shares. `at`: of the RAS axes."""
    across, up = (axis for axis in range(3) if axis != volumes.PLANES[plane])
    x = at[across]
    return (1 - x if plane == "sagittal" else x), 1 - at[up]


def with_click(
    volume: Volume, at: tuple[float, float, float], place: tuple[float, float], height: int
) -> tuple[float, float, float]:
    """The point after a click at a place of the lab's picture; the same where no plane was hit."""
    x, y = place[0] * WIDTH, place[1] * height - TOP
    column = int(x // (BIG + GAP))
    if not 0 <= y <= BIG or column > 2:
        return at
    plane = PLANES[column]
    across, up = (axis for axis in range(3) if axis != volumes.PLANES[plane])
    shape = np.array(volume.array.shape) * volume.voxel_mm
    scale = BIG / max(shape[across], shape[up])
    wide, tall = shape[across] * scale, shape[up] * scale
    share_x = np.clip((x - column * (BIG + GAP) - (BIG - wide) / 2) / wide, 0, 0.999)
    share_y = np.clip((y - (BIG - tall) / 2) / tall, 0, 0.999)
    moved = list(at)
    moved[across] = float(1 - share_x if plane == "sagittal" else share_x)
    moved[up] = float(1 - share_y)
    return tuple(min(value, 0.999) for value in moved)


def _paint_strip(paper, shelf, name, plane, noisy, window, kept, top) -> None:
    """All slices, small, the discarded ones in red frames; of many slices some."""
    step, strip = shelf.strip(name, plane, noisy, window)
    paper.panel(strip, (0, top, strip.shape[1], top + strip.shape[0]))
    for place, number in enumerate(range(0, len(kept), step)):
        if not kept[number]:
            left, y = _thumb(place)
            paper.rectangle((left, top + y, left + THUMB, top + y + THUMB), edge=canvas.RED)


def _thumb(place: int) -> tuple[int, int]:
    """Left upper corner of a small picture of the strip."""
    return (place % PER_ROW) * (THUMB + 2), (place // PER_ROW) * (THUMB + 4)


def _numbers(found: Mapping[str, float], head: Head) -> str:
    cells = {
        "slices": found["slices"],
        "kept": found["kept"],
        "discarded with brain": found["lost"],
        "kept without": found["empty"],
        "brain lost": f"{found['brain_lost_percent']:.1f} %",
    }
    heads = "".join(f"<th>{name}</th>" for name in cells)
    row = "".join(f"<td>{value}</td>" for value in cells.values())
    more = "" if head.mask is not None else " No brain mask: what is lost cannot be told."
    return (
        f"<table><tr>{heads}</tr><tr>{row}</tr></table>Group: <b>{escape(head.group)}</b>."
        f"{'' if head.lesion is not None else ' No lesion is drawn in this head.'}{more}"
    )


def _in_words(name, head, at, found, limits) -> str:
    where = ", ".join(f"{plane} {number_of(head.volume, plane, at)}" for plane in PLANES)
    return (
        f"{name} ({head.group}) in three planes: {where}. The rule {limits.rule} keeps "
        f"{found['kept']} of {found['slices']} slices; {found['lost']} with brain are discarded."
    )


# ------------------------------------------------------------------------------------- the lab


def slices_of(run: Run, cohort: pd.DataFrame | None = None) -> Lab | Words:
    """The slice lab: browse heads in three planes, and set the limits of the rules by hand.

    Args:
        run: of 01 or 02.
        cohort: rows with subject, group, path, brain_path, lesion_path; that of 01 when absent.
    """
    try:
        cohort = run.read("01_explore", "cohort") if cohort is None else cohort
    except NotRunYet as error:
        return Words(f"**The slice lab opens once chapter 01 has found the heads.** {error}")
    run.describe_data(cohort)
    # 01 needs no TensorFlow but for this: its still does without a mask.
    find_brain = not (headless() and run.notebook.startswith("01"))
    plane = run.parameters.get("plane", PLANES[0])
    return lab_of(shelf_of(cohort, find_brain=find_brain), f"{run.source_note}.", plane)


def shelf_of(cohort: pd.DataFrame, *, find_brain: bool = True) -> Shelf:
    """The heads of a cohort's table.

    Args:
        cohort: rows with subject, group, path, brain_path, lesion_path.
        find_brain: whether the mask is looked for; it is kept for 02.
    """
    rows = cohort.drop_duplicates("subject").set_index("subject")

    def read(name):
        row = rows.loc[name]
        volume = volumes.load(row.path)
        mask = mask_of(volume, row.brain_path) if find_brain else None
        lesion = _lesion_of(volume, row.lesion_path, mask)
        return Head(volume, mask, lesion, str(row.group), white_of(volume))

    return Shelf(readable_heads(rows), read, masks.brain_mask if find_brain else None)


def readable_heads(rows: pd.DataFrame) -> list[str]:
    """Names of the heads whose files can be opened. rows: one per head, by name, with `path`."""
    return [name for name in rows.index if _is_readable(rows.loc[name].path)]


def _is_readable(path: str) -> bool:
    """Whether a file begins as NIfTI does; one that is damaged further on is named by 01."""
    try:
        nibabel.load(path)
    except (OSError, ValueError, nibabel.filebasedimages.ImageFileError):
        return False
    return True


def mask_of(volume: Volume, given: str) -> np.ndarray | None:
    """The mask of 02 where it is kept already, else DeepBrain's; None where no brain is found."""
    try:
        return masks.cached_mask(volume, cache=reading.MASKS, given=given)
    except (OSError, ValueError):
        return None


def _lesion_of(volume: Volume, path: str, mask: np.ndarray | None) -> np.ndarray | None:
    """The lesion that is drawn in a head; None without any, or where it cannot be one."""
    try:
        return reading.read_lesion(path, volume, mask)
    except (OSError, ValueError):
        return None


def lab_of(shelf: Shelf, note: str, plane: str = PLANES[0]) -> Lab:
    """Head, point, window, overlay and the limits of the rules beside the picture.

    Args:
        shelf: the heads.
        note: whose they are.
        plane: of the strip at first.
    """
    state = {"at": (0.5, 0.5, 0.5)}
    controls = _controls(shelf, plane)
    height = TOP + BIG + 26 + STRIP_ROWS * (THUMB + 4) + 4

    def draw(name, plane, number, window, overlay, noisy, place, **limits):
        return view(
            shelf,
            name=name,
            plane=plane,
            at=state["at"],
            window=window,
            overlay=overlay,
            noisy=noisy,
            limits=Limits(**limits),
        )

    lab = Lab(
        draw,
        controls,
        tasks=_tasks(shelf),
        steering="Click into a plane to move the crosshair, or use the arrow keys.",
        place=(0.5 * BIG / WIDTH, (TOP + BIG / 2) / height),
        stride=(0.02 * BIG / WIDTH, 0.02 * BIG / height),
        note=note,
        only_with={name: ("rule", (rule,)) for name, rule in LIMITS.items()},
    )
    _Crosshair(lab, shelf, state, height)
    return lab


class _Crosshair:
    """Keeps the point, the slider and the clicked place together."""

    def __init__(self, lab, shelf, state, height):
        self.lab, self.shelf, self.state, self.height = lab, shelf, state, height
        lab.picture.unobserve(lab.redraw, "place")
        lab.picture.observe(self._clicked, "place")
        for name in ("name", "plane", "number"):  # what follows them draws
            lab.controls[name].unobserve(lab.redraw, "value")
        for name in ("name", "plane"):
            lab.controls[name].observe(self._other_stack, "value")
        lab.controls["number"].observe(self._slid, "value")
        self._other_stack()

    def _volume(self) -> Volume:
        return self.shelf.head(self.lab.controls["name"].value).volume

    def _axis(self) -> int:
        return volumes.PLANES[self.lab.controls["plane"].value]

    def _other_stack(self, _=None) -> None:
        with self.lab.one_move():
            number = self.lab.controls["number"]
            number.max = self._volume().array.shape[self._axis()] - 1
            number.value = number_of(
                self._volume(), self.lab.controls["plane"].value, self.state["at"]
            )

    def _slid(self, _) -> None:
        count = self._volume().array.shape[self._axis()]
        at = list(self.state["at"])
        number = self.lab.controls["number"].value
        if number != min(int(at[self._axis()] * count), count - 1):
            at[self._axis()] = (number + 0.5) / count
            self.state["at"] = tuple(at)
        self.lab.redraw()

    def _clicked(self, _) -> None:
        place = tuple(self.lab.picture.place)
        self.state["at"] = with_click(self._volume(), self.state["at"], place, self.height)
        self._other_stack()


def _controls(shelf: Shelf, plane: str) -> dict[str, ipywidgets.Widget]:
    limits = Limits()
    whole = ipywidgets.FloatRangeSlider
    controls = {
        "name": chooser("head", shelf.names),
        "plane": chooser("plane", PLANES, plane),
        "number": ipywidgets.IntSlider(description="slice", min=0, max=0),
        "window": whole(
            description="window", min=0, max=1.5, step=0.02, value=(0, 1), readout_format=".2f"
        ),
        "overlay": chooser("outline", (MASK, LESION, NO_OVERLAY)),
        "rule": chooser("rule", RULES),
        "brain": slider("brain (%)", 0, 50, 0.1, limits.brain),
        "count": slider("count (%)", 0, 100, 1, limits.count, readout_format=".0f"),
        "mean": slider("mean (%)", 0, 100, 1, limits.mean, readout_format=".0f"),
        "span": whole(
            description="range (%)", min=0, max=100, step=1, value=limits.span, readout_format=".0f"
        ),
        "noisy": ipywidgets.Checkbox(
            description="noisy head (at first it takes seconds)",
            value=False,
            style=STYLE,
            indent=False,
        ),
    }
    for name in ("number", "window", "span"):
        controls[name].style = controls["brain"].style
    return controls


# ----------------------------------------------------------------------------------- what to try


def _tasks(shelf: Shelf) -> list[Task]:
    return [_challenge(shelf), _fails(shelf)]


def _challenge(shelf: Shelf) -> Task:
    answers = ("nonzero_count", "nonzero_mean", "neither")
    name = shelf.names[0]

    def best(rule, option):
        table = shelf.table(name, PLANES[0], True)
        tried = []
        for share in range(0, 100):
            kept = Limits(rule, **{option: float(share)}).keeps(table)
            tried.append(counts(table, kept)["mistakes"])
        return min(tried)

    def reveal():
        table = shelf.table(name, PLANES[0], True)
        brain = counts(table, Limits().keeps(table))["mistakes"]
        others = {"nonzero_count": best("nonzero_count", "count")}
        others["nonzero_mean"] = best("nonzero_mean", "mean")
        winner = min(others, key=others.get)
        words = (
            f"Mistakes on noisy {name}: brain {brain}; at the best of all limits nonzero_count "
            f"{others['nonzero_count']}, nonzero_mean {others['nonzero_mean']}."
        )
        return (winner if others[winner] < brain else "neither"), words

    words = (
        "'Set up' makes a head noisy. Choose another rule, and move its limit until 'discarded "
        "with brain' and 'kept without' are small. Which rule can make fewer mistakes than brain?"
    )
    return Task("Beat the brain rule", words, answers, reveal, {"name": name, "noisy": True})


def _fails(shelf: Shelf) -> Task:
    answers = ("more mistakes", "as many or fewer")
    name = shelf.names[0]

    def reveal():
        found = []
        for noisy in (False, True):
            table = shelf.table(name, PLANES[0], noisy)
            found.append(counts(table, Limits("nonzero_count").keeps(table))["mistakes"])
        words = f"nonzero_count at 25 %: {found[0]} mistakes without noise, {found[1]} with it."
        return answers[int(found[1] <= found[0])], words

    words = (
        "The rule nonzero_count keeps slices with many pixels that are not 0. What does noise do "
        "to it?"
    )
    start = {"name": name, "noisy": False, "rule": "nonzero_count"}
    return Task("Count what is not 0", words, answers, reveal, start)
