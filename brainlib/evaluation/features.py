"""A fixed feature space for Frechet distances and perceptual losses that needs no ImageNet weights.

A small network learns, on the training slices of a cohort, to tell how each was degraded (blur,
noise, contrast, warping), where in the head it lies and whose head it is. What it must know for
that, structure, sharpness and texture, its 32 features hold. Distances in it compare models of one
workbook run; they are no FID and cannot be set beside published ones. `imagenet_space` gives
Inception's or VGG16's features where their weights are at hand.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy import ndimage

from brainlib import files, models
from brainlib.evaluation.distances import Judge, diversity, frechet, nearest, precision_recall
from brainlib.models.outputs import outputs_of
from brainlib.slices.pipeline import Slices
from brainlib.training import optimizers
from brainlib.training.finished import Finished
from brainlib.training.trainer import Batches, Log, save_model, train_model

FEATURES, SIDE = 32, 64  # at most 32 features; pictures are brought to 64x64 inside
FILTERS = (16, 32, 48, 64)  # of the convolutions, level after level
MODEL = "features.keras"
STRENGTHS = ("blur", "noise", "contrast", "warp")
LOSS_WEIGHTS = {"degradation": 4.0, "place": 4.0, "person": 0.2}

__all__ = [
    "FEATURES",
    "MODEL",
    "STRENGTHS",
    "Judge",
    "Space",
    "degrade",
    "diversity",
    "feature_network",
    "frechet",
    "imagenet_space",
    "load_space",
    "nearest",
    "precision_recall",
    "train",
]


@dataclass(frozen=True)
class Space:
    """A network of images (B, H, W, 1) in [0, 1] -> features (B, F).

    Attributes:
        model: the network.
        name: the words that name it wherever it is used.
    """

    model: keras.Model
    name: str

    def __call__(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Features (N, F) float64 of images (N, H, W, 1)."""
        return outputs_of(self.model, images, batch_size=batch_size).astype("float64")


# ------------------------------------------------------------------------------------ the network


