"""Walk through the code of a VAE: from one real person to another, along directions, by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

import ipywidgets
import nibabel
import numpy as np

from brainlib import files, models, slices
from brainlib.evaluation import generation, studies
from brainlib.evaluation.generation import LatentDensity
from brainlib.record import Run
from brainlib.show.labs import canvas
from brainlib.show.labs.lab import Lab, View, Words, chooser, slice_options, slider
from brainlib.show.labs.materials import NO_MODEL, load_fitting, open_quietly, pixel_mm_of
from brainlib.show.labs.tasks import Task

Decoder = Callable[[np.ndarray], np.ndarray]  # latents (B, D) -> images (B, H, W, 1)

WIDTH, GAP, TOP, BETWEEN = 530, 6, 22, 40
BIG = (WIDTH - 2 * GAP) // 3
STRIP = 7  # pictures of the filmstrip
SMALL = (WIDTH - (STRIP - 1) * GAP) // STRIP
REACH = 3.0  # standard deviations, to either side
METER, FAR, TOO_FAR = 3.0, 1.3, 2.0  # times the distance that unseen people's slices have
PERSON, FITTED, STANDARD = "a real person", "the fitted density", "N(0, 1)"
TEMPERATURE = "how far from the average a draw lies: 0 is the average, 1 the density itself"
DIRECTION = "standard deviations of the training codes along this direction"
SOURCES = {  # with what the code starts from, a control does something
    "start": ("source", (PERSON,)),
    "other": ("source", (PERSON,)),
    "share": ("source", (PERSON,)),
    "temperature": ("source", (FITTED, STANDARD)),
    "roll": ("source", (FITTED, STANDARD)),
}
PEOPLE = 24  # slices of people whom the network has not seen
DRAWS = 200  # behind an answer
DARK = 0.1  # grey values of air


class Age(NamedTuple):
    """What a linear model says that a year does to a code.

    Attributes:
        slope: (D,) per year.
        words: how well it tells the age of people who were left out.
    """

    slope: np.ndarray
    words: str


@dataclass(frozen=True)
class LatentSpace:
    """What the lab walks through.

    Attributes:
        decode: codes -> pictures.
        density: fitted to the codes of training slices.
        known: (N, H, W, 1) training slices.
        known_codes: (N, D) their codes.
        pictures: (P, H, W, 1) slices of people whom the network has not seen.
        titles: whose they are.
        codes: (P, D) of these.
        age: None where no direction of it was found.
        plane: of the slices.
    """

    decode: Decoder
    density: LatentDensity
    known: np.ndarray
    known_codes: np.ndarray
    pictures: np.ndarray
    titles: Sequence[str]
    codes: np.ndarray
    age: Age | None = None
    plane: str = "sagittal"

    def __post_init__(self) -> None:
        flat = np.asarray(self.known, "float32").reshape(len(self.known), -1)
        object.__setattr__(self, "_flat", flat)
        object.__setattr__(self, "_squares", np.einsum("ij,ij->i", flat, flat))
        object.__setattr__(self, "_known_scores", self.density.pca.transform(self.known_codes))
        object.__setattr__(self, "typical", float(np.median(self._distance(self.codes))))

    def _distance(self, codes: np.ndarray) -> np.ndarray:
        """To the nearest code of a training slice, in the directions that codes use: (n,)."""
        scores = self.density.pca.transform(codes)
        return np.min([np.linalg.norm(self._known_scores - one, axis=1) for one in scores], axis=1)

    def nearest(self, picture: np.ndarray) -> tuple[int, float]:
        """(place among the training slices, RMSE) of the one most like a picture (H, W, 1).

        As `features.nearest`, with what does not change from move to move computed once.
        """
        point = picture.ravel()
        squares = self._squares - 2 * (self._flat @ point) + point @ point
        place = int(np.argmin(squares))
        return place, float(np.sqrt(max(squares[place], 0) / len(point)))

    def farness(self, codes: np.ndarray) -> np.ndarray:
        """Distance to the training codes; 1 is the median of unseen people's slices. (n,)."""
        return self._distance(np.atleast_2d(codes)) / max(self.typical, 1e-9)


