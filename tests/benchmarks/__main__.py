"""How fast: ratios of two things timed in turn in one run, and moves of labs in ms, as one table.

    .venv/bin/python tests/benchmarks            fit, input, memory
    .venv/bin/python tests/benchmarks fit input  some of: fit, input, memory, labs
    .venv/bin/python tests/benchmarks quality    PSNR over seconds; needs the slices of a run

A ratio holds on a noisy machine, where seconds do not. Nothing here is a test: a table is printed,
with the targets.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from fit_speed import fit_against_step
from input_speed import input_against_png
from lab_latency import latencies
from memory_use import memory_of_many_slices
from quality import print_quality

KNOWN = ("fit", "input", "memory", "quality", "labs")


class Measured(NamedTuple):
    """A row of the table."""

    name: str
    ratios: list[float]
    target: str


def measured(chosen: Sequence[str], folder: Path) -> Iterator[Measured]:
    """Measures what was chosen, one row at a time."""
    if "fit" in chosen:
        for name, batch_size in (("residual_unet", 32), ("vae", 64)):
            ratios = fit_against_step(name, batch_size, folder)
            words = f"fit with corruption / bare step, {name} 128x128"
            yield Measured(words, ratios, ">= 0.95")
    if "input" in chosen:
        clean, corrupted = input_against_png(folder)
        yield Measured("input / image_dataset_from_directory, clean", clean, ">= 10")
        words = "input / tf.data over PNG, thesis 004's corruptions"
        yield Measured(words, corrupted, ">= 5")
    if "memory" in chosen:
        ratios = memory_of_many_slices(folder)
        yield Measured("peak memory, 20,000 slices / 2,000", ratios, "<= 1.1")
    if "labs" in chosen:
        for side, most in ((64, 100), (128, 150)):
            for name, milliseconds in latencies(side, folder):
                words = f"ms of a move, {side}x{side}: {name}"
                yield Measured(words, milliseconds, f"<= {most} ms")


def main(chosen: Sequence[str]) -> None:
    """Measures and prints the table."""
    if "quality" in chosen:
        print_quality()
    if list(chosen) == ["quality"]:
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measured(chosen, Path(folder)))
    print(f"{'ratio':52s} {'median':>7s} {'lowest':>7s} {'highest':>8s}  target")
    for name, ratios, target in rows:
        median = statistics.median(ratios)
        print(f"{name:52s} {median:7.2f} {min(ratios):7.2f} {max(ratios):8.2f}  {target}")


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(KNOWN)
    if unknown:
        sys.exit(f"expected some of {', '.join(KNOWN)}, got {', '.join(sorted(unknown))}")
    main(sys.argv[1:] or KNOWN[:3])
