"""Peak memory of a training on many slices, over that on few."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from synthetic import pictures

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
import resource, sys
from brainlib import models, training
from brainlib.slices.pipeline import Slices

path = sys.argv[1]
model = models.build("skip_connection_cae", image_shape=(64, 64), width=0.25)
train = Slices(path, batch_size=32, corruption="seed004")
training.fit(model, train, Slices(path, indices=range(64)), epochs=1, show=None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def memory_of_many_slices(folder: Path) -> list[float]:
    """Peak memory on 20,000 slices over that on 2,000: one ratio."""
    return [peak_memory(20000, folder) / peak_memory(2000, folder)]


def peak_memory(count: int, folder: Path) -> float:
    """Peak resident memory in MB of a training on so many slices, in a process of its own."""
    path = folder / f"{count}.npy"
    write_slices(path, count)
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    path.unlink()
    return float(done.stdout.splitlines()[-1])


def write_slices(path: Path, count: int) -> None:
    """Writes pictures (count, 64, 64, 1), few at a time."""
    stored = np.lib.format.open_memmap(path, "w+", np.float32, (count, 64, 64, 1))
    for start in range(0, count, 500):
        stored[start : start + 500] = pictures(500, 64)[: count - start]
    stored.flush()