class Walk(NamedTuple):
    """Where the walk stands.

    Attributes:
        start: number of the slice whose code it starts from.
        other: number of the slice that it leads to.
        share: of the way from start to other, 0 to 1.
        source: PERSON, FITTED or STANDARD: what is moved along the directions.
        temperature: factor on a draw's distance from the centre.
        roll: random seed of the draw.
        steps: standard deviations along the first directions.
        years: older or younger.
    """

    start: int = 0
    other: int = 1
    share: float = 0.0
    source: str = PERSON
    temperature: float = 0.7
    roll: int = 0
    steps: tuple[float, ...] = ()
    years: float = 0.0

    def code(self, space: LatentSpace) -> np.ndarray:
        """The code where the walk stands: (D,)."""
        code = self._base(space)
        pca = space.density.pca
        steps = np.array(self.steps[: pca.n_components_])
        spread = np.sqrt(pca.explained_variance_[: len(steps)])
        code = code + (steps * spread) @ pca.components_[: len(steps)]
        if space.age is not None:
            code = code + self.years * space.age.slope
        return code.astype("float32")

    def _base(self, space: LatentSpace) -> np.ndarray:
        if self.source == PERSON:
            return (1 - self.share) * space.codes[self.start] + self.share * space.codes[self.other]
        if self.source == FITTED:
            centre = space.density.pca.mean_
            drawn = space.density.sample(1, seed=self.roll)[0]
            return centre + self.temperature * (drawn - centre)
        drawn = np.random.default_rng(self.roll).standard_normal(space.codes.shape[1])
        return self.temperature * drawn


def view(space: LatentSpace, walk: Walk, *, direction: int = 0) -> View:
    """The painted picture, where it came from, its nearest training slice; a filmstrip; a meter.

    Args:
        space: of the run.
        walk: where it stands.
        direction: of the filmstrip, from 0.
    """
    code = walk.code(space)
    film = _film(space, walk, direction)
    pictures = space.decode(np.stack([code, *film]))
    nearest, gap = space.nearest(pictures[0])
    farness = float(space.farness(code)[0])
    paper = canvas.Canvas(WIDTH, TOP + BIG + BETWEEN + SMALL + 58)
    real = space.pictures[walk.start] if walk.source == PERSON else None
    titles = ("painted", space.titles[walk.start], f"nearest training slice, {gap:.3f}")
    shown = (pictures[0], real, space.known[nearest])
    for column, (picture, title) in enumerate(zip(shown, titles)):
        left = column * (BIG + GAP)
        if picture is None:
            paper.text((left + BIG / 2, TOP + BIG / 2), "nobody: a draw", anchor="mm")
            continue
        paper.text((left + 2, 4), title, size=12)
        box = (left, TOP, left + BIG, TOP + BIG)
        paper.panel(canvas.coloured(picture), box, smooth=True)
        paper.letters(box, space.plane)
    _paint_film(paper, pictures[1:], walk, direction)
    _paint_meter(paper, farness, top=TOP + BIG + BETWEEN + SMALL + 10)
    return View(paper.array(), _in_words(space, walk, farness), _numbers(farness, gap))


def _film(space: LatentSpace, walk: Walk, direction: int) -> list[np.ndarray]:
    """Codes along one direction, everything else as it is."""
    codes = []
    for step in np.linspace(-REACH, REACH, STRIP):
        steps = list(walk.steps)
        steps[direction] = step
        codes.append(walk._replace(steps=tuple(steps)).code(space))
    return codes


