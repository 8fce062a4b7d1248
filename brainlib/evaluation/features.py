"""A fixed feature space for Frechet distances and perceptual losses that needs no ImageNet weights.

A small network learns, on the training slices of a cohort, to tell how each was degraded (blur, noise, contrast,
warping), where in the head it lies and whose head it is. What it must know for that, structure, sharpness and
texture, its 32 features hold. Distances in it compare models of one workbook run; they are no FID and cannot be set
beside published ones. `imagenet_space` gives Inception's or VGG16's features where their weights are at hand.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import scipy.linalg
import scipy.spatial
import tensorflow as tf
from keras import layers
from scipy import ndimage
from sklearn.neighbors import NearestNeighbors

from brainlib import files
from brainlib.models.outputs import outputs_of
from brainlib.slices.pipeline import Slices

FEATURES, SIDE = 32, 64  # at most 32 features; pictures are brought to 64x64 inside
MODEL, RECORD = "features.keras", "features.json"
STRENGTHS = ("blur", "noise", "contrast", "warp")


@dataclass(frozen=True)
class Space:
    """A network of images (B, H, W, 1) in [0, 1] -> features (B, F), and the words that name it wherever it is used."""

    model: keras.Model
    name: str

    def __call__(self, images, *, batch_size=64):
        """Features (N, F) float64 of images (N, H, W, 1)."""
        return outputs_of(self.model, images, batch_size=batch_size).astype("float64")


# ------------------------------------------------------------------------------------------------ the network


def build(image_shape, *, people, features=FEATURES, seed=0):
    """The network with its three answers: (degradation (B, 4), place (B, 1), person (B, people)); `features` inside.

    Args:
        image_shape: (H, W, 1), any sides.
        people: number of subjects to tell apart.
        features: numbers of the feature layer, at most 32.
    """
    if not 2 <= features <= FEATURES:
        raise ValueError(
            f"features: expected 2 to {FEATURES} (a Frechet distance of few subjects holds no more), got {features}."
        )
    with_seed = {"kernel_initializer": keras.initializers.GlorotUniform(seed)}
    inputs = keras.Input(image_shape)
    x = inputs if tuple(image_shape[:2]) == (SIDE, SIDE) else layers.Resizing(SIDE, SIDE)(inputs)
    for number, filters in enumerate((16, 32, 48, 64)):
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
    return keras.Model(
        inputs,
        {
            "degradation": layers.Dense(
                len(STRENGTHS), activation="sigmoid", name="degradation", **with_seed
            )(used),
            "place": layers.Dense(1, activation="sigmoid", name="place", **with_seed)(used),
            "person": layers.Dense(people, name="person", **with_seed)(used),
        },
        name="feature_net",
    )


def degrade(images, strengths, *, seed):
    """Images blurred, made noisy, changed in contrast and warped. images: (N, H, W, 1); strengths: (N, 4) in [0, 1]."""
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


def train(
    images, subjects, places, folder, *, epochs=30, least_steps=0, batch_size=32, seed=0, show=print
):
    """Trains the network on a cohort's training slices, or loads it if `folder` holds the same one; -> `Space`.

    Args:
        images: (N, H, W, 1) in [0, 1], clean.
        subjects: (N,) whose slices they are; of one subject it learns degradations and places alone.
        places: (N,) share of the axis, 0 to 1, at which a slice lies.
        folder: gets `features.keras` and `features.json` with its checksum.
        epochs: passes over the slices, every one degraded anew in each.
        least_steps: of an epoch; few slices pass through several times.
    """
    images, folder = np.asarray(images, "float32"), Path(folder)
    names, person = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    key = files.digest(
        Slices(images).digest(),
        person,
        np.asarray(places, float),
        epochs,
        least_steps,
        batch_size,
        seed,
        1,
    )
    try:
        return load(folder, key)
    except FileNotFoundError:
        pass
    model = build(images.shape[1:], people=len(names), seed=seed)
    model.compile(
        keras.optimizers.Adam(2e-3),
        jit_compile=False,
        loss_weights={"degradation": 4.0, "place": 4.0, "person": 0.2},
        loss={
            "degradation": "mse",
            "place": "mse",
            "person": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
    )
    steps = max(1, len(images) // batch_size, least_steps)
    passes = math.ceil(steps * batch_size / len(images))
    losses = []
    for epoch in range(epochs):
        rng = np.random.default_rng([seed, epoch])
        order = np.concatenate([rng.permutation(len(images)) for _ in range(passes)])[
            : steps * batch_size
        ]
        strengths = (
            rng.random((len(order), len(STRENGTHS)))
            * (rng.random((len(order), len(STRENGTHS))) < 0.6)
        ).astype("float32")
        # Contrast has no natural zero: its middle is the image as it is.
        strengths[:, 2] = np.where(strengths[:, 2] == 0, 0.5, strengths[:, 2])
        inputs = degrade(images[order], strengths, seed=[seed, epoch, 1])
        wanted = {
            "degradation": strengths,
            "place": np.asarray(places, "float32")[order, None],
            "person": person[order],
        }
        data = tf.data.Dataset.from_tensor_slices((inputs, wanted)).batch(batch_size)
        losses.append(model.fit(data, shuffle=False, verbose=0).history["loss"][0])
        if show and (epoch + 1) % max(1, epochs // 5) == 0:
            show(f"feature space: epoch {epoch + 1}/{epochs}  loss {losses[-1]:.4f}", flush=True)
    space = keras.Model(model.input, model.get_layer("features").output, name="feature_space")
    with files.whole_file(folder / MODEL) as temporary:
        space.save(temporary)
    files.write_json(
        folder / RECORD,
        {
            "key": key,
            "sha256": files.sha256(folder / MODEL),
            "slices": len(images),
            "subjects": len(names),
            "epochs": epochs,
            "losses": losses,
        },
    )
    return load(folder, key)


def load(folder, key=None):
    """The `Space` that `train` left in a folder.

    Raises:
        FileNotFoundError: there is none, or (with a key) one of something else.
        ValueError: the file is not the one whose checksum was written down.
    """
    folder = Path(folder)
    if not (folder / RECORD).exists() or not (folder / MODEL).exists():
        raise FileNotFoundError(
            f"{folder}: expected {MODEL} and {RECORD} of `features.train`; train it first."
        )
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if key not in (None, record["key"]):
        raise FileNotFoundError(f"{folder}: holds the feature space of other slices or options.")
    checksum = files.sha256(folder / MODEL)
    if checksum != record["sha256"]:
        raise ValueError(
            f"{folder / MODEL}: expected SHA-256 {record['sha256'][:16]}..., found {checksum[:16]}...: the "
            f"file was changed after training. Delete the folder to train it again."
        )
    model = keras.saving.load_model(folder / MODEL, compile=False, safe_mode=True)
    return Space(
        model,
        f"{model.output_shape[-1]} features of a network trained here on {record['slices']} slices of "
        f"{record['subjects']} subjects (SHA-256 {checksum[:8]})",
    )


def imagenet_space(kind, weights):
    """Inception-v3's 2048 pooled features or VGG16's 512 where their ImageNet weights are at hand.

    Args:
        kind: "inception" or "vgg16".
        weights: path of Keras's `..._notop.h5` file, or "imagenet": Keras downloads it.
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
            f"where there is a network, or take the feature space that the workbook trains."
        )
    try:
        network = maker(
            include_top=False, pooling="avg", weights=weights, input_shape=(side, side, 3)
        )
    except Exception as error:
        raise OSError(
            f"{kind}: the ImageNet weights could not be fetched ({str(error).splitlines()[0]}). Pass the path "
            f"of the downloaded file, or take the feature space that the workbook trains."
        ) from error
    inputs = keras.Input((None, None, 1))
    resized = layers.Resizing(side, side)(inputs)
    outputs = network(scale(layers.Concatenate()([resized] * 3)))
    return Space(
        keras.Model(inputs, outputs),
        f"{network.output_shape[-1]} features of {kind}, trained on ImageNet",
    )


