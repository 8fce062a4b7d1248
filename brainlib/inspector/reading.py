"""Reading what is to be inspected: models from `.keras` files, pictures from files and folders."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from skimage import io

from brainlib import models

PICTURES = (".npy", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


def load(path: Path | str, *, custom_objects: Mapping[str, type] | None = None) -> keras.Model:
    """A model from a `.keras` file, uncompiled, without running any code that the file carries.

    Args:
        path: of the file.
        custom_objects: {name: class} of layers and models that Keras does not know.
    """
    return models.load(path, custom_objects=custom_objects)


def read_pictures(
    path: Path | str, image_shape: tuple[int, int, int], *, most: int | None = None
) -> np.ndarray:
    """Pictures for a model from a `.npy` file or a folder of PNG, JPEG, TIFF or `.npy` files.

    Args:
        path: of the file or the folder; files are read in the order of their names.
        image_shape: (H, W, C) that the model takes; other sizes are refused, since resizing is
            part of a model's training.
        most: so many pictures at most, evenly spread; all when absent.

    Returns:
        float32 (N, H, W, C); files of 8 or 16 bits are scaled to [0, 1], `.npy` files stay as
        they are.
    """
    files = _picture_files(Path(path))
    if not files:
        raise ValueError(
            f"{path}: expected a .npy file or a folder of pictures ({', '.join(PICTURES)}), "
            "found none."
        )
    pictures = np.concatenate([_read_file(file, tuple(image_shape)) for file in files])
    count = len(pictures) if most is None else min(most, len(pictures))
    return pictures[np.linspace(0, len(pictures) - 1, count).astype(int)]


def _picture_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
    return [path] if path.is_file() else []


def _read_file(path: Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """The pictures of one file as float32 (N, H, W, C)."""
    height, width, channels = image_shape
    is_array = path.suffix.lower() == ".npy"
    array = np.load(path, allow_pickle=False) if is_array else _read_picture(path, channels)
    gray = channels == 1 and array.shape[-2:] == (height, width)
    if array.shape[-3:] != image_shape and not gray:
        raise ValueError(
            f"{path}: expected pictures of {height}x{width} with {channels} "
            f"channel{'s' if channels > 1 else ''}. "
            "Prepare them as those that the model was trained on."
        )
    return array.reshape(-1, height, width, channels).astype("float32")


def _read_picture(path: Path, channels: int) -> np.ndarray:
    """One picture file in [0, 1], (H, W) or (H, W, channels)."""
    array = io.imread(path)
    scale = np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1.0
    array = array.astype("float32") / scale
    return array[..., :3].mean(axis=-1) if array.ndim == 3 and channels == 1 else array


def as_images(images: np.ndarray, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Images as float32 (N, H, W, C), checked.

    Args:
        images: (N, H, W, C) or (N, H, W), 2 or more.
        name: of the argument, for the error.
        shape: that they must have, when given.
    """
    images = np.asarray(images, "float32")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or len(images) < 2 or (shape is not None and images.shape != shape):
        expected = "at least two images (N, H, W, C)"
        if shape is not None:
            expected = f"the shape of the images, {shape}"
        raise ValueError(f"{name}: expected {expected}, got {images.shape}.")
    return images
