"""Pictures that no brain model has seen: what comes out for them separates knowing from copying."""

import numpy as np
from skimage import color, data
from skimage.transform import resize

# They come inside scikit-image: no network is needed.
PHOTOGRAPHS = ("astronaut", "camera", "cat", "coffee", "coins", "rocket")


def probes(images: np.ndarray, *, seed: int = 0) -> dict[str, np.ndarray]:
    """All probes by name, each (N, H, W, C).

    "brains" are the images themselves; the others are "noise", "shuffled patches" and
    "photographs" (6 of them).
    """
    patch = max(2, min(images.shape[1:3]) // 8)
    low, high = float(np.min(images)), float(np.max(images))
    return {
        "brains": np.asarray(images),
        "noise": noise(images, seed=seed),
        "shuffled patches": shuffled_patches(images, patch=patch, seed=seed),
        "photographs": photographs(images.shape[1:], low=low, high=high),
    }


def noise(images: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """The pixels of each image in random order: the same grey values, no structure.

    (N, H, W, C) -> the same shape.
    """
    rng = np.random.default_rng(seed)
    flat = np.asarray(images).reshape(len(images), -1, images.shape[-1])  # (N, H W, C)
    return np.stack([image[rng.permutation(len(image))] for image in flat]).reshape(images.shape)


def shuffled_patches(images: np.ndarray, *, patch: int = 8, seed: int = 0) -> np.ndarray:
    """Square patches of each image in random order: local structure stays, the head is gone.

    Rests at the rims stay in place. (N, H, W, C) -> the same shape; patch: side in pixels.
    """
    rng, result = np.random.default_rng(seed), np.array(images)
    rows, columns = images.shape[1] // patch, images.shape[2] // patch
    if rows * columns < 2:
        raise ValueError(
            f"patch: expected at least two patches of {patch}x{patch} in "
            f"{images.shape[1]}x{images.shape[2]} pixels."
        )
    inner = result[:, : rows * patch, : columns * patch]
    split = inner.reshape(len(result), rows, patch, columns, patch, -1)
    patches = split.transpose(0, 1, 3, 2, 4, 5)  # (N, rows, columns, patch, patch, C)
    patches = patches.reshape(len(result), rows * columns, patch, patch, -1)
    mixed = np.stack([image[rng.permutation(rows * columns)] for image in patches])
    mixed = mixed.reshape(len(result), rows, columns, patch, patch, -1).transpose(0, 1, 3, 2, 4, 5)
    result[:, : rows * patch, : columns * patch] = mixed.reshape(inner.shape)
    return result


def photographs(
    image_shape: tuple[int, int, int], *, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """Photographs that come with scikit-image, grey, cut and resized. -> (6, H, W, C).

    Args:
        image_shape: (H, W, C) wanted.
        low: grey value of black.
        high: grey value of white.
    """
    height, width, channels = image_shape
    resized = []
    for name in PHOTOGRAPHS:
        photograph = getattr(data, name)()
        grey = color.rgb2gray(photograph) if photograph.ndim == 3 else photograph / 255.0
        cut = _middle(grey, height / width)
        resized.append(resize(cut, (height, width), anti_aliasing=True))
    stacked = np.repeat(np.stack(resized)[..., None], channels, axis=-1)
    return (low + (high - low) * stacked).astype("float32")


def _middle(picture: np.ndarray, aspect: float) -> np.ndarray:
    """The largest cut around the middle of a picture (H, W) whose rows / columns are `aspect`."""
    height, width = picture.shape
    columns = min(width, int(height / aspect))
    rows = max(1, min(height, int(columns * aspect)))
    columns = max(1, columns)
    top, left = (height - rows) // 2, (width - columns) // 2
    return picture[top : top + rows, left : left + columns]


def variance_lost(target: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Share of each picture's own variance that does not come through. (N, H, W, C) -> (N,).

    0 is a copy, 1 as bad as the picture's mean grey value everywhere.
    """
    target, output = np.asarray(target, float), np.asarray(output, float)
    error = ((target - output) ** 2).mean(axis=(1, 2, 3))
    return error / np.maximum(target.var(axis=(1, 2, 3)), 1e-12)
