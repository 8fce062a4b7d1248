"""One head, a score, a threshold: what is called, what is hit, and what healthy heads pay."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import ipywidgets
import numpy as np
from scipy import ndimage

from brainlib import anomaly
from brainlib.anomaly import study
from brainlib.anomaly.preparation import Prepared
from brainlib.evaluation import studies
from brainlib.record import Run
from brainlib.show.labs import canvas
from brainlib.show.labs.lab import Lab, View, Words, chooser, slider
from brainlib.show.labs.materials import NO_MODEL, load_fitting
from brainlib.show.labs.tasks import Task

Rebuild = Callable[[np.ndarray], np.ndarray]  # slices (N, H, W, 1) -> (N, H, W, 1)

GREY = "grey value"
BOTH, DARKER, BRIGHTER = "both signs", "darker", "brighter"
SIGNS = (BOTH, DARKER, BRIGHTER)
WIDTH, GAP, TOP = 530, 6, 22
BIG = (WIDTH - 2 * GAP) // 3
CURVE = 184  # height of the precision-recall panel
HEALTHY = 4  # heads whose false alarms are counted
POINTS = 200  # of a curve
SCORES = "scores are differences of grey values, from 0 to 1"
HIT_COLOURS = {"hit": canvas.GREEN, "false alarm": canvas.RED, "missed": canvas.BLUE}


@dataclass(frozen=True)
class Ward:
    """Heads and who scores them.

    Attributes:
        ill: {name: `Prepared` with a lesion}.
        healthy: {name: `Prepared`}.
        networks: {name: rebuilds slices}.
        post: options of `anomaly.post_process`.
        voxel_ml: volume of a voxel.
        pixel_mm: side of a pixel.
    """

    ill: Mapping[str, Prepared]
    healthy: Mapping[str, Prepared]
    networks: Mapping[str, Rebuild]
    post: Mapping = field(default_factory=dict)
    voxel_ml: float = 1.0
    pixel_mm: float = 1.0

    def __post_init__(self) -> None:
        # A move asks again for much of what it asked before; what is large is forgotten sooner.
        sizes = {"residual": 64, "score": 64, "curve": 256, "called": 16, "false_alarm_ml": 256}
        for name, size in sizes.items():
            cached = functools.lru_cache(maxsize=size)(getattr(self, f"_{name}"))
            object.__setattr__(self, name, cached)

    def head(self, name: str) -> Prepared:
        """A head of either kind."""
        return self.ill[name] if name in self.ill else self.healthy[name]

    def judged(self, name: str) -> np.ndarray:
        """The pixels that are judged: bool (N, H, W), the brain."""
        return self.head(name).brain[..., 0]

    def truth(self, name: str) -> np.ndarray:
        """The lesion inside of the brain: bool (N, H, W)."""
        return (self.head(name).lesion & self.head(name).brain)[..., 0]

    def _residual(self, name: str, scorer: str) -> np.ndarray:
        """What is darker (below 0) or brighter than it should be: (N, H, W)."""
        head = self.head(name)
        if scorer == GREY:
            inside = head.images[head.brain]
            return (head.images - (np.median(inside) if inside.size else 0))[..., 0]
        return (head.images - self.networks[scorer](head.images))[..., 0]

    def _score(self, name: str, scorer: str, sign: str) -> np.ndarray:
        """The score of every pixel after the chapter's post-processing: (N, H, W), 0 or more."""
        residual = self.residual(name, scorer)
        raw = {BOTH: np.abs(residual), DARKER: -residual, BRIGHTER: residual}[sign].clip(0)
        options = {**self.post, "min_pixels": 0}
        return anomaly.post_process(raw, self.judged(name), **options)

    def _curve(self, name: str, scorer: str, sign: str) -> tuple[np.ndarray, np.ndarray, float]:
        """(recall, precision, area) of a head at many thresholds."""
        judged = self.judged(name)
        score, truth = self.score(name, scorer, sign)[judged], self.truth(name)[judged]
        counter = anomaly.count_scores(score, truth)
        points = counter.points(POINTS)
        return points["recall"], points["precision"], float(counter.curves().auprc)

    def _called(self, name: str, scorer: str, sign: str, threshold: float) -> np.ndarray:
        """What is called lesion: bool (N, H, W)."""
        score = self.score(name, scorer, sign)
        fewest = self.post.get("min_pixels", 0)
        return anomaly.detect(score, threshold, min_pixels=fewest, inside=self.judged(name))

    def _false_alarm_ml(self, scorer: str, sign: str, threshold: float) -> float:
        """What is called in a healthy head, in ml, the mean over the healthy heads."""
        called = [self.called(name, scorer, sign, threshold).sum() for name in self.healthy]
        return float(np.mean(called)) * self.voxel_ml if called else float("nan")


