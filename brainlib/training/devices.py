"""On what is trained: precision, devices, and the versions that a trained model depends on."""

import contextlib
import functools
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

import brainlib

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@functools.cache  # a second strategy in one process talks into the first one
def _mirrored(devices):
    return tf.distribute.MirroredStrategy(list(devices))


@contextlib.contextmanager
def hardware(*, precision: str = "float32", devices: Sequence[str] = ()) -> Iterator[None]:
    """Inside of it models are built in a precision and for several devices; `fit` trains them so.

    Args:
        precision: "float32", "mixed_float16" (NVIDIA GPUs; Keras scales the loss) or
            "mixed_bfloat16" (also CPUs).
        devices: such as ("GPU:0", "GPU:1"): each gets its part of every batch
            (`tf.distribute.MirroredStrategy`); one device, TensorFlow's choice, when empty.

    Raises:
        ValueError: there is no such precision or device.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}.")
    present = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    absent = sorted(set(devices) - set(present))
    if absent:
        raise ValueError(
            f"devices: there is no {', '.join(absent)} here; there is {', '.join(present)}."
        )
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with _mirrored(tuple(devices)).scope() if devices else contextlib.nullcontext():
            yield
    finally:
        keras.config.set_dtype_policy(policy)


def versions() -> dict[str, str]:
    """Versions that a trained model depends on."""
    return {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "brainlib": brainlib.__version__,
    }
