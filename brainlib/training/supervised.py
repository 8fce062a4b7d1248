"""Semi-supervised training of a VAE: heads that predict age and sex from the latent.

It is a wish of thesis 004; see also Pinaya et al. 2019. The heads read the posterior mean, and
their error joins the VAE's loss where an answer is known. What is saved is the VAE, as any other,
and the heads in a file beside it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from brainlib import files, models
from brainlib.models.outputs import outputs_of
from brainlib.models.vae import VAE
from brainlib.training.trainer import save_model

HEADS, TARGETS = "heads.keras", "heads.json"


@dataclass(frozen=True)
class HeadTargets:
    """What the heads predict.

    Attributes:
        numbers: {name: (mean, standard deviation) of the training people}.
        pairs: {name: (word, other word)}: the head gives the log odds of the second.
        weight: factor of their loss, nats of the answers against nats of the picture.
    """

    numbers: dict[str, tuple[float, float]]
    pairs: dict[str, tuple[str, str]]
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of the heads' outputs."""
        return (*self.numbers, *self.pairs)

    def labels(self, values: dict[str, Sequence]) -> np.ndarray:
        """Targets (N, heads) float32 of {name: (N,) values}.

        NaN where a value is missing or was never trained on.
        """
        columns = []
        for name, (mean, sd) in self.numbers.items():
            columns.append((np.asarray(values[name], float) - mean) / sd)
        for name, words in self.pairs.items():
            known = [word in words for word in values[name]]
            places = [
                float(words.index(word)) if is_known else math.nan
                for word, is_known in zip(values[name], known)
            ]
            columns.append(places)
        return np.stack(columns, axis=1).astype("float32")


def head_targets(values: dict[str, Sequence], *, weight: float = 1.0) -> HeadTargets:
    """The `HeadTargets` of training values.

    Args:
        values: {name: (N,) numbers, or words of two kinds}, one value per person or per slice.
        weight: factor of the heads' loss.

    Raises:
        ValueError: nothing varies that could be learned.
    """
    numbers, pairs = {}, {}
    for name, column in values.items():
        words = sorted({value for value in column if isinstance(value, str) and value})
        if len(words) == 2:
            pairs[name] = tuple(words)
        if words:
            continue
        column = np.asarray(column, float)
        if np.nanstd(column) > 0:
            numbers[name] = (float(np.nanmean(column)), float(np.nanstd(column)))
    if not numbers and not pairs:
        raise ValueError(
            "heads: expected a number that varies or two words, got none among "
            f"{', '.join(values) or 'no columns'}."
        )
    return HeadTargets(numbers, pairs, float(weight))


def heads_network(
    latent_dim: int, targets: HeadTargets, *, hidden: int = 32, seed: int = 0
) -> keras.Model:
    """The heads: latent (B, D) -> (B, heads).

    Each output is a standardised number, or the log odds of a word.

    Args:
        latent_dim: D.
        targets: what they predict.
        hidden: width of the layer between.
        seed: of the weights.
    """
    start = [keras.initializers.GlorotUniform(seed + number) for number in range(2)]
    inputs = keras.Input((latent_dim,))
    x = layers.Dense(hidden, activation="swish", kernel_initializer=start[0])(inputs)
    outputs = layers.Dense(len(targets.names), kernel_initializer=start[1])(x)
    return keras.Model(inputs, outputs, name="heads")


class SupervisedVAE(VAE):
    """A VAE and its heads under training; the layers are the VAE's own.

    The outputs are {"image", "answers"}. Logged as `answers`: the heads' cost, nats per image,
    before its weight.
    """

    head_targets = None

    def compute_loss(
        self,
        x: tf.Tensor | None = None,
        y: dict | None = None,
        y_pred: dict | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        vae = super().compute_loss(x=x, y=y["image"], y_pred=y_pred["image"], training=training)
        cost = self.answers_cost(y["answers"], y_pred["answers"])
        self.answers_tracker.update_state(cost)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return vae + self.head_targets.weight * cost / replicas

    def answers_cost(self, labels: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
        """Nats per image, a scalar: the mean over the batch. Unknown labels (NaN) cost nothing.

        Half the squared error of a standardised number, the cross-entropy of a pair of words.
        """
        answers = ops.cast(answers, "float32")  # of a network in half precision
        known, labels = ops.logical_not(ops.isnan(labels)), ops.nan_to_num(labels)
        count = len(self.head_targets.numbers)
        error = 0.5 * ops.square(answers[:, :count] - labels[:, :count])
        odds = ops.softplus(answers[:, count:]) - labels[:, count:] * answers[:, count:]
        cost = ops.concatenate([error, odds], axis=1) * ops.cast(known, answers.dtype)
        return ops.sum(cost) / ops.cast(ops.shape(labels)[0], answers.dtype)


def with_heads(vae: keras.Model, heads: keras.Model, targets: HeadTargets) -> SupervisedVAE:
    """The model that `training.fit` trains: it shares all layers with `vae` and with `heads`.

    Raises:
        ValueError: the model is no VAE.
    """
    if not models.is_vae(vae):
        raise ValueError(f"heads: expected a VAE, whose posterior mean they read, got {vae.name}.")
    (inputs,) = vae.inputs
    outputs = {"image": vae.output, "answers": heads(vae.get_layer("kl").input[0])}
    model = SupervisedVAE(inputs, outputs, name=vae.name)
    model.head_targets = targets
    model.answers_tracker = keras.metrics.Mean(name="answers")
    return model


def save_heads(heads: keras.Model, targets: HeadTargets, folder: Path | str) -> None:
    """Writes the heads and what they predict into a folder."""
    save_model(heads, Path(folder) / HEADS)
    files.write_json(Path(folder) / TARGETS, asdict(targets))


def load_heads(folder: Path | str) -> tuple[keras.Model, HeadTargets]:
    """(heads, what they predict) of a folder."""
    stored = json.loads((Path(folder) / TARGETS).read_text(encoding="utf-8"))
    targets = HeadTargets(
        {name: tuple(value) for name, value in stored["numbers"].items()},
        {name: tuple(value) for name, value in stored["pairs"].items()},
        stored["weight"],
    )
    return models.load(Path(folder) / HEADS), targets


def predict(
    vae: keras.Model,
    heads: keras.Model,
    targets: HeadTargets,
    images: np.ndarray,
    *,
    batch_size: int = 64,
) -> dict[str, np.ndarray]:
    """What the heads predict of images (N, H, W, 1).

    Returns:
        {name: (N,) numbers, or probabilities of the second word}.
    """
    latent = models.latent_of(vae, images)
    answers = outputs_of(heads, latent, batch_size=batch_size).astype("float64")
    columns = dict(zip(targets.names, answers.T))
    predicted = {}
    for name, (mean, sd) in targets.numbers.items():
        predicted[name] = mean + sd * columns[name]
    for name in targets.pairs:
        predicted[name] = 1 / (1 + np.exp(-columns[name]))
    return predicted