def _paint_film(paper: canvas.Canvas, pictures: np.ndarray, walk: Walk, direction: int) -> None:
    top = TOP + BIG + BETWEEN
    words = f"along direction {direction + 1}, in standard deviations"
    paper.text((2, top - 34), words, size=12)
    for number, picture in enumerate(pictures):
        left = number * (SMALL + GAP)
        box = (left, top, left + SMALL, top + SMALL)
        paper.panel(canvas.coloured(picture), box, smooth=True)
        step = -REACH + 2 * REACH * number / (STRIP - 1)
        paper.text((left + SMALL / 2, top - 4), f"{step:+.0f}", size=11, anchor="mb")
    x = (walk.steps[direction] + REACH) / (2 * REACH) * (STRIP - 1) * (SMALL + GAP) + SMALL / 2
    paper.line([(x, top), (x, top + SMALL)], colour=canvas.YELLOW, width=2)


def _paint_meter(paper: canvas.Canvas, farness: float, *, top: int) -> None:
    """A bar: how far the code lies from those of training slices."""
    paper.text((2, top), "distance from the data", size=12)
    left, right, bar = 160, WIDTH - 6, top + 2

    def place(value):
        return left + (right - left) * min(value, METER) / METER

    colour = canvas.GREEN if farness <= FAR else canvas.ORANGE
    colour = canvas.RED if farness > TOO_FAR else colour
    paper.rectangle((left, bar, right, bar + 14), edge=canvas.DARK)
    paper.rectangle((left, bar, place(farness), bar + 14), fill=colour)
    for value, words in ((1.0, "unseen people"), (TOO_FAR, "too far")):
        paper.line([(place(value), bar - 2), (place(value), bar + 17)], width=2)
        paper.text((place(value), bar + 19), words, size=11, anchor="mt")


def far_in_words(farness: float) -> str:
    """What the meter says."""
    if farness <= FAR:
        return "as near to the training codes as slices of unseen people"
    return "far from the data" if farness <= TOO_FAR else "too far from the data"


def _numbers(farness: float, gap: float) -> str:
    return (
        f"Code: {farness:.2f} times the usual distance, {far_in_words(farness)}. Picture: RMSE "
        f"{gap:.3f} to the nearest training slice (0 would be a copy)."
    )


def _in_words(space: LatentSpace, walk: Walk, farness: float) -> str:
    if walk.source == PERSON:
        who = f"The code of {space.titles[walk.start]}"
        if walk.share:
            who += f", {100 * walk.share:.0f} % of the way to {space.titles[walk.other]}"
    else:
        who = f"A draw from {walk.source}, temperature {walk.temperature:.2f}"
    moved = ", ".join(f"{step:+.1f}" for step in walk.steps)
    return f"{who}, moved by {moved} along the directions: {far_in_words(farness)}."


# ------------------------------------------------------------------------------------- the lab


def latent(run: Run) -> Lab | Words:
    """The latent lab: walk through the code of the run's VAE.

    Args:
        run: of 04, or of any chapter after it.
    """
    pictures = open_quietly(run)
    found = load_fitting(run, "vae", pictures.first.name, pictures.image_shape)
    if found is None:
        return Words(NO_MODEL.format(lab="latent lab", chapter="04"))
    file, model = found
    space = _space(model, pictures, seed=run.parameters.get("seed", 0))
    note = f"{run.source_note}. VAE: {file.in_words()}."
    if space.age:
        note += f" {space.age.words}"
    folder = run.folder / "labs"
    return lab_of(space, note, folder, pixel_mm=pixel_mm_of(run))


def _space(model, pictures: studies.SplitSlices, *, seed: int) -> LatentSpace:
    """The code of a VAE as the lab walks through it."""
    known = pictures.pictures(pictures.thinned(pictures.first.train))
    unseen = pictures.spread(pictures.first.test, PEOPLE)
    shown = pictures.pictures(unseen)
    return LatentSpace(
        decode=generation.fast_decoder(model),
        density=generation.fit_latent(model, known, seed=seed),
        known=known,
        known_codes=models.latent_of(model, known),
        pictures=shown,
        titles=pictures.titles(unseen),
        codes=models.latent_of(model, shown),
        age=_age(model, pictures),
        plane=pictures.plane,
    )


