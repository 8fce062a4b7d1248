"""PSNR over seconds of CPU: the fast recipe beside Keras's defaults and the thesis's, in one run.

Same network, same people. A recipe whose learning rate falls to 0 is at its best at its end, so it
is trained once for each length; the others are trained once, for as long as they take to reach its
PSNR, and looked at on the way.
"""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from brainlib import metrics, models, training
from brainlib.slices import corruptions
from brainlib.slices.pipeline import Slices

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 6.0  # times the seconds of the longest fast training, for the others
LOOKS = 40  # at a training, at most


@dataclass(frozen=True)
class Family:
    """A network, its fast recipe, the thesis's, and how its pictures go in."""

    name: str
    fast: str
    lengths: tuple[int, ...]
    thesis: str
    options: dict
    corruption: str = "none"
    augment: float = 0.0


FAMILIES = (
    Family(
        "residual_unet",
        "fast",
        (200, 400, 800),
        "004",
        {"width": 0.25, "norm_momentum": 0.9},
        corruption="seed004",
    ),
    Family(
        "vae",
        "fast-vae",
        (400, 800, 1500),
        "000",
        {"width": 0.25, "norm_momentum": 0.9, "latent_dim": 32},
        augment=0.5,
    ),
)


def run_folder() -> Path:
    """A finished run whose slices are trained on: BENCHMARK_RUN, or the newest in outputs/."""
    if "BENCHMARK_RUN" in os.environ:
        return Path(os.environ["BENCHMARK_RUN"])
    found = sorted(ROOT.glob("outputs/*/slices/images.npy"), key=os.path.getmtime)
    if not found:
        raise SystemExit("quality: expected a run with slices in outputs/. Run ./run_all.sh 03.")
    return found[-1].parents[1]


class People:
    """Slices of a run: those that train, and those of validation people, corrupted alike."""

    def __init__(self, folder: Path):
        self.path = folder / "slices" / "images.npy"
        self.index = pd.read_csv(folder / "tables" / "03_split" / "index.csv")
        rounds = json.loads((folder / "tables" / "03_split" / "rounds.json").read_text())
        self.parts = {part: self._rows(rounds[0][part]) for part in ("train", "validation")}

    def _rows(self, people):
        return self.index[self.index.subject.isin(people)].row.to_numpy()

    def slices(self, part: str, family: Family, *, batch_size: int, augment: float = 0.0) -> Slices:
        """Slices of "train" or "validation" in batches."""
        return Slices(
            self.path,
            indices=self.parts[part],
            batch_size=batch_size,
            corruption=family.corruption,
            augment=augment,
        )

    def psnr(self, family: Family) -> Callable[[keras.Model], float]:
        """A function from a network to its mean PSNR over validation people."""
        rows = self.parts["validation"]
        target = np.load(self.path, mmap_mode="r")[rows]
        inputs = corruptions.corrupt(target, family.corruption, seed=1)
        people = self.index.set_index("row").subject.loc[rows].to_numpy()

        def measured(model):
            found = metrics.psnr(target, models.reconstruct(model, inputs), data_range=1.0)
            return float(pd.Series(found).groupby(people).mean().mean())

        return measured


class Curve(keras.callbacks.Callback):
    """Seconds of CPU in training (without the graph's building and the looks), and PSNR.

    Seconds of CPU hold on a busy machine; on two quiet cores a training takes fewer of the clock.
    """

    def __init__(self, measured: Callable, *, most_seconds: float = math.inf, wanted=math.inf):
        super().__init__()
        self.measured, self.most_seconds, self.wanted = measured, most_seconds, wanted
        self.rows, self.seconds = [], 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        if epoch:  # the first one builds the graph
            self.seconds += time.process_time() - self.began
        self.rows.append((self.seconds, self.measured(self.model)))
        if self.seconds > self.most_seconds or self.rows[-1][1] > self.wanted:
            self.model.stop_training = True


def trained(family: Family, people: People, plan: training.Recipe, *, augment=0.0, **limits):
    """(seconds, PSNR) at every epoch of a training by a recipe."""
    curve = Curve(people.psnr(family), **limits)
    shape = np.load(people.path, mmap_mode="r").shape[1:]
    model = models.build(family.name, image_shape=shape, seed=0, **family.options)
    train = people.slices("train", family, batch_size=plan.batch_size, augment=augment)
    validation = people.slices("validation", family, batch_size=plan.batch_size)
    training.fit(model, train, validation, recipe=plan, callbacks=[curve], show=None)
    return curve.rows


def quality_rows(family: Family) -> list[dict]:
    """One row per recipe and length: seconds, PSNR, and when the others have reached it."""
    people, rows = People(run_folder()), []
    for steps in family.lengths:
        plan = training.recipe(family.fast, steps=steps, epochs=4)
        seconds, psnr = trained(family, people, plan, augment=family.augment)[-1]
        # The first of four epochs is not counted: it builds the graph.
        rows.append({"recipe": family.fast, "steps": steps, "seconds": seconds * 4 / 3})
        rows[-1] |= {"psnr": psnr}
    longest, best = rows[-1]["seconds"], rows[-1]["psnr"]
    others = {
        "Keras's defaults": training.Recipe(batch_size=32),
        family.thesis: training.recipe(family.thesis, stop_patience=0),
    }
    for name, plan in others.items():
        plan = training.recipe(plan, steps=4000, epochs=4000 // (4000 // LOOKS))
        curve = trained(family, people, plan, most_seconds=LONGEST * longest, wanted=best)
        for row in rows[: len(family.lengths)]:
            row[f"{name}, seconds"] = reached(curve, row["psnr"])
        seconds, psnr = max(curve, key=lambda point: point[1])
        rows.append({"recipe": name, "seconds": seconds, "psnr": psnr})
    return rows


def reached(curve: list[tuple[float, float]], psnr: float) -> str:
    """When a curve first reaches a PSNR; `> its end` where it does not."""
    times = [seconds for seconds, value in curve if value >= psnr]
    return f"{times[0]:.0f}" if times else f"> {curve[-1][0]:.0f}"


def print_quality() -> None:
    """Prints a table for each family."""
    for family in FAMILIES:
        table = pd.DataFrame(quality_rows(family))
        print(f"\n{family.name}, validation people of {run_folder().name}")
        print(table.round(2).fillna("").to_string(index=False))