def confusion(called: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """tp, fp, fn, and of them precision, recall and Dice; 0 where one is undefined."""
    tp = int((called & truth).sum())
    fp = int((called & ~truth).sum())
    fn = int((truth & ~called).sum())
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
        "dice": 2 * tp / max(2 * tp + fp + fn, 1),
    }


def view(
    ward: Ward,
    *,
    name: str,
    number: int,
    scorer: str,
    sign: str,
    threshold: float,
    truth: bool,
    guess: tuple[float, float],
) -> View:
    """A slice, its score, its call; the curve with the threshold's dot; the counts.

    Args:
        ward: heads and networks.
        name: of the head.
        number: of the slice.
        scorer: GREY or the name of a network.
        sign: BOTH, DARKER or BRIGHTER.
        threshold: scores from there on are called.
        truth: whether the lesion is shown.
        guess: (x, y) in the slice where somebody thinks that it is, as shares.
    """
    score = ward.score(name, scorer, sign)
    called = ward.called(name, scorer, sign, threshold)
    lesion = ward.truth(name)
    found = confusion(called, lesion)
    image = canvas.coloured(ward.head(name).images[number])
    heat = canvas.coloured(score[number], cmap="inferno", high=max(float(score.max()), 1e-6))
    call = _hits(image, called[number], lesion[number]) if truth else _called(image, called[number])
    tall = _tall(image)
    paper = canvas.Canvas(WIDTH, TOP + tall + TOP + CURVE)
    panels = {f"slice {number}": image, "score": heat, "called": call}
    for column, (words, picture) in enumerate(panels.items()):
        left = column * (BIG + GAP)
        paper.text((left + 2, 4), words, size=12)
        paper.panel(picture, (left, TOP, left + BIG, TOP + tall))
    paper.letters((0, TOP, BIG, TOP + tall), "axial")
    paper.dot((guess[0] * BIG, TOP + guess[1] * tall), colour=canvas.YELLOW, radius=4)
    curves = {GREY: ward.curve(name, GREY, DARKER if sign == BOTH else sign)}
    curves[f"{scorer}, {sign}"] = ward.curve(name, scorer, sign)
    _paint_curves(
        paper, curves, found if truth else None, lesion, ward.judged(name), TOP + tall + TOP
    )
    ml = ward.false_alarm_ml(scorer, sign, threshold)
    words = _numbers(ward, found, called, ml, truth=truth, guess=guess, lesion=lesion[number])
    return View(paper.array(), _in_words(name, number, called, found, truth), words)


