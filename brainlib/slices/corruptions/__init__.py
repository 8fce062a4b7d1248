"""Corruptions: one definition for training, evaluation and widgets.

A `Preset` says what may happen to an image (`presets`). `draw` decides what happens to each image
(`drawing`), `apply` does it (`applying`); both are TensorFlow functions on whole batches, and what
happens to an image depends on (seed, epoch, index) alone. `corrupt` and `corrupt_batch` do both
(`corrupting`): the one takes and returns NumPy arrays, the other runs inside of tf.data, and the
same pixels come out.
"""

from brainlib.slices.corruptions.applying import apply
from brainlib.slices.corruptions.corrupting import corrupt, corrupt_batch, corrupt_exactly
from brainlib.slices.corruptions.drawing import MAX_SQUARES, draw
from brainlib.slices.corruptions.presets import PRESETS, Preset, preset, scaled
from brainlib.slices.image_random import keys

__all__ = [name for name in dir() if not name.startswith("_")]
