"""Corruptions: one definition for training, evaluation and widgets.

A `Preset` says what may happen to an image. `draw` decides what happens to each image, `apply` does it; both are
TensorFlow functions on whole batches, and what happens to an image depends on (seed, epoch, index) alone, not on the
batch that it is in. The same pixels come out of `corrupt`, which takes and returns NumPy arrays.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

PARAMETERS, DROPOUT, NOISE, IMAGINARY = range(
    4
)  # independent streams of random numbers of one image
MAX_SQUARES = 2
# Fields of random numbers are cut out of two fixed pools at places that (seed, epoch, index) decide: fresh numbers for
# every pixel took longer than everything else together. A pool is a megapixel and a field begins at any of 32,768 places
# of it, so it hardly ever comes back.
POOL, STRIDE = 2**20, 32


@dataclass(frozen=True)
class Preset:
    """What may happen to an image, in this order: dropout, noise, blanked squares, blur.

    Attributes:
        dropout: (lowest, highest) share of the pixels set to 0.
        dropout_block: side in pixels of the blocks that drop out together.
        rescale_survivors: surviving pixels are divided by 1 - share, as a network's dropout layer does.
        noise_sigma: (lowest, highest) standard deviation of Gaussian noise, image units.
        square_probability: chance that squares are blanked.
        squares: how many, 1 or 2.
        square_side: (shortest, longest) side as a share of the image's shorter side.
        square_place: "inside" (anywhere, whole), "centre" (the centre is anywhere, the image's border cuts) or
            "diagonal" (the centre is on the diagonal, the border cuts).
        blur_probability: chance of a Gaussian blur.
        blur_sigma: (lowest, highest) in pixels.
        bias: (lowest, highest) strength of a smooth receive field: its logarithm's standard deviation.
        ghost: (lowest, highest) share of the signal that respiration or motion repeats half a field of view away.
        rician_sigma: (lowest, highest) standard deviation of the noise in both channels of a magnitude image.
        either: 0 to 2 of {squares, dropout} happen, equally likely (imgaug's SomeOf); square_probability is ignored.
        rescale: the corrupted image is min-max scaled again; otherwise it is clipped to [0, 1].
    """

    dropout: tuple = (0.0, 0.0)
    dropout_block: int = 1
    rescale_survivors: bool = False
    noise_sigma: tuple = (0.0, 0.0)
    square_probability: float = 0.0
    squares: int = 1
    square_side: tuple = (0.0, 0.0)
    square_place: str = "inside"
    blur_probability: float = 0.0
    blur_sigma: tuple = (0.0, 0.0)
    bias: tuple = (0.0, 0.0)
    ghost: tuple = (0.0, 0.0)
    rician_sigma: tuple = (0.0, 0.0)
    either: bool = False
    rescale: bool = False


# Where seed 003 gives no number (blur sigma, side of the cut-outs), imgaug 0.4's defaults stand, which it ran on.
PRESETS = {
    "none": Preset(),
    "seed004": Preset(
        dropout=(0, 0.05),
        noise_sigma=(0, 0.04),
        square_probability=0.2,
        square_side=(10 / 128, 40 / 128),
        blur_probability=0.1,
        blur_sigma=(0.6, 0.6),
    ),
    "seed004_code": Preset(
        dropout=(0, 0.04),
        rescale_survivors=True,
        noise_sigma=(0, 0.04),
        square_probability=0.2,
        square_side=(10 / 128, 40 / 128),
        square_place="diagonal",
        blur_probability=0.1,
        blur_sigma=(0.6, 0.6),
        rescale=True,
    ),
    "seed003": Preset(
        blur_probability=0.5,
        blur_sigma=(0, 3),
        either=True,
        squares=2,
        square_side=(0.2, 0.2),
        square_place="centre",
        dropout=(0, 0.05),
        dropout_block=2,
    ),
    "seed003_test": Preset(dropout=(0.1, 0.1)),
    "context": Preset(
        square_probability=1.0, squares=2, square_side=(0.1, 0.3)
    ),  # masked patches, as in ceVAE
    "rician": Preset(rician_sigma=(0.01, 0.08)),  # the MR ones that the seeds wish for
    "bias_field": Preset(bias=(0.05, 0.25)),
    "ghosting": Preset(ghost=(0.05, 0.3)),
    "mr": Preset(bias=(0, 0.2), ghost=(0, 0.2), rician_sigma=(0, 0.05)),
}


def preset(name):
    """The `Preset` of a name; a `Preset` is returned as it is."""
    if isinstance(name, Preset):
        return name
    if name not in PRESETS:
        raise ValueError(
            f"corruption: expected one of {', '.join(PRESETS)} or a Preset, got {name!r}."
        )
    return PRESETS[name]


def scaled(name, strength):
    """A preset with its strengths and probabilities times `strength`; 0 is "none", 1 the preset itself."""
    chosen = preset(name)
    if strength == 0:
        return PRESETS["none"]

    def times(pair, most=np.inf):
        return tuple(min(value * strength, most) for value in pair)

    return replace(
        chosen,
        dropout=times(chosen.dropout, 0.99),
        noise_sigma=times(chosen.noise_sigma),
        square_probability=min(chosen.square_probability * strength, 1.0),
        square_side=times(chosen.square_side, 1.0),
        blur_probability=min(chosen.blur_probability * strength, 1.0),
        blur_sigma=times(chosen.blur_sigma),
        bias=times(chosen.bias),
        ghost=times(chosen.ghost, 0.9),
        rician_sigma=times(chosen.rician_sigma),
    )


# ------------------------------------------------------------------------------------------------ drawing


def keys(seed, epoch, indices):
    """Seeds of images, one pair an image. indices: (B,) -> (B, 2) int64."""
    indices = tf.cast(indices, tf.int64)
    first = tf.cast(seed, tf.int64) * 2**20 + tf.cast(epoch, tf.int64)
    return tf.stack([tf.fill(tf.shape(indices), first), indices], axis=1)


def _hash(image_keys, count, stream):
    """Whole numbers that look random, uniform in [0, 2^31): (B, 2) -> (B, count). The finaliser of SplitMix64."""
    numbers = tf.range(count, dtype=tf.int64) + stream * 1000 + 1
    golden, first, second = (
        tf.constant(value, tf.uint64)
        for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
    )
    x = tf.zeros((), tf.uint64)
    for part in (
        image_keys[:, :1],
        image_keys[:, 1:],
        numbers[None],
    ):  # one after the other, so that no two keys add up to the same
        x = x + (tf.cast(part, tf.uint64) + tf.constant(1, tf.uint64)) * golden
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(30, tf.uint64))) * first
        x = (
            tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(27, tf.uint64)))
            * second
        )
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(31, tf.uint64)))
    return tf.cast(tf.bitwise.right_shift(x, tf.constant(33, tf.uint64)), tf.int64)


def _uniform(image_keys, count, stream):
    """(B, count) float32 in [0, 1)."""
    return tf.cast(_hash(image_keys, count, stream) // 2**7, tf.float32) / 2.0**24


@functools.cache
def _pool(normal, more):
    """2^20 numbers in rows of STRIDE, and the first `more` rows again behind the last: N(0, 1), or uniform in [0, 1).

    A tensor outside of any graph: as a constant inside, its 4 MB were copied whenever an iterator began.
    """
    rng = np.random.default_rng(20201 + normal)
    numbers = (
        rng.standard_normal(POOL, dtype="float32") if normal else rng.random(POOL, dtype="float32")
    )
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(np.resize(numbers, (POOL // STRIDE + more, STRIDE)))  # repeats them


def draw(name, image_keys, image_shape):
    """Decides what happens to each image.

    Args:
        name: preset.
        image_keys: (B, 2) of `keys`.
        image_shape: (H, W) in pixels.

    Returns:
        {"dropout": (B,) share, "noise_sigma": (B,), "blur_sigma": (B,) pixels (0: no blur),
        "squares": (B, 2, 4) pixels top, left, bottom, right (an empty one: none), "bias", "ghost", "rician_sigma": (B,),
        "bias_shape": (B, 5) of the field's polynomial}.
    """
    chosen = preset(name)
    uniform = _uniform(image_keys, 32, PARAMETERS)  # (B, 32)
    with_squares = uniform[:, 0] < chosen.square_probability
    with_dropout = tf.ones_like(with_squares)
    if chosen.either:  # 0, 1 or 2 of the two, the one of one by the toss of a coin
        count, first = tf.floor(uniform[:, 0] * 3), uniform[:, 1] < 0.5
        with_squares = (count == 2) | ((count == 1) & first)
        with_dropout = (count == 2) | ((count == 1) & ~first)
    with_blur = uniform[:, 2] < chosen.blur_probability
    return {
        "dropout": tf.where(with_dropout, _between(chosen.dropout, uniform[:, 3]), 0.0),
        "noise_sigma": _between(chosen.noise_sigma, uniform[:, 4]),
        "blur_sigma": tf.where(with_blur, _between(chosen.blur_sigma, uniform[:, 5]), 0.0),
        "squares": _squares(chosen, uniform[:, 6:12], with_squares, image_shape),
        "bias": _between(chosen.bias, uniform[:, 12]),
        "bias_shape": 2 * uniform[:, 13:18] - 1,
        "ghost": _between(chosen.ghost, uniform[:, 18]),
        "rician_sigma": _between(chosen.rician_sigma, uniform[:, 19]),
    }


def _between(limits, uniform):
    return limits[0] + (limits[1] - limits[0]) * uniform


def _squares(chosen, uniform, wanted, image_shape):
    """Corners of the blanked squares in whole pixels. uniform: (B, 6), wanted: (B,) -> (B, 2, 4)."""
    height, width = tf.unstack(tf.cast(image_shape, tf.float32))
    side, row, column = tf.unstack(
        tf.reshape(uniform, (-1, MAX_SQUARES, 3)), axis=-1
    )  # each (B, 2)
    side = tf.round(_between(chosen.square_side, side) * tf.minimum(height, width))
    if chosen.square_place == "inside":
        top, left = tf.floor(row * (height - side + 1)), tf.floor(column * (width - side + 1))
    else:
        column = row if chosen.square_place == "diagonal" else column
        top, left = tf.floor(row * height) - side // 2, tf.floor(column * width) - side // 2
    allowed = tf.constant([[number < chosen.squares for number in range(MAX_SQUARES)]])
    side = tf.where(wanted[:, None] & allowed, side, 0.0)
    return tf.stack([top, left, top + side, left + side], axis=-1)


# ------------------------------------------------------------------------------------------------ applying


def apply(images, parameters, image_keys, *, name):
    """Does to each image what `draw` decided.

    Args:
        images: (B, H, W, 1) float32 in [0, 1].
        parameters: of `draw`; all zero leaves the images as they are.
        image_keys: (B, 2) of `keys`: seeds of the dropped pixels and of the noise.
        name: preset, for what is the same in every image (block size, rescaling).

    Returns:
        (B, H, W, 1) float32 in [0, 1].
    """
    return _after(
        images,
        _before_blur(images, parameters, image_keys, preset(name)),
        parameters["blur_sigma"],
        preset(name),
    )


def _before_blur(images, parameters, image_keys, chosen):
    """What is pixel by pixel, and the first in the order."""
    corrupted = images
    if chosen.bias[1] > 0:
        corrupted *= _bias_field(
            parameters["bias"], parameters["bias_shape"], tf.shape(images)[1:3]
        )
    if chosen.ghost[1] > 0:
        ghost = parameters["ghost"][:, None, None, None]
        corrupted = (1 - ghost) * corrupted + ghost * tf.roll(
            corrupted, tf.shape(images)[1] // 2, axis=1
        )
    if chosen.rician_sigma[1] > 0:
        sigma, shape = parameters["rician_sigma"][:, None, None, None], images.shape[1:3]
        real, imaginary = (
            sigma * _fields(True, image_keys, stream, shape) for stream in (NOISE, IMAGINARY)
        )
        corrupted = tf.where(
            sigma > 0, tf.sqrt(tf.square(corrupted + real) + tf.square(imaginary)), corrupted
        )
    if chosen.dropout[1] > 0:
        corrupted = _drop(corrupted, parameters["dropout"], image_keys, chosen)
    if chosen.noise_sigma[1] > 0:
        corrupted += parameters["noise_sigma"][:, None, None, None] * _fields(
            True, image_keys, NOISE, images.shape[1:3]
        )
    if chosen.square_side[1] > 0:
        corrupted = _blank(corrupted, parameters["squares"][:, : chosen.squares])
    return corrupted


def _after(images, corrupted, blur_sigma, chosen):
    if chosen.blur_sigma[1] > 0:
        corrupted = _blur(corrupted, blur_sigma, chosen.blur_sigma)
    return _rescale(images, corrupted) if chosen.rescale else tf.clip_by_value(corrupted, 0.0, 1.0)


def _fields(normal, image_keys, stream, shape):
    """A field of random numbers for each image, (B, H, W, 1): N(0, 1) or uniform; shape: (H, W), known beforehand."""
    rows = -(-shape[0] * shape[1] // STRIDE)
    first = tf.cast(_hash(image_keys, 1, stream) % (POOL // STRIDE), tf.int32)  # (B, 1)
    fields = tf.gather(_pool(normal, rows), first + tf.range(rows)[None])  # (B, rows, STRIDE)
    fields = tf.reshape(fields, [-1, rows * STRIDE])[:, : shape[0] * shape[1]]
    return tf.reshape(fields, [-1, *shape, 1])


def _bias_field(strength, shape, sides):
    """exp of a polynomial of second degree over the image, of standard deviation `strength`: (B, H, W, 1)."""
    rows = tf.linspace(-1.0, 1.0, sides[0])[:, None]
    columns = tf.linspace(-1.0, 1.0, sides[1])[None, :]
    terms = [
        rows + 0 * columns,
        columns + 0 * rows,
        rows * columns,
        rows**2 - 1 / 3 + 0 * columns,
        columns**2 - 1 / 3 + 0 * rows,
    ]
    field = tf.einsum("bk,khw->bhw", shape, tf.stack(terms))
    spread = tf.math.reduce_std(field, axis=(1, 2), keepdims=True)
    return tf.exp(strength[:, None, None] * tf.math.divide_no_nan(field, spread))[..., None]


def _drop(images, share, image_keys, chosen):
    (height, width), block = images.shape[1:3], chosen.dropout_block
    shape = [-(-height // block), -(-width // block)]  # ceiling of the division
    field = _fields(False, image_keys, DROPOUT, shape)
    if block > 1:
        field = tf.repeat(tf.repeat(field, block, axis=1), block, axis=2)[:, :height, :width]
    share = share[:, None, None, None]
    survivors = images / (1 - share) if chosen.rescale_survivors else images
    return tf.where(field < share, 0.0, survivors)


def _blank(images, squares):
    rows = tf.range(tf.shape(images)[1], dtype=tf.float32)[None]  # (1, H)
    columns = tf.range(tf.shape(images)[2], dtype=tf.float32)[None]  # (1, W)
    each = []
    for square in tf.unstack(
        squares, axis=1
    ):  # one or two; a reduction over them takes five times as long
        top, left, bottom, right = tf.split(square, 4, axis=1)  # each (B, 1)
        in_rows, in_columns = (rows >= top) & (rows < bottom), (columns >= left) & (columns < right)
        each.append(in_rows[:, :, None, None] & in_columns[:, None, :, None])  # (B, H, W, 1)
    return tf.where(functools.reduce(tf.logical_or, each), 0.0, images)


def _blur(images, sigma, limits):
    """Gaussian blur with an own sigma for each image, borders mirrored; only images of sigma above 0 are touched."""
    chosen = tf.where(sigma > 0)  # (b, 1)
    sigma, blurred = (
        tf.gather_nd(sigma, chosen),
        tf.gather_nd(images, chosen)[..., 0],
    )  # (b,), (b, H, W)
    of = (
        functools.partial(_fixed_blur_matrix, limits[0])
        if limits[0] == limits[1]
        else functools.partial(_blur_matrix, sigma)
    )
    blurred = tf.matmul(of(images.shape[1]) @ blurred, of(images.shape[2]), transpose_b=True)
    return tf.tensor_scatter_nd_update(images, chosen, blurred[..., None])


@functools.cache
def _fixed_blur_matrix(sigma, side):
    """(1, side, side): made once and outside of any graph where all images have the same sigma."""
    with tf.init_scope(), tf.device("CPU:0"):
        return _blur_matrix(tf.constant([sigma], tf.float32), side)


def _blur_matrix(sigma, side):
    """Matrices (b, side, side) that blur along one axis, the border's mirror image included; each row sums to 1."""
    place = tf.range(side, dtype=tf.float32)
    here, there, last = place[:, None], place[None, :], tf.cast(2 * side - 1, tf.float32)
    sigma = sigma[:, None, None]
    weights = sum(
        tf.exp(-0.5 * (distance / sigma) ** 2)
        for distance in (here - there, here + there + 1, last - here - there)
    )
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)


def _rescale(images, corrupted):
    """Min-max scaling of the images that were changed at all."""
    changed = tf.reduce_any(corrupted != images, axis=(1, 2, 3), keepdims=True)
    low = tf.reduce_min(corrupted, axis=(1, 2, 3), keepdims=True)
    high = tf.reduce_max(corrupted, axis=(1, 2, 3), keepdims=True)
    return tf.where(changed, tf.math.divide_no_nan(corrupted - low, high - low), images)


# ------------------------------------------------------------------------------------------------ both at once


def corrupt_batch(images, indices, *, name, seed, epoch=0):
    """Corrupts a batch inside tf.data. images: (B, H, W, 1) tensor of known sides, indices: (B,) -> (B, H, W, 1) tensor."""
    if preset(name) == PRESETS["none"]:
        return images
    seed, epoch, chosen = (
        tf.convert_to_tensor(seed, tf.int64),
        tf.cast(epoch, tf.int64),
        preset(name),
    )
    return _after(
        images,
        *_drawn_and_applied(images, tf.cast(indices, tf.int64), seed, epoch, chosen=chosen),
        chosen,
    )


@functools.partial(
    tf.function, jit_compile=True
)  # one loop over the pixels, not a dozen: less than half of the time
def _drawn_and_applied(images, indices, seed, epoch, *, chosen):
    image_keys = keys(seed, epoch, indices)
    parameters = draw(chosen, image_keys, images.shape[1:3])
    return _before_blur(images, parameters, image_keys, chosen), parameters["blur_sigma"]


def _of_sides(images, indices, *, sides, **options):
    """Sides are told apart from the images: of these, tracing again may forget them."""
    return corrupt_batch(tf.ensure_shape(images, (None, *sides, 1)), indices, **options)


_corrupt_in_graph = tf.function(
    _of_sides, reduce_retracing=True
)  # as in tf.data, and many times faster


def corrupt(images, name, *, seed, epoch=0, indices=None, strength=1.0):
    """Corrupts images: NumPy in, NumPy out, the same pixels as in training with the same seed, epoch and indices.

    Args:
        images: (N, H, W, 1) in [0, 1]; left as they are.
        name: preset's name or a `Preset`.
        seed: whole number.
        epoch: whole number; evaluation uses 0.
        indices: (N,) numbers of the images in their array; 0, 1, 2... when absent.
        strength: factor on the preset, see `scaled`.
    """
    images = np.asarray(images, dtype="float32")
    if images.ndim != 4:
        raise ValueError(
            f"expected images of shape (N, H, W, 1), got {images.shape}. Add the missing axes."
        )
    indices = np.arange(len(images)) if indices is None else np.asarray(indices)
    chosen = scaled(name, strength) if strength != 1 else preset(name)
    parts = [
        _corrupt_in_graph(
            tf.constant(images[start : start + 64]),
            tf.constant(indices[start : start + 64], tf.int64),
            sides=images.shape[1:3],
            name=chosen,
            seed=tf.constant(seed, tf.int64),
            epoch=tf.constant(epoch, tf.int64),
        ).numpy()
        for start in range(0, len(images), 64)
    ]
    return np.concatenate(parts) if parts else images.copy()
