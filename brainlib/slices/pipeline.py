"""From stored slices to batches: memory-mapped, corrupted inside tf.data, repeatable.

Order and corruption of an epoch derive from (seed, epoch, index), so that a training can be taken
up at any epoch and sees what an unbroken one would have seen.
"""

import functools
import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from brainlib import files
from brainlib.slices import augmentation, corruptions
from brainlib.slices import scanners as other_scanners

CHUNK = 1024  # slices looked at together when they are checked
HELD = 2**27  # bytes: slices of up to 128 MB are held in memory, more are read batch by batch
OPTIONS = ("batch_size", "corruption", "seed", "shuffle", "augment", "passes")


class Slices:
    """Slices to train or to validate with: where they are, which of them, what happens to them.

    Args:
        source: path of a `.npy` file of shape (N, H, W, 1), of which 128 MB are held in memory at
            most; or such an array.
        indices: (M,) numbers of the slices to use, or a mask (N,); all when absent.
        batch_size: slices in a batch; the last batch of an epoch may be smaller.
        corruption: name of a preset or a `corruptions.Preset`; the targets are always the clean
            slices.
        seed: of order and corruption.
        shuffle: a new order each epoch, and new corruptions; otherwise the order of `indices`, and
            every epoch has the corruptions of epoch 0.
        augment: strength of the changes of `augmentation`, which input and target share; 0 for
            none.
        passes: times that an epoch goes through the slices, each in an order and with corruptions
            of its own: a few slices then make epochs as long as many do, and what counts epochs
            (plateau, early stop, validation) treats both alike.
        labels: (N, K) float32, one row per slice of the source: targets are then
            {"image", "answers"}, see `supervised`.
        scanners: how often a slice changes as another scanner would have it, see `scanners`; 0 for
            never. Input and target share it.
        brains: brain masks of the source's slices, (N, H, W, 1) or (N, H, W) bool, or their `.npy`
            file; needed where `scanners` is above 0.

    Raises:
        ValueError: the slices are not as described, or their values are not from 0 to 1.
    """

    def __init__(
        self,
        source: np.ndarray | Path | str,
        *,
        indices: Sequence[int] | np.ndarray | None = None,
        batch_size: int = 32,
        corruption: str | corruptions.Preset = "none",
        seed: int = 0,
        shuffle: bool = True,
        augment: float = 0.0,
        passes: int = 1,
        labels: np.ndarray | None = None,
        scanners: float = 0.0,
        brains: np.ndarray | Path | str | None = None,
    ):
        self.source = Path(source) if isinstance(source, (str, Path)) else np.asarray(source)
        images = self._images()
        if images.ndim != 4 or images.shape[-1] != 1 or not len(images):
            raise ValueError(
                f"{self._name()}: expected slices of shape (N, H, W, 1), got {images.shape}."
                + (" Add the channel: images[..., None]." if images.ndim == 3 else "")
            )
        self._header = None  # (first byte, bytes of a slice) of a plain file, once read
        self.indices = _numbers(indices, len(images), self._name())
        self.image_shape = images.shape[1:]
        self._set(int(batch_size), corruption, int(seed), bool(shuffle), augment, passes)
        self.labels = None if labels is None else np.asarray(labels, "float32")
        if labels is not None and (self.labels.ndim != 2 or len(self.labels) != len(images)):
            raise ValueError(
                f"{self._name()}: labels: expected a row for each of the {len(images)} slices, "
                f"got shape {self.labels.shape}."
            )
        self.scanners, self.brains = _strength(scanners, "scanners"), _open(brains)
        if self.scanners and (self.brains is None or len(self.brains) != len(images)):
            found = "none" if brains is None else len(self.brains)
            raise ValueError(
                f"{self._name()}: scanners: expected brain masks of the {len(images)} slices, "
                f"got {found}. Pass brains=."
            )
        self._check(images)

    def _set(self, batch_size, corruption, seed, shuffle, augment, passes):
        self.batch_size, self.seed, self.shuffle = batch_size, seed, shuffle
        self.corruption = corruptions.preset(corruption)
        self.augment, self.passes = _strength(augment, "augment"), _passes(passes)

    def with_options(self, **options: Any) -> "Slices":
        """The same slices with other `OPTIONS`; nothing is checked again."""
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise ValueError(
                f"with_options: expected some of {', '.join(OPTIONS)}, "
                f"got {', '.join(sorted(unknown))}."
            )
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._set(**{name: options.get(name, getattr(self, name)) for name in OPTIONS})
        return other

    def at_least(self, steps: int) -> "Slices":
        """The same slices, passed through so often that an epoch has about that many steps.

        Nothing changes where one pass has as many.
        """
        return self.with_options(passes=max(self.passes, round(steps / self._steps_a_pass)))

    def __len__(self) -> int:
        """Number of slices."""
        return len(self.indices)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.passes * self._steps_a_pass

    @property
    def _steps_a_pass(self):
        return -(-len(self.indices) // self.batch_size)

    def digest(self) -> str:
        """Fingerprint of the content, of which slices are used and of how."""
        return files.digest(
            _content(self.source),
            self.indices,
            vars(self.corruption),
            self.batch_size,
            self.seed,
            self.shuffle,
            *([self.augment] if self.augment else []),
            *([f"{self.passes} passes"] if self.passes > 1 else []),
            *([f"scanners {self.scanners:g}"] if self.scanners else []),
            *([] if self.labels is None else [hashlib.sha256(self.labels.tobytes()).hexdigest()]),
        )

    def images(self, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Clean slices as an array (M, H, W, 1) float32.

        Args:
            indices: places in `self.indices`; all when absent.
        """
        return self._gather(self.indices if indices is None else self.indices[indices])

    def epoch(self, number: int = 0, *, again: bool = False) -> tf.data.Dataset:
        """One epoch as a tf.data.Dataset of (input, target), each (B, H, W, 1) float32.

        With `again` the same one without end, `steps` batches each time: Keras begins an iterator
        twice per validation of a finite dataset and once of an endless one, and to begin one takes
        as long as some hundred small batches.
        """
        passes = tf.data.Dataset.range(number * self.passes, (number + 1) * self.passes)
        if again:
            return self._batches(passes.repeat(), fill=False)
        return self._batches(passes, fill=False).apply(
            tf.data.experimental.assert_cardinality(self.steps)
        )

    def stream(self, start_epoch: int = 0, *, start_step: int = 0) -> tf.data.Dataset:
        """Epochs without end; one epoch is `steps` batches, all full.

        The last batch of a pass is filled up from the pass's beginning: in TensorFlow 2.21 with
        oneDNN a training step on a batch smaller than the one before crashed (measured: a
        segmentation fault at 5 pictures after 8).

        Args:
            start_epoch: the first one.
            start_step: batches after its beginning that are left out, also more than it has.
        """
        passed, begun = divmod(start_step, self._steps_a_pass)
        passes = tf.data.Dataset.counter(start=start_epoch * self.passes + passed)
        return self._batches(passes, fill=True, skipped=begun)

    def _batches(self, passes, *, fill, skipped=0):
        few = len(self.indices) * math.prod(self.image_shape) * 4 <= HELD
        with tf.device("CPU:0"):  # outside of the graph: a constant in it would be copied
            numbers = tf.constant(self.indices, tf.int64)
            held = tf.constant(self.images()) if few else None
        # Reading lets go of Python's lock and the rest is TensorFlow's, so two batches are made at
        # a time. One function does it all: handing a batch from thread to thread took longer than
        # reading it.
        places = passes.flat_map(functools.partial(self._places, fill=fill)).skip(skipped)
        return places.map(
            functools.partial(self._make, numbers=numbers, held=held),
            num_parallel_calls=2,
            deterministic=True,
        ).prefetch(2)

    def _places(self, number, *, fill):
        """Of one pass: batches of places in `indices`, each with the epoch of its corruptions."""
        places = tf.numpy_function(functools.partial(self._order_of, fill=fill), [number], tf.int64)
        places.set_shape((None,))
        epoch = number if self.shuffle else tf.zeros_like(number)
        if fill:  # whole rows: place by place costs a twentieth of a batch
            rows = tf.reshape(places, (-1, self.batch_size))  # (steps of a pass, B)
            epochs = tf.repeat(epoch, self._steps_a_pass)
            return tf.data.Dataset.from_tensor_slices((rows, epochs))
        batches = tf.data.Dataset.from_tensor_slices(places).batch(self.batch_size)
        return batches.map(lambda batch: (batch, epoch))

    def _order_of(self, number, *, fill):
        count = len(self.indices)
        order = _order(count, self.seed, int(number)) if self.shuffle else np.arange(count)
        # `resize` repeats it from the beginning.
        return np.resize(order, self._steps_a_pass * self.batch_size) if fill else order

    def _make(self, places, epoch, *, numbers, held):
        indices = tf.gather(numbers, places)
        if held is None:
            images = tf.numpy_function(self._gather, [indices], tf.float32)
        else:
            images = tf.gather(held, places)
        images.set_shape((None, *self.image_shape))
        inputs, targets = self._corrupt(images, indices, epoch)
        if self.labels is None:
            return inputs, targets
        return inputs, {"image": targets, "answers": tf.gather(self.labels, indices)}

    def _corrupt(self, images, indices, epoch):
        if self.scanners:
            brains = tf.numpy_function(self._brains_of, [indices], tf.bool)
            brains.set_shape((None, *self.image_shape[:2]))
            images = other_scanners.vary_batch(
                images, brains, indices, strength=self.scanners, seed=self.seed, epoch=epoch
            )
        images = augmentation.change_batch(
            images, indices, strength=self.augment, seed=self.seed, epoch=epoch
        )
        corrupted = corruptions.corrupt_batch(
            images, indices, name=self.corruption, seed=self.seed, epoch=epoch
        )
        return corrupted, images

    def _brains_of(self, indices):
        masks = np.asarray(self.brains[indices]).reshape(len(indices), *self.image_shape[:2])
        return masks > 0

    def _images(self):
        """The array, or a new mapping of the file: pages of an old one would stay in memory."""
        if isinstance(self.source, Path):
            return np.load(self.source, mmap_mode="r", allow_pickle=False)
        return self.source

    def _gather(self, indices):
        if isinstance(self.source, Path):
            return self._read(indices)
        return np.asarray(self.source[indices], "float32")

    def _read(self, indices):
        """Slices of the file, read straight to their place.

        That is faster than a mapping, and no page of it stays in memory.
        """
        if self._header is None:
            stored = self._images()
            plain = stored.dtype == np.float32 and stored.flags.c_contiguous
            self._header = (stored.offset, stored[0].nbytes) if plain else ()
        if not self._header:
            return np.asarray(self._images()[indices], "float32")
        offset, size = self._header
        gathered = _aligned(len(indices), self.image_shape)
        rows = memoryview(gathered).cast("B")
        with open(self.source, "rb", buffering=0) as file:
            for place in np.argsort(indices, kind="stable"):  # the disk likes to go forward
                row = rows[place * size : (place + 1) * size]
                if os.preadv(file.fileno(), [row], offset + int(indices[place]) * size) != size:
                    raise OSError(
                        f"{self.source}: ends within slice {indices[place]}; it was changed "
                        "while it was read."
                    )
        return gathered

    def _check(self, images):
        """Refuses targets that no model of ours can put out."""
        for start in range(0, len(self.indices), CHUNK):
            chosen = np.sort(self.indices[start : start + CHUNK])
            chunk = self._images()[chosen]
            low, high = chunk.min(axis=(1, 2, 3)), chunk.max(axis=(1, 2, 3))
            bad = np.flatnonzero(~((low >= 0) & (high <= 1)))  # NaN is bad, too
            if len(bad):
                first = bad[0]
                raise ValueError(
                    f"{self._name()}: expected values from 0 to 1, the range of the models' "
                    f"outputs; slice {chosen[first]} has {low[first]:g} to {high[first]:g}. Scale "
                    "the slices before training."
                )

    def _name(self):
        return str(self.source) if isinstance(self.source, Path) else "slices"


def dataset(
    source: np.ndarray | Path | str, *, epoch: int = 0, repeat: bool = False, **options: Any
) -> tf.data.Dataset:
    """Batches of (input, target) as a tf.data.Dataset.

    Args:
        source: of `Slices`.
        epoch: the first one.
        repeat: epochs without end; otherwise one.
        **options: of `Slices`.
    """
    slices = Slices(source, **options)
    return slices.stream(epoch) if repeat else slices.epoch(epoch)


def _aligned(count, shape, boundary=64):
    """An empty float32 array (count, *shape) that TensorFlow takes as it is: others it copies.

    It begins at a multiple of `boundary` bytes.
    """
    memory = np.empty(4 * count * math.prod(shape) + boundary, "uint8")
    start = -memory.ctypes.data % boundary
    return memory[start : start + memory.size - boundary].view("float32").reshape(count, *shape)


@functools.lru_cache(maxsize=8)
def _order(count, seed, epoch):
    order = np.random.default_rng([seed, epoch]).permutation(count)
    order.flags.writeable = False  # everyone gets the same array
    return order


def _strength(value, name):
    if not 0 <= value <= 3:
        raise ValueError(
            f"{name}: expected 0 (none) to 3, got {value!r}. 1 is about the spread of healthy "
            "heads and of scanners."
        )
    return float(value)


def _open(brains):
    """The brain masks, mapped where they are a file."""
    if isinstance(brains, (str, Path)):
        return np.load(brains, mmap_mode="r", allow_pickle=False)
    return brains


def _passes(passes):
    if int(passes) != passes or passes < 1:
        raise ValueError(f"passes: expected a whole number of at least 1, got {passes!r}.")
    return int(passes)


def _numbers(indices, count, name):
    if indices is None:
        return np.arange(count)
    indices = np.asarray(indices)
    if indices.dtype == bool:
        if indices.shape != (count,):
            raise ValueError(
                f"{name}: expected a mask of {count} values, got shape {indices.shape}."
            )
        indices = np.flatnonzero(indices)
    if indices.ndim != 1 or not len(indices) or not np.issubdtype(indices.dtype, np.integer):
        raise ValueError(
            f"{name}: indices: expected a list of at least one whole number, got {indices!r}."
        )
    if indices.min() < 0 or indices.max() >= count:
        raise ValueError(
            f"{name}: indices from {indices.min()} to {indices.max()}, but it holds {count} slices."
        )
    return indices


def _content(source):
    if isinstance(source, Path):
        return files.sha256(source)
    return hashlib.sha256(np.ascontiguousarray(source)).hexdigest()