def _age(model, pictures: studies.SplitSlices) -> Age | None:
    """What a year does to a code, where it tells the age of people who were left out."""
    codes = studies.codes_of_people(model, pictures, pictures.first.train)
    people = pictures.people.set_index("subject").loc[codes.index]
    found = studies.age_direction(codes, people)
    if found is None:
        return None
    words = (
        f"The age direction tells the age of people left out with a correlation of "
        f"{found.correlation:.2f} (n = {found.people})."
    )
    return Age(found.slope, words)


def lab_of(space: LatentSpace, note: str, folder: Path, *, pixel_mm: float) -> Lab:
    """Sliders for person, way, draw and directions beside the picture.

    Args:
        space: to walk through.
        note: whose slices, which network.
        folder: of what is saved.
        pixel_mm: side of a pixel.
    """
    directions = min(4, space.density.pca.n_components_)
    controls = _controls(space, directions)

    def walk_of(direction=1, **values):
        steps = tuple(values.pop(f"step_{number}") for number in range(directions))
        return Walk(**values, steps=steps), direction - 1

    def draw(**values):
        walk, direction = walk_of(**values)
        return view(space, walk, direction=direction)

    surprise = ipywidgets.Button(description="Surprise me", tooltip="a person whom nobody knows")
    back = ipywidgets.Button(description="Back to the person", tooltip="all sliders to 0")
    save = [ipywidgets.Button(description=f"Save as {kind}") for kind in ("PNG", "NIfTI")]
    said = ipywidgets.HTML()
    buttons = [ipywidgets.HBox([surprise, back]), ipywidgets.HBox(save), said]
    lab = Lab(draw, controls, tasks=_tasks(space), buttons=buttons, note=note, only_with=SOURCES)

    def surprise_me(_):
        source = controls["source"].value
        drawn = FITTED if source == PERSON else source
        lab.set({"source": drawn, "roll": (controls["roll"].value + 1) % 1000})

    def go_back(_):
        zero = {f"step_{number}": 0.0 for number in range(directions)}
        zero |= {"years": 0.0} if space.age else {}
        lab.set({"source": PERSON, "share": 0.0, **zero})

    def save_picture(button):
        walk, _ = walk_of(**{name: control.value for name, control in controls.items()})
        picture = space.decode(walk.code(space)[None])[0, ..., 0]
        end = "png" if "PNG" in button.description else "nii.gz"
        path = save_slice(picture, folder, end, plane=space.plane, pixel_mm=pixel_mm)
        said.value = f'<div class="brain-lab-words" role="status">Saved: {escape(str(path))}</div>'

    surprise.on_click(surprise_me)
    back.on_click(go_back)
    for button in save:
        button.on_click(save_picture)
    return lab


def _controls(space: LatentSpace, directions: int) -> dict[str, ipywidgets.Widget]:
    options = slice_options(space.titles)
    start, other = two_people(space)
    controls = {
        "source": chooser("start from", (PERSON, FITTED, STANDARD)),
        "start": chooser("person", options, start),
        "other": chooser("other person", options, other),
        "share": slider("way to other", 0, 1, 0.05, readout_format=".0%"),
        "temperature": slider("temperature", 0, 2, 0.05, 0.7, tooltip=TEMPERATURE),
        "roll": ipywidgets.BoundedIntText(description="random seed", min=0, max=999, value=0),
    }
    for number in range(directions):
        words = f"direction {number + 1}"
        controls[f"step_{number}"] = slider(
            words, -REACH, REACH, 0.1, readout_format="+.1f", tooltip=DIRECTION
        )
    if space.age is not None:
        controls["years"] = slider("years older", -40, 40, 1, readout_format="+.0f")
    controls["direction"] = chooser("filmstrip", range(1, directions + 1))
    controls["roll"].style = controls["temperature"].style
    return controls


