"""How fast: ratios of two things timed in turn in one run, as one table.

    .venv/bin/python tests/benchmarks            all
    .venv/bin/python tests/benchmarks fit input  some of: fit, input, memory

A ratio holds on a noisy machine, where seconds do not. Nothing here is a test: a table is printed, with the targets.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage import io

from brainlib import models, training
from brainlib.slices.pipeline import Slices
from brainlib.training import fitting

STEPS, REPEATS = 10, 6


def pictures(count, side=128, seed=0):
    """Pictures in [0, 1] as a scanner makes them, structure and 2 % of noise in an oval head: (count, side, side, 1)."""
    rng = np.random.default_rng(seed)
    some = np.stack(
        [ndimage.gaussian_filter(rng.random((side, side)), 3) for _ in range(min(count, 64))]
    )
    some = (some - some.min()) / (some.max() - some.min()) + rng.normal(0, 0.02, some.shape)
    rows, columns = np.ogrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    some = np.clip(some, 0, 1) * (rows**2 / 0.8 + columns**2 / 0.6 < 1)
    return np.resize(some.astype("float32"), (count, side, side))[..., None]


class EpochTimes(keras.callbacks.Callback):
    """Seconds of each epoch, from its first batch to its last."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)


def fit_against_step(name, batch_size, folder):
    """Steps a second of `fit` with seed 004's corruptions over those of the bare compiled step on one batch in memory."""
    path = Path(folder) / f"{name}.npy"
    np.save(path, pictures(STEPS * batch_size))
    model = models.build(name, seed=0)
    fitting.compile_model(model, training.recipe("004" if name != "vae" else "vae"), ())
    train = Slices(path, batch_size=batch_size, corruption="seed004", seed=0)
    batch = tf.data.Dataset.from_tensors(next(iter(train.epoch()))).cache().repeat()
    model.make_train_function()
    function, times, ratios = model.train_function, EpochTimes(), []

    def bare(steps):
        iterator = iter(batch)
        function(iterator)
        began = time.perf_counter()
        for _ in range(steps):
            float(function(iterator)["loss"])  # Keras's fit reads the numbers of every step, too
        return time.perf_counter() - began

    for repeat in range(REPEATS):
        before = bare(
            STEPS // 2
        )  # on both sides of the other, so that a machine that slows down wins nobody
        model.fit(
            train.stream(repeat),
            steps_per_epoch=STEPS,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=[times],
        )
        ratios.append((before + bare(STEPS - STEPS // 2)) / times.seconds[-1])
    return ratios


def seed004_by_hand(picture, rng):
    """Seed 004's corruptions of one picture in NumPy and SciPy, in that thesis's order."""
    picture = picture * (rng.random(picture.shape) >= rng.uniform(0, 0.05))
    picture = picture + rng.normal(0, rng.uniform(0, 0.04), picture.shape)
    if rng.random() < 0.2:
        side = rng.integers(10, 41)
        top, left = rng.integers(0, 128 - side, 2)
        picture[top : top + side, left : left + side] = 0
    if rng.random() < 0.1:
        picture = ndimage.gaussian_filter(picture, 0.6)
    return np.clip(picture, 0, 1).astype("float32")


def input_against_png(folder, count=1024, batch_size=32):
    """Slices a second of the pipeline over those from PNG files: (clean against Keras, corrupted against tf.data)."""
    folder, images = Path(folder), pictures(count)
    np.save(folder / "slices.npy", images)
    (folder / "png" / "all").mkdir(parents=True)
    for number, image in enumerate(images):
        io.imsave(
            folder / "png" / "all" / f"{number:05d}.png",
            np.round(255 * image[..., 0]).astype("uint8"),
            check_contrast=False,
        )
    paths = sorted(str(path) for path in (folder / "png" / "all").iterdir())
    rng = np.random.default_rng(0)

    def read(path):
        clean = tf.cast(tf.io.decode_png(tf.io.read_file(path), 1)[..., 0], tf.float32) / 255
        corrupted = tf.numpy_function(
            lambda picture: seed004_by_hand(picture, rng), [clean], tf.float32
        )
        return corrupted[..., None], clean[..., None]

    def keras_png():
        return keras.utils.image_dataset_from_directory(
            folder / "png",
            labels=None,
            color_mode="grayscale",
            image_size=(128, 128),
            batch_size=batch_size,
            shuffle=True,
            seed=0,
            verbose=False,
        )

    def ordered_png():
        shuffled = tf.data.Dataset.from_tensor_slices(paths).shuffle(count, seed=0)
        return (
            shuffled.map(read, num_parallel_calls=tf.data.AUTOTUNE)
            .batch(batch_size)
            .prefetch(tf.data.AUTOTUNE)
        )

    plain = Slices(folder / "slices.npy", batch_size=batch_size)
    corrupted = Slices(folder / "slices.npy", batch_size=batch_size, corruption="seed004")
    return ratios_of(plain.stream(), keras_png().repeat()), ratios_of(
        corrupted.stream(), ordered_png().repeat()
    )


def ratios_of(ours, theirs, seconds=1.0):
    """Batches a second of ours over theirs, taken inside of a graph as `fit` takes them; both are endless streams that have begun."""
    streams = [iter(ours), iter(theirs)]

    def taker(stream):
        @tf.function
        def take(iterator, count):
            pixels = 0
            for _ in tf.range(count):
                pixels += sum(tf.size(part) for part in tf.nest.flatten(next(iterator)))
            return pixels

        return lambda count: int(take(stream, tf.constant(count)))

    def rate(take):
        time.sleep(0.5)  # until the other has filled its buffers and leaves the cores alone
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            take(32)  # many more than a buffer holds
            count += 32
        return count / (time.perf_counter() - began)

    takers = [taker(stream) for stream in streams]
    for take in takers:
        rate(take)  # traced, and in the page cache
    return [rate(takers[0]) / rate(takers[1]) for _ in range(REPEATS)]


def peak_memory(count, folder):
    """Peak resident memory in MB of a training on `count` slices, in a process of its own."""
    path = Path(folder) / f"{count}.npy"
    stored = np.lib.format.open_memmap(path, "w+", np.float32, (count, 64, 64, 1))
    for start in range(0, count, 500):
        stored[start : start + 500] = pictures(500, 64)[: count - start]
    stored.flush()
    del stored
    code = (
        "import sys, resource; from brainlib import models, training; from brainlib.slices.pipeline import Slices; path = sys.argv[1];"
        "train = Slices(path, batch_size=32, corruption='seed004');"
        "training.fit(models.build('skip_connection_cae', image_shape=(64, 64), width=0.25), train, Slices(path, indices=range(64)), epochs=1, show=None);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    path.unlink()
    return float(done.stdout.splitlines()[-1])


def main(chosen):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if "fit" in chosen:
            for name, batch_size in (("residual_unet", 32), ("vae", 64)):
                rows.append(
                    (
                        f"fit with corruption / bare step, {name} 128x128",
                        fit_against_step(name, batch_size, folder),
                        ">= 0.95",
                    )
                )
        if "input" in chosen:
            clean, corrupted = input_against_png(folder)
            rows.append(("input / image_dataset_from_directory, clean", clean, ">= 10"))
            rows.append(("input / tf.data over PNG, seed 004's corruptions", corrupted, ">= 5"))
        if "memory" in chosen:
            rows.append(
                (
                    "peak memory, 20,000 slices / 2,000",
                    [peak_memory(20000, folder) / peak_memory(2000, folder)],
                    "<= 1.1",
                )
            )
    print(f"{'ratio':52s} {'median':>7s} {'lowest':>7s} {'highest':>8s}  target")
    for name, ratios, target in rows:
        print(
            f"{name:52s} {statistics.median(ratios):7.2f} {min(ratios):7.2f} {max(ratios):8.2f}  {target}"
        )


if __name__ == "__main__":
    known = ("fit", "input", "memory")
    if set(sys.argv[1:]) - set(known):
        sys.exit(f"expected some of {', '.join(known)}, got {' '.join(sys.argv[1:])}")
    main(sys.argv[1:] or known)