# ------------------------------------------------------------------------------------------------ distances


def frechet(first, second):
    """Frechet distance of the Gaussians fitted to two sets of features (Heusel et al. 2017). (N, F), (M, F) -> number."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    if min(len(first), len(second)) < 2:
        raise ValueError(
            f"a Frechet distance needs 2 pictures or more on each side, got {len(first)} and {len(second)}."
        )
    covariances = [np.atleast_2d(np.cov(part, rowvar=False)) for part in (first, second)]
    # The trace of the root of a product: from the eigenvalues of root(A) B root(A), which is symmetric.
    values, vectors = scipy.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(scipy.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    between = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
    return float(
        max(between + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * cross, 0.0)
    )


class Judge:
    """Sets clouds of pictures beside real slices of people who were not trained on, the same number on each side.

    All that it says depends on that number (Frechet's distance above all), so one judge serves a whole table.

    Args:
        space: a `Space`.
        reference: (N, H, W, 1) slices of people who were not trained on.
        known: (M, H, W, 1) training slices, and `people` (M,), whose they are.
        pictures: of a cloud, at most.
        seed: of the choice among reference slices.

    Attributes:
        n: pictures on each side.
    """

    def __init__(self, space, reference, known, people, *, pictures=1500, seed=0):
        self.space, self.known, self.people = space, known, np.asarray(people)
        self.n = min(len(reference), len(known), pictures)
        self.held_out = space(
            reference[np.sort(np.random.default_rng(seed).permutation(len(reference))[: self.n])]
        )

    def __call__(self, pictures):
        """frechet, precision, recall, ms_ssim_of_pairs, rmse_to_nearest_training_slice (median of 100) of `n` pictures."""
        if len(pictures) != self.n:
            raise ValueError(
                f"expected {self.n} pictures, as many as there are real ones on the other side, got {len(pictures)}."
            )
        found = self.space(pictures)
        precision, recall = precision_recall(self.held_out, found)
        return {
            "frechet": frechet(self.held_out, found),
            "precision": precision,
            "recall": recall,
            "ms_ssim_of_pairs": diversity(pictures),
            "rmse_to_nearest_training_slice": float(
                np.median(nearest(self.known, pictures[:100])[1])
            ),
        }

    def some_known(self, seed):
        """(`n`, H, W, 1) training slices of a random half of the training people."""
        rng, names = np.random.default_rng(seed), np.unique(self.people)
        places = np.flatnonzero(np.isin(self.people, rng.permutation(names)[: -(-len(names) // 2)]))
        return self.known[np.sort(rng.choice(places, self.n, replace=len(places) < self.n))]

    def floor(self, seed):
        """What training slices themselves reach; its spread over seeds is that over people."""
        return {**self(self.some_known(seed)), "rmse_to_nearest_training_slice": np.nan}


def precision_recall(real, generated, *, neighbours=3):
    """Improved precision and recall (Kynkaanniemi et al. 2019): shares of generated pictures among the real, and back."""

    def share(inside, points):
        reach = (
            NearestNeighbors(n_neighbors=neighbours + 1).fit(inside).kneighbors(inside)[0][:, -1]
        )
        distances = scipy.spatial.distance.cdist(points, inside)
        return float((distances <= reach).any(axis=1).mean())

    if min(len(real), len(generated)) <= neighbours:
        raise ValueError(
            f"precision and recall need more than {neighbours} pictures on each side, got {len(real)} and {len(generated)}."
        )
    return share(real, generated), share(generated, real)


def diversity(images, *, pairs=200, seed=0):
    """Mean MS-SSIM of random pairs of pictures: high when they all look the same (Odena et al. 2017). (N, H, W, 1) -> number."""
    images, rng = np.asarray(images, "float32"), np.random.default_rng(seed)
    if len(images) < 2:
        raise ValueError(f"diversity needs 2 pictures or more, got {len(images)}.")
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)
    levels = min(
        5, int(math.log2(min(images.shape[1:3]) / 11)) + 1
    )  # the coarsest level still holds a window
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:levels]
    return float(
        np.mean(
            tf.image.ssim_multiscale(
                images[first], images[second], 1.0, power_factors=weights / weights.sum()
            )
        )
    )


def nearest(known, generated):
    """The nearest known picture of each generated one, by squared error. -> (places (M,), root mean squared error (M,))."""
    flat = [np.asarray(part, "float32").reshape(len(part), -1) for part in (known, generated)]
    distance, place = (
        NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat[0]).kneighbors(flat[1])
    )
    return place[:, 0], distance[:, 0] / math.sqrt(flat[0].shape[1])