def two_people(space: LatentSpace) -> tuple[int, int]:
    """Numbers of the slices that show most of a head, of two people where there are two."""
    sizes = (np.asarray(space.pictures) > DARK).mean(axis=(1, 2, 3))
    people = np.array([title.rsplit(" ", 1)[0] for title in space.titles])
    start = int(sizes.argmax())
    others = np.where(people != people[start], sizes, sizes.min() - 1)
    return start, int(others.argmax())


def save_slice(picture: np.ndarray, folder: Path, end: str, *, plane: str, pixel_mm: float) -> Path:
    """Saves a picture (H, W) in [0, 1] under the next free number: "png", or "nii.gz" with its mm.

    A NIfTI file holds one slice, so that viewers and `volumes.load` show it upright.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1 + sum(1 for _ in folder.glob(f"latent_*.{end}"))
    path = folder / f"latent_{number:03d}.{end}"
    with files.whole_file(path) as temporary:
        if end == "png":
            Path(temporary).write_bytes(canvas.png_bytes(canvas.coloured(picture)))
        else:
            array = np.ascontiguousarray(slices.volume_of(picture, plane), np.float32)
            nibabel.save(nibabel.Nifti1Image(array, np.diag([*3 * [pixel_mm], 1])), temporary)
    return path


# ----------------------------------------------------------------------------------- what to try


def _tasks(space: LatentSpace) -> list[Task]:
    return [_halfway(space), _hot(space), _standard(space)]


def _halfway(space: LatentSpace) -> Task:
    answers = ("nearer to the data than its ends", "farther from it")

    def reveal():
        rng = np.random.default_rng(0)
        pairs = rng.integers(0, len(space.codes), (100, 2))
        ends = space.farness(space.codes).mean()
        middle = space.farness(space.codes[pairs].mean(axis=1)).mean()
        words = f"Over 100 pairs: {middle:.2f} times the usual distance, the ends {ends:.2f}."
        return answers[int(middle > ends)], words

    words = (
        "Move 'way to other' slowly to 100 %. Half way there is a person who does not exist. Is "
        "that code nearer to training codes than the codes of the two?"
    )
    return Task("Half way between two", words, answers, reveal, {"source": PERSON, "share": 0.5})


def _hot(space: LatentSpace) -> Task:
    answers = ("fewer than 1 in 10", "some", "more than half")

    def reveal():
        centre = space.density.pca.mean_
        drawn = centre + 1.5 * (space.density.sample(DRAWS, seed=1) - centre)
        share = float((space.farness(drawn) > TOO_FAR).mean())
        words = f"{100 * share:.0f} % of {DRAWS} draws at temperature 1.5 are too far."
        return answers[int(share >= 0.1) + int(share > 0.5)], words

    words = (
        "Draws of the fitted density at temperature 1.5: press 'Surprise me' a few times. How "
        "many of them are too far from the data?"
    )
    return Task("Too hot", words, answers, reveal, {"source": FITTED, "temperature": 1.5})


def _standard(space: LatentSpace) -> Task:
    answers = ("N(0, 1) is nearer to the data", "the fitted density is nearer")

    def reveal():
        standard = np.random.default_rng(1).standard_normal((DRAWS, space.codes.shape[1]))
        fitted = space.density.sample(DRAWS, seed=1)
        far = [float(np.median(space.farness(codes))) for codes in (standard, fitted)]
        words = f"Median distance: {far[0]:.2f} of N(0, 1), {far[1]:.2f} of the fitted density."
        return answers[int(far[0] > far[1])], words

    words = (
        "A VAE is trained so that codes are N(0, 1). Draw from N(0, 1) at temperature 1 with "
        "'Surprise me', then from the fitted density. Which lies nearer to the training codes?"
    )
    return Task("Is it N(0, 1)?", words, answers, reveal, {"source": STANDARD, "temperature": 1.0})
