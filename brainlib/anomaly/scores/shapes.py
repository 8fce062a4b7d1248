"""Slices of any shape as a stack that a network takes, and maps back in the slices' shape."""

import keras
import numpy as np

MOST_PADDING = 32  # pixels


def as_stack(slices: np.ndarray) -> np.ndarray:
    """Slices (N, H, W, 1), (N, H, W) or (H, W) as float32 (N, H, W, 1)."""
    slices = np.asarray(slices, np.float32)
    if slices.ndim == 2:
        return slices[None, ..., None]
    if slices.ndim == 3:
        return slices[..., None]
    if slices.ndim != 4 or slices.shape[-1] != 1:
        raise ValueError(
            f"expected slices of shape (N, H, W, 1), (N, H, W) or (H, W), got {slices.shape}."
        )
    return slices


def pad_for(model: keras.Model, stack: np.ndarray) -> np.ndarray:
    """Slices filled up with 0 at the bottom and the right to a model's input, by 32 pixels at most.

    stack: (N, H, W, 1).
    """
    wanted, given = model.input_shape[1:3], stack.shape[1:3]
    missing = [want - got if want else 0 for want, got in zip(wanted, given)]
    if min(missing) < 0 or max(missing) > MOST_PADDING:
        raise ValueError(
            f"{model.name} takes slices of {wanted[0]}x{wanted[1]} (smaller by up to "
            f"{MOST_PADDING} pixels are padded), got {given[0]}x{given[1]}. "
            "Prepare the slices at the model's size, or build the model at theirs."
        )
    return np.pad(stack, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)])


def cut_like(maps: np.ndarray, slices: np.ndarray) -> np.ndarray:
    """Maps of padded slices (N, H, W, 1) in the shape of the slices that were given."""
    shape = np.shape(slices)
    rows, columns = shape if len(shape) == 2 else shape[1:3]
    return np.asarray(maps[:, :rows, :columns], np.float32).reshape(shape)
