"""What all builders share: the width factor, repeatable weights, upsampling to odd sides."""

import contextlib
import random
from collections.abc import Iterator, Sequence

from keras import layers

from brainlib.models.tensors import Tensor


def scaled_filters(filters: int, width: float) -> int:
    """Number of filters at a width factor, at least 2."""
    return max(2, round(filters * width))


@contextlib.contextmanager
def seeded_weights(seed: int | None) -> Iterator[None]:
    """Inside of it new layers get repeatable initial weights; None leaves them random.

    Keras draws the seeds of initialisers and of dropout from Python's own generator. Only that
    one is seeded, and it goes on afterwards as if nothing had been drawn.
    """
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def upsample_to(
    x: Tensor, filters: int, sides: Sequence[int], *, name: str, kernel: int = 5
) -> Tensor:
    """A transposed conv of stride 2 whose output is cut to `sides`, as PyTorch's padding does.

    (B, h, w, C) -> (B, *sides, filters).
    """
    x = layers.Conv2DTranspose(filters, kernel, strides=2, padding="valid", name=name)(x)
    cuts = []
    for present, wanted in zip(x.shape[1:3], sides):
        behind = (present - wanted) // 2
        cuts.append((present - wanted - behind, behind))
    return layers.Cropping2D(cuts, name=f"{name}_cut")(x)
