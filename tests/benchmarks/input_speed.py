"""Slices per second of the pipeline, over those of Keras and of tf.data from PNG files."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage import io
from synthetic import REPEATS, pictures

from brainlib.slices.pipeline import Slices


def input_against_png(
    folder: Path, count: int = 1024, batch_size: int = 32
) -> tuple[list[float], list[float]]:
    """Ratios of the pipeline to PNG files: (clean against Keras, corrupted against tf.data)."""
    images = pictures(count)
    np.save(folder / "slices.npy", images)
    paths = write_png(images, folder / "png" / "all")
    clean = Slices(folder / "slices.npy", batch_size=batch_size)
    corrupted = Slices(folder / "slices.npy", batch_size=batch_size, corruption="seed004")
    return (
        ratios_of(clean.stream(), keras_stream(folder / "png", batch_size)),
        ratios_of(corrupted.stream(), tf_data_stream(paths, batch_size)),
    )


def write_png(images: np.ndarray, folder: Path) -> list[str]:
    """Writes images (N, H, W, 1) in [0, 1] as PNG files; their paths."""
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        grey = np.round(255 * image[..., 0]).astype("uint8")
        io.imsave(folder / f"{number:05d}.png", grey, check_contrast=False)
    return sorted(str(path) for path in folder.iterdir())


def keras_stream(folder: Path, batch_size: int) -> tf.data.Dataset:
    """Endless batches of clean pictures, as Keras reads them from a folder."""
    dataset = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        color_mode="grayscale",
        image_size=(128, 128),
        batch_size=batch_size,
        shuffle=True,
        seed=0,
        verbose=False,
    )
    return dataset.repeat()


def tf_data_stream(paths: list[str], batch_size: int) -> tf.data.Dataset:
    """Endless batches of (corrupted, clean), as one writes them with tf.data and NumPy."""
    rng = np.random.default_rng(0)

    def corrupt(picture: np.ndarray) -> np.ndarray:
        return seed004_by_hand(picture, rng)

    def read(path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        grey = tf.io.decode_png(tf.io.read_file(path), 1)[..., 0]
        clean = tf.cast(grey, tf.float32) / 255
        corrupted = tf.numpy_function(corrupt, [clean], tf.float32)
        return corrupted[..., None], clean[..., None]

    shuffled = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths), seed=0)
    pairs = shuffled.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return pairs.batch(batch_size).prefetch(tf.data.AUTOTUNE).repeat()


def seed004_by_hand(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Thesis 004's corruptions of one picture (128, 128) in NumPy and SciPy, in its order."""
    picture = picture * (rng.random(picture.shape) >= rng.uniform(0, 0.05))
    picture = picture + rng.normal(0, rng.uniform(0, 0.04), picture.shape)
    if rng.random() < 0.2:
        side = rng.integers(10, 41)
        top, left = rng.integers(0, 128 - side, 2)
        picture[top : top + side, left : left + side] = 0
    if rng.random() < 0.1:
        picture = ndimage.gaussian_filter(picture, 0.6)
    return np.clip(picture, 0, 1).astype("float32")


def ratios_of(ours: tf.data.Dataset, theirs: tf.data.Dataset) -> list[float]:
    """Batches per second of ours over theirs; both are endless streams that have begun."""
    take_ours, take_theirs = taker(ours), taker(theirs)
    for take in (take_ours, take_theirs):
        batches_per_second(take)  # traced, and in the page cache
    return [batches_per_second(take_ours) / batches_per_second(take_theirs) for _ in range(REPEATS)]


def taker(stream: tf.data.Dataset) -> Callable[[int], int]:
    """A function that takes so many batches inside a graph, as `fit` takes them."""
    iterator = iter(stream)

    @tf.function
    def take(iterator, count):
        pixels = 0
        for _ in tf.range(count):
            pixels += sum(tf.size(part) for part in tf.nest.flatten(next(iterator)))
        return pixels

    return lambda count: int(take(iterator, tf.constant(count)))


def batches_per_second(take: Callable[[int], int], seconds: float = 1.0) -> float:
    """How fast a taker takes batches."""
    time.sleep(0.5)  # until the other has filled its buffers and leaves the cores alone
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        take(32)  # many more than a buffer holds
        count += 32
    return count / (time.perf_counter() - began)