def _tall(image: np.ndarray) -> int:
    return min(230, BIG * image.shape[0] // image.shape[1])


def _called(image: np.ndarray, called: np.ndarray) -> np.ndarray:
    return canvas.with_outline(image, called, canvas.ORANGE, filled=0.5)


def _hits(image: np.ndarray, called: np.ndarray, lesion: np.ndarray) -> np.ndarray:
    """Hits green, false alarms red, what was missed blue."""
    painted = image.copy()
    masks = (called & lesion, called & ~lesion, lesion & ~called)
    for colour, mask in zip(HIT_COLOURS.values(), masks):
        painted = canvas.with_outline(painted, mask, colour, filled=0.7)
    return painted


def _paint_curves(paper, curves, found, lesion, judged, top) -> None:
    """Precision over recall; hidden while the truth is, because it would give it away."""
    left, right, bottom = 46, 300, top + CURVE - 34
    paper.line([(left, top), (left, bottom), (right, bottom)], colour=canvas.GREY)
    paper.text((left + 127, bottom + 18), "recall", size=12, anchor="mt")
    paper.text((left - 6, top), "1", size=11, anchor="rt")
    paper.text((left - 6, bottom), "0", size=11, anchor="rm")
    paper.text((right, bottom + 4), "1", size=11, anchor="rt")
    paper.text((left + 4, top - 14), "precision", size=12)
    if found is None:
        words = "shown with the truth"
        paper.text(((left + right) / 2, (top + bottom) / 2), words, size=12, anchor="mm")
        return

    def place(recall, precision):
        return left + recall * (right - left), bottom - precision * (bottom - top)

    prevalence = lesion.sum() / max(judged.sum(), 1)
    paper.line([place(0, prevalence), place(1, prevalence)], colour=canvas.DARK)
    for number, (words, (recall, precision, area)) in enumerate(curves.items()):
        colour = canvas.GREY if number == 0 else canvas.ORANGE
        if len(recall) > 1:
            paper.line([place(*one) for one in zip(recall, precision)], colour=colour, width=2)
        paper.text((right + 14, top + 8 + 34 * number), words, size=12, colour=colour)
        paper.text(
            (right + 14, top + 24 + 34 * number), f"AUPRC {area:.3f}", size=12, colour=colour
        )
    paper.text((right + 14, top + 84), f"chance {prevalence:.3f}", size=12, colour=canvas.GREY)
    paper.dot(place(found["recall"], found["precision"]), colour=canvas.YELLOW)
    for number, (words, colour) in enumerate(HIT_COLOURS.items()):
        paper.text((right + 14, top + 104 + 16 * number), words, size=12, colour=colour)


def _numbers(ward, found, called, ml, *, truth, guess, lesion) -> str:
    """Counts of the head, or of the call alone while the truth is hidden."""
    healthy = f"Healthy heads: <b>{ml:.1f} ml</b> called in each, on average."
    if not truth:
        size = called.sum() * ward.voxel_ml
        return (
            f"Called in this head: {size:.1f} ml. {healthy} Click where you think the lesion is, "
            "then tick 'show the truth'."
        )
    row = "".join(f"<td>{found[name]}</td>" for name in ("tp", "fp", "fn"))
    row += "".join(f"<td>{found[name]:.3f}</td>" for name in ("precision", "recall", "dice"))
    heads = "<th>hit (tp)</th><th>false (fp)</th><th>missed (fn)</th>"
    heads += "<th>precision</th><th>recall</th><th>Dice</th>"
    words = _guess_in_words(guess, lesion, ward.pixel_mm)
    return f"<table><tr>{heads}</tr><tr>{row}</tr></table>{healthy} {words}"


def _guess_in_words(guess: tuple[float, float], lesion: np.ndarray, pixel_mm: float) -> str:
    """How far from the lesion of this slice the guess is."""
    if not lesion.any():
        return "No lesion in this slice."
    row = min(int(guess[1] * lesion.shape[0]), lesion.shape[0] - 1)
    column = min(int(guess[0] * lesion.shape[1]), lesion.shape[1] - 1)
    away = ndimage.distance_transform_edt(~lesion)[row, column] * pixel_mm
    return "Your guess lies in it." if not away else f"Your guess is {away:.0f} mm away."


def _in_words(name, number, called, found, truth) -> str:
    words = f"Slice {number} of {name}, its score, and what is called: {int(called.sum())} pixels"
    if not truth:
        return f"{words} of the head. The truth is hidden."
    return f"{words} of the head, {found['tp']} of them in the lesion. Dice {found['dice']:.3f}."


# ------------------------------------------------------------------------------------- the lab


def threshold(run: Run) -> Lab | Words:
    """The threshold lab: a score becomes a call, on validation heads, which may be looked at.

    Args:
        run: of 09.
    """
    wanted = run.parameters.get("models_used") or ("vae_uad", "vqvae_uad")
    round_name, preparation = studies.read_rounds(run)[0].name, _preparation(run)
    shape = (*preparation["size"][1:], 1)
    fitting = {name: load_fitting(run, f"uad_{name}", round_name, shape) for name in wanted}
    fitting = {name: one for name, one in fitting.items() if one}
    if not fitting:
        return Words(NO_MODEL.format(lab="threshold lab", chapter="09"))
    heads = study.open_heads(run, **preparation)
    ill = {name: heads.prepared[name] for name in heads.lesions("validation").subject}
    ill = {name: head for name, head in ill.items() if (head.lesion & head.brain).any()}
    if not ill:
        return Words("**No validation head of these data has a lesion**, so there is none to call.")
    healthy = heads.healthy("validation").subject[:HEALTHY]
    networks = {name: _rebuilder(model) for name, (_, model) in fitting.items()}
    ward = Ward(
        ill,
        {name: heads.prepared[name] for name in healthy},
        networks,
        heads.post,
        voxel_ml=heads.voxel_ml,
        pixel_mm=heads.pixel_mm,
    )
    origins = "; ".join(f"{name}: {file.in_words()}" for name, (file, _) in fitting.items())
    return lab_of(ward, f"{run.source_note}. Validation heads. {origins}.")


def _preparation(run: Run) -> dict:
    """How chapter 09 opens its heads, from its parameters."""
    names = ("size", "voxel_mm", "smoothing", "n4", "masks", "median", "every")
    parameters = run.parameters
    if "size" not in parameters:
        parameters = run.needs("09_anomaly_detection")["parameters"]
    return {name: parameters[name] for name in names}


def _rebuilder(model) -> Rebuild:
    return lambda stack: anomaly.reconstruct(model, stack)


def lab_of(ward: Ward, note: str) -> Lab:
    """Head, slice, score, sign and threshold beside the picture.

    Args:
        ward: heads and networks.
        note: whose heads, which networks.
    """
    first = next(iter(ward.ill))
    truth = ward.truth(first)
    most = int(truth.sum(axis=(1, 2)).argmax())
    controls = {
        "name": chooser("head", ward.ill, first),
        "number": ipywidgets.IntSlider(description="slice", min=0, max=len(truth) - 1, value=most),
        "scorer": chooser("score", (*ward.networks, GREY)),
        "sign": chooser("sign", SIGNS),
        "threshold": slider(
            "threshold", 0.0, 0.8, 0.005, 0.15, readout_format=".3f", tooltip=SCORES
        ),
        "truth": ipywidgets.Checkbox(description="show the truth", value=False),
    }
    controls["number"].style = controls["threshold"].style
    tall = _tall(ward.ill[first].images[0])
    height = TOP + tall + TOP + CURVE

    def draw(place, **state):
        x = (place[0] * WIDTH) % (BIG + GAP) / BIG
        y = (place[1] * height - TOP) / tall
        return view(ward, guess=(min(x, 1.0), min(max(y, 0.0), 1.0)), **state)

    lab = Lab(
        draw,
        controls,
        tasks=_tasks(ward),
        steering="Click where you think that the lesion is, or move the yellow dot by arrow keys.",
        place=(BIG / 2 / WIDTH, (TOP + tall / 2) / height),
        stride=(0.04 * BIG / WIDTH, 0.04 * tall / height),
        note=note,
    )

    def another_head(_):
        lesion = ward.truth(controls["name"].value)
        lab.set({"truth": False, "number": int(lesion.sum(axis=(1, 2)).argmax())})

    controls["name"].observe(another_head, "value")
    return lab


# ----------------------------------------------------------------------------------- what to try


def _tasks(ward: Ward) -> list[Task]:
    return [_beats_grey(ward), _which_sign(ward), _price(ward)]


def _mean_area(ward: Ward, scorer: str, sign: str) -> float:
    return float(np.mean([ward.curve(name, scorer, sign)[2] for name in ward.ill]))


def _beats_grey(ward: Ward) -> Task:
    network = next(iter(ward.networks))
    answers = (network, GREY)

    def reveal():
        best = {}
        for scorer in answers:
            areas = {sign: _mean_area(ward, scorer, sign) for sign in SIGNS}
            sign = max(areas, key=areas.get)
            best[scorer] = (areas[sign], sign)
        words = "; ".join(f"{name}: {area:.3f} ({sign})" for name, (area, sign) in best.items())
        words = f"AUPRC, mean of {len(ward.ill)} validation heads, at the better sign: {words}."
        return max(answers, key=lambda name: best[name][0]), words

    words = (
        f"Lower the threshold until the lesion is called, first with {network}, then with the grey "
        "value alone. Which of the two finds lesions better?"
    )
    return Task("Network or grey value?", words, answers, reveal, {"truth": False})


def _which_sign(ward: Ward) -> Task:
    network = next(iter(ward.networks))

    def reveal():
        areas = {sign: _mean_area(ward, network, sign) for sign in SIGNS}
        words = ", ".join(f"{sign} {area:.3f}" for sign, area in areas.items())
        return max(areas, key=areas.get), f"AUPRC of {network}: {words}."

    words = "Thesis 002 takes the pixels that are brighter than rebuilt. Which sign is best here?"
    return Task("Darker or brighter?", words, SIGNS, reveal, {"scorer": network})


def _price(ward: Ward) -> Task:
    network = next(iter(ward.networks))
    answers = ("less than 1 ml", "1 to 10 ml", "more than 10 ml")

    def reveal():
        steps = np.linspace(0.02, 0.6, 30)
        dice = []
        for step in steps:
            found = [
                confusion(ward.called(name, network, BOTH, step), ward.truth(name))["dice"]
                for name in ward.ill
            ]
            dice.append(np.mean(found))
        best = float(steps[int(np.argmax(dice))])
        ml = ward.false_alarm_ml(network, BOTH, best)
        words = (
            f"The best mean Dice, {max(dice):.2f}, is at {best:.2f}; there {ml:.1f} ml are called "
            f"in a healthy head ({len(ward.healthy)} heads)."
        )
        return answers[int(ml >= 1) + int(ml > 10)], words

    words = (
        "Show the truth and look for the threshold of the best Dice. How much is called in a "
        "healthy head there?"
    )
    return Task("What does it cost the healthy?", words, answers, reveal, {"truth": True})
