"""Pictures that no brain model has seen: what comes out of it for them tells knowing from copying."""

import numpy as np
from skimage import color, data
from skimage.transform import resize

PICTURES = (
    "astronaut",
    "camera",
    "cat",
    "coffee",
    "coins",
    "rocket",
)  # they come inside scikit-image: no network


def noise(images, *, seed=0):
    """The pixels of each image in random order: the same grey values, no structure. (N, H, W, C) -> the same."""
    rng = np.random.default_rng(seed)
    flat = np.asarray(images).reshape(len(images), -1, images.shape[-1])  # (N, H W, C)
    return np.stack([one[rng.permutation(len(one))] for one in flat]).reshape(images.shape)


def shuffled_patches(images, *, patch=8, seed=0):
    """Square patches of each image in random order: local structure stays, the head is gone. Rests at the rims stay in place."""
    rng, result = np.random.default_rng(seed), np.array(images)
    rows, columns = images.shape[1] // patch, images.shape[2] // patch
    if rows * columns < 2:
        raise ValueError(
            f"patch: expected at least two patches of {patch}x{patch} in {images.shape[1]}x{images.shape[2]} pixels."
        )
    inner = result[:, : rows * patch, : columns * patch]
    patches = (
        inner.reshape(len(result), rows, patch, columns, patch, -1)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(len(result), rows * columns, patch, patch, -1)
    )
    mixed = np.stack([one[rng.permutation(rows * columns)] for one in patches])
    mixed = mixed.reshape(len(result), rows, columns, patch, patch, -1).transpose(0, 1, 3, 2, 4, 5)
    result[:, : rows * patch, : columns * patch] = mixed.reshape(inner.shape)
    return result


def pictures(image_shape, *, low=0.0, high=1.0):
    """Photographs that come with scikit-image, grey, cut and resized to (H, W, C), scaled to [low, high]. -> (6, H, W, C)."""
    height, width, channels = image_shape
    found = []
    for name in PICTURES:
        picture = getattr(data, name)()
        grey = color.rgb2gray(picture) if picture.ndim == 3 else picture / 255.0
        rows, columns = _largest(grey.shape, height / width)
        top, left = (grey.shape[0] - rows) // 2, (grey.shape[1] - columns) // 2
        found.append(
            resize(
                grey[top : top + rows, left : left + columns], (height, width), anti_aliasing=True
            )
        )
    stacked = np.repeat(np.stack(found)[..., None], channels, axis=-1)
    return (low + (high - low) * stacked).astype("float32")


def _largest(shape, aspect):
    """(rows, columns) of the largest cut of a picture whose rows / columns are `aspect`."""
    columns = min(shape[1], int(shape[0] / aspect))
    return max(1, min(shape[0], int(columns * aspect))), max(1, columns)


def lost(target, output):
    """Share of each picture's own variance that does not come through: 0 a copy, 1 as bad as its mean grey. -> (N,)."""
    target, output = np.asarray(target, float), np.asarray(output, float)
    error = ((target - output) ** 2).mean(axis=(1, 2, 3))
    return error / np.maximum(target.var(axis=(1, 2, 3)), 1e-12)


def probes(images, *, seed=0):
    """All probes by name: "brains" (the images themselves), "noise", "shuffled patches", "photographs"."""
    patch = max(2, min(images.shape[1:3]) // 8)
    return {
        "brains": np.asarray(images),
        "noise": noise(images, seed=seed),
        "shuffled patches": shuffled_patches(images, patch=patch, seed=seed),
        "photographs": pictures(
            images.shape[1:], low=float(np.min(images)), high=float(np.max(images))
        ),
    }