def feature_network(
    image_shape: tuple[int, int, int], *, people: int, features: int = FEATURES, seed: int = 0
) -> keras.Model:
    """The network with its three answers; the layer `features` is inside.

    The answers are degradation (B, 4), place (B, 1) and person (B, people), by name.

    Args:
        image_shape: (H, W, 1), any sides.
        people: number of subjects to tell apart.
        features: numbers of the feature layer, at most 32.
        seed: of the weights.

    Raises:
        ValueError: too few or too many features.
    """
    if not 2 <= features <= FEATURES:
        raise ValueError(
            f"features: expected 2 to {FEATURES} (a Frechet distance of few subjects holds no "
            f"more), got {features}."
        )
    with_seed = {"kernel_initializer": keras.initializers.GlorotUniform(seed)}
    inputs = keras.Input(image_shape)
    x = inputs if tuple(image_shape[:2]) == (SIDE, SIDE) else layers.Resizing(SIDE, SIDE)(inputs)
    for number, filters in enumerate(FILTERS):
        x = layers.Conv2D(
            filters,
            3,
            padding="same",
            strides=1 if number == 0 else 2,
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(seed + number),
        )(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu", name=f"level{number}")(x)
    pooled = layers.Concatenate()(
        [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    )
    found = layers.Dense(features, name="features", **with_seed)(pooled)
    used = layers.Activation("relu")(found)
    degradation = layers.Dense(
        len(STRENGTHS), activation="sigmoid", name="degradation", **with_seed
    )
    place = layers.Dense(1, activation="sigmoid", name="place", **with_seed)
    person = layers.Dense(people, name="person", **with_seed)
    answers = {"degradation": degradation(used), "place": place(used), "person": person(used)}
    return keras.Model(inputs, answers, name="feature_net")


def degrade(images: np.ndarray, strengths: np.ndarray, *, seed: int | Sequence[int]) -> np.ndarray:
    """Images (N, H, W, 1) blurred, made noisy, changed in contrast and warped.

    Args:
        images: in [0, 1].
        strengths: (N, 4) in [0, 1], in the order of `STRENGTHS`; a contrast of 0.5 changes nothing.
        seed: of noise and warps.
    """
    rng, changed = np.random.default_rng(seed), np.empty_like(images)
    sides = np.array(images.shape[1:3])
    grid = np.stack(np.meshgrid(*[np.arange(side) for side in sides], indexing="ij")).astype(float)
    for number, (image, (blur, noise, contrast, warp)) in enumerate(zip(images[..., 0], strengths)):
        shift = ndimage.gaussian_filter(rng.standard_normal((2, *sides)), (0, *(sides / 10)))
        shift *= warp * 0.03 * sides.mean() / max(shift.std(), 1e-9)
        image = ndimage.map_coordinates(image, grid + shift, order=1, mode="nearest")
        image = ndimage.gaussian_filter(image, blur * 2.0 * sides.mean() / SIDE)
        image = np.clip(image, 0, 1) ** (2.0 ** (2 * contrast - 1))
        changed[number, ..., 0] = np.clip(image + 0.1 * noise * rng.standard_normal(sides), 0, 1)
    return changed


# -------------------------------------------------------------------------------------- training


def train(
    images: np.ndarray,
    subjects: Sequence,
    places: Sequence[float],
    folder: Path | str,
    *,
    epochs: int = 30,
    steps_an_epoch: int = 0,
    batch_size: int = 32,
    seed: int = 0,
    show: Callable[..., None] | None = print,
) -> Space:
    """Trains the network on a cohort's training slices, or loads it if `folder` holds the same one.

    A training that was killed goes on from its last checkpoint.

    Args:
        images: (N, H, W, 1) in [0, 1], clean.
        subjects: (N,) whose slices they are; of one subject it learns degradations and places
            alone.
        places: (N,) share of the axis, 0 to 1, at which a slice lies.
        folder: gets `features.keras`, its record and `history.csv`.
        epochs: of the training; every slice is degraded anew in each.
        steps_an_epoch: however many slices there are; 0: a pass over them.
        batch_size: slices in a step; steps are always full.
        seed: of weights, order and degradations.
        show: prints a line of progress; None keeps silent.
    """
    images, places = np.asarray(images, "float32"), np.asarray(places, float)
    names, person = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    content = Slices(images).digest()
    key = files.digest(content, person, places, epochs, steps_an_epoch, batch_size, seed)
    finished = Finished(Path(folder), MODEL)
    if finished.record(key):
        return load_space(folder)
    finished.begin()
    steps = steps_an_epoch or max(1, len(images) // batch_size)
    answers = {"place": np.asarray(places, "float32")[:, None], "person": person}
    network = feature_network(images.shape[1:], people=len(names), seed=seed)
    model = _compiled(network, steps)
    space = keras.Model(model.input, model.get_layer("features").output, name="feature_space")

    def stream(start):
        return _degraded(
            images, answers, range(start, max(epochs, start + 1)), steps, batch_size, seed
        )

    history = train_model(
        model,
        Batches(stream, steps),
        epochs=epochs,
        folder=finished.folder,
        key=[key],
        save=lambda place: save_model(space, place / MODEL),
        log=Log(show=show, title="feature space", tensorboard=False),
    )
    finished.finish(key, slices=len(images), subjects=len(names), epochs=len(history))
    return load_space(folder)


def _compiled(model, steps):
    model.compile(
        optimizers.FusedAdam(2e-3),
        jit_compile=False,
        steps_per_execution=optimizers.steps_at_a_time(steps),
        loss_weights=LOSS_WEIGHTS,
        loss={
            "degradation": "mse",
            "place": "mse",
            "person": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
    )
    # Otherwise Keras traces the training step twice.
    model.optimizer.build(model.trainable_variables)
    return model


def _degraded(images, answers, epochs, steps, batch_size, seed):
    """Batches (degraded images, answers) of some epochs; one is made while another trains."""

    def made(epoch):
        order, strengths = _order_and_strengths(len(images), steps * batch_size, seed, int(epoch))
        inputs = degrade(images[order], strengths, seed=[seed, int(epoch), 1])
        return inputs, strengths, answers["place"][order], answers["person"][order]

    def batches(epoch):
        parts = tf.numpy_function(made, [epoch], [tf.float32, tf.float32, tf.float32, tf.int64])
        shapes = [images.shape[1:], (len(STRENGTHS),), (1,), ()]
        for part, shape in zip(parts, shapes):
            part.set_shape((steps * batch_size, *shape))
        inputs, *wanted = parts
        named = dict(zip(("degradation", "place", "person"), wanted))
        return tf.data.Dataset.from_tensor_slices((inputs, named)).batch(batch_size)

    numbers = tf.data.Dataset.from_tensor_slices(np.array(epochs, "int64"))
    return numbers.flat_map(batches).prefetch(2)


def _order_and_strengths(count, wanted, seed, epoch):
    """Which slices an epoch takes (`wanted`,), and how strongly each is degraded (`wanted`, 4)."""
    rng = np.random.default_rng([seed, epoch])
    passes = [rng.permutation(count) for _ in range(math.ceil(wanted / count))]
    order = np.concatenate(passes)[:wanted]
    shape = (wanted, len(STRENGTHS))
    strengths = (rng.random(shape) * (rng.random(shape) < 0.6)).astype("float32")
    # Contrast has no natural zero: its middle is the image as it is.
    strengths[:, 2] = np.where(strengths[:, 2] == 0, 0.5, strengths[:, 2])
    return order, strengths


def load_space(folder: Path | str) -> Space:
    """The `Space` that `train` left in a folder.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is not the one whose checksum was written down.
    """
    finished = Finished(Path(folder), MODEL)
    try:
        record = finished.any_record()
        unchanged = finished.is_unchanged(record)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{folder}: expected {MODEL} and the record of `features.train`; train it first."
        ) from error
    if not unchanged:
        raise ValueError(
            f"{finished.path}: expected SHA-256 {record['sha256'][:16]}..., found another: the "
            "file was changed after training. Delete the folder to train it again."
        )
    model = models.load(finished.path)
    return Space(
        model,
        f"{model.output_shape[-1]} features of a network trained here on {record['slices']} slices "
        f"of {record['subjects']} subjects (SHA-256 of its weights {_weights_sha256(model)[:8]})",
    )


def _weights_sha256(model: keras.Model) -> str:
    """SHA-256 of a model's numbers; that of its file changes with the time of its saving."""
    sum_of_all = hashlib.sha256()
    for variable in model.weights:
        sum_of_all.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)))
    return sum_of_all.hexdigest()


