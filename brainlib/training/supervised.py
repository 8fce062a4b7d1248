"""Semi-supervised training of a VAE: heads that tell age and sex from the latent (seed 004's wish; Pinaya et al. 2019).

The heads read the posterior mean, and their error joins the VAE's loss where an answer is known. What is saved is the VAE,
as any other, and the heads in a file beside it.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from brainlib import files, models
from brainlib.models.outputs import outputs_of
from brainlib.models.vae import VAE

HEADS, MEANING = "heads.keras", "heads.json"


@dataclass(frozen=True)
class Meaning:
    """What the heads tell.

    Attributes:
        numbers: {name: (mean, standard deviation) of the training people}.
        pairs: {name: (word, other word)}: the head gives the log odds of the second.
        weight: factor of their loss, nats of the answers against nats of the picture.
    """

    numbers: dict
    pairs: dict
    weight: float = 1.0

    @property
    def names(self):
        return (*self.numbers, *self.pairs)

    def labels(self, values):
        """Targets (N, heads) float32 of {name: (N,) values}; NaN where a value is missing or was never trained on."""
        columns = [
            (np.asarray(values[name], float) - mean) / sd
            for name, (mean, sd) in self.numbers.items()
        ]
        for name, words in self.pairs.items():
            columns.append(
                [float(words.index(word)) if word in words else math.nan for word in values[name]]
            )
        return np.stack(columns, axis=1).astype("float32")


def meaning_of(values, *, weight=1.0):
    """The `Meaning` of training values {name: (N,) numbers, or words of two kinds}; one value a person or a slice.

    Raises:
        ValueError: nothing varies that could be learned.
    """
    numbers, pairs = {}, {}
    for name, column in values.items():
        words = sorted({value for value in column if isinstance(value, str) and value})
        if words:
            pairs |= {name: tuple(words)} if len(words) == 2 else {}
        elif np.nanstd(np.asarray(column, float)) > 0:
            numbers[name] = (
                float(np.nanmean(np.asarray(column, float))),
                float(np.nanstd(np.asarray(column, float))),
            )
    if not numbers and not pairs:
        raise ValueError(
            f"heads: expected a number that varies or two words, got none among {', '.join(values) or 'no columns'}."
        )
    return Meaning(numbers, pairs, float(weight))


def network(latent_dim, meaning, *, hidden=32, seed=0):
    """The heads: latent (B, D) -> (B, heads), a standardised number or the log odds of a word each."""
    start = [keras.initializers.GlorotUniform(seed + number) for number in range(2)]
    inputs = keras.Input((latent_dim,))
    x = layers.Dense(hidden, activation="swish", kernel_initializer=start[0])(inputs)
    return keras.Model(
        inputs, layers.Dense(len(meaning.names), kernel_initializer=start[1])(x), name="heads"
    )


class SupervisedVAE(VAE):
    """A VAE and its heads under training; the outputs are {"image", "answers"}, the layers are the VAE's own.

    Logged as `answers`: the heads' cost, nats an image, before its weight.
    """

    meaning = None

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        vae = super().compute_loss(x=x, y=y["image"], y_pred=y_pred["image"], training=training)
        cost = self.answers_cost(y["answers"], y_pred["answers"])
        self.answers_tracker.update_state(cost)
        return vae + self.meaning.weight * cost / tf.distribute.get_strategy().num_replicas_in_sync

    def answers_cost(self, labels, answers):
        """Nats an image: half the squared error of a standardised number, the cross-entropy of a pair of words."""
        answers = ops.cast(answers, "float32")  # of a network in half precision
        known, labels = ops.logical_not(ops.isnan(labels)), ops.nan_to_num(labels)
        count = len(self.meaning.numbers)
        error = 0.5 * ops.square(answers[:, :count] - labels[:, :count])
        odds = ops.softplus(answers[:, count:]) - labels[:, count:] * answers[:, count:]
        cost = ops.concatenate([error, odds], axis=1) * ops.cast(known, answers.dtype)
        return ops.sum(cost) / ops.cast(ops.shape(labels)[0], answers.dtype)


def trainee(vae, heads, meaning):
    """The model that `training.fit` trains: it shares all layers with `vae` and with `heads`."""
    if not models.is_vae(vae):
        raise ValueError(f"heads: expected a VAE, whose posterior mean they read, got {vae.name}.")
    (inputs,) = vae.inputs
    model = SupervisedVAE(
        inputs, {"image": vae.output, "answers": heads(vae.get_layer("kl").input[0])}, name=vae.name
    )
    model.meaning, model.answers_tracker = meaning, keras.metrics.Mean(name="answers")
    return model


def save(heads, meaning, folder):
    """Writes the heads and what they mean into a folder."""
    with files.whole_file(Path(folder) / HEADS) as temporary:
        heads.save(temporary)
    files.write_json(
        Path(folder) / MEANING,
        {"numbers": meaning.numbers, "pairs": meaning.pairs, "weight": meaning.weight},
    )


def load(folder):
    """(heads, meaning) of a folder."""
    told = json.loads((Path(folder) / MEANING).read_text(encoding="utf-8"))
    meaning = Meaning(
        {name: tuple(value) for name, value in told["numbers"].items()},
        {name: tuple(value) for name, value in told["pairs"].items()},
        told["weight"],
    )
    return keras.saving.load_model(Path(folder) / HEADS, compile=False), meaning


def tell(vae, heads, meaning, images, *, batch_size=64):
    """What the heads say of images (N, H, W, 1): {name: (N,) numbers, or probabilities of the second word}."""
    answers = outputs_of(heads, models.latent_of(vae, images), batch_size=batch_size).astype(
        "float64"
    )
    told = {
        name: mean + sd * answers[:, place]
        for place, (name, (mean, sd)) in enumerate(meaning.numbers.items())
    }
    return told | {
        name: 1 / (1 + np.exp(-answers[:, len(meaning.numbers) + place]))
        for place, name in enumerate(meaning.pairs)
    }