def imagenet_space(kind: str, weights: Path | str) -> Space:
    """Inception-v3's 2048 pooled features or VGG16's 512 where their ImageNet weights are at hand.

    Args:
        kind: "inception" or "vgg16".
        weights: path of Keras's `..._notop.h5` file, or "imagenet": Keras downloads it.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the weights could not be fetched.
    """
    makers = {
        "inception": (keras.applications.InceptionV3, 299, lambda x: 2 * x - 1),
        "vgg16": (
            keras.applications.VGG16,
            224,
            lambda x: 255 * x - tf.constant([103.939, 116.779, 123.68]),
        ),
    }
    if kind not in makers:
        raise ValueError(f"feature space: expected one of {', '.join(makers)}, got {kind!r}.")
    maker, side, scale = makers[kind]
    if weights != "imagenet" and not Path(weights).is_file():
        raise FileNotFoundError(
            f"{weights}: expected Keras's {kind} weights without top (..._notop.h5). Download them "
            "where there is a network, or take the feature space that the workbook trains."
        )
    try:
        network = maker(
            include_top=False, pooling="avg", weights=weights, input_shape=(side, side, 3)
        )
    except Exception as error:
        raise OSError(
            f"{kind}: the ImageNet weights could not be fetched ({str(error).splitlines()[0]}). "
            "Pass the path of the downloaded file, or take the feature space that the workbook "
            "trains."
        ) from error
    inputs = keras.Input((None, None, 1))
    resized = layers.Resizing(side, side)(inputs)
    outputs = network(scale(layers.Concatenate()([resized] * 3)))
    return Space(
        keras.Model(inputs, outputs),
        f"{network.output_shape[-1]} features of {kind}, trained on ImageNet",
    )
